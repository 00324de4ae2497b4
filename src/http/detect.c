#include "http/detect.h"

#include <string.h>

#define HTTP2_PREFACE "PRI * HTTP/2.0\r\n" /* RFC 9113 section 3.4 */

static const char *const methods[] = {
#define METHOD(number, name, string) #string,
    HTTP_METHOD_MAP(METHOD)
#undef METHOD
};

static bool common_prefix(const uint8_t *bytes, size_t length, const char *text, size_t text_length)
{
    return memcmp(bytes, text, length < text_length ? length : text_length) == 0;
}

bool detect_request(const uint8_t *bytes, size_t length)
{
    if (length == 0 || bytes[0] < 'A' || bytes[0] > 'Z')
        return false;
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

bool detect_response(const uint8_t *bytes, size_t length)
{
    return length > 0 && common_prefix(bytes, length, "HTTP/1.", 7);
}

enum http_protocol detect_protocol(const uint8_t *bytes, size_t length)
{
    /* A TLS record: handshake (22), version 3.x (RFC 8446 section 5.1); as far as it is there. */
    if (length >= 1 && bytes[0] == 22 && (length < 2 || bytes[1] == 3) &&
        (length < 3 || bytes[2] <= 4))
        return HTTP_PROTOCOL_TLS;
    if (length >= 4 && common_prefix(bytes, length, HTTP2_PREFACE, strlen(HTTP2_PREFACE)))
        return HTTP_PROTOCOL_HTTP2;
    if (detect_request(bytes, length) || detect_response(bytes, length))
        return HTTP_PROTOCOL_HTTP1;
    return HTTP_PROTOCOL_OPAQUE;
}
