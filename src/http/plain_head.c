#include "http/plain_head.h"

#include <string.h>
#include <strings.h>

/* Of each byte: may it be in a token (RFC 9110 section 5.6.2), in a target that begins with a slash? A row for
 * 16 bytes. */
enum { TOKEN = 1, TARGET = 2 };
static const uint8_t kinds[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 3, 2, 1, 3, 3, 3, 3, 2, 2, 3, 3, 2, 3, 3, 2, /*   ! " # $ % & ' ( ) * + , - . / */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, /* digits : ; < = > ? */
    2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, /* @ letters */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 3, 3, /* letters [ \ ] ^ _ */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, /* ` letters */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 3, 2, 3, 0, /* letters { | } ~ */
};

/* CONNECT is not among them: its target is another one, and so is what follows. */
static const struct {
    const char *name; /* and the space behind it */
    uint8_t length, method;
} methods[] = {
    { "GET ", 4, HTTP_GET },       { "POST ", 5, HTTP_POST },     { "HEAD ", 5, HTTP_HEAD },
    { "PUT ", 4, HTTP_PUT },       { "DELETE ", 7, HTTP_DELETE }, { "PATCH ", 6, HTTP_PATCH },
    { "OPTIONS ", 8, HTTP_OPTIONS },
};

/* The CR that ends the line; NULL: it is not whole, or not ended by CR LF alone. */
static const uint8_t *end_of_line(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *cr = memchr(at, '\r', (size_t)(end - at));
    if (cr == NULL || end - cr < 2 || cr[1] != '\n' || memchr(at, '\n', (size_t)(cr - at)) != NULL)
        return NULL;
    return cr;
}

/* HTTP/1.0 or HTTP/1.1, at the 8 bytes. */
static bool read_version(struct plain_head *head, const uint8_t *at)
{
    head->framing.http_1_0 = at[7] == '0';
    return memcmp(at, "HTTP/1.", 7) == 0 && (at[7] == '0' || at[7] == '1');
}

static bool read_request_line(struct plain_head *head, const uint8_t *at, const uint8_t *cr)
{
    size_t i = 0;
    while (cr - at < methods[i].length || memcmp(at, methods[i].name, methods[i].length) != 0)
        if (++i == sizeof methods / sizeof *methods)
            return false;
    head->framing.method = methods[i].method;
    at += methods[i].length;
    if (*at != '/') /* absolute-form: llhttp knows what a URI may be */
        return false;
    head->target = (const char *)at;
    while (kinds[*at] & TARGET)
        at++;
    head->target_length = (size_t)((const char *)at - head->target);
    return cr - at == 9 && *at == ' ' && read_version(head, at + 1);
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Final responses only. */
static bool read_status_line(struct plain_head *head, const uint8_t *at, const uint8_t *cr)
{
    if (cr - at < 13 || !read_version(head, at) || at[8] != ' ' || at[9] < '2' || at[9] > '5' ||
        !is_digit(at[10]) || !is_digit(at[11]) || at[12] != ' ')
        return false;
    head->framing.status = (uint16_t)((at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0'));
    return true;
}

/* Digits, no more than fit. */
static bool read_content_length(struct http_framing *framing, const uint8_t *at, const uint8_t *cr)
{
    if (framing->flags & F_CONTENT_LENGTH || at == cr || cr - at > 18)
        return false;
    for (; at < cr; at++) {
        if (!is_digit(*at))
            return false;
        framing->content_length = framing->content_length * 10 + (uint64_t)(*at - '0');
    }
    framing->flags |= F_CONTENT_LENGTH;
    return true;
}

/* One of the two options that say nothing but whether the connection stays. */
static bool read_connection(struct http_framing *framing, const uint8_t *at, const uint8_t *cr)
{
    if (cr - at == 5)
        return strncasecmp((const char *)at, "close", 5) == 0;
    if (cr - at != 10 || strncasecmp((const char *)at, "keep-alive", 10) != 0)
        return false;
    framing->flags |= F_CONNECTION_KEEP_ALIVE;
    return true;
}

static bool read_field(struct plain_head *head, const uint8_t *at, const uint8_t *cr)
{
    const uint8_t *name = at;
    while (kinds[*at] & TOKEN)
        at++;
    if (at == name || *at != ':')
        return false;
    enum head_name field = head_name_of((const char *)name, (size_t)(at - name));
    if (field == HEAD_OTHER)
        return true;
    do
        at++;
    while (*at == ' ' || *at == '\t');
    switch (field) {
    case HEAD_CONTENT_LENGTH:
        return read_content_length(&head->framing, at, cr);
    case HEAD_PROXY_CONNECTION:
        return read_connection(&head->framing, at, cr);
    case HEAD_CONNECTION:
        if (!read_connection(&head->framing, at, cr))
            return false;
        break;
    case HEAD_TRANSFER_ENCODING:
    case HEAD_UPGRADE:
        return false;
    default:
        break;
    }
    if (head->count == PLAIN_HEAD_FIELDS)
        return false;
    head->fields[head->count++] =
        (struct head_field){ field, (const char *)at, (size_t)(cr - at) };
    return true;
}

size_t plain_head_read(struct plain_head *head, const uint8_t *bytes, size_t length, bool is_request)
{
    const uint8_t *end = bytes + length, *cr = end_of_line(bytes, end);
    head->framing = (struct http_framing){ 0 };
    head->count = 0;
    if (cr == NULL || !(is_request ? read_request_line(head, bytes, cr)
                                   : read_status_line(head, bytes, cr)))
        return 0;
    for (;;) {
        const uint8_t *at = cr + 2;
        cr = end_of_line(at, end);
        if (cr == NULL)
            return 0;
        if (cr == at)
            return (size_t)(cr + 2 - bytes);
        if (!read_field(head, at, cr))
            return 0;
    }
}
