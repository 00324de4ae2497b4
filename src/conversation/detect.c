#include "conversation/detect.h"

#include <string.h>

static const char *const methods[] = {
#define METHOD(number, name, string) #string,
    HTTP_METHOD_MAP(METHOD)
#undef METHOD
};

static bool common_prefix(const uint8_t *bytes, size_t length, const char *text, size_t text_length)
{
    return memcmp(bytes, text, length < text_length ? length : text_length) == 0;
}

bool detect_is_token(uint8_t byte)
{
    bool letter = (uint8_t)((byte | 0x20) - 'a') < 26, digit = (uint8_t)(byte - '0') < 10;
    return letter || digit || (byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

static const uint8_t *skip_token(const uint8_t *at, const uint8_t *end)
{
    while (at < end && detect_is_token(*at))
        at++;
    return at;
}

static const uint8_t *skip_target(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at > ' ' && *at != 0x7f)
        at++;
    return at;
}

/* HTTP/2's preface looks like a request, so that servers of HTTP/1 stumble over it (RFC 9113 section 3.4). */
static const char preface[] = "PRI * HTTP/2.0\r\n";

/* It, or the beginning of it. */
static bool may_be_preface(const uint8_t *bytes, size_t length)
{
    return common_prefix(bytes, length, preface, sizeof preface - 1);
}

enum detected detect_request_line(const uint8_t *bytes, size_t length)
{
    static const char version[] = " HTTP/d.d\r\n"; /* d: a digit */
    const uint8_t *end = bytes + length, *at = skip_token(bytes, end);
    if (at - bytes > HTTP_METHOD_BYTES || (length >= sizeof preface - 1 && may_be_preface(bytes, length)))
        return DETECTED_NO;
    if (at == end)
        return DETECTED_PERHAPS;
    const uint8_t *target = at + 1;
    if (at == bytes || *at != ' ')
        return DETECTED_NO;
    at = skip_target(target, end);
    if (at == target)
        return at == end ? DETECTED_PERHAPS : DETECTED_NO;
    for (size_t i = 0; i < sizeof version - 1; i++, at++) {
        if (at == end)
            return DETECTED_PERHAPS;
        if (version[i] == 'd' ? (uint8_t)(*at - '0') > 9 : *at != (uint8_t)version[i])
            return DETECTED_NO;
    }
    return DETECTED_YES;
}

static bool begins_with_known_method(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (methods[i][0] != (char)bytes[0])
            continue;
        size_t method_length = strlen(methods[i]);
        if (common_prefix(bytes, length, methods[i], method_length) &&
            (length <= method_length || bytes[method_length] == ' '))
            return true;
    }
    return false;
}

bool detect_request(const uint8_t *bytes, size_t length)
{
    return length > 0 && !may_be_preface(bytes, length) &&
           (begins_with_known_method(bytes, length) || detect_request_line(bytes, length) == DETECTED_YES);
}

bool detect_response(const uint8_t *bytes, size_t length)
{
    return length > 0 && common_prefix(bytes, length, "HTTP/1.", 7);
}
