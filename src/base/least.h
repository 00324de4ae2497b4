/*
 * least - of all items that come, those with the smallest numbers, so many at most: the same whatever the order in which they come.
 *
 * The items are the caller's.
 */
#ifndef HANGUP_BASE_LEAST_H
#define HANGUP_BASE_LEAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct least_item {
    uint64_t number;
    void *item;
};

/* All zero but for `most` at its start. */
struct least {
    struct least_item *items; /* a heap, the largest number first, until least_sort */
    size_t count, capacity, most;
};

/* left_out: the item that has no room, this one or another; NULL: there is room for all. false: no memory, and this one is left out. */
bool least_add(struct least *least, uint64_t number, void *item, void **left_out);

/* By number; nothing is added any more. */
void least_sort(struct least *least);

void least_free(struct least *least);

/* A number stirred, so that the smallest are drawn as by lot, by the same lot each time: whoever makes packets in a pattern gains
 * nothing for long (the finalizer of MurmurHash3). */
uint64_t least_stirred(uint64_t number);

#endif
