/*
 * server_timers - after how long a server ends connections that rest, as its closes of idle and unused ones show. Private to
 * the floor.
 */
#ifndef HANGUP_JUDGE_SERVER_TIMERS_H
#define HANGUP_JUDGE_SERVER_TIMERS_H

#include "judge/groups.h"

struct engine;

/* One timer of a server. */
struct server_timer {
    struct group_key server; /* its address and port */
    struct deadline deadline;
};

struct server_timers {
    struct server_timer *items; /* by server, once they are learnt */
    size_t count, capacity;
};

/* From the groups (all of them, sorted) of rules that teach timers. */
void server_timers_learn(struct engine *engine, struct hit_group *const *groups, size_t count);

/* Does the rest before the hit's request, up to the close, end where one of them does? Puts that into the facts. */
void server_timers_tell(const struct server_timers *timers, const struct record *record, struct exchange_facts *facts);

/* A round time speaks for a timer only if nothing speaks against it: that the server closed just as soon behind a request that
 * came after another rest. Of the hits of one server. */
void server_timers_doubt(struct hit *const *hits, size_t count);

#endif
