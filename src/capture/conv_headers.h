/*
 * conv_headers - IP and TCP headers of a conversation's packet. Private to the floor.
 */
#ifndef HANGUP_CAPTURE_CONV_HEADERS_H
#define HANGUP_CAPTURE_CONV_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONV_MAX_HEADER_BYTES (40 + 60)
#define CONV_MOST_SACK_BLOCKS 3 /* beside timestamps no more fit (RFC 2018 section 3) */

struct conv_headers {
    bool ipv6;
    const uint8_t *source, *destination; /* 4 bytes each, or 16 */
    uint16_t source_port, destination_port;
    uint32_t seq, ack;
    uint8_t flags, ttl;
    uint16_t window, id;
    /* Options (RFC 9293 section 3.2, RFC 7323, RFC 2018); -1, false, 0: absent. */
    int mss, window_scale;
    bool sack_permitted, has_timestamps;
    uint32_t timestamp, timestamp_echo;
    unsigned sack_blocks;
    uint32_t sack[CONV_MOST_SACK_BLOCKS][2];
};

/* Writes the headers, with right checksums, so that other tools read the packets too. Returns their
 * length. */
size_t conv_headers_write(const struct conv_headers *headers, const char *payload,
                          size_t payload_length, uint8_t out[CONV_MAX_HEADER_BYTES]);

#endif
