#include "capture/opener.h"

#include <fcntl.h>
#include <stddef.h>

int opener_open(const struct opener *opener, const char *path)
{
    return opener != NULL ? opener->open(opener->context, path) : open(path, O_RDONLY | O_CLOEXEC);
}
