/*
 * peak - how many spans of time overlap at most, and when; how many moments lie close together.
 */
#ifndef HANGUP_FACTS_PEAK_H
#define HANGUP_FACTS_PEAK_H

#include <stddef.h>
#include <stdint.h>

struct peak_event {
    int64_t ns;
    int change; /* +1 a span begins, -1 it ends */
};

struct peak {
    size_t count;
    int64_t at_ns;
};

/* Sorts the events. Spans that end at the instant where others begin do not overlap them. */
struct peak peak_find(struct peak_event *events, size_t count);

struct burst {
    size_t count;
    int64_t first_ns, last_ns;
};

/* The most moments that lie within such a time; of several such sets, the first. Sorts the times. */
struct burst burst_find(int64_t *times, size_t count, int64_t within);

#endif
