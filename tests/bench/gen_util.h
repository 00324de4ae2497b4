/*
 * gen_util.h - what gen and its messages both need: random numbers, wire byte order, checksums.
 */
#ifndef GEN_UTIL_H
#define GEN_UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* splitmix64 (Steele, Lea, Flood 2014): 64 bits of state, any seed is good. */
static inline uint64_t next(uint64_t *rng)
{
    uint64_t z = *rng += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint32_t draw(uint64_t *rng, uint32_t lo, uint32_t hi)
{
    return lo + (uint32_t)(((next(rng) >> 32) * ((uint64_t)hi - lo + 1)) >> 32);
}

struct range {
    uint32_t lo, hi;
};

/* Mostly short, sometimes long, as waiting times are: the cube of a uniform draw. */
static inline uint32_t draw_time(uint64_t *rng, struct range r)
{
    uint64_t u = next(rng) >> 48;
    return r.lo + (uint32_t)((((u * u * u) >> 32) * (r.hi - r.lo)) >> 16);
}

static inline uint8_t *be16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

static inline uint8_t *be32(uint8_t *p, uint32_t v)
{
    return be16(be16(p, v >> 16), v);
}

static inline uint8_t *le32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
    return p + 4;
}

/* RFC 1071: the sum does not depend on byte order, so it is taken in the machine's own words. */
static inline uint64_t sum_words(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;
    uint32_t word;
    for (; len >= 4; p += 4, len -= 4, sum += word)
        memcpy(&word, p, 4);
    word = 0;
    memcpy(&word, p, len);
    return sum + word;
}

static inline void store_checksum(uint8_t *at, uint64_t sum)
{
    uint16_t folded;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    folded = (uint16_t)~sum;
    memcpy(at, &folded, 2);
}

#endif
