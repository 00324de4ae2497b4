/*
 * seq - TCP sequence numbers: 32 bits, compared modulo 2^32 (RFC 9293 section 3.4).
 *
 * Meaningful for numbers less than 2^31 apart.
 */
#ifndef HANGUP_BASE_SEQ_H
#define HANGUP_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static inline bool seq_lt(uint32_t a, uint32_t b)
{
    return seq_diff(a, b) < 0;
}

static inline bool seq_leq(uint32_t a, uint32_t b)
{
    return seq_diff(a, b) <= 0;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
    return seq_lt(a, b) ? b : a;
}

#endif
