/*
 * tls_hello - what ClientHello and ServerHello say in the clear (RFC 8446 section 4.1, RFC 6066 section 3, RFC 7301). Private to
 * the floor.
 */
#ifndef HANGUP_CONVERSATION_TLS_HELLO_H
#define HANGUP_CONVERSATION_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Protocols of ALPN, as a set: what a client offers, or the one that a server chose. */
enum alpn { ALPN_HTTP1 = 1 << 0, ALPN_H2 = 1 << 1, ALPN_OTHER = 1 << 2 };

struct tls_hello {
    uint8_t version : 3;  /* its minor number: 3 is TLS 1.2, 4 is TLS 1.3; of a client the highest that it offers; 0: not known */
    uint8_t alpn : 3;     /* set of enum alpn */
    bool early_data : 1;  /* a client sends data before the server's hello */
    bool retry : 1;       /* a server asks for another ClientHello (HelloRetryRequest) */
};

/* Longer names are no names (RFC 1035 section 2.3.4). */
#define TLS_NAME_BYTES 256

/* A record as it comes in pieces. A ClientHello with a key share of ML-KEM has some 1,800 bytes, one that resumes a session
 * may add a ticket of a few hundred more. What is longer is read as far as it is there. */
#define TLS_HELLO_BYTES 4092

struct tls_hello_bytes {
    uint32_t have;
    uint8_t bytes[TLS_HELLO_BYTES];
};

/* Reads a hello, or its beginning. name: the server's name that the client asks for, "" if there is none. Returns false where the
 * bytes are no hello. */
bool tls_hello_read(const uint8_t *bytes, size_t length, struct tls_hello *hello, char name[TLS_NAME_BYTES]);

#endif
