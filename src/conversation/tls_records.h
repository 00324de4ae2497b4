/*
 * tls_records - content types (RFC 8446 section 5.1), and what the readers of records share. Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_TLS_RECORDS_H
#define HANGUP_CONVERSATION_TLS_RECORDS_H

#include "conversation/conversation.h"

enum tls_record { TLS_CHANGE_CIPHER_SPEC = 20, TLS_ALERT, TLS_HANDSHAKE, TLS_DATA, TLS_HEARTBEAT };

/* Gives back what is kept of a hello. */
void tls_give_hello(struct tls_stream *stream, struct conversation_memory *memory);

#endif
