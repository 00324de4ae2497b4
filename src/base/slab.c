#include "base/slab.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define SLAB_CHUNK_OBJECTS 256

struct slab_chunk {
    struct slab_chunk *next;
    alignas(max_align_t) unsigned char objects[];
};

void slab_init(struct slab *slab, size_t object_size)
{
    const size_t align = alignof(max_align_t);
    *slab = (struct slab){ .object_size = (object_size + align - 1) & ~(align - 1) };
}

void *slab_take(struct slab *slab)
{
    void *object;
    if (slab->free_list != NULL) {
        object = slab->free_list;
        memcpy(&slab->free_list, object, sizeof slab->free_list);
    } else {
        if (slab->chunks == NULL || slab->in_chunk == SLAB_CHUNK_OBJECTS) {
            struct slab_chunk *chunk =
                malloc(sizeof *chunk + slab->object_size * SLAB_CHUNK_OBJECTS);
            if (chunk == NULL)
                return NULL;
            chunk->next = slab->chunks;
            slab->chunks = chunk;
            slab->in_chunk = 0;
        }
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
        free(slab->chunks);
        slab->chunks = next;
    }
    slab_init(slab, slab->object_size);
}
