/*
 * pages - large pieces of memory, backed by huge pages where the system has them: with gigabytes of
 * connections, half of the time would go into address translation.
 */
#ifndef HANGUP_BASE_PAGES_H
#define HANGUP_BASE_PAGES_H

#include <stddef.h>

#define PAGES_LINE_BYTES 64 /* of a cache line: what is allocated begins with one */

/* From this size on it is worth asking for huge pages. */
#define PAGES_HUGE_BYTES ((size_t)2 * 1024 * 1024)

/* Not zeroed; free() gives it back. NULL: no memory. */
void *pages_alloc(size_t size);

/* What is there is secret: it goes into no swap and no core file, as far as the system lets it (RLIMIT_MEMLOCK); wiping it stays the
 * owner's. Before it is freed, pages_unlock. */
void pages_lock(void *p, size_t size);
void pages_unlock(void *p, size_t size);

#endif
