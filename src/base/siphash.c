#include "base/siphash.h"

#include <fcntl.h>
#include <unistd.h>

struct siphash_key siphash_random_key(void)
{
    struct siphash_key key = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return key;
    struct siphash_key random_key;
    if (read(fd, &random_key, sizeof random_key) == (ssize_t)sizeof random_key)
        key = random_key;
    close(fd);
    return key;
}
