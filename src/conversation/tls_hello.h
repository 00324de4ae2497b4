/*
 * tls_hello - what ClientHello and ServerHello say in the clear (RFC 8446 section 4.1, RFC 6066 section 3, RFC 7301). Private to
 * the floor.
 */
#ifndef HANGUP_CONVERSATION_TLS_HELLO_H
#define HANGUP_CONVERSATION_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls/record_keys.h"

/* Protocols of ALPN, as a set: what a client offers, or the one that a server chose. */
enum alpn { ALPN_HTTP1 = 1 << 0, ALPN_H2 = 1 << 1, ALPN_OTHER = 1 << 2 };

struct tls_hello {
    uint8_t version : 3;  /* its minor number: 3 is TLS 1.2, 4 is TLS 1.3; of a client the highest that it offers; 0: not known */
    uint8_t alpn : 3;     /* set of enum alpn */
    bool early_data : 1;  /* a client sends data before the server's hello; a server takes it */
    bool retry : 1;       /* a server asks for another ClientHello (HelloRetryRequest) */
    bool sha384 : 1;      /* the suite that a server chose hashes with SHA-384, else with SHA-256 (of TLS 1.3 alone it is said) */
    bool short_tag : 1;   /* that suite's tags have 8 bytes and not 16 */
    bool limits : 1;      /* a client asks for shorter records (RFC 8449): a server says so among its EncryptedExtensions */
    bool resumes : 1;     /* a client offers a session from before: a ticket, a pre-shared key, up to TLS 1.2 an id; a server of TLS 1.3 takes it */
    bool has_id : 1;      /* a client's session id is not empty: from TLS 1.3 on it need not mean anything (RFC 8446 appendix D.4) */
    bool whole : 1;       /* all of it was there; where not, the facts above may be missing */
};

/* What its keys are found by. */
struct tls_hello_keys {
    uint8_t random[TLS_RANDOM_BYTES];
    uint16_t suite;          /* that a server chose */
    bool encrypt_then_mac;   /* offered, or chosen (RFC 7366) */
    bool known;              /* of a client the random is there, of a server the suite, too */
};

/* Longer names are no names (RFC 1035 section 2.3.4). */
#define TLS_NAME_BYTES 256

/* A record as it comes in pieces. A ClientHello with a key share of ML-KEM has some 1,800 bytes, one that resumes a session
 * may add a ticket of a few hundred more. A record is read as far as it is there; what is longer is
 * not whole. */
#define TLS_HELLO_BYTES 4068

/* So many are kept at once: 16 MiB. A hello comes within a round trip; more at a time are a flood. And so many certificates, which stay
 * until data follows: 4 MiB. */
#define TLS_MOST_HELLOS 4096
#define TLS_MOST_CERTIFICATES 1024

struct tls_hello_bytes {
    int64_t ns;        /* of the server's certificate (tls_certificate.h), as are the next two */
    const char *names;
    uint32_t have;
    uint8_t verdict;   /* enum certificate */
    uint8_t bytes[TLS_HELLO_BYTES];
};

/* Reads a hello, or its beginning (whole is false then). name: the server's name that the client asks for, "" if there is none. Returns false where the
 * bytes are no hello. */
bool tls_hello_read(const uint8_t *bytes, size_t length, struct tls_hello *hello, struct tls_hello_keys *keys, char name[TLS_NAME_BYTES]);

/* What a list of extensions says, with its length before it: EncryptedExtensions of TLS 1.3 (RFC 8446 section 4.3.1). */
void tls_hello_read_encrypted(const uint8_t *bytes, size_t length, struct tls_hello *hello);

#endif
