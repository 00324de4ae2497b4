#include "facts/deadline.h"

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

bool cluster_find(int64_t *times, size_t count, struct cluster *cluster)
{
    *cluster = (struct cluster){ .total = count };
    if (count > 0)
        qsort(times, count, sizeof *times, compare_times);
    size_t end = 0;
    for (size_t start = 0; start < count; start++) {
        if (times[start] < DEADLINE_SHORTEST_NS)
            continue;
        if (end < start)
            end = start;
        while (end < count && times[end] - times[start] <= tolerance(times[start]))
            end++;
        if (end - start > cluster->samples) {
            cluster->samples = end - start;
            cluster->low_ns = times[start];
            cluster->high_ns = times[end - 1];
            cluster->median_ns = times[start + (end - start) / 2];
        }
    }
    return cluster->samples > 0;
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

bool clusters_explain(int64_t *times, size_t count)
{
    size_t left = count;
    for (int i = 0; i < DEADLINE_MOST_TIMERS; i++) {
        struct cluster c;
        if (!cluster_find(times, left, &c) || c.samples < DEADLINE_MIN_SAMPLES)
            break;
        size_t kept = 0;
        for (size_t j = 0; j < left; j++)
            if (times[j] < c.low_ns || times[j] > c.high_ns)
                times[kept++] = times[j];
        left = kept;
    }
    return (count - left) * 10 >= count * DEADLINE_TIMERS_SHARE;
}

static bool better(const struct cluster *a, const struct cluster *b)
{
    /* More connections explained wins; about as many: the tighter one. */
    if (a->samples * 10 < b->samples * 9)
        return false;
    if (b->samples * 10 < a->samples * 9)
        return true;
    return a->high_ns - a->low_ns < b->high_ns - b->low_ns;
}

static bool as_good(const struct cluster *other, const struct cluster *best)
{
    /* Shares, not numbers: where a time is not known, it does not speak against the reference. */
    return other->samples * best->total * 10 >= best->samples * other->total * 9 &&
           other->high_ns - other->low_ns <=
               3 * (best->high_ns - best->low_ns) + 2 * NS_PER_MS;
}

/* The known times of one reference. */
static size_t times_of(const struct record *const *records, size_t count, enum reference reference,
                       int64_t *times)
{
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t time = record_since(records[i], reference);
        if (time != NS_ABSENT && time != NS_UNKNOWN)
            times[known++] = time;
    }
    return known;
}

/* The cluster of one reference's times; no samples if they do not look like a timer's. */
static struct cluster cluster_of(const struct record *const *records, size_t count,
                                 enum reference reference, int64_t *times)
{
    struct cluster cluster;
    size_t known = times_of(records, count, reference, times);
    if (!cluster_find(times, known, &cluster) ||
        (cluster.samples * 2 < known && !clusters_explain(times, known)))
        cluster.samples = 0;
    return cluster;
}

/* Where no reference is exact: the coarse one that explains most. */
static struct deadline infer_coarse(const struct record *const *records, size_t count,
                                    const struct reference_list *references, int64_t *times)
{
    struct deadline d = { 0 };
    for (unsigned i = 0; i < references->count; i++) {
        struct cluster cluster;
        size_t known = times_of(records, count, references->items[i], times);
        if (references->items[i] == FROM_REQUEST || !cluster_find_coarse(times, known, &cluster) ||
            (d.found && cluster.samples <= d.cluster.samples))
            continue;
        d = (struct deadline){ .found = true, .from = references->items[i], .cluster = cluster,
                               .coarse = true };
    }
    return d;
}

struct deadline deadline_infer(const struct record *const *records, size_t count,
                               const struct reference_list *references, int64_t *times)
{
    struct deadline d = { 0 };
    struct cluster clusters[REFERENCES];
    unsigned best = 0;
    for (unsigned i = 0; i < references->count; i++) {
        clusters[i] = cluster_of(records, count, references->items[i], times);
        if (clusters[i].samples > 0 && (!d.found || better(&clusters[i], &clusters[best]))) {
            d.found = true;
            best = i;
        }
    }
    unsigned chosen = best;
    for (unsigned i = 0; i < references->count && d.found && !d.has_runner_up; i++)
        if (i != best && clusters[i].samples >= DEADLINE_MIN_SAMPLES &&
            as_good(&clusters[i], &clusters[best])) {
            chosen = i < best ? i : best;
            d.has_runner_up = true;
            d.runner_up = references->items[i < best ? best : i];
        }
    if (d.found) {
        d.from = references->items[chosen];
        d.cluster = clusters[chosen];
        d.found = d.cluster.samples >= DEADLINE_MIN_SAMPLES;
    }
    return d.found ? d : infer_coarse(records, count, references, times);
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
