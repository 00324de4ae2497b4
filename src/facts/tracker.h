/*
 * tracker - segments -> connections -> records.
 *
 * Keeps every tuple until the end, so that stream numbers stay those of Wireshark: a connection
 * is never split because it rested. A connection that is over becomes a record soon after.
 */
#ifndef HANGUP_FACTS_TRACKER_H
#define HANGUP_FACTS_TRACKER_H

#include "base/err.h"
#include "facts/connection.h"

/* Who is the server where the handshake was not captured: --server. */
struct server_hint {
    bool has_address, ipv6;
    struct ip_address address;
    unsigned prefix; /* bits */
    uint16_t port;   /* 0: any */
};

struct tracker_options {
    bool show_query;
    const struct server_hint *servers;
    size_t server_count;
    size_t max_open; /* connections followed at once; 0: default */
};

/* Two million connections at once take about 3 GB. */
#define TRACKER_MAX_OPEN 2000000

/* What the rule engine hears. Pointers are valid during the call, the record until the tracker
 * is freed. */
struct tracker_sink {
    /* An exchange is complete; its connection still runs. */
    void (*exchange)(void *context, struct connection *connection,
                     const struct http_exchange *exchange);
    /* A connection is over. Returns whether its timeline should be kept for the report. */
    bool (*connection)(void *context, struct connection *connection, struct record *record);
    void *context;
};

struct tracker_counts {
    uint64_t packets, tcp_packets;
    uint64_t kinds[DECODED_KINDS];
    uint64_t connections, exchanges;
    uint64_t requests;
    uint64_t unanswered;        /* SYN, and nothing came back */
    uint64_t tcp_streams;       /* as Wireshark counts them, over all files */
    uint64_t evicted;           /* connections given up: too many at once */
    uint64_t late_packets;      /* of connections that were judged already */
    uint64_t limited_segments;  /* out-of-order bytes given up */
    uint64_t protocols[HTTP_PROTOCOL_OPAQUE + 1]; /* connections */
    uint64_t duplicates;        /* packets captured twice */
    uint64_t retransmissions;
};

/* What is known of one file. */
struct capture_counts {
    uint32_t streams;           /* connections numbered so far */
    uint64_t lost_bytes;        /* sent, but not in the capture */
    uint64_t lossy;             /* connections with such bytes */
    uint64_t one_sided;         /* connections */
    uint64_t mid_stream;        /* connections that began before the capture */
    uint64_t near_client, near_server, between; /* connections whose handshake tells the vantage */
};

struct tracker;

struct tracker *tracker_new(const struct tracker_options *options,
                            const struct tracker_sink *sink, struct err *err) WARN_UNUSED;

/* The next packets, in order. false: out of memory. */
bool tracker_packets(struct tracker *tracker, const struct packet *packets, size_t count,
                     struct err *err) WARN_UNUSED;

/* No more packets: what is open becomes records too. */
bool tracker_finish(struct tracker *tracker, struct err *err) WARN_UNUSED;

const struct tracker_counts *tracker_counts(const struct tracker *tracker);

/* Zeros for a file without connections. */
struct capture_counts tracker_capture_counts(const struct tracker *tracker, size_t capture);

/* After tracker_finish: all records, in order of their first packets. */
struct record *const *tracker_records(const struct tracker *tracker, size_t *count);

void tracker_free(struct tracker *tracker);

#endif
