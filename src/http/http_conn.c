#include "http/http_conn.h"

#include <string.h>

#include "base/seq.h"
#include "http/detect.h"
#include "http/head.h"

static llhttp_settings_t parser_settings(void);

void http_memory_init(struct http_memory *memory, bool show_query)
{
    slab_init(&memory->exchanges, sizeof(struct http_exchange));
    slab_init(&memory->heads, sizeof(struct http_head));
    slab_init(&memory->software, sizeof(struct http_software));
    memory->settings = parser_settings();
    memory->show_query = show_query;
}

void http_memory_free(struct http_memory *memory)
{
    slab_free(&memory->exchanges);
    slab_free(&memory->heads);
    slab_free(&memory->software);
}

void http_conn_init(struct http_conn *http, int client, bool mid_stream)
{
    http->client = (int8_t)client;
    http->mid_stream = mid_stream;
    for (int i = 0; i < 2; i++)
        http->stream[i].conn = http;
}

/* ---- exchanges ------------------------------------------------------------------------- */

static struct http_exchange *new_exchange(struct http_conn *http, struct http_memory *memory)
{
    struct http_exchange *x = slab_take(&memory->exchanges);
    if (x == NULL)
        return NULL;
    http->outstanding++;
    x->request_body = x->response_body = -1;
    x->keep_alive_timeout_s = -1;
    if (http->last != NULL)
        http->last->next = x;
    else
        http->first = x;
    http->last = x;
    return x;
}

static void free_exchange(struct http_conn *http, struct http_memory *memory,
                          struct http_exchange *x)
{
    for (int i = 0; i < 2; i++)
        if (http->stream[i].exchange == x)
            http->stream[i].exchange = NULL;
    slab_give(&memory->exchanges, x);
}

/* The oldest exchange has its complete response: it becomes the last complete one. */
static void retire(struct http_conn *http, struct http_memory *memory, struct http_exchange *x)
{
    http->outstanding--;
    struct http_exchange **at = &http->first, *before = NULL;
    while (*at != x) {
        before = *at;
        at = &(*at)->next;
    }
    *at = x->next;
    if (http->last == x)
        http->last = before;
    x->next = NULL;
    if (memory->complete != NULL)
        memory->complete(memory->context, http, x);
    if (http->done != NULL)
        free_exchange(http, memory, http->done);
    http->done = x;
    http->exchanges++;
}

/* The exchange that a response beginning now answers. The server cannot answer what it has not
 * received: its ACK number covers the request, or the request is another one. */
static struct http_exchange *answered_by(struct http_conn *http, struct http_memory *memory,
                                         const struct tcp_chunk *chunk)
{
    for (struct http_exchange *x = http->first; x != NULL; x = x->next)
        if (!x->response_complete &&
            (!x->request_seen || chunk->ack == 0 || seq_lt(x->request.seq, chunk->ack)))
            return x;
    http->unsolicited++;
    return new_exchange(http, memory);
}

/* A request that was captured after its response began (the capture mixed up the directions). */
static struct http_exchange *answered_already(struct http_conn *http, uint32_t seq)
{
    struct http_exchange *candidates[] = { http->first, http->done };
    for (int i = 0; i < 2; i++) {
        struct http_exchange *x = candidates[i];
        if (x != NULL && !x->request_seen && x->response_seen && !http->mid_stream &&
            x->response.ack != 0 && seq_lt(seq, x->response.ack))
            return x;
    }
    return NULL;
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

static void span_extend(struct http_stream *stream, uint32_t end_seq)
{
    struct http_span *span = span_of(stream);
    if (span == NULL)
        return;
    span->end_seq = end_seq;
    /* Bytes that waited behind a hole are older than those that filled it. */
    if (span->last_frame != 0 && stream->chunk->ts_ns < span->last_ns)
        return;
    span->last_frame = stream->chunk->frame;
    span->last_capture = stream->chunk->capture;
    span->last_ns = stream->chunk->ts_ns;
}

/* ---- llhttp's callbacks ---------------------------------------------------------------- */

/* Passed through parser->data for the time of one call. */
struct feeding {
    struct http_stream *stream;
    struct http_memory *memory;
};

static struct http_stream *stream_of(llhttp_t *parser)
{
    return ((struct feeding *)parser->data)->stream;
}

static int on_target(llhttp_t *parser, const char *at, size_t length)
{
    const struct feeding *feeding = parser->data;
    struct http_stream *stream = feeding->stream;
    if (stream->head != NULL)
        head_add_target(stream->head, at, length, feeding->memory->show_query);
    return 0;
}

static int on_target_complete(llhttp_t *parser)
{
    struct http_stream *stream = stream_of(parser);
    if (stream->head != NULL && stream->exchange != NULL)
        head_take_target(stream->head, stream->exchange);
    return 0;
}

static int on_field_name(llhttp_t *parser, const char *at, size_t length)
{
    struct http_stream *stream = stream_of(parser);
    if (stream->head != NULL)
        head_add_name(stream->head, at, length);
    return 0;
}

static int on_field_value(llhttp_t *parser, const char *at, size_t length)
{
    struct http_stream *stream = stream_of(parser);
    if (stream->head != NULL)
        head_add_value(stream->head, at, length);
    return 0;
}

static int on_field_complete(llhttp_t *parser)
{
    const struct feeding *feeding = parser->data;
    struct http_stream *stream = feeding->stream;
    if (stream->head == NULL || stream->exchange == NULL)
        return 0;
    if (stream->conn->software == NULL)
        stream->conn->software = slab_take(&feeding->memory->software);
    head_take_field(stream->head, stream->is_request, stream->exchange, stream->conn->software);
    return 0;
}

/* What llhttp is told about the body (api.h: on_headers_complete). */
enum body { BODY_AS_FRAMED = 0, BODY_NONE = 1, BODY_UPGRADE = 2 };

static enum body request_head_complete(struct http_stream *stream)
{
    const llhttp_t *parser = &stream->parser;
    struct http_exchange *x = stream->exchange;
    x->request_head = true;
    x->method = parser->method;
    if (parser->flags & F_CONTENT_LENGTH)
        x->request_body = (int64_t)(parser->content_length & INT64_MAX);
    if (parser->http_major == 1 && parser->http_minor == 0 &&
        !(parser->flags & F_CONNECTION_KEEP_ALIVE))
        x->request_close = true;
    if (x->expect_continue)
        x->body_wait_ns = stream->chunk->ts_ns;
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
    const llhttp_t *parser = &stream->parser;
    struct http_exchange *x = stream->exchange;
    uint16_t status = parser->status_code;
    stream->interim = status >= 100 && status < 200 && status != 101;
    if (stream->interim) {
        x->interim++;
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
    const struct feeding *feeding = parser->data;
    struct http_stream *stream = feeding->stream;
    stream->head_done = true;
    if (stream->head != NULL)
        slab_give(&feeding->memory->heads, stream->head);
    stream->head = NULL;
    if (stream->exchange == NULL)
        return BODY_AS_FRAMED;
    return stream->is_request ? request_head_complete(stream) : response_head_complete(stream);
}

static int on_chunk_header(llhttp_t *parser)
{
    struct http_stream *stream = stream_of(parser);
    stream->chunk_left = parser->content_length;
    stream->in_chunk = stream->chunk_left > 0;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    (void)at;
    struct http_stream *stream = stream_of(parser);
    if (stream->in_chunk) {
        stream->chunk_left -= length < stream->chunk_left ? length : stream->chunk_left;
        stream->in_chunk = stream->chunk_left > 0;
    }
    struct http_exchange *x = stream->exchange;
    if (!stream->is_request && x != NULL)
        x->response_body_seen += length;
    else if (x != NULL && x->expect_continue && !x->body_begun)
        begin_body(x, stream->chunk);
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

static void begin_message(struct http_conn *http, struct http_memory *memory, unsigned from,
                          uint32_t seq)
{
    struct http_stream *stream = &http->stream[from];
    stream->is_request = http->client == (int)from;
    stream->in_message = true;
    stream->head_done = stream->interim = stream->in_chunk = false;
    llhttp_init(&stream->parser, stream->is_request ? HTTP_REQUEST : HTTP_RESPONSE,
                &memory->settings);
    /* An observer reads what others accept; refusing is the endpoints' business. */
    llhttp_set_lenient_headers(&stream->parser, 1);
    llhttp_set_lenient_chunked_length(&stream->parser, 1);
    llhttp_set_lenient_keep_alive(&stream->parser, 1);
    llhttp_set_lenient_transfer_encoding(&stream->parser, 1);
    if (stream->head == NULL)
        stream->head = slab_take(&memory->heads);
    else
        *stream->head = (struct http_head){ 0 };
    if (stream->is_request) {
        struct http_exchange *x = answered_already(http, seq);
        stream->exchange = x != NULL ? x : new_exchange(http, memory);
        http->requests++;
        http->notes |= HTTP_NOTE_REQUEST;
        if (stream->exchange != NULL) {
            stream->exchange->request_seen = true;
            span_begin(&stream->exchange->request, stream->chunk, seq);
        }
        return;
    }
    /* After an interim response the final one belongs to the same exchange. */
    stream->exchange = answered_by(http, memory, stream->chunk);
    http->notes |= HTTP_NOTE_RESPONSE;
    if (stream->exchange != NULL && !stream->exchange->response_seen) {
        stream->exchange->response_seen = true;
        span_begin(&stream->exchange->response, stream->chunk, seq);
    }
}

static void end_message(struct http_conn *http, struct http_memory *memory, unsigned from)
{
    struct http_stream *stream = &http->stream[from];
    struct http_exchange *x = stream->exchange;
    stream->in_message = false;
    if (x == NULL)
        return;
    if (stream->is_request) {
        x->request_complete = true;
        stream->exchange = NULL;
        return;
    }
    stream->exchange = NULL;
    if (stream->interim)
        return;
    x->response_complete = true;
    http->notes |= HTTP_NOTE_RESPONSE_COMPLETE;
    if (x->upgraded) {
        http->notes |= HTTP_NOTE_UPGRADE;
        http->stream[0].mode = http->stream[1].mode = HTTP_MODE_TUNNEL;
    }
    retire(http, memory, x);
}

static void lose_thread(struct http_conn *http, unsigned from)
{
    struct http_stream *stream = &http->stream[from];
    stream->mode = HTTP_MODE_LOST;
    stream->lost_bytes = true;
    stream->in_message = false;
    if (stream->exchange == NULL)
        return;
    if (stream->is_request)
        stream->exchange->request_lost = true;
    else
        stream->exchange->response_lost = true;
    stream->exchange = NULL;
}

/* llhttp refuses the bytes. Before the first message is read, this is not HTTP at all. */
static void refuse(struct http_conn *http, unsigned from)
{
    struct http_stream *stream = &http->stream[from];
    http->errors++;
    bool http_seen = http->exchanges > 0 || http->mid_stream || stream->head_done ||
                     (http->first != NULL && (http->first->request_head ||
                                              http->first->response_head));
    if (!http_seen) {
        http->protocol = HTTP_PROTOCOL_OPAQUE;
        http->stream[0].mode = http->stream[1].mode = HTTP_MODE_OPAQUE;
        return;
    }
    lose_thread(http, from);
}

/* Feeds bytes of the current message; returns how many were used: fewer when it ended. */
static size_t feed(struct http_conn *http, struct http_memory *memory, unsigned from,
                   const uint8_t *bytes, size_t length)
{
    struct http_stream *stream = &http->stream[from];
    struct feeding feeding = { stream, memory };
    stream->parser.data = &feeding;
    llhttp_errno_t result = llhttp_execute(&stream->parser, (const char *)bytes, length);
    stream->parser.data = NULL;
    if (result == HPE_OK)
        return length;
    if (result == HPE_PAUSED || result == HPE_PAUSED_UPGRADE) {
        /* An upgrade that was only asked for is no upgrade: a request ends like any other. */
        size_t used = (size_t)(llhttp_get_error_pos(&stream->parser) - (const char *)bytes);
        return used;
    }
    refuse(http, from);
    return length;
}

static bool message_ended(const struct http_stream *stream)
{
    llhttp_errno_t result = llhttp_get_errno(&stream->parser);
    return result == HPE_PAUSED || result == HPE_PAUSED_UPGRADE;
}

static void feed_messages(struct http_conn *http, struct http_memory *memory, unsigned from)
{
    struct http_stream *stream = &http->stream[from];
    const struct tcp_chunk *chunk = stream->chunk;
    size_t at = 0;
    while (at < chunk->length && stream->mode == HTTP_MODE_MESSAGES) {
        if (!stream->in_message) {
            /* RFC 9112 section 2.2: empty lines before a message are ignored. */
            while (at < chunk->length && (chunk->bytes[at] == '\r' || chunk->bytes[at] == '\n'))
                at++;
            if (at == chunk->length)
                return;
            if (http->client == (int)from && http->outstanding >= HTTP_MAX_OUTSTANDING) {
                http->errors++;
                lose_thread(http, from);
                return;
            }
            begin_message(http, memory, from, chunk->seq + (uint32_t)at);
        }
        at += feed(http, memory, from, chunk->bytes + at, chunk->length - at);
        if (stream->mode != HTTP_MODE_MESSAGES || !stream->in_message)
            return;
        span_extend(stream, chunk->seq + (uint32_t)at);
        if (message_ended(stream))
            end_message(http, memory, from);
    }
}

/* Bytes of a body that were not captured. llhttp only counts body bytes: all but the last are taken off
 * its count, and any byte stands for the last, which may end the message. */
static void bridge(struct http_conn *http, struct http_memory *memory, unsigned from,
                   uint64_t length, bool counted)
{
    struct http_stream *stream = &http->stream[from];
    uint64_t skipped = length - 1;
    if (counted)
        stream->parser.content_length -= skipped;
    if (stream->in_chunk)
        stream->chunk_left -= skipped;
    if (!stream->is_request && stream->exchange != NULL)
        stream->exchange->response_body_seen += skipped;
    feed(http, memory, from, (const uint8_t *)"x", 1);
}

static void feed_gap(struct http_conn *http, struct http_memory *memory, unsigned from)
{
    struct http_stream *stream = &http->stream[from];
    const struct tcp_chunk *chunk = stream->chunk;
    struct http_exchange *x = stream->exchange;
    if (!stream->in_message || !stream->head_done || x == NULL) {
        lose_thread(http, from);
        return;
    }
    bool until_close = !stream->is_request && x->close_delimited;
    bool counted = !(stream->parser.flags & F_CHUNKED) &&
                   stream->parser.flags & F_CONTENT_LENGTH;
    uint64_t left = stream->in_chunk ? stream->chunk_left
                    : until_close    ? UINT64_MAX
                    : counted        ? stream->parser.content_length
                                     : 0;
    if (left == 0 || (stream->in_chunk && chunk->length > left)) {
        lose_thread(http, from);
        return;
    }
    uint64_t within = chunk->length < left ? chunk->length : left;
    bridge(http, memory, from, within, !until_close || stream->in_chunk);
    span_extend(stream, chunk->seq + (uint32_t)within);
    if (!message_ended(stream))
        return;
    end_message(http, memory, from);
    if (within < chunk->length)
        lose_thread(http, from); /* the next message began within the gap */
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
    stream->chunk = chunk;
    if (chunk->bytes == NULL) {
        if (stream->mode == HTTP_MODE_MESSAGES) {
            feed_gap(http, memory, from);
        } else if (stream->mode == HTTP_MODE_START) {
            stream->mode = HTTP_MODE_LOST;
            stream->lost_bytes = true;
        }
    } else {
        if (stream->mode == HTTP_MODE_START || stream->mode == HTTP_MODE_LOST)
            start(http, from, chunk);
        if (stream->mode == HTTP_MODE_MESSAGES)
            feed_messages(http, memory, from);
    }
    stream->chunk = NULL;
}

void http_finish(struct http_conn *http, struct http_memory *memory, unsigned from)
{
    struct http_stream *stream = &http->stream[from];
    struct http_exchange *x = stream->exchange;
    if (!stream->in_message || stream->is_request || x == NULL || !x->response_head ||
        !x->close_delimited)
        return;
    end_message(http, memory, from);
}

void http_conn_free(struct http_conn *http, struct http_memory *memory)
{
    while (http->first != NULL) {
        struct http_exchange *next = http->first->next;
        slab_give(&memory->exchanges, http->first);
        http->first = next;
    }
    if (http->done != NULL)
        slab_give(&memory->exchanges, http->done);
    for (int i = 0; i < 2; i++)
        if (http->stream[i].head != NULL)
            slab_give(&memory->heads, http->stream[i].head);
    if (http->software != NULL)
        slab_give(&memory->software, http->software);
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
