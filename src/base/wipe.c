#include "base/wipe.h"

#include <string.h>

void wipe(void *bytes, size_t length)
{
    /* A pointer that may change cannot be seen through: explicit_bzero and memset_s are not everywhere. */
    void *(*volatile overwrite)(void *, int, size_t) = memset;
    overwrite(bytes, 0, length);
}
