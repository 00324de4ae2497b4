/*
 * waits - silences, repetitions and closed windows of one connection, in a few bytes for each end.
 *
 * What they say is judged when the connection is over; a segment costs a few comparisons.
 */
#ifndef HANGUP_TRACK_WAITS_H
#define HANGUP_TRACK_WAITS_H

#include "tcp/tcp_conn.h"

/* A silence, a wait for an acknowledgement: shorter ones are everyday life. */
#define WAITS_SILENCE_NS INT64_C(1000000000)
#define WAITS_STALL_NS (200 * INT64_C(1000000))

/* Delayed ACKs: 40 ms on Linux, less a tick of its clock, up to 200 ms elsewhere (RFC 9293 section 3.8.6.3: below 500 ms). */
#define DELAYED_ACK_LEAST_NS (35 * INT64_C(1000000))
#define DELAYED_ACK_MOST_NS (250 * INT64_C(1000000))

/* Times in milliseconds; counts stick at their largest value. */
struct end_waits {
    uint32_t zero_since_ms;   /* when its window closed, from the first packet on, + 1; 0: open */
    uint32_t zero_longest_ms; /* while the other end had more of a message to send */
    uint32_t stalled_ms;      /* longest wait of its data until it was sent again for want of an ACK */
    uint16_t passed_len;      /* its largest segment that surely arrived */
    uint16_t waiting_len;     /* largest one sent since everything was acknowledged */
    uint16_t repeat_len;      /* of the segment that is sent again and again */
    uint8_t repeats;          /* of data, since the other end last acknowledged something new */
    uint8_t fin_repeats;
    uint8_t probes;           /* since the other end was last heard */
    uint8_t small_waits;      /* small writes that waited for the delayed ACK of the one before */
    uint8_t ttl_low, ttl_high, rst_ttl; /* of its segments; of the reset that rst_kind tells of */
    bool heard;               /* the other end sends, but does not acknowledge what is repeated */
    bool rested;              /* it sent the data that waits.rested_ms tells of */
};

struct waits {
    struct end_waits end[2];  /* as in the tuple */
    uint32_t rested_ms;       /* silence before the data that nobody has acknowledged yet */
    uint32_t survived_ms;     /* longest silence after which data was acknowledged; 0: none */
};
static_assert(sizeof(struct waits) == 64, "one cache line");

/* Below this, a write is small: an Ethernet segment is not full. */
#define WAITS_SMALL_WRITE 1000

/* What a segment changes and the facts need: taken before tcp_input. */
struct waits_before {
    int64_t silent_ns;        /* since the last segment of either end */
    int64_t sender_rtt_ns;    /* from the capture to the sender and back; 0: not known; set later, if the small
                                 write waited */
    int64_t receiver_rtt_ns;  /* likewise to the receiver */
    uint32_t acked;           /* highest ACK number of the sender */
    bool ack_known;
    bool small_after_small;   /* a small write, the ACK of it, and this one */
    uint32_t own_us, peer_us; /* last segment of the sender, of its peer; modulo 2^32 */
};

void waits_init(struct waits *waits);

/* The end that sent the data which rested_ms tells of; -1: none is waiting. */
static inline int waits_rested_by(const struct waits *waits)
{
    return waits->end[0].rested ? 0 : waits->end[1].rested ? 1 : -1;
}

static inline struct waits_before waits_before(const struct tcp_conn *tcp, unsigned from,
                                               const struct segment *s)
{
    const struct tcp_end *end = &tcp->end[from], *peer = &tcp->end[!from];
    return (struct waits_before){
        .silent_ns = s->ts_ns - tcp->last_ns,
        .acked = end->ack,
        .ack_known = end->ack_known,
        .small_after_small = s->payload_len > 0 && s->payload_len < WAITS_SMALL_WRITE &&
                             end->last_len > 0 && end->last_len < WAITS_SMALL_WRITE &&
                             peer->last_len == 0 && peer->last_flags == TCP_ACK &&
                             peer->last_ack == s->seq,
        .own_us = end->last_ts_us,
        .peer_us = peer->last_ts_us,
    };
}

/* Notes of a segment which make waits_segment look at last_data_ns. */
#define WAITS_DATED_NOTES (TCP_NOTE_RETRANSMISSION | TCP_NOTE_OUT_OF_ORDER)

/* The segment was accounted for with these notes. last_data_ns: of the sender's last new data before
 * it, INT64_MIN if it had sent none; blocks: the sender's peer has a message to go on with. */
void waits_segment(struct waits *waits, const struct tcp_conn *tcp, unsigned from,
                   const struct segment *segment, unsigned notes,
                   const struct waits_before *before, int64_t last_data_ns, bool blocks);

/* Longest time for which an end kept its window closed, up to its last segment. */
uint32_t waits_zero_window_ms(const struct waits *waits, unsigned end, int64_t start_ns,
                              int64_t last_ns);

#endif
