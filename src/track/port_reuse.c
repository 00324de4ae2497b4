#include "track/port_reuse.h"

#include "base/seq.h"

void remnant_of(const struct connection *c, struct remnant *remnant)
{
    remnant->tuple = c->tcp.tuple;
    remnant->tuple.remnant = true;
    for (int i = 0; i < 2; i++) {
        remnant->first[i] = tcp_first_seq(&c->tcp.end[i]);
        remnant->snd_nxt[i] = c->tcp.end[i].snd_nxt;
        remnant->base_known[i] = c->tcp.end[i].base_known;
        remnant->syn_seen[i] = c->tcp.end[i].syn_seen;
    }
    remnant->stream_frame = c->stream_frame;
    remnant->capture = c->capture;
    remnant->last_ns = c->tcp.last_ns;
}

void remnant_ghost(const struct segment *quoted, struct remnant *remnant)
{
    tcp_tuple_of(&remnant->tuple, quoted);
    remnant->tuple.remnant = true;
    remnant->stream_frame = quoted->frame;
    remnant->ghost = true;
}

uint32_t reused_after(const struct remnant *before, const struct segment *s)
{
    if (before == NULL || before->ghost)
        return 0;
    int64_t ms = (s->ts_ns - before->last_ns) / NS_PER_MS;
    return before->left_open ? UINT32_MAX
           : ms < 0                    ? 1
           : ms >= UINT32_MAX - 1      ? UINT32_MAX - 1
                                       : (uint32_t)ms + 1;
}

/* The sequence numbers that an end has used. */
struct sent {
    uint32_t first, next;
    bool known;      /* they mean something */
    bool from_start; /* its SYN was captured: there are none before `first` */
};

static struct sent sent_by(const struct tcp_end *end)
{
    return (struct sent){ tcp_first_seq(end), end->snd_nxt, end->base_known, end->syn_seen };
}

static struct sent sent_by_remnant(const struct remnant *remnant, unsigned end)
{
    return (struct sent){ remnant->first[end], remnant->snd_nxt[end], remnant->base_known[end],
                          remnant->syn_seen[end] };
}

/* So far from what an end that has closed sent, segments are another connection's, whose SYN is
 * not in the capture. */
#define OTHER_CONNECTION_BYTES (1 << 20)

static bool is_far(const struct sent *sent, uint32_t number)
{
    bool within = seq_leq(sent->first, number) && seq_leq(number, sent->next);
    return sent->known && !within &&
           (seq_diff(number, sent->next) > OTHER_CONNECTION_BYTES ||
            (sent->from_start && seq_diff(sent->first, number) > OTHER_CONNECTION_BYTES));
}

/* own: of the end that sent the segment. */
static bool is_of_another(const struct sent *own, const struct segment *s)
{
    return !(s->flags & TCP_RST) && (s->payload_len > 0 || s->flags & TCP_SYN) && is_far(own, s->seq);
}

/* The same from what the segment acknowledges: an end can only have received what the other sent. */
static bool answers_another(const struct sent *others, const struct segment *s)
{
    return s->flags & TCP_ACK && !(s->flags & TCP_RST) &&
           (s->payload_len > 0 || s->flags & (TCP_SYN | TCP_FIN)) && is_far(others, s->ack);
}

bool opens_again(const struct remnant *remnant, unsigned from, const struct segment *s)
{
    bool syn = (s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    const struct sent own = sent_by_remnant(remnant, from), others = sent_by_remnant(remnant, !from);
    return remnant->ghost || (syn && remnant->first[from] != s->seq) || is_of_another(&own, s) ||
           answers_another(&others, s);
}

/* The same for an end that has sent its FIN or been reset, and has nothing more to send. */
bool opens_anew(const struct connection *c, unsigned from, const struct segment *s)
{
    const struct tcp_end *end = &c->tcp.end[from], *peer = &c->tcp.end[!from];
    if (tcp_opens_anew(&c->tcp, from, s))
        return true;
    /* By a reset that ended it; not by one that answers a SYN with the numbers of an older connection, again and again. */
    bool reset = end->state == TCP_CLOSED && peer->state == TCP_CLOSED && end->ack_known && peer->ack_known;
    if (!end->fin_seen && !peer->fin_seen && !reset)
        return false;
    const struct sent own = sent_by(end), others = sent_by(peer);
    return ((end->fin_seen || reset) && is_of_another(&own, s)) || ((peer->fin_seen || reset) && answers_another(&others, s));
}
