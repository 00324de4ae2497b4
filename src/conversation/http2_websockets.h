/*
 * http2_websockets - WebSockets in streams of HTTP/2 (RFC 8441). Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_HTTP2_WEBSOCKETS_H
#define HANGUP_CONVERSATION_HTTP2_WEBSOCKETS_H

#include "conversation/http2_streams.h"

/* So many are followed at once on a connection. */
#define HTTP2_MOST_WEBSOCKETS 100

/* The server took it. */
void http2_websocket_begins(const struct http2_reading *reading, uint32_t stream);

/* Bytes of its DATA, padding apart; NULL: they were not captured. */
void http2_websocket_data(const struct http2_reading *reading, uint32_t stream, const uint8_t *bytes, uint32_t length);

/* END_STREAM, or RST_STREAM. */
void http2_websocket_ends(const struct http2_reading *reading, uint32_t stream);

/* Bytes of this end are missing, and nobody knows of which stream. */
void http2_websockets_lost(const struct http2_reading *reading);

void http2_websockets_drop(struct http2 *http2, struct conversation_memory *memory);

struct websocket_outcome http2_websockets_outcome(const struct http2 *http2, unsigned client);

#endif
