/*
 * announced - closes that a response announced, or a GOAWAY: does the server keep its word, and does the client listen?
 */
#ifndef HANGUP_TRACK_ANNOUNCED_H
#define HANGUP_TRACK_ANNOUNCED_H

#include "track/end_close.h"

/* What announced a close, of HTTP/2. */
struct announcement {
    bool found;
    unsigned by; /* end of the tuple */
    unsigned ended_by; /* likewise: it announced the close, or its GOAWAY named an error which the closing end had; else the closing end */
    struct goaway_times times;
};

/* Of the end `closer`, which closed: the GOAWAY that it had sent, or had, before; the first of the two. at_rest: no stream that it knew of
 * ran any more. */
struct announcement announcement_of(const struct connection *c, unsigned closer, const struct act *close, bool at_rest);

/* How long did the server leave open what it had said it would close? It had to after its last byte; what
 * either end did to close, or the capture's end, stops the clock. */
void fill_overdue(const struct connection *c, unsigned client, int64_t end_ns, struct record *record);

/* Had the client received a whole response that announced the close when it sent this request? What is
 * missing in the capture may have announced it. */
int8_t after_announced_close(const struct connection *c, bool answers_missing,
                             const struct exchange *exchange);

#endif
