#include "capture/conv_tls.h"

#include <inttypes.h>
#include <string.h>

#include "capture/conv_words.h"

enum { HANDSHAKE = 22, MAX_RECORD = 16384 + 2048 }; /* RFC 5246 section 6.2.3 */

static void add_number(struct strbuf *out, uint64_t number, unsigned bytes)
{
    while (bytes-- > 0)
        strbuf_addc(out, (char)(number >> 8 * bytes));
}

static void add_part(struct strbuf *out, const struct strbuf *part, unsigned length_bytes)
{
    add_number(out, part->length, length_bytes);
    strbuf_add_strbuf(out, part);
}

static void add_extension(struct strbuf *out, unsigned type, const struct strbuf *body)
{
    add_number(out, type, 2);
    add_part(out, body, 2);
}

static void add_server_name(struct strbuf *out, const char *name, size_t length)
{
    struct strbuf host = { 0 }, body = { 0 };
    strbuf_addc(&host, 0); /* host_name */
    add_number(&host, length, 2);
    strbuf_add(&host, name, length);
    add_part(&body, &host, 2);
    add_extension(out, 0, &body);
    strbuf_free(&host);
    strbuf_free(&body);
}

static void add_alpn(struct strbuf *out, const struct strbuf *protocols)
{
    struct strbuf body = { 0 };
    add_part(&body, protocols, 2);
    add_extension(out, 16, &body);
    strbuf_free(&body);
}

static void add_supported_versions(struct strbuf *out)
{
    struct strbuf body = { 0 };
    strbuf_add(&body, "\x04\x03\x04\x03\x03", 5);
    add_extension(out, 43, &body);
    strbuf_free(&body);
}

/* Of a client: one identity of 40 bytes, and its binder (RFC 8446 section 4.2.11); of a server: the first. */
static void add_pre_shared_key(struct strbuf *out, bool client)
{
    enum { IDENTITY = 40, BINDER = 32 };
    struct strbuf body = { 0 };
    if (client) {
        add_number(&body, 2 + IDENTITY + 4, 2);
        add_number(&body, IDENTITY, 2);
        for (int i = 0; i < IDENTITY + 4; i++)
            strbuf_addc(&body, 'i');
        add_number(&body, 1 + BINDER, 2);
        add_number(&body, BINDER, 1);
        for (int i = 0; i < BINDER; i++)
            strbuf_addc(&body, 'b');
    } else {
        add_number(&body, 0, 2);
    }
    add_extension(out, 41, &body);
    strbuf_free(&body);
}

/* What stands up to the next comma or the closing bracket. */
static size_t argument(const char *p)
{
    return strcspn(p, ",)");
}

/* Behind "tls(client_hello". */
static void client_hello(const char **p, struct strbuf *payload)
{
    struct strbuf extensions = { 0 }, protocols = { 0 }, body = { 0 }, message = { 0 };
    bool resumes = false;
    for (unsigned i = 0; **p == ','; i++) {
        ++*p;
        size_t length = argument(*p);
        if (i == 0 && length > 0) {
            add_server_name(&extensions, *p, length);
        } else if (length == 3 && memcmp(*p, "psk", 3) == 0) {
            resumes = true;
        } else if (i > 0) {
            add_number(&protocols, length & UINT8_MAX, 1);
            strbuf_add(&protocols, *p, length & UINT8_MAX);
        }
        *p += length;
    }
    if (protocols.length > 0 || protocols.failed)
        add_alpn(&extensions, &protocols);
    add_supported_versions(&extensions);
    if (resumes) /* the last one (RFC 8446 section 4.2.11) */
        add_pre_shared_key(&extensions, true);
    add_number(&body, 0x0303, 2);
    for (int i = 0; i < 32; i++)
        strbuf_addc(&body, 'r'); /* random */
    add_number(&body, 0, 1);     /* session id */
    add_number(&body, 2, 2);     /* cipher suites */
    add_number(&body, 0x1301, 2);
    add_number(&body, 0x0100, 2); /* compression methods: null */
    add_part(&body, &extensions, 2);
    add_number(&message, 1, 1);
    add_part(&message, &body, 3);
    strbuf_addc(payload, HANDSHAKE);
    add_number(payload, 0x0301, 2);
    add_part(payload, &message, 2);
    strbuf_free(&extensions);
    strbuf_free(&protocols);
    strbuf_free(&body);
    strbuf_free(&message);
}

/* That chooses TLS 1.3, and TLS_AES_128_GCM_SHA256. */
static void server_hello(const char **p, struct strbuf *payload)
{
    bool resumes = conv_take(p, ",psk");
    struct strbuf extensions = { 0 }, version = { 0 }, body = { 0 }, message = { 0 };
    add_number(&version, 0x0304, 2);
    add_extension(&extensions, 43, &version);
    if (resumes)
        add_pre_shared_key(&extensions, false);
    add_number(&body, 0x0303, 2);
    for (int i = 0; i < 32; i++)
        strbuf_addc(&body, 'R'); /* random */
    add_number(&body, 0, 1);     /* session id */
    add_number(&body, 0x1301, 2);
    add_number(&body, 0, 1);     /* compression */
    add_part(&body, &extensions, 2);
    add_number(&message, 2, 1);
    add_part(&message, &body, 3);
    strbuf_addc(payload, HANDSHAKE);
    add_number(payload, 0x0303, 2);
    add_part(payload, &message, 2);
    strbuf_free(&extensions);
    strbuf_free(&version);
    strbuf_free(&body);
    strbuf_free(&message);
}

static bool record(const char **p, struct strbuf *payload, struct err *err)
{
    uint64_t type, length;
    if (!conv_take_pair(p, ',', &type, &length) || type > UINT8_MAX || length > MAX_RECORD)
        return err_set(err, "write tls(TYPE,LENGTH), tls(client_hello,NAME,ALPN,psk) or tls(server_hello,psk)");
    add_number(payload, type, 1);
    add_number(payload, 0x0303, 2);
    add_number(payload, length, 2);
    for (uint64_t i = 0; i < length; i++)
        strbuf_addc(payload, 'e');
    return true;
}

bool conv_take_tls(const char **p, struct strbuf *payload, size_t most, struct err *err)
{
    bool ok = true;
    if (!conv_take(p, "tls("))
        return err_set(err, "write tls(TYPE,LENGTH)");
    if (conv_take(p, "client_hello"))
        client_hello(p, payload);
    else if (conv_take(p, "server_hello"))
        server_hello(p, payload);
    else
        ok = record(p, payload, err);
    if (!ok)
        return false;
    if (*(*p)++ != ')')
        return err_set(err, "tls( has no closing bracket");
    return payload->length <= most || err_set(err, "the payload is longer than %zu bytes", most);
}
