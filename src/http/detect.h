/*
 * detect - what do first bytes look like? Private to the floor.
 */
#ifndef HANGUP_HTTP_DETECT_H
#define HANGUP_HTTP_DETECT_H

#include "http/http_conn.h"

/* May the bytes be the start of a request or of a response? Few bytes may be either. */
bool detect_request(const uint8_t *bytes, size_t length);
bool detect_response(const uint8_t *bytes, size_t length);

/* What the first bytes of a connection say; HTTP1 for both of the above. */
enum http_protocol detect_protocol(const uint8_t *bytes, size_t length);

#endif
