/*
 * exchange - facts on one request and its response, from where they stand to the connection's close.
 */
#include "base/seq.h"
#include "base/text.h"
#include "track/end_close.h"
#include "track/announced.h"
#include "track/usual.h"

/* A delayed ACK of Linux comes after 40 ms at first (net/tcp.h, TCP_DELACK_MIN), give or take a tick of its clock. A path that gets
 * slower by just that is rare; by more, it may be either. */
#define LINUX_DELAYED_ACK_NS (46 * NS_PER_MS)

/* Who sends this soon after the ACK may not have had the FIN for long; rules draw the line there (react). */
#define TOO_SOON_NS (5 * NS_PER_MS)

/* For how long had the client's kernel had the server's FIN when it sent the request?
 *
 * If the request does not acknowledge the FIN, it had not. An ACK of the FIN that the client sent earlier
 * went the same way as the request, so the time between them is the same from every capture point, and the client had the FIN for
 * that long at least. Before that ACK the FIN was on its way (perhaps a path that had got slow), or the ACK was delayed, as its time
 * tells; surely so only in a capture at the client. Where the request itself is the first to acknowledge it, the clock has to tell:
 * the FIN passed the capture point at time f and took d to the client; the request left the client d before it passed at r.
 * So the client had the FIN for (r - d) - (f + d) = r - f - 2d, and 2d is the time between SYN-ACK and ACK at the
 * same point. A path's delay varies; `allowance`, a part of 2 d, is what it may have been longer. Of a FIN that was sent again
 * nobody knows which one arrived. */
static int64_t fin_known_for(const struct connection *c, unsigned server_end, const struct record *r, const struct exchange *x,
                             double allowance)
{
    const struct tcp_end *server = &c->tcp.end[server_end];
    if (!server->fin_seen)
        return NS_ABSENT;
    if (x->request.ack == 0)
        return NS_UNKNOWN; /* its first transmission was not captured */
    if (seq_leq(x->request.ack, server->fin_seq))
        return 0;
    /* Behind the client's own FIN it may have been sent again, and what the first one knew is not known. */
    const struct mark *own_fin = record_mark(r, MARK_CLIENT_FIN);
    if (allowance > 0 && own_fin->frame != 0 && own_fin->ns < x->request.first_ns)
        return NS_UNKNOWN;
    const struct mark *fin = record_mark(r, MARK_SERVER_FIN), *ack = record_mark(r, MARK_SERVER_FIN_ACK);
    int64_t passed = x->request.first_ns - fin->ns;
    /* The client's FIN, which may overtake the request, takes an ACK along that would have come later. */
    bool acked = ack->frame != 0 && x->request.first_ns > ack->ns && ack->frame != record_mark(r, MARK_CLIENT_FIN)->frame;
    int64_t since_ack = acked ? x->request.first_ns - ack->ns : NS_UNKNOWN;
    if (r->client_rtt == NS_UNKNOWN || c->waits.end[server_end].fin_repeats > 0)
        return passed <= 0 && !acked ? 0 : since_ack;
    int64_t late = ack->ns - fin->ns - r->client_rtt;
    bool at_client = r->rtt != NS_UNKNOWN && r->client_rtt < r->rtt / 10;
    if (acked && (late < DELAYED_ACK_LEAST_NS || late > DELAYED_ACK_MOST_NS || (allowance > 0 && !at_client)))
        return since_ack;
    if (acked && !at_client && late > LINUX_DELAYED_ACK_NS)
        return since_ack < TOO_SOON_NS ? NS_UNKNOWN : since_ack;
    int64_t known = passed - r->client_rtt - (int64_t)((double)r->client_rtt * allowance);
    return known < 0 ? 0 : known;
}

/* Did the server answer before its kernel had the whole request? An interim response comes early by
 * design; behind one, only a close tells that does not cover the request either. */
static void response_early(const struct exchange *x, struct exchange_facts *f)
{
    f->early = -1;
    f->early_unknown = !x->response_seen && f->response_unknown;
    if (!x->request_seen || !x->response_seen)
        return;
    bool interim = x->interim > 0;
    if (interim ? f->covered == 2 || f->covered < 0
                : x->request_complete && x->response.ack != 0 &&
                      seq_leq(x->request.end_seq, x->response.ack)) {
        f->early = interim ? -1 : 0;
        return;
    }
    f->early = 1;
    /* Who knows where a request ends of which the end is missing? */
    f->early_unknown = x->request_lost || (!interim && x->response.ack == 0);
}

static int64_t response_to_reset(const struct exchange *x, const struct mark *reset,
                                 const struct exchange_facts *f)
{
    if (reset->frame == 0)
        return NS_ABSENT;
    if (!x->response_seen)
        return f->response_unknown ? NS_UNKNOWN : NS_ABSENT;
    return reset->ns >= x->response.last_ns ? reset->ns - x->response.last_ns : NS_ABSENT;
}

/* Of the time from the request to the close, as they passed the capture point, the way to the server and back is taken
 * off. Where it is not known, the server had it for that long at most. */
static int64_t held_for(const struct record *r, int64_t passed_ns)
{
    int64_t way_ns = r->rtt == NS_UNKNOWN || r->client_rtt == NS_UNKNOWN ? 0 : r->rtt - r->client_rtt;
    return passed_ns > way_ns ? passed_ns - way_ns : 0;
}

/* The server's last GOAWAY, and the request: see fin_known_for(), of which this is the simple half. */
static void http2_facts(const struct connection *c, const struct record *r, const struct exchange *x, struct exchange_facts *f)
{
    const struct http2_outcome h2 = conversation_http2(&c->talk, r->client);
    const struct http2_goaway goaway = h2.goaway[ROLE_SERVER], *own = &h2.goaway[ROLE_CLIENT];
    const struct mark *fin = connection_mark(c, r->client, END_FIN);
    f->reset_when_ending = exchange_is_reset(x) && ((own->count > 0 && own->first_ns <= x->reset_ns) ||
                                                    (fin->frame != 0 && fin->ns <= x->reset_ns));
    if (goaway.count == 0)
        return;
    f->above_goaway = x->stream_id > goaway.last_stream && !x->response_seen;
    if (x->request.first_ns < goaway.ns)
        return;
    if (x->request.ack == 0 || r->client_rtt == NS_UNKNOWN)
        f->goaway_known_for = NS_UNKNOWN;
    else if (seq_lt(x->request.ack, goaway.end_seq))
        f->goaway_known_for = 0;
    else
        f->goaway_known_for = x->request.first_ns - goaway.ns > r->client_rtt ? x->request.first_ns - goaway.ns - r->client_rtt : 0;
}

void connection_exchange(const struct connection *c, const struct record *r,
                         const struct exchange *x, struct exchange_facts *f)
{
    unsigned client = r->client;
    const struct tcp_end *server = &c->tcp.end[!client];
    *f = (struct exchange_facts){
        .exchange = x,
        .usual = usual_exchange(c, x),
        .covered = -1,
        .idle_before = NS_ABSENT,
        .stream_reset_after = NS_ABSENT,
        .goaway_known_for = NS_ABSENT,
        .response_silent_for = NS_ABSENT,
        .fin_known_for = NS_ABSENT,
        .fin_surely_known_for = NS_ABSENT,
        .to_close = NS_ABSENT,
        .close_after_rest = NS_ABSENT,
        .held_for = NS_ABSENT,
        .server_timer = NS_ABSENT,
        .to_response = NS_ABSENT,
        .continue_wait = NS_ABSENT,
    };
    bool answers_lost = conversation_is_lost(&c->talk, !client);
    f->response_unknown = x->response_seen ? x->response_lost
                                           : x->response_lost || answers_lost || r->one_sided ||
                                                 (c->open_seen && !server->syn_seen);
    f->response_duration = x->response_seen ? x->response.last_ns - x->response.first_ns : NS_ABSENT;
    const struct mark *reset = connection_mark(c, !client, END_RST);
    f->reset_first = reset->frame != 0 && x->response_seen && reset->ns < x->response.last_ns;
    f->response_to_reset = response_to_reset(x, connection_mark(c, !client, END_RST), f);
    if (!x->request_seen)
        return;
    const struct exchange_before before = exchange_before(&c->talk, x);
    f->after_close = after_announced_close(c, answers_lost || r->one_sided, x);
    if (before.seen)
        f->idle_before = x->request.first_ns - before.last_ns;
    else if (c->handshake_done.frame != 0)
        f->idle_before = x->request.first_ns - c->handshake_done.ns;
    if (x->overlaps)
        f->idle_before = 0;
    else if (x->stream_id != 0 && !exchange_is_reset(x) && x->streams_rested_ns != 0)
        f->idle_before = x->request.first_ns - x->streams_rested_ns;
    if (f->idle_before != NS_ABSENT && f->idle_before < 0)
        f->idle_before = NS_UNKNOWN; /* a gap in the response before, dated too late */
    if (x->expect_continue && x->body_begun && !x->body_answered)
        f->continue_wait = conversation_had_gap(&c->talk, !client) || f->response_unknown || x->body_wait_ns < 0
                               ? NS_UNKNOWN
                               : x->body_wait_ns;
    if (x->response_seen)
        f->to_response = x->response.first_ns - x->request.last_ns;
    response_early(x, f);
    if (exchange_is_reset(x))
        f->stream_reset_after = x->reset_ns - x->request.last_ns;
    if (x->stream_id != 0)
        http2_facts(c, r, x, f);
    struct act act = act_of(c, !client);
    if (act.how == HOW_OPEN)
        return;
    if (x->response_seen && act.mark.ns >= x->response.last_ns)
        f->response_silent_for = act.mark.ns - x->response.last_ns;
    f->covered = !act.ack_known || seq_leq(act.ack, x->request.seq) ? 0
                 : x->request_complete && seq_leq(x->request.end_seq, act.ack) ? 2
                                                                               : 1;
    f->to_close = act.mark.ns - x->request.last_ns;
    f->held_for = f->covered > 0 ? held_for(r, act.mark.ns - x->request.first_ns) : NS_ABSENT;
    f->close_after_rest = f->idle_before == NS_ABSENT || f->idle_before == NS_UNKNOWN
                              ? f->idle_before
                              : act.mark.ns - x->request.first_ns + f->idle_before;
    f->fin_known_for = fin_known_for(c, !client, r, x, 0);
    f->fin_surely_known_for = fin_known_for(c, !client, r, x, 0.5);
    response_early(x, f);
}
