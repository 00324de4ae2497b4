/*
 * start - the first bytes of an end that may become something known, kept until it is whole: a request line whose method nobody
 * knows, a server's SETTINGS. Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_START_H
#define HANGUP_CONVERSATION_START_H

#include "conversation/detect.h"

/* A longer line that comes in several pieces is not waited for. */
#define HTTP_START_BYTES 240

struct http_start {
    bool proxy; /* it may become a PROXY header (proxy_header.h), and not a request line */
    struct tcp_chunk chunk; /* the first of the pieces; its bytes are `bytes` */
    uint8_t bytes[HTTP_START_BYTES];
};

/* What the first bytes of an end are. */
typedef enum detected start_detect(const uint8_t *bytes, size_t length);

/* Could these bytes, with those before them, become what is looked for? Keeps them then (PERHAPS). YES: they did, and the
 * start is to be fed to the stream, then the chunk. NO: what was kept stays. */
enum detected start_add(struct conversation_stream *stream, struct conversation_memory *memory, const struct tcp_chunk *chunk, start_detect *detect);

/* What the chunk is, with what is kept before it. */
enum protocol start_recognise(const struct conversation_stream *stream, const struct tcp_chunk *chunk);

/* Keeps the chunk behind what is kept, whatever it may become. false: no memory, or too long; what was kept stays. */
bool start_keep(struct conversation_stream *stream, struct conversation_memory *memory, const struct tcp_chunk *chunk);

/* Gives back what is kept, if anything is. */
void start_drop(struct conversation_stream *stream, struct conversation_memory *memory);

#endif
