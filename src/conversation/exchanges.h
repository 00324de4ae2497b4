/*
 * exchanges - requests and responses of one connection, paired. Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_EXCHANGES_H
#define HANGUP_CONVERSATION_EXCHANGES_H

#include "conversation/conversation.h"

/* At the end of the list. NULL: no memory (memory->failed), or more than anybody leaves unanswered. */
struct exchange *exchange_new(struct conversation *talk, struct conversation_memory *memory);

void exchange_give(struct conversation_memory *memory, struct exchange *exchange);

/* Those without a complete response are gone. */
void exchanges_drop_open(struct conversation *talk, struct conversation_memory *memory);

/* All that are inferred are gone, as if nothing had been said since what, perhaps, TLS began behind: a CONNECT, STARTTLS; the caller counts
 * anew. */
void exchanges_forget(struct conversation *talk, struct conversation_memory *memory);

/* A message that begins at seq, with bytes of this chunk. */
void span_begin(struct message_span *span, const struct tcp_chunk *chunk, uint32_t seq);

/* It goes on up to end_seq, likewise. */
void span_extend(struct message_span *span, const struct tcp_chunk *chunk, uint32_t end_seq);

/* It has its complete response: it becomes the last complete one. */
void exchange_retire(struct conversation *talk, struct conversation_memory *memory,
                     struct exchange *exchange);

/* An end took it back (RST_STREAM): it has its end, and is forgotten. */
void exchange_end_reset(struct conversation *talk, struct conversation_memory *memory, struct exchange *exchange);

/* The exchange that a response beginning with this chunk answers; a new one if nobody asked. */
struct exchange *exchange_answered_by(struct conversation *talk, struct conversation_memory *memory,
                                           const struct tcp_chunk *chunk);

/* Of a request that begins at seq and was captured after its response began; else NULL. */
struct exchange *exchange_answered_already(struct conversation *talk, uint32_t seq);

#endif
