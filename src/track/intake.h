/*
 * intake - captured packets -> segments on their way to a tracker.
 *
 * What needs no connection: decoding, counting what is no TCP, the hash of the ends, the time. One
 * intake may serve several trackers, each with the connections of some hashes.
 */
#ifndef HANGUP_TRACK_INTAKE_H
#define HANGUP_TRACK_INTAKE_H

#include "tcp/tcp_table.h"

struct intake {
    struct siphash_key key;
    struct decoder decoder;
    int64_t first_ns; /* of the first packet with a time of its own; INT64_MAX: none yet */
    int64_t now_ns; /* latest packet time */
};

struct intake_segment {
    struct segment segment;
    uint64_t number; /* of its packet in the whole run */
    int64_t now_ns;  /* latest packet time then */
    uint32_t hash;
    bool quoted;     /* not sent, but quoted by an ICMP error */
    bool unnamed;    /* quoted so briefly that Wireshark names no stream */
};

/* false: no random numbers (base/siphash.h), and err says so. */
bool intake_init(struct intake *intake, struct err *err) WARN_UNUSED;

/* Decodes the packets in order. Those that concern a connection are put in `segments`, which has
 * room for all; returns how many. They point into the packets' bytes. */
size_t intake_packets(struct intake *intake, const struct packet *packets, size_t count,
                      struct intake_segment *segments);

#endif
