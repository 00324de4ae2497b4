/*
 * bytes - integers of either byte order out of file headers (capture files are written in the
 * byte order of the machine that wrote them).
 */
#ifndef HANGUP_CAPTURE_BYTES_H
#define HANGUP_CAPTURE_BYTES_H

#include <stdbool.h>
#include <stdint.h>

static inline uint16_t bytes_u16(const uint8_t *p, bool big_endian)
{
    return big_endian ? (uint16_t)(p[0] << 8 | p[1]) : (uint16_t)(p[1] << 8 | p[0]);
}

static inline uint32_t bytes_u32(const uint8_t *p, bool big_endian)
{
    return big_endian ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
                      : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline uint64_t bytes_u64(const uint8_t *p, bool big_endian)
{
    uint64_t first = bytes_u32(p, big_endian), second = bytes_u32(p + 4, big_endian);
    return big_endian ? first << 32 | second : second << 32 | first;
}

#endif
