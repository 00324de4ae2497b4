#include "conversation/text_pool.h"

#include <string.h>

void text_pool_init(struct text_pool *pool)
{
    for (unsigned i = 0; i < TEXT_POOL_SIZES; i++)
        slab_init(&pool->slabs[i], (size_t)16 << i);
}

/* The slab of texts of that many bytes, NUL included. */
static struct slab *slab_for(struct text_pool *pool, size_t size)
{
    unsigned i = 0;
    while (i < TEXT_POOL_SIZES - 1 && size > (size_t)16 << i)
        i++;
    return &pool->slabs[i];
}

const char *text_pool_take(struct text_pool *pool, const char *text)
{
    size_t length = strnlen(text, TEXT_POOL_MOST - 1);
    if (length == 0)
        return "";
    char *copy = slab_take(slab_for(pool, length + 1));
    return copy == NULL ? NULL : memcpy(copy, text, length); /* taken zeroed: the NUL is there */
}

void text_pool_give(struct text_pool *pool, const char *text)
{
    if (text[0] != '\0')
        slab_give(slab_for(pool, strlen(text) + 1), (void *)(size_t)text);
}

void text_pool_free(struct text_pool *pool)
{
    for (unsigned i = 0; i < TEXT_POOL_SIZES; i++)
        slab_free(&pool->slabs[i]);
}
