/*
 * moments - when each end closed its connections, to tell a timer from an end that closed all it had at once. Private to the floor.
 *
 * Connections that were opened or used together reach a timer together. But so do they where their end dies, is restarted or killed;
 * then it closes others in the same moment, which are of another age.
 */
#ifndef HANGUP_JUDGE_MOMENTS_H
#define HANGUP_JUDGE_MOMENTS_H

#include "judge/groups.h"
#include "lang/expr.h"

struct moment {
    int64_t ns;
    int64_t rest_ns;       /* since its last payload byte, or the handshake */
    uint64_t record;
    struct ip_address end; /* who closed: a server with its port, or a client */
    uint16_t port;
    bool ipv6;
};

struct moments {
    struct moment *items; /* by end and time; each connection once */
    size_t count;
    int64_t from_ns, to_ns; /* from the first packet of these connections to the last close */
};

/* Of all that was flagged. false: no memory. */
bool moments_note(struct moments *moments, struct hit_group *const *groups, size_t count);
void moments_free(struct moments *moments);

/* Were the hits' connections closed in one moment? */
enum together moments_of(const struct moments *moments, struct hit *const *hits, size_t count);

/* Did these connections (of `timer`, as of_record says), which would follow one timer, end at one moment with others of the same end that
 * do not follow it, more than chance explains? */
bool moments_are_one(const struct moments *moments, const struct record *const *records, const uint8_t *of_record, size_t count,
                     uint8_t timer);

#endif
