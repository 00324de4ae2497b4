#include "base/pages.h"

#include <stdbool.h>
#include <stdlib.h>

#ifdef HAVE_MADVISE
#include <sys/mman.h>
#endif

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
