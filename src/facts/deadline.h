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
/* Times that agree better than hosts keep time say no more than ones that agree so well. */
#define DEADLINE_JITTER_NS (100 * NS_PER_US)
/* Below this, processing times look like timers: the times of one kind of work differ by some percent at least. Where
 * several agree to one percent, it is a timer all the same, from the shortest time on of which a capture's microseconds show
 * that. */
#define DEADLINE_SHORTEST_NS (50 * NS_PER_MS)
#define DEADLINE_SHORT_SHARE 100
#define DEADLINE_SHORT_SAMPLES 5
#define DEADLINE_SHORTEST_EXACT_NS (200 * NS_PER_US)
/* How many false timers are accepted in one capture for one rule: times that agree by chance. One in a hundred captures
 * may show one. */
#define DEADLINE_CHANCE 0.01
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
#define DEADLINE_TIMERS_SHARE 8 /* tenths */
/* So many timers of one group are told. */
#define DEADLINE_MOST_TIMERS 8
/* Of a larger group, timers are looked for in so many members, evenly taken; then all are counted. A timer of less
 * than one member in a hundred may be missed there. */
#define DEADLINE_MOST_MEMBERS 4096

/* Times that one timer explains. */
struct cluster {
    size_t samples;              /* in the cluster */
    size_t total;                /* times that were known */
    int64_t low_ns, high_ns;
    int64_t median_ns;
};

/* Is there one timer that explains at least half of these times? Sorts them. */
bool cluster_is_fixed(int64_t *times, size_t count, bool *fixed) WARN_UNUSED; /* false: no memory */

/* The largest set of times that a coarse timer explains; false: they do not look like one. Sorts the times. */
bool cluster_find_coarse(int64_t *times, size_t count, struct cluster *cluster);

struct deadline {
    bool found;
    enum reference from;
    struct cluster cluster;
    bool has_runner_up;          /* another event explains the times as well */
    enum reference runner_up;
    bool coarse;                 /* up to a second late: the timer is nearer to cluster.low_ns */
};

/* References to try, the preferred one first. */
struct reference_list {
    enum reference items[REFERENCES];
    unsigned count;
};

/* The timers of a group: clusters in a mixture, the strongest first, and any number of closes that follow none. */
struct deadlines {
    struct deadline items[DEADLINE_MOST_TIMERS];
    size_t count;
};

#define DEADLINE_NO_TIMER UINT8_MAX

/* Finds them. Closes of a program without a timer come at times of which none is preferred, but within a factor of
 * two or so they may come more or less often. So the chance of a set is told from how many others lie around it, near and
 * far: how often so many of them would fall into a window of that width, in any place, of any of the references, and
 * in any of `groups` groups that are asked. Sets that come by chance more than DEADLINE_CHANCE times are none. (A scan
 * statistic: Naus 1965, "The distribution of the size of the maximum cluster of points on a line", with the Poisson
 * approximation.) Of references that explain a set about as well, the one that stands first in the list is taken,
 * with the other as runner-up.
 *
 * timer_of (room for count): which timer each record follows, or DEADLINE_NO_TIMER. Where no set is exact, a coarse
 * timer may explain nearly all. false: no memory. */
bool deadlines_infer(const struct record *const *records, size_t count, const struct reference_list *references,
                     size_t groups, struct deadlines *found, uint8_t *timer_of);

/* The strongest timer, if it explains half of the times that are known, or all timers together nearly all of them;
 * else none is found. */
struct deadline deadlines_main(const struct deadlines *deadlines, size_t count);

/* What would tell whether a timer starts from this event or from that. */
const char *deadline_what_tells(enum reference a, enum reference b);

/* A whole number of seconds, 1 s or more, as people configure timers; up to 2 ms early or 10 ms late,
 * so that one time in eighty is round by chance. */
bool deadline_is_round(int64_t ns);

#endif
