/*
 * http2_windows - flow control (RFC 9113 section 5.2): how long a sender of DATA had no room left. Private to the floor.
 *
 * Each end grants the other room for DATA, on each stream and on the connection. A sender that has used it up waits for a
 * WINDOW_UPDATE. That it had more to send is known where a length was announced, or where it goes on once there is room, sooner than
 * it had rested.
 */
#ifndef HANGUP_CONVERSATION_HTTP2_WINDOWS_H
#define HANGUP_CONVERSATION_HTTP2_WINDOWS_H

#include "conversation/http2_streams.h"

/* Before anybody says anything else (section 6.9.2). */
#define HTTP2_FIRST_WINDOW 65535

/* A stream begins. */
void http2_windows_open(const struct http2_reading *r, struct exchange *exchange);

/* A frame of DATA of that length was read, of this exchange (NULL: none that is known). */
void http2_windows_data(const struct http2_reading *r, struct exchange *exchange, uint32_t length);

/* A WINDOW_UPDATE for this exchange; NULL: for the connection. */
void http2_windows_update(const struct http2_reading *r, struct exchange *exchange, uint32_t more);

/* SETTINGS_INITIAL_WINDOW_SIZE: for streams to come, and for those that are there. */
void http2_windows_initial(const struct http2_reading *r, uint32_t size);

/* A RST_STREAM ends it: if it waited for room, it did so up to now. */
void http2_windows_reset(const struct http2_reading *r, const struct exchange *exchange);

/* Is all there that moved them? */
bool http2_windows_are_known(const struct conversation *talk, const struct http2 *h2);

/* Since when the server waits for room to send the rest of a response whose length it announced; INT64_MAX: it does not. */
int64_t http2_windows_waits_since(const struct conversation *talk, const struct http2 *h2, unsigned server);

#endif
