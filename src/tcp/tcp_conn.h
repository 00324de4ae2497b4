/*
 * tcp_conn - follow one TCP connection from captured segments.
 *
 * Floor: tcp; uses base and decode. Knows nothing of HTTP.
 * Model: two ends, each with an RFC 9293 state derived from evidence. We see packets between the
 * hosts: that an end sent something is certain, that the other received it is inferred from the
 * ACK numbers it sent later. Order between the ends comes from these numbers and not from the
 * capture's clock.
 *
 * tcp_input takes five steps, each done once for every state: reset, handshake, acknowledgement,
 * payload, FIN.
 */
#ifndef HANGUP_TCP_TCP_CONN_H
#define HANGUP_TCP_TCP_CONN_H

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>

#include "tcp/tcp_state.h"
#include "tcp/tcp_table.h"

/* Why an end reset the connection, told from the numbers. */
enum tcp_reset_kind {
#define VALUE(id, name) id,
#include "tcp/reset_kinds.def"
#undef VALUE
};

extern const char *const tcp_reset_kind_names[]; /* NULL at the end */

/* What an end has beyond its next byte: bytes out of order, and what is known of bytes that were not
 * captured. Private to reassembly; few connections have any. */
struct tcp_holes;

/* What every segment touches fills the first cache line. */
struct tcp_end {
    alignas(64)
    uint32_t isn;         /* of its SYN; first sequence number seen - 1 if the SYN was not */
    uint32_t snd_nxt;     /* after the last byte, SYN or FIN that it was seen to send */
    uint32_t data_end;    /* the same without FIN */
    uint32_t ack;         /* highest ACK number that it sent: the other end's SND.UNA */
    uint32_t deliver_nxt; /* first byte not handed on yet */
    uint32_t last_seq, last_ack, last_len; /* of its last segment, to recognise duplicates */
    uint32_t last_ts_us;  /* likewise, modulo 2^32 */
    uint32_t max_seq;     /* highest sequence number that a segment of it began with */
    uint32_t segments;    /* duplicates of the capture not counted */
    uint16_t last_ip_id, newest_ip_id; /* of the last segment; the furthest on */
    struct tcp_holes *holes; /* NULL: none */
    uint16_t window;      /* as last sent, unscaled */
    uint8_t state;        /* enum tcp_state */
    uint8_t rst_kind;     /* enum tcp_reset_kind of its first reset that fits */
    uint8_t last_flags;
    int8_t window_scale;  /* -1: not offered or not seen */
    bool base_known : 1;  /* isn and snd_nxt mean something */
    bool ack_known : 1;
    bool syn_seen : 1;    /* SYN or SYN-ACK */
    bool fin_seen : 1;
    bool fin_received : 1; /* it acknowledged the other end's FIN */
    bool fin_inferred : 1; /* its FIN was not captured, but acknowledged */
    bool went_on : 1;      /* after its reset of kind foreign: it had not sent that */
    bool data_again : 1;   /* its last payload segment brought nothing new */
    uint8_t repeats;       /* of its oldest unacknowledged byte, since the other end was last heard; sticks at
                              UINT8_MAX */

    uint64_t payload_bytes;    /* each byte once */
    uint64_t lost_bytes;       /* sent, but not in the capture */
    uint32_t data_segments;
    uint32_t data_ack;         /* ACK number of its last payload segment */
    uint32_t fin_seq, fin_ack; /* of its first FIN: the FIN's own number, and the ACK number */
    uint32_t rst_seq, rst_ack; /* of its first reset that fits; rst_ack 0 without the ACK flag */
    uint32_t rst_ts_us;        /* likewise, modulo 2^32 */
    uint32_t retransmitted;    /* segments */
    uint16_t out_of_order;     /* segments; sticks at UINT16_MAX, as do the next */
    uint16_t keep_alive_probes, zero_windows, resets;
    uint8_t state_before_rst[2]; /* of this end and of the other */
    uint8_t syns;              /* SYNs or SYN-ACKs, repetitions included; sticks at UINT8_MAX */
    uint8_t syns_after_data;   /* SYN-ACKs sent again although the other end's ACK of them and its first data
                                  had been captured; likewise */
    uint32_t fin_acked_at;     /* if fin_received: its next number when it first acknowledged the FIN, where an empty
                                  segment tells that; else a number further ahead than a connection gets */
};
static_assert(sizeof(struct tcp_end) == 128, "two cache lines");

struct tcp_conn {
    struct tcp_tuple tuple; /* first: the table points here */
    uint32_t hash;
    uint32_t pending_bytes; /* of both ends */
    int64_t first_ns, last_ns; /* earliest and latest segment; duplicates of the capture not counted */
    struct tcp_end end[2];  /* as in tuple */
};

/* In-order payload, or a gap in it. */
struct tcp_chunk {
    const uint8_t *bytes; /* NULL: these bytes were not captured */
    uint32_t length;
    uint32_t seq;         /* of the first byte */
    uint32_t ack;         /* of the segment that carried them; 0 in a gap, unless it is cut */
    uint16_t front, behind; /* where they are the text of a record: other bytes on the wire before and behind them, else 0 */
    int64_t ts_ns;        /* of that segment; of the one that showed the gap */
    uint32_t frame;
    uint16_t capture;
    bool cut;             /* not captured because the capture kept only the beginning of that segment (its snap length) */
};

/* The sequence number before the chunk's n-th byte; that before the first is where its record begins, that behind the last, where
 * it ends. */
static inline uint32_t tcp_chunk_seq(const struct tcp_chunk *chunk, uint32_t n)
{
    return n == 0 ? chunk->seq : chunk->seq + chunk->front + n + (n == chunk->length ? chunk->behind : 0);
}

/* What is left of a chunk without its first n bytes. */
static inline struct tcp_chunk tcp_chunk_rest(const struct tcp_chunk *chunk, uint32_t n)
{
    struct tcp_chunk rest = *chunk;
    if (n == 0)
        return rest;
    rest.seq += chunk->front + n;
    rest.length -= n;
    rest.front = 0;
    if (rest.bytes != NULL)
        rest.bytes += n;
    return rest;
}

struct tcp_sink {
    void (*data)(void *context, struct tcp_conn *conn, unsigned from,
                 const struct tcp_chunk *chunk);
    void *context;
};

/* What one segment turned out to be; several may hold. */
enum tcp_note {
    TCP_NOTE_SYN = 1 << 0,            /* first SYN of this end */
    TCP_NOTE_HANDSHAKE_DONE = 1 << 1, /* first ACK of the SYN-ACK */
    TCP_NOTE_DATA = 1 << 2,           /* bytes that were not seen before */
    TCP_NOTE_RETRANSMISSION = 1 << 3,
    TCP_NOTE_OUT_OF_ORDER = 1 << 4,
    TCP_NOTE_KEEP_ALIVE = 1 << 5,
    TCP_NOTE_FIN = 1 << 6,            /* first FIN of this end */
    TCP_NOTE_ACK_OF_FIN = 1 << 7,     /* first ACK that covers the other end's FIN */
    TCP_NOTE_RST = 1 << 8,
    TCP_NOTE_RST_FITS = 1 << 12,      /* and it is the one that rst_kind tells of */
    TCP_NOTE_ZERO_WINDOW = 1 << 9,    /* the window has just become zero */
    TCP_NOTE_DUPLICATE = 1 << 10,     /* the same packet captured again */
    TCP_NOTE_RST_DISOWNED = 1 << 13,  /* its end goes on: somebody else sent that reset */
    TCP_NOTE_STRANGE = 1 << 11,       /* sequence number far out of range; ignored */
};

/* Limits on out-of-order bytes, and how often they were met. One for all connections of a tracker. */
struct tcp_budget {
    size_t max_bytes;          /* in total */
    uint32_t max_conn_bytes;   /* per connection */
    size_t bytes;              /* now */
    uint64_t limited;          /* segments whose bytes were given up as a gap */
    bool exhausted;            /* because of the total */
    bool failed;               /* no memory */
};

#define TCP_MAX_PENDING_BYTES ((size_t)256 * 1024 * 1024)
#define TCP_MAX_CONN_PENDING_BYTES (4u * 1024 * 1024) /* Linux' default largest receive buffer is
                                                         6 MiB (tcp_rmem), half of it overhead */

/* Runs behind holes of one end: more than a window of full segments has. */
#define TCP_MAX_PENDING_RUNS 4096

/* A connection whose first segment is `segment`, sent by end 0. */
void tcp_conn_init(struct tcp_conn *conn, const struct segment *segment, uint32_t hash);

/* Accounts for one segment. Payload goes to the sink, in order, before return.
 * Returns a set of enum tcp_note. */
unsigned tcp_input(struct tcp_conn *conn, unsigned from, const struct segment *segment,
                   struct tcp_budget *budget, const struct tcp_sink *sink);

/* Would this segment open a new connection on the same ends? The same rule as Wireshark's, so
 * that stream numbers agree: a SYN with another initial sequence number. */
bool tcp_opens_anew(const struct tcp_conn *conn, unsigned from, const struct segment *segment);

/* Both ends are done: closed or in TIME_WAIT. */
bool tcp_both_closed(const struct tcp_conn *conn);

/* Further than this from what was seen, a sequence number is damage or another connection's. */
#define TCP_SANE_DISTANCE (1 << 30)

/* The end's initial sequence number. If the end has sent over 1 GiB, that number may have been used again, and one that lies
 * 1 GiB back is returned. */
static inline uint32_t tcp_first_seq(const struct tcp_end *end)
{
    return end->payload_bytes < TCP_SANE_DISTANCE ? end->isn : end->snd_nxt - TCP_SANE_DISTANCE;
}

/* No more packets: was the reset that the end seemed to disown its own after all? What it sent behind it came at once, within
 * what a capture, or the way to it, mixes up, and the other end has sent nothing but resets since. Whoever goes on does so for
 * longer. Then it counts as its own again. */
bool tcp_own_reset(struct tcp_conn *conn, unsigned end);

/* No more packets: was the end's FIN sent, though not captured? The other end acknowledged exactly one number behind all that
 * was captured of it, has closed too, and sent nothing since that first ACK: then it was no byte. The FIN counts as seen from here
 * on; *shown_by: the segment that acknowledged it first. */
struct tcp_shown {
    int64_t ns;
    uint32_t frame;
    uint16_t capture;
};
bool tcp_infer_fin(struct tcp_conn *conn, unsigned end, int64_t peer_data_ns, struct tcp_shown *shown_by);

/* Hands on what waits behind holes, holes as gaps, and frees all that the connection holds.
 * last_ns: when the ends were last heard of, which dates bytes that no packet shows. */
void tcp_flush(struct tcp_conn *conn, const int64_t last_ns[2], struct tcp_budget *budget,
               const struct tcp_sink *sink);

#endif
