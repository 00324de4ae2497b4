/*
 * record_keys - what opens the records of one direction, until its keys change (RFC 8446 section 5.2, RFC 5246 section 6.2.3,
 * RFC 7366).
 */
#ifndef HANGUP_TLS_RECORD_KEYS_H
#define HANGUP_TLS_RECORD_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "tls/suite.h"

#define TLS_RANDOM_BYTES 32
#define TLS_NONCE_BYTES 12
#define TLS_MOST_KEY_BYTES 32
#define TLS_MOST_MAC_BYTES 48

/* Of a record that is protected, RFC 5246 section 6.2.3; TLS 1.3 allows for less. */
#define TLS_MOST_RECORD_BYTES (16384 + 2048)

struct tls_record_keys {
    struct tls_cipher cipher;
    bool is_13;
    bool encrypt_then_mac; /* CBC: RFC 7366 */
    uint8_t key[TLS_MOST_KEY_BYTES], iv[TLS_NONCE_BYTES], mac_key[TLS_MOST_MAC_BYTES];
};

/* A record as it went over the wire. */
struct tls_sealed {
    uint64_t number;        /* of records under these keys before it */
    uint8_t type;           /* of its header */
    uint16_t length;        /* TLS_MOST_RECORD_BYTES at most */
    const uint8_t *bytes;   /* its body */
};

struct tls_opened {
    uint8_t type;           /* its content type, the inner one of TLS 1.3 */
    uint16_t front;         /* bytes of the body before the text: nonce, IV */
    uint16_t length;        /* of the text */
};

/* Opens a record into `clear`, which has room for its body. false: it does not authenticate, and `clear` means nothing. */
bool tls_open(const struct tls_record_keys *keys, const struct tls_sealed *record, uint8_t *clear, struct tls_opened *opened);

/* The same of a record of which some bytes are missing (and stand as any others): nothing shows that the keys are right, but what
 * was there comes out right if they are, byte by byte, and where the last byte was there, the type. false: its cipher does not
 * allow it. */
bool tls_open_torn(const struct tls_record_keys *keys, const struct tls_sealed *record, uint8_t *clear, struct tls_opened *opened);

#endif
