#include "base/block.h"

#include <stdlib.h>

struct block *block_new(size_t capacity)
{
    struct block *block = malloc(sizeof *block + capacity);
    if (block == NULL)
        return NULL;
    atomic_init(&block->users, 1);
    block->capacity = capacity;
    return block;
}

void block_hold(struct block *block)
{
    atomic_fetch_add_explicit(&block->users, 1, memory_order_relaxed);
}

/* Release and acquire: what the others did with the bytes comes before they are freed or reused. */
void block_release(struct block *block)
{
    if (block != NULL && atomic_fetch_sub_explicit(&block->users, 1, memory_order_acq_rel) == 1)
        free(block);
}

bool block_is_own(const struct block *block)
{
    return atomic_load_explicit(&block->users, memory_order_acquire) == 1;
}
