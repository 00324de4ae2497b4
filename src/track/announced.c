#include "track/announced.h"

#include "base/seq.h"

/* Streams of events may rest for as long as they like. */
static bool owes_close(const struct exchange *x)
{
    if (!x->response_head || x->upgraded || x->event_stream)
        return false;
    return x->close_delimited || (x->response_close && x->response_complete);
}

static int64_t earlier(int64_t ns, const struct mark *mark)
{
    return mark->frame != 0 && mark->ns < ns ? mark->ns : ns;
}

void fill_overdue(const struct connection *c, unsigned client, int64_t end_ns, struct record *r)
{
    const struct exchange *done = conversation_last_complete(&c->talk), *first = conversation_oldest(&c->talk);
    r->overdue = NS_ABSENT;
    const struct exchange *x = done != NULL && owes_close(done)     ? done
                                    : first != NULL && owes_close(first) ? first
                                                                         : NULL;
    if (!conversation_is_framed(&c->talk))
        return;
    int64_t until = end_ns;
    for (int e = 0; e < 2; e++)
        until = earlier(earlier(until, connection_mark(c, (unsigned)e, END_FIN)), connection_mark(c, (unsigned)e, END_RST));
    /* Where its SYN, or the ACK of the response, is not in the capture, its end may be missing as well. */
    const struct tcp_end *receiver = &c->tcp.end[client];
    bool cut_off = until == end_ns && x != NULL &&
                   (!c->open_seen || !receiver->ack_known ||
                    seq_lt(receiver->ack, x->response.end_seq));
    if (r->lost_thread || r->one_sided || cut_off) {
        r->overdue = NS_UNKNOWN;
        return;
    }
    if (x == NULL)
        return;
    r->overdue = until > x->response.last_ns ? until - x->response.last_ns : 0;
    r->overdue_body = x->close_delimited;
}

/* Had the closing end all up to there? */
static bool had(const struct act *close, uint32_t end_seq)
{
    return close->ack_known && seq_leq(end_seq, close->ack);
}

struct announcement announcement_of(const struct connection *c, unsigned closer, const struct act *close, bool at_rest)
{
    int64_t close_ns = close->mark.ns;
    if (c->talk.protocol != PROTOCOL_HTTP2 && c->talk.announced_at == 0) /* nearly all */
        return (struct announcement){ .by = closer, .ended_by = closer, .times = { close_ns, close_ns, close_ns, 0, 0 } };
    struct announcement own = { .by = closer, .times = conversation_announced(&c->talk, closer, close_ns) };
    struct announcement other = { .by = !closer, .times = conversation_announced(&c->talk, !closer, close_ns) };
    own.found = own.times.announced_ns < close_ns;
    /* That a record is as long as a GOAWAY says too little of the other end's. While streams run, who closes cuts them: the GOAWAY had
     * promised to bring them to an end. */
    other.found = at_rest && other.times.end_seq != 0 && other.times.announced_ns < close_ns &&
                  other.times.announced_ns <= own.times.announced_ns && had(close, other.times.end_seq);
    struct announcement first = other.found ? other : own;
    bool failed = other.times.error_ns < close_ns && other.times.error_ns <= own.times.announced_ns &&
                  other.times.error_ns <= own.times.error_ns && had(close, other.times.error_end_seq);
    first.ended_by = failed ? other.by : first.found ? first.by : closer;
    return first;
}

int8_t after_announced_close(const struct connection *c, bool answers_missing,
                             const struct exchange *x)
{
    const struct exchange_before before = exchange_before(&c->talk, x);
    if (before.seen && before.response_close && !before.upgraded)
        return x->request.ack == 0 ? -1 : seq_leq(before.end_seq, x->request.ack);
    return answers_missing || (!before.seen && !c->open_seen) ? -1 : 0;
}
