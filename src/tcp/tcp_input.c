#include "tcp/tcp_conn.h"

#include <string.h>

#include "base/seq.h"
#include "base/text.h"
#include "tcp/reassembly.h"

/* The same packet seen by a mirror port or on two interfaces of one host comes again within this
 * time; a retransmission takes at least the sender's shortest timeout (RFC 6298 asks for 1 s, Linux
 * uses 200 ms) or three duplicate ACKs, and has another IP ID. */
#define DUPLICATE_WITHIN_NS (10 * NS_PER_MS)

/* A reset that a process' end sends may overtake its last bytes by so much, in the host's queues or the capture's: microseconds
 * have been seen. An end that goes on has acknowledgements to wait for. */
#define OVERTAKEN_NS (2 * NS_PER_MS)

/* Nothing is sent again sooner (RFC 6298 says 1 s, Linux' TCP_RTO_MIN is 200 ms), and that no segment is overtaken by as much is a
 * rule of thumb. */
#define LEAST_RETRANSMISSION_NS (200 * NS_PER_MS)

/* How many packets a copy may lag behind. */
#define LATE_COPY_PACKETS 64

/* How far a reset's sequence number may lie from the sender's next one: segments before it may be
 * missing in the capture, or may be behind it after a retransmission. */
#define RESET_SEQ_SLACK (1 << 20)

static void step(struct tcp_end *end, enum tcp_event event)
{
    end->state = (uint8_t)tcp_state_after((enum tcp_state)end->state, event);
}

void tcp_conn_init(struct tcp_conn *conn, const struct segment *segment, uint32_t hash)
{
    tcp_tuple_of(&conn->tuple, segment);
    conn->hash = hash;
    conn->first_ns = conn->last_ns = segment->ts_ns;
    bool from_start = segment->flags & TCP_SYN;
    for (int i = 0; i < 2; i++) {
        conn->end[i].window_scale = -1;
        conn->end[i].state = from_start ? TCP_CLOSED : TCP_UNKNOWN;
    }
}

static uint32_t microseconds(int64_t ns)
{
    return (uint32_t)((uint64_t)ns / 1000);
}

/* Within the time in which copies come. (Or that time after a multiple of 71 minutes: who sends the
 * same segment again then, with the same IP ID, has lost nothing.) */
static bool is_soon(const struct tcp_end *end, const struct segment *s)
{
    return (int32_t)(microseconds(s->ts_ns) - end->last_ts_us) < DUPLICATE_WITHIN_NS / 1000;
}

static bool is_duplicate(const struct tcp_end *end, const struct segment *s)
{
    return end->segments > 0 && end->last_seq == s->seq && end->last_ack == s->ack &&
           end->last_len == s->payload_len && end->last_flags == s->flags &&
           end->last_ip_id == s->ip_id && end->window == s->window &&
           is_soon(end, s) &&
           (s->payload_len > 0 || s->flags & (TCP_SYN | TCP_FIN | TCP_RST));
}

/* Copies of a burst come interleaved with it. A sender numbers its packets upwards (IPv4 identification),
 * retransmissions too: one that brings nothing new, with a number already passed, was captured before. (One
 * that was overtaken has such a number, too, but fills a hole.) */
static bool is_late_copy(const struct tcp_end *end, const struct segment *s)
{
    int16_t distance = (int16_t)(s->ip_id - end->newest_ip_id);
    uint32_t end_seq = s->seq + s->payload_len + ((s->flags & (TCP_SYN | TCP_FIN)) != 0);
    return end->segments > 0 && s->ip_id != 0 && distance <= 0 && distance > -LATE_COPY_PACKETS &&
           end->base_known && end_seq != s->seq && seq_leq(end_seq, end->snd_nxt) &&
           (s->payload_len == 0 || seq_leq(s->seq + s->payload_len, end->deliver_nxt)) &&
           is_soon(end, s);
}

static void set_base(struct tcp_end *end, uint32_t isn)
{
    end->base_known = true;
    end->isn = isn;
    end->snd_nxt = end->data_end = end->deliver_nxt = isn + 1;
}

static enum tcp_reset_kind classify_reset(const struct tcp_end *end, const struct tcp_end *peer,
                                          const struct segment *s)
{
    bool has_ack = s->flags & TCP_ACK;
    if (!end->syn_seen && peer->syn_seen && has_ack && peer->data_segments == 0 &&
        end->data_segments == 0 && s->ack == peer->isn + 1)
        return TCP_RESET_REFUSING;
    if (has_ack) {
        if (!end->base_known || (peer->segments > 0 && s->seq == peer->last_ack)) /* what came before may not be captured */
            return TCP_RESET_ABORTING;
        int32_t distance = seq_diff(s->seq, end->snd_nxt);
        return distance >= -RESET_SEQ_SLACK && distance <= RESET_SEQ_SLACK ? TCP_RESET_ABORTING
                                                                          : TCP_RESET_FOREIGN;
    }
    if (peer->segments > 0 && s->seq == peer->last_ack)
        return TCP_RESET_ANSWERING;
    /* Ahead of what was seen: behind bytes, or a FIN, that were not captured? If not, its end goes on. */
    if (end->base_known && (seq_leq(s->seq, tcp_first_seq(end)) ||
                            seq_diff(s->seq, end->snd_nxt) > RESET_SEQ_SLACK))
        return TCP_RESET_FOREIGN;
    if (end->base_known && seq_lt(end->snd_nxt, s->seq))
        return TCP_RESET_ANSWERING;
    /* Some stacks and load balancers abort without the ACK flag, at the next sequence number. */
    return !peer->ack_known || seq_leq(s->seq, peer->ack) ? TCP_RESET_ANSWERING
                                                          : TCP_RESET_ABORTING;
}

/* An end that goes on after its reset did not send that reset: somebody on the path did. */
static unsigned disown_reset(struct tcp_end *end, struct tcp_end *peer, const struct segment *s)
{
    if (end->rst_kind == TCP_RESET_FOREIGN)
        end->went_on |= !(s->flags & TCP_RST);
    if (end->rst_kind == TCP_RESET_NONE || end->rst_kind == TCP_RESET_FOREIGN)
        return 0;
    bool more = s->payload_len > 0 || (s->flags & TCP_FIN && end->rst_kind == TCP_RESET_ABORTING &&
                                       !end->fin_seen);
    /* With other numbers, and without an ACK, another connection is opened. */
    bool opens = s->flags & TCP_SYN && (end->base_known ? s->seq == end->isn : (s->flags & TCP_ACK) != 0);
    /* What lies below its FIN was sent before that, and overtaken on its way. */
    bool overtaken = end->fin_seen && seq_lt(s->seq, end->fin_seq);
    bool goes_on = opens || (more && !overtaken && end->base_known && seq_leq(end->rst_seq, s->seq) &&
                                          seq_leq(end->data_end, s->seq));
    /* A reset whose number lies ahead, and its end goes on below it, later and without a hole. */
    bool ahead = end->base_known && more && s->seq == end->snd_nxt && seq_lt(s->seq, end->rst_seq) &&
                 (int32_t)(microseconds(s->ts_ns) - end->rst_ts_us) > DUPLICATE_WITHIN_NS / 1000;
    /* What it sends again, or a FIN, when nothing can have been overtaken any more: a kernel that has reset has nothing left. */
    bool again = end->base_known && (s->payload_len > 0 || s->flags & TCP_FIN) && seq_leq(tcp_first_seq(end), s->seq) &&
                 seq_leq(s->seq, end->snd_nxt) &&
                 (int32_t)(microseconds(s->ts_ns) - end->rst_ts_us) > LEAST_RETRANSMISSION_NS / 1000;
    if (!goes_on && !ahead && !again)
        return 0;
    end->rst_kind = TCP_RESET_FOREIGN;
    end->went_on = true;
    end->state = end->state_before_rst[0];
    peer->state = end->state_before_rst[1];
    return TCP_NOTE_RST_DISOWNED;
}

static unsigned take_reset(struct tcp_end *end, struct tcp_end *peer, const struct segment *s)
{
    enum tcp_reset_kind kind = classify_reset(end, peer, s);
    unsigned notes = TCP_NOTE_RST;
    bool first = end->resets == 0;
    end->resets += end->resets < UINT16_MAX;
    if (first || end->rst_kind == TCP_RESET_FOREIGN) {
        notes |= TCP_NOTE_RST_FITS;
        end->rst_kind = (uint8_t)kind;
        end->went_on &= !first;
        end->rst_seq = s->seq;
        end->rst_ts_us = microseconds(s->ts_ns);
        end->rst_ack = s->ack;
        end->state_before_rst[0] = end->state;
        end->state_before_rst[1] = peer->state;
    }
    if (s->flags & TCP_ACK && kind == TCP_RESET_ABORTING &&
        (!end->ack_known || seq_lt(end->ack, s->ack))) {
        end->ack = s->ack;
        end->ack_known = true;
    }
    if (kind != TCP_RESET_FOREIGN)
        end->state = peer->state = TCP_CLOSED;
    return notes;
}

static void count_up(uint8_t *counter)
{
    *counter += *counter < UINT8_MAX;
}

static unsigned take_syn(struct tcp_end *end, struct tcp_end *peer, const struct segment *s)
{
    bool syn_ack = s->flags & TCP_ACK;
    /* A SYN-ACK for another SYN (an old one, or a forged one) opens nothing. */
    if (syn_ack && peer->syn_seen &&
        (seq_leq(s->ack, peer->isn) || seq_lt(peer->snd_nxt, s->ack)))
        return TCP_NOTE_STRANGE;
    /* Until one is acknowledged, a second SYN-ACK may be the true one. */
    bool another = syn_ack && end->syn_seen && end->isn != s->seq && peer->state == TCP_SYN_SENT;
    end->window_scale = s->window_scale;
    count_up(&end->syns);
    /* Not where a device on the path answers with numbers of its own (Fast Open through a proxy). */
    bool answered = peer->ack_known && peer->ack == end->isn + 1 && s->seq == end->isn;
    if (syn_ack && end->syn_seen && answered && peer->data_segments > 0 &&
        end->data_segments == 0 && seq_leq(end->ack, peer->isn + 1))
        count_up(&end->syns_after_data);
    if (another)
        set_base(end, s->seq);
    if (end->syn_seen) {
        end->retransmitted++;
        return TCP_NOTE_RETRANSMISSION;
    }
    end->syn_seen = true;
    set_base(end, s->seq);
    if (syn_ack && !peer->base_known) /* its SYN was not captured, but here is its number */
        set_base(peer, s->ack - 1);
    step(end, s->flags & TCP_ACK ? TCP_EV_RCV_SYN : TCP_EV_SND_SYN);
    return TCP_NOTE_SYN;
}

/* The first segment of an end whose SYN was not captured. More than a usual window ahead of what the other end waits for, that has
 * not been waiting for it. */
static void join(struct tcp_end *end, const struct tcp_end *peer, const struct segment *s, struct tcp_budget *budget)
{
    enum { USUAL_WINDOW = 65535 };
    set_base(end, s->seq - 1);
    if (s->payload_len > 0 && peer->ack_known && seq_lt(peer->ack, s->seq) && s->seq - peer->ack <= USUAL_WINDOW)
        reassembly_joins(end, peer->ack, budget);
}

/* An end that was never seen starting, or whose SYN-ACK was not captured, is established once it
 * acknowledges something. */
static void adopt(struct tcp_end *end)
{
    if (end->state == TCP_UNKNOWN || (end->state == TCP_CLOSED && !end->syn_seen && !end->resets))
        end->state = TCP_ESTABLISHED;
}

static unsigned take_ack(struct tcp_conn *conn, unsigned from, const struct segment *s,
                         struct tcp_budget *budget, const struct tcp_sink *sink)
{
    struct tcp_end *end = &conn->end[from], *peer = &conn->end[!from];
    if (peer->base_known) {
        int32_t beyond = seq_diff(s->ack, peer->snd_nxt);
        if (beyond > TCP_SANE_DISTANCE || beyond < -TCP_SANE_DISTANCE)
            return TCP_NOTE_STRANGE;
    }
    unsigned notes = 0;
    bool advanced = !end->ack_known || seq_lt(end->ack, s->ack);
    bool synchronised = !(s->flags & TCP_SYN);
    if (advanced) {
        end->ack = s->ack;
        end->ack_known = true;
    }
    if (peer->syn_seen && seq_lt(peer->isn, s->ack)) {
        if (end->state == TCP_SYN_SENT && peer->state == TCP_SYN_RECEIVED)
            notes |= TCP_NOTE_HANDSHAKE_DONE;
        step(end, TCP_EV_RCV_SYN_ACK);
        step(peer, TCP_EV_RCV_ACK_OF_SYN);
    } else if (synchronised && end->state == TCP_SYN_SENT && !peer->syn_seen) {
        step(end, TCP_EV_RCV_SYN_ACK); /* the SYN-ACK was not captured */
    }
    if (synchronised) {
        adopt(end);
        adopt(peer);
    }
    if (peer->fin_seen && seq_lt(peer->fin_seq, s->ack)) {
        if (!end->fin_received) {
            bool empty = s->payload_len == 0 && !(s->flags & (TCP_SYN | TCP_FIN)) && s->seq == end->snd_nxt;
            end->fin_acked_at = empty ? s->seq : s->seq + TCP_SANE_DISTANCE;
            notes |= TCP_NOTE_ACK_OF_FIN;
        }
        end->fin_received = true;
        step(end, TCP_EV_RCV_FIN);
        step(peer, TCP_EV_RCV_ACK_OF_FIN);
    }
    uint32_t sent = peer->fin_seen && seq_lt(peer->fin_seq, s->ack) ? peer->fin_seq : s->ack;
    if (peer->base_known && seq_lt(peer->deliver_nxt, sent))
        reassembly_note_gap(peer, s, sent, budget);
    if (peer->holes != NULL)
        reassembly_acked(conn, !from, end->ack, s->ts_ns, budget, sink);
    return notes;
}

static unsigned take_payload(struct tcp_conn *conn, unsigned from, const struct segment *s,
                             uint32_t seq, struct tcp_budget *budget, const struct tcp_sink *sink)
{
    struct tcp_end *end = &conn->end[from];
    uint32_t end_seq = seq + s->payload_len;
    bool probe = s->payload_len <= 1 && seq + 1 == end->snd_nxt && !(s->flags & TCP_FIN);
    if (probe) {
        end->keep_alive_probes += end->keep_alive_probes < UINT16_MAX;
        return TCP_NOTE_KEEP_ALIVE;
    }
    if (s->payload_len == 0)
        return 0;
    unsigned notes = 0;
    end->data_segments++;
    end->data_ack = s->ack;
    const struct tcp_end *peer = &conn->end[!from];
    if (peer->ack_known && seq == peer->ack && seq_lt(seq, end->snd_nxt))
        count_up(&end->repeats);
    if (seq_lt(seq, end->snd_nxt) && seq_lt(seq, end->data_end)) {
        /* Below what was sent already: it fills a hole, or it was sent before. */
        notes = seq_lt(end->deliver_nxt, end_seq) ? TCP_NOTE_OUT_OF_ORDER
                                                  : TCP_NOTE_RETRANSMISSION;
    }
    if (seq_lt(end->data_end, end_seq)) {
        end->data_end = end_seq;
        end->snd_nxt = seq_max(end->snd_nxt, end_seq);
    }
    notes |= reassembly_input(conn, from, s, seq, budget, sink);
    end->data_again = (notes & TCP_NOTE_RETRANSMISSION) != 0;
    end->out_of_order += notes & TCP_NOTE_OUT_OF_ORDER && end->out_of_order < UINT16_MAX;
    end->retransmitted += (notes & TCP_NOTE_RETRANSMISSION) != 0;
    return notes;
}

static unsigned take_fin(struct tcp_end *end, struct tcp_end *peer, const struct segment *s,
                         uint32_t fin_seq)
{
    if (end->fin_seen) {
        end->retransmitted += s->payload_len == 0;
        return TCP_NOTE_RETRANSMISSION;
    }
    end->fin_seen = true;
    end->fin_seq = fin_seq;
    end->fin_ack = s->flags & TCP_ACK ? s->ack : end->ack;
    end->snd_nxt = seq_max(end->snd_nxt, fin_seq + 1);
    step(end, TCP_EV_SND_FIN);
    if (peer->ack_known && seq_lt(fin_seq, peer->ack)) { /* its ACK was captured before it */
        peer->fin_received = true;
        step(peer, TCP_EV_RCV_FIN);
        step(end, TCP_EV_RCV_ACK_OF_FIN);
    }
    return TCP_NOTE_FIN;
}

static unsigned take_window(struct tcp_end *end, const struct segment *s)
{
    if (s->flags & TCP_ACK && seq_lt(s->ack, end->ack))
        return 0; /* overtaken by a later one: its window is an old one (RFC 9293 section 3.10.7.4: SND.WL2) */
    bool now_zero = s->window == 0 && end->window != 0 && !(s->flags & (TCP_SYN | TCP_FIN));
    end->window = s->window;
    end->zero_windows += now_zero && end->zero_windows < UINT16_MAX;
    return now_zero ? TCP_NOTE_ZERO_WINDOW : 0;
}

static void remember(struct tcp_conn *conn, struct tcp_end *end, const struct segment *s)
{
    if (s->ts_ns > conn->last_ns)
        conn->last_ns = s->ts_ns;
    if (end->segments == 0 || (int16_t)(s->ip_id - end->newest_ip_id) > 0)
        end->newest_ip_id = s->ip_id;
    if (end->segments++ == 0 || seq_lt(end->max_seq, s->seq))
        end->max_seq = s->seq;
    end->last_seq = s->seq;
    end->last_ack = s->ack;
    end->last_len = s->payload_len;
    end->last_flags = s->flags;
    end->last_ip_id = s->ip_id;
    end->last_ts_us = microseconds(s->ts_ns);
}

/* Header prediction (Van Jacobson's, RFC 1144 appendix): between established ends, the next bytes and
 * ACKs of what was seen take none of the steps below. */
static bool is_predicted(const struct tcp_end *end, const struct tcp_end *peer,
                         const struct segment *s)
{
    return (s->flags & ~TCP_PSH) == TCP_ACK && end->state == TCP_ESTABLISHED &&
           peer->state == TCP_ESTABLISHED && s->seq == end->snd_nxt && s->window != 0 &&
           end->deliver_nxt == s->seq && seq_leq(end->max_seq, s->seq) &&
           seq_leq(end->ack, s->ack) && seq_leq(s->ack, peer->deliver_nxt) &&
           end->base_known && peer->base_known && end->ack_known && end->syn_seen &&
           peer->syn_seen && end->rst_kind == TCP_RESET_NONE && end->holes == NULL &&
           peer->holes == NULL && end->segments > 0;
}

static unsigned take_predicted(struct tcp_conn *conn, unsigned from, const struct segment *s,
                               struct tcp_budget *budget, const struct tcp_sink *sink)
{
    struct tcp_end *end = &conn->end[from];
    unsigned notes = 0;
    end->ack = s->ack;
    conn->end[!from].repeats = 0;
    if (s->payload_len > 0) {
        end->data_segments++;
        end->data_ack = s->ack;
        end->data_again = false;
        end->snd_nxt = end->data_end = s->seq + s->payload_len;
        notes = reassembly_input(conn, from, s, s->seq, budget, sink);
    }
    end->window = s->window;
    remember(conn, end, s);
    return notes;
}

unsigned tcp_input(struct tcp_conn *conn, unsigned from, const struct segment *s,
                   struct tcp_budget *budget, const struct tcp_sink *sink)
{
    struct tcp_end *end = &conn->end[from], *peer = &conn->end[!from];
    if (is_predicted(end, peer, s))
        return take_predicted(conn, from, s, budget, sink);
    if (is_duplicate(end, s) || is_late_copy(end, s))
        return TCP_NOTE_DUPLICATE;
    unsigned notes = 0;
    peer->repeats = 0;
    if (end->holes != NULL)
        reassembly_confirm_gap(end, s->seq);
    /* What answers the bytes that this segment brings comes behind them, however long it has waited. */
    bool fills = s->payload_len > 0 && seq_leq(s->seq, end->deliver_nxt) && seq_lt(end->deliver_nxt, s->seq + s->payload_len);
    if (conn->pending_bytes > 0 && !fills)
        reassembly_tick(conn, s->ts_ns, budget, sink);
    if (s->flags & TCP_RST) {
        notes = take_reset(end, peer, s);
        remember(conn, end, s);
        return notes;
    }
    notes |= disown_reset(end, peer, s);
    if (s->flags & TCP_SYN)
        notes |= take_syn(end, peer, s);
    else if (!end->base_known)
        join(end, peer, s, budget);
    /* A capture that begins with a keep-alive probe: its number is one below the next byte. */
    if (!end->syn_seen && !peer->syn_seen && end->data_segments == 0 && s->seq == end->snd_nxt + 1 &&
        peer->ack_known && peer->ack == s->seq)
        set_base(end, s->seq - 1);
    int32_t distance = seq_diff(s->seq, end->snd_nxt);
    if (distance > TCP_SANE_DISTANCE || distance < -TCP_SANE_DISTANCE)
        notes |= TCP_NOTE_STRANGE;
    if (notes & TCP_NOTE_STRANGE) {
        remember(conn, end, s);
        return notes;
    }
    if (s->flags & TCP_ACK)
        notes |= take_ack(conn, from, s, budget, sink);
    uint32_t seq = s->seq + ((s->flags & TCP_SYN) != 0);
    notes |= take_payload(conn, from, s, seq, budget, sink);
    if (s->flags & TCP_FIN)
        notes |= take_fin(end, peer, s, seq + s->payload_len);
    notes |= take_window(end, s);
    remember(conn, end, s);
    return notes;
}

bool tcp_own_reset(struct tcp_conn *conn, unsigned from)
{
    struct tcp_end *end = &conn->end[from], *peer = &conn->end[!from];
    bool at_once = (int32_t)(end->last_ts_us - end->rst_ts_us) <= OVERTAKEN_NS / 1000;
    bool silent = (int32_t)(peer->last_ts_us - end->rst_ts_us) <= 0 || peer->last_flags & TCP_RST;
    if (end->rst_kind != TCP_RESET_FOREIGN || !at_once || !silent)
        return false;
    end->rst_kind = end->rst_ack != 0 ? TCP_RESET_ABORTING : TCP_RESET_ANSWERING;
    end->state = peer->state = TCP_CLOSED;
    return true;
}

bool tcp_infer_fin(struct tcp_conn *conn, unsigned from, int64_t peer_data_ns, struct tcp_shown *shown_by)
{
    struct tcp_end *end = &conn->end[from], *peer = &conn->end[!from];
    uint32_t fin_seq = end->data_end;
    if (end->fin_seen || !end->base_known || !peer->fin_seen || !peer->ack_known || peer->ack != fin_seq + 1 ||
        seq_lt(fin_seq + 1, end->snd_nxt) || end->rst_kind == TCP_RESET_ABORTING ||
        !reassembly_shown_by(end, shown_by) || end->deliver_nxt != fin_seq || peer_data_ns > shown_by->ns)
        return false;
    end->fin_inferred = end->fin_seen = true;
    end->fin_seq = fin_seq;
    /* What it sent last was sent before, or with it; else it acknowledged all data, and nothing came since. */
    bool last_before = (int32_t)(end->last_ts_us - microseconds(shown_by->ns)) <= 0;
    end->fin_ack = last_before ? end->ack : peer->data_end;
    /* The peer's own FIN acknowledges it: it cannot have known of that one, even if its ACK of it bears the same time. */
    if (peer->fin_ack == fin_seq + 1 && seq_lt(peer->fin_seq, end->fin_ack))
        end->fin_ack = peer->fin_seq;
    end->snd_nxt = fin_seq + 1;
    step(end, TCP_EV_SND_FIN);
    peer->fin_received = true;
    step(peer, TCP_EV_RCV_FIN);
    step(end, TCP_EV_RCV_ACK_OF_FIN);
    reassembly_forget_gap(end);
    return true;
}

bool tcp_opens_anew(const struct tcp_conn *conn, unsigned from, const struct segment *s)
{
    const struct tcp_end *end = &conn->end[from];
    return (s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && end->base_known && end->isn != s->seq;
}

static bool is_done(const struct tcp_end *end)
{
    return end->state == TCP_CLOSED || end->state == TCP_TIME_WAIT;
}

bool tcp_both_closed(const struct tcp_conn *conn)
{
    return is_done(&conn->end[0]) && is_done(&conn->end[1]) &&
           (conn->end[0].segments > 0 && (conn->end[0].fin_seen || conn->end[1].fin_seen ||
                                          conn->end[0].resets || conn->end[1].resets));
}

void tcp_flush(struct tcp_conn *conn, const int64_t last_ns[2], struct tcp_budget *budget,
               const struct tcp_sink *sink)
{
    reassembly_flush(conn, 0, last_ns[0], budget, sink);
    reassembly_flush(conn, 1, last_ns[1], budget, sink);
}
