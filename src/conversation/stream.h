/*
 * stream - one direction of a conversation, as its protocol sees it. Private to the floor: it stands in a header of its own
 * because a conversation has room for two.
 */
#ifndef HANGUP_CONVERSATION_STREAM_H
#define HANGUP_CONVERSATION_STREAM_H

#include "conversation/exchange.h"
#include "conversation/tls.h"

enum stream_mode {
    MODE_START,    /* no byte yet */
    MODE_MESSAGES, /* read one after the other */
    MODE_LOST,     /* until a segment begins with a message */
    MODE_TUNNEL,   /* upgraded: not HTTP any more */
    MODE_OPAQUE,   /* never was */
};

struct http_parse; /* a message while llhttp reads it */
struct websocket;
struct http_start; /* first bytes that may become a request line (start.h) */

/* One direction. */
struct conversation_stream {
    union { /* which one: the connection's protocol */
        struct {
            struct http_parse *parse;       /* of the current message; NULL: none, or it is plain */
            struct exchange *exchange; /* that the current message belongs to, or NULL */
            union {
                uint64_t body_left;         /* of a plain message; UINT64_MAX: until the connection ends */
                struct http_start *start;   /* MODE_START: what came so far; of opaque what may become a hello of TLS; NULL: nothing */
                struct websocket *websocket; /* MODE_TUNNEL, in the first one: of both directions; NULL: none, or no byte yet */
            };
        };
        struct tls_stream tls;
        struct http2 *http2;            /* of both directions, in the first one; NULL: nothing was read */
    };
    uint8_t mode;                   /* enum stream_mode */
    bool is_request;                /* the current message */
    bool plain;                     /* likewise: its head was read at once, and its body is only counted */
    bool not_understood;            /* bytes came that begin no message */
    bool lost_bytes;                /* a gap cost this direction the thread at least once */
};

#endif
