/*
 * framing - what a message's head says about its body, its answer and the connection (RFC 9112 sections 6
 * and 9.3). Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_FRAMING_H
#define HANGUP_CONVERSATION_FRAMING_H

#include "conversation/conversation.h"

/* In llhttp's terms. */
struct http_framing {
    uint64_t content_length;
    uint16_t flags;  /* F_CONTENT_LENGTH, F_TRANSFER_ENCODING, F_CHUNKED, F_CONNECTION_KEEP_ALIVE */
    uint16_t status; /* of a response */
    uint8_t method;  /* of a request */
    bool http_1_0;
};

/* What follows the head; the values are llhttp's (api.h: on_headers_complete). */
enum http_body { HTTP_BODY_AS_FRAMED = 0, HTTP_BODY_NONE = 1, HTTP_BODY_UPGRADE = 2 };

/* A 1xx response, but for 101. */
bool framing_is_interim(const struct http_framing *framing);

/* The head is complete; its last bytes are in the chunk. */
enum http_body framing_head(const struct http_framing *framing, bool is_request,
                            struct exchange *exchange, const struct tcp_chunk *chunk);

/* Bytes of a body that has no Transfer-Encoding, as framed; UINT64_MAX: until the connection ends. */
uint64_t framing_body_bytes(const struct http_framing *framing, bool is_request);

/* The next bytes of the body, or a gap in it. */
void framing_body(struct exchange *exchange, bool is_request, uint64_t length,
                  const struct tcp_chunk *chunk);

#endif
