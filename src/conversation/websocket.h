/*
 * websocket - the frames of WebSocket (RFC 6455) in a tunnel that HTTP/1 opened. Private to the floor, but for what came out.
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

/* The first Close frame of an end. */
struct websocket_close {
    int64_t ns;
    uint32_t frame; /* 0: there was none */
    uint16_t capture;
    uint16_t code;  /* RFC 6455 section 7.4; 0: it had none */
};

struct websocket_outcome {
    bool is_read;
    bool lost;                       /* where frames begin is not known any more, of one end at least */
    uint32_t pings;                  /* of both ends */
    struct websocket_close close[2]; /* of the client, of the server */
    struct unanswered ping[2];       /* likewise */
};

/* Bytes of an end, or a gap among them, once the tunnel is open. */
void websocket_input(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct tcp_chunk *chunk);

/* Bytes of that end are missing, and nobody knows how many. */
void websocket_lose(struct conversation *talk, struct conversation_memory *memory, unsigned from);

void websocket_drop(struct conversation *talk, struct conversation_memory *memory);

/* What slabs are made for. */
unsigned websocket_bytes(void);

/* client: the end that asked for it. */
struct websocket_outcome websocket_outcome(const struct conversation *talk, unsigned client);

#endif
