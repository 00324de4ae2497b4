/*
 * turns - exchanges where no message can be read: they are inferred from who sent when. Private to the floor.
 *
 * What a client sends until it is answered is a request; what the server sends upon it is the response; with the client's
 * next bytes after that the next exchange begins. Who answers what is told by ACK numbers: a server cannot answer what it has
 * not received, and a client that has not had the answer's first byte, or whose bytes the answer overtook, is still at its request. What a server sends unasked (a
 * greeting, a session ticket, a pushed event) belongs to the exchange before, or to none.
 *
 * That a request is complete is taken for granted when the server answers, or falls silent; that a response is, when the next
 * request comes, or the connection ends. Both are likely, and not certain. What this cannot see: several requests before the
 * first answer are one; an interim response and the final one are one.
 */
#ifndef HANGUP_CONVERSATION_TURNS_H
#define HANGUP_CONVERSATION_TURNS_H

#include "base/text.h"
#include "conversation/conversation.h"

/* No request of HTTP has fewer bytes ("GET / HTTP/1.0" and an empty line have 18); goodbyes of other protocols do. */
#define TURN_SHORTEST_REQUEST 16

/* A delayed ACK takes half a second at most (RFC 9293 section 3.8.6.3), and with it what Nagle's algorithm holds back: who goes on
 * later than that writes at his own pace. */
#define TURN_REST_NS (500 * NS_PER_MS)

/* Bytes of data that an end sent, or a gap among them. doubtful: they may be no answer. */
void turns_input(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct tcp_chunk *data,
                 bool doubtful);

/* The client's bytes belong to the request before. false: there is none. */
bool turns_go_on(struct conversation *talk, const struct tcp_chunk *data);

/* From here on, exchanges are inferred: those that are open go on as such. */
void turns_take_over(struct conversation *talk);

/* The answer that is being given ends HTTP: what follows is a tunnel's. */
void turns_upgrade(struct conversation *talk, struct conversation_memory *memory);

/* A handshake of TLS begins: what was answered before it is complete, and what was not was the command that asked for it. */
void turns_secure(struct conversation *talk, struct conversation_memory *memory);

/* Nothing more will come: what was answered is complete. */
void turns_over(struct conversation *talk, struct conversation_memory *memory);

/* The end that asks. */
unsigned turns_client(const struct conversation *talk);

#endif
