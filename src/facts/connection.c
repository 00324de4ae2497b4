#include "facts/connection.h"

#include <string.h>

#include "base/seq.h"

void connection_init(struct connection *c, const struct segment *s, uint32_t hash, int client)
{
    tcp_conn_init(&c->tcp, s, hash);
    c->open_seen = s->flags & TCP_SYN;
    http_conn_init(&c->http, client, !c->open_seen);
    c->first_ns = s->ts_ns;
    c->last_ns = s->ts_ns;
    c->reset_on_data_by = -1;
    c->longest_reuse_idle = NS_ABSENT;
    c->handshake_timed = true;
    waits_init(&c->waits);
}

static struct mark mark_of(const struct segment *s)
{
    return (struct mark){ s->ts_ns, s->frame, s->capture };
}

static void mark_once(struct mark *mark, const struct segment *s)
{
    if (mark->frame == 0)
        *mark = mark_of(s);
}

/* ---- Zeek's history letters -------------------------------------------------------------- */

/* Letters that stand for the first occurrence in each direction. */
static const char history_letters[] = "SHADFRTGW";

static void history_add(struct connection *c, unsigned from, char letter)
{
    size_t i = (size_t)(strchr(history_letters, letter) - history_letters);
    uint32_t bit = UINT32_C(1) << (i * 2 + from);
    size_t length = strlen(c->history);
    if (c->history_seen & bit || length == HISTORY_BYTES - 1)
        return;
    c->history_seen |= bit;
    c->history[length] = (char)(from == 0 ? letter : letter + ('a' - 'A'));
}

static void history_note(struct connection *c, unsigned from, const struct segment *s,
                         unsigned notes)
{
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
    const struct http_conn *http = &c->http;
    if (http->protocol != HTTP_PROTOCOL_HTTP1 || http->stream[from].mode != HTTP_MODE_MESSAGES)
        return http->notes & (HTTP_NOTE_UPGRADE | HTTP_NOTE_RESPONSE) && http->client != (int)from
                   ? TIMELINE_RESPONSE
                   : TIMELINE_DATA;
    return http->client == (int)from ? TIMELINE_REQUEST : TIMELINE_RESPONSE;
}

/* Method of the newest request, or status of the response that just began. */
static uint16_t payload_info(const struct connection *c, enum timeline_kind kind)
{
    const struct http_conn *http = &c->http;
    if (kind == TIMELINE_REQUEST && http->notes & HTTP_NOTE_REQUEST)
        return (uint16_t)(1 + (http->last != NULL && http->last->request_head ? http->last->method
                                                                               : UINT8_MAX));
    if (kind != TIMELINE_RESPONSE || !(http->notes & HTTP_NOTE_RESPONSE))
        return 0;
    if (http->notes & HTTP_NOTE_RESPONSE_COMPLETE && http->done != NULL)
        return http->done->status;
    return http->first != NULL ? http->first->status : 0;
}

static void timeline_note(struct connection *c, unsigned from, const struct segment *s,
                          unsigned notes)
{
    struct timeline_entry entry = {
        .ts_ns = s->ts_ns,
        .frame = s->frame,
        .last_frame = s->frame,
        .seq = s->seq,
        .ack = s->ack,
        .bytes = s->payload_len,
        .count = 1,
        .capture = s->capture,
        .from = (uint8_t)from,
        .flags = s->flags,
    };
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
    entry.kind = (uint8_t)kind;
    entry.info = payload_info(c, kind);
    timeline_add(&c->timeline, &entry);
    if (notes & TCP_NOTE_FIN && kind != TIMELINE_FIN) { /* the FIN rides on data */
        entry.kind = TIMELINE_FIN;
        entry.bytes = 0;
        entry.info = 0;
        timeline_add(&c->timeline, &entry);
    }
}

/* ---- segments ------------------------------------------------------------------------------ */

struct feeding {
    struct connection *connection;
    struct connection_shared *shared;
};

static void on_data(void *context, struct tcp_conn *conn, unsigned from,
                    const struct tcp_chunk *chunk)
{
    (void)conn;
    struct feeding *feeding = context;
    if (chunk->bytes == NULL)
        history_add(feeding->connection, from, 'G');
    http_input(&feeding->connection->http, &feeding->shared->http, from, chunk);
}

/* Does this reset answer data? Without the ACK flag its number is the ACK number of the segment that
 * it answers; with it (Windows), the end had sent its FIN and data beyond that came. */
static bool answers_data(const struct tcp_end *end, const struct tcp_end *peer,
                         const struct segment *s)
{
    if (peer->data_segments == 0)
        return false;
    if (s->flags & TCP_ACK)
        return end->fin_seen && seq_lt(end->fin_ack, peer->data_end);
    return s->seq == peer->data_ack && end->ack_known && seq_lt(end->ack, peer->data_end);
}

static void note_reset(struct connection *c, unsigned from, const struct segment *s,
                       unsigned notes)
{
    const struct tcp_end *end = &c->tcp.end[from], *peer = &c->tcp.end[!from];
    if (notes & TCP_NOTE_RST_FITS)
        c->end_mark[from][END_RST] = mark_of(s);
    if (c->reset_on_data_by < 0 && end->rst_kind != TCP_RESET_FOREIGN &&
        answers_data(end, peer, s)) {
        c->reset_on_data_by = (int8_t)from;
        c->reset_on_data_after_fin = end->fin_seen;
        c->offender = c->end_mark[!from][END_DATA];
    }
}

static void begin_close(struct connection *c)
{
    if (c->close_begun)
        return;
    c->close_begun = true;
    for (int i = 0; i < 2; i++)
        c->data_at_close[i] =
            c->end_mark[i][END_DATA].frame != 0 ? c->end_mark[i][END_DATA].ns : NS_ABSENT;
}

/* A further request on a connection that rested: for how long? */
static void note_reuse(struct connection *c, const struct segment *s, int64_t rested_since)
{
    if (rested_since == NS_ABSENT || c->close_begun)
        return;
    int64_t idle = s->ts_ns - rested_since;
    if (c->longest_reuse_idle == NS_ABSENT || idle > c->longest_reuse_idle)
        c->longest_reuse_idle = idle;
}

/* While this end receives nothing, does the other one have to wait with the rest of a message? */
static bool blocks_message(const struct connection *c, unsigned from)
{
    const struct http_conn *http = &c->http;
    if (http->client == (int)from)
        return http->first != NULL && http->first->response_seen;
    return http->client >= 0 && http->last != NULL && !http->last->request_complete;
}

/* From the capture to that end and back, from the handshake; 0: not known. */
static int64_t rtt_to(const struct connection *c, unsigned end)
{
    if (!c->open_seen || !c->handshake_timed || c->handshake_done.frame == 0 || c->http.client < 0)
        return 0;
    unsigned client = (unsigned)c->http.client;
    int64_t syn_ack = c->end_mark[!client][END_SYN].ns;
    return end == client ? c->handshake_done.ns - syn_ack
                         : syn_ack - c->end_mark[client][END_SYN].ns;
}

static void note_waits(struct connection *c, unsigned from, const struct segment *s,
                       unsigned notes, const struct waits_before *before)
{
    const struct mark *data = &c->end_mark[from][END_DATA];
    bool blocks = notes & TCP_NOTE_ZERO_WINDOW && blocks_message(c, from);
    waits_segment(&c->waits, &c->tcp, from, s, notes, before,
                  data->frame != 0 ? data->ns : INT64_MIN, c->first_ns, blocks);
}

void connection_input(struct connection *c, unsigned from, const struct segment *s,
                      struct connection_shared *shared)
{
    struct feeding feeding = { c, shared };
    const struct tcp_sink sink = { on_data, &feeding };
    c->http.notes = 0;
    /* Before the segment changes it: when did the last response end? */
    int64_t rested_since = c->http.done != NULL ? c->http.done->response.last_ns : NS_ABSENT;
    struct waits_before before = waits_before(&c->tcp, from, s, c->last_ns);
    before.sender_rtt_ns = rtt_to(c, from);
    unsigned notes = tcp_input(&c->tcp, from, s, &shared->budget, &sink);
    if (notes & TCP_NOTE_DUPLICATE)
        return;
    note_waits(c, from, s, notes, &before);
    c->last_ns = s->ts_ns > c->last_ns ? s->ts_ns : c->last_ns;
    if (notes & TCP_NOTE_SYN) {
        mark_once(&c->end_mark[from][END_SYN], s);
        if (c->http.client < 0)
            c->http.client = (int8_t)(s->flags & TCP_ACK ? !from : from);
    }
    if (notes & TCP_NOTE_HANDSHAKE_DONE) {
        mark_once(&c->handshake_done, s);
        c->handshake_timed &= s->payload_len == 0 && !(s->flags & TCP_FIN);
    }
    if (s->flags & TCP_SYN && !(notes & TCP_NOTE_SYN))
        c->handshake_timed = false;
    if (notes & TCP_NOTE_DATA)
        c->end_mark[from][END_DATA] = mark_of(s);
    if (c->http.notes & HTTP_NOTE_REQUEST)
        note_reuse(c, s, rested_since);
    if (notes & TCP_NOTE_FIN) {
        mark_once(&c->end_mark[from][END_FIN], s);
        begin_close(c);
        if (c->tcp.end[from].deliver_nxt == c->tcp.end[from].fin_seq)
            http_finish(&c->http, &shared->http, from);
    }
    if (notes & TCP_NOTE_ACK_OF_FIN)
        mark_once(&c->end_mark[!from][END_FIN_ACKED], s);
    if (notes & TCP_NOTE_RST_DISOWNED) {
        c->end_mark[from][END_RST] = (struct mark){ 0 };
        if (c->reset_on_data_by == (int8_t)from)
            c->reset_on_data_by = -1;
    }
    if (notes & TCP_NOTE_RST) {
        note_reset(c, from, s, notes);
        begin_close(c);
    }
    history_note(c, from, s, notes);
    timeline_note(c, from, s, notes);
}

void connection_finish(struct connection *c, struct connection_shared *shared)
{
    struct feeding feeding = { c, shared };
    const struct tcp_sink sink = { on_data, &feeding };
    tcp_flush(&c->tcp, &shared->budget, &sink);
    for (unsigned end = 0; end < 2; end++)
        if (c->tcp.end[end].fin_seen)
            http_finish(&c->http, &shared->http, end);
}

void connection_free(struct connection *c, struct connection_shared *shared)
{
    http_conn_free(&c->http, &shared->http);
}
