/*
 * peak - how many spans of time overlap at most, and when.
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

#endif
