/*
 * tls_certificate - the server's certificate, kept while the handshake goes on, and looked at if nothing came of it. Private to the floor.
 *
 * Up to TLS 1.2 it stands in the clear, in TLS 1.3 it is opened with the handshake's keys.
 */
#ifndef HANGUP_CONVERSATION_TLS_CERTIFICATE_H
#define HANGUP_CONVERSATION_TLS_CERTIFICATE_H

#include "conversation/conversation.h"

/* What a server's stream has of it. */
enum tls_certificate_state { TLS_CERTIFICATE_NONE, TLS_CERTIFICATE_AWAITED, TLS_CERTIFICATE_KEPT, TLS_CERTIFICATE_JUDGED };

/* A handshake record in the clear is whole, in the stream's hello_bytes: is the certificate in it, or may it come in the next one? */
void tls_certificate_take(struct tls_stream *server, struct conversation_memory *memory, int64_t ns);

/* The message Certificate of TLS 1.3. */
void tls_certificate_take_opened(struct tls_stream *server, struct conversation_memory *memory, const uint8_t *message, size_t length,
                                 int64_t ns);

/* The connection is over. */
void tls_certificate_judge(struct conversation *talk, struct conversation_memory *memory);

#endif
