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

static inline uint64_t rotl(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct state *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline void compress(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

uint64_t siphash(const struct siphash_key *key, const uint64_t *words, size_t count,
                 uint64_t last)
{
    struct state s = { key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
                       key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u };
    for (size_t i = 0; i < count; i++)
        compress(&s, words[i]);
    compress(&s, (uint64_t)(count * 8 + 7) << 56 | (last & UINT64_MAX >> 8));
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
