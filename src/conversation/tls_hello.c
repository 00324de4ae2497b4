#include "conversation/tls_hello.h"

#include <string.h>

enum handshake_message { CLIENT_HELLO = 1, SERVER_HELLO = 2 };

enum extension { SERVER_NAME = 0, ALPN = 16, ENCRYPT_THEN_MAC = 22, RECORD_SIZE_LIMIT = 28, SESSION_TICKET = 35, PRE_SHARED_KEY = 41,
                 EARLY_DATA = 42, SUPPORTED_VERSIONS = 43 };

#define TLS_AES_256_GCM_SHA384 0x1302 /* RFC 8446 appendix B.4; the other suites of TLS 1.3 hash with SHA-256 */

#define TLS_AES_128_CCM_8_SHA256 0x1305

/* The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3). */
static const uint8_t retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* Bytes to read; past its end it reads zeros, and says so. */
struct reader {
    const uint8_t *at, *end;
    bool short_of;
};

static uint32_t take(struct reader *r, size_t bytes)
{
    uint32_t value = 0;
    if ((size_t)(r->end - r->at) < bytes) {
        r->short_of = true;
        r->at = r->end;
        return 0;
    }
    while (bytes-- > 0)
        value = value << 8 | *r->at++;
    return value;
}

/* The part that a length of so many bytes announces, as far as it is there. */
static struct reader take_part(struct reader *r, size_t length_bytes)
{
    size_t length = take(r, length_bytes), there = (size_t)(r->end - r->at);
    struct reader part = { r->at, r->at + (length < there ? length : there), length > there };
    r->at = part.end;
    return part;
}

static void read_name(struct reader *r, char name[TLS_NAME_BYTES])
{
    struct reader list = take_part(r, 2);
    bool is_host = take(&list, 1) == 0;
    struct reader host = take_part(&list, 2);
    size_t length = (size_t)(host.end - host.at);
    if (!is_host || host.short_of || length >= TLS_NAME_BYTES || memchr(host.at, '\0', length) != NULL)
        return;
    memcpy(name, host.at, length);
    name[length] = '\0';
}

static bool is(const struct reader *r, const char *text)
{
    size_t length = strlen(text);
    return (size_t)(r->end - r->at) == length && memcmp(r->at, text, length) == 0;
}

static uint8_t read_alpn(struct reader *r)
{
    uint8_t alpn = 0;
    struct reader list = take_part(r, 2);
    while (list.at < list.end) {
        struct reader protocol = take_part(&list, 1);
        alpn |= is(&protocol, "h2")                                        ? ALPN_H2
                : is(&protocol, "http/1.1") || is(&protocol, "http/1.0") ? ALPN_HTTP1
                                                                         : ALPN_OTHER;
    }
    return alpn;
}

/* The highest of a client's; values of GREASE (RFC 8701) are none. */
static uint8_t read_versions(struct reader *r, bool client)
{
    uint32_t highest = 0;
    struct reader list = client ? take_part(r, 1) : *r;
    while (list.end - list.at >= 2) {
        uint32_t version = take(&list, 2);
        if (version >> 8 == 3 && version <= 0x0304 && version > highest)
            highest = version;
    }
    return highest & 7;
}

static void read_extensions(struct reader *r, bool client, struct tls_hello *hello, struct tls_hello_keys *keys,
                            char name[TLS_NAME_BYTES])
{
    struct reader list = take_part(r, 2);
    while (list.at < list.end) {
        uint32_t type = take(&list, 2);
        struct reader body = take_part(&list, 2);
        switch (type) {
        case SERVER_NAME:
            if (client)
                read_name(&body, name);
            break;
        case ALPN:
            hello->alpn = read_alpn(&body) & 7;
            break;
        case ENCRYPT_THEN_MAC:
            keys->encrypt_then_mac = true;
            break;
        case RECORD_SIZE_LIMIT:
            hello->limits = true;
            break;
        case SESSION_TICKET: /* RFC 5077: empty, it asks for one */
            hello->resumes |= client && body.end > body.at;
            break;
        case PRE_SHARED_KEY:
            hello->resumes = true;
            break;
        case EARLY_DATA:
            hello->early_data = true;
            break;
        case SUPPORTED_VERSIONS:
            hello->version = read_versions(&body, client) & 7;
            break;
        }
    }
}

void tls_hello_read_encrypted(const uint8_t *bytes, size_t length, struct tls_hello *hello)
{
    char name[TLS_NAME_BYTES];
    struct tls_hello_keys keys;
    struct reader r = { bytes, bytes + length, false };
    *hello = (struct tls_hello){ 0 };
    read_extensions(&r, false, hello, &keys, name);
}

bool tls_hello_read(const uint8_t *bytes, size_t length, struct tls_hello *hello, struct tls_hello_keys *keys, char name[TLS_NAME_BYTES])
{
    *hello = (struct tls_hello){ 0 };
    *keys = (struct tls_hello_keys){ 0 };
    name[0] = '\0';
    struct reader r = { bytes, bytes + length, false };
    uint32_t message = take(&r, 1);
    if (message != CLIENT_HELLO && message != SERVER_HELLO)
        return false;
    bool client = message == CLIENT_HELLO;
    r = take_part(&r, 3);
    bool is_cut = r.short_of;
    r.short_of = false;
    hello->version = take(&r, 2) & 7;
    hello->retry = !client && r.end - r.at >= 32 && memcmp(r.at, retry_random, 32) == 0;
    struct reader random = { r.at, r.end, false };
    for (int i = 0; i < 4; i++)
        take(&r, 8);
    const bool has_random = !r.short_of;
    if (has_random)
        memcpy(keys->random, random.at, sizeof keys->random);
    const struct reader id = take_part(&r, 1);
    if (client) {
        take_part(&r, 2); /* cipher suites */
        take_part(&r, 1); /* compression methods */
    } else {
        keys->suite = (uint16_t)take(&r, 2);
        hello->sha384 = keys->suite == TLS_AES_256_GCM_SHA384;
        hello->short_tag = keys->suite == TLS_AES_128_CCM_8_SHA256;
        take(&r, 1); /* compression */
    }
    keys->known = client ? has_random : !r.short_of;
    hello->whole = !r.short_of && !is_cut;
    if (!r.short_of)
        read_extensions(&r, client, hello, keys, name);
    hello->has_id = id.end > id.at;
    hello->resumes |= client && hello->version < 4 && hello->has_id;
    return true;
}
