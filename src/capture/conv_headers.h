/*
 * conv_headers - IPv4 and TCP headers of a conversation's packet. Private to the floor.
 */
#ifndef HANGUP_CAPTURE_CONV_HEADERS_H
#define HANGUP_CAPTURE_CONV_HEADERS_H

#include <stddef.h>
#include <stdint.h>

#define CONV_MAX_HEADER_BYTES 48

struct conv_headers {
    const uint8_t *source, *destination; /* 4 bytes each */
    uint16_t source_port, destination_port;
    uint32_t seq, ack;
    uint8_t flags, ttl;
    uint16_t window, id;
    int mss, window_scale; /* -1: no such option */
};

/* Writes the headers, with right checksums, so that other tools read the packets too. Returns their
 * length. */
size_t conv_headers_write(const struct conv_headers *headers, const char *payload,
                          size_t payload_length, uint8_t out[CONV_MAX_HEADER_BYTES]);

#endif
