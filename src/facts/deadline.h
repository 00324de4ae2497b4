/*
 * deadline - is the time from some event to the close fixed? Then it is a timer.
 *
 * Works on plain numbers, so that groups of any kind can be asked.
 */
#ifndef HANGUP_FACTS_DEADLINE_H
#define HANGUP_FACTS_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "facts/record.h"

/* Events that a timer can start from. */
enum reference { FROM_OPEN, FROM_REQUEST, FROM_RESPONSE, FROM_ACTIVITY, REFERENCES };

const char *reference_name(enum reference reference); /* "open", ... */
bool reference_find(const char *name, enum reference *reference);

/* Time from the event to the record's close; NS_ABSENT or NS_UNKNOWN. */
int64_t record_since(const struct record *record, enum reference reference);

/* How far apart two runs of one timer may end: scheduling, path and clock make up a few
 * milliseconds, coarse tickers and loaded hosts a part of the value. Rule of thumb, checked
 * against real Go, nginx and curl timers in samples/ (spread 1 to 12 ms). */
#define DEADLINE_TOLERANCE_NS (4 * NS_PER_MS)
#define DEADLINE_TOLERANCE_SHARE 50 /* one part in 50: 2 % */
#define DEADLINE_TOLERANCE_MAX_NS (250 * NS_PER_MS)
/* Below this, processing times look like timers. */
#define DEADLINE_SHORTEST_NS (50 * NS_PER_MS)
#define DEADLINE_MIN_SAMPLES 3

/* The largest set of times that one timer explains. */
struct cluster {
    size_t samples;              /* in the cluster */
    size_t total;                /* times that were known */
    int64_t low_ns, high_ns;
    int64_t median_ns;
};

/* Sorts `times`. false: no time is long enough to be a timer. */
bool cluster_find(int64_t *times, size_t count, struct cluster *cluster);

struct deadline {
    bool found;
    enum reference from;
    struct cluster cluster;
    bool has_runner_up;          /* another event explains the times as well */
    enum reference runner_up;
};

/* References to try, the preferred one first. */
struct reference_list {
    enum reference items[REFERENCES];
    unsigned count;
};

/* The reference whose times cluster best; of those that explain the times about as well, the one
 * that stands first in the list, with the other as runner-up. Uses `times` (room for count) as
 * scratch memory. One sample makes no deadline, nor do three of a hundred: at least half of the
 * known times must be in the cluster. */
struct deadline deadline_infer(const struct record *const *records, size_t count,
                               const struct reference_list *references, int64_t *times);

/* A whole number of seconds, 1 s or more, as people configure timers; up to 2 ms early or 10 ms late,
 * so that one time in eighty is round by chance. */
bool deadline_is_round(int64_t ns);

#endif
