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

static bool moment_of(const struct record *r, struct moment *moment)
{
    const int64_t ns = record_closed_ns(r);
    const bool server = r->close_by == BY_SERVER;
    if (ns == NS_ABSENT || (!server && r->close_by != BY_CLIENT))
        return false;
    *moment = (struct moment){ ns, r->id, *record_address(r, server ? ROLE_SERVER : ROLE_CLIENT),
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

bool moments_are_one(const struct moments *moments, const struct record *const *records, const uint8_t *of_record, size_t count,
                     uint8_t timer)
{
    struct moment first = { 0 }, last = { 0 }, m;
    size_t members = 0;
    for (size_t i = 0; i < count; i++) {
        if (of_record[i] != timer)
            continue;
        if (!moment_of(records[i], &m) || (members > 0 && by_end(&m, &first) != 0))
            return false;
        if (members == 0 || m.ns < first.ns)
            first = m;
        if (members == 0 || m.ns > last.ns)
            last = m;
        members++;
    }
    if (members < 2 || last.ns - first.ns > AT_ONCE_NS)
        return false;
    struct moment from = first, to = last;
    from.ns -= AT_ONCE_NS;
    to.ns += AT_ONCE_NS;
    from.record = 0;
    to.record = UINT64_MAX;
    size_t within = lower_bound(moments, &to) - lower_bound(moments, &from);
    if (within <= members)
        return false;
    from.ns = INT64_MIN;
    to.ns = INT64_MAX;
    size_t begin = lower_bound(moments, &from), end = lower_bound(moments, &to);
    size_t others = end - begin - members; /* of this end, in the whole capture */
    double share = (double)(last.ns - first.ns + 2 * AT_ONCE_NS) / (double)(moments->to_ns - moments->from_ns + 1);
    return share < 1 && at_least(within - members, (double)others * share) < CHANCE;
}
