#include "track/close_phase.h"

#include "base/seq.h"
#include "base/text.h"

bool sees_request_start(const struct view *v, const struct exchange *x)
{
    if (!x->request_seen)
        return x->response_seen; /* it answered something that was not captured */
    return v->server ? v->ack_known && seq_lt(x->request.seq, v->ack)
                     : seq_lt(x->request.seq, v->seq);
}

bool sees_request_end(const struct view *v, const struct exchange *x)
{
    return !x->request_seen || (x->request_complete && (!v->server || !v->ack_known ||
                                                        seq_leq(x->request.end_seq, v->ack)));
}

bool sees_response_start(const struct view *v, const struct exchange *x)
{
    return x->response_seen && (v->server || !v->ack_known ||
                                seq_lt(x->response.seq, v->ack));
}

bool sees_response_end(const struct view *v, const struct exchange *x)
{
    return x->response_complete && (v->server || !v->ack_known ||
                                    seq_leq(x->response.end_seq, v->ack));
}

/* A response that no captured request had asked for was not there yet when the client closed. The
 * request may only be missing where the connection began before the capture. */
static bool unasked_and_later(const struct connection *c, const struct view *v,
                              const struct exchange *x)
{
    return !x->request_seen && c->open_seen && !sees_response_start(v, x);
}

enum close_phase phase_of(const struct connection *c, const struct view *v)
{
    const struct conversation *talk = &c->talk;
    const struct tcp_end *end0 = &c->tcp.end[0], *end1 = &c->tcp.end[1];
    if (talk->protocol == PROTOCOL_NONE) {
        bool started = end0->syn_seen || end1->syn_seen;
        bool silent = end0->payload_bytes + end1->payload_bytes == 0;
        return started && silent ? PHASE_FRESH : PHASE_UNKNOWN;
    }
    if (!conversation_is_framed(talk) && !talk->inferred)
        return PHASE_UNKNOWN;
    if (conversation_is_tunnel(talk))
        return PHASE_TUNNEL;
    const struct exchange *done = conversation_last_complete(talk), *last = done, *open = NULL;
    for (const struct exchange *x = conversation_oldest(talk); x != NULL; x = x->next) {
        if (!sees_request_start(v, x) || unasked_and_later(c, v, x))
            continue;
        last = x;
        if (open == NULL && !sees_response_end(v, x))
            open = x;
    }
    if (open == NULL && done != NULL && !sees_response_end(v, done) && !unasked_and_later(c, v, done))
        open = done;
    if (open != NULL && open->stream_id != 0 && open->response_lost)
        return PHASE_UNKNOWN;
    if (open != NULL) {
        if (!sees_request_end(v, open))
            return PHASE_REQUEST;
        /* After an announced close nothing more is answered (RFC 9112 section 9.6). */
        if (done != NULL && done != open && done->response_close)
            return PHASE_DONE;
        return sees_response_start(v, open) ? PHASE_RESPONSE : PHASE_WAITING;
    }
    if (last == NULL && talk->protocol == PROTOCOL_HTTP2 && conversation_http2(talk, 0).taken_back_ns != 0)
        return PHASE_IDLE;
    if (last == NULL)
        return c->open_seen ? PHASE_FRESH : PHASE_UNKNOWN;
    if (last->response_close || last->request_close || last->close_delimited)
        return PHASE_DONE;
    /* Answered early, and the request still incomplete. */
    return last->request_seen && !last->request_complete ? PHASE_REQUEST : PHASE_IDLE;
}

/* A close this soon belongs to what its end had sent just before, and follows no timer: the shortest one that people set is
 * longer, and before a round trip is over the end cannot know that anything of it arrived. */
#define AT_ONCE_NS (50 * NS_PER_MS)

static bool is_at_once(const struct record *r, int64_t since)
{
    int64_t bound = r->rtt != NS_UNKNOWN && r->rtt > AT_ONCE_NS ? r->rtt : AT_ONCE_NS;
    return since != NS_ABSENT && since != NS_UNKNOWN && since <= bound;
}

/* May what the client sent wait for an answer? Messages may need none: lines of a log, heartbeats, events. */
static bool may_ask(const struct connection *c, const struct record *r)
{
    if (r->exchanges == 0 && record_offers_http(r))
        return true;
    return !c->talk.one_way && (r->exchanges > 0 || r->protocol == PROTOCOL_TLS);
}

/* Had the server, when it closed, a record of TLS from behind the request that carries no data: an alert, as a rule, by which the
 * client closes? (Its FIN may be missing in the capture.) */
static bool client_said_goodbye(const struct connection *c, const struct record *r, const struct view *v)
{
    const struct exchange *x = conversation_newest(&c->talk);
    const struct tcp_end *client = &c->tcp.end[r->client];
    return r->protocol == PROTOCOL_TLS && x != NULL && v->ack_known && seq_lt(x->request.end_seq, client->data_end) &&
           seq_lt(x->request.end_seq, v->ack);
}

enum close_phase phase_inferred(const struct connection *c, const struct view *v, const struct record *r, enum close_phase phase)
{
    const struct exchange *newest = conversation_newest(&c->talk);
    bool goodbye = newest != NULL && exchange_is_short(newest, record_carrier(r));
    bool waits = phase == PHASE_WAITING || phase == PHASE_RESPONSE, by_server = r->close_by != BY_CLIENT;
    if (r->requests == 0 && (!conversation_is_unasked(&c->talk) ||
                             (r->protocol == PROTOCOL_TLS && r->tls_handshake != TLS_HANDSHAKE_COMPLETE)))
        return PHASE_UNKNOWN;
    const struct exchange *done = conversation_last_complete(&c->talk);
    if (conversation_oldest(&c->talk) == NULL && done != NULL && done->response_doubtful)
        return PHASE_UNKNOWN;
    if (phase == PHASE_IDLE && by_server && is_at_once(r, r->since_response))
        return PHASE_DONE;
    if (phase == PHASE_WAITING && by_server && goodbye)
        return PHASE_DONE;
    if (phase == PHASE_WAITING && by_server && client_said_goodbye(c, r, v))
        return PHASE_UNKNOWN;
    if (phase == PHASE_WAITING && !may_ask(c, r))
        return PHASE_UNKNOWN;
    /* What a server sends after some of the answer may be another message. */
    if (phase == PHASE_RESPONSE && (!record_offers_http(r) || c->talk.one_way))
        return PHASE_UNKNOWN;
    if (phase == PHASE_WAITING && !by_server && (r->close_how == HOW_FIN || goodbye) && is_at_once(r, r->since_request))
        return PHASE_DONE;
    if (phase == PHASE_WAITING && !by_server && r->since_request == NS_UNKNOWN) /* captured when it was sent again, behind the close */
        return PHASE_UNKNOWN;
    return waits && r->multiplexed ? PHASE_UNKNOWN : phase;
}
