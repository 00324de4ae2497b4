#include "base/pages.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *pages_alloc(size_t size)
{
    bool huge = size >= PAGES_HUGE_BYTES;
    void *p = NULL;
    if (posix_memalign(&p, huge ? PAGES_HUGE_BYTES : PAGES_LINE_BYTES, size) != 0)
        return NULL;
    if (!huge)
        return p;
#if defined(HAVE_MADVISE) && defined(MADV_HUGEPAGE)
    madvise(p, size, MADV_HUGEPAGE); /* a hint: nothing depends on it */
#endif
    return p;
}

/* Whole pages, from the one that p lies in. */
static size_t whole_pages(void **p, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), before = (uintptr_t)*p % page;
    *p = (unsigned char *)*p - before;
    return (before + size + page - 1) / page * page;
}

void pages_lock(void *p, size_t size)
{
    size_t length = whole_pages(&p, size);
    (void)mlock(p, length);
#if defined(HAVE_MADVISE) && defined(MADV_DONTDUMP)
    (void)madvise(p, length, MADV_DONTDUMP);
#endif
}

void pages_unlock(void *p, size_t size)
{
    size_t length = whole_pages(&p, size);
    (void)munlock(p, length);
#if defined(HAVE_MADVISE) && defined(MADV_DODUMP)
    (void)madvise(p, length, MADV_DODUMP);
#endif
}
