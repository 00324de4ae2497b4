#include "base/slab.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

/* Small captures take little, large ones few and large pieces. */
#define SLAB_FIRST_OBJECTS 64
#define SLAB_LINE PAGES_LINE_BYTES
#ifdef HANGUP_SMALL_BLOCKS /* make faults: each object is an allocation, which may fail */
#define SLAB_CHUNK_BYTES sizeof(struct slab_chunk)
#else
#define SLAB_CHUNK_BYTES (4 * PAGES_HUGE_BYTES)
#endif

struct slab_chunk {
    struct slab_chunk *next;
    size_t size;
    alignas(SLAB_LINE) unsigned char objects[];
};

void slab_init(struct slab *slab, size_t object_size)
{
    const size_t align = object_size < 4 * SLAB_LINE ? alignof(max_align_t) : SLAB_LINE;
    *slab = (struct slab){ .object_size = (object_size + align - 1) & ~(align - 1) };
}

void slab_init_secret(struct slab *slab, size_t object_size)
{
    slab_init(slab, object_size);
    slab->secret = true;
}

static bool add_chunk(struct slab *slab)
{
    size_t objects = slab->chunk_objects == 0 ? SLAB_FIRST_OBJECTS : slab->chunk_objects * 2;
    size_t most = (SLAB_CHUNK_BYTES - sizeof(struct slab_chunk)) / slab->object_size;
    if (objects > most)
        objects = most > 0 ? most : 1;
    size_t size = sizeof(struct slab_chunk) + slab->object_size * objects;
    struct slab_chunk *chunk = pages_alloc(size);
    if (chunk == NULL)
        return false;
    chunk->size = size;
    if (slab->secret)
        pages_lock(chunk, size);
    chunk->next = slab->chunks;
    slab->chunks = chunk;
    slab->in_chunk = 0;
    slab->chunk_objects = objects;
    return true;
}

void *slab_take(struct slab *slab)
{
    void *object;
    if (slab->free_list != NULL) {
        object = slab->free_list;
        memcpy(&slab->free_list, object, sizeof slab->free_list);
    } else {
        if (slab->in_chunk == slab->chunk_objects && !add_chunk(slab))
            return NULL;
        object = slab->chunks->objects + slab->object_size * slab->in_chunk++;
    }
    slab->live++;
    return memset(object, 0, slab->object_size);
}

void slab_give(struct slab *slab, void *object)
{
    memcpy(object, &slab->free_list, sizeof slab->free_list);
    slab->free_list = object;
    slab->live--;
}

void slab_free(struct slab *slab)
{
    while (slab->chunks != NULL) {
        struct slab_chunk *next = slab->chunks->next;
        if (slab->secret)
            pages_unlock(slab->chunks, slab->chunks->size);
        free(slab->chunks);
        slab->chunks = next;
    }
    bool secret = slab->secret;
    slab_init(slab, slab->object_size);
    slab->secret = secret;
}
