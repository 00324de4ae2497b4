/*
 * scan - where a run of bytes ends, 16 bytes at a step where the processor can. Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_SCAN_H
#define HANGUP_CONVERSATION_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef __SSE2__
typedef uint8_t scan_bytes __attribute__((vector_size(16)));

static inline scan_bytes scan_load(const uint8_t *at)
{
    scan_bytes bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

/* The first of the 16 bytes that is marked; 16: none is. */
static inline int scan_first(scan_bytes marks)
{
    return __builtin_ctz((unsigned)_mm_movemask_epi8((__m128i)marks) | 1u << 16);
}
#endif

/* Letters, digits and hyphens: what the names of fields in use consist of. */
static inline const uint8_t *scan_name(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        scan_bytes bytes = scan_load(at);
        int first = scan_first((scan_bytes)((bytes | 0x20) - 'a' > 25) & (scan_bytes)(bytes - '0' > 9) &
                               (scan_bytes)(bytes != '-'));
        if (first < 16)
            return at + first;
    }
#endif
    while (at < end && ((uint8_t)((*at | 0x20) - 'a') < 26 || (uint8_t)(*at - '0') < 10 || *at == '-'))
        at++;
    return at;
}

/* What a target may consist of (RFC 9112 section 3.2), and a little more that llhttp accepts in it. */
static inline const uint8_t *scan_target(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        scan_bytes bytes = scan_load(at);
        int first = scan_first((scan_bytes)(bytes - '!' > '~' - '!') | (scan_bytes)(bytes == '#'));
        if (first < 16)
            return at + first;
    }
#endif
    while (at < end && *at > ' ' && *at <= '~' && *at != '#')
        at++;
    return at;
}

/* Anything but control characters; tabs are some. */
static inline const uint8_t *scan_text(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        int first = scan_first((scan_bytes)(scan_load(at) < ' '));
        if (first < 16)
            return at + first;
    }
#endif
    while (at < end && *at >= ' ')
        at++;
    return at;
}

#endif
