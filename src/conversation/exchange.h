/*
 * exchange - one request and its response, where they lie, and what their heads say. What is spoken makes them, by
 * reading messages or by inference (conversation.h).
 */
#ifndef HANGUP_CONVERSATION_EXCHANGE_H
#define HANGUP_CONVERSATION_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

/* Longer ones are cut; RFC 9110 section 4.1 recommends to support 8000 octets, a report needs
 * what tells requests apart. */
#define HTTP_TARGET_BYTES 128
#define HTTP_TOKEN_BYTES 48

/* A method is any token (RFC 9110 section 9.1). The longest registered one has 17 letters; what is longer than
 * this is no method. */
#define HTTP_METHOD_BYTES 32

/* A method that llhttp does not list. */
#define HTTP_METHOD_OWN UINT8_MAX

/* A longer request has a body: nobody's head is longer than what servers take (8 KiB: Apache's LimitRequestLine and
 * LimitRequestFieldSize, one of nginx's large_client_header_buffers, HAProxy's half of tune.bufsize). */
#define HTTP_HEAD_BYTES 8192

/* Of a longer message, `seq` is moved forward, so that it still compares as lying before `end_seq`. */
#define HTTP_SPAN_BYTES (UINT32_C(1) << 30)

#define STREAM_RESET_OTHER UINT8_MAX
#define GRPC_STATUS_NONE UINT8_MAX

/* Where a message lies. */
struct message_span {
    uint32_t seq, end_seq;          /* first byte, and after the last byte seen so far */
    uint32_t ack;                   /* ACK number in its first segment; 0: unknown */
    uint32_t first_frame, last_frame;
    uint16_t first_capture, last_capture;
    int64_t first_ns, last_ns;
};

/* What stays of the complete exchange before another. */
struct exchange_before {
    int64_t last_ns;     /* of its response */
    uint32_t end_seq;    /* likewise */
    bool seen;           /* there was one */
    bool response_close; /* it announced the close */
    bool upgraded;
};

struct exchange {
    struct exchange *next;     /* in order of the requests */
    struct message_span request, response; /* valid if request_seen, response_seen */
    int64_t request_body;           /* Content-Length, -1: none */
    int64_t response_body;          /* Content-Length, -1: chunked, close-delimited or none */
    uint64_t response_body_seen;    /* body bytes, gaps included */
    union {
        int64_t body_wait_ns;       /* from the head's end to the body's first byte; the head's end until
                                       then; negative: its first bytes were not captured */
        int64_t reset_ns;           /* HTTP/2: of its RST_STREAM, if there was one */
        int64_t streams_rested_ns;  /* HTTP/2, until then: when a stream had last been heard of before it; 0: never */
    };
    uint16_t status;                /* of the final response; 0: none yet */
    uint8_t interim;                /* number of 1xx responses; sticks at UINT8_MAX */
    uint8_t grpc_status;            /* GRPC_STATUS_NONE: the response has none */
    uint8_t method;                 /* llhttp_method_t, or HTTP_METHOD_OWN */
    uint8_t reset_code;             /* of HTTP/2's RST_STREAM, if there was one; STREAM_RESET_OTHER: none that is assigned, or not known */
    uint16_t reset_capture;
    uint32_t stream_id;             /* of HTTP/2; 0: it is none */
    union {
        int32_t keep_alive_timeout_s; /* Keep-Alive: timeout= of the response; -1: none */
        uint32_t reset_frame;         /* HTTP/2: of its RST_STREAM, if there was one */
    };
    bool request_seen : 1, request_head : 1, request_complete : 1;
    bool response_seen : 1;         /* first byte of any response, interim ones too */
    bool response_head : 1, response_complete : 1; /* of the final response */
    bool request_close : 1;         /* the request forbids reuse (RFC 9112 section 9.3) */
    bool response_close : 1;        /* the response announces the close */
    bool chunked : 1, close_delimited : 1; /* the response's framing */
    bool event_stream : 1;          /* the response's media type is one that goes on for ever */
    bool expect_continue : 1;
    bool body_begun : 1;            /* valid with expect_continue, as is the next */
    bool body_answered : 1;         /* a response, interim or not, began before it */
    bool upgraded : 1;              /* 101, or 2xx to CONNECT */
    bool websocket : 1;             /* the response's Upgrade names it; HTTP/2: the request's :protocol */
    bool settled : 1;               /* it was said to be (struct conversation_memory) */
    bool inferred : 1;              /* from turns (turns.h): no message was read, or not to its end */
    bool answered_whole : 1;        /* inferred: when the server last sent, it had all that the client had sent */
    bool after_rest : 1;            /* inferred: nothing went by for a while before its request (turns.c) */
    bool after_upload : 1;          /* inferred: the request before was longer than HTTP_HEAD_BYTES */
    bool awaits_final : 1;          /* inferred: of its response only an interim one was seen (RFC 9110 section 15.2) */
    bool reset_by_client : 1, reset_by_server : 1; /* HTTP/2: a RST_STREAM ended it */
    bool overlaps : 1;              /* HTTP/2: others were outstanding when it began */
    bool above_limit : 1;           /* HTTP/2: more than the server had said it allows, as far as it had said it by then */
    bool response_doubtful : 1;     /* what is taken for its response may be something else */
    /* Bytes of it are missing in the capture, and where it ends is not known any more. (A gap
     * within a body of known length is bridged and does no harm.) */
    bool request_lost : 1, response_lost : 1;
    union {
        struct exchange_before before;  /* valid if response_complete; else see exchange_before() */
        struct {                        /* HTTP/2, until then: room for DATA, by the end that sends it (http2_windows.h) */
            int32_t window[2];
            uint32_t emptied[2], refilled[2]; /* when, in ms since the first frame, and 1 more; 0: not */
        } flow;
    };
    const char *target;             /* query and userinfo removed unless shown; "" if not known */
    const char *host;               /* "" if not known; kept as long as the memory */
    const char *own_method;         /* HTTP_METHOD_OWN: its name as sent; kept like host */
    const char *request_via, *response_via; /* the proxy that sent it, as Via tells; "": it did not pass
                                               any; kept like host */
};

/* HTTP/2: a RST_STREAM ended it. */
static inline bool exchange_is_reset(const struct exchange *exchange)
{
    return exchange->reset_by_client || exchange->reset_by_server;
}

/* HTTP/2: its response ended before the announced length. (HTTP/1's do not end then.) The method of a request may not be known. */
static inline bool exchange_is_short_of_body(const struct exchange *x)
{
    return x->stream_id != 0 && x->response_complete && x->response_head && !x->response_lost && !exchange_is_reset(x) && x->response_body > 0 &&
           (uint64_t)x->response_body > x->response_body_seen && x->request_head && x->method != HTTP_METHOD_OWN && x->method != HTTP_HEAD &&
           x->status != 204 && x->status != 304;
}

/* GET, POST, ...; NULL: a method of somebody's own, whose name only its exchange has */
const char *http_method_name(uint8_t method);

/* The method as it was sent; valid if request_head. */
const char *exchange_method(const struct exchange *exchange);

/* RFC 9110 section 9.2.2: repeating the request does no harm by definition. */
bool http_method_is_idempotent(uint8_t method);

#endif
