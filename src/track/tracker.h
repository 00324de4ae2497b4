/*
 * tracker - segments -> connections -> records.
 *
 * Keeps every tuple until the end, so that stream numbers stay those of Wireshark: a connection
 * is never split because it rested. A connection that is over is judged soon after. Of one that nobody
 * wants to hear of again, a few bytes stay in the table.
 *
 * Several trackers may each take a part of the traffic, split by hash: what happens to a connection
 * depends on its own packets and the time alone.
 */
#ifndef HANGUP_TRACK_TRACKER_H
#define HANGUP_TRACK_TRACKER_H

#include "base/err.h"
#include "track/connection.h"
#include "track/intake.h"
#include "track/roles.h"
#include "track/closes.h"
#include "track/series.h"

struct tracker_options {
    struct conversation_options talks;
    const struct server_hint *servers;
    size_t server_count;
    size_t max_open; /* connections followed at once; 0: default */
    size_t most_listed; /* connections that closes_* lists one by one */
    unsigned parts;  /* of this many trackers that share the traffic; 0: one */
};

/* Two million connections at once take about 2 GB. */
#define TRACKER_MAX_OPEN 2000000

enum interest {
    INTEREST_NONE,
    INTEREST_UNDECIDED, /* kept once for a connection */
    INTEREST_FLAGGED,
};

/* Of one connection, so many complete exchanges of interest are kept. */
#define TRACKER_MOST_KEPT 2048

/* What the judge hears. Pointers are valid during the call; a record is kept while record->held is not 0, which
 * the judge counts, and its timeline if record->example is set at the end of the call. */
struct tracker_sink {
    /* An exchange is complete, and settled (conversation.h), while its connection goes on: the record has only those facts on
     * the connection that are known early. An exchange of interest stands among the record's when the connection is over. */
    enum interest (*exchange)(void *context, const struct record *open, const struct exchange_facts *facts);
    /* A connection is over. */
    void (*connection)(void *context, struct record *record);
    void *context;
    bool usual_early;    /* usual exchanges are of interest when they are complete, too (usual.h) */
    bool usual_at_close; /* and usual exchanges of usual connections when these are over */
};

struct tracker_counts {
    uint64_t connections, exchanges;
    uint64_t requests;
    uint64_t unanswered;        /* SYN, and nothing came back */
    uint64_t tcp_streams;       /* as Wireshark counts them, over all files */
    uint64_t evicted;           /* connections given up: too many at once */
    uint64_t late_packets;      /* of connections that were judged already */
    uint64_t limited_segments;  /* out-of-order bytes given up */
    uint64_t protocols[PROTOCOL_OPAQUE + 1]; /* connections */
    uint64_t tls_keys[TLS_KEYS_USED + 1]; /* connections over TLS, by what became of their keys */
    uint64_t duplicates;        /* packets captured twice */
    uint64_t retransmissions;
};

/* What is known of one file. */
struct capture_counts {
    uint64_t lost_bytes;        /* sent, but not in the capture */
    uint64_t lossy;             /* connections with such bytes */
    uint64_t one_sided;         /* connections */
    uint64_t mid_stream;        /* connections that began before the capture */
    uint64_t interleaved;       /* connections that another file shows at the same time */
    uint64_t near_client, near_server, between; /* connections whose handshake tells the vantage */
};

struct tracker;

struct tracker *tracker_new(const struct tracker_options *options,
                            const struct tracker_sink *sink, struct err *err) WARN_UNUSED;

/* The time of the capture's first packet, whoever follows that; before its segments. INT64_MAX: no packet
 * had a time yet. */
void tracker_begin(struct tracker *tracker, int64_t first_ns);

/* The next segments, in order. false: out of memory, or tracker_crowded. */
bool tracker_segments(struct tracker *tracker, const struct intake_segment *segments,
                      size_t count, struct err *err) WARN_UNUSED;

/* No packet has come up to this time: connections that have waited long enough are judged. false: out of memory. */
bool tracker_tick(struct tracker *tracker, int64_t now_ns, struct err *err) WARN_UNUSED;

/* One of several trackers came to its part of a limit on all of them. What is given up then depends on
 * all connections: only a single tracker can tell. */
bool tracker_crowded(const struct tracker *tracker);

/* No more packets: what is open is judged too. now_ns: the latest packet time. */
bool tracker_finish(struct tracker *tracker, int64_t now_ns, struct err *err) WARN_UNUSED;

/* After tracker_finish: adds the counts and streams of another part, whose records stay its own. */
bool tracker_merge(struct tracker *tracker, const struct tracker *other, struct err *err) WARN_UNUSED;

/* After everything was merged: puts the records' tcp_stream in, those of `other` by the streams
 * of `tracker`. */
void tracker_number(const struct tracker *tracker, struct tracker *other);

const struct tracker_counts *tracker_counts(const struct tracker *tracker);

/* After everything was merged. false: no memory. */
bool tracker_conclude(struct tracker *tracker, struct err *err) WARN_UNUSED;

/* How they ended; after tracker_conclude. */
const struct closes *tracker_closes(const struct tracker *tracker);

/* How many connections stood where over time. */
const struct series *tracker_series(const struct tracker *tracker);

/* Zeros for a file without connections. */
struct capture_counts tracker_capture_counts(const struct tracker *tracker, size_t capture);

/* The record's timeline is not wanted any more. */
void tracker_drop_timeline(struct tracker *tracker, struct record *record);

void tracker_free(struct tracker *tracker);

#endif
