/*
 * act - what one end did to close its connection. Private to the floor.
 */
#ifndef HANGUP_TRACK_END_CLOSE_H
#define HANGUP_TRACK_END_CLOSE_H

#include "track/connection.h"

/* What an end did to close: its FIN, or its reset if it sent no FIN before. Of a FIN behind alerts of TLS: they, by which the end
 * closes already (RFC 8446 section 6.1); it may send its FIN as late as the other end has answered. */
struct act {
    enum close_how how; /* HOW_OPEN: nothing */
    uint32_t seq, ack;  /* its own position, and what it had received */
    bool ack_known;
    struct mark mark;
};

/* Last payload of an end when `closer`, whose act it was, closed; NS_ABSENT: it had sent none. Alerts by which ends say goodbye are none. */
int64_t data_at_close(const struct connection *c, unsigned closer, const struct act *act, unsigned end);

struct act act_of(const struct connection *c, unsigned end);

#endif
