/*
 * timeline - the events that matter for the life and death of one connection.
 *
 * Bounded: the first few and the last ones stay, what lies between is counted. Runs of one kind
 * in one direction (a body, keep-alive probes) are one entry.
 */
#ifndef HANGUP_FACTS_TIMELINE_H
#define HANGUP_FACTS_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#define TIMELINE_FIRST 4 /* handshake and first request */
#define TIMELINE_LAST 12

enum timeline_kind {
    TIMELINE_SYN,
    TIMELINE_SYN_ACK,
    TIMELINE_HANDSHAKE_DONE,
    TIMELINE_REQUEST,        /* info: method */
    TIMELINE_RESPONSE,       /* info: status, 0 while not known */
    TIMELINE_DATA,           /* of no known message */
    TIMELINE_KEEP_ALIVE,
    TIMELINE_RETRANSMISSION,
    TIMELINE_ZERO_WINDOW,
    TIMELINE_FIN,
    TIMELINE_ACK_OF_FIN,
    TIMELINE_RST,
};

struct timeline_entry {
    int64_t ts_ns;
    uint32_t frame, last_frame;
    uint32_t seq, ack;   /* of the first segment */
    uint32_t bytes;      /* of payload in the run */
    uint16_t count;      /* segments in the run; sticks at UINT16_MAX */
    uint16_t capture;
    uint16_t info;
    uint8_t kind;        /* enum timeline_kind */
    uint8_t from;        /* end of the connection, 0 or 1 */
    uint8_t flags;       /* TCP flags of the first segment */
};

struct timeline {
    struct timeline_entry entry[TIMELINE_FIRST + TIMELINE_LAST];
    uint32_t count; /* entries ever added */
};

/* Adds an entry, or extends the newest one if it is a run of the same. The result is valid until
 * the next call. */
struct timeline_entry *timeline_add(struct timeline *timeline,
                                    const struct timeline_entry *entry);

/* Entries kept, and how many were dropped between the first and the last ones. */
unsigned timeline_kept(const struct timeline *timeline);
uint32_t timeline_dropped(const struct timeline *timeline);

/* The i-th entry kept, in order. */
const struct timeline_entry *timeline_at(const struct timeline *timeline, unsigned i);

#endif
