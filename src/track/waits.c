#include "track/waits.h"

#include "base/seq.h"
#include "base/text.h"

/* What Nagle's algorithm holds back goes out as soon as the ACK is in, and passes the capture after the
 * round trip from there to its sender. */
#define HELD_BACK_WITHIN_NS (2 * NS_PER_MS)

void waits_init(struct waits *w)
{
    w->end[0].ttl_low = w->end[1].ttl_low = UINT8_MAX;
}

static uint32_t to_ms(int64_t ns)
{
    int64_t ms = ns / NS_PER_MS;
    return ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static void count(uint8_t *counter)
{
    *counter += *counter < UINT8_MAX;
}

static void grow16(uint16_t *largest, uint32_t length)
{
    if (length > *largest)
        *largest = length < UINT16_MAX ? (uint16_t)length : UINT16_MAX;
}

static void grow32(uint32_t *largest, uint32_t value)
{
    if (value > *largest)
        *largest = value;
}

/* The sender has acknowledged something new of end e. */
static void acknowledged(struct waits *w, const struct tcp_conn *tcp, unsigned e)
{
    struct end_waits *end = &w->end[e];
    end->repeats = 0;
    end->repeat_len = 0;
    end->heard = false;
    if (seq_leq(tcp->end[e].data_end, tcp->end[!e].ack)) {
        grow16(&end->passed_len, end->waiting_len);
        end->waiting_len = 0;
    }
    if (end->rested) {
        grow32(&w->survived_ms, w->rested_ms);
        end->rested = false;
    }
}

static void repeated(struct waits *w, const struct tcp_conn *tcp, unsigned from,
                     const struct segment *s, int64_t last_data_ns)
{
    struct end_waits *end = &w->end[from];
    const struct tcp_end *peer = &tcp->end[!from];
    if (peer->ack_known && seq_leq(s->seq + s->payload_len, peer->ack))
        return; /* it had arrived: only its ACK was lost, or late */
    /* What the other end waits for; later bytes may have arrived. */
    if (!peer->ack_known || seq_leq(s->seq, peer->ack)) {
        count(&end->repeats);
        end->repeat_len = s->payload_len < UINT16_MAX ? (uint16_t)s->payload_len : UINT16_MAX;
    }
    /* A closed window makes the other end wait, not the network. */
    bool window_open = peer->segments == 0 || peer->window != 0;
    int64_t waited = last_data_ns == INT64_MIN ? 0 : s->ts_ns - last_data_ns;
    if (waited >= WAITS_STALL_NS && window_open)
        grow32(&end->stalled_ms, to_ms(waited));
}

/* Of times modulo 2^32 us; short ones are asked for. */
static int64_t between_ns(uint32_t from_us, uint32_t to_us)
{
    return (int64_t)(to_us - from_us) * 1000;
}

/* Did this small write wait until the one before it was acknowledged? */
static bool was_held_back(const struct segment *s, const struct waits_before *b)
{
    int64_t waited = between_ns(b->own_us, b->peer_us) - b->receiver_rtt_ns; /* of the receiver: it delayed its ACK for so long */
    int64_t late = between_ns(b->peer_us, (uint32_t)((uint64_t)s->ts_ns / 1000)) - b->sender_rtt_ns;
    return waited >= DELAYED_ACK_LEAST_NS && waited <= DELAYED_ACK_MOST_NS &&
           late <= HELD_BACK_WITHIN_NS && late >= -HELD_BACK_WITHIN_NS;
}

static void sent_new(struct waits *w, unsigned from, const struct segment *s,
                     const struct waits_before *b)
{
    struct end_waits *end = &w->end[from];
    grow16(&end->waiting_len, s->payload_len);
    /* What was not acknowledged before the silence had died before it. */
    if (b->silent_ns >= WAITS_SILENCE_NS && waits_rested_by(w) < 0 && end->repeats == 0) {
        end->rested = true;
        w->rested_ms = to_ms(b->silent_ns);
    }
    if (b->small_after_small && was_held_back(s, b))
        count(&end->small_waits);
}

static void window(struct waits *w, const struct tcp_conn *tcp, unsigned from, const struct segment *s, unsigned notes, bool blocks)
{
    const int64_t start_ns = tcp->first_ns;
    struct end_waits *end = &w->end[from];
    if (notes & TCP_NOTE_ZERO_WINDOW && blocks && end->zero_since_ms == 0)
        end->zero_since_ms = to_ms(s->ts_ns - start_ns) + 1;
    else if (end->zero_since_ms != 0 && tcp->end[from].window != 0) { /* that of the newest segment */
        grow32(&end->zero_longest_ms, waits_zero_window_ms(w, from, start_ns, s->ts_ns));
        end->zero_since_ms = 0;
    }
}

static void time_to_live(struct end_waits *end, const struct segment *s)
{
    if (s->ttl < end->ttl_low)
        end->ttl_low = s->ttl;
    if (s->ttl > end->ttl_high)
        end->ttl_high = s->ttl;
}

void waits_segment(struct waits *w, const struct tcp_conn *tcp, unsigned from,
                   const struct segment *s, unsigned notes, const struct waits_before *b,
                   int64_t last_data_ns, bool blocks)
{
    struct end_waits *end = &w->end[from], *peer = &w->end[!from];
    peer->probes = 0;
    if (notes & TCP_NOTE_RST) {
        if (notes & TCP_NOTE_RST_FITS)
            end->rst_ttl = s->ttl;
        return;
    }
    time_to_live(end, s);
    const struct tcp_end *sender = &tcp->end[from];
    if (sender->ack_known && (!b->ack_known || seq_lt(b->acked, sender->ack)))
        acknowledged(w, tcp, !from);
    else if (peer->repeats > 0 || s->sacks)
        peer->heard = true;
    if (s->payload_len > 0 && notes & WAITS_DATED_NOTES)
        repeated(w, tcp, from, s, last_data_ns);
    else if (notes & TCP_NOTE_DATA)
        sent_new(w, from, s, b);
    if (notes & TCP_NOTE_KEEP_ALIVE)
        count(&end->probes);
    if (s->flags & TCP_FIN && !(notes & TCP_NOTE_FIN))
        count(&end->fin_repeats);
    if (notes & TCP_NOTE_ZERO_WINDOW || end->zero_since_ms != 0)
        window(w, tcp, from, s, notes, blocks);
}

uint32_t waits_zero_window_ms(const struct waits *w, unsigned e, int64_t start_ns, int64_t last_ns)
{
    const struct end_waits *end = &w->end[e];
    uint32_t longest = end->zero_longest_ms;
    if (end->zero_since_ms != 0) {
        uint32_t now = to_ms(last_ns - start_ns), since = end->zero_since_ms - 1;
        grow32(&longest, now > since ? now - since : 0);
    }
    return longest;
}
