/*
 * port_reuse - what a connection leaves behind on its ends, and whether a segment there opens another one.
 */
#ifndef HANGUP_TRACK_PORT_REUSE_H
#define HANGUP_TRACK_PORT_REUSE_H

#include "track/connection.h"
#include "track/series.h"

/* What the table keeps of a connection that is over, or that only an ICMP error named. */
struct remnant {
    struct tcp_tuple tuple; /* first: the table points here; tuple.remnant is true */
    uint32_t first[2];      /* sequence numbers used, by end of the tuple: from this one */
    uint32_t snd_nxt[2];    /* to before this one */
    uint32_t stream_frame;  /* in file `capture` */
    uint16_t capture;
    bool base_known[2], syn_seen[2];
    bool ghost;             /* no connection: only an ICMP error named it */
    bool left_open;         /* no end had closed it */
    struct series_rest rest;
    int64_t last_ns;        /* of its packets */
};

/* What is left of the finished connection; left_open and rest are the caller's to fill. */
void remnant_of(const struct connection *c, struct remnant *remnant);

/* An ICMP error named these ends, and no packet did. */
void remnant_ghost(const struct segment *quoted, struct remnant *remnant);

/* How soon after the connection before it on these ends (NULL: there was none) does the segment open one? In ms,
 * plus 1; see struct connection. */
uint32_t reused_after(const struct remnant *before, const struct segment *segment);

/* Does the segment, sent by end `from`, open a new connection where another goes on, or was? */
bool opens_anew(const struct connection *c, unsigned from, const struct segment *segment);
bool opens_again(const struct remnant *remnant, unsigned from, const struct segment *segment);

#endif
