/*
 * suite - the cipher suites whose records can be read with keys.
 *
 * Floor: tls; uses base. What TLS does with secrets: no connection, no packet.
 */
#ifndef HANGUP_TLS_SUITE_H
#define HANGUP_TLS_SUITE_H

#include <stdint.h>

/* Of the key schedule of TLS 1.3, of the PRF of TLS 1.2. */
enum tls_hash { TLS_SHA256, TLS_SHA384 };

enum tls_mode { TLS_GCM, TLS_CCM, TLS_POLY1305, TLS_CBC };
enum tls_block { TLS_AES_128, TLS_AES_256, TLS_CHACHA20, TLS_TRIPLE_DES };
enum tls_mac { TLS_NO_MAC, TLS_HMAC_SHA1, TLS_HMAC_SHA256, TLS_HMAC_SHA384 };

/* What protects records. */
struct tls_cipher {
    uint8_t mode, block, mac; /* the enums above */
    uint8_t key_bytes;
    uint8_t tag_bytes;        /* of an AEAD; else of the MAC */
    uint8_t block_bytes;      /* of CBC, and so of its IV; else 0 */
    uint8_t explicit_bytes;   /* of the nonce that each record of TLS 1.2 carries */
};

struct tls_suite {
    uint16_t id;
    uint8_t hash; /* enum tls_hash */
    struct tls_cipher cipher;
};

/* By its number (IANA, TLS Cipher Suites). NULL: its records cannot be read. */
const struct tls_suite *tls_suite_find(uint16_t id);

#endif
