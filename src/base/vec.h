/*
 * vec - growth of plain arrays: `items`, `count`, `capacity` stay the caller's own fields.
 */
#ifndef HANGUP_BASE_VEC_H
#define HANGUP_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>

/* Makes room for one more item of item_size bytes. *items may move; on failure nothing
 * changes and false is returned. */
bool vec_grow(void **items, size_t *capacity, size_t count, size_t item_size);

/* Room for one more in v->items; needs fields items, count, capacity (size_t). */
#define VEC_ROOM(v) \
    vec_grow((void **)&(v)->items, &(v)->capacity, (v)->count, sizeof *(v)->items)

#endif
