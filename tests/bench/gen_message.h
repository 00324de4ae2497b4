/*
 * gen_message.h - the bytes of the messages that gen's connections exchange.
 *
 * A message is a few numbers. Rendering the same numbers gives the same bytes, so that nobody has to
 * store a message of which only the first segments are sent. Knows nothing of connections or packets.
 */
#ifndef GEN_MESSAGE_H
#define GEN_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SCRATCH = 32768, /* holds a head, and all of a chunked or a TLS message */
    FILLER = 65536   /* body text and "ciphertext" are copied from this many bytes */
};

enum style {
    STYLE_FULL,  /* heads of about ten lines; some responses are chunked, 304 or 404 */
    STYLE_PLAIN, /* the same heads; always 200 with a Content-Length, of any size */
    STYLE_SMALL, /* heads of two lines */
    STYLE_TLS,   /* records that look like TLS 1.3; the first exchange is the hellos */
    STYLE_HTTP2  /* in the clear, with prior knowledge: a stream after the other, each with a body of one frame at most */
};

/* One exchange: a request and its response. */
struct exchange {
    uint64_t rng;    /* the rest of its random choices */
    uint32_t host;   /* www<host>.example.com */
    uint32_t turn;   /* the connection's exchanges (or batches) up to this one */
    uint32_t status; /* of the response */
    uint32_t body;   /* bytes of content, before framing */
    enum style style;
    bool chunked;
    bool close;      /* the response announces the close ... */
    bool close_both; /* ... and the request asked for it */
};

struct renderer {
    uint8_t out[SCRATCH];     /* the message that was rendered last */
    uint64_t date_s;          /* the second that date tells */
    char date[32];
    uint8_t text[FILLER + SCRATCH], noise[FILLER + SCRATCH]; /* a copy starts below FILLER */
};

/* Fill text and noise. */
void renderer_init(struct renderer *r, uint64_t seed);

/* Both return the number of bytes in r->out; a head is never longer than 1400. They abort when a
 * message outgrows r->out, which no profile's numbers allow. */
uint32_t render_request(struct renderer *r, struct exchange x);

/* now_s: Unix time, for the Date line. After r->out follow *tail bytes of text, of any content. */
uint32_t render_response(struct renderer *r, struct exchange x, uint64_t now_s, uint32_t *tail);

#endif
