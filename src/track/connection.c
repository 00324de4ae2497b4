#include "track/connection.h"

#include <string.h>

#include "base/seq.h"
#include "track/roles.h"

/* ---- shared memory ------------------------------------------------------------------------- */

void connection_shared_init(struct connection_shared *shared, const struct conversation_options *talks, size_t parts)
{
    conversation_memory_init(&shared->talks, talks, parts);
    shared->budget.max_bytes = TCP_MAX_PENDING_BYTES / parts;
    shared->budget.max_conn_bytes = TCP_MAX_CONN_PENDING_BYTES;
    slab_init(&shared->closings, sizeof(struct connection_closing));
    slab_init(&shared->timelines, sizeof(struct timeline));
    slab_init(&shared->timeline_tails, TIMELINE_LAST * sizeof(struct timeline_entry));
}

void connection_shared_release(struct connection_shared *shared)
{
    conversation_memory_release(&shared->talks);
    slab_free(&shared->closings);
}

void connection_shared_free(struct connection_shared *shared)
{
    conversation_memory_free(&shared->talks);
    slab_free(&shared->closings);
    slab_free(&shared->timelines);
    slab_free(&shared->timeline_tails);
    arena_free(&shared->texts);
}

bool connection_shared_failed(const struct connection_shared *shared)
{
    return shared->failed || shared->talks.failed || shared->budget.failed;
}

bool connection_shared_crowded(const struct connection_shared *shared)
{
    return shared->budget.exhausted || shared->talks.names.full;
}

/* ---- a connection -------------------------------------------------------------------------- */

void connection_init(struct connection *c, const struct segment *s, uint32_t hash)
{
    int client = s->flags & TCP_SYN ? (s->flags & TCP_ACK ? 1 : 0) : -1;
    tcp_conn_init(&c->tcp, s, hash);
    c->open_seen = s->flags & TCP_SYN;
    conversation_init(&c->talk, client, (unsigned)role_guessed_client(&c->tcp.tuple), !c->open_seen);
    c->capture = c->last_capture = s->capture;
    c->stream_frame = s->frame;
    c->longest_reuse_idle = NS_ABSENT;
    c->handshake_timed = true;
    waits_init(&c->waits);
}

const struct mark *connection_mark(const struct connection *c, unsigned end, enum end_mark id)
{
    static const struct mark none = { 0 };
    if (id < END_MARKS_OPEN)
        return &c->end_mark[end][id];
    return c->closing != NULL ? &c->closing->end_mark[end][id - END_MARKS_OPEN] : &none;
}

/* NULL: no memory, and shared->failed is set. */
static struct connection_closing *closing_room(struct connection *c, struct connection_shared *shared)
{
    if (c->closing != NULL)
        return c->closing;
    struct connection_closing *closing = slab_take(&shared->closings);
    if (closing == NULL) {
        shared->failed = true;
        return NULL;
    }
    closing->reset_on_data_by = -1;
    return c->closing = closing;
}

static int64_t last_data_ns(const struct connection *c, int end)
{
    return c->end_mark[end][END_DATA].frame != 0 ? c->end_mark[end][END_DATA].ns : NS_ABSENT;
}

/* It closes now at the latest. */
static struct connection_closing *closing_of(struct connection *c, struct connection_shared *shared)
{
    struct connection_closing *closing = closing_room(c, shared);
    if (closing == NULL || closing->begun)
        return closing;
    closing->begun = true;
    for (int i = 0; i < 2; i++)
        closing->data_at_close[i] = last_data_ns(c, i);
    return closing;
}

/* The chunk ends with an alert. */
static void note_goodbye(struct connection *c, unsigned from, const struct tcp_chunk *chunk, struct connection_shared *shared)
{
    uint32_t bytes = conversation_goodbye_bytes(&c->talk, from), end_seq = chunk->seq + chunk->length;
    struct connection_closing *closing = bytes > 0 ? closing_room(c, shared) : NULL;
    if (closing == NULL)
        return;
    struct goodbye *goodbye = &closing->goodbye[from];
    bool goes_on = goodbye->mark.frame != 0 && goodbye->end_seq == end_seq - bytes;
    if (!goes_on) /* marks of this segment are set later */
        *goodbye = (struct goodbye){ { chunk->ts_ns, chunk->frame, chunk->capture }, end_seq - bytes, end_seq, chunk->ack,
                                     { last_data_ns(c, 0), last_data_ns(c, 1) } };
    if (!goes_on && chunk->length > bytes)
        goodbye->data_ns[from] = chunk->ts_ns;
    goodbye->end_seq = end_seq;
}

/* All that the end sent up to its FIN is there, and it has all of the other end's. */
static bool is_complete(const struct tcp_end *end)
{
    return end->fin_received && end->resets == 0 && end->fin_seen && end->deliver_nxt == end->fin_seq;
}

enum connection_stage connection_stage(const struct connection *c)
{
    const struct tcp_end *end = c->tcp.end;
    if (!tcp_both_closed(&c->tcp))
        return CONNECTION_OPEN;
    if (is_complete(&end[0]) && is_complete(&end[1]))
        return CONNECTION_DONE;
    return !end[0].fin_seen && !end[1].fin_seen && end[0].syn_seen && end[1].syn_seen
               ? CONNECTION_RESET
               : CONNECTION_CLOSING;
}

int64_t connection_due_ns(const struct connection *c)
{
    static const int64_t linger_ns[CONNECTION_STAGES] = {
        [CONNECTION_RESET] = CONNECTION_RESET_LINGER_NS,
        [CONNECTION_CLOSING] = CONNECTION_CLOSING_LINGER_NS,
    };
    return c->stage == CONNECTION_OPEN ? INT64_MAX : c->tcp.last_ns + linger_ns[c->stage] + 1;
}

static struct mark mark_of(const struct segment *s)
{
    return (struct mark){ s->ts_ns, s->frame, s->capture };
}

static struct mark *closing_mark(struct connection_closing *closing, unsigned end,
                                 enum end_mark id)
{
    return &closing->end_mark[end][id - END_MARKS_OPEN];
}

static void mark_once(struct mark *mark, const struct segment *s)
{
    if (mark->frame == 0)
        *mark = mark_of(s);
}

/* ---- Zeek's history letters -------------------------------------------------------------- */

static uint32_t letter_bit(char letter)
{
    return UINT32_C(1) << (letter - 'A');
}

/* A letter stands for the first occurrence in each direction. */
static void history_add(struct connection *c, unsigned from, char letter)
{
    uint32_t bit = letter_bit(letter);
    if (c->history_seen[from] & bit || c->history_length == HISTORY_BYTES - 1)
        return;
    c->history_seen[from] |= bit;
    c->history[c->history_length++] = (char)(from == 0 ? letter : letter + ('a' - 'A'));
}

static void history_note(struct connection *c, unsigned from, const struct segment *s,
                         unsigned notes)
{
    const uint32_t plain = letter_bit('A') | letter_bit('D');
    if ((notes & ~TCP_NOTE_DATA) == 0 && (s->flags & ~TCP_PSH) == TCP_ACK &&
        (c->history_seen[from] & plain) == plain)
        return; /* what most segments are */
    if (s->flags & TCP_SYN)
        history_add(c, from, s->flags & TCP_ACK ? 'H' : 'S');
    else if (s->payload_len > 0 && notes & TCP_NOTE_DATA)
        history_add(c, from, 'D');
    else if (s->flags == TCP_ACK && s->payload_len == 0)
        history_add(c, from, 'A');
    if (notes & TCP_NOTE_RETRANSMISSION && s->payload_len > 0)
        history_add(c, from, 'T');
    if (notes & TCP_NOTE_ZERO_WINDOW)
        history_add(c, from, 'W');
    if (s->flags & TCP_FIN)
        history_add(c, from, 'F');
    if (s->flags & TCP_RST)
        history_add(c, from, 'R');
}

/* ---- timeline ------------------------------------------------------------------------------ */

/* What a payload segment of this end carries, from the messages that it began or goes on with. */
static enum timeline_kind payload_kind(const struct connection *c, unsigned from)
{
    const struct conversation *talk = &c->talk;
    if (talk->notes & NOTE_CONTROL && !(talk->notes & NOTE_TEXT))
        return TIMELINE_DATA;
    if (talk->notes & (NOTE_GOAWAY | NOTE_RST_STREAM))
        return talk->notes & NOTE_GOAWAY ? TIMELINE_GOAWAY : TIMELINE_RST_STREAM;
    if (talk->protocol == PROTOCOL_HTTP2 && conversation_reads(talk, from) && !(talk->notes & NOTE_STREAM))
        return TIMELINE_CONTROL;
    if (talk->inferred && talk->notes & (NOTE_REQUEST | NOTE_RESPONSE))
        return talk->notes & NOTE_REQUEST ? TIMELINE_REQUEST : TIMELINE_RESPONSE;
    if (!conversation_reads(talk, from))
        return talk->notes & (NOTE_UPGRADE | NOTE_RESPONSE) && talk->client != (int)from
                   ? TIMELINE_RESPONSE
                   : TIMELINE_DATA;
    return talk->client == (int)from ? TIMELINE_REQUEST : TIMELINE_RESPONSE;
}

/* Method of the newest request, or status of the response that just began. */
static uint16_t payload_info(const struct connection *c, enum timeline_kind kind)
{
    const struct conversation *talk = &c->talk;
    if (kind == TIMELINE_REQUEST && talk->notes & NOTE_REQUEST)
        return (uint16_t)(1 + (conversation_newest(talk) != NULL && conversation_newest(talk)->request_head ? conversation_newest(talk)->method
                                                                               : UINT8_MAX));
    if (kind != TIMELINE_RESPONSE || !(talk->notes & NOTE_RESPONSE))
        return 0;
    if (talk->notes & NOTE_RESPONSE_COMPLETE && conversation_last_complete(talk) != NULL)
        return conversation_last_complete(talk)->status;
    return conversation_oldest(talk) != NULL ? conversation_oldest(talk)->status : 0;
}

static void timeline_note(struct connection *c, unsigned from, const struct segment *s,
                          unsigned notes, struct connection_shared *shared)
{
    enum timeline_kind kind;
    if (notes & TCP_NOTE_RST)
        kind = TIMELINE_RST;
    else if (notes & TCP_NOTE_SYN)
        kind = s->flags & TCP_ACK ? TIMELINE_SYN_ACK : TIMELINE_SYN;
    else if (notes & TCP_NOTE_KEEP_ALIVE)
        kind = TIMELINE_KEEP_ALIVE;
    else if (s->payload_len > 0 && notes & TCP_NOTE_DATA)
        kind = payload_kind(c, from);
    else if (notes & TCP_NOTE_FIN)
        kind = TIMELINE_FIN;
    else if (notes & TCP_NOTE_RETRANSMISSION)
        kind = TIMELINE_RETRANSMISSION;
    else if (notes & TCP_NOTE_ACK_OF_FIN)
        kind = TIMELINE_ACK_OF_FIN;
    else if (notes & TCP_NOTE_HANDSHAKE_DONE)
        kind = TIMELINE_HANDSHAKE_DONE;
    else if (notes & TCP_NOTE_ZERO_WINDOW)
        kind = TIMELINE_ZERO_WINDOW;
    else
        return;
    struct timeline_entry entry = {
        .kind = kind,
        .from = from,
        .ack = (s->flags & TCP_ACK) != 0,
        .info = payload_info(c, kind) & 0x3ff,
        .frame = s->frame,
        .last_frame = s->frame,
        .bytes = s->payload_len,
        .count = 1,
        .capture = s->capture,
    };
    timeline_set_since(&entry, s->ts_ns - c->tcp.first_ns);
    shared->failed |= !timeline_add(&c->timeline, &entry, &shared->timeline_tails);
    if (notes & TCP_NOTE_FIN && kind != TIMELINE_FIN) { /* the FIN rides on data */
        entry.kind = TIMELINE_FIN;
        entry.bytes = 0;
        entry.info = 0;
        shared->failed |= !timeline_add(&c->timeline, &entry, &shared->timeline_tails);
    }
}

/* ---- segments ------------------------------------------------------------------------------ */

struct feeding {
    struct connection *connection;
    struct connection_shared *shared;
    bool fed; /* talk.notes are this segment's */
};

/* Most segments bring HTTP nothing, and do not touch what is kept of it. */
static void feed(struct feeding *feeding)
{
    if (!feeding->fed)
        feeding->connection->talk.notes = 0;
    feeding->fed = true;
}

static void on_data(void *context, struct tcp_conn *conn, unsigned from,
                    const struct tcp_chunk *chunk)
{
    (void)conn;
    struct feeding *feeding = context;
    feed(feeding);
    if (chunk->bytes == NULL)
        history_add(feeding->connection, from, 'G');
    struct connection *c = feeding->connection;
    conversation_input(&c->talk, &feeding->shared->talks, from, chunk);
    if (c->talk.notes & NOTE_GOODBYE)
        note_goodbye(c, from, chunk, feeding->shared);
}

static uint32_t first_unread(const struct tcp_end *end)
{
    return end->fin_seen ? end->fin_ack : end->ack;
}

bool connection_resets_goodbye(const struct connection *c, unsigned from)
{
    const struct tcp_end *end = &c->tcp.end[from], *peer = &c->tcp.end[!from];
    const struct goodbye *goodbye = c->closing != NULL ? &c->closing->goodbye[!from] : NULL;
    bool not_captured = end->fin_inferred || (!end->fin_seen && peer->ack_known && peer->ack == end->data_end + 1);
    return not_captured && goodbye != NULL && goodbye->mark.frame != 0 && goodbye->end_seq == peer->data_end;
}

/* Does this reset answer data? Without the ACK flag its number is the ACK number of the segment that
 * it answers; with it (Windows), the end had sent its FIN and data beyond that came. */
static bool answers_data(const struct connection *c, unsigned from, const struct segment *s)
{
    const struct tcp_end *end = &c->tcp.end[from], *peer = &c->tcp.end[!from];
    if (peer->data_segments == 0)
        return false;
    /* An end of TLS answers the other's close with an alert, though nobody reads it any more: healthy. (What waits behind a hole
     * is looked at when the connection is over.) */
    if (end->ack_known && conversation_is_control_from(&c->talk, !from, first_unread(end)))
        return false;
    if (connection_resets_goodbye(c, from))
        return false;
    /* What was sent before may have arrived before the end closed, and only its ACK was lost. */
    if (peer->data_again && !(end->fin_seen && seq_lt(end->fin_ack, peer->data_end)))
        return false;
    if (s->flags & TCP_ACK)
        return end->fin_seen && seq_lt(end->fin_ack, peer->data_end);
    return s->seq == peer->data_ack && end->ack_known && seq_lt(end->ack, peer->data_end);
}

static void note_reset(struct connection *c, unsigned from, const struct segment *s,
                       unsigned notes, struct connection_closing *closing)
{
    const struct tcp_end *end = &c->tcp.end[from];
    if (notes & TCP_NOTE_RST_FITS)
        *closing_mark(closing, from, END_RST) = mark_of(s);
    if (closing->reset_on_data_by < 0 && end->rst_kind != TCP_RESET_FOREIGN &&
        answers_data(c, from, s)) {
        closing->reset_on_data_by = (int8_t)from;
        closing->reset_on_data_after_fin = end->fin_seen;
        closing->reset_on_data_seq = first_unread(end);
        closing->offender = c->end_mark[!from][END_DATA];
    }
}

/* The moments that belong to the end of a connection. */
static void note_closing(struct connection *c, unsigned from, const struct segment *s,
                         unsigned notes, struct connection_shared *shared)
{
    struct connection_closing *closing = closing_of(c, shared);
    if (closing == NULL)
        return;
    if (notes & TCP_NOTE_FIN) {
        mark_once(closing_mark(closing, from, END_FIN), s);
        if (c->tcp.end[!from].fin_received) /* its ACK was captured before it */
            mark_once(closing_mark(closing, from, END_FIN_ACKED), s);
        if (c->tcp.end[from].deliver_nxt == c->tcp.end[from].fin_seq)
            conversation_fin(&c->talk, &shared->talks, from);
    }
    if (notes & TCP_NOTE_ACK_OF_FIN)
        mark_once(closing_mark(closing, !from, END_FIN_ACKED), s);
    if (notes & TCP_NOTE_RST_DISOWNED) {
        closing->disowned[from] = *closing_mark(closing, from, END_RST);
        *closing_mark(closing, from, END_RST) = (struct mark){ 0 };
        if (closing->reset_on_data_by == (int8_t)from)
            closing->reset_on_data_by = -1;
    }
    if (notes & TCP_NOTE_RST)
        note_reset(c, from, s, notes, closing);
}

static bool in_one_segment(const struct message_span *a, const struct message_span *b)
{
    return a->first_frame == b->first_frame && a->first_capture == b->first_capture;
}

/* A further request on a connection that rested: for how long? Where one before it still lacks a part of its
 * response, there was no rest, or the part was not captured; of such a part nobody knows when it came. */
static void note_reuse(struct connection *c, unsigned from)
{
    const struct exchange *first = conversation_oldest(&c->talk), *last = conversation_newest(&c->talk), *done = conversation_last_complete(&c->talk);
    if ((c->closing != NULL && c->closing->begun) || last == NULL || c->longest_reuse_idle == NS_UNKNOWN)
        return;
    const struct tcp_end *peer = &c->tcp.end[!from];
    bool waits = !in_one_segment(&first->request, &last->request);
    int64_t rested = last->stream_id != 0 ? last->streams_rested_ns : done != NULL ? done->response.last_ns : 0;
    int64_t idle = waits || done == NULL ? 0 : last->request.first_ns - rested;
    if (idle <= 0 && (waits || done != NULL) && (peer->holes != NULL || peer->lost_bytes > 0))
        c->longest_reuse_idle = NS_UNKNOWN;
    else if (!waits && done != NULL && (c->longest_reuse_idle == NS_ABSENT || idle > c->longest_reuse_idle))
        c->longest_reuse_idle = idle;
}

/* Data that was sent again three times has waited for more than a second (RFC 6298: 200 ms at the least, doubled each time). */
static void note_silent_request(struct connection *c, unsigned from)
{
    enum { REPEATS = 3 };
    if ((int)from == c->talk.client && c->waits.end[from].repeats >= REPEATS && c->silent_requests < UINT8_MAX)
        c->silent_requests++;
}

/* While this end receives nothing, does the other one have to wait with the rest of a message? */
static bool blocks_message(const struct connection *c, unsigned from)
{
    const struct conversation *talk = &c->talk;
    if (talk->client == (int)from)
        return conversation_oldest(talk) != NULL && conversation_oldest(talk)->response_seen;
    return talk->client >= 0 && conversation_newest(talk) != NULL && !conversation_newest(talk)->request_complete;
}

/* From the capture to that end and back, from the handshake; 0: not known. */
static int64_t rtt_to(const struct connection *c, unsigned end)
{
    if (!c->open_seen || !c->handshake_timed || c->handshake_done.frame == 0 || c->talk.client < 0)
        return 0;
    unsigned client = (unsigned)c->talk.client;
    int64_t syn_ack = c->end_mark[!client][END_SYN].ns;
    return end == client ? c->handshake_done.ns - syn_ack
                         : syn_ack - c->end_mark[client][END_SYN].ns;
}

/* When the end last sent new data; a FIN may stand behind a hole, too. INT64_MIN: it did not. */
static int64_t last_sent_ns(const struct connection *c, unsigned from)
{
    const struct mark *data = &c->end_mark[from][END_DATA];
    const struct mark *fin = connection_mark(c, from, END_FIN);
    int64_t last_ns = data->frame != 0 ? data->ns : INT64_MIN;
    return fin->frame != 0 && fin->ns > last_ns ? fin->ns : last_ns;
}

static void note_waits(struct connection *c, unsigned from, const struct segment *s,
                       unsigned notes, const struct waits_before *before)
{
    int64_t last_ns = notes & WAITS_DATED_NOTES ? last_sent_ns(c, from) : INT64_MIN;
    bool blocks = notes & TCP_NOTE_ZERO_WINDOW && blocks_message(c, from);
    waits_segment(&c->waits, &c->tcp, from, s, notes, before, last_ns, blocks);
}

/* An ACK that acknowledges nothing of the new connection: its sender still knows an older one on these
 * ports (RFC 9293 sections 3.5.1 and 3.10.7.4, RFC 5961 section 4). */
static bool is_challenge(const struct connection *c, unsigned from, const struct segment *s)
{
    const struct tcp_end *end = &c->tcp.end[from], *peer = &c->tcp.end[!from];
    return !end->syn_seen && peer->syn_seen && peer->state == TCP_SYN_SENT && s->flags == TCP_ACK &&
           s->payload_len == 0 && s->ack != peer->isn + 1;
}

static void note_handshake(struct connection *c, unsigned from, const struct segment *s,
                           unsigned notes)
{
    if (notes & TCP_NOTE_SYN) {
        mark_once(&c->end_mark[from][END_SYN], s);
        if (c->talk.client < 0)
            c->talk.client = (int8_t)(s->flags & TCP_ACK ? !from : from);
    }
    if (notes & TCP_NOTE_HANDSHAKE_DONE) {
        mark_once(&c->handshake_done, s);
        c->handshake_by_data = c->handshake_timed && s->payload_len > 0;
        c->handshake_timed &= s->payload_len == 0 && !(s->flags & TCP_FIN);
    }
    if (s->flags & TCP_SYN && !(notes & TCP_NOTE_SYN))
        c->handshake_timed = c->handshake_by_data = false;
}

/* The ACK that completes the handshake, behind data that overtook it: its numbers are those from before the data. */
static void note_late_handshake(struct connection *c, unsigned from, const struct segment *s)
{
    if (s->payload_len > 0 || s->flags != TCP_ACK || (int)from != c->talk.client || s->seq != c->tcp.end[from].isn + 1 ||
        s->ack != c->tcp.end[!from].isn + 1)
        return;
    c->handshake_by_data = false;
    c->handshake_timed = true;
    c->handshake_done = mark_of(s);
}

void connection_input(struct connection *c, unsigned from, const struct segment *s,
                      struct connection_shared *shared)
{
    struct feeding feeding = { .connection = c, .shared = shared };
    const struct tcp_sink sink = { on_data, &feeding };
    if (s->payload_len > 0) /* even if it is not handed on yet */
        feed(&feeding);
    c->challenged |= is_challenge(c, from, s);
    struct waits_before before = waits_before(&c->tcp, from, s);
    if (before.small_after_small) {
        before.sender_rtt_ns = rtt_to(c, from);
        before.receiver_rtt_ns = rtt_to(c, !from);
    }
    unsigned notes = tcp_input(&c->tcp, from, s, &shared->budget, &sink);
    if (notes & TCP_NOTE_DUPLICATE) {
        shared->duplicates++;
        return;
    }
    note_waits(c, from, s, notes, &before);
    if (c->silent_requests > 0 && c->talk.client >= 0 && c->waits.end[c->talk.client].repeats == 0)
        c->silent_requests = 0; /* it was acknowledged after all */
    if (notes & TCP_NOTE_DATA)
        c->end_mark[from][END_DATA] = mark_of(s);
    if (feeding.fed && c->talk.notes & NOTE_REQUEST) {
        note_reuse(c, from);
        note_silent_request(c, from);
    }
    if (s->flags & TCP_SYN || notes & TCP_NOTE_HANDSHAKE_DONE)
        note_handshake(c, from, s, notes);
    else if (c->handshake_by_data)
        note_late_handshake(c, from, s);
    if (notes & (TCP_NOTE_FIN | TCP_NOTE_ACK_OF_FIN | TCP_NOTE_RST | TCP_NOTE_RST_DISOWNED))
        note_closing(c, from, s, notes, shared);
    history_note(c, from, s, notes);
    if (notes != 0)
        timeline_note(c, from, s, notes, shared);
}

static int64_t last_heard(const struct connection *c, unsigned end)
{
    if (c->tcp.end[end].fin_seen)
        return connection_mark(c, end, END_FIN)->ns;
    return c->tcp.end[end].rst_kind == TCP_RESET_ABORTING ? connection_mark(c, end, END_RST)->ns
                                                          : c->tcp.last_ns;
}

/* Its own reset after all, with the TTL of its other packets, that overtook its last bytes. */
static void own_reset(struct connection *c, unsigned end)
{
    const struct end_waits *w = &c->waits.end[end];
    bool same_ttl = w->rst_ttl != 0 && w->rst_ttl >= w->ttl_low && w->rst_ttl <= w->ttl_high;
    if (c->closing != NULL && c->closing->disowned[end].frame != 0 && same_ttl && tcp_own_reset(&c->tcp, end))
        *closing_mark(c->closing, end, END_RST) = c->closing->disowned[end];
}

/* A FIN that only its ACK shows: its moment is that of the ACK, at the latest. */
static void infer_fin(struct connection *c, unsigned end, struct connection_shared *shared)
{
    const struct mark *data = &c->end_mark[!end][END_DATA];
    struct tcp_shown shown;
    if (!tcp_infer_fin(&c->tcp, end, data->frame != 0 ? data->ns : INT64_MIN, &shown))
        return;
    struct connection_closing *closing = closing_of(c, shared);
    if (closing == NULL)
        return;
    const struct mark by = { shown.ns, shown.frame, shown.capture };
    *closing_mark(closing, end, END_FIN) = by;
    *closing_mark(closing, end, END_FIN_ACKED) = by;
}

void connection_flush(struct connection *c, struct connection_shared *shared)
{
    struct feeding feeding = { .connection = c, .shared = shared };
    const struct tcp_sink sink = { on_data, &feeding };
    int64_t heard_ns[2];
    for (unsigned end = 0; end < 2; end++) {
        infer_fin(c, end, shared);
        own_reset(c, end);
    }
    for (unsigned end = 0; end < 2; end++)
        heard_ns[end] = last_heard(c, end);
    tcp_flush(&c->tcp, heard_ns, &shared->budget, &sink);
    for (unsigned end = 0; end < 2; end++)
        if (c->tcp.end[end].fin_seen)
            conversation_fin(&c->talk, &shared->talks, end);
    conversation_over(&c->talk, &shared->talks);
}

bool connection_keep_request(const struct connection *c, struct record *r,
                             struct connection_shared *shared)
{
    const struct exchange *x = conversation_oldest(&c->talk) != NULL ? conversation_oldest(&c->talk) : conversation_last_complete(&c->talk);
    if (x != NULL && x->request_head)
        r->request = arena_printf(&shared->texts, "%s %s", exchange_method(x), x->target);
    if (r->proxied_client[0] != '\0')
        r->proxied_client = arena_strdup(&shared->texts, r->proxied_client); /* it goes with the conversation */
    return r->request != NULL && r->proxied_client != NULL;
}

bool connection_keep_timeline(struct connection *c, struct record *r,
                              struct connection_shared *shared)
{
    r->timeline = slab_take(&shared->timelines);
    if (r->timeline == NULL)
        return false;
    *r->timeline = c->timeline;
    c->timeline.last = NULL;
    return true;
}

void connection_drop_timeline(struct record *r, struct connection_shared *shared)
{
    if (r->timeline == NULL)
        return;
    if (r->timeline->last != NULL)
        slab_give(&shared->timeline_tails, r->timeline->last);
    slab_give(&shared->timelines, r->timeline);
    r->timeline = NULL;
}

void connection_free(struct connection *c, struct connection_shared *shared)
{
    conversation_free(&c->talk, &shared->talks);
    if (c->timeline.last != NULL)
        slab_give(&shared->timeline_tails, c->timeline.last);
    if (c->closing != NULL)
        slab_give(&shared->closings, c->closing);
}
