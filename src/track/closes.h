/*
 * closes - the plain question, whoever is to blame: who closed first, how, in which phase, how long after what. By server, and,
 * where asked for, of each connection.
 *
 * Fed with records as connections close. A server takes a bounded amount of memory, and so do all together. Parts of the traffic
 * are added to the same result as one over all.
 */
#ifndef HANGUP_TRACK_CLOSES_H
#define HANGUP_TRACK_CLOSES_H

#include "base/least.h"
#include "base/siphash.h"
#include "base/slab.h"
#include "facts/record.h"

/* With more servers than this, none is told by itself: which ones come first depends on how the traffic was split. */
#define CLOSES_MAX_SERVERS 1024

/* Times of one kind that are kept for its median: those of the connections whose numbers are the smallest when stirred, so that it
 * is the same however the traffic is split. The median of so many lies within a tenth of the middle half of all, as a rule. */
#define CLOSES_SAMPLES 64

/* From when to when. */
enum close_since {
    SINCE_OPEN,     /* the end of the handshake */
    SINCE_REQUEST,  /* the last byte of the last request */
    SINCE_RESPONSE, /* of the last response */
    SINCE_ACTIVITY, /* of either end */
    SINCE_NOTHING,  /* not known, or not closed */
};

extern const char *const close_since_names[]; /* "handshake", ...; NULL for nothing */

struct close_sample {
    uint64_t order;
    int64_t ns;
};

/* Connections that ended alike. */
struct close_kind {
    struct close_kind *next;
    uint8_t by, how, phase; /* enum close_by, close_how, close_phase */
    bool upon_goaway;       /* of the other end */
    uint8_t since;          /* enum close_since, of its times */
    uint64_t count;
    uint64_t timed;         /* of these, with a known time */
    int64_t least_ns, most_ns;
    struct close_sample samples[CLOSES_SAMPLES]; /* by order */
    unsigned sampled;
};

struct server_closes {
    struct server_closes *next; /* private */
    struct ip_address address;
    uint16_t port;
    bool ipv6;
    uint64_t connections;
    struct close_kind *kinds; /* after closes_finish: the most frequent first */
};

struct closes {
    struct siphash_key key;
    struct slab servers, kinds;
    struct server_closes *buckets[256];
    struct server_closes **sorted; /* after closes_finish: the one with the most connections first */
    size_t count;
    bool left_out;                 /* more than CLOSES_MAX_SERVERS: there is none */
    struct least listed;           /* records, the first ones by number; in order after closes_finish */
    uint64_t connections;          /* all */
    bool failed;                   /* no memory */
};

/* most_listed: keep so many records. */
void closes_init(struct closes *closes, size_t most_listed);
void closes_free(struct closes *closes);

/* A connection is over. Its record may be held (record->held). */
void closes_add(struct closes *closes, struct record *record);

/* Adds those of another part of the traffic, which must live as long. */
void closes_merge(struct closes *closes, const struct closes *other);

/* No more come: puts all in order. */
void closes_finish(struct closes *closes);

/* The median of the kind's times; only if some are known. */
int64_t closes_median_ns(const struct close_kind *kind);

/* Of a connection: from when to when, and how long. */
enum close_since closes_since(const struct record *record, int64_t *ns);

#endif
