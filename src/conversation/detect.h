/*
 * detect - what do first bytes look like? Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_DETECT_H
#define HANGUP_CONVERSATION_DETECT_H

#include "conversation/conversation.h"

/* May the bytes be the start of a request or of a response? Few bytes may be either. */
bool detect_request(const uint8_t *bytes, size_t length);
bool detect_response(const uint8_t *bytes, size_t length);

enum detected { DETECTED_NO, DETECTED_PERHAPS, DETECTED_YES };

/* A whole line METHOD SP target SP HTTP/d.d CRLF, whatever the method? PERHAPS: so far it could become one.
 * Of a method that nobody knows less than the whole is not enough, as other protocols begin with a word and a
 * space, too. */
enum detected detect_request_line(const uint8_t *bytes, size_t length);

/* May the byte be part of a method: a token (RFC 9110 section 5.6.2)? */
bool detect_is_token(uint8_t byte);

#endif
