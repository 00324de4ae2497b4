#include "http/http_conn.h"

#include <string.h>

#include "base/seq.h"
#include "http/detect.h"
#include "http/exchanges.h"
#include "http/head.h"

/* A message while it is being read. */
struct http_parse {
    llhttp_t parser;
    struct http_head *head; /* NULL when it is complete */
    uint64_t chunk_left;
    bool head_done;
    bool interim;           /* a response that is 1xx */
    bool in_chunk;          /* within the data of a body chunk */
};

/* The bytes that one call hands in. */
struct feeding {
    struct http_conn *http;
    struct http_memory *memory;
    struct http_stream *stream;
    const struct tcp_chunk *chunk;
    unsigned from;
};

static llhttp_settings_t parser_settings(void);

void http_memory_init(struct http_memory *memory, bool show_query, size_t parts)
{
    slab_init(&memory->exchanges, sizeof(struct http_exchange));
    slab_init(&memory->parses, sizeof(struct http_parse));
    slab_init(&memory->heads, sizeof(struct http_head));
    text_pool_init(&memory->texts);
    intern_init(&memory->names, INTERN_MAX_TEXTS / parts);
    memory->settings = parser_settings();
    for (int request = 0; request < 2; request++) {
        llhttp_t *parser = &memory->fresh[request];
        llhttp_init(parser, request ? HTTP_REQUEST : HTTP_RESPONSE, &memory->settings);
        /* An observer reads what others accept; refusing is the endpoints' business. */
        llhttp_set_lenient_headers(parser, 1);
        llhttp_set_lenient_chunked_length(parser, 1);
        llhttp_set_lenient_keep_alive(parser, 1);
        llhttp_set_lenient_transfer_encoding(parser, 1);
    }
    memory->show_query = show_query;
}

void http_memory_free(struct http_memory *memory)
{
    slab_free(&memory->exchanges);
    slab_free(&memory->parses);
    slab_free(&memory->heads);
    text_pool_free(&memory->texts);
    intern_free(&memory->names);
}

void http_conn_init(struct http_conn *http, int client, bool mid_stream)
{
    http->client = (int8_t)client;
    http->mid_stream = mid_stream;
    http->server_software = http->client_software = "";
}

/* ---- where messages lie ---------------------------------------------------------------- */

static struct http_span *span_of(struct http_stream *stream)
{
    if (stream->exchange == NULL)
        return NULL;
    return stream->is_request ? &stream->exchange->request : &stream->exchange->response;
}

static void span_begin(struct http_span *span, const struct tcp_chunk *chunk, uint32_t seq)
{
    *span = (struct http_span){
        .seq = seq,
        .end_seq = seq,
        .ack = chunk->ack,
        .first_frame = chunk->frame,
        .first_capture = chunk->capture,
        .first_ns = chunk->ts_ns,
    };
}

static void span_extend(const struct feeding *f, uint32_t end_seq)
{
    struct http_span *span = span_of(f->stream);
    if (span == NULL)
        return;
    span->end_seq = end_seq;
    if (end_seq - span->seq > HTTP_SPAN_BYTES) /* sequence numbers wrap: the begin must stay behind the end */
        span->seq = end_seq - HTTP_SPAN_BYTES;
    /* Bytes that waited behind a hole are older than those that filled it. */
    if (span->last_frame != 0 && f->chunk->ts_ns < span->last_ns)
        return;
    span->last_frame = f->chunk->frame;
    span->last_capture = f->chunk->capture;
    span->last_ns = f->chunk->ts_ns;
}

/* ---- llhttp's callbacks: parser->data is the feeding --------------------------------------- */

static int on_target(llhttp_t *parser, const char *at, size_t length)
{
    const struct feeding *f = parser->data;
    if (f->stream->parse->head != NULL)
        head_add_target(f->stream->parse->head, at, length, f->memory->show_query);
    return 0;
}

static int on_target_complete(llhttp_t *parser)
{
    const struct feeding *f = parser->data;
    if (f->stream->parse->head != NULL && f->stream->exchange != NULL)
        head_take_target(f->stream->parse->head, f->stream->exchange, f->memory);
    return 0;
}

static int on_field_name(llhttp_t *parser, const char *at, size_t length)
{
    const struct feeding *f = parser->data;
    if (f->stream->parse->head != NULL)
        head_add_name(f->stream->parse->head, at, length);
    return 0;
}

static int on_field_value(llhttp_t *parser, const char *at, size_t length)
{
    const struct feeding *f = parser->data;
    if (f->stream->parse->head != NULL)
        head_add_value(f->stream->parse->head, at, length);
    return 0;
}

static int on_field_complete(llhttp_t *parser)
{
    const struct feeding *f = parser->data;
    struct http_stream *stream = f->stream;
    if (stream->parse->head != NULL && stream->exchange != NULL)
        head_take_field(stream->parse->head, stream->is_request, stream->exchange, f->http,
                        f->memory);
    return 0;
}

/* What llhttp is told about the body (api.h: on_headers_complete). */
enum body { BODY_AS_FRAMED = 0, BODY_NONE = 1, BODY_UPGRADE = 2 };

static enum body request_head_complete(const struct feeding *f)
{
    const struct http_stream *stream = f->stream;
    const llhttp_t *parser = &stream->parse->parser;
    struct http_exchange *x = stream->exchange;
    x->request_head = true;
    x->method = parser->method;
    if (parser->flags & F_CONTENT_LENGTH)
        x->request_body = (int64_t)(parser->content_length & INT64_MAX);
    if (parser->http_major == 1 && parser->http_minor == 0 &&
        !(parser->flags & F_CONNECTION_KEEP_ALIVE))
        x->request_close = true;
    if (x->expect_continue)
        x->body_wait_ns = f->chunk->ts_ns;
    return BODY_AS_FRAMED;
}

/* RFC 9110 section 10.1.1: the client waits for 100 (Continue), but not for ever. */
static void begin_body(struct http_exchange *x, const struct tcp_chunk *chunk)
{
    x->body_begun = true;
    x->body_answered = x->response_seen;
    x->body_wait_ns = chunk->bytes != NULL ? chunk->ts_ns - x->body_wait_ns : -1;
}

static enum body response_head_complete(struct http_stream *stream)
{
    const llhttp_t *parser = &stream->parse->parser;
    struct http_exchange *x = stream->exchange;
    uint16_t status = parser->status_code;
    stream->parse->interim = status >= 100 && status < 200 && status != 101;
    if (stream->parse->interim) {
        x->interim += x->interim < UINT16_MAX;
        return BODY_NONE;
    }
    x->response_head = true;
    x->status = status;
    if (parser->http_major == 1 && parser->http_minor == 0 &&
        !(parser->flags & F_CONNECTION_KEEP_ALIVE))
        x->response_close = true;
    if (status == 101 || (x->request_seen && x->method == HTTP_CONNECT && status / 100 == 2)) {
        x->upgraded = true;
        return BODY_UPGRADE;
    }
    if (x->method == HTTP_HEAD && x->request_seen)
        return BODY_NONE;
    if (status == 204 || status == 304)
        return BODY_NONE;
    /* RFC 9112 section 6.3: Transfer-Encoding overrides Content-Length; without a last coding
     * chunked the body ends with the connection. */
    x->chunked = parser->flags & F_CHUNKED;
    bool announced = parser->flags & F_CONTENT_LENGTH && !(parser->flags & F_TRANSFER_ENCODING);
    if (!x->chunked && announced)
        x->response_body = (int64_t)(parser->content_length & INT64_MAX);
    x->close_delimited = !x->chunked && !announced;
    return BODY_AS_FRAMED;
}

static int on_head_complete(llhttp_t *parser)
{
    const struct feeding *f = parser->data;
    struct http_stream *stream = f->stream;
    stream->parse->head_done = true;
    if (stream->parse->head != NULL)
        slab_give(&f->memory->heads, stream->parse->head);
    stream->parse->head = NULL;
    if (stream->exchange == NULL)
        return BODY_AS_FRAMED;
    return stream->is_request ? request_head_complete(f) : response_head_complete(stream);
}

static int on_chunk_header(llhttp_t *parser)
{
    struct http_parse *parse = ((const struct feeding *)parser->data)->stream->parse;
    parse->chunk_left = parser->content_length;
    parse->in_chunk = parse->chunk_left > 0;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    (void)at;
    const struct feeding *f = parser->data;
    const struct http_stream *stream = f->stream;
    struct http_parse *parse = stream->parse;
    if (parse->in_chunk) {
        parse->chunk_left -= length < parse->chunk_left ? length : parse->chunk_left;
        parse->in_chunk = parse->chunk_left > 0;
    }
    struct http_exchange *x = stream->exchange;
    if (!stream->is_request && x != NULL)
        x->response_body_seen += length;
    else if (x != NULL && x->expect_continue && !x->body_begun)
        begin_body(x, f->chunk);
    return 0;
}

/* Stops the parser behind each message: every message gets a fresh one. */
static int on_message_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static llhttp_settings_t parser_settings(void)
{
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_url = on_target;
    settings.on_url_complete = on_target_complete;
    settings.on_header_field = on_field_name;
    settings.on_header_value = on_field_value;
    settings.on_header_value_complete = on_field_complete;
    settings.on_headers_complete = on_head_complete;
    settings.on_chunk_header = on_chunk_header;
    settings.on_body = on_body;
    settings.on_message_complete = on_message_complete;
    return settings;
}

/* ---- messages -------------------------------------------------------------------------- */

static void begin_request(const struct feeding *f, uint32_t seq)
{
    struct http_exchange *x = exchange_answered_already(f->http, seq);
    f->stream->exchange = x != NULL ? x : exchange_new(f->http, f->memory);
    f->http->requests++;
    f->http->notes |= HTTP_NOTE_REQUEST;
    if (f->stream->exchange != NULL) {
        f->stream->exchange->request_seen = true;
        span_begin(&f->stream->exchange->request, f->chunk, seq);
    }
}

/* After an interim response the final one belongs to the same exchange. */
static void begin_response(const struct feeding *f, uint32_t seq)
{
    f->stream->exchange = exchange_answered_by(f->http, f->memory, f->chunk);
    f->http->notes |= HTTP_NOTE_RESPONSE;
    if (f->stream->exchange != NULL && !f->stream->exchange->response_seen) {
        f->stream->exchange->response_seen = true;
        span_begin(&f->stream->exchange->response, f->chunk, seq);
    }
}

/* false: no memory. */
static bool begin_message(const struct feeding *f, uint32_t seq)
{
    struct http_stream *stream = f->stream;
    struct http_head *head = slab_take(&f->memory->heads);
    struct http_parse *parse = head != NULL ? slab_take(&f->memory->parses) : NULL;
    if (parse == NULL) {
        f->memory->failed = true;
        return false;
    }
    stream->parse = parse;
    stream->is_request = f->http->client == (int)f->from;
    stream->parse->parser = f->memory->fresh[stream->is_request];
    stream->parse->head = head;
    if (stream->is_request)
        begin_request(f, seq);
    else
        begin_response(f, seq);
    return true;
}

static void drop_parse(struct http_stream *stream, struct http_memory *memory)
{
    if (stream->parse == NULL)
        return;
    if (stream->parse->head != NULL)
        slab_give(&memory->heads, stream->parse->head);
    slab_give(&memory->parses, stream->parse);
    stream->parse = NULL;
}

static void end_message(struct http_conn *http, struct http_memory *memory, unsigned from)
{
    struct http_stream *stream = &http->stream[from];
    struct http_exchange *x = stream->exchange;
    bool interim = stream->parse->interim;
    drop_parse(stream, memory);
    stream->exchange = NULL;
    if (x == NULL)
        return;
    if (stream->is_request) {
        x->request_complete = true;
        return;
    }
    if (interim)
        return;
    x->response_complete = true;
    http->notes |= HTTP_NOTE_RESPONSE_COMPLETE;
    if (x->upgraded) {
        http->notes |= HTTP_NOTE_UPGRADE;
        http->stream[0].mode = http->stream[1].mode = HTTP_MODE_TUNNEL;
    }
    exchange_retire(http, memory, x);
}

static void lose_thread(const struct feeding *f)
{
    struct http_stream *stream = f->stream;
    stream->mode = HTTP_MODE_LOST;
    stream->lost_bytes = true;
    drop_parse(stream, f->memory);
    if (stream->exchange == NULL)
        return;
    if (stream->is_request)
        stream->exchange->request_lost = true;
    else
        stream->exchange->response_lost = true;
    stream->exchange = NULL;
}

/* llhttp refuses the bytes. Before the first message is read, this is not HTTP at all. */
static void refuse(const struct feeding *f)
{
    struct http_conn *http = f->http;
    http->errors++;
    bool http_seen = http->exchanges > 0 || http->mid_stream || f->stream->parse->head_done ||
                     (http->first != NULL && (http->first->request_head ||
                                              http->first->response_head));
    if (!http_seen) {
        http->protocol = HTTP_PROTOCOL_OPAQUE;
        http->stream[0].mode = http->stream[1].mode = HTTP_MODE_OPAQUE;
        return;
    }
    lose_thread(f);
}

static bool message_ended(const struct http_stream *stream)
{
    llhttp_errno_t result = llhttp_get_errno(&stream->parse->parser);
    return result == HPE_PAUSED || result == HPE_PAUSED_UPGRADE;
}

/* Feeds bytes of the current message; returns how many were used: fewer when it ended. */
static size_t feed(struct feeding *f, const uint8_t *bytes, size_t length)
{
    llhttp_t *parser = &f->stream->parse->parser;
    parser->data = f;
    llhttp_errno_t result = llhttp_execute(parser, (const char *)bytes, length);
    parser->data = NULL;
    if (result == HPE_OK)
        return length;
    if (result == HPE_PAUSED || result == HPE_PAUSED_UPGRADE) /* an upgrade that was only asked for */
        return (size_t)(llhttp_get_error_pos(parser) - (const char *)bytes); /* is no upgrade */
    refuse(f);
    return length;
}

static void feed_messages(struct feeding *f)
{
    const struct tcp_chunk *chunk = f->chunk;
    struct http_stream *stream = f->stream;
    size_t at = 0;
    while (at < chunk->length && stream->mode == HTTP_MODE_MESSAGES) {
        if (stream->parse == NULL) {
            /* RFC 9112 section 2.2: empty lines before a message are ignored. */
            while (at < chunk->length && (chunk->bytes[at] == '\r' || chunk->bytes[at] == '\n'))
                at++;
            if (at == chunk->length)
                return;
            if (f->http->client == (int)f->from && f->http->outstanding >= HTTP_MAX_OUTSTANDING) {
                f->http->errors++;
                lose_thread(f);
                return;
            }
            if (!begin_message(f, chunk->seq + (uint32_t)at))
                return;
        }
        at += feed(f, chunk->bytes + at, chunk->length - at);
        if (stream->mode != HTTP_MODE_MESSAGES || stream->parse == NULL)
            return;
        span_extend(f, chunk->seq + (uint32_t)at);
        if (message_ended(stream))
            end_message(f->http, f->memory, f->from);
    }
}

/* Bytes of a body that were not captured. llhttp only counts body bytes: all but the last are taken off
 * its count, and any byte stands for the last, which may end the message. */
static void bridge(struct feeding *f, uint64_t length, bool counted)
{
    struct http_stream *stream = f->stream;
    uint64_t skipped = length - 1;
    if (counted)
        stream->parse->parser.content_length -= skipped;
    if (stream->parse->in_chunk)
        stream->parse->chunk_left -= skipped;
    if (!stream->is_request && stream->exchange != NULL)
        stream->exchange->response_body_seen += skipped;
    feed(f, (const uint8_t *)"x", 1);
}

static void feed_gap(struct feeding *f)
{
    struct http_stream *stream = f->stream;
    const struct tcp_chunk *chunk = f->chunk;
    const struct http_exchange *x = stream->exchange;
    const struct http_parse *parse = stream->parse;
    if (parse == NULL || !parse->head_done || x == NULL) {
        lose_thread(f);
        return;
    }
    bool until_close = !stream->is_request && x->close_delimited;
    bool counted = !(parse->parser.flags & F_CHUNKED) && parse->parser.flags & F_CONTENT_LENGTH;
    uint64_t left = parse->in_chunk ? parse->chunk_left
                    : until_close   ? UINT64_MAX
                    : counted       ? parse->parser.content_length
                                    : 0;
    if (left == 0 || (parse->in_chunk && chunk->length > left)) {
        lose_thread(f);
        return;
    }
    uint64_t within = chunk->length < left ? chunk->length : left;
    bridge(f, within, !until_close || parse->in_chunk);
    span_extend(f, chunk->seq + (uint32_t)within);
    if (stream->parse == NULL || !message_ended(stream))
        return;
    end_message(f->http, f->memory, f->from);
    if (within < chunk->length)
        lose_thread(f); /* the next message began within the gap */
}

/* ---- the connection -------------------------------------------------------------------- */

static void become_opaque(struct http_conn *http, enum http_protocol protocol)
{
    http->protocol = (uint8_t)protocol;
    http->stream[0].mode = http->stream[1].mode = HTTP_MODE_OPAQUE;
}

/* The first bytes of a direction, or the first after the thread was lost. */
static void start(struct http_conn *http, unsigned from, const struct tcp_chunk *chunk)
{
    struct http_stream *stream = &http->stream[from];
    size_t empty = 0; /* empty lines before a message, RFC 9112 section 2.2 */
    while (empty < chunk->length && (chunk->bytes[empty] == '\r' || chunk->bytes[empty] == '\n'))
        empty++;
    if (empty == chunk->length)
        return;
    bool request = detect_request(chunk->bytes + empty, chunk->length - empty);
    bool response = detect_response(chunk->bytes + empty, chunk->length - empty);
    if (http->client < 0 && (request != response))
        http->client = (int8_t)(request ? from : !from);
    bool fits = http->client == (int)from ? request : response;
    if (http->client >= 0 && fits && (http->protocol == HTTP_PROTOCOL_NONE ||
                                      http->protocol == HTTP_PROTOCOL_HTTP1)) {
        http->protocol = HTTP_PROTOCOL_HTTP1;
        stream->mode = HTTP_MODE_MESSAGES;
        return;
    }
    bool lost = stream->mode == HTTP_MODE_LOST || http->mid_stream || stream->lost_bytes;
    enum http_protocol protocol = detect_protocol(chunk->bytes, chunk->length);
    if (http->protocol == HTTP_PROTOCOL_NONE && protocol != HTTP_PROTOCOL_HTTP1 &&
        (!lost || protocol != HTTP_PROTOCOL_OPAQUE)) {
        become_opaque(http, protocol);
        return;
    }
    if (!lost && http->protocol == HTTP_PROTOCOL_HTTP1)
        http->errors++; /* the other end speaks HTTP, this one something else */
    stream->mode = HTTP_MODE_LOST;
}

void http_input(struct http_conn *http, struct http_memory *memory, unsigned from,
                const struct tcp_chunk *chunk)
{
    struct http_stream *stream = &http->stream[from];
    struct feeding feeding = { http, memory, stream, chunk, from };
    if (http->protocol == HTTP_PROTOCOL_TLS) {
        tls_input(&stream->tls, chunk);
    } else if (chunk->bytes == NULL) {
        if (stream->mode == HTTP_MODE_MESSAGES) {
            feed_gap(&feeding);
        } else if (stream->mode == HTTP_MODE_START) {
            stream->mode = HTTP_MODE_LOST;
            stream->lost_bytes = true;
        }
    } else {
        if (stream->mode == HTTP_MODE_START || stream->mode == HTTP_MODE_LOST)
            start(http, from, chunk);
        if (stream->mode == HTTP_MODE_MESSAGES)
            feed_messages(&feeding);
        else if (http->protocol == HTTP_PROTOCOL_TLS)
            tls_input(&stream->tls, chunk);
    }
}

void http_finish(struct http_conn *http, struct http_memory *memory, unsigned from)
{
    struct http_stream *stream = &http->stream[from];
    struct http_exchange *x = stream->exchange;
    if (http->protocol == HTTP_PROTOCOL_TLS || stream->parse == NULL || stream->is_request || x == NULL || !x->response_head ||
        !x->close_delimited)
        return;
    end_message(http, memory, from);
}

void http_conn_free(struct http_conn *http, struct http_memory *memory)
{
    while (http->first != NULL) {
        struct http_exchange *next = http->first->next;
        exchange_give(memory, http->first);
        http->first = next;
    }
    if (http->done != NULL)
        exchange_give(memory, http->done);
    for (int i = 0; i < 2 && http->protocol != HTTP_PROTOCOL_TLS; i++)
        drop_parse(&http->stream[i], memory);
}

const char *http_method_name(uint8_t method)
{
    return llhttp_method_name((llhttp_method_t)method);
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

const char *http_protocol_name(enum http_protocol protocol)
{
    static const char *const names[] = {
        [HTTP_PROTOCOL_NONE] = "none",   [HTTP_PROTOCOL_HTTP1] = "http1",
        [HTTP_PROTOCOL_TLS] = "tls",     [HTTP_PROTOCOL_HTTP2] = "http2",
        [HTTP_PROTOCOL_OPAQUE] = "opaque",
    };
    return names[protocol];
}
