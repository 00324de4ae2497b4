#include "facts/deadline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const reference_names[] = {
#define VALUE(id, name, text, field) [id] = name,
#include "facts/references.def"
#undef VALUE
    [REFERENCES] = NULL,
};

const char *reference_text(enum reference reference)
{
    static const char *const texts[REFERENCES] = {
#define VALUE(id, name, text, field) [id] = text,
#include "facts/references.def"
#undef VALUE
    };
    return texts[reference];
}

bool reference_find(const char *name, enum reference *reference)
{
    for (int i = 0; i < REFERENCES; i++)
        if (strcmp(reference_names[i], name) == 0) {
            *reference = (enum reference)i;
            return true;
        }
    return false;
}

int64_t record_since(const struct record *r, enum reference reference)
{
    const int64_t since[REFERENCES] = {
#define VALUE(id, name, text, field) [id] = r->field,
#include "facts/references.def"
#undef VALUE
    };
    return since[reference];
}

static int64_t tolerance(int64_t value)
{
    int64_t wide = DEADLINE_TOLERANCE_NS + value / DEADLINE_TOLERANCE_SHARE;
    return wide < DEADLINE_TOLERANCE_MAX_NS ? wide : DEADLINE_TOLERANCE_MAX_NS;
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

bool cluster_find_coarse(int64_t *times, size_t count, struct cluster *cluster)
{
    *cluster = (struct cluster){ .total = count };
    if (count > 0)
        qsort(times, count, sizeof *times, compare_times);
    for (size_t start = 0, end = 0; start < count; start++) {
        while (end < count && times[end] - times[start] <= DEADLINE_COARSE_NS)
            end++;
        if (times[start] >= DEADLINE_COARSE_SHORTEST_NS && end - start > cluster->samples)
            *cluster = (struct cluster){ end - start, count, times[start], times[end - 1],
                                         times[start + (end - start) / 2] };
    }
    return cluster->samples >= DEADLINE_COARSE_MIN_SAMPLES &&
           cluster->samples * 10 >= count * DEADLINE_COARSE_SHARE;
}

/* ---- chance ------------------------------------------------------------------------------- */

/* A time of one member. */
struct point {
    int64_t ns;
    uint32_t member;
};

/* Points of one reference, in order of time; those of members that a timer explains already are taken out. */
struct line {
    struct point *points;
    size_t count;
};

static int by_time(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    if (x->ns != y->ns)
        return x->ns < y->ns ? -1 : 1;
    return (x->member > y->member) - (x->member < y->member);
}

/* How many points lie before the time. */
static size_t before(const struct line *line, double ns)
{
    size_t low = 0, high = line->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((double)line->points[middle].ns < ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t within(const struct line *line, double low, double high)
{
    return before(line, high) - before(line, low);
}

/* The logarithm of the chance that Poisson's distribution gives at least n: its first term, and a geometric series
 * that is no less than the others. */
static double log_tail(double expected, size_t n)
{
    double k = (double)n;
    if (n == 0 || expected >= k)
        return 0;
    return k * log(expected) - expected - lgamma(k + 1) - log1p(-expected / (k + 1));
}

/* So many that do not belong to a timer may be counted to it. */
#define STRANGERS 0.1

/* Half of a factor of e to either side: what times of one kind spread over at least. */
#define NEIGHBOURHOOD 0.5

/* The logarithm of how many sets as this one, points [start, end), chance would make of the line; or anything that is
 * not below `limit`, if that is not. */
static double log_chance(const struct line *line, size_t start, size_t end, double limit)
{
    double low = (double)line->points[start].ns, high = (double)line->points[end - 1].ns;
    double width = high - low > DEADLINE_JITTER_NS ? high - low : DEADLINE_JITTER_NS;
    size_t size = end - start;
    /* Per nanosecond: all that lie around, as if the set's own were spread like them ... */
    double around = (double)within(line, low * exp(-NEIGHBOURHOOD), low * exp(NEIGHBOURHOOD) + 1);
    double density = (around - 1) / (2 * NEIGHBOURHOOD * low);
    double count = (double)line->count;
    double sizes = 1 + log2(count / (double)size); /* that were tried, as far as they say something else */
    double tries = log(count * sizes);
    if (tries + log_tail(density * width, size - 1) >= limit) /* more others make it no less */
        return limit;
    /* ... or the others alone, where they are denser: nearer, and nearer yet. */
    for (double apart = 4 * width; apart < low * NEIGHBOURHOOD; apart *= 4) {
        double others = (double)(within(line, low - apart, high + apart + 1) - size);
        if (others / (2 * apart) > density)
            density = others / (2 * apart);
    }
    return tries + log_tail(density * width, size - 1);
}

/* ---- the strongest set of a line ------------------------------------------------------------ */

struct set {
    size_t start, end; /* of the line's points */
    double log_chance;
};

/* Of up to so many points, each window is tried; of more, the widths are a ladder. */
#define TRY_EACH 64
#define LADDER_STEP 3
#define LADDER_STEPS 5

static bool is_short(int64_t ns)
{
    return ns < DEADLINE_SHORTEST_NS;
}

static void try_set(const struct line *line, size_t start, size_t end, struct set *best)
{
    if (end - start < (is_short(line->points[start].ns) ? DEADLINE_SHORT_SAMPLES : 2))
        return;
    double chance = log_chance(line, start, end, best->log_chance);
    if (chance < best->log_chance)
        *best = (struct set){ start, end, chance };
}

/* Whose log_chance is below the limit; else none. */
static struct set strongest_set(const struct line *line, double limit)
{
    struct set best = { 0, 0, limit };
    size_t ends[LADDER_STEPS] = { 0 };
    for (size_t start = 0; start < line->count; start++) {
        int64_t from = line->points[start].ns, width = is_short(from) ? from / DEADLINE_SHORT_SHARE : tolerance(from);
        if (from < DEADLINE_SHORTEST_EXACT_NS)
            continue;
        if (line->count <= TRY_EACH) {
            for (size_t end = start + 2; end <= line->count && line->points[end - 1].ns - from <= width; end++)
                try_set(line, start, end, &best);
            continue;
        }
        for (int step = 0; step < LADDER_STEPS; step++, width /= LADDER_STEP) {
            size_t end = ends[step] > start ? ends[step] : start;
            while (end < line->count && line->points[end].ns - from <= width)
                end++;
            /* A window that grows with the next start is tried then. */
            bool grows = end > ends[step];
            ends[step] = end;
            if (grows)
                try_set(line, start, end, &best);
        }
    }
    return best;
}

/* Runs of the timer that came later or earlier than the set's: those within its tolerance, as long as hardly any other
 * would lie there, as dense as they are around. */
static void add_outliers(const struct line *line, struct set *set)
{
    const struct point *p = line->points;
    if (is_short(p[set->start].ns))
        return;
    double low = (double)p[set->start].ns, high = (double)p[set->end - 1].ns;
    double most = (double)tolerance(p[set->start].ns);
    size_t start = before(line, high - most), end = before(line, low + most + 1);
    if (end - start == set->end - set->start)
        return;
    double around = (double)within(line, low * exp(-NEIGHBOURHOOD), low * exp(NEIGHBOURHOOD)) - (double)(end - start);
    double added = 2 * most - (high - low), width = 2 * NEIGHBOURHOOD * low;
    if ((around > 0 ? around : 0.5) * added / width > STRANGERS)
        return;
    /* No wider than the tolerance in all: the side where more are. */
    size_t later = end - set->end, earlier = set->start - start;
    if (later >= earlier)
        set->end = end;
    while (set->start > start && (double)p[set->end - 1].ns - (double)p[set->start - 1].ns <= most)
        set->start--;
    while (set->end < end && (double)p[set->end].ns - (double)p[set->start].ns <= most)
        set->end++;
}

bool cluster_is_fixed(int64_t *times, size_t count, bool *fixed)
{
    struct point *points = malloc((count + 1) * sizeof *points);
    if (points == NULL)
        return false;
    qsort(times, count, sizeof *times, compare_times);
    for (size_t i = 0; i < count; i++)
        points[i] = (struct point){ times[i], (uint32_t)i };
    const struct line line = { points, count };
    struct set set = strongest_set(&line, log(DEADLINE_CHANCE));
    if (set.end > 0)
        add_outliers(&line, &set);
    *fixed = set.end > 0 && (set.end - set.start) * 2 >= count;
    free(points);
    return true;
}

/* ---- the timers of a group ------------------------------------------------------------------- */

/* A group while timers are looked for. */
struct search {
    const struct record *const *records;
    const struct reference_list *references;
    struct line lines[REFERENCES]; /* in the order of the list */
    double log_tries;
    uint8_t *timer_of;
};

static bool is_known(int64_t time)
{
    return time != NS_ABSENT && time != NS_UNKNOWN;
}

static bool search_begin(struct search *s, size_t count)
{
    size_t taken = count < DEADLINE_MOST_MEMBERS ? count : DEADLINE_MOST_MEMBERS;
    for (unsigned i = 0; i < s->references->count; i++) {
        struct line *line = &s->lines[i];
        line->points = malloc((taken + 1) * sizeof *line->points);
        if (line->points == NULL)
            return false;
        for (size_t j = 0; j < taken; j++) {
            size_t member = (size_t)((uint64_t)j * count / taken);
            int64_t time = record_since(s->records[member], s->references->items[i]);
            if (is_known(time))
                line->points[line->count++] = (struct point){ time, (uint32_t)member };
        }
        qsort(line->points, line->count, sizeof *line->points, by_time);
    }
    return true;
}

static void search_end(struct search *s)
{
    for (unsigned i = 0; i < s->references->count; i++)
        free(s->lines[i].points);
}

/* The times of a set's members by another reference, as far as they are known. */
static size_t times_of(const struct search *s, const struct line *line, const struct set *set, enum reference reference,
                       int64_t *times)
{
    size_t count = 0;
    for (size_t i = set->start; i < set->end; i++) {
        int64_t time = record_since(s->records[line->points[i].member], reference);
        if (is_known(time))
            times[count++] = time;
    }
    return count;
}

/* As exact as the times by `best`: up to three times as wide, or 2 ms where that is next to nothing. */
static int64_t width_as_good(const struct cluster *best)
{
    return 3 * (best->high_ns - best->low_ns) + 2 * NS_PER_MS;
}

/* Where most members of a set lie by another reference. */
static struct cluster densest(int64_t *times, size_t count, int64_t width)
{
    struct cluster c = { 0 };
    qsort(times, count, sizeof *times, compare_times);
    for (size_t start = 0, end = 0; end < count; end++) {
        while (times[end] - times[start] > width)
            start++;
        if (end + 1 - start > c.samples)
            c = (struct cluster){ .samples = end + 1 - start, .low_ns = times[start], .high_ns = times[end] };
    }
    return c;
}

/* Does another reference, by which `known` of the times are known, explain them as well? Fewer than one in ten may lie
 * elsewhere: a request that was lost on the way and sent again is seen late, and shows no other timer. (Simulated with
 * a loss of 1 %, two of thirty were.) */
static bool as_good(const struct cluster *other, size_t known, const struct cluster *best)
{
    return known * 10 >= best->samples * 9 && other->samples * 10 > known * 9 && other->low_ns >= DEADLINE_SHORTEST_NS;
}

/* The reference to tell of the set that was found by `best`: of those that explain it as well, the first. Uses `times` as
 * scratch memory. */
static struct deadline choose_reference(const struct search *s, unsigned best, const struct set *set, int64_t *times)
{
    const struct line *line = &s->lines[best];
    size_t count = times_of(s, line, set, s->references->items[best], times);
    struct cluster own = densest(times, count, INT64_MAX);
    struct deadline d = { .found = true, .from = s->references->items[best], .cluster = own };
    for (unsigned i = 0; i < s->references->count && !d.has_runner_up; i++) {
        if (i == best)
            continue;
        count = times_of(s, line, set, s->references->items[i], times);
        struct cluster other = densest(times, count, width_as_good(&own));
        if (!as_good(&other, count, &own))
            continue;
        d.has_runner_up = true;
        d.runner_up = s->references->items[i < best ? best : i];
        if (i < best) {
            d.from = s->references->items[i];
            d.cluster = other;
        }
    }
    return d;
}

/* Counts all members that the timer explains, and says so of each. Uses `times` as scratch memory. */
static void take_members(const struct search *s, size_t count, struct deadline *d, uint8_t timer, int64_t *times)
{
    size_t samples = 0;
    d->cluster.total = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t time = record_since(s->records[i], d->from);
        d->cluster.total += is_known(time);
        if (s->timer_of[i] != DEADLINE_NO_TIMER || time < d->cluster.low_ns || time > d->cluster.high_ns)
            continue;
        s->timer_of[i] = timer;
        times[samples++] = time;
    }
    qsort(times, samples, sizeof *times, compare_times);
    d->cluster.samples = samples;
    d->cluster.median_ns = times[samples / 2];
}

static void drop_explained(struct search *s)
{
    for (unsigned i = 0; i < s->references->count; i++) {
        struct line *line = &s->lines[i];
        size_t kept = 0;
        for (size_t j = 0; j < line->count; j++)
            if (s->timer_of[line->points[j].member] == DEADLINE_NO_TIMER)
                line->points[kept++] = line->points[j];
        line->count = kept;
    }
}

/* The strongest set that is left. Uses `times` as scratch memory. false: chance would make it as well. */
static bool find_timer(const struct search *s, struct deadline *d, int64_t *times)
{
    struct set set = { 0, 0, log(DEADLINE_CHANCE) - s->log_tries };
    unsigned best = 0;
    for (unsigned i = 0; i < s->references->count; i++) {
        struct set other = strongest_set(&s->lines[i], set.log_chance);
        if (other.end == 0)
            continue;
        set = other;
        best = i;
    }
    if (set.end == 0)
        return false;
    add_outliers(&s->lines[best], &set);
    *d = choose_reference(s, best, &set, times);
    return true;
}

/* Where no reference is exact: the coarse one that explains most. */
static bool find_coarse(const struct search *s, size_t count, struct deadline *d, int64_t *times)
{
    *d = (struct deadline){ 0 };
    for (unsigned i = 0; i < s->references->count; i++) {
        enum reference reference = s->references->items[i];
        size_t known = 0;
        for (size_t j = 0; j < count; j++) {
            times[known] = record_since(s->records[j], reference);
            known += is_known(times[known]);
        }
        struct cluster cluster;
        if (reference == FROM_REQUEST || !cluster_find_coarse(times, known, &cluster) ||
            (d->found && cluster.samples <= d->cluster.samples))
            continue;
        *d = (struct deadline){ .found = true, .from = reference, .cluster = cluster, .coarse = true };
    }
    return d->found;
}

bool deadlines_infer(const struct record *const *records, size_t count, const struct reference_list *references,
                     size_t groups, struct deadlines *found, uint8_t *timer_of)
{
    struct search s = { .records = records, .references = references, .timer_of = timer_of,
                        .log_tries = log((double)(groups > 0 ? groups : 1) * (references->count > 0 ? references->count : 1)) };
    int64_t *times = malloc((count + 1) * sizeof *times);
    bool ok = times != NULL && search_begin(&s, count);
    found->count = 0;
    memset(timer_of, DEADLINE_NO_TIMER, count);
    while (ok && found->count < DEADLINE_MOST_TIMERS && find_timer(&s, &found->items[found->count], times)) {
        take_members(&s, count, &found->items[found->count], (uint8_t)found->count, times);
        found->count++;
        drop_explained(&s);
    }
    if (ok && found->count == 0 && find_coarse(&s, count, &found->items[0], times))
        take_members(&s, count, &found->items[found->count++], 0, times);
    search_end(&s);
    free(times);
    return ok;
}

struct deadline deadlines_main(const struct deadlines *deadlines, size_t count)
{
    size_t explained = 0;
    for (size_t i = 0; i < deadlines->count; i++)
        explained += deadlines->items[i].cluster.samples;
    const struct deadline *first = &deadlines->items[0];
    bool half = deadlines->count > 0 && first->cluster.samples * 2 >= first->cluster.total;
    if (half || (explained > 0 && explained * 10 >= count * DEADLINE_TIMERS_SHARE))
        return *first;
    return (struct deadline){ .found = false };
}

const char *deadline_what_tells(enum reference a, enum reference b)
{
    bool open = a == FROM_OPEN || b == FROM_OPEN, request = a == FROM_REQUEST || b == FROM_REQUEST;
    if (open)
        return "a connection with several requests, or one that waited before its first, would tell";
    return request ? "responses that take longer would tell"
                   : "a request or response that was sent in several parts would tell";
}

bool deadline_is_round(int64_t ns)
{
    /* Timers fire late rather than early. */
    const int64_t early = 2 * NS_PER_MS, late = 10 * NS_PER_MS;
    if (ns < NS_PER_S - early || ns > CAPTURE_MAX_TIME_NS)
        return false;
    return (ns + early) % NS_PER_S <= early + late;
}
