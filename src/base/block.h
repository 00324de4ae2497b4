/*
 * block - a piece of memory with several users, in several threads; the last one frees it.
 */
#ifndef HANGUP_BASE_BLOCK_H
#define HANGUP_BASE_BLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block {
    atomic_uint users;
    size_t capacity;
    uint8_t bytes[];
};

/* With one user, the caller. NULL: no memory. */
struct block *block_new(size_t capacity);

void block_hold(struct block *block);
void block_release(struct block *block); /* NULL is fine */

/* Is the caller the only user? */
bool block_is_own(const struct block *block);

#endif
