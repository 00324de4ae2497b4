/*
 * arena - memory that is freed all at once.
 *
 * Has no free of single objects, no realloc and no destructors: an object lives as long as
 * its arena. Allocation is a pointer bump; blocks come from malloc.
 */
#ifndef HANGUP_BASE_ARENA_H
#define HANGUP_BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes used in the newest block */
};

/* An arena needs no init beyond zero bytes. */
void *arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned for any type; NULL: no memory */
char *arena_strndup(struct arena *arena, const char *text, size_t length); /* adds the NUL */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void arena_free(struct arena *arena); /* leaves an empty, usable arena */

#endif
