/*
 * siphash - SipHash-1-3, a keyed hash whose collisions a stranger cannot craft
 * (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012; one compression and three
 * finalisation rounds, as hash tables in Rust and Python use it).
 */
#ifndef HANGUP_BASE_SIPHASH_H
#define HANGUP_BASE_SIPHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t k0, k1;
};

/* A key from the system's randomness (getentropy(3), on Linux getrandom(2)); false: there is none, errno says why, and no key is safe. It
 * never influences a report: nothing is listed in hash order. */
bool siphash_draw_key(struct siphash_key *key);

static inline uint64_t siphash_rotl(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

struct siphash_state {
    uint64_t v0, v1, v2, v3;
};

static inline void siphash_round(struct siphash_state *s)
{
    s->v0 += s->v1;
    s->v1 = siphash_rotl(s->v1, 13) ^ s->v0;
    s->v0 = siphash_rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = siphash_rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = siphash_rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = siphash_rotl(s->v1, 17) ^ s->v2;
    s->v2 = siphash_rotl(s->v2, 32);
}

static inline void siphash_compress(struct siphash_state *s, uint64_t word)
{
    s->v3 ^= word;
    siphash_round(s);
    s->v0 ^= word;
}

/* Of words, and of seven bytes more in the lower bits of `last`. Inline: a packet is hashed once, and with a known count the
 * loop is gone. */
static inline uint64_t siphash(const struct siphash_key *key, const uint64_t *words, size_t count, uint64_t last)
{
    struct siphash_state s = { key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
                             key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u };
    for (size_t i = 0; i < count; i++)
        siphash_compress(&s, words[i]);
    siphash_compress(&s, (uint64_t)(count * 8 + 7) << 56 | (last & UINT64_MAX >> 8));
    s.v2 ^= 0xff;
    siphash_round(&s);
    siphash_round(&s);
    siphash_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

#endif
