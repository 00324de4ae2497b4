#include "conversation/http2_streams.h"

#include <stdlib.h>
#include <string.h>

#include "base/seq.h"
#include "base/text.h"
#include "conversation/exchanges.h"
#include "conversation/head.h"
#include "conversation/http2_websockets.h"
#include "conversation/http2_windows.h"
#include "conversation/turns.h"

enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4, PADDED = 8 };
enum { SETTINGS_HEADER_TABLE_SIZE = 1, SETTINGS_MAX_CONCURRENT_STREAMS = 3, SETTINGS_INITIAL_WINDOW_SIZE = 4, SETTING_BYTES = 6 };

static uint32_t be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

bool is_http2_client(const struct http2_reading *r)
{
    return r->from == turns_client(r->talk);
}

/* While nobody knows who asks, nothing is an exchange. */
static struct exchange *exchange_of(const struct http2_reading *r, uint32_t stream)
{
    if (r->talk->client < 0)
        return NULL;
    for (struct exchange *x = r->talk->first; x != NULL; x = x->next)
        if (x->stream_id == stream)
            return x;
    return NULL;
}

/* ---- heads --------------------------------------------------------------------------------------------- */

static bool is_name(const char *name, size_t length, const char *wanted)
{
    return length == strlen(wanted) && memcmp(name, wanted, length) == 0;
}

static void take_method(struct exchange *x, const char *value, size_t length, struct conversation_memory *memory)
{
    static const struct {
        const char *name;
        uint8_t method;
    } methods[] = {
#define METHOD(number, name, string) { #string, number },
        HTTP_METHOD_MAP(METHOD)
#undef METHOD
    };
    if (length == 0 || length > HTTP_METHOD_BYTES)
        return;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (is_name(value, length, methods[i].name)) {
            x->method = methods[i].method;
            return;
        }
    const char *own = intern_text(&memory->names, value, length);
    memory->failed |= own == NULL;
    x->own_method = own != NULL ? own : "";
    x->method = HTTP_METHOD_OWN;
}

static int64_t number_of(const char *value, size_t length)
{
    int64_t number = 0;
    for (size_t i = 0; i < length && i < 18; i++) {
        if (value[i] < '0' || value[i] > '9')
            return -1;
        number = number * 10 + (value[i] - '0');
    }
    return length > 0 && length < 18 ? number : -1;
}

/* Whose head it is. */
struct field_context {
    const struct http2_reading *r;
    struct exchange *x; /* NULL: nobody asks */
};

static void take_pseudo(const struct field_context *c, const char *name, size_t name_length, const char *value, size_t length)
{
    struct conversation_memory *memory = c->r->memory;
    struct exchange *x = c->x;
    if (is_http2_client(c->r)) {
        if (is_name(name, name_length, ":protocol")) { /* RFC 8441 */
            x->websocket = is_name(value, length, "websocket");
        } else if (is_name(name, name_length, ":method")) {
            take_method(x, value, length, memory);
        } else if (is_name(name, name_length, ":path")) {
            struct http_target target = { 0 };
            target_add(&target, value, length, memory->show_query);
            target_take(&target, x, memory);
        } else if (is_name(name, name_length, ":authority")) {
            const struct head_field host = { HEAD_HOST, value, length };
            head_take_field(&host, true, x, c->r->talk, memory);
        }
    } else if (is_name(name, name_length, ":status")) {
        int64_t status = number_of(value, length);
        if (status >= 100 && status < 200)
            c->r->end->block_is_interim = true;
        else if (status > 0 && status < 1000)
            x->status = (uint16_t)status;
    }
}

/* In the middle of a connection: whose heads have such a name. */
static void find_client_by(const struct http2_reading *r, const char *name, size_t length)
{
    if (is_name(name, length, ":status"))
        r->talk->client = (int8_t)!r->from;
    else if (is_name(name, length, ":method") || is_name(name, length, ":path") || is_name(name, length, ":authority"))
        r->talk->client = (int8_t)r->from;
}

/* gRPC tells how a call ended in trailers, or in the only head (its protocol over HTTP/2: Responses). */
static void take_grpc_status(struct exchange *x, const char *value, size_t length)
{
    int64_t status = number_of(value, length);
    if (status >= 0 && status < GRPC_STATUS_NONE)
        x->grpc_status = (uint8_t)status;
}

static void on_field(void *context, const char *name, size_t name_length, const char *value, size_t length)
{
    const struct field_context *c = context;
    if (c->r->talk->client < 0)
        find_client_by(c->r, name, name_length);
    if (c->x != NULL && !is_http2_client(c->r) && is_name(name, name_length, "grpc-status"))
        take_grpc_status(c->x, value, length);
    if (c->x == NULL || name_length == 0 || c->r->end->block_is_trailers)
        return;
    if (name[0] == ':') {
        take_pseudo(c, name, name_length, value, length);
        return;
    }
    const struct head_field field = { head_name_of(name, name_length), value, length };
    bool request = is_http2_client(c->r);
    if (field.name == HEAD_CONTENT_LENGTH)
        *(request ? &c->x->request_body : &c->x->response_body) = number_of(value, length);
    else if (field.name != HEAD_OTHER && field.name < HEAD_FRAMING && field.name != HEAD_CONNECTION && field.name != HEAD_KEEP_ALIVE)
        head_take_field(&field, request, c->x, c->r->talk, c->r->memory);
}

/* ---- exchanges ------------------------------------------------------------------------------------------ */

static void open_stream(const struct http2_reading *r)
{
    struct http2_end *e = r->end;
    const struct http2_frame *f = &e->frame;
    if (f->stream % 2 == 0 || f->stream <= e->newest_stream)
        return;
    e->newest_stream = f->stream;
    struct exchange *x = exchange_new(r->talk, r->memory);
    if (x == NULL)
        return;
    x->stream_id = f->stream;
    http2_windows_open(r, x);
    x->method = HTTP_METHOD_OWN; /* until its head tells */
    x->own_method = "?";
    x->request_seen = true;
    x->overlaps = r->talk->outstanding > 1;
    x->above_limit = r->talk->outstanding > r->h2->end[!r->from].most_streams;
    x->streams_rested_ns = r->h2->stream_ns;
    span_begin(&x->request, &f->begin, f->begin.seq);
    r->talk->requests++;
    r->talk->notes |= NOTE_REQUEST;
    if (r->talk->outstanding > r->h2->peak_streams)
        r->h2->peak_streams = r->talk->outstanding;
}

/* In the middle of a connection: a stream whose request went by before. */
static struct exchange *stream_from_before(const struct http2_reading *r)
{
    const struct http2_end *client = &r->h2->end[!r->from];
    const struct http2_frame *f = &r->end->frame;
    if (!(r->talk->mid_stream || client->lost) || f->stream % 2 == 0 || f->stream <= client->newest_stream)
        return NULL;
    r->h2->end[!r->from].newest_stream = f->stream;
    struct exchange *x = exchange_new(r->talk, r->memory);
    if (x == NULL)
        return NULL;
    x->stream_id = f->stream;
    http2_windows_open(r, x);
    return x;
}

static void answer(const struct http2_reading *r, struct exchange *x)
{
    if (x->response_seen)
        return;
    x->response_seen = true;
    span_begin(&x->response, &r->end->frame.begin, r->end->frame.begin.seq);
    r->talk->notes |= NOTE_RESPONSE;
}

static void extend(const struct http2_reading *r, struct exchange *x, uint32_t end_seq)
{
    if (is_http2_client(r) && x->request_seen && !x->request_complete)
        span_extend(&x->request, r->chunk, end_seq);
    else if (!is_http2_client(r) && x->response_seen)
        span_extend(&x->response, r->chunk, end_seq);
}

/* END_STREAM: its sender has nothing more to say. */
static void end_side(const struct http2_reading *r, struct exchange *x)
{
    if (is_http2_client(r)) {
        x->request_complete = x->request_seen;
        return;
    }
    x->response_complete = true;
    r->talk->notes |= NOTE_RESPONSE_COMPLETE;
    exchange_retire(r->talk, r->memory, x);
}

static void end_block(const struct http2_reading *r)
{
    struct http2_end *e = r->end;
    struct exchange *x = exchange_of(r, e->block_stream);
    e->in_block = false;
    if (e->block_ends_stream)
        http2_websocket_ends(r, e->block_stream);
    if (x == NULL)
        return;
    if (is_http2_client(r)) {
        x->request_head = true;
    } else if (e->block_is_interim) {
        x->interim += x->interim < UINT8_MAX;
        return;
    } else if (!x->response_head && x->status == 0 && !e->block_ends_stream) {
        x->response_lost = true; /* what could not be read may have been an interim response, or the final one */
        return;
    } else {
        x->response_head = true;
    }
    /* A tunnel (section 8.5, RFC 8441) ends when its ends like. */
    bool tunnel = !is_http2_client(r) && x->method == HTTP_CONNECT && x->status >= 200 && x->status < 300;
    x->upgraded |= tunnel;
    if (tunnel && x->websocket)
        http2_websocket_begins(r, e->block_stream);
    if (e->block_ends_stream || tunnel)
        end_side(r, x);
}

/* ---- header blocks: which client, before its HEADERS are ours ------------------------------------------ */

/* In the middle of a connection: the first field of a request is one of :method, :path, :scheme, :authority, that of a response
 * :status, from the static table (RFC 7541 appendix A) as nearly everybody writes them. */
static void find_client(const struct http2_reading *r, uint8_t first)
{
    if ((first & 0xe0) == 0x20)
        return; /* the size of the table */
    uint8_t index = first & 0x80 ? first & 0x7f : first & 0x40 ? first & 0x3f : first & 0x0f;
    if (r->talk->client >= 0 || index == 0)
        return;
    if (index <= 7)
        r->talk->client = (int8_t)r->from;
    else if (index <= 14)
        r->talk->client = (int8_t)!r->from;
}

static void feed_block(const struct http2_reading *r, const uint8_t *bytes, uint32_t length)
{
    struct http2_end *e = r->end;
    if (bytes == NULL) {
        http2_headers_miss(&e->headers, false);
        return;
    }
    bool nobody_knew = r->talk->client < 0;
    struct field_context context = { r, exchange_of(r, e->block_stream) };
    if (!http2_headers_feed(&e->headers, &r->memory->inflaters_left, bytes, length, false, on_field, &context))
        r->memory->failed = true;
    e->role_found |= nobody_knew && r->talk->client >= 0;
}

/* ---- frames -------------------------------------------------------------------------------------------- */

/* The exchange that a head belongs to. Who asks may be told only by what is in it. */
static void begin_head(const struct http2_reading *r)
{
    struct http2_end *e = r->end;
    if (r->talk->client < 0 || e->block_stream == 0)
        return;
    if (is_http2_client(r))
        open_stream(r);
    struct exchange *x = exchange_of(r, e->block_stream);
    if (!is_http2_client(r) && x == NULL)
        x = stream_from_before(r);
    if (x == NULL) { /* an answer to what was not seen: the request may be handed on behind a gap, later */
        bool upgrade = e->block_stream == 1 && r->talk->done != NULL && r->talk->done->upgraded; /* its request was one of HTTP/1 */
        r->talk->unsure |= !is_http2_client(r) && !upgrade && e->block_stream % 2 == 1 &&
                           e->block_stream > r->h2->end[!r->from].newest_stream;
        return;
    }
    e->block_is_trailers = is_http2_client(r) ? x->request_head : x->response_head;
    if (!is_http2_client(r))
        answer(r, x);
}

static void begin_block(const struct http2_reading *r)
{
    struct http2_end *e = r->end;
    const struct http2_frame *f = &e->frame;
    e->block_stream = f->type == HTTP2_PUSH_PROMISE ? 0 : f->stream;
    e->block_ends_stream = f->type == HTTP2_HEADERS && f->flags & END_STREAM;
    e->block_is_interim = false;
    e->in_block = !(f->flags & END_HEADERS);
    begin_head(r);
}

void http2_frame_begins(const struct http2_reading *r)
{
    const struct http2_frame *f = &r->end->frame;
    if (f->type == HTTP2_HEADERS || f->type == HTTP2_PUSH_PROMISE)
        begin_block(r);
    if (f->type == HTTP2_HEADERS || f->type == HTTP2_DATA) {
        r->talk->notes |= NOTE_STREAM;
        for (int i = 0; i < 2; i++) {
            r->h2->end[i].data_since_ping = true;
            r->h2->end[i].pings = 0;
            r->h2->end[i].shortest_ping_ns = INT64_MAX;
        }
        r->h2->stream_ns = r->chunk->ts_ns;
    }
    if (f->type == HTTP2_CONTINUATION)
        r->end->in_block = !(f->flags & END_HEADERS);
    struct exchange *x = f->stream != 0 ? exchange_of(r, f->stream) : NULL;
    if (x != NULL && (f->type == HTTP2_HEADERS || f->type == HTTP2_DATA || f->type == HTTP2_CONTINUATION))
        extend(r, x, f->end_seq);
}

static void take_setting(const struct http2_reading *r, const uint8_t *bytes)
{
    uint32_t value = be32(bytes + 2);
    unsigned id = (unsigned)bytes[0] << 8 | bytes[1];
    if (id == SETTINGS_MAX_CONCURRENT_STREAMS)
        r->end->most_streams = value;
    else if (id == SETTINGS_HEADER_TABLE_SIZE)
        r->h2->end[!r->from].headers.wanted_bytes = value;
    else if (id == SETTINGS_INITIAL_WINDOW_SIZE)
        http2_windows_initial(r, value);
}

/* Keeps the first bytes, or one setting after the other. Returns how many of the bytes went there. */
static uint32_t keep(const struct http2_reading *r, const uint8_t *bytes, uint32_t length)
{
    struct http2_frame *f = &r->end->frame;
    bool settings = f->type == HTTP2_SETTINGS;
    uint32_t room = settings ? SETTING_BYTES : f->front > 0 || f->type == HTTP2_DATA || f->type == HTTP2_HEADERS ? f->front : HTTP2_KEPT_BYTES;
    uint32_t taken = 0;
    while (taken < length && f->kept_bytes < room) {
        f->kept[f->kept_bytes++] = bytes != NULL ? bytes[taken] : 0;
        taken++;
        r->h2->windows_torn |= settings && f->torn;
        if (settings && f->kept_bytes == SETTING_BYTES) {
            if (!f->torn)
                take_setting(r, f->kept);
            f->kept_bytes = 0;
        }
    }
    if (f->front > 0 && f->kept_bytes == f->front && f->flags & PADDED)
        f->padding = f->kept[0];
    return taken;
}

void http2_frame_goes_on(const struct http2_reading *r, const uint8_t *bytes, uint32_t length)
{
    struct http2_end *e = r->end;
    struct http2_frame *f = &e->frame;
    bool block = f->type == HTTP2_HEADERS || f->type == HTTP2_CONTINUATION || f->type == HTTP2_PUSH_PROMISE;
    uint32_t kept = f->type == HTTP2_CONTINUATION ? 0 : keep(r, bytes, length), padded = f->left < f->padding ? f->padding - f->left : 0;
    if (block || f->type == HTTP2_DATA)
        r->talk->notes |= NOTE_STREAM;
    uint32_t data = length - kept;
    data -= padded < data ? padded : data;
    if (block && data > 0) {
        if (bytes != NULL && r->talk->client < 0 && f->type == HTTP2_HEADERS) {
            find_client(r, bytes[kept]);
            if (r->talk->client >= 0)
                begin_head(r);
        }
        feed_block(r, bytes != NULL ? bytes + kept : NULL, data);
    }
    if (r->h2->websockets != NULL && f->type == HTTP2_DATA && data > 0)
        http2_websocket_data(r, f->stream, bytes != NULL ? bytes + kept : NULL, data);
    struct exchange *x = f->stream != 0 ? exchange_of(r, f->stream) : NULL;
    if (x == NULL)
        return;
    if (block || f->type == HTTP2_DATA)
        extend(r, x, f->end_seq);
    if (f->type == HTTP2_DATA && !is_http2_client(r))
        x->response_body_seen += data;
}

static void end_headers(const struct http2_reading *r)
{
    struct http2_end *e = r->end;
    if (e->in_block)
        return;
    struct field_context context = { r, exchange_of(r, e->block_stream) };
    bool nobody_knew = r->talk->client < 0;
    if (!http2_headers_feed(&e->headers, &r->memory->inflaters_left, (const uint8_t *)"", 0, true, on_field, &context))
        r->memory->failed = true;
    if (e->role_found || (nobody_knew && r->talk->client >= 0))
        begin_head(r);
    e->role_found = false;
    end_block(r);
}

static void end_data(const struct http2_reading *r)
{
    struct exchange *x = exchange_of(r, r->end->frame.stream);
    http2_windows_data(r, x, r->end->frame.length);
    if (r->end->frame.flags & END_STREAM)
        http2_websocket_ends(r, r->end->frame.stream);
    if (x != NULL && r->end->frame.flags & END_STREAM)
        end_side(r, x);
}

static void end_window_update(const struct http2_reading *r)
{
    const struct http2_frame *f = &r->end->frame;
    struct exchange *x = exchange_of(r, f->stream);
    r->h2->windows_torn |= f->torn;
    if (!f->torn && (f->stream == 0 || x != NULL))
        http2_windows_update(r, f->stream == 0 ? NULL : x, be32(f->kept) & INT32_MAX);
}

static void end_rst_stream(const struct http2_reading *r)
{
    const struct http2_frame *f = &r->end->frame;
    struct exchange *x = exchange_of(r, f->stream);
    r->h2->stream_ns = r->chunk->ts_ns;
    r->talk->notes |= NOTE_RST_STREAM;
    http2_websocket_ends(r, f->stream);
    if (x == NULL)
        return;
    http2_windows_reset(r, x);
    r->h2->taken_back_ns = r->chunk->ts_ns;
    x->reset_by_client = is_http2_client(r);
    x->reset_by_server = !is_http2_client(r);
    r->h2->early_resets += x->reset_by_client && x->request_seen && r->chunk->ts_ns - x->request.first_ns < HTTP2_EARLY_RESET_NS;
    uint32_t code = f->torn ? STREAM_RESET_OTHER : be32(f->kept);
    x->reset_code = (uint8_t)(http2_error_name(code) != NULL ? code : STREAM_RESET_OTHER);
    x->reset_ns = r->chunk->ts_ns;
    x->reset_frame = r->chunk->frame;
    x->reset_capture = r->chunk->capture;
    exchange_end_reset(r->talk, r->memory, x);
}

static void end_settings(const struct http2_reading *r)
{
    struct http2_end *e = r->end;
    if (e->frame.flags & ACK && !r->h2->end[!r->from].closed)
        unanswered_answer(&r->h2->end[!r->from].settings, r->chunk);
    else if (!(e->frame.flags & ACK))
        unanswered_ask(&e->settings, r->chunk);
}

static void end_ping(const struct http2_reading *r)
{
    struct http2_end *e = r->end;
    if (e->frame.flags & ACK) {
        if (!r->h2->end[!r->from].closed)
            unanswered_answer(&r->h2->end[!r->from].ping, r->chunk);
        return;
    }
    unanswered_ask(&e->ping, r->chunk);
    int64_t now = r->chunk->ts_ns;
    if (!e->data_since_ping && e->last_ping_ns != 0 && now - e->last_ping_ns < e->shortest_ping_ns)
        e->shortest_ping_ns = now - e->last_ping_ns;
    e->pings += !e->data_since_ping;
    e->data_since_ping = false;
    e->last_ping_ns = now;
}

/* How long no stream has gone by, as the end knew it that sends this frame: requests that cross it do not count. */
static int64_t rest_of_streams(const struct http2_reading *r)
{
    const struct tcp_chunk *begin = &r->end->frame.begin;
    int64_t last_ns = r->h2->stream_ns;
    for (const struct exchange *x = r->talk->first; x != NULL; x = x->next) {
        bool known = is_http2_client(r) || begin->ack == 0 || seq_lt(x->request.seq, begin->ack);
        if (known)
            return 0;
        last_ns = x->streams_rested_ns < last_ns ? x->streams_rested_ns : last_ns;
    }
    return last_ns != 0 ? begin->ts_ns - last_ns : -1;
}

/* Which of the known ones does it begin with? */
static enum goaway_text text_of_goaway(const uint8_t *bytes, int length)
{
    for (int text = 0; goaway_text_names[text] != NULL; text++) {
        int known = (int)strlen(goaway_text_names[text]);
        if (length >= known && memcmp(bytes, goaway_text_names[text], (size_t)known) == 0)
            return (enum goaway_text)text;
    }
    return GOAWAY_TEXT_OTHER;
}

static void end_goaway(const struct http2_reading *r)
{
    struct http2_end *e = r->end;
    enum { GOAWAY_BYTES = 8 };
    if (e->frame.torn)
        return;
    r->talk->notes |= NOTE_GOAWAY;
    const struct http2_goaway before = e->goaway;
    const bool first = before.count == 0;
    const int64_t rest_ns = first ? rest_of_streams(r) : 0;
    const uint32_t code = be32(e->frame.kept + 4);
    const bool first_error = code != HTTP2_NO_ERROR && before.error_ns == 0;
    e->goaway = (struct http2_goaway){
        .last_stream = be32(e->frame.kept) & INT32_MAX,
        .code = code,
        .end_seq = e->frame.end_seq,
        .ns = e->frame.begin.ts_ns,
        .frame = e->frame.begin.frame,
        .capture = e->frame.begin.capture,
        .count = (uint8_t)(before.count + (before.count < UINT8_MAX)),
        .has_text = e->frame.length > GOAWAY_BYTES,
        .text = (uint8_t)text_of_goaway(e->frame.kept + GOAWAY_BYTES, e->frame.kept_bytes - GOAWAY_BYTES),
        .first_ns = first ? e->frame.begin.ts_ns : before.first_ns,
        .first_code = first ? code : before.first_code,
        .first_end_seq = first ? e->frame.end_seq : before.first_end_seq,
        .first_rest_ns = first ? rest_ns : before.first_rest_ns,
        .error_ns = first_error ? e->frame.begin.ts_ns : before.error_ns,
        .error_end_seq = first_error ? e->frame.end_seq : before.error_end_seq,
    };
}

void http2_frame_ends(const struct http2_reading *r)
{
    static void (*const ends[])(const struct http2_reading *r) = {
        [HTTP2_DATA] = end_data,           [HTTP2_HEADERS] = end_headers, [HTTP2_RST_STREAM] = end_rst_stream,
        [HTTP2_SETTINGS] = end_settings, [HTTP2_PUSH_PROMISE] = end_headers, [HTTP2_PING] = end_ping,       [HTTP2_GOAWAY] = end_goaway,
        [HTTP2_CONTINUATION] = end_headers, [HTTP2_WINDOW_UPDATE] = end_window_update,
    };
    uint8_t type = r->end->frame.type;
    if (type < sizeof ends / sizeof *ends && ends[type] != NULL)
        ends[type](r);
}

void http2_streams_lost(const struct http2_reading *r)
{
    http2_websockets_lost(r);
    for (struct exchange *x = r->talk->first; x != NULL; x = x->next) {
        if (is_http2_client(r))
            x->request_lost |= !x->request_complete;
        else
            x->response_lost = true;
    }
}
