/*
 * http2_streams - what frames mean for the exchanges of a connection. Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_HTTP2_STREAMS_H
#define HANGUP_CONVERSATION_HTTP2_STREAMS_H

#include "conversation/conversation.h"
#include "conversation/http2.h"

/* What one call works on. */
struct http2_reading {
    struct conversation *talk;
    struct conversation_memory *memory;
    struct http2 *h2;
    struct http2_end *end;        /* that sent the bytes */
    const struct tcp_chunk *chunk;
    unsigned from;
};

/* Was it sent by the end that asks? */
bool is_http2_client(const struct http2_reading *r);

/* A frame's head was read: what comes belongs to its stream. */
void http2_frame_begins(const struct http2_reading *r);

/* The next bytes of its payload. bytes NULL: they were not captured. */
void http2_frame_goes_on(const struct http2_reading *r, const uint8_t *bytes, uint32_t length);

/* It is whole. */
void http2_frame_ends(const struct http2_reading *r);

/* Bytes of that end are missing, and with them any number of frames. */
void http2_streams_lost(const struct http2_reading *r);

#endif
