/*
 * cursor - reading network-order integers within bounds.
 *
 * Reading past the end gives zeros and sets `overrun` for good: a header is read in one go
 * and checked once.
 */
#ifndef HANGUP_DECODE_CURSOR_H
#define HANGUP_DECODE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *p;
    size_t left;
    bool overrun;
};

static inline const uint8_t *cursor_take(struct cursor *c, size_t count)
{
    if (c->left < count) {
        c->overrun = true;
        return NULL;
    }
    const uint8_t *p = c->p;
    c->p += count;
    c->left -= count;
    return p;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 1);
    return p == NULL ? 0 : p[0];
}

static inline uint16_t cursor_u16(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 2);
    return p == NULL ? 0 : (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t cursor_u32(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 4);
    return p == NULL ? 0
                     : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#endif
