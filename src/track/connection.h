/*
 * connection - one connection while its packets come in: TCP, HTTP and the moments that count.
 */
#ifndef HANGUP_TRACK_CONNECTION_H
#define HANGUP_TRACK_CONNECTION_H

#include "base/arena.h"
#include "base/text.h"
#include "facts/record.h"
#include "track/waits.h"

/* Moments by end of the tuple: who is the client may turn out later. */
enum end_mark { END_SYN, END_DATA, END_FIN, END_FIN_ACKED, END_RST, END_MARKS };
#define END_MARKS_OPEN END_FIN /* those before it happen on open connections too */

/* A connection with both ends closed waits for stragglers before its verdict is final. Late data within
 * a round trip is the case that matters; 2 s is far above any path. Where each end acknowledged the
 * other's FIN and every byte was captured, only repetitions can follow: no wait. A reset alone may be
 * forged: what its end does next tells. */
enum connection_stage {
    CONNECTION_OPEN,
    CONNECTION_RESET,   /* closed by a reset alone */
    CONNECTION_CLOSING,
    CONNECTION_STAGES,                  /* in which a connection can stay */
    CONNECTION_DONE = CONNECTION_STAGES /* to be judged at once */
};
#define CONNECTION_RESET_LINGER_NS (60 * NS_PER_S)
#define CONNECTION_CLOSING_LINGER_NS (2 * NS_PER_S)

/* Alerts of TLS by which an end said goodbye, if nothing but its FIN follows them: the first of them. */
struct goodbye {
    struct mark mark;
    uint32_t seq, end_seq, ack; /* end_seq: behind the last of them */
    int64_t data_ns[2];         /* last payload of each end before it; NS_ABSENT: none */
};

/* What only the end of a connection brings. */
struct connection_closing {
    bool begun;               /* by a FIN or a reset; else by a goodbye alone */
    struct goodbye goodbye[2]; /* valid if its mark has a frame */
    struct mark end_mark[2][END_MARKS - END_MARKS_OPEN]; /* the first of each */
    int64_t data_at_close[2]; /* last payload of each end when the first of them closed */
    struct mark disowned[2];  /* the reset of an end that went on */
    struct mark offender;     /* the data that drew the reset on data */
    int8_t reset_on_data_by;  /* end of the tuple, -1 */
    bool reset_on_data_after_fin;
    uint32_t reset_on_data_seq; /* of the first byte that the end had not acknowledged */
};

/* By cache lines: what every packet touches, what payload does, what few packets do. */
struct connection {
    struct tcp_conn tcp; /* first: the table points here */
    uint8_t stage;        /* enum connection_stage */
    bool open_seen;
    bool handshake_by_data; /* its last ACK may have been overtaken by data; handshake_timed but for that */
    bool handshake_timed; /* no repetition in it, and its last ACK was captured: its times are round trips */
    bool challenged : 1;  /* its SYN was answered by an ACK of something else */
    bool unreachable : 1; /* its SYN was answered by an ICMP error */
    bool interleaved : 1; /* two files show it at the same time */
    uint8_t history_length;
    uint8_t silent_requests; /* begun since data of the client was repeated three times that is not acknowledged; sticks at UINT8_MAX */
    uint16_t capture, last_capture;
    uint32_t history_seen[2]; /* letters already there by end, a bit each */
    char history[HISTORY_BYTES];
    struct connection_closing *closing; /* NULL until an end closes */
    struct connection *older, *newer;   /* in the list of its stage */
    alignas(64)
    struct waits waits;
    struct conversation talk;
    struct mark handshake_done;
    int64_t longest_reuse_idle;
    uint64_t id;              /* number of its first packet in the whole run */
    alignas(64)
    struct mark end_mark[2][END_MARKS_OPEN]; /* END_SYN: the first; END_DATA: the last */
    struct timeline timeline;
    struct exchange_record *kept; /* complete exchanges of interest, the newest first; the tracker's */
    uint32_t stream_frame;    /* the frame that opened its tcp.stream */
    uint32_t reused_after_ms; /* 1 ms or more after the connection before it on these ports, plus 1; 0: there
                                 was none in the capture; UINT32_MAX: it had not been closed */
};

static_assert(sizeof(struct connection) <= 832, "an open connection takes less than 1 KiB in all");

/* Memory that the connections of one tracker share. */
struct connection_shared {
    struct conversation_memory talks;
    struct tcp_budget budget;
    struct slab closings, timelines, timeline_tails;
    struct arena texts;
    uint64_t duplicates; /* packets captured twice */
    bool failed; /* memory ran out while a segment was accounted for */
};

/* parts: this many trackers share the limits. */
void connection_shared_init(struct connection_shared *shared, const struct conversation_options *talks, size_t parts);
/* No connection is left, and none will come: what records need stays. */
void connection_shared_release(struct connection_shared *shared);
void connection_shared_free(struct connection_shared *shared);

/* Memory ran out; what is known since is worth nothing. */
bool connection_shared_failed(const struct connection_shared *shared);

/* A limit on all connections together was met. */
bool connection_shared_crowded(const struct connection_shared *shared);

void connection_init(struct connection *c, const struct segment *segment, uint32_t hash);

/* A moment of one end; its frame is 0 where it was not seen. */
const struct mark *connection_mark(const struct connection *c, unsigned end, enum end_mark id);

/* Where it stands now. */
enum connection_stage connection_stage(const struct connection *c);

/* When it will have waited long enough in its stage, if no packet comes; INT64_MAX: it is open. */
int64_t connection_due_ns(const struct connection *c);

/* Accounts for one segment sent by end `from`. */
void connection_input(struct connection *c, unsigned from, const struct segment *segment,
                      struct connection_shared *shared);

/* No more packets: hands on what waits, and ends what ends with the connection. */
void connection_flush(struct connection *c, struct connection_shared *shared);

/* Facts of the finished connection, without timeline. end_ns: end of the capture. */
void connection_record(const struct connection *c, int client, bool role_guessed, int64_t end_ns,
                       struct record *record);

/* The part of connection_record about silences, repetitions and resets of others; after its marks. */
void connection_waits(const struct connection *c, unsigned client, struct record *record);

/* Round-trip time of the whole path, from the handshake; NS_UNKNOWN. */
int64_t connection_rtt(const struct connection *c, unsigned client);

/* The end's FIN, which the other acknowledges, was not captured, so that what it had read by then is not known, and an alert of TLS is
 * all that the other sent last: its reset may answer that. */
bool connection_resets_goodbye(const struct connection *c, unsigned end);

/* Facts on one of the finished connection's exchanges. */
void connection_exchange(const struct connection *c, const struct record *record,
                         const struct exchange *exchange, struct exchange_facts *facts);

/* What a record that is kept needs of the connection that goes. false: no memory. */
bool connection_keep_request(const struct connection *c, struct record *record,
                             struct connection_shared *shared);
bool connection_keep_timeline(struct connection *c, struct record *record,
                              struct connection_shared *shared);
void connection_drop_timeline(struct record *record, struct connection_shared *shared);

/* Gives back what it holds of the shared memory. */
void connection_free(struct connection *c, struct connection_shared *shared);

#endif
