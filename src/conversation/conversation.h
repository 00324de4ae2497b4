/*
 * conversation - what is spoken on one connection, whatever it is: one interface.
 *
 * A conversation recognises its protocol from the first bytes of either end, in the middle of a connection too, takes chunks
 * of both directions, and yields exchanges. Where they are framed, messages were read: paired, located (sequence numbers,
 * frames, times), and kept while they matter: every exchange without a complete response, and the last complete one.
 *
 * A protocol is a file with a struct protocol_ops (protocol.h) and a row in its table. Nobody outside of this folder looks
 * into a conversation's streams and lists, or asks which protocol it is where a fact is meant.
 *
 * Cookies, credentials and bodies are never stored.
 */
#ifndef HANGUP_CONVERSATION_CONVERSATION_H
#define HANGUP_CONVERSATION_CONVERSATION_H

#include <llhttp.h>

#include "base/intern.h"
#include "base/slab.h"
#include "conversation/http2_outcome.h"
#include "conversation/stream.h"
#include "conversation/text_pool.h"
#include "conversation/websocket.h"
#include "tcp/tcp_conn.h"

struct key_log;
struct tls_clear;

/* What is spoken on the connection, from its first bytes. */
enum protocol {
#define VALUE(id, name, ops) id,
#include "conversation/protocols.def"
#undef VALUE
};

extern const char *const protocol_names[]; /* NULL at the end */

/* Of a connection over TLS: could its records be opened? */
enum tls_keys {
#define VALUE(id, name) id,
#include "conversation/tls_keys.def"
#undef VALUE
};

extern const char *const tls_keys_names[]; /* NULL at the end */

/* The client speaks one version of HTTP, and the server answers in another. */
enum http_mismatch { HTTP_MISMATCH_NONE, HTTP1_TO_HTTP2, HTTP2_TO_HTTP1 };

/* More requests than this without a response are an attack; the thread is lost then. */
#define HTTP_MAX_OUTSTANDING 1000

/* What happened while the last segment was fed; the user clears it. */
#define ANNOUNCED_SHIFT 16 /* of announced_at */

enum note {
    NOTE_REQUEST = 1 << 0,          /* its first byte */
    NOTE_RESPONSE = 1 << 1,
    NOTE_RESPONSE_COMPLETE = 1 << 2,
    NOTE_UPGRADE = 1 << 3,
    NOTE_GOODBYE = 1 << 4,          /* an alert of TLS, by which an end closes if nothing of it follows */
    NOTE_STREAM = 1 << 5,           /* HTTP/2: HEADERS or DATA */
    NOTE_GOAWAY = 1 << 6,           /* HTTP/2, as is the next */
    NOTE_RST_STREAM = 1 << 7,
    NOTE_TEXT = 1 << 8,             /* of TLS that is opened */
    NOTE_CONTROL = 1 << 9,          /* a record of TLS that is opened, or would be, and is none of data */
};

struct conversation {
    /* Private: see the functions below. */
    struct conversation_stream stream[2]; /* by end of the TCP connection */
    struct exchange *first, *last; /* without complete response, oldest first */
    struct exchange *done;         /* the last complete one, or NULL */
    struct tls_clear *clear;       /* TLS with keys; NULL: without */
    /* Public. */
    const char *server_software;    /* Server: of the last response; "" if not told */
    const char *client_software;    /* User-Agent: of the last request; "" if not told */
    const char *server_name;        /* that the client asks for in TLS (SNI); "": it does not, or it was not seen */
    const char *proxied_client;     /* address and port of the client, as the PROXY protocol names it; "": it was not spoken */
    uint8_t protocol : 4;           /* enum protocol: of the text, where TLS is opened */
    uint8_t tls_keys : 4;           /* enum tls_keys */
    uint8_t mismatch : 2;           /* enum http_mismatch */
    int8_t client;                  /* which end sends requests; -1: not known */
    bool likely_client : 1;         /* which one does if nothing tells: by its port */
    bool mid_stream : 1;            /* the connection began before the capture */
    bool inferred : 1;              /* its exchanges come from turns (turns.h), from here on */
    bool tls_answer : 1;            /* to HTTP in the clear the server answered with a record of TLS */
    bool multiplexed : 1;           /* it is, or may be, HTTP/2 within TLS: a turn says little about a single request */
    bool unsure : 1;                /* what went by may have been a request or an answer, or not */
    bool control_asked : 1;         /* HTTP/2 within TLS: the client's last record was as long as a PING, which the server answers */
    bool one_way : 1;               /* inferred: the client went on after a rest although nothing had answered it */
    uint16_t notes;                 /* enum note */
    uint16_t outstanding;           /* exchanges in the list */
    uint32_t announced_at;          /* HTTP/2 within TLS: when the server last sent a record that is as long as a GOAWAY, and neither
                                       end anything else since; in 2^16 ns, modulo 2^32 of them, which is 78 hours; 0: it did not */
    uint32_t hello_at_us;           /* TLS: when the client's first hello began, modulo 2^32; 0: it was not seen */
    uint32_t handshake_us;          /* from then to the handshake's last Finished, plus 1; 0: that was not seen */
    uint32_t exchanges;             /* with a complete final response */
    uint32_t requests;              /* begun */
    uint16_t unsolicited;           /* responses with no request outstanding; sticks at UINT16_MAX */
    uint16_t errors;                /* messages that could not be read; likewise */
};

#define HTTP_RECENT_NAMES 64

/* Shared by the connections of one tracker. */
struct conversation_memory {
    struct slab exchanges, parses, heads, starts, hellos, http2s, websockets, clears, pieces;
    struct text_pool texts;  /* targets */
    uint32_t hellos_left, certificates_left, inflaters_left, clears_left, pieces_left; /* so many more may be kept */
    struct key_log *key_log; /* secrets of TLS, NULL: there are none; not owned */
    bool keys_may_come;      /* while their connections go on */
    uint8_t *clear_text;     /* of one record; NULL: none was opened */
    struct intern names;     /* of hosts and software */
    const char *recent_names[HTTP_RECENT_NAMES]; /* some of them */
    llhttp_settings_t settings;
    llhttp_t fresh[2];       /* parsers at the start of a response, of a request */
    llhttp_t chunked[2];     /* at the start of their bodies in chunks */
    bool show_query;
    bool failed;             /* memory ran out */
    /* Called for each exchange whose final response is complete; NULL: nobody asks. It is settled already, if its request
     * is complete or lost as well: nothing of it will change any more. */
    void (*complete)(void *context, struct conversation *talk, struct exchange *exchange);
    /* Called when the next exchange is complete and the one before had not been settled: now it is. (The last exchange of a
     * connection may never be.) NULL: nobody asks. */
    void (*settled)(void *context, struct conversation *talk, struct exchange *exchange);
    void *context;
};

struct conversation_options {
    bool show_query;
    struct key_log *key_log; /* secrets of TLS; NULL: none. It must outlive the memory */
    bool keys_may_come;      /* others are added while connections go on: who has none yet waits for them */
};

/* parts: this many share the limits. */
void conversation_memory_init(struct conversation_memory *memory, const struct conversation_options *options, size_t parts);
/* No conversation is left, and none will come: all but the names goes. */
void conversation_memory_release(struct conversation_memory *memory);
void conversation_memory_free(struct conversation_memory *memory);

/* client: the end that sent the SYN, or -1; likely_client: the one that it is by its port. */
void conversation_init(struct conversation *talk, int client, unsigned likely_client, bool mid_stream);

/* The last exchange with a complete response; NULL: none. */
static inline const struct exchange *conversation_last_complete(const struct conversation *talk)
{
    return talk->done;
}

/* Of those without complete response, the oldest and the newest; NULL: none. */
static inline const struct exchange *conversation_oldest(const struct conversation *talk)
{
    return talk->first;
}

static inline const struct exchange *conversation_newest(const struct conversation *talk)
{
    return talk->last;
}

/* All that are kept, one after the other: the last complete one, then those without complete response, oldest first.
 * Begins with NULL, and ends so. */
static inline const struct exchange *conversation_next(const struct conversation *talk, const struct exchange *exchange)
{
    if (exchange == NULL && talk->done != NULL)
        return talk->done;
    return exchange == NULL || exchange == talk->done ? talk->first : exchange->next;
}

/* Are its exchanges read, and not inferred, and is there anything to read? */
bool conversation_is_framed(const struct conversation *talk);

/* Where its exchanges are inferred and none is there: is it sure that the client asked nothing? */
bool conversation_is_unasked(const struct conversation *talk);

/* May all bytes that the end sent from seq on be no data: alerts and the like? (Of TLS alone it can be said; where records were
 * not followed it may be.) */
bool conversation_is_control_from(const struct conversation *talk, unsigned end, uint32_t seq);

/* Where the last that an end sent is an alert (NOTE_GOODBYE): its record's length; else 0. */
uint32_t conversation_goodbye_bytes(const struct conversation *talk, unsigned end);

/* Did it become something else: 101 Switching Protocols, CONNECT? */
bool conversation_is_tunnel(const struct conversation *talk);

/* Does it read messages of this end right now? */
bool conversation_reads(const struct conversation *talk, unsigned end);

/* Has a gap cost this direction the thread at least once? And is it lost, now or once? */
bool conversation_had_gap(const struct conversation *talk, unsigned end);
bool conversation_is_lost(const struct conversation *talk, unsigned end);

/* Is it, or is it carried by, TLS? */
bool conversation_is_tls(const struct conversation *talk);

/* What is known of a TLS handshake; client: the end that began it. missing: the capture does not show all of the
 * connection. */
struct tls_outcome conversation_tls(const struct conversation *talk, unsigned client, bool missing);

/* What went by of HTTP/2, and is not of one stream; client: the end that asks. */
struct http2_outcome conversation_http2(const struct conversation *talk, unsigned client);

/* What went by of WebSocket; client: the end that asks. */
struct websocket_outcome conversation_websocket(const struct conversation *talk, unsigned client);

/* When an end had announced with HTTP/2's GOAWAY the close that came at close_ns, and from when on nothing of a stream went by; the same as
 * close_ns if it had not. The other end may close upon that as well. Some close at once, Go's servers a second later (net/http: goAwayTimeout), gRPC's and Envoy's when the last
 * stream is over: what ended the connection had run out at the announcement. */
struct goaway_times {
    int64_t announced_ns, rested_ns;
    int64_t error_ns; /* of the first GOAWAY that names an error: it announces nothing, it ends the connection; close_ns: there was none */
    uint32_t end_seq, error_end_seq; /* behind these GOAWAYs; 0 within TLS that is not opened, where a record is as long as one */
};

struct goaway_times conversation_announced(const struct conversation *talk, unsigned end, int64_t close_ns);

/* Inferred: is its request too short for one of HTTP, as goodbyes of other protocols are (MQTT's DISCONNECT has 2 bytes, MySQL's COM_QUIT
 * and PostgreSQL's Terminate 5, LDAP's unbind 7, a WebSocket's close 8)? */
bool exchange_is_short(const struct exchange *exchange, enum protocol protocol);

/* The complete exchange before this one: when it is complete, and later. */
struct exchange_before exchange_before(const struct conversation *talk, const struct exchange *exchange);

/* The next payload bytes, or gap, of one end. */
void conversation_input(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                const struct tcp_chunk *chunk);

/* The end has sent its FIN, or nothing more will come: ends close-delimited bodies. */
void conversation_fin(struct conversation *talk, struct conversation_memory *memory, unsigned from);

/* Nothing more will come of either end: what did not become a message was none. */
void conversation_over(struct conversation *talk, struct conversation_memory *memory);

/* Gives everything back to the memory. */
void conversation_free(struct conversation *talk, struct conversation_memory *memory);

#endif
