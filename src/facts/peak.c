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
