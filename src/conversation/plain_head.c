#include "conversation/plain_head.h"

#include <string.h>

#include "conversation/scan.h"

/* CONNECT is not among them: its target is another one, and so is what follows. */
static const struct {
    const char *name; /* and the space behind it */
    uint8_t length, method;
} methods[] = {
    { "GET ", 4, HTTP_GET },       { "POST ", 5, HTTP_POST },     { "HEAD ", 5, HTTP_HEAD },
    { "PUT ", 4, HTTP_PUT },       { "DELETE ", 7, HTTP_DELETE }, { "PATCH ", 6, HTTP_PATCH },
    { "OPTIONS ", 8, HTTP_OPTIONS },
};

static bool read_version(struct http_framing *framing, const uint8_t *at)
{
    framing->http_1_0 = at[7] == '0';
    return memcmp(at, "HTTP/1.", 7) == 0 && (at[7] == '0' || at[7] == '1');
}

static bool is_crlf(const uint8_t *at, const uint8_t *end)
{
    return end - at >= 2 && memcmp(at, "\r\n", 2) == 0;
}

/* These return the CR LF that ends the line; NULL: it is not there, or the line is not plain. */

static inline const uint8_t *end_of_line(const uint8_t *at, const uint8_t *end)
{
    at = scan_text(at, end);
    return is_crlf(at, end) ? at : NULL;
}

static const uint8_t *read_request_line(struct plain_head *head, const uint8_t *at, const uint8_t *end)
{
    size_t i = 0;
    while (end - at < methods[i].length || memcmp(at, methods[i].name, methods[i].length) != 0)
        if (++i == sizeof methods / sizeof *methods)
            return NULL;
    head->framing.method = methods[i].method;
    at += methods[i].length;
    if (at == end || *at != '/') /* absolute-form: llhttp knows what a URI may be */
        return NULL;
    head->target = (const char *)at;
    at = scan_target(at, end);
    head->target_length = (size_t)((const char *)at - head->target);
    if (end - at < 9 || *at != ' ' || !read_version(&head->framing, at + 1))
        return NULL;
    const uint8_t *cr = end_of_line(at + 9, end);
    return cr == at + 9 ? cr : NULL;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Final responses only. */
static const uint8_t *read_status_line(struct plain_head *head, const uint8_t *at, const uint8_t *end)
{
    if (end - at < 13 || !read_version(&head->framing, at) || at[8] != ' ' || at[9] < '2' || at[9] > '5' ||
        !is_digit(at[10]) || !is_digit(at[11]) || at[12] != ' ')
        return NULL;
    head->framing.status = (uint16_t)((at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0'));
    return end_of_line(at + 13, end);
}

/* Digits, no more than fit. */
static bool read_content_length(struct http_framing *framing, const uint8_t *at, size_t length)
{
    if (framing->flags & (F_CONTENT_LENGTH | F_TRANSFER_ENCODING) || length == 0 || length > 18)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(at[i]))
            return false;
        framing->content_length = framing->content_length * 10 + (uint64_t)(at[i] - '0');
    }
    framing->flags |= F_CONTENT_LENGTH;
    return true;
}

/* In HTTP/1.0 it is a fault (RFC 9112 section 6.1). */
static bool read_transfer_encoding(struct http_framing *framing, const char *at, size_t length)
{
    if (framing->flags & (F_CONTENT_LENGTH | F_TRANSFER_ENCODING) || framing->http_1_0 || length != 7 ||
        !head_text_is(at, "chunked", length))
        return false;
    framing->flags |= F_TRANSFER_ENCODING | F_CHUNKED;
    return true;
}

/* One of the two options that say nothing but whether the connection stays. */
static bool read_connection(struct http_framing *framing, const char *at, size_t length)
{
    if (length == 5)
        return head_text_is(at, "close", length);
    if (length != 10 || !head_text_is(at, "keep-alive", length))
        return false;
    framing->flags |= F_CONNECTION_KEEP_ALIVE;
    return true;
}

static bool read_framing(struct http_framing *framing, const struct head_field *field)
{
    switch (field->name) {
    case HEAD_CONTENT_LENGTH:
        return read_content_length(framing, (const uint8_t *)field->value, field->length);
    case HEAD_TRANSFER_ENCODING:
        return read_transfer_encoding(framing, field->value, field->length);
    case HEAD_CONNECTION:
    case HEAD_PROXY_CONNECTION:
        return read_connection(framing, field->value, field->length);
    case HEAD_UPGRADE:
        return false;
    default:
        return true;
    }
}

static const uint8_t *read_field(struct plain_head *head, const uint8_t *name, const uint8_t *colon,
                                 const uint8_t *end)
{
    const uint8_t *value = colon + 1, *cr = end_of_line(value, end);
    enum head_name known = head_name_of((const char *)name, (size_t)(colon - name));
    if (cr == NULL || known == HEAD_OTHER)
        return cr;
    while (*value == ' ')
        value++;
    const struct head_field field = { known, (const char *)value, (size_t)(cr - value) };
    if (!read_framing(&head->framing, &field))
        return NULL;
    if (known >= HEAD_FRAMING)
        return cr;
    if (head->count == PLAIN_HEAD_FIELDS)
        return NULL;
    head->fields[head->count++] = field;
    return cr;
}

size_t plain_head_read(struct plain_head *head, const uint8_t *bytes, size_t length, bool is_request)
{
    head->framing = (struct http_framing){ 0 };
    head->count = 0;
    const uint8_t *end = bytes + length;
    const uint8_t *cr = is_request ? read_request_line(head, bytes, end) : read_status_line(head, bytes, end);
    while (cr != NULL) {
        const uint8_t *line = cr + 2, *colon = scan_name(line, end);
        if (colon == line)
            return is_crlf(line, end) ? (size_t)(line + 2 - bytes) : 0;
        cr = colon < end && *colon == ':' ? read_field(head, line, colon, end) : NULL;
    }
    return 0;
}
