/*
 * websocket - the frames of WebSocket (RFC 6455) in a tunnel that HTTP/1 opened, or in a stream of HTTP/2 (RFC 8441). Private to the
 * floor, but for what came out.
 *
 * Only heads are read, and the code of Close. What is in messages, and how it is compressed, is no matter.
 */
#ifndef HANGUP_CONVERSATION_WEBSOCKET_H
#define HANGUP_CONVERSATION_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "conversation/unanswered.h"

struct conversation;
struct conversation_memory;
struct tcp_chunk;
struct websocket;

/* The first Close frame of an end. */
struct websocket_close {
    int64_t ns;
    uint32_t frame; /* 0: there was none */
    uint16_t capture;
    int64_t heard_ns; /* when the other end had last been heard of; 0: never */
    uint16_t code;  /* RFC 6455 section 7.4; 0: it had none */
};

struct websocket_outcome {
    bool is_read;
    bool lost;                       /* where frames begin is not known any more, of one end at least */
    uint32_t pings;                  /* of both ends */
    struct websocket_close close[2]; /* of the client, of the server */
    struct unanswered ping[2];       /* likewise */
    uint32_t cut[2];                 /* streams of HTTP/2 that the client, or the server, ended without a Close frame of any end */
    uint32_t open;                   /* streams that are, and have none */
};

/* Bytes of an end, or a gap among them, once the tunnel is open. */
void websocket_input(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct tcp_chunk *chunk);

/* Bytes of that end are missing, and nobody knows how many. */
void websocket_lose(struct conversation *talk, struct conversation_memory *memory, unsigned from);

/* The end has sent its FIN. */
void websocket_finish(struct conversation *talk, unsigned from);

void websocket_drop(struct conversation *talk, struct conversation_memory *memory);

/* Those in streams of HTTP/2 are a list. NULL: no memory, or there is none of that stream. */
struct websocket *websocket_open(struct websocket **list, struct conversation_memory *memory, uint32_t stream_id);
struct websocket *websocket_find(struct websocket *list, uint32_t stream_id);
struct websocket *websocket_next(const struct websocket *websocket);
void websocket_end(struct websocket **list, struct conversation_memory *memory, struct websocket *websocket);

/* Bytes of an end, or a gap among them. */
void websocket_read(struct websocket *websocket, unsigned from, bool is_client, const struct tcp_chunk *chunk);
void websocket_lost(struct websocket *websocket, unsigned from);

/* Has neither end said Close? */
bool websocket_is_unclosed(const struct websocket *websocket);

/* Adds what it said; client: the end that asked for it. Of Close frames one that names an error is kept before others, then the first. */
void websocket_add(struct websocket_outcome *outcome, const struct websocket *websocket, unsigned client);

/* What slabs are made for. */
unsigned websocket_bytes(void);

/* client: the end that asked for it. */
struct websocket_outcome websocket_outcome(const struct conversation *talk, unsigned client);

#endif
