/*
 * announced - closes that a response announced: does the server keep its word, and does the client listen?
 */
#ifndef HANGUP_TRACK_ANNOUNCED_H
#define HANGUP_TRACK_ANNOUNCED_H

#include "track/connection.h"

/* How long did the server leave open what it had said it would close? It had to after its last byte; what
 * either end did to close, or the capture's end, stops the clock. */
void fill_overdue(const struct connection *c, unsigned client, int64_t end_ns, struct record *record);

/* Had the client received a whole response that announced the close when it sent this request? What is
 * missing in the capture may have announced it. */
int8_t after_announced_close(const struct connection *c, bool answers_missing,
                             const struct exchange *exchange);

#endif
