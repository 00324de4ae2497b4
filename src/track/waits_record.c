/*
 * waits_record - what the ends of a finished connection waited for, and the packets that show it.
 */
#include "base/seq.h"
#include "track/connection.h"

/* The newest entry of one kind, unless the timeline does not have it any more. */
static void mark_entry(const struct connection *c, unsigned from, enum timeline_kind kind,
                       struct mark *mark)
{
    if (!timeline_has(&c->timeline, kind, from))
        return;
    for (unsigned i = timeline_kept(&c->timeline); i > 0; i--) {
        const struct timeline_entry *entry = timeline_at(&c->timeline, i - 1);
        if (entry->kind != kind || entry->from != from)
            continue;
        *mark = (struct mark){ c->tcp.first_ns + timeline_since_ns(entry), entry->frame,
                               entry->capture };
        return;
    }
}

/* The newest repetitions in a row: the first, and the last unless it is the same. */
static void mark_repetitions(const struct connection *c, unsigned from, struct record *r)
{
    mark_entry(c, from, TIMELINE_RETRANSMISSION, &r->mark[MARK_RETRANSMISSION]);
    for (unsigned i = timeline_kept(&c->timeline); i > 1; i--) {
        const struct timeline_entry *last = timeline_at(&c->timeline, i - 1), *first = timeline_at(&c->timeline, i - 2);
        if (last->kind != TIMELINE_RETRANSMISSION || last->from != from)
            continue;
        if (first->kind != last->kind || first->from != from)
            return;
        r->mark[MARK_LAST_RETRANSMISSION] = r->mark[MARK_RETRANSMISSION];
        r->mark[MARK_RETRANSMISSION] = (struct mark){ c->tcp.first_ns + timeline_since_ns(first), first->frame, first->capture };
        return;
    }
}

static void mark_waits(const struct connection *c, struct record *r)
{
    const struct end_waits *w = c->waits.end;
    unsigned stuck = w[1].repeats > w[0].repeats;
    unsigned stalled = w[1].stalled_ms > w[0].stalled_ms;
    if (w[stuck].repeats > 0)
        r->mark[MARK_UNANSWERED] = c->end_mark[stuck][END_DATA];
    else if (waits_rested_by(&c->waits) >= 0)
        r->mark[MARK_UNANSWERED] = c->end_mark[waits_rested_by(&c->waits)][END_DATA];
    unsigned repeats = w[stuck].repeats > 0        ? stuck
                       : w[stalled].stalled_ms > 0 ? stalled
                                                   : w[1].fin_repeats > w[0].fin_repeats;
    unsigned closed = waits_zero_window_ms(&c->waits, 1, c->tcp.first_ns, c->tcp.last_ns) >
                      waits_zero_window_ms(&c->waits, 0, c->tcp.first_ns, c->tcp.last_ns);
    mark_repetitions(c, repeats, r);
    mark_entry(c, w[1].probes > w[0].probes, TIMELINE_KEEP_ALIVE, &r->mark[MARK_PROBE]);
    mark_entry(c, closed, TIMELINE_ZERO_WINDOW, &r->mark[MARK_ZERO_WINDOW]);
}

/* How far the reset's TTL lies outside of what its end sends with otherwise. */
static int16_t hops_apart(const struct end_waits *w)
{
    if (w->rst_ttl == 0)
        return HOPS_ABSENT;
    if (w->ttl_low > w->ttl_high)
        return HOPS_UNKNOWN;
    return (int16_t)(w->rst_ttl < w->ttl_low    ? w->ttl_low - w->rst_ttl
                     : w->rst_ttl > w->ttl_high ? w->rst_ttl - w->ttl_high
                                                : 0);
}

static int8_t role_of(int end, unsigned client)
{
    return (int8_t)(end < 0 ? -1 : (unsigned)end == client ? ROLE_CLIENT : ROLE_SERVER);
}

/* An end that went on after its reset; that of a client before its handshake answers an old packet. */
static int disowned_reset(const struct connection *c)
{
    for (int e = 0; e < 2; e++) {
        const struct tcp_end *end = &c->tcp.end[e];
        if (end->resets > 0 && end->rst_kind == TCP_RESET_FOREIGN &&
            end->state_before_rst[0] != TCP_SYN_SENT)
            return e;
    }
    return -1;
}

/* The other end has not sent anything but resets since. A reset with numbers far from those of its end, which has not gone on, is no
 * proof of anything: it may be of another connection on these ports, and a kernel drops what lies outside of its window (RFC 9293
 * section 3.10.7.4). */
static bool was_believed(const struct connection *c, unsigned e)
{
    const struct tcp_end *end = &c->tcp.end[e], *peer = &c->tcp.end[!e];
    return end->went_on && ((int32_t)(peer->last_ts_us - end->rst_ts_us) <= 0 || peer->last_flags & TCP_RST);
}

static void fill_resets(const struct connection *c, unsigned client, struct record *r)
{
    int disowned = disowned_reset(c);
    r->foreign_reset_by = role_of(disowned, client);
    r->foreign_reset_believed = disowned >= 0 && was_believed(c, (unsigned)disowned);
    if (disowned >= 0)
        mark_entry(c, (unsigned)disowned, TIMELINE_RST, &r->mark[MARK_FOREIGN_RST]);
    const struct mark *a = connection_mark(c, 0, END_RST), *b = connection_mark(c, 1, END_RST);
    r->resets_apart_ns = a->frame == 0 || b->frame == 0 ? NS_ABSENT
                         : a->ns > b->ns                ? a->ns - b->ns
                                                        : b->ns - a->ns;
}

void connection_waits(const struct connection *c, unsigned client, struct record *r)
{
    for (int role = 0; role < 2; role++) {
        unsigned e = role == ROLE_CLIENT ? client : !client;
        const struct end_waits *w = &c->waits.end[e];
        r->waits[role] = (struct wait_facts){
            .zero_window_ms = waits_zero_window_ms(&c->waits, e, c->tcp.first_ns, c->tcp.last_ns),
            .stalled_ms = w->stalled_ms,
            .passed_len = w->passed_len,
            .repeat_len = w->repeat_len,
            .repeats = w->repeats,
            .probes = w->probes,
            .small_waits = w->small_waits,
            .fin_repeats = c->tcp.end[!e].fin_received ? 0 : w->fin_repeats,
            .heard = w->heard,
            .rst_hops = hops_apart(w),
        };
    }
    int rested_by = waits_rested_by(&c->waits);
    r->silent_by = role_of(rested_by, client);
    if (rested_by >= 0) {
        const struct tcp_end *rested = &c->tcp.end[rested_by];
        const struct tcp_end *other = &c->tcp.end[!rested_by];
        r->acked_unseen = rested->ack_known && other->base_known &&
                          seq_lt(other->snd_nxt, rested->ack);
    }
    r->silent_requests = c->waits.end[client].repeats > 0 ? c->silent_requests : 0;
    r->silence_ms = c->waits.rested_ms;
    r->survived_ms = c->waits.survived_ms;
    mark_waits(c, r);
    fill_resets(c, client, r);
}
