#include "conversation/conversation.h"

#include <string.h>

#include <stdlib.h>

#include "base/pages.h"
#include "base/seq.h"
#include "base/wipe.h"
#include "conversation/exchanges.h"
#include "conversation/http2.h"
#include "conversation/http2_websockets.h"
#include "conversation/http2_windows.h"
#include "conversation/parse.h"
#include "conversation/protocol.h"
#include "conversation/proxy_header.h"
#include "conversation/start.h"
#include "conversation/tls_certificate.h"
#include "conversation/tls_clear.h"
#include "conversation/turns.h"

const char *const protocol_names[] = {
#define VALUE(id, name, ops) [id] = name,
#include "conversation/protocols.def"
#undef VALUE
    NULL,
};

const char *const tls_keys_names[] = {
#define VALUE(id, name) [id] = name,
#include "conversation/tls_keys.def"
#undef VALUE
    NULL,
};

static const struct protocol_ops *const protocols[] = {
#define VALUE(id, name, ops) [id] = &ops,
#include "conversation/protocols.def"
#undef VALUE
};

#define PROTOCOLS (sizeof protocols / sizeof *protocols)

static const struct protocol_ops *ops_of(const struct conversation *talk)
{
    return protocols[talk->protocol];
}

/* From the last row on: HTTP/2 begins with what could be a request of HTTP/1. */
enum protocol protocol_recognise(const uint8_t *bytes, size_t length)
{
    for (size_t i = PROTOCOLS; i-- > 0;)
        if (protocols[i]->recognises != NULL && protocols[i]->recognises(bytes, length))
            return (enum protocol)i;
    return PROTOCOL_OPAQUE;
}

void conversation_memory_init(struct conversation_memory *memory, const struct conversation_options *options, size_t parts)
{
    slab_init(&memory->exchanges, sizeof(struct exchange));
    slab_init(&memory->starts, sizeof(struct http_start));
    slab_init(&memory->hellos, sizeof(struct tls_hello_bytes));
    slab_init(&memory->http2s, sizeof(struct http2));
    slab_init(&memory->websockets, websocket_bytes());
    slab_init_secret(&memory->clears, tls_clear_bytes());
    slab_init(&memory->pieces, tls_piece_bytes()); /* sealed as they are */
    memory->clears_left = (uint32_t)(TLS_MOST_CLEAR / parts);
    memory->pieces_left = (uint32_t)(TLS_MOST_PIECES / parts);
    memory->hellos_left = (uint32_t)(TLS_MOST_HELLOS / parts);
    memory->certificates_left = (uint32_t)(TLS_MOST_CERTIFICATES / parts);
    memory->inflaters_left = (uint32_t)(HTTP2_MOST_INFLATERS / parts);
    parse_memory_init(memory);
    text_pool_init(&memory->texts);
    memory->failed |= !intern_init(&memory->names, INTERN_MAX_TEXTS / parts);
    memory->show_query = options->show_query;
    memory->key_log = options->key_log;
    memory->keys_may_come = options->keys_may_come;
}

void conversation_memory_release(struct conversation_memory *memory)
{
    slab_free(&memory->exchanges);
    slab_free(&memory->parses);
    slab_free(&memory->heads);
    slab_free(&memory->starts);
    slab_free(&memory->hellos);
    slab_free(&memory->http2s);
    slab_free(&memory->websockets);
    slab_free(&memory->clears);
    slab_free(&memory->pieces);
    if (memory->clear_text != NULL) {
        wipe(memory->clear_text, TLS_MOST_RECORD_BYTES);
        pages_unlock(memory->clear_text, TLS_MOST_RECORD_BYTES);
    }
    free(memory->clear_text);
    memory->clear_text = NULL;
    text_pool_free(&memory->texts);
}

void conversation_memory_free(struct conversation_memory *memory)
{
    conversation_memory_release(memory);
    intern_free(&memory->names);
}

void conversation_init(struct conversation *talk, int client, unsigned likely_client, bool mid_stream)
{
    talk->likely_client = likely_client;
    talk->client = (int8_t)client;
    talk->mid_stream = mid_stream;
    talk->server_software = talk->client_software = talk->server_name = talk->proxied_client = "";
}

void conversation_become(struct conversation *talk, struct conversation_memory *memory, enum protocol protocol)
{
    struct http_start *kept[2] = { NULL, NULL }; /* what came before it was known is the beginning of it */
    talk->inferred = protocols[protocol]->inferred;
    for (unsigned i = 0; i < 2; i++) {
        struct conversation_stream *stream = &talk->stream[i];
        if (stream->mode == MODE_START) {
            kept[i] = stream->start;
            stream->start = NULL;
        }
        if (protocol == PROTOCOL_OPAQUE)
            stream->start = NULL; /* nothing is kept of it yet (opaque.c) */
        stream->mode = MODE_OPAQUE;
    }
    talk->protocol = (uint8_t)protocol;
    for (unsigned i = 0; i < 2; i++) {
        if (kept[i] == NULL)
            continue;
        if (talk->inferred)
            turns_input(talk, memory, i, &kept[i]->chunk, false);
        else
            protocols[protocol]->input(talk, memory, i, &kept[i]->chunk);
        slab_give(&memory->starts, kept[i]);
    }
}

/* The question that every chunk asks, without a call where there are no keys. */
static inline bool is_read(const struct conversation *talk)
{
    return talk->clear != NULL && tls_clear_is_read(talk);
}

static void hand_to_protocol(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                             const struct tcp_chunk *chunk)
{
    const uint8_t before = talk->protocol;
    const bool was_read = is_read(talk);
    protocols[before]->input(talk, memory, from, chunk);
    if (is_read(talk) != was_read) /* its text was, and not the chunk */
        return;
    if (talk->protocol == before || protocols[talk->protocol]->input == protocols[before]->input)
        return;
    if (was_read && talk->protocol == PROTOCOL_TLS) { /* within TLS: a tunnel, of which no more is known */
        talk->stream[0] = talk->stream[1] = (struct conversation_stream){ 0 };
        conversation_become(talk, memory, PROTOCOL_OPAQUE);
    }
    protocols[talk->protocol]->input(talk, memory, from, chunk);
}

void conversation_read(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct tcp_chunk *chunk)
{
    hand_to_protocol(talk, memory, from, chunk);
}

void conversation_lose(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    talk->stream[from].lost_bytes = true;
    if (ops_of(talk)->lose != NULL)
        ops_of(talk)->lose(talk, memory, from);
}

void conversation_drop(struct conversation *talk, struct conversation_memory *memory)
{
    if (ops_of(talk)->drop != NULL)
        ops_of(talk)->drop(talk, memory);
}

/* ---- what a proxy says of its client, before that one's first byte -------------------------------- */

static struct http_start *proxy_start(const struct conversation *talk, unsigned from)
{
    const struct conversation_stream *stream = &talk->stream[from];
    bool waits = talk->protocol == PROTOCOL_NONE && stream->mode == MODE_START && stream->start != NULL;
    return waits && stream->start->proxy ? stream->start : NULL;
}

/* What was kept was no PROXY header: it is what the conversation begins with. */
static void give_back_start(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    struct http_start *start = proxy_start(talk, from);
    if (start == NULL)
        return;
    talk->stream[from].start = NULL;
    hand_to_protocol(talk, memory, from, &start->chunk);
    slab_give(&memory->starts, start);
}

/* Keeps what may become one. false: no memory, or too long. */
static bool keep_proxy_start(struct conversation_stream *stream, struct conversation_memory *memory,
                             const struct tcp_chunk *chunk)
{
    if (!start_keep(stream, memory, chunk))
        return false;
    stream->start->proxy = true;
    return true;
}

static void note_proxied_client(struct conversation *talk, struct conversation_memory *memory, struct strbuf *client)
{
    memory->failed |= client->failed;
    if (client->length > 0 && talk->proxied_client[0] == '\0') {
        const char *text = text_pool_take(&memory->texts, strbuf_text(client));
        memory->failed |= text == NULL;
        talk->proxied_client = text != NULL ? text : "";
    }
    strbuf_free(client);
}

/* Takes a PROXY header off the chunk, whatever is spoken behind it. false: nothing is left of the chunk. */
static bool take_proxy_header(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                              struct tcp_chunk *chunk)
{
    struct http_start *start = proxy_start(talk, from);
    uint32_t kept = start != NULL ? start->chunk.length : 0, more = chunk->length;
    uint8_t bytes[HTTP_START_BYTES];
    if (more > sizeof bytes - kept)
        more = (uint32_t)sizeof bytes - kept;
    if (start != NULL)
        memcpy(bytes, start->bytes, kept);
    memcpy(bytes + kept, chunk->bytes, more);
    struct strbuf client = { 0 };
    size_t header = proxy_header_read(bytes, kept + more, &client);
    note_proxied_client(talk, memory, &client);
    if (header == PROXY_HEADER_PARTIAL && keep_proxy_start(&talk->stream[from], memory, chunk))
        return false;
    if (header == 0 || header == PROXY_HEADER_PARTIAL) {
        give_back_start(talk, memory, from);
        return true;
    }
    if (start != NULL)
        start_drop(&talk->stream[from], memory);
    uint32_t taken = (uint32_t)header - kept;
    chunk->bytes += taken;
    chunk->length -= taken;
    chunk->seq += taken;
    return chunk->length > 0;
}

/* May a PROXY header begin, or go on, with the next bytes? */
static bool may_be_proxied(const struct conversation *talk, unsigned from, const struct tcp_chunk *chunk)
{
    const struct conversation_stream *stream = &talk->stream[from];
    return talk->protocol == PROTOCOL_NONE && stream->mode == MODE_START && talk->client == (int)from && !talk->mid_stream &&
           chunk->bytes != NULL && chunk->length > 0 &&
           (stream->start != NULL ? stream->start->proxy : chunk->bytes[0] == 'P' || chunk->bytes[0] == '\r');
}

void conversation_input(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                        const struct tcp_chunk *chunk)
{
    if (is_read(talk)) {
        tls_ops.input(talk, memory, from, chunk);
        return;
    }
    if (may_be_proxied(talk, from, chunk)) {
        struct tcp_chunk rest = *chunk;
        if (take_proxy_header(talk, memory, from, &rest))
            hand_to_protocol(talk, memory, from, &rest);
        return;
    }
    give_back_start(talk, memory, from);
    hand_to_protocol(talk, memory, from, chunk);
}

void conversation_fin(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    give_back_start(talk, memory, from);
    tls_clear_finish(talk, memory, from);
    const struct protocol_ops *ops = ops_of(talk);
    if (ops->finish != NULL)
        ops->finish(talk, memory, from);
}

void conversation_over(struct conversation *talk, struct conversation_memory *memory)
{
    for (unsigned i = 0; i < 2; i++) {
        give_back_start(talk, memory, i);
        tls_clear_finish(talk, memory, i);
    }
    for (int i = 0; i < 2 && talk->protocol == PROTOCOL_NONE; i++)
        if ((talk->stream[i].mode == MODE_START && talk->stream[i].start != NULL) || talk->stream[i].not_understood)
            conversation_become(talk, memory, PROTOCOL_OPAQUE);
    for (unsigned i = 0; i < 2 && talk->protocol == PROTOCOL_OPAQUE; i++)
        opaque_ops.finish(talk, memory, i);
    bool cut = talk->protocol == PROTOCOL_TLS && tls_is_cut(&talk->stream[!turns_client(talk)].tls);
    if (talk->inferred && !cut)
        turns_over(talk, memory);
    tls_certificate_judge(talk, memory);
}

void conversation_free(struct conversation *talk, struct conversation_memory *memory)
{
    while (talk->first != NULL) {
        struct exchange *next = talk->first->next;
        exchange_give(memory, talk->first);
        talk->first = next;
    }
    if (talk->done != NULL)
        exchange_give(memory, talk->done);
    text_pool_give(&memory->texts, talk->proxied_client);
    conversation_drop(talk, memory);
    tls_clear_free(talk, memory);
}

/* ---- what others may know ------------------------------------------------------------------------ */

bool conversation_is_framed(const struct conversation *talk)
{
    return ops_of(talk)->framed && !talk->inferred;
}

bool conversation_is_unasked(const struct conversation *talk)
{
    if (talk->protocol != PROTOCOL_TLS)
        return true;
    const struct tls_stream *client = &talk->stream[turns_client(talk)].tls;
    return !talk->unsure && (client->finished || client->finished_13);
}

bool conversation_is_control_from(const struct conversation *talk, unsigned end, uint32_t seq)
{
    if (tls_clear_is_read(talk)) {
        uint32_t data_end;
        bool has_data = tls_clear_data_end(talk, end, &data_end);
        return talk->stream[end].lost_bytes || tls_stream_read(talk, end)->lost || !has_data || seq_leq(data_end, seq);
    }
    if (talk->protocol != PROTOCOL_TLS)
        return false;
    if (talk->unsure || talk->stream[end].tls.lost || talk->stream[end].lost_bytes)
        return true; /* nobody can tell: so no claim is made */
    const struct exchange *x = talk->last != NULL ? talk->last : talk->done;
    const struct message_span *span = x == NULL ? NULL : end == turns_client(talk) ? &x->request : &x->response;
    bool sent = x != NULL && (end == turns_client(talk) ? x->request_seen : x->response_seen);
    if (x != NULL && !sent && x != talk->done && talk->done != NULL) {
        span = &talk->done->response;
        sent = true;
    }
    bool doubtful = x != NULL && span == &x->response && x->response_doubtful;
    return !sent || doubtful || seq_leq(span->end_seq, seq);
}

uint32_t conversation_goodbye_bytes(const struct conversation *talk, unsigned end)
{
    if (!conversation_is_tls(talk))
        return 0;
    const struct tls_stream *s = tls_stream_read(talk, end);
    return s->goodbye && s->header_have == 0 && !s->adrift ? s->length + (uint32_t)TLS_HEADER_BYTES : 0;
}

bool conversation_is_tunnel(const struct conversation *talk)
{
    return talk->stream[0].mode == MODE_TUNNEL;
}

bool conversation_reads(const struct conversation *talk, unsigned end)
{
    return conversation_is_framed(talk) && talk->stream[end].mode == MODE_MESSAGES;
}

bool conversation_had_gap(const struct conversation *talk, unsigned end)
{
    return talk->stream[end].lost_bytes;
}

bool conversation_is_lost(const struct conversation *talk, unsigned end)
{
    return talk->unsure || talk->stream[end].lost_bytes || talk->stream[end].mode == MODE_LOST;
}

bool conversation_is_tls(const struct conversation *talk)
{
    return talk->protocol == PROTOCOL_TLS || tls_clear_is_read(talk);
}

struct tls_outcome conversation_tls(const struct conversation *talk, unsigned client, bool missing)
{
    static const struct tls_outcome none = { .alert_by = -1, .resumed = -1, .offers_session = -1, .handshake_ns = -1 };
    if (!conversation_is_tls(talk))
        return none;
    /* Before a handshake in mid-stream something else went by: a proxy's CONNECT, STARTTLS. */
    missing |= talk->stream[0].lost_bytes || talk->stream[1].lost_bytes;
    struct tls_outcome o = tls_outcome(tls_stream_read(talk, client), tls_stream_read(talk, !client), missing);
    const struct tls_stream *server = tls_stream_read(talk, !client);
    if (server->certificate == TLS_CERTIFICATE_JUDGED) {
        o.certificate = server->hello_bytes->verdict;
        o.certificate_names = server->hello_bytes->names;
    }
    o.handshake_ns = talk->handshake_us > 0 ? (talk->handshake_us - 1) * NS_PER_US : -1;
    return o;
}

struct http2_outcome conversation_http2(const struct conversation *talk, unsigned client)
{
    struct http2_outcome o = { .most_streams = UINT32_MAX, .shortest_ping_ns = INT64_MAX, .waits_since_ns = INT64_MAX };
    const struct http2 *h2 = talk->protocol == PROTOCOL_HTTP2 ? talk->stream[0].http2 : NULL;
    if (h2 == NULL)
        return o;
    const struct http2_end *c = &h2->end[client], *s = &h2->end[!client];
    o.goaway[0] = c->goaway;
    o.goaway[1] = s->goaway;
    o.most_streams = s->most_streams;
    o.taken_back_ns = h2->taken_back_ns;
    o.peak_streams = h2->peak_streams;
    o.early_resets = h2->early_resets;
    o.ping[0] = c->ping;
    o.ping[1] = s->ping;
    o.settings[0] = c->settings;
    o.settings[1] = s->settings;
    o.unheard[0] = c->unheard;
    o.unheard[1] = s->unheard;
    o.pings = c->pings;
    o.shortest_ping_ns = c->shortest_ping_ns;
    o.longest_wait_ns[0] = s->longest_wait_ns;
    o.longest_wait_ns[1] = c->longest_wait_ns;
    o.windows_known = http2_windows_are_known(talk, h2);
    o.waits_since_ns = http2_windows_waits_since(talk, h2, !client);
    return o;
}

struct websocket_outcome conversation_websocket(const struct conversation *talk, unsigned client)
{
    static const struct websocket_outcome none = { 0 };
    if (talk->protocol == PROTOCOL_HTTP2 && talk->stream[0].http2 != NULL)
        return http2_websockets_outcome(talk->stream[0].http2, client);
    bool is_one = talk->protocol == PROTOCOL_HTTP1 && conversation_is_tunnel(talk) && !talk->inferred && talk->done != NULL && talk->done->websocket;
    return is_one ? websocket_outcome(talk, client) : none;
}

struct goaway_times conversation_announced(const struct conversation *talk, unsigned end, int64_t close_ns)
{
    struct goaway_times times = { close_ns, close_ns, close_ns, 0, 0 };
    if (talk->protocol == PROTOCOL_TLS && end != turns_client(talk) && talk->announced_at != 0) {
        uint32_t before = (uint32_t)((uint64_t)close_ns >> ANNOUNCED_SHIFT) - talk->announced_at;
        int64_t announced_ns = before <= INT32_MAX ? close_ns - ((int64_t)before << ANNOUNCED_SHIFT) : close_ns;
        return (struct goaway_times){ announced_ns, announced_ns, close_ns, 0, 0 };
    }
    const struct http2 *h2 = talk->protocol == PROTOCOL_HTTP2 ? talk->stream[0].http2 : NULL;
    const struct http2_goaway *goaway = h2 != NULL ? &h2->end[end].goaway : NULL;
    if (goaway == NULL || goaway->count == 0 || goaway->first_ns >= close_ns)
        return times;
    times.end_seq = goaway->first_end_seq;
    if (goaway->error_ns != 0 && goaway->error_ns < close_ns) {
        times.error_ns = goaway->error_ns;
        times.error_end_seq = goaway->error_end_seq;
    }
    if (goaway->first_code == HTTP2_NO_ERROR) {
        times.announced_ns = goaway->first_ns;
        times.rested_ns = h2->stream_ns <= goaway->first_ns ? goaway->first_ns : close_ns;
    }
    return times;
}

bool exchange_is_short(const struct exchange *x, enum protocol protocol)
{
    uint32_t most = TURN_SHORTEST_REQUEST + (protocol == PROTOCOL_TLS ? TLS_HEADER_BYTES + TLS_12_OVERHEAD : 0);
    return x->inferred && protocol != PROTOCOL_HTTP1 && x->request.end_seq - x->request.seq < most;
}

/* ---- methods of HTTP -------------------------------------------------------------------------------- */

const char *http_method_name(uint8_t method)
{
    return method == HTTP_METHOD_OWN ? NULL : llhttp_method_name((llhttp_method_t)method);
}

const char *exchange_method(const struct exchange *x)
{
    return x->method == HTTP_METHOD_OWN ? x->own_method : http_method_name(x->method);
}

bool http_method_is_idempotent(uint8_t method)
{
    switch (method) {
    case HTTP_GET:
    case HTTP_HEAD:
    case HTTP_PUT:
    case HTTP_DELETE:
    case HTTP_OPTIONS:
    case HTTP_TRACE:
        return true;
    }
    return false;
}
