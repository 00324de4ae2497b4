/*
 * unanswered - questions of an end that the other has not answered yet: PING and SETTINGS of HTTP/2, pings of WebSocket.
 */
#ifndef HANGUP_CONVERSATION_UNANSWERED_H
#define HANGUP_CONVERSATION_UNANSWERED_H

#include "tcp/tcp_conn.h"

struct unanswered {
    int64_t ns;       /* of the oldest; where one of several was answered: it came no later than that answer */
    uint32_t frame;   /* of the oldest; 0: not known */
    uint16_t capture;
    uint8_t count;    /* sticks at UINT8_MAX; 0: there is none */
};

static inline void unanswered_ask(struct unanswered *u, const struct tcp_chunk *chunk)
{
    if (u->count == 0)
        *u = (struct unanswered){ chunk->ts_ns, chunk->frame, chunk->capture, 0 };
    u->count += u->count < UINT8_MAX;
}

/* Answers come in order, and this is the next one. */
static inline void unanswered_answer(struct unanswered *u, const struct tcp_chunk *chunk)
{
    if (u->count > 0 && --u->count > 0)
        *u = (struct unanswered){ chunk->ts_ns, 0, 0, u->count };
}

#endif
