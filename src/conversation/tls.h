/*
 * tls - the records of TLS, as far as they can be read without keys (RFC 8446 section 5, RFC 5246 section 6).
 *
 * The heads of records are followed for the whole life of a connection. They answer: did the handshake come to its end, and
 * if not, who said why? Which records carry data of the application? These make turns (turns.h), from which exchanges are
 * inferred.
 */
#ifndef HANGUP_CONVERSATION_TLS_H
#define HANGUP_CONVERSATION_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "conversation/tls_hello.h"
#include "tcp/tcp_conn.h"
#include "tls/certificate.h"

#define TLS_HEADER_BYTES 5
#define TLS_12_OVERHEAD 24 /* of a record of TLS 1.2: nonce and tag of GCM, the longest of those in use but CBC */
#define TLS_BODY_BYTES 2 /* of a record's body: level and description of an alert */

/* One direction. All zero at its start. */
struct tls_stream {
    struct tls_hello_bytes *hello_bytes; /* its first handshake record, while it is incomplete; of a server also its certificate; else NULL */
    uint8_t type;             /* of the current record */
    uint8_t body[TLS_BODY_BYTES];
    uint8_t header_have : 3, body_have : 2;
    bool plain : 1;           /* it is known not to pad as JDK does: 16 bytes more in handshake messages and alerts of TLS 1.3 */
    bool no_certificate : 1;  /* a client that was asked for a certificate sent an empty one (TLS 1.3) */
    bool goodbye : 1;         /* the last record was an alert, or in TLS 1.3 as long as one */
    uint16_t length, left;    /* bytes of the record's body; of those, still to come */
    uint16_t unasked;         /* length of the last data record that a server sent when nothing was outstanding: in TLS
                                 1.3, before the first request, a session ticket */
    struct tls_hello said;    /* in its first handshake message */
    uint8_t alert;            /* description of its first fatal alert in the clear; valid if has_alert */
    uint16_t has_alert : 1;
    uint16_t has_encrypted_alert : 1; /* an alert, but what it says cannot be read */
    uint16_t hello : 1;       /* a handshake record */
    uint16_t change_cipher_spec : 1;
    uint16_t ccs_first : 1;   /* before the other end's */
    uint16_t finished : 1;    /* a handshake record after ChangeCipherSpec: TLS 1.2's Finished */
    uint16_t flight : 2;      /* data records of a client after the server's hello, up to its Finished (TLS 1.3); of a server, its
                                 session tickets; three stands for more */
    uint16_t finished_13 : 1; /* that went by, as its length tells */
    uint16_t data : 1;        /* a record of type application data: from TLS 1.3 on, encrypted
                                 handshake messages and alerts look like that too */
    uint16_t more_than_alert : 1; /* at least one such record is too long to be an alert */
    uint16_t odd_flight : 1;  /* it did not: none of the first records is as long as a Finished */
    uint16_t foreign : 1;     /* what it sends is not TLS */
    uint16_t lost : 1;        /* a gap in the capture hid where records begin */
    uint16_t adrift : 1;      /* and none was recognised since */
    uint16_t ahead : 1;       /* one of its records had the number of a later one, though none was missing */
    uint16_t is_data : 1;     /* the current record carries data of the application */
    uint16_t is_doubtful : 1; /* and perhaps not: it may be a session ticket */
    uint16_t certificate : 2; /* of a server: enum tls_certificate_state */
};

enum tls_handshake { TLS_HANDSHAKE_NONE, TLS_HANDSHAKE_UNKNOWN, TLS_HANDSHAKE_COMPLETE,
                     TLS_HANDSHAKE_INCOMPLETE };

/* RFC 8446 section 6.2 */
enum tls_alert {
    TLS_BAD_CERTIFICATE = 42,
    TLS_CERTIFICATE_UNKNOWN = 46, /* and those between: the certificate itself is refused */
    TLS_DECODE_ERROR = 50,
};

/* What the server sent upon the client's first record. */
enum tls_answer { TLS_ANSWER_NONE, TLS_ANSWER_TLS, TLS_ANSWER_OTHER, TLS_ANSWER_UNKNOWN };

struct tls_outcome {
    enum tls_handshake handshake;
    enum tls_answer answer;
    int8_t alert_by;      /* who ended the handshake with an alert: 0 the client, 1 the server, -1 nobody */
    uint8_t alert;        /* its description, unless encrypted */
    bool alert_encrypted;
    uint8_t version;      /* minor number of the version that the server chose: 3 is TLS 1.2, 4 is TLS 1.3; 0: not known */
    bool client_went_on;  /* with the handshake, after the server's certificate */
    bool record_cut;      /* tls_is_cut() of the server */
    bool record_ahead;    /* with keys: the server sent a record with the number of a later one, though none is missing */
    int8_t resumed;       /* a session from before: 1, 0; -1: not known */
    int8_t offers_session; /* the client did; likewise */
    uint8_t certificate;  /* the server's, if nothing came of the handshake: enum certificate */
    const char *certificate_names; /* its own; kept like host; NULL: it was not read */
    int64_t handshake_ns; /* from the client's first hello to the last Finished; -1: not known, or it was not complete */
    uint8_t alpn_offered, alpn; /* sets of enum alpn: what the client offers; what the server chose in the clear */
};

/* Of an end that sent all: within a record, whose head announces more. */
bool tls_is_cut(const struct tls_stream *stream);

/* missing: the capture does not show all of the connection. */
struct tls_outcome tls_outcome(const struct tls_stream *client, const struct tls_stream *server, bool missing);

/* "1.2", from its minor number; NULL: there is none such. */
const char *tls_version_name(uint8_t version);

/* "unknown_ca", ... (RFC 8446 section 6.2 and earlier ones); NULL: nobody assigned it. */
const char *tls_alert_name(uint8_t description);

#endif
