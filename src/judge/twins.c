#include "judge/twins.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* The two are captured within what a device takes to pass a packet on, and two hosts' clocks differ by (reassembly.c). Simulators
 * begin all their connections with the same numbers; so soon one after the other, with the same bytes, they seldom do. */
#define TWINS_APART_NS (50 * NS_PER_MS)

static int by_numbers(const void *a, const void *b)
{
    const struct record *x = *(struct record *const *)a, *y = *(struct record *const *)b;
    for (int role = 0; role < 2; role++)
        if (x->first_seq[role] != y->first_seq[role])
            return x->first_seq[role] < y->first_seq[role] ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool has_numbers(const struct record *r)
{
    return r->open_seen && r->first_seq[ROLE_CLIENT] != 0 && r->first_seq[ROLE_SERVER] != 0;
}

static bool are_twins(const struct record *a, const struct record *b)
{
    int64_t apart = a->first_ns - b->first_ns;
    bool same_ends = memcmp(&a->tuple.address, &b->tuple.address, sizeof a->tuple.address) == 0 &&
                     memcmp(a->tuple.port, b->tuple.port, sizeof a->tuple.port) == 0;
    return has_numbers(a) && has_numbers(b) && a->first_seq[0] == b->first_seq[0] && a->first_seq[1] == b->first_seq[1] &&
           a->bytes[ROLE_CLIENT] == b->bytes[ROLE_CLIENT] && !same_ends && apart <= TWINS_APART_NS && apart >= -TWINS_APART_NS;
}

size_t twins_find(struct record **records, size_t count, void (*found)(void *context, struct record *first, struct record *twin),
                  void *context)
{
    size_t twins = 0;
    if (count > 0)
        qsort(records, count, sizeof *records, by_numbers);
    for (size_t i = 0, next; i < count; i = next)
        for (next = i + 1; next < count && are_twins(records[i], records[next]); next++) {
            found(context, records[i], records[next]);
            twins++;
        }
    return twins;
}
