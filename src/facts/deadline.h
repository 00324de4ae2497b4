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
enum reference {
#define VALUE(id, name, text, field) id,
#include "facts/references.def"
#undef VALUE
    REFERENCES
};

extern const char *const reference_names[REFERENCES + 1]; /* "open", ...; NULL at the end */
const char *reference_text(enum reference reference); /* "the handshake", ... */
bool reference_find(const char *name, enum reference *reference);

/* Time from the event to the record's close; NS_ABSENT or NS_UNKNOWN. */
int64_t record_since(const struct record *record, enum reference reference);

/* How far apart two runs of one timer may end: scheduling, path and clock make up a few
 * milliseconds, coarse tickers and loaded hosts a part of the value. Rule of thumb, checked
 * against real Go, nginx and curl timers in samples/ (spread 1 to 12 ms). */
#define DEADLINE_TOLERANCE_NS (4 * NS_PER_MS)
#define DEADLINE_TOLERANCE_SHARE 50 /* one part in 50: 2 % */
#define DEADLINE_TOLERANCE_MAX_NS (250 * NS_PER_MS)
/* A program that looks at its clock once a second, or sweeps its connections so, ends them up to a second
 * late (gunicorn, Node.js 20, HAProxy's wheel, many others). Such times look like anything, so there must be
 * more of them, nearly all alike, and long against the second. People and caches give up on requests
 * at any time: a coarse timer of a request is not believed. */
#define DEADLINE_COARSE_NS (NS_PER_S + DEADLINE_TOLERANCE_MAX_NS / 5)
#define DEADLINE_COARSE_SHORTEST_NS (2 * NS_PER_S)
#define DEADLINE_COARSE_MIN_SAMPLES 6
#define DEADLINE_COARSE_SHARE 9 /* tenths */
/* Clients with different settings behind one address, a server's header timer beside its idle timer: a few
 * timers together may explain what none of them does. */
#define DEADLINE_MOST_TIMERS 4
#define DEADLINE_TIMERS_SHARE 8 /* tenths */
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

/* The same for a coarse timer; false: they do not look like one. */
bool cluster_find_coarse(int64_t *times, size_t count, struct cluster *cluster);

/* Do a few clusters, each of enough samples, explain nearly all of the times? Reorders `times`. */
bool clusters_explain(int64_t *times, size_t count);

struct deadline {
    bool found;
    enum reference from;
    struct cluster cluster;
    bool has_runner_up;          /* another event explains the times as well */
    enum reference runner_up;
    bool coarse;                 /* up to a second late: the timer is nearer to cluster.low_ns */
};

/* What would tell whether a timer starts from this event or from that. */
const char *deadline_what_tells(enum reference a, enum reference b);

/* References to try, the preferred one first. */
struct reference_list {
    enum reference items[REFERENCES];
    unsigned count;
};

/* The reference whose times cluster best; of those that explain the times about as well, the one
 * that stands first in the list, with the other as runner-up. Uses `times` (room for count) as
 * scratch memory. One sample makes no deadline, nor do three of a hundred: at least half of the
 * known times must be in the cluster, or nearly all in it and a few others. */
struct deadline deadline_infer(const struct record *const *records, size_t count,
                               const struct reference_list *references, int64_t *times);

/* A whole number of seconds, 1 s or more, as people configure timers; up to 2 ms early or 10 ms late,
 * so that one time in eighty is round by chance. */
bool deadline_is_round(int64_t ns);

#endif
