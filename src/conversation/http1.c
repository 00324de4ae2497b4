/*
 * http1 - HTTP/1.0 and 1.1 (RFC 9112). Messages whose head is plain and comes in one piece are read at once, all others by
 * llhttp. Bodies are stepped over. A gap within a body is bridged; a gap in a head, or one that swallowed a message's end,
 * loses the thread until a segment begins with a message again.
 */
#include <string.h>

#include "base/seq.h"
#include "conversation/detect.h"
#include "conversation/exchanges.h"
#include "conversation/http2.h"
#include "conversation/parse.h"
#include "conversation/plain_head.h"
#include "conversation/protocol.h"
#include "conversation/start.h"
#include "conversation/tls_clear.h"
#include "conversation/turns.h"
#include "conversation/websocket.h"

/* ---- where messages lie ---------------------------------------------------------------- */

static struct message_span *span_of(struct conversation_stream *stream)
{
    if (stream->exchange == NULL)
        return NULL;
    return stream->is_request ? &stream->exchange->request : &stream->exchange->response;
}

static void extend(const struct feeding *f, uint32_t end_seq)
{
    struct message_span *span = span_of(f->stream);
    if (span != NULL)
        span_extend(span, f->chunk, end_seq);
}

/* ---- messages -------------------------------------------------------------------------- */

static void begin_request(const struct feeding *f, uint32_t seq)
{
    struct exchange *x = exchange_answered_already(f->talk, seq);
    f->stream->exchange = x != NULL ? x : exchange_new(f->talk, f->memory);
    f->talk->requests++;
    f->talk->notes |= NOTE_REQUEST;
    if (f->stream->exchange != NULL) {
        f->stream->exchange->request_seen = true;
        span_begin(&f->stream->exchange->request, f->chunk, seq);
    }
}

/* After an interim response the final one belongs to the same exchange. */
static void begin_response(const struct feeding *f, uint32_t seq)
{
    f->stream->exchange = exchange_answered_by(f->talk, f->memory, f->chunk);
    f->talk->notes |= NOTE_RESPONSE;
    if (f->stream->exchange != NULL && !f->stream->exchange->response_seen) {
        f->stream->exchange->response_seen = true;
        span_begin(&f->stream->exchange->response, f->chunk, seq);
    }
}

static bool in_message(const struct conversation_stream *stream)
{
    return stream->parse != NULL || stream->plain;
}

static bool message_ended(const struct conversation_stream *stream)
{
    return stream->plain ? stream->body_left == 0 : parse_ended(stream->parse);
}

/* What llhttp's callbacks do. Is there a body as framed? */
static bool take_head(const struct feeding *f, const struct plain_head *head)
{
    struct exchange *x = f->stream->exchange;
    bool is_request = f->stream->is_request;
    if (x == NULL)
        return true;
    if (is_request) {
        struct http_target target = { 0 };
        target_add(&target, head->target, head->target_length, f->memory->show_query);
        target_take(&target, x, f->memory);
    }
    for (size_t i = 0; i < head->count; i++)
        head_take_field(&head->fields[i], is_request, x, f->talk, f->memory);
    return framing_head(&head->framing, is_request, x, f->chunk) == HTTP_BODY_AS_FRAMED;
}

/* Begins the message that these bytes begin with. Returns how many of them are done with: a plain head; none
 * where llhttp has to read it, or there is no memory. */
static size_t begin(const struct feeding *f, const uint8_t *bytes, size_t length, uint32_t seq)
{
    struct conversation_stream *stream = f->stream;
    struct plain_head head;
    stream->is_request = f->talk->client == (int)f->from;
    size_t read = plain_head_read(&head, bytes, length, stream->is_request);
    if (read == 0 && (stream->parse = parse_new(f->memory, stream->is_request)) == NULL)
        return 0;
    if (stream->is_request)
        begin_request(f, seq);
    else
        begin_response(f, seq);
    if (read == 0)
        return 0;
    bool body = take_head(f, &head);
    if (body && head.framing.flags & F_CHUNKED) {
        stream->parse = parse_new_chunked(f->memory, stream->is_request);
    } else {
        stream->plain = true;
        stream->body_left = body ? framing_body_bytes(&head.framing, stream->is_request) : 0;
    }
    return read;
}

/* The message is over, or nothing is known of it any more. */
static void drop_message(struct conversation_stream *stream, struct conversation_memory *memory)
{
    if (stream->parse != NULL)
        parse_give(memory, stream->parse);
    stream->parse = NULL;
    stream->plain = false;
}

static void open_tunnel(struct conversation *talk, struct conversation_memory *memory)
{
    for (int i = 0; i < 2; i++) {
        struct conversation_stream *stream = &talk->stream[i];
        start_drop(stream, memory);
        drop_message(stream, memory);
        stream->exchange = NULL;
        stream->websocket = NULL;
        stream->mode = MODE_TUNNEL;
    }
}

static bool is_websocket(const struct conversation *talk)
{
    return talk->done != NULL && talk->done->websocket && talk->done->upgraded && talk->done->status == 101;
}

static void end_message(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    struct conversation_stream *stream = &talk->stream[from];
    struct exchange *x = stream->exchange;
    bool interim = stream->parse != NULL && stream->parse->interim;
    drop_message(stream, memory);
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
    talk->notes |= NOTE_RESPONSE_COMPLETE;
    if (x->upgraded) {
        talk->notes |= NOTE_UPGRADE;
        open_tunnel(talk, memory);
    }
    exchange_retire(talk, memory, x);
}

static void lose_thread(const struct feeding *f)
{
    struct conversation_stream *stream = f->stream;
    stream->mode = MODE_LOST;
    stream->lost_bytes = true;
    drop_message(stream, f->memory);
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
    struct conversation *talk = f->talk;
    talk->errors += talk->errors < UINT16_MAX;
    bool http_seen = talk->exchanges > 0 || talk->mid_stream || f->stream->parse->head_done ||
                     (talk->first != NULL && (talk->first->request_head ||
                                              talk->first->response_head));
    if (!http_seen) {
        for (int i = 0; i < 2; i++)
            drop_message(&talk->stream[i], f->memory);
        turns_take_over(talk);
        conversation_become(talk, f->memory, PROTOCOL_OPAQUE);
        return;
    }
    lose_thread(f);
}

/* Body bytes, or a gap of that length, of a message whose head was plain. */
static void step_over(const struct feeding *f, uint64_t length)
{
    struct conversation_stream *stream = f->stream;
    stream->body_left -= length;
    if (length > 0 && stream->exchange != NULL)
        framing_body(stream->exchange, stream->is_request, length, f->chunk);
}

/* Feeds bytes of the current message; returns how many were used: fewer when it ended. */
static size_t feed(struct feeding *f, const uint8_t *bytes, size_t length)
{
    struct conversation_stream *stream = f->stream;
    if (!stream->plain) {
        if (!parse_feed(f, bytes, &length))
            refuse(f);
        return length;
    }
    if (length > stream->body_left)
        length = stream->body_left;
    step_over(f, length);
    return length;
}

static void feed_messages(struct feeding *f)
{
    const struct tcp_chunk *chunk = f->chunk;
    struct conversation_stream *stream = f->stream;
    size_t at = 0;
    while (at < chunk->length && stream->mode == MODE_MESSAGES) {
        if (!in_message(stream)) {
            /* RFC 9112 section 2.2: empty lines before a message are ignored. */
            while (at < chunk->length && (chunk->bytes[at] == '\r' || chunk->bytes[at] == '\n'))
                at++;
            if (at == chunk->length)
                return;
            if (f->talk->client == (int)f->from && f->talk->outstanding >= HTTP_MAX_OUTSTANDING) {
                f->talk->errors += f->talk->errors < UINT16_MAX;
                lose_thread(f);
                return;
            }
            at += begin(f, chunk->bytes + at, chunk->length - at, tcp_chunk_seq(chunk, (uint32_t)at));
            if (!in_message(stream))
                return;
        }
        at += feed(f, chunk->bytes + at, chunk->length - at);
        if (stream->mode != MODE_MESSAGES)
            return;
        extend(f, tcp_chunk_seq(chunk, (uint32_t)at));
        if (message_ended(stream))
            end_message(f->talk, f->memory, f->from);
        if (stream->mode == MODE_TUNNEL && is_websocket(f->talk) && at < chunk->length) {
            const struct tcp_chunk rest = tcp_chunk_rest(chunk, (uint32_t)at);
            websocket_input(f->talk, f->memory, f->from, &rest);
        }
    }
}

/* A head is cut by the snap length, and so will be those that follow: from here on, turns tell. */
static void infer_from_here(const struct feeding *f)
{
    for (int i = 0; i < 2; i++) {
        struct conversation_stream *stream = &f->talk->stream[i];
        start_drop(stream, f->memory);
        if (stream->is_request && stream->exchange != NULL && stream->parse != NULL && !stream->parse->in_method &&
            stream->parse->own_method == NULL)
            stream->exchange->method = stream->parse->parser.method;
        drop_message(stream, f->memory);
        stream->exchange = NULL;
        stream->mode = MODE_OPAQUE;
    }
    turns_take_over(f->talk);
    turns_input(f->talk, f->memory, f->from, f->chunk, false);
}

static void lose_thread_in_gap(const struct feeding *f)
{
    if (f->chunk->cut)
        infer_from_here(f);
    else
        lose_thread(f);
}

static void feed_gap(struct feeding *f)
{
    struct conversation_stream *stream = f->stream;
    const struct tcp_chunk *chunk = f->chunk;
    const struct exchange *x = stream->exchange;
    if (!in_message(stream) || x == NULL) {
        lose_thread_in_gap(f);
        return;
    }
    bool until_close = !stream->is_request && x->close_delimited;
    uint64_t within = stream->plain ? stream->body_left
                                    : parse_body_left(stream->parse, until_close, chunk->length);
    if (within > chunk->length)
        within = chunk->length;
    if (within == 0) {
        lose_thread_in_gap(f);
        return;
    }
    if (stream->plain)
        step_over(f, within);
    else
        parse_bridge(f, within, until_close);
    extend(f, tcp_chunk_seq(chunk, (uint32_t)within));
    if (!message_ended(stream))
        return;
    end_message(f->talk, f->memory, f->from);
    if (within == chunk->length)
        return;
    struct tcp_chunk rest = tcp_chunk_rest(chunk, (uint32_t)within); /* the next message began within the gap */
    f->chunk = &rest;
    lose_thread_in_gap(f);
}

/* ---- the connection -------------------------------------------------------------------- */

/* The server's first bytes in the middle of a connection: had its client, at the oldest request that waits, not had so much yet? Then
 * what answered that may be among what was not captured. */
static bool may_have_answered(const struct conversation *talk, const struct tcp_chunk *chunk)
{
    const struct exchange *x = talk->first;
    return talk->mid_stream && x != NULL && x->request_seen && x->request.ack != 0 && seq_lt(x->request.ack, chunk->seq);
}

/* The first bytes of a direction, or the first after the thread was lost: a message of HTTP/1? */
static bool start(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct tcp_chunk *chunk)
{
    struct conversation_stream *stream = &talk->stream[from];
    bool begun = stream->mode == MODE_START && stream->start != NULL;
    uint32_t empty = 0; /* empty lines before a message, RFC 9112 section 2.2 */
    while (!begun && empty < chunk->length && (chunk->bytes[empty] == '\r' || chunk->bytes[empty] == '\n'))
        empty++;
    if (empty == chunk->length)
        return false;
    const uint8_t *bytes = chunk->bytes + empty;
    uint32_t length = chunk->length - empty;
    if (talk->client < 0) {
        bool request = detect_request(bytes, length), response = detect_response(bytes, length);
        if (request != response)
            talk->client = (int8_t)(request ? from : !from);
    }
    bool fits = talk->client == (int)from ? detect_request(bytes, length) : detect_response(bytes, length);
    bool lost = stream->mode == MODE_LOST || talk->mid_stream || stream->lost_bytes;
    if ((begun || !fits) && !lost && empty == 0 && talk->client >= 0) {
        bool by_client = talk->client == (int)from;
        enum detected detected = start_add(stream, memory, chunk, by_client ? detect_request_line : http2_detect_settings);
        if (detected == DETECTED_PERHAPS)
            return false;
        fits = by_client && detected == DETECTED_YES;
    }
    if (talk->client >= 0 && fits && (talk->protocol == PROTOCOL_NONE ||
                                      talk->protocol == PROTOCOL_HTTP1)) {
        if (talk->client != (int)from && may_have_answered(talk, chunk))
            stream->lost_bytes = true;
        talk->protocol = PROTOCOL_HTTP1;
        stream->mode = MODE_MESSAGES;
        return true;
    }
    enum protocol protocol = start_recognise(stream, chunk);
    if (talk->protocol == PROTOCOL_NONE && protocol != PROTOCOL_HTTP1 &&
        (!lost || protocol != PROTOCOL_OPAQUE)) {
        conversation_become(talk, memory, protocol);
        return false;
    }
    if (!lost && talk->protocol == PROTOCOL_HTTP1) {
        talk->errors += talk->errors < UINT16_MAX; /* the other end speaks HTTP, this one something else */
        if (protocol == PROTOCOL_HTTP2 && talk->client == (int)!from)
            talk->mismatch = HTTP1_TO_HTTP2;
        talk->tls_answer |= protocol == PROTOCOL_TLS && talk->client == (int)!from;
    }
    start_drop(stream, memory);
    stream->mode = MODE_LOST;
    stream->not_understood = true;
    return false;
}

/* What was kept of a request line that came in pieces. */
static void feed_start(const struct feeding *f)
{
    struct http_start *start = f->stream->start;
    if (start == NULL)
        return;
    f->stream->start = NULL;
    struct feeding feeding = *f;
    feeding.chunk = &start->chunk;
    feed_messages(&feeding);
    slab_give(&f->memory->starts, start);
}

/* Of a head that is cut the first line is there, and with it the status: three digits, or NULL. */
static const uint8_t *status_of(const struct tcp_chunk *chunk)
{
    enum { STATUS_AT = 9, STATUS_LENGTH = 3 }; /* RFC 9112 section 4 */
    bool whole = chunk->bytes != NULL && chunk->length >= STATUS_AT + STATUS_LENGTH && detect_response(chunk->bytes, chunk->length);
    return whole ? chunk->bytes + STATUS_AT : NULL;
}

/* Is a head that begins here all of the chunk? */
static bool is_one_head(const struct tcp_chunk *chunk)
{
    static const char end[] = "\r\n\r\n";
    uint32_t at = 0;
    while (at + 4 <= chunk->length && memcmp(chunk->bytes + at, end, 4) != 0)
        at++;
    return at + 4 == chunk->length;
}

static void take_status(struct conversation *talk, struct conversation_memory *memory, const struct tcp_chunk *chunk)
{
    struct exchange *x = talk->first;
    if (x == NULL || !x->response_seen)
        return;
    const uint8_t *status = status_of(chunk);
    bool first = x->response.seq == chunk->seq;
    if (status == NULL || (!first && !x->awaits_final)) {
        x->awaits_final = false; /* what follows may be, or hold, the final one */
        return;
    }
    if (first && (memcmp(status, "101", 3) == 0 || (status[0] == '2' && x->method == HTTP_CONNECT))) {
        turns_upgrade(talk, memory);
        return;
    }
    x->awaits_final = status[0] == '1' && is_one_head(chunk);
    x->interim += x->awaits_final && x->interim < UINT8_MAX;
}

/* A request that begins with the first line of one is no later part of the request before, and CONNECT may open a tunnel. */
static void take_request_line(struct exchange *x, const struct tcp_chunk *chunk)
{
    static const char connect[] = "CONNECT ";
    if (x == NULL || x->request.seq != chunk->seq || chunk->bytes == NULL || !detect_request(chunk->bytes, chunk->length))
        return;
    x->after_rest = true;
    if (chunk->length > sizeof connect && memcmp(chunk->bytes, connect, sizeof connect - 1) == 0)
        x->method = HTTP_CONNECT;
}

/* UPDATEREDIRECTREF (IANA HTTP Method Registry). Of bytes that are cut no more is to be had. */
#define LONGEST_REGISTERED_METHOD 17

/* Of a head that is cut the first line is there: bytes that begin none, and what was cut off behind such bytes in their packet, belong to
 * the request before. Of a packet that was captured without any bytes nothing can be said. */
static bool begins_no_request(const struct conversation *talk, const struct tcp_chunk *chunk)
{
    const struct exchange *before = talk->last != NULL ? talk->last : talk->done;
    if (chunk->bytes == NULL)
        return before != NULL && before->request.last_frame == chunk->frame;
    if (chunk->length < TURN_SHORTEST_REQUEST || detect_request(chunk->bytes, chunk->length))
        return false;
    return detect_request_line(chunk->bytes, chunk->length) == DETECTED_NO ||
           (chunk->length > LONGEST_REGISTERED_METHOD && memchr(chunk->bytes, ' ', LONGEST_REGISTERED_METHOD + 1) == NULL);
}

/* Behind Upgrade: h2c (RFC 7540 section 3.2, which RFC 9113 drops, and programs still speak). */
static bool begins_http2(const struct conversation *talk, const struct tcp_chunk *chunk)
{
    bool switched = talk->done != NULL && talk->done->upgraded && talk->done->method != HTTP_CONNECT;
    return switched && chunk->bytes != NULL && protocol_recognise(chunk->bytes, chunk->length) == PROTOCOL_HTTP2;
}

static void drop(struct conversation *talk, struct conversation_memory *memory);

/* Through a proxy: behind its answer to CONNECT the client begins a handshake with whom it asked for. */
static bool begins_tls(const struct conversation *talk, unsigned from, const struct tcp_chunk *chunk)
{
    enum { HANDSHAKE = 22, CLIENT_HELLO = 1, TYPE_AT = 5 };
    return !tls_clear_is_read(talk) && talk->client == (int)from && talk->done != NULL && talk->done->upgraded && chunk->bytes != NULL && chunk->length > 0 &&
           chunk->bytes[0] == HANDSHAKE && (chunk->length <= TYPE_AT || chunk->bytes[TYPE_AT] == CLIENT_HELLO) &&
           protocol_recognise(chunk->bytes, chunk->length) == PROTOCOL_TLS;
}

static void input(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                  const struct tcp_chunk *chunk)
{
    struct conversation_stream *stream = &talk->stream[from];
    struct feeding feeding = { talk, memory, stream, chunk, from };
    if (stream->mode == MODE_TUNNEL && is_websocket(talk)) {
        websocket_input(talk, memory, from, chunk);
        return;
    }
    if (stream->mode == MODE_TUNNEL) {
        if (begins_http2(talk, chunk))
            conversation_become(talk, memory, PROTOCOL_HTTP2);
        if (begins_tls(talk, from, chunk)) {
            drop(talk, memory);
            talk->stream[0] = talk->stream[1] = (struct conversation_stream){ 0 };
            conversation_become(talk, memory, PROTOCOL_TLS);
        }
        return;
    }
    if (talk->inferred) {
        if (from == turns_client(talk) && begins_no_request(talk, chunk) && turns_go_on(talk, chunk))
            return;
        if (from == turns_client(talk) && talk->last != NULL && chunk->bytes != NULL && detect_request(chunk->bytes, chunk->length))
            talk->last->awaits_final = false; /* who asks anew has his answer, wherever it was */
        turns_input(talk, memory, from, chunk, false);
        if (from == turns_client(talk))
            take_request_line(talk->last, chunk);
        else
            take_status(talk, memory, chunk);
        return;
    }
    if (chunk->bytes == NULL) {
        if (stream->mode == MODE_MESSAGES) {
            feed_gap(&feeding);
        } else if (stream->mode == MODE_START && stream->start != NULL && talk->protocol == PROTOCOL_NONE) {
            conversation_become(talk, memory, PROTOCOL_OPAQUE); /* the line that could have told HTTP never comes whole */
        } else if (stream->mode == MODE_START) {
            start_drop(stream, memory);
            stream->mode = MODE_LOST;
            stream->lost_bytes = true;
        }
        return;
    }
    if (stream->mode == MODE_START || stream->mode == MODE_LOST) {
        bool begins = stream->mode == MODE_START;
        if (!start(talk, memory, from, chunk))
            return;
        if (begins)
            feed_start(&feeding);
    }
    if (stream->mode == MODE_MESSAGES)
        feed_messages(&feeding);
}

static void finish(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    struct conversation_stream *stream = &talk->stream[from];
    struct exchange *x = stream->exchange;
    if (stream->mode == MODE_TUNNEL && is_websocket(talk))
        websocket_finish(talk, from);
    if (talk->inferred || !in_message(stream) || stream->is_request || x == NULL ||
        !x->response_head ||
        !x->close_delimited)
        return;
    end_message(talk, memory, from);
}

static void drop(struct conversation *talk, struct conversation_memory *memory)
{
    if (talk->stream[0].mode == MODE_TUNNEL)
        websocket_drop(talk, memory);
    for (int i = 0; i < 2; i++) {
        start_drop(&talk->stream[i], memory);
        drop_message(&talk->stream[i], memory);
    }
}

static void lose(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    struct conversation_stream *stream = &talk->stream[from];
    static const struct tcp_chunk none = { 0 };
    const struct feeding feeding = { talk, memory, stream, &none, from };
    if (stream->mode == MODE_START)
        start_drop(stream, memory);
    if (stream->mode == MODE_TUNNEL && is_websocket(talk))
        websocket_lose(talk, memory, from);
    if (!talk->inferred && stream->mode != MODE_TUNNEL)
        lose_thread(&feeding);
}

static bool recognises(const uint8_t *bytes, size_t length)
{
    return detect_request(bytes, length) || detect_response(bytes, length);
}

const struct protocol_ops http1_ops = { .recognises = recognises, .input = input, .finish = finish, .drop = drop, .lose = lose, .framed = true };

/* HTTP/1 is looked for first: it tells who is the client, and may have to wait for the rest of a line. */
const struct protocol_ops http1_undecided_ops = { .input = input, .drop = drop, .lose = lose };
