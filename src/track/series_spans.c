/*
 * series_spans - from one connection, or exchange, to the spans of time that it spent in each state.
 */
#include "track/series.h"

/* Both ends go through seven states at most, and a connection ends with one exchange. */
#define MAX_SPANS 24

struct spans {
    struct series_span items[MAX_SPANS];
    size_t count;
};

/* Spans that no sample sees are not worth a place. */
static void span(struct spans *spans, unsigned row, unsigned from, unsigned to)
{
    if (from < to && spans->count < MAX_SPANS)
        spans->items[spans->count++] =
            (struct series_span){ (uint8_t)row, (uint8_t)from, (uint8_t)to, false };
}

const char *series_phase_name(enum series_phase phase)
{
    static const char *const names[SERIES_PHASES] = {
        [SERIES_FRESH] = "fresh",       [SERIES_REQUEST] = "request",
        [SERIES_WAITING] = "waiting",   [SERIES_RESPONSE] = "response",
        [SERIES_IDLE] = "idle",         [SERIES_TUNNEL] = "tunnel",
        [SERIES_OPAQUE] = "opaque",
    };
    return names[phase];
}

/* ---- TCP states ------------------------------------------------------------------------ */

/* What moves the ends from state to state: what a moment means to the client's end and to the server's. */
#define RESET TCP_EVENTS
#define NOTHING (TCP_EVENTS + 1)

static const uint8_t events[MARKS][2] = {
    [MARK_SYN] = { TCP_EV_SND_SYN, NOTHING },
    [MARK_SYN_ACK] = { NOTHING, TCP_EV_RCV_SYN },
    [MARK_ESTABLISHED] = { TCP_EV_RCV_SYN_ACK, TCP_EV_RCV_ACK_OF_SYN },
    [MARK_CLIENT_FIN] = { TCP_EV_SND_FIN, NOTHING },
    [MARK_CLIENT_FIN_ACK] = { TCP_EV_RCV_ACK_OF_FIN, TCP_EV_RCV_FIN },
    [MARK_SERVER_FIN] = { NOTHING, TCP_EV_SND_FIN },
    [MARK_SERVER_FIN_ACK] = { TCP_EV_RCV_FIN, TCP_EV_RCV_ACK_OF_FIN },
    [MARK_CLIENT_RST] = { RESET, RESET },
    [MARK_SERVER_RST] = { RESET, RESET },
};

/* Where the events lead; TCP_UNKNOWN: the end stays where it is. */
static const uint8_t leads_to[NOTHING + 1][TCP_STATES] = {
#define EDGE(from, event, to, section) [TCP_EV_##event][TCP_##from] = TCP_##to,
#include "tcp/tcp_edges.def"
#undef EDGE
    [RESET] = { [TCP_CLOSED] = TCP_UNKNOWN, [TCP_SYN_SENT] = TCP_CLOSED,
                [TCP_SYN_RECEIVED] = TCP_CLOSED, [TCP_ESTABLISHED] = TCP_CLOSED,
                [TCP_FIN_WAIT_1] = TCP_CLOSED, [TCP_FIN_WAIT_2] = TCP_CLOSED,
                [TCP_CLOSE_WAIT] = TCP_CLOSED, [TCP_CLOSING] = TCP_CLOSED,
                [TCP_LAST_ACK] = TCP_CLOSED, [TCP_TIME_WAIT] = TCP_CLOSED },
};

/* These moments in their usual order, by who closed first. Where one segment is several, the second
 * closer's FIN acknowledges the first one's, and acknowledges it before it is sent. */
#define MOMENTS 9
static const uint8_t usual[2][MOMENTS] = {
    [ROLE_CLIENT] = { MARK_SYN, MARK_SYN_ACK, MARK_ESTABLISHED, MARK_CLIENT_FIN, MARK_CLIENT_FIN_ACK,
                      MARK_SERVER_FIN, MARK_SERVER_FIN_ACK, MARK_CLIENT_RST, MARK_SERVER_RST },
    [ROLE_SERVER] = { MARK_SYN, MARK_SYN_ACK, MARK_ESTABLISHED, MARK_SERVER_FIN, MARK_SERVER_FIN_ACK,
                      MARK_CLIENT_FIN, MARK_CLIENT_FIN_ACK, MARK_CLIENT_RST, MARK_SERVER_RST },
};

/* Within a file the order of the packets counts, whatever their times say. */
static bool is_later(const struct mark *a, const struct mark *b)
{
    return a->capture == b->capture ? a->frame > b->frame : a->ns > b->ns;
}

/* The moments that happened, in order. */
static unsigned in_order(const struct record *r, const struct mark *order[MOMENTS])
{
    const struct mark *m = r->mark;
    bool client_first = m[MARK_CLIENT_FIN].frame != 0 &&
                        (m[MARK_SERVER_FIN].frame == 0 ||
                         is_later(&m[MARK_SERVER_FIN], &m[MARK_CLIENT_FIN]));
    const uint8_t *ids = usual[client_first ? ROLE_CLIENT : ROLE_SERVER];
    unsigned n = 0;
    for (unsigned k = 0; k < MOMENTS; k++) {
        const struct mark *at = &m[ids[k]];
        if (at->frame == 0 || (k >= MOMENTS - 2 &&
                               r->rst_kind[k - (MOMENTS - 2)] == TCP_RESET_FOREIGN))
            continue;
        unsigned i = n++;
        for (; i > 0 && is_later(order[i - 1], at); i--)
            order[i] = order[i - 1];
        order[i] = at;
    }
    return n;
}

/* The handshake's end was not captured, but what came after it. */
static bool is_adopted(const struct connection *c, const struct record *r, enum end_role role)
{
    const struct tcp_end *end = &c->tcp.end[role == ROLE_CLIENT ? r->client : !r->client];
    return !c->open_seen ||
           (c->handshake_done.frame == 0 &&
            (end->state >= TCP_ESTABLISHED ||
             (end->state == TCP_CLOSED && end->segments > 0 && r->established)));
}

/* Since when such an end counts as established: the last that is known of the handshake. */
static int64_t adopted_ns(const struct record *r)
{
    int64_t ns = r->first_ns;
    for (int id = MARK_SYN; id <= MARK_SYN_ACK; id++)
        if (record_mark(r, (enum mark_id)id)->frame != 0 && record_mark(r, (enum mark_id)id)->ns > ns)
            ns = record_mark(r, (enum mark_id)id)->ns;
    return ns;
}

struct end_now {
    uint8_t state;
    uint8_t since; /* sample */
    int64_t since_ns;
};

static void end_enters(struct end_now *end, enum end_role role, uint8_t state, unsigned at,
                       int64_t at_ns, struct spans *spans)
{
    if (end->state != TCP_CLOSED)
        span(spans, SERIES_STATE(role, end->state), end->since, at);
    end->state = state;
    end->since = (uint8_t)at;
    end->since_ns = at_ns;
}

static struct end_now end_at_start(const struct series *s, const struct connection *c,
                                   const struct record *r, enum end_role role)
{
    if (!is_adopted(c, r, role))
        return (struct end_now){ TCP_CLOSED, 0, 0 };
    int64_t since = adopted_ns(r);
    return (struct end_now){ TCP_ESTABLISHED, (uint8_t)series_at(s, since), since };
}

/* ends: as they are left. */
static void state_spans(const struct series *s, const struct connection *c, const struct record *r,
                        int64_t now_ns, struct end_now ends[2], struct spans *spans)
{
    const struct mark *order[MOMENTS];
    unsigned count = in_order(r, order);
    ends[ROLE_CLIENT] = end_at_start(s, c, r, ROLE_CLIENT);
    ends[ROLE_SERVER] = end_at_start(s, c, r, ROLE_SERVER);
    int64_t at_ns = INT64_MIN;
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *event = events[order[i] - r->mark];
        uint8_t client = leads_to[event[ROLE_CLIENT]][ends[ROLE_CLIENT].state];
        uint8_t server = leads_to[event[ROLE_SERVER]][ends[ROLE_SERVER].state];
        at_ns = order[i]->ns > at_ns ? order[i]->ns : at_ns;
        unsigned at = series_at(s, at_ns);
        if (client != TCP_UNKNOWN)
            end_enters(&ends[ROLE_CLIENT], ROLE_CLIENT, client, at, at_ns, spans);
        if (server != TCP_UNKNOWN)
            end_enters(&ends[ROLE_SERVER], ROLE_SERVER, server, at, at_ns, spans);
    }
    for (int role = 0; role < 2; role++) {
        if (ends[role].state == TCP_TIME_WAIT && spans->count < MAX_SPANS)
            spans->items[spans->count++] =
                series_time_wait(s, (enum end_role)role, ends[role].since_ns);
        else if (ends[role].state != TCP_CLOSED)
            end_enters(&ends[role], (enum end_role)role, TCP_CLOSED, series_at(s, now_ns), now_ns,
                       spans);
    }
}

/* ---- phases of HTTP -------------------------------------------------------------------- */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* From when on the connection is in a phase that is known, if nothing came before; NS_ABSENT: the capture
 * does not show. */
static int64_t phases_begin(const struct connection *c)
{
    if (conversation_last_complete(&c->talk) != NULL)
        return conversation_last_complete(&c->talk)->response.last_ns;
    return c->open_seen && c->handshake_done.frame != 0 ? c->handshake_done.ns : NS_ABSENT;
}

/* One exchange, up to end_ns at most. Phases follow each other: where requests are pipelined, the oldest
 * one counts. */
static void exchange_spans(struct series *s, const struct connection *c,
                           const struct exchange *x, int64_t end_ns, struct spans *spans)
{
    int64_t first = x->request_seen ? x->request.first_ns : x->response.first_ns;
    int64_t begin = phases_begin(c);
    bool lost = conversation_had_gap(&c->talk, 0) || conversation_had_gap(&c->talk, 1);
    if (begin == NS_ABSENT || (lost && begin < first))
        begin = first;
    int64_t answered = x->response_seen ? x->response.first_ns : end_ns;
    int64_t asked = !x->request_seen                                             ? first
                    : x->request_complete && x->request.last_ns < answered ? x->request.last_ns
                                                                           : answered;
    int64_t over = x->response_complete ? x->response.last_ns : end_ns;
    const int64_t at[] = { first, asked, answered, over };
    static const uint8_t phases[] = { SERIES_IDLE, SERIES_REQUEST, SERIES_WAITING, SERIES_RESPONSE };
    int64_t reached = begin < end_ns ? begin : end_ns;
    series_reach(s, later(later(over, answered), later(first, begin)) < end_ns
                        ? later(later(over, answered), later(first, begin))
                        : end_ns);
    unsigned from = series_at(s, reached);
    for (unsigned i = 0; i < 4; i++) {
        if (at[i] <= reached)
            continue;
        reached = at[i] < end_ns ? at[i] : end_ns;
        unsigned to = series_at(s, reached);
        if (from < to)
            span(spans, SERIES_PHASE(i == 0 && conversation_last_complete(&c->talk) == NULL ? SERIES_FRESH : phases[i]),
                 from, to);
        from = to;
    }
}

bool series_exchange(struct series *s, const struct connection *c, const struct exchange *x)
{
    struct spans spans;
    spans.count = 0;
    if (c->talk.client < 0 || !x->response_seen)
        return true;
    exchange_spans(s, c, x, INT64_MAX, &spans);
    return series_add(s, &c->tcp.tuple, (unsigned)c->talk.client, spans.items, spans.count, 0);
}

/* When the connection ended for HTTP: with the server's FIN, or with a reset. */
static int64_t phases_end(const struct record *r, int64_t now_ns)
{
    static const enum mark_id ends[] = { MARK_SERVER_FIN, MARK_CLIENT_RST, MARK_SERVER_RST };
    for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
        const struct mark *mark = record_mark(r, ends[i]);
        bool foreign = i > 0 && r->rst_kind[i - 1] == TCP_RESET_FOREIGN;
        if (mark->frame != 0 && !foreign && mark->ns < now_ns)
            now_ns = mark->ns;
    }
    return now_ns;
}

static void phase_span(const struct series *s, struct spans *spans, enum series_phase phase,
                       int64_t from_ns, int64_t to_ns)
{
    if (from_ns < to_ns)
        span(spans, SERIES_PHASE(phase), series_at(s, from_ns), series_at(s, to_ns));
}

/* What comes behind the last complete exchange. */
static void phase_spans(struct series *s, const struct connection *c, const struct record *r,
                        int64_t now_ns, struct spans *spans)
{
    int64_t end = phases_end(r, now_ns), begin = phases_begin(c);
    const struct mark *client_fin = record_mark(r, MARK_CLIENT_FIN);
    int64_t client_end = client_fin->frame != 0 && client_fin->ns < end ? client_fin->ns : end;
    if (r->protocol == PROTOCOL_NONE) {
        if (begin != NS_ABSENT && r->bytes[0] + r->bytes[1] == 0)
            phase_span(s, spans, SERIES_FRESH, begin, client_end);
        return;
    }
    if (r->protocol != PROTOCOL_HTTP1 && r->protocol != PROTOCOL_HTTP2) {
        phase_span(s, spans, SERIES_OPAQUE, begin != NS_ABSENT ? begin : r->first_ns,
             client_end);
        return;
    }
    if (r->upgraded) {
        phase_span(s, spans, SERIES_TUNNEL, begin, client_end);
        return;
    }
    if (r->lost_thread || begin == NS_ABSENT)
        return;
    const struct exchange *x = conversation_oldest(&c->talk);
    if (x == NULL || !x->request_seen)
        phase_span(s, spans, conversation_last_complete(&c->talk) != NULL ? SERIES_IDLE : SERIES_FRESH, begin,
             client_end);
    else
        exchange_spans(s, c, x, x->request_complete ? end : client_end, spans);
}

bool series_connection(struct series *s, const struct connection *c, const struct record *r,
                       int64_t now_ns, struct series_rest *rest)
{
    struct spans spans;
    spans.count = 0;
    struct end_now ends[2];
    series_reach(s, now_ns); /* its packets do not lie further */
    if (c->stage != CONNECTION_OPEN)
        now_ns = r->last_ns; /* it is over, whenever somebody noticed */
    state_spans(s, c, r, now_ns, ends, &spans);
    phase_spans(s, c, r, now_ns, &spans);
    *rest = (struct series_rest){ 0, 0, 0 };
    for (int role = 0; role < 2; role++)
        if (ends[role].state == TCP_TIME_WAIT && ends[!role].state != TCP_TIME_WAIT)
            *rest = series_rest_of(s, (enum end_role)role, r->client, ends[role].since_ns,
                                   r->last_ns);
    return series_add(s, &c->tcp.tuple, r->client, spans.items, spans.count, 1);
}
