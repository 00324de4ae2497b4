#include "conversation/tls_certificate.h"

#include <string.h>

#include "conversation/tls_clear.h"
#include "conversation/tls_records.h"
#include "conversation/turns.h"

enum { SERVER_HELLO = 2, CERTIFICATE = 11, HEADER = 4, LENGTH = 3 };

static size_t length_of(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 16 | (size_t)bytes[1] << 8 | bytes[2];
}

/* The first one of the chain, in the body of a Certificate; 1.3: behind a context (RFC 8446 section 4.4.2). NULL: not all of it is there. */
static const uint8_t *first_of_chain(const uint8_t *body, size_t there, bool is_13, size_t *length)
{
    size_t at = is_13 ? 1u + (there > 0 ? body[0] : 0u) : 0u;
    at += LENGTH; /* of the whole chain */
    if (there < at + LENGTH)
        return NULL;
    *length = length_of(body + at);
    at += LENGTH;
    return *length > 0 && *length <= there - at ? body + at : NULL;
}

/* The bytes of the hello become those of the certificate, which has a limit of its own. */
static bool takes_over(struct tls_stream *s, struct conversation_memory *memory)
{
    if (memory->certificates_left == 0) {
        tls_give_hello(s, memory);
        return false;
    }
    memory->hellos_left++;
    memory->certificates_left--;
    s->certificate = TLS_CERTIFICATE_AWAITED;
    return true;
}

static void keep(struct tls_stream *s, const uint8_t *der, size_t length, int64_t ns)
{
    memmove(s->hello_bytes->bytes, der, length);
    s->hello_bytes->have = (uint32_t)length;
    s->hello_bytes->ns = ns;
    s->certificate = TLS_CERTIFICATE_KEPT;
}

void tls_certificate_take(struct tls_stream *s, struct conversation_memory *memory, int64_t ns)
{
    const bool first = s->certificate == TLS_CERTIFICATE_NONE;
    if (first && !takes_over(s, memory))
        return;
    const struct tls_hello_bytes *b = s->hello_bytes;
    size_t at = 0, length = 0;
    while (at + HEADER <= b->have && b->bytes[at] == SERVER_HELLO)
        at += HEADER + length_of(b->bytes + at + 1);
    if (first && at == b->have && b->have == s->length) { /* in the next record */
        s->hello_bytes->have = 0;
        return;
    }
    bool is_it = at + HEADER <= b->have && b->have <= s->length && b->bytes[at] == CERTIFICATE;
    const uint8_t *der = is_it ? first_of_chain(b->bytes + at + HEADER, b->have - at - HEADER, false, &length) : NULL;
    if (der != NULL)
        keep(s, der, length, ns);
    else
        tls_give_hello(s, memory);
}

void tls_certificate_take_opened(struct tls_stream *s, struct conversation_memory *memory, const uint8_t *message, size_t there, int64_t ns)
{
    size_t length;
    const uint8_t *der = there > HEADER ? first_of_chain(message + HEADER, there - HEADER, true, &length) : NULL;
    if (der == NULL || length > TLS_HELLO_BYTES || s->hello_bytes != NULL || memory->certificates_left == 0)
        return;
    s->hello_bytes = slab_take(&memory->hellos);
    memory->failed |= s->hello_bytes == NULL;
    if (s->hello_bytes == NULL)
        return;
    memory->certificates_left--;
    keep(s, der, length, ns);
}

void tls_certificate_judge(struct conversation *talk, struct conversation_memory *memory)
{
    if (!conversation_is_tls(talk))
        return;
    struct tls_stream *s = tls_stream_of(talk, !turns_client(talk));
    if (s->certificate != TLS_CERTIFICATE_KEPT)
        return;
    char names[CERTIFICATE_NAMES_BYTES];
    struct tls_hello_bytes *b = s->hello_bytes;
    b->verdict = (uint8_t)certificate_read(b->bytes, b->have, talk->server_name, b->ns, names);
    b->names = intern_text(&memory->names, names, strlen(names));
    memory->failed |= b->names == NULL;
    if (b->names == NULL)
        b->names = "";
    s->certificate = TLS_CERTIFICATE_JUDGED;
}
