#include "base/least.h"

#include <stdlib.h>

#include "base/vec.h"

static void swap(struct least_item *a, struct least_item *b)
{
    const struct least_item kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct least_item *heap, size_t at)
{
    for (size_t up; at > 0 && heap[up = (at - 1) / 2].number < heap[at].number; at = up)
        swap(&heap[at], &heap[up]);
}

static void sift_down(struct least_item *heap, size_t count)
{
    for (size_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && heap[child + 1].number > heap[child].number;
        if (heap[child].number <= heap[at].number)
            return;
        swap(&heap[at], &heap[child]);
    }
}

bool least_add(struct least *least, uint64_t number, void *item, void **left_out)
{
    *left_out = item;
    if (least->count < least->most) {
        if (!VEC_ROOM(least))
            return false;
        *left_out = NULL;
        least->items[least->count] = (struct least_item){ number, item };
        sift_up(least->items, least->count++);
    } else if (least->most > 0 && number < least->items[0].number) {
        *left_out = least->items[0].item;
        least->items[0] = (struct least_item){ number, item };
        sift_down(least->items, least->count);
    }
    return true;
}

static int by_number(const void *a, const void *b)
{
    const struct least_item *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

void least_sort(struct least *least)
{
    if (least->count > 0)
        qsort(least->items, least->count, sizeof *least->items, by_number);
}

void least_free(struct least *least)
{
    free(least->items);
}

uint64_t least_stirred(uint64_t number)
{
    number = (number ^ number >> 33) * UINT64_C(0xff51afd7ed558ccd);
    number = (number ^ number >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return number ^ number >> 33;
}
