#include "tcp/reassembly.h"

#include <stdlib.h>
#include <string.h>

#include "base/seq.h"
#include "base/text.h"
#include "base/tree.h"

/* Out-of-order bytes kept, until the hole before them is filled or known to be lost. */
struct tcp_pending {
    struct tree_node node; /* by sequence number; of the same, by arrival */
    struct tcp_chunk chunk; /* chunk.bytes points to `bytes`; chunk.length on the wire */
    uint32_t captured;
    uint8_t bytes[];
};

struct tcp_holes {
    struct tree_node *root;    /* of runs */
    struct tcp_pending *first; /* NULL: none waits */
    uint32_t runs;
    /* The first segment of the other end that acknowledged bytes beyond deliver_nxt. frame 0: none. */
    int64_t gap_ts_ns;
    uint32_t gap_frame, gap_ack;
    bool gap_confirmed; /* the end's last segment lay behind it */
    bool before_capture; /* the first hole: bytes that passed before the capture began, or were overtaken */
    uint16_t gap_capture;
};

/* A capture that takes packets from several queues (network cards with one for each core) may write an ACK, or an answer,
 * before the data that it acknowledges, by microseconds; two recorders put together, by what their clocks differ: NTP keeps
 * hosts of one network within some milliseconds. So long a hole is not given up, and an answer waits for its request. */
#define CAPTURE_DISORDER_NS (20 * NS_PER_MS)

/* Whatever waits, waits no longer, whenever that was: a file may say that a packet came in any year. */
#define NO_MORE_WAITING_NS INT64_MAX

/* Have bytes that the other end acknowledged been missing for long enough? */
static bool is_given_up(const struct tcp_end *end, int64_t now_ns)
{
    return end->holes == NULL || end->holes->gap_frame == 0 || now_ns == NO_MORE_WAITING_NS ||
           now_ns - end->holes->gap_ts_ns >= CAPTURE_DISORDER_NS;
}

/* NULL: no memory. */
static struct tcp_holes *holes_of(struct tcp_end *end, struct tcp_budget *budget)
{
    if (end->holes == NULL) {
        end->holes = calloc(1, sizeof *end->holes);
        budget->failed |= end->holes == NULL;
    }
    return end->holes;
}

static struct tcp_pending *pending_of(struct tree_node *node)
{
    return (struct tcp_pending *)node; /* its first member */
}

static bool comes_before(const struct tree_node *a, const struct tree_node *b)
{
    const struct tcp_pending *x = (const struct tcp_pending *)a, *y = (const struct tcp_pending *)b;
    return seq_lt(x->chunk.seq, y->chunk.seq);
}

/* The first run that waits, or NULL. */
static struct tcp_pending *first_pending(const struct tcp_end *end)
{
    return end->holes != NULL ? end->holes->first : NULL;
}

void reassembly_note_gap(struct tcp_end *end, const struct segment *s, uint32_t seq, struct tcp_budget *budget)
{
    struct tcp_holes *holes = holes_of(end, budget);
    if (holes == NULL || holes->gap_frame != 0)
        return;
    holes->gap_ts_ns = s->ts_ns;
    holes->gap_frame = s->frame;
    holes->gap_capture = s->capture;
    holes->gap_ack = seq;
    holes->gap_confirmed = false;
}

void reassembly_joins(struct tcp_end *end, uint32_t seq, struct tcp_budget *budget)
{
    struct tcp_holes *holes = holes_of(end, budget);
    if (holes == NULL)
        return;
    holes->before_capture = true;
    end->isn = seq - 1;
    end->deliver_nxt = seq;
}

void reassembly_confirm_gap(struct tcp_end *end, uint32_t seq)
{
    if (end->holes->gap_frame != 0)
        end->holes->gap_confirmed = seq_leq(end->holes->gap_ack, seq + 1); /* a keep-alive probe repeats the last number */
}

static void hand_on(struct tcp_conn *conn, unsigned from, const struct tcp_chunk *chunk,
                    const struct tcp_sink *sink)
{
    struct tcp_end *end = &conn->end[from];
    if (chunk->bytes == NULL)
        end->lost_bytes += chunk->length;
    end->payload_bytes += chunk->length;
    end->deliver_nxt = chunk->seq + chunk->length;
    if (end->holes != NULL && seq_leq(end->holes->gap_ack, end->deliver_nxt))
        end->holes->gap_frame = 0;
    sink->data(sink->context, conn, from, chunk);
}

/* A run of bytes of which the first `captured` were kept, less what was handed on before. */
static void hand_on_run(struct tcp_conn *conn, unsigned from, struct tcp_chunk chunk,
                        uint32_t captured, const struct tcp_sink *sink)
{
    uint32_t old = conn->end[from].deliver_nxt - chunk.seq;
    uint32_t end_seq = chunk.seq + chunk.length;
    if (captured > old) {
        struct tcp_chunk part = chunk;
        part.bytes += old;
        part.length = captured - old;
        part.seq += old;
        hand_on(conn, from, &part, sink);
    }
    uint32_t missing = end_seq - conn->end[from].deliver_nxt;
    if (missing > 0) {
        struct tcp_chunk gap = chunk;
        gap.bytes = NULL;
        gap.seq = conn->end[from].deliver_nxt;
        gap.length = missing;
        gap.cut = true;
        hand_on(conn, from, &gap, sink);
    }
}

/* Bytes that were not captured, up to seq. They were sent before the segment that shows it, and before
 * the other end acknowledged them. */
static void gap_until(struct tcp_conn *conn, unsigned from, uint32_t seq,
                      const struct tcp_chunk *shown_by, const struct tcp_sink *sink)
{
    struct tcp_end *end = &conn->end[from];
    struct tcp_holes *holes = end->holes;
    if (holes != NULL && holes->before_capture) {
        holes->before_capture = false;
        end->deliver_nxt = seq;
        if (seq_leq(holes->gap_ack, seq))
            holes->gap_frame = 0;
        return;
    }
    bool acked_before = holes != NULL && holes->gap_frame != 0 &&
                        holes->gap_ts_ns < shown_by->ts_ns;
    struct tcp_chunk gap = {
        .seq = end->deliver_nxt,
        .length = seq - end->deliver_nxt,
        .ts_ns = acked_before ? holes->gap_ts_ns : shown_by->ts_ns,
        .frame = acked_before ? holes->gap_frame : shown_by->frame,
        .capture = acked_before ? holes->gap_capture : shown_by->capture,
    };
    hand_on(conn, from, &gap, sink);
}

/* Holes cost header prediction: once they are filled, they go. */
static void forget_holes(struct tcp_end *end)
{
    if (end->holes == NULL || end->holes->first != NULL || end->holes->gap_frame != 0)
        return;
    free(end->holes);
    end->holes = NULL;
}

/* What a run costs, even one of which the snap length left nothing. */
static uint32_t cost_of(uint32_t captured)
{
    return (uint32_t)sizeof(struct tcp_pending) + captured;
}

static void drop_first(struct tcp_conn *conn, unsigned from, struct tcp_budget *budget)
{
    struct tcp_holes *holes = conn->end[from].holes;
    struct tcp_pending *first = holes->first;
    struct tree_node *taken, *left;
    holes->root = tree_take_first(holes->root, &taken);
    for (left = holes->root; left != NULL && left->left != NULL;)
        left = left->left;
    holes->first = pending_of(left);
    holes->runs--;
    conn->pending_bytes -= cost_of(first->captured);
    budget->bytes -= cost_of(first->captured);
    free(first);
}

/* Does a run of this end acknowledge bytes of the other that have not been captured, but may come? Then it answers them,
 * whatever the clock says. */
static bool answers_ahead(const struct tcp_conn *conn, unsigned from, uint32_t ack, int64_t now_ns)
{
    const struct tcp_end *peer = &conn->end[!from];
    return ack != 0 && peer->holes != NULL && peer->holes->gap_frame != 0 && seq_lt(peer->deliver_nxt, ack) &&
           !is_given_up(peer, now_ns);
}

/* `answer` of the other end has waited in vain for bytes of this one that it acknowledges, and that this one went on behind: they were
 * not captured, and come first. (One alone may be a FIN's number.) */
static void gap_answered(struct tcp_conn *conn, unsigned from, const struct tcp_chunk *answer, const struct tcp_sink *sink)
{
    const struct tcp_end *end = &conn->end[from];
    if (end->holes == NULL || end->holes->gap_frame == 0 || !end->holes->gap_confirmed || answer->ack == 0 || !seq_lt(end->deliver_nxt + 1, answer->ack))
        return;
    const struct tcp_pending *first = first_pending(end);
    if (first == NULL || seq_leq(answer->ack, first->chunk.seq))
        gap_until(conn, from, answer->ack, answer, sink);
}

/* Hands on waiting runs that have become the next ones. */
static void drain(struct tcp_conn *conn, unsigned from, int64_t now_ns, struct tcp_budget *budget,
                  const struct tcp_sink *sink)
{
    struct tcp_end *end = &conn->end[from];
    const struct tcp_pending *first;
    while ((first = first_pending(end)) != NULL && seq_leq(first->chunk.seq, end->deliver_nxt) &&
           !answers_ahead(conn, from, first->chunk.ack, now_ns)) {
        gap_answered(conn, !from, &first->chunk, sink);
        if (seq_lt(end->deliver_nxt, first->chunk.seq + first->chunk.length))
            hand_on_run(conn, from, first->chunk, first->captured, sink);
        drop_first(conn, from, budget);
    }
}

/* Copies a run behind a hole. Runs may overlap; they are trimmed when handed on. */
static bool keep(struct tcp_conn *conn, unsigned from, const struct tcp_chunk *chunk,
                 uint32_t captured, struct tcp_budget *budget)
{
    budget->exhausted |= budget->bytes + cost_of(captured) > budget->max_bytes;
    if (conn->pending_bytes + cost_of(captured) > budget->max_conn_bytes ||
        budget->bytes + cost_of(captured) > budget->max_bytes)
        return false;
    struct tcp_holes *holes = holes_of(&conn->end[from], budget);
    if (holes == NULL || holes->runs == TCP_MAX_PENDING_RUNS)
        return false;
    const struct tcp_pending wanted = { .chunk = *chunk }, *before = pending_of(tree_at_most(holes->root, &wanted.node, comes_before));
    if (before != NULL && before->chunk.seq == chunk->seq && before->chunk.length >= chunk->length)
        return true; /* the same again: of those that begin there, each is longer than the one before */
    struct tcp_pending *run = malloc(sizeof *run + captured);
    budget->failed |= run == NULL;
    if (run == NULL)
        return false;
    run->chunk = *chunk;
    run->captured = captured;
    memcpy(run->bytes, chunk->bytes, captured);
    run->chunk.bytes = run->bytes;
    holes->root = tree_insert(holes->root, &run->node, comes_before);
    if (before == NULL)
        holes->first = run;
    holes->runs++;
    conn->pending_bytes += cost_of(captured);
    budget->bytes += cost_of(captured);
    return true;
}

/* What passes this soon after a later segment of its end, with nothing from the other end in between, was overtaken by that in the
 * capture's queues, as is said below of mixed up ones. A timer that repeats a segment which was lost may fire as soon after a later
 * one: by chance, in one of a thousand of the 200 ms that the shortest takes (RFC 6298; Linux' TCP_RTO_MIN). */
#define OVERTAKEN_NS (200 * NS_PER_US)

static bool is_overtaken(const struct tcp_end *end, const struct tcp_end *other, const struct segment *s)
{
    uint32_t now_us = (uint32_t)(uint64_t)(s->ts_ns / 1000);
    return end->segments > 0 && now_us - end->last_ts_us <= OVERTAKEN_NS / 1000 &&
           (other->segments == 0 || (int32_t)(other->last_ts_us - end->last_ts_us) < 0);
}

unsigned reassembly_input(struct tcp_conn *conn, unsigned from, const struct segment *segment,
                          uint32_t seq, struct tcp_budget *budget, const struct tcp_sink *sink)
{
    struct tcp_end *end = &conn->end[from];
    const struct tcp_end *other = &conn->end[!from];
    /* In the middle of a connection, an ACK alone was captured first, and what is sent again now had not arrived before. */
    if (!end->syn_seen && end->payload_bytes == 0 && seq_lt(seq, end->deliver_nxt) && other->ack_known && seq_leq(other->ack, seq))
        end->deliver_nxt = seq;
    /* If a later byte was sent before, this may be a repetition of a segment that was not captured, and what
     * its sender knew then is not known; but what it does not know now, it did not know then, and what it knew
     * before it had sent the first of these bytes, it knew then. */
    bool again = seq_lt(seq, end->max_seq) && !is_overtaken(end, other, segment) &&
                 !(other->fin_seen && seq_leq(segment->ack, other->fin_seq)) &&
                 !(end->fin_received && seq_leq(end->fin_acked_at, seq) && segment->ack == other->fin_seq + 1);
    struct tcp_chunk chunk = {
        .bytes = segment->payload,
        .length = segment->payload_len,
        .seq = seq,
        .ack = again ? 0 : segment->ack,
        .ts_ns = segment->ts_ns,
        .frame = segment->frame,
        .capture = segment->capture,
    };
    if (seq_leq(seq + chunk.length, end->deliver_nxt))
        return TCP_NOTE_RETRANSMISSION;
    unsigned notes = TCP_NOTE_DATA;
    if (seq_lt(end->deliver_nxt, seq)) {
        const struct tcp_end *peer = &conn->end[!from];
        bool hole_acked = peer->ack_known && seq_leq(seq, peer->ack) &&
                          is_given_up(end, segment->ts_ns);
        if (!hole_acked && keep(conn, from, &chunk, segment->payload_caplen, budget))
            return notes;
        if (!hole_acked)
            budget->limited++;
        /* Runs that wait before this one come first. */
        const struct tcp_pending *first;
        while ((first = first_pending(end)) != NULL && seq_lt(first->chunk.seq, seq)) {
            if (seq_lt(end->deliver_nxt, first->chunk.seq))
                gap_until(conn, from, first->chunk.seq, &chunk, sink);
            drain(conn, from, NO_MORE_WAITING_NS, budget, sink);
        }
        if (seq_lt(end->deliver_nxt, seq))
            gap_until(conn, from, seq, &chunk, sink);
    }
    if (answers_ahead(conn, from, chunk.ack, segment->ts_ns) && keep(conn, from, &chunk, segment->payload_caplen, budget))
        return notes;
    if (seq_lt(end->deliver_nxt, seq + chunk.length))
        hand_on_run(conn, from, chunk, segment->payload_caplen, sink);
    drain(conn, from, segment->ts_ns, budget, sink);
    forget_holes(end);
    if (conn->end[!from].holes != NULL) { /* what answers these bytes */
        drain(conn, !from, segment->ts_ns, budget, sink);
        forget_holes(&conn->end[!from]);
    }
    return notes;
}

void reassembly_acked(struct tcp_conn *conn, unsigned from, uint32_t ack, int64_t now_ns,
                      struct tcp_budget *budget, const struct tcp_sink *sink)
{
    struct tcp_end *end = &conn->end[from];
    if (!is_given_up(end, now_ns))
        return;
    const struct tcp_pending *first;
    while ((first = first_pending(end)) != NULL &&
           seq_leq(first->chunk.seq + first->chunk.length, ack) && !answers_ahead(conn, from, first->chunk.ack, now_ns)) {
        if (seq_lt(end->deliver_nxt, first->chunk.seq))
            gap_until(conn, from, first->chunk.seq, &first->chunk, sink);
        drain(conn, from, now_ns, budget, sink);
    }
}

bool reassembly_shown_by(const struct tcp_end *end, struct tcp_shown *shown_by)
{
    const struct tcp_holes *holes = end->holes;
    if (holes == NULL || holes->gap_frame == 0 || holes->first != NULL)
        return false;
    *shown_by = (struct tcp_shown){ holes->gap_ts_ns, holes->gap_frame, holes->gap_capture };
    return true;
}

void reassembly_forget_gap(struct tcp_end *end)
{
    end->holes->gap_frame = 0;
    forget_holes(end);
}

void reassembly_tick(struct tcp_conn *conn, int64_t now_ns, struct tcp_budget *budget, const struct tcp_sink *sink)
{
    for (unsigned from = 0; from < 2; from++) {
        drain(conn, from, now_ns, budget, sink);
        forget_holes(&conn->end[from]);
    }
}

void reassembly_flush(struct tcp_conn *conn, unsigned from, int64_t last_ns,
                      struct tcp_budget *budget, const struct tcp_sink *sink)
{
    struct tcp_end *end = &conn->end[from];
    const struct tcp_end *peer = &conn->end[!from];
    const struct tcp_pending *first;
    while ((first = first_pending(end)) != NULL) {
        if (seq_lt(end->deliver_nxt, first->chunk.seq))
            gap_until(conn, from, first->chunk.seq, &first->chunk, sink);
        drain(conn, from, NO_MORE_WAITING_NS, budget, sink);
    }
    /* Bytes below the FIN, or acknowledged, existed even if none of them was captured. */
    uint32_t last = end->deliver_nxt;
    if (end->fin_seen)
        last = seq_max(last, end->fin_seq);
    if (peer->ack_known && end->base_known)
        last = seq_max(last, end->fin_seen && seq_lt(end->fin_seq, peer->ack) ? end->fin_seq
                                                                              : peer->ack);
    /* An abort carries the sender's next sequence number. */
    bool aborted = end->resets > 0 && end->rst_kind == TCP_RESET_ABORTING;
    if (aborted && end->base_known)
        last = seq_max(last, end->fin_seen && seq_lt(end->fin_seq, end->rst_seq) ? end->fin_seq
                                                                                 : end->rst_seq);
    if (seq_lt(end->deliver_nxt, last)) {
        struct tcp_chunk shown_by = { .ts_ns = last_ns };
        gap_until(conn, from, last, &shown_by, sink);
    }
    free(end->holes);
    end->holes = NULL;
}
