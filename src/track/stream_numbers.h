/*
 * stream_numbers - Wireshark's tcp.stream, told when all packets have been seen.
 *
 * Wireshark numbers connections in the order in which a file's packets open them. Only the frames that
 * open one are kept (4 bytes each); a number is the rank of its frame. So analyses of parts of
 * the traffic number alike once their frames are put together.
 */
#ifndef HANGUP_TRACK_STREAM_NUMBERS_H
#define HANGUP_TRACK_STREAM_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The frames of one file, in order. */
struct stream_frames {
    uint32_t *items;
    size_t count, capacity;
};

struct streams {
    struct stream_frames *items; /* by capture */
    size_t count, capacity;
    struct {                     /* (connection, file) pairs beyond a connection's first file */
        uint64_t *slots;         /* open addressing; 0: free */
        size_t count, capacity;  /* capacity: a power of two, or 0 */
    } elsewhere;
};

/* A connection begins with this frame. Frames of one file come in order. false: no memory. */
bool streams_open(struct streams *streams, uint16_t capture, uint32_t frame);

/* A connection, known by a number of its own, has a packet in a file that it did not begin in: it has
 * a stream number there too, which no other may get. false: no memory. */
bool streams_go_on(struct streams *streams, uint64_t connection, uint16_t capture, uint32_t frame);

/* Puts the frames of `other` among those of `streams`. false: no memory. */
bool streams_merge(struct streams *streams, const struct streams *other);

/* tcp.stream of the connection that the frame opened. */
uint32_t streams_number(const struct streams *streams, uint16_t capture, uint32_t frame);

/* Over all files. */
uint64_t streams_total(const struct streams *streams);

void streams_free(struct streams *streams);

#endif
