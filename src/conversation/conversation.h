/*
 * conversation - the HTTP conversation on one connection: messages, and exchanges made of them.
 *
 * Floor: http; uses base, decode and tcp (struct tcp_chunk). Messages (RFC 9112) whose head is plain
 * and comes in one piece are read at once, all others by llhttp; here they are paired, located (sequence
 * numbers, frames, times) and kept while they matter: every exchange without a complete response, and the
 * last complete one.
 *
 * Bodies are stepped over. A gap within a body is bridged; a gap in a head, or one that
 * swallowed a message's end, loses the thread until a segment begins with a message again.
 * Cookies, credentials and bodies are never stored.
 */
#ifndef HANGUP_CONVERSATION_HTTP_CONN_H
#define HANGUP_CONVERSATION_HTTP_CONN_H

#include <llhttp.h>

#include "base/intern.h"
#include "base/slab.h"
#include "conversation/text_pool.h"
#include "conversation/tls.h"
#include "tcp/tcp_conn.h"

/* What is spoken on the connection, from its first bytes. */
enum protocol {
#define VALUE(id, name) id,
#include "conversation/protocols.def"
#undef VALUE
};

extern const char *const protocol_names[]; /* NULL at the end */

/* Longer ones are cut; RFC 9110 section 4.1 recommends to support 8000 octets, a report needs
 * what tells requests apart. */
#define HTTP_TARGET_BYTES 128
#define HTTP_TOKEN_BYTES 48

/* A method is any token (RFC 9110 section 9.1). The longest registered one has 17 letters; what is longer than
 * this is no method. */
#define HTTP_METHOD_BYTES 32

/* A method that llhttp does not list. */
#define HTTP_METHOD_OWN UINT8_MAX

/* More requests than this without a response are an attack; the thread is lost then. */
#define HTTP_MAX_OUTSTANDING 1000

/* Of a longer message, the begin is moved: what is asked is whether it lies before another number. */
#define HTTP_SPAN_BYTES (UINT32_C(1) << 30)

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
    int64_t body_wait_ns;           /* from the head's end to the body's first byte; the head's end until
                                       then; negative: its first bytes were not captured */
    uint16_t status;                /* of the final response; 0: none yet */
    uint16_t interim;               /* number of 1xx responses */
    uint8_t method;                 /* llhttp_method_t, or HTTP_METHOD_OWN */
    int32_t keep_alive_timeout_s;   /* Keep-Alive: timeout= of the response; -1: none */
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
    bool settled : 1;               /* it was said to be (struct conversation_memory) */
    /* Bytes of it are missing in the capture, and where it ends is not known any more. (A gap
     * within a body of known length is bridged and does no harm.) */
    bool request_lost : 1, response_lost : 1;
    struct exchange_before before;      /* valid if response_complete; else see exchange_before() */
    const char *target;             /* query and userinfo removed unless shown; "" if not known */
    const char *host;               /* "" if not known; kept as long as the memory */
    const char *own_method;         /* HTTP_METHOD_OWN: its name as sent; kept like host */
    const char *request_via, *response_via; /* the proxy that sent it, as Via tells; "": it did not pass
                                               any; kept like host */
};

enum stream_mode {
    MODE_START,    /* no byte yet */
    MODE_MESSAGES, /* read one after the other */
    MODE_LOST,     /* until a segment begins with a message */
    MODE_TUNNEL,   /* upgraded: not HTTP any more */
    MODE_OPAQUE,   /* never was */
};

struct http_parse; /* a message while llhttp reads it */
struct http_start; /* first bytes that may become a request line (start.h) */

/* One direction. */
struct conversation_stream {
    union { /* which one: the connection's protocol */
        struct {
            struct http_parse *parse;       /* of the current message; NULL: none, or it is plain */
            struct exchange *exchange; /* that the current message belongs to, or NULL */
            union {
                uint64_t body_left;         /* of a plain message; UINT64_MAX: until the connection ends */
                struct http_start *start;   /* MODE_START: what came so far; NULL: nothing */
            };
        };
        struct tls_stream tls;
    };
    uint8_t mode;                   /* enum stream_mode */
    bool is_request;                /* the current message */
    bool plain;                     /* likewise: its head was read at once, and its body is only counted */
    bool lost_bytes;                /* a gap cost this direction the thread at least once */
};

/* What happened while the last segment was fed; the user clears it. */
enum note {
    NOTE_REQUEST = 1 << 0,          /* its first byte */
    NOTE_RESPONSE = 1 << 1,
    NOTE_RESPONSE_COMPLETE = 1 << 2,
    NOTE_UPGRADE = 1 << 3,
};

struct conversation {
    struct conversation_stream stream[2];   /* by end of the TCP connection */
    struct exchange *first, *last; /* without complete response, oldest first */
    struct exchange *done;     /* the last complete one, or NULL */
    const char *server_software;    /* Server: of the last response; "" if not told */
    const char *client_software;    /* User-Agent: of the last request; "" if not told */
    uint8_t protocol;               /* enum protocol */
    int8_t client;                  /* which end sends requests; -1: not known */
    bool mid_stream;                /* the connection began before the capture */
    uint16_t notes;                 /* enum note */
    uint32_t exchanges;             /* with a complete final response */
    uint32_t requests;              /* begun */
    uint32_t unsolicited;           /* responses with no request outstanding */
    uint32_t errors;                /* messages that llhttp refused */
    uint32_t outstanding;           /* exchanges in the list */
};

#define HTTP_RECENT_NAMES 64

/* Shared by the connections of one analysis. */
struct conversation_memory {
    struct slab exchanges, parses, heads, starts;
    struct text_pool texts;  /* targets */
    struct intern names;     /* of hosts and software */
    const char *recent_names[HTTP_RECENT_NAMES]; /* some of them */
    llhttp_settings_t settings;
    llhttp_t fresh[2];       /* parsers at the start of a response, of a request */
    llhttp_t chunked[2];     /* at the start of their bodies in chunks */
    bool show_query;
    bool failed;             /* memory ran out */
    /* Called for each exchange whose final response is complete; NULL: nobody asks. */
    void (*complete)(void *context, struct conversation *talk, struct exchange *exchange);
    /* Nothing of the exchange will change any more: its request, too, is complete or lost, or another exchange takes its
     * place. A last one that never came to this stays `done`, not settled. NULL: nobody asks. */
    void (*settled)(void *context, struct conversation *talk, struct exchange *exchange);
    void *context;
};

/* parts: this many share the limit on names. */
void conversation_memory_init(struct conversation_memory *memory, bool show_query, size_t parts);
void conversation_memory_free(struct conversation_memory *memory);

/* client: the end that sent the SYN, or -1. */
void conversation_init(struct conversation *talk, int client, bool mid_stream);

/* The complete exchange before this one: when it is complete, and later. */
struct exchange_before exchange_before(const struct conversation *talk, const struct exchange *exchange);

/* The next payload bytes, or gap, of one end. */
void conversation_input(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                const struct tcp_chunk *chunk);

/* The end has sent its FIN, or nothing more will come: ends close-delimited bodies. */
void conversation_finish(struct conversation *talk, struct conversation_memory *memory, unsigned from);

/* Nothing more will come of either end: what did not become a message was none. */
void conversation_end(struct conversation *talk, struct conversation_memory *memory);

/* Gives everything back to the memory. */
void conversation_free(struct conversation *talk, struct conversation_memory *memory);

/* GET, POST, ...; NULL: a method of somebody's own, whose name only its exchange has */
const char *http_method_name(uint8_t method);

/* The method as it was sent; valid if request_head. */
const char *exchange_method(const struct exchange *exchange);

/* RFC 9110 section 9.2.2: repeating the request does no harm by definition. */
bool http_method_is_idempotent(uint8_t method);

#endif
