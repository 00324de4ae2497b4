/*
 * tls - the records of a TLS handshake, as far as they can be read without keys (RFC 8446 section 5,
 * RFC 5246 section 6). Answers one question: did the handshake come to its end, and if not, who
 * said why?
 */
#ifndef HANGUP_CONVERSATION_TLS_H
#define HANGUP_CONVERSATION_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "tcp/tcp_conn.h"

#define TLS_HEADER_BYTES 5
#define TLS_BODY_BYTES 2 /* of a record's body: level and description of an alert */

/* One direction. All zero at its start. */
struct tls_stream {
    uint8_t header[TLS_HEADER_BYTES], body[TLS_BODY_BYTES];
    uint8_t header_have, body_have;
    uint16_t left;            /* bytes of the record's body to come */
    uint8_t alert;            /* description of its first fatal alert in the clear; valid if has_alert */
    bool has_alert;
    bool has_encrypted_alert; /* an alert, but what it says cannot be read */
    bool hello;               /* a handshake record */
    bool change_cipher_spec;
    bool finished;            /* a handshake record after ChangeCipherSpec: TLS 1.2's Finished */
    bool data;                /* a record of type application data: from TLS 1.3 on, encrypted
                                 handshake messages and alerts look like that too */
    bool more_than_alert;     /* at least one such record is too long to be an alert */
    bool foreign;             /* what it sends is not TLS */
    bool lost;                /* a gap in the capture hid where records begin */
    bool done;                /* seen enough */
};

enum tls_handshake { TLS_HANDSHAKE_NONE, TLS_HANDSHAKE_UNKNOWN, TLS_HANDSHAKE_COMPLETE,
                     TLS_HANDSHAKE_INCOMPLETE };

/* What the server sent upon the client's first record. */
enum tls_answer { TLS_ANSWER_NONE, TLS_ANSWER_TLS, TLS_ANSWER_OTHER, TLS_ANSWER_UNKNOWN };

struct tls_outcome {
    enum tls_handshake handshake;
    enum tls_answer answer;
    int8_t alert_by;      /* who ended the handshake with an alert: 0 the client, 1 the server, -1 nobody */
    uint8_t alert;        /* its description, unless encrypted */
    bool alert_encrypted;
};

/* missing: the capture does not show all of the connection. */
struct tls_outcome tls_outcome(const struct tls_stream *client, const struct tls_stream *server, bool missing);

/* The next bytes, or gap, of one direction. */
void tls_input(struct tls_stream *stream, const struct tcp_chunk *chunk);

/* "unknown_ca", ... (RFC 8446 section 6.2 and earlier ones); NULL: nobody assigned it. */
const char *tls_alert_name(uint8_t description);

#endif
