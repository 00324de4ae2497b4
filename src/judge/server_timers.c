#include "judge/server_timers.h"

#include <stdlib.h>

#include "base/vec.h"
#include "judge/engine_private.h"

static void learn(struct engine *engine, struct hit_group *group, size_t groups)
{
    struct pool pool = pool_of(engine, group);
    struct deadlines found;
    if (pool_timers(engine, engine->rules->items[group->key.rule], &pool, groups, &found) == NULL)
        return;
    for (size_t t = 0; t < found.count; t++) {
        if (!VEC_ROOM(&engine->server_timers)) {
            engine->failed = true;
            return;
        }
        engine->server_timers.items[engine->server_timers.count++] = (struct server_timer){ group->key, found.items[t] };
    }
}

static int by_server(const void *a, const void *b)
{
    return compare_servers(&((const struct server_timer *)a)->server, &((const struct server_timer *)b)->server);
}

void server_timers_learn(struct engine *engine, struct hit_group *const *groups, size_t count)
{
    size_t tries = 0;
    for (size_t i = 0; i < count; i++)
        tries += engine->rules->items[groups[i]->key.rule]->teaches_timers && groups[i]->count > 1;
    for (size_t i = 0; i < count; i++)
        if (engine->rules->items[groups[i]->key.rule]->teaches_timers && groups[i]->count > 1)
            learn(engine, groups[i], tries);
    if (engine->server_timers.count > 0)
        qsort(engine->server_timers.items, engine->server_timers.count, sizeof *engine->server_timers.items, by_server);
}

/* A server's first timer, in order; count if it has none. */
static size_t first_of(const struct server_timers *timers, const struct group_key *server)
{
    size_t low = 0, high = timers->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_servers(&timers->items[middle].server, server) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Two closes of one timer differ by the jitter of hosts and paths, and by what clocks of computers differ: 2 ms and 0.1 %
 * (twice what NTP allows a clock to slew, 500 ppm). */
static int64_t tolerance_of(int64_t ns)
{
    return 2 * NS_PER_MS + ns / 1000;
}

/* A program that is busy when its timer is due sees to it when its loop comes round: requests that came meanwhile are in its
 * kernel. Measured with Node.js and a handler of 40 ms (tests/lab, node-busy-race); as request-fin-race has it. */
#define BUSY_NS (50 * NS_PER_MS)

/* A timer of low_ns to high_ns ended the rest: it was due before the close, and not much earlier than the request came. It may have
 * started when the program wrote the response, of which the last byte leaves later if the response is large. */
static bool fired_within(int64_t low_ns, int64_t high_ns, const struct record *record, const struct exchange_facts *f)
{
    int64_t tolerance = tolerance_of(high_ns);
    int64_t latest_ns = f->close_after_rest - BUSY_NS < f->idle_before ? f->close_after_rest - BUSY_NS : f->idle_before;
    return latest_ns <= high_ns + tolerance && f->close_after_rest + record->last_response_ns >= low_ns - tolerance;
}

/* The connection rested for longer before, and was answered: no such timer. */
static bool was_survived(const struct record *record, int64_t timer_ns)
{
    return record->longest_reuse_idle != NS_ABSENT && record->longest_reuse_idle != NS_UNKNOWN &&
           record->longest_reuse_idle > timer_ns + tolerance_of(timer_ns) + BUSY_NS;
}

/* What the server announced (Keep-Alive: timeout=), or a second more, by which Node.js is more patient than it says
 * (lib/_http_server.js, keepAliveTimeoutBuffer); it does not name itself. */
static bool announced(const struct record *record, struct exchange_facts *f)
{
    const bool may_be_node = record->server_software[0] == '\0';
    if (record->promised_s == 0)
        return false;
    for (int64_t more = 0; more <= may_be_node; more++) {
        int64_t timer_ns = ((int64_t)record->promised_s + more) * NS_PER_S;
        if (!fired_within(timer_ns, timer_ns, record, f) || was_survived(record, timer_ns))
            continue;
        f->rest_timer = REST_TIMER_ANNOUNCED;
        f->server_timer = timer_ns;
        return true;
    }
    return false;
}

void server_timers_tell(const struct server_timers *timers, const struct record *record, struct exchange_facts *f)
{
    f->rest_timer = REST_TIMER_NONE;
    f->server_timer = NS_ABSENT;
    if (f->close_after_rest == NS_ABSENT || f->close_after_rest == NS_UNKNOWN)
        return;
    const struct group_key server = { .server = *record_address(record, ROLE_SERVER),
                                      .server_port = record_port(record, ROLE_SERVER),
                                      .ipv6 = record->tuple.ipv6 };
    bool unused = record->exchanges == 0; /* until the first response, another timer rules */
    bool exact = false, coarse = false;
    for (size_t i = first_of(timers, &server); i < timers->count && compare_servers(&timers->items[i].server, &server) == 0;
         i++) {
        const struct deadline *d = &timers->items[i].deadline;
        if ((d->from == FROM_OPEN) != unused)
            continue;
        bool fits = fired_within(d->cluster.low_ns, d->cluster.high_ns, record, f);
        if (fits && !d->coarse) {
            f->rest_timer = REST_TIMER_SHOWN;
            f->server_timer = d->cluster.median_ns;
            return;
        }
        coarse |= fits;
        exact |= !d->coarse;
    }
    if (announced(record, f))
        return;
    if (was_survived(record, f->close_after_rest))
        return;
    if (coarse || (!exact && (deadline_is_round(f->close_after_rest) || deadline_is_round(f->idle_before))))
        f->rest_timer = REST_TIMER_ROUND;
    else if (exact)
        f->rest_timer = REST_TIMER_OTHER;
}

/* Did one timer end both rests? */
static bool same_rest(const struct exchange_facts *a, const struct exchange_facts *b)
{
    int64_t tolerance = tolerance_of(a->close_after_rest);
    return a->idle_before <= b->close_after_rest + tolerance && b->idle_before <= a->close_after_rest + tolerance;
}

void server_timers_doubt(struct hit *const *hits, size_t count)
{
    bool differ = false;
    const struct exchange_facts *first = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct exchange_facts *f = hits[i]->exchange;
        if (f->covered <= 0 || f->server_timer != NS_ABSENT || f->close_after_rest == NS_UNKNOWN ||
            f->close_after_rest == NS_ABSENT || f->idle_before == NS_ABSENT || f->idle_before == NS_UNKNOWN)
            continue;
        differ |= first != NULL && !same_rest(first, f);
        first = f;
    }
    for (size_t i = 0; differ && i < count; i++)
        if (hits[i]->exchange->rest_timer == REST_TIMER_ROUND)
            hits[i]->exchange->rest_timer = REST_TIMER_NONE;
}
