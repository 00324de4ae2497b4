/*
 * tls_classify - which records of TLS carry data of the application, as far as that can be told without keys: by types, lengths, and who sent
 * them when. Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_TLS_CLASSIFY_H
#define HANGUP_CONVERSATION_TLS_CLASSIFY_H

#include "conversation/conversation.h"

/* What the readers of records work on: one direction, and the connection. */
struct tls_reading {
    struct conversation *talk;
    struct conversation_memory *memory;
    struct tls_stream *s, *peer;
    const struct tcp_chunk *chunk;
    unsigned from;
    uint32_t data_seq;      /* where data that was not handed on yet begins; valid if has_data */
    bool has_data, doubtful;
};

/* The version that both speak. TLS 1.3 hides what a record is. */
enum tls_spoken { TLS_SPOKEN_UNKNOWN, TLS_SPOKEN_12, TLS_SPOKEN_13 };
enum tls_spoken tls_spoken_version(const struct tls_reading *r);

/* Its handshake was over before the capture. */
bool tls_is_joined(const struct tls_reading *r);

/* Is the handshake of TLS 1.3 over, or was it before the capture? */
bool tls_is_over_13(const struct tls_reading *r);

/* As long as an alert is in TLS 1.3? */
bool tls_is_alert_length(const struct tls_stream *s, uint16_t length);

/* A record of type application data begins: does it carry some? */
bool tls_is_application_data(struct tls_reading *r, uint16_t length);

/* A record of HTTP/2 that is as long as a GOAWAY without a text; so are a PING, which the other end answers, and that answer. */
void tls_note_announcement(struct tls_reading *r, uint16_t length);

#endif
