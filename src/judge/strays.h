/*
 * strays - packets that belong to a connection, but come from another address than its other end: a device translates addresses
 * (NAT, a load balancer, the service addresses of a cluster), and let them pass as they were. Private to the floor.
 *
 * A stray looks like a connection of its own that began in mid-stream. It is recognised by the receiver's address and port, and by
 * numbers: its first byte goes on where the connection's server stood, and it acknowledges what the connection's client had sent.
 * That two connections agree in 32 bits of each by chance does not happen.
 */
#ifndef HANGUP_JUDGE_STRAYS_H
#define HANGUP_JUDGE_STRAYS_H

#include "base/least.h"
#include "facts/record.h"

/* So many are kept, those that came first: after some hundred of them nobody needs more. */
#define STRAYS_MOST 4096

/* Its first byte may lie that far from where the connection stood when it ended: a window of bytes on the way (Linux' default
 * largest is 6 MiB, tcp_rmem). */
#define STRAYS_REACH (6u << 20)

struct stray {
    uint64_t id;          /* of its record */
    struct ip_address to, from;
    uint16_t to_port, from_port;
    bool ipv6;
    bool reset;           /* the receiver's kernel answered with a reset */
    uint32_t seq, ack;    /* of its first payload byte; of what it acknowledges */
    int64_t first_ns;
    struct mark mark;     /* its first packet */
};

struct strays {
    struct stray *room;   /* of STRAYS_MOST, and one more */
    struct stray *spare;  /* in it: the one that is in no use */
    struct least first;   /* by id, until strays_sort; then by receiver */
    bool failed;          /* no memory */
};

/* The client may have sent so much since: another request. */
#define STRAYS_CLIENT_REACH (1u << 16)

/* The record may be one; does nothing where it is none. */
void strays_note(struct strays *strays, const struct record *record);
void strays_merge(struct strays *strays, const struct strays *other);
void strays_sort(struct strays *strays);

/* Those of the record's connection: how many, and the first of them (NULL: none). */
size_t strays_of(const struct strays *strays, const struct record *record, const struct stray **first);

void strays_free(struct strays *strays);

#endif
