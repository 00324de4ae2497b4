#include "judge/moments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A kernel closes what an ended process had open within a millisecond (tests/lab, go-killed: 8 connections in 0.07 ms); that a
 * program which walks through its connections takes no longer than this is a rule of thumb. */
#define AT_ONCE_NS (5 * NS_PER_MS)

/* That so many others closed within that time by chance, with the rate at which this end closed connections: one in twenty, by
 * convention. */
#define CHANCE 0.05

static int by_end(const struct moment *a, const struct moment *b)
{
    if (a->ipv6 != b->ipv6)
        return a->ipv6 - b->ipv6;
    int order = memcmp(a->end.bytes, b->end.bytes, sizeof a->end.bytes);
    return order != 0 ? order : (int)a->port - (int)b->port;
}

static int by_end_and_time(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    int order = by_end(x, y);
    if (order == 0)
        order = (x->ns > y->ns) - (x->ns < y->ns);
    return order != 0 ? order : (x->record > y->record) - (x->record < y->record);
}

/* Of a connection that carried nothing, its age; 0: not known. */
static int64_t rest_of(const struct record *r)
{
    int64_t rest = r->since_activity >= 0 ? r->since_activity : r->since_open;
    return rest >= 0 ? rest : 0;
}

static bool moment_of(const struct record *r, struct moment *moment)
{
    const int64_t ns = record_closed_ns(r);
    const bool server = r->close_by == BY_SERVER;
    if (ns == NS_ABSENT || (!server && r->close_by != BY_CLIENT))
        return false;
    *moment = (struct moment){ ns, rest_of(r), r->id, *record_address(r, server ? ROLE_SERVER : ROLE_CLIENT),
                               server ? record_port(r, ROLE_SERVER) : 0, r->tuple.ipv6 };
    return true;
}

bool moments_note(struct moments *moments, struct hit_group *const *groups, size_t count)
{
    size_t most = 0, kept = 0;
    for (size_t i = 0; i < count; i++)
        most += groups[i]->count;
    moments->items = malloc((most + 1) * sizeof *moments->items);
    if (moments->items == NULL)
        return false;
    moments->from_ns = INT64_MAX;
    moments->to_ns = INT64_MIN;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < groups[i]->count; j++) {
            const struct record *r = groups[i]->items[j].record;
            if (!moment_of(r, &moments->items[moments->count]))
                continue;
            if (r->first_ns < moments->from_ns)
                moments->from_ns = r->first_ns;
            if (moments->items[moments->count].ns > moments->to_ns)
                moments->to_ns = moments->items[moments->count].ns;
            moments->count++;
        }
    qsort(moments->items, moments->count, sizeof *moments->items, by_end_and_time);
    for (size_t i = 0; i < moments->count; i++)
        if (kept == 0 || by_end_and_time(&moments->items[kept - 1], &moments->items[i]) != 0)
            moments->items[kept++] = moments->items[i];
    moments->count = kept;
    return true;
}

void moments_free(struct moments *moments)
{
    free(moments->items);
    *moments = (struct moments){ 0 };
}

/* The first one that is not before `key`. */
static size_t lower_bound(const struct moments *moments, const struct moment *key)
{
    size_t low = 0, high = moments->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_end_and_time(&moments->items[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of Poisson's distribution: so many or more, where `expected` are to be expected. */
static double at_least(size_t count, double expected)
{
    double term = exp(-expected), below = 0;
    for (size_t i = 0; i < count; i++) {
        below += term;
        term *= expected / (double)(i + 1);
    }
    return 1 - below;
}

/* Those that are looked at. */
struct burst {
    struct moment first, last;
    size_t members;
    int64_t least_rest_ns, most_rest_ns;
    bool scattered; /* of several ends, or closed by nobody */
};

static void burst_add(struct burst *burst, const struct record *r)
{
    struct moment m;
    if (!moment_of(r, &m) || (burst->members > 0 && by_end(&m, &burst->first) != 0)) {
        burst->scattered = true;
        return;
    }
    if (burst->members == 0 || m.ns < burst->first.ns)
        burst->first = m;
    if (burst->members == 0 || m.ns > burst->last.ns)
        burst->last = m;
    if (burst->members == 0 || m.rest_ns < burst->least_rest_ns)
        burst->least_rest_ns = m.rest_ns;
    if (burst->members == 0 || m.rest_ns > burst->most_rest_ns)
        burst->most_rest_ns = m.rest_ns;
    burst->members++;
}

static bool burst_is_one(const struct burst *burst)
{
    return burst->members > 0 && !burst->scattered && burst->last.ns - burst->first.ns <= AT_ONCE_NS;
}

/* So many others at a time are enough for any chance. */
#define ENOUGH_COMPANY 1000

/* How many others the end closed within these moments. other_rest: only those whose rest is not that of a member: connections that were
 * used together reach timers of one length together, whatever each waited for. */
static size_t company(const struct moments *moments, const struct burst *burst, size_t begin, size_t end, bool other_rest)
{
    size_t all = end - begin;
    if (!other_rest)
        return all > burst->members ? all - burst->members : 0;
    size_t count = 0;
    for (size_t i = begin; i < end && count < ENOUGH_COMPANY; i++) {
        int64_t rest = moments->items[i].rest_ns;
        count += rest < burst->least_rest_ns - AT_ONCE_NS || rest > burst->most_rest_ns + AT_ONCE_NS;
    }
    return count;
}

static bool burst_has_company(const struct moments *moments, const struct burst *burst, bool other_rest)
{
    const int64_t width = burst->last.ns - burst->first.ns;
    if (!burst_is_one(burst))
        return false;
    struct moment from = burst->first, to = burst->last;
    from.ns -= AT_ONCE_NS;
    to.ns += AT_ONCE_NS;
    from.record = 0;
    to.record = UINT64_MAX;
    size_t with = company(moments, burst, lower_bound(moments, &from), lower_bound(moments, &to), other_rest);
    if (with == 0)
        return false;
    from.ns = INT64_MIN;
    to.ns = INT64_MAX;
    size_t begin = lower_bound(moments, &from), end = lower_bound(moments, &to);
    size_t others = end - begin - burst->members; /* of this end, in the whole capture */
    double share = (double)(width + 2 * AT_ONCE_NS) / (double)(moments->to_ns - moments->from_ns + 1);
    return share < 1 && at_least(with, (double)others * share) < CHANCE;
}

enum together moments_of(const struct moments *moments, struct hit *const *hits, size_t count)
{
    enum { ALONE_LEAST = 3 }; /* two agree now and then */
    struct burst burst = { .scattered = false };
    for (size_t i = 0; i < count && !burst.scattered; i++)
        if (i == 0 || hits[i]->record != hits[i - 1]->record)
            burst_add(&burst, hits[i]->record);
    if (burst_has_company(moments, &burst, true))
        return TOGETHER_SHARED;
    return burst_is_one(&burst) && burst.members >= ALONE_LEAST ? TOGETHER_ALONE : TOGETHER_NOT;
}

bool moments_are_one(const struct moments *moments, const struct record *const *records, const uint8_t *of_record, size_t count,
                     uint8_t timer)
{
    struct burst burst = { .scattered = false };
    for (size_t i = 0; i < count && !burst.scattered; i++)
        if (of_record[i] == timer)
            burst_add(&burst, records[i]);
    return burst.members >= 2 && burst_has_company(moments, &burst, false);
}
