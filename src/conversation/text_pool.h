/*
 * text_pool - texts of an exchange, of up to 128 bytes with the NUL. Private to the floor.
 *
 * Taken from the slab of the next larger size, so that a connection pays for what it has.
 */
#ifndef HANGUP_CONVERSATION_TEXT_POOL_H
#define HANGUP_CONVERSATION_TEXT_POOL_H

#include "base/slab.h"

#define TEXT_POOL_SIZES 4 /* 16, 32, 64, 128 bytes */
#define TEXT_POOL_MOST 128

struct text_pool {
    struct slab slabs[TEXT_POOL_SIZES];
};

void text_pool_init(struct text_pool *pool);

/* A copy; "" for an empty text. NULL: no memory. */
const char *text_pool_take(struct text_pool *pool, const char *text);
void text_pool_give(struct text_pool *pool, const char *text);
void text_pool_free(struct text_pool *pool);

#endif
