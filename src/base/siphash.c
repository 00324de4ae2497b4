#include "base/siphash.h"

#include <unistd.h>

#ifdef HAVE_SYS_RANDOM_H
#include <sys/random.h>
#endif

bool siphash_draw_key(struct siphash_key *key)
{
    return getentropy(key, sizeof *key) == 0;
}
