/*
 * timeline - the events that matter for the life and death of one connection.
 *
 * Bounded: the first few and the last ones stay, what lies between is counted. Runs of one kind
 * in one direction (a body, keep-alive probes) are one entry; repetitions are two, the first and all others.
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
    TIMELINE_GOAWAY,         /* of HTTP/2, as are the next */
    TIMELINE_RST_STREAM,
    TIMELINE_CONTROL,        /* frames that only steer: SETTINGS, PING, WINDOW_UPDATE, ... */
};

/* 24 bytes, and a connection has up to 16 of them. */
struct timeline_entry {
    uint32_t since_us_low;   /* since the connection's first packet; see timeline_since_ns */
    uint32_t since_us_high : 16;
    uint32_t kind : 4;       /* enum timeline_kind */
    uint32_t from : 1;       /* end of the connection, 0 or 1 */
    uint32_t ack : 1;        /* the first segment has the ACK flag */
    uint32_t info : 10;
    uint32_t frame, last_frame;
    uint32_t bytes;          /* of payload in the run; sticks at UINT32_MAX */
    uint16_t count;          /* segments in the run; sticks at UINT16_MAX */
    uint16_t capture;
};

struct timeline {
    uint32_t count; /* entries ever added */
    uint16_t kinds[2]; /* of them, by end, a bit each */
    struct timeline_entry *last; /* TIMELINE_LAST of them, a ring; NULL until the first ones are used up */
    struct timeline_entry first[TIMELINE_FIRST];
};

/* The tails of timelines come from here. */
struct slab;

/* To the microsecond; 48 bits are enough for four years. */
void timeline_set_since(struct timeline_entry *entry, int64_t since_ns);
int64_t timeline_since_ns(const struct timeline_entry *entry);

/* Adds an entry, or extends the newest one if it is a run of the same. false: no memory. */
bool timeline_add(struct timeline *timeline, const struct timeline_entry *entry,
                  struct slab *tails);

/* Was an entry of that kind ever added? It may have been dropped since. */
static inline bool timeline_has(const struct timeline *timeline, enum timeline_kind kind,
                                unsigned from)
{
    return timeline->kinds[from] >> kind & 1;
}

/* Entries kept, and how many were dropped between the first and the last ones. */
unsigned timeline_kept(const struct timeline *timeline);
uint32_t timeline_dropped(const struct timeline *timeline);

/* The i-th entry kept, in order. */
const struct timeline_entry *timeline_at(const struct timeline *timeline, unsigned i);

#endif
