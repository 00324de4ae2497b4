/*
 * exchanges - requests and responses of one connection, paired. Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_EXCHANGES_H
#define HANGUP_CONVERSATION_EXCHANGES_H

#include "conversation/http_conn.h"

/* At the end of the list. NULL: no memory (memory->failed), or more than anybody leaves unanswered. */
struct http_exchange *exchange_new(struct http_conn *http, struct http_memory *memory);

void exchange_give(struct http_memory *memory, struct http_exchange *exchange);

/* It has its complete response: it becomes the last complete one. */
void exchange_retire(struct http_conn *http, struct http_memory *memory,
                     struct http_exchange *exchange);

/* The exchange that a response beginning with this chunk answers; a new one if nobody asked. */
struct http_exchange *exchange_answered_by(struct http_conn *http, struct http_memory *memory,
                                           const struct tcp_chunk *chunk);

/* Of a request that begins at seq and was captured after its response began; else NULL. */
struct http_exchange *exchange_answered_already(struct http_conn *http, uint32_t seq);

#endif
