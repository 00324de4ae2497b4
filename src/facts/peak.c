#include "facts/peak.h"

#include <stdlib.h>

static int by_time(const void *a, const void *b)
{
    const struct peak_event *x = a, *y = b;
    if (x->ns != y->ns)
        return x->ns < y->ns ? -1 : 1;
    return x->change - y->change;
}

struct peak peak_find(struct peak_event *events, size_t count)
{
    struct peak peak = { 0, 0 };
    long now = 0;
    if (count > 0)
        qsort(events, count, sizeof *events, by_time);
    for (size_t i = 0; i < count; i++) {
        now += events[i].change;
        if (now > (long)peak.count) {
            peak.count = (size_t)now;
            peak.at_ns = events[i].ns;
        }
    }
    return peak;
}

static int by_moment(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

struct burst burst_find(int64_t *times, size_t count, int64_t within)
{
    struct burst burst = { 0, 0, 0 };
    if (count > 0)
        qsort(times, count, sizeof *times, by_moment);
    for (size_t start = 0, end = 0; start < count; start++) {
        while (end < count && times[end] - times[start] <= within)
            end++;
        if (end - start > burst.count)
            burst = (struct burst){ end - start, times[start], times[end - 1] };
    }
    return burst;
}
