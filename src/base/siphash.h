/*
 * siphash - SipHash-1-3, a keyed hash whose collisions a stranger cannot craft
 * (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012; one compression and three
 * finalisation rounds, as hash tables in Rust and Python use it).
 */
#ifndef HANGUP_BASE_SIPHASH_H
#define HANGUP_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t k0, k1;
};

/* A key from the system's randomness. It never influences a report: nothing is
 * listed in hash order. */
struct siphash_key siphash_random_key(void);

/* Of words, and of seven bytes more in the lower bits of `last`. */
uint64_t siphash(const struct siphash_key *key, const uint64_t *words, size_t count,
                 uint64_t last);

#endif
