/*
 * slab - many objects of one size, taken and given back without malloc per object.
 *
 * Objects keep their address. Memory returns to the system only with slab_free.
 */
#ifndef HANGUP_BASE_SLAB_H
#define HANGUP_BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>

struct slab_chunk;

struct slab {
    size_t object_size;        /* bytes, rounded up to the alignment */
    struct slab_chunk *chunks; /* every chunk ever taken */
    void *free_list;           /* objects given back */
    size_t in_chunk;           /* objects handed out from the newest chunk */
    size_t chunk_objects;      /* that the newest chunk holds; chunks grow as more are taken */
    size_t live;               /* objects in use now */
    bool secret;               /* its memory is locked (pages_lock); who gives an object back wipes it */
};

void slab_init(struct slab *slab, size_t object_size);
void slab_init_secret(struct slab *slab, size_t object_size);
void *slab_take(struct slab *slab);          /* zeroed; NULL: no memory */
void slab_give(struct slab *slab, void *object);
void slab_free(struct slab *slab);           /* frees every object, given back or not */

#endif
