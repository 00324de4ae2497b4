#include "base/pages.h"

#include <stdlib.h>

#ifdef HAVE_MADVISE
#include <sys/mman.h>
#endif

void *pages_alloc(size_t size)
{
    if (size < PAGES_HUGE_BYTES)
        return malloc(size);
    void *p = NULL;
    if (posix_memalign(&p, PAGES_HUGE_BYTES, size) != 0)
        return NULL;
#if defined(HAVE_MADVISE) && defined(MADV_HUGEPAGE)
    madvise(p, size, MADV_HUGEPAGE); /* a hint: nothing depends on it */
#endif
    return p;
}
