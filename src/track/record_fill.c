/*
 * close - who ended the connection, how, and where the conversation stood.
 *
 * Decided when the connection is over, from sequence and ACK numbers: the capture's clock only
 * breaks ties that the numbers leave.
 */
#include <string.h>

#include "base/seq.h"
#include "base/text.h"
#include "track/end_close.h"
#include "track/announced.h"
#include "track/close_phase.h"
#include "track/tls_facts.h"

/* Which end closed first: 0, 1; 2: neither knew of the other's close. */
static unsigned first_closer(const struct connection *c, const struct act act[2])
{
    if (act[0].how == HOW_OPEN || act[1].how == HOW_OPEN)
        return act[0].how == HOW_OPEN;
    unsigned earlier = act[1].mark.ns < act[0].mark.ns;
    for (unsigned e = 0; e < 2; e++) {
        /* An answering reset has no ACK number of its own: it answers what came before. */
        bool tells = act[e].how == HOW_FIN ||
                     c->tcp.end[e].rst_kind == TCP_RESET_ABORTING;
        if (tells && act[!e].how == HOW_FIN && act[e].ack_known &&
            seq_lt(act[!e].seq, act[e].ack))
            return !e;
    }
    if (act[0].how == HOW_FIN && act[1].how == HOW_FIN)
        return 2;
    return earlier;
}

/* What the closing end surely had, but was overtaken on the path or by another queue of the card, is captured
 * so much later at most. Wireshark's limit, too, where it knows no round trip. */
#define OVERTAKEN_NS (3 * NS_PER_MS)

/* Times from events that the closing end knew of to its close, or to the GOAWAY that announced it. */
static void durations(const struct connection *c, const struct view *v, const struct goaway_times said, unsigned closer, const struct act *close,
                      struct record *r)
{
    const int64_t close_ns = close->mark.ns;
    const int64_t at = said.rested_ns;
    const struct conversation *talk = &c->talk;
    int64_t request = NS_ABSENT, response = NS_ABSENT, activity = NS_ABSENT;
    bool had_all = true; /* the closing end, of the activity */
    for (const struct exchange *x = NULL; (x = conversation_next(talk, x)) != NULL;) {
        if (!sees_request_start(v, x))
            continue;
        if (x->request_seen) {
            if (sees_request_end(v, x) && x->request.last_ns > request)
                request = x->request.last_ns;
            if (x->request.last_ns > activity) {
                activity = x->request.last_ns;
                had_all = sees_request_end(v, x);
            }
        }
        if (sees_response_end(v, x))
            response = x->response.last_ns;
        if (sees_response_start(v, x) && x->response.last_ns > activity) {
            activity = x->response.last_ns;
            had_all = sees_response_end(v, x);
        }
    }
    /* HTTP/2: a stream that was taken back leaves no exchange, but until then it was not at rest. */
    int64_t taken_back = talk->protocol == PROTOCOL_HTTP2 ? conversation_http2(talk, r->client).taken_back_ns : 0;
    if (taken_back != 0 && taken_back <= at) {
        response = taken_back > response ? taken_back : response;
        activity = taken_back > activity ? taken_back : activity;
    }
    bool no_exchange = !conversation_is_framed(talk) && conversation_next(talk, NULL) == NULL;
    for (unsigned i = 0; i < 2 && (no_exchange || conversation_is_tunnel(talk)); i++) {
        int64_t ns = data_at_close(c, closer, close, i);
        activity = ns > activity ? ns : activity;
    }
    r->announced_for = said.announced_ns < close_ns ? close_ns - said.announced_ns : NS_ABSENT;
    r->since_request = request == NS_ABSENT ? NS_ABSENT : at - request;
    r->since_response = response == NS_ABSENT ? NS_ABSENT : at - response;
    r->since_activity = activity == NS_ABSENT ? NS_ABSENT : at - activity;
    if (r->lost_thread)
        r->since_request = r->since_response = NS_UNKNOWN;
    /* A gap is dated by what shows it, which may be later than the close; so does a retransmission come. */
    int64_t *times[] = { &r->since_request, &r->since_response, &r->since_activity };
    for (int i = 0; i < 3; i++)
        if (*times[i] < 0 && *times[i] != NS_ABSENT)
            *times[i] = *times[i] >= -OVERTAKEN_NS && (i < 2 || had_all) ? 0 : NS_UNKNOWN;
    const struct mark *open = c->handshake_done.frame != 0 && c->handshake_timed ? &c->handshake_done
                              : r->mark[MARK_SYN_ACK].frame != 0 ? &r->mark[MARK_SYN_ACK]
                                                                 : &r->mark[MARK_SYN];
    r->since_open = !c->open_seen || open->frame == 0 ? NS_UNKNOWN
                    : said.announced_ns < open->ns    ? 0
                                                      : said.announced_ns - open->ns;
}

static bool lost_thread(const struct connection *c)
{
    const struct conversation *talk = &c->talk;
    /* Its start was captured but for the SYN or the SYN-ACK: what that end sent until it was first seen
     * is missing, and nobody knows how much. */
    bool start_missing = c->open_seen && (!c->tcp.end[0].syn_seen || !c->tcp.end[1].syn_seen);
    return (conversation_is_framed(talk) || talk->inferred) &&
           (start_missing || conversation_is_lost(talk, 0) || conversation_is_lost(talk, 1));
}

static bool lost_requests(const struct connection *c, unsigned client)
{
    return conversation_is_lost(&c->talk, client) || !c->tcp.end[client].syn_seen;
}

static uint16_t unsolicited_status(const struct conversation *talk)
{
    uint16_t status = 0;
    for (const struct exchange *x = NULL; (x = conversation_next(talk, x)) != NULL;)
        if (!x->request_seen && x->response_head)
            status = x->status;
    return status;
}

/* The client sent its FIN with a request outstanding, and still took the response. (That it took the last
 * byte need not be in the capture.) */
static bool half_closed(const struct connection *c, unsigned client, const struct record *r)
{
    const struct tcp_end *end = &c->tcp.end[client];
    const struct exchange *x = conversation_last_complete(&c->talk);
    return (r->close_by == BY_CLIENT || r->close_by == BY_BOTH) && r->close_how == HOW_FIN &&
           end->resets == 0 && x != NULL &&
           conversation_oldest(&c->talk) == NULL && seq_lt(end->fin_ack, x->response.end_seq) &&
           seq_lt(end->fin_ack, end->ack);
}

static bool awaits_response(enum close_phase phase)
{
    return phase == PHASE_WAITING || phase == PHASE_RESPONSE;
}

/* A FIN that was not captured may have acknowledged more than the last ACK that was. Would that make a difference? */
static bool is_phase_ambiguous(const struct connection *c, unsigned closer, const struct view *view)
{
    struct view most = *view;
    most.ack = c->tcp.end[!closer].data_end;
    return c->tcp.end[closer].fin_inferred && phase_of(c, &most) != phase_of(c, view);
}

static void fill_close(const struct connection *c, unsigned client, struct record *r)
{
    struct act act[2] = { act_of(c, 0), act_of(c, 1) };
    r->since_open = r->since_request = r->since_response = r->since_activity = r->announced_for = NS_ABSENT;
    r->announced_by = -1;
    if (act[0].how == HOW_OPEN && act[1].how == HOW_OPEN) {
        bool foreign = c->tcp.end[0].resets + c->tcp.end[1].resets > 0;
        r->close_by = r->ended_by = foreign ? BY_NETWORK : BY_NOBODY;
        r->close_how = foreign ? HOW_RST : HOW_OPEN;
        r->close_phase = foreign ? PHASE_UNKNOWN : PHASE_NONE;
        return;
    }
    unsigned closer = first_closer(c, act);
    unsigned seen_from = closer == 2 ? act[1].mark.ns < act[0].mark.ns : closer;
    const struct act *a = &act[seen_from];
    r->close_by = r->ended_by = closer == 2 ? BY_BOTH : closer == client ? BY_CLIENT : BY_SERVER;
    struct view view = { seen_from != client, a->seq, a->ack, a->ack_known };
    /* Neither knew of the other's close: that of a client which had not all of its response hurts. */
    struct view waited = { false, act[client].seq, act[client].ack, act[client].ack_known };
    if (closer == 2 && awaits_response(phase_of(c, &waited))) {
        seen_from = client;
        a = &act[client];
        view = waited;
    }
    r->close_how = (uint8_t)a->how;
    const struct mark *fin = connection_mark(c, seen_from, END_FIN);
    if (a->how == HOW_FIN && (a->mark.frame != fin->frame || a->mark.capture != fin->capture))
        r->mark[MARK_CLOSE_NOTIFY] = a->mark;
    bool connecting = c->open_seen && (!r->established || (c->handshake_done.frame != 0 &&
                                                           a->mark.ns < c->handshake_done.ns));
    r->close_phase = (uint8_t)(connecting ? PHASE_CONNECTING : phase_of(c, &view));
    /* Bytes that came again may have been there before, and only their ACK was lost. */
    bool unsure = a->how == HOW_RST && c->tcp.end[seen_from].rst_kind == TCP_RESET_ANSWERING &&
                  c->tcp.end[!seen_from].data_again;
    unsure |= a->how == HOW_FIN && is_phase_ambiguous(c, seen_from, &view);
    if ((r->lost_thread || unsure) && r->close_phase != PHASE_TUNNEL)
        r->close_phase = PHASE_UNKNOWN;
    const bool at_rest = r->close_phase == PHASE_IDLE || r->close_phase == PHASE_FRESH || r->close_phase == PHASE_DONE;
    const struct announcement announcement = announcement_of(c, seen_from, a, at_rest);
    if (announcement.found)
        r->announced_by = announcement.by == client ? ROLE_CLIENT : ROLE_SERVER;
    if (announcement.ended_by != seen_from)
        r->ended_by = announcement.ended_by == client ? BY_CLIENT : BY_SERVER;
    durations(c, &view, announcement.times, seen_from, a, r);
    bool no_frame = c->talk.protocol == PROTOCOL_HTTP2 && conversation_http2(&c->talk, client).unheard[seen_from != client];
    r->unheard = no_frame || (data_at_close(c, seen_from, a, !seen_from) == NS_ABSENT && c->tcp.end[!seen_from].lost_bytes == 0);
    if (r->inferred)
        r->close_phase = (uint8_t)phase_inferred(c, &view, r, r->close_phase);
    if (announcement.found && announcement.by != seen_from && (r->close_phase == PHASE_IDLE || r->close_phase == PHASE_FRESH))
        r->close_phase = PHASE_DONE;
    r->half_closed = half_closed(c, client, r);
    if (r->one_sided) {
        /* What the unseen end sent, and whether it closed first, nobody can tell. */
        r->close_by = r->ended_by = BY_UNKNOWN;
        r->announced_by = -1;
        r->close_phase = PHASE_UNKNOWN;
        r->since_request = r->since_response = r->since_activity = NS_UNKNOWN;
    }
}

static void fill_fin_wait_2(const struct connection *c, unsigned client, int64_t end_ns,
                            struct record *r)
{
    r->fin_wait_2_by = -1;
    r->since_fin = NS_ABSENT;
    for (unsigned e = 0; e < 2; e++) {
        const struct mark *acked = connection_mark(c, e, END_FIN_ACKED);
        const struct tcp_end *peer = &c->tcp.end[!e];
        /* Simultaneous or second closers go other ways. */
        const struct mark *own_rst = connection_mark(c, e, END_RST);
        if (acked->frame == 0 || (own_rst->frame != 0 && own_rst->ns <= acked->ns))
            continue;
        const struct mark *fin = connection_mark(c, !e, END_FIN), *rst = connection_mark(c, !e, END_RST);
        if ((fin->frame != 0 && fin->ns <= acked->ns) || (rst->frame != 0 && rst->ns <= acked->ns))
            continue;
        int64_t ends = end_ns;
        if (own_rst->frame != 0 && own_rst->ns < ends)
            ends = own_rst->ns;
        if (fin->frame != 0 && fin->ns < ends)
            ends = fin->ns;
        if (rst->frame != 0 && rst->ns < ends)
            ends = rst->ns;
        r->fin_wait_2_by = (int8_t)(e == client ? ROLE_CLIENT : ROLE_SERVER);
        r->fin_wait_2_ns = acked->ns;
        r->fin_wait_2_end_ns = ends;
        r->fin_wait_2_open = !peer->fin_seen && fin->frame == 0 && rst->frame == 0 &&
                             own_rst->frame == 0;
        r->since_fin = r->fin_wait_2_open ? NS_ABSENT : ends - acked->ns;
        return;
    }
}

static void fill_marks(const struct connection *c, unsigned client, struct record *r)
{
    unsigned server = !client;
    struct mark *m = r->mark;
    m[MARK_SYN] = *connection_mark(c, client, END_SYN);
    m[MARK_SYN_ACK] = *connection_mark(c, server, END_SYN);
    m[MARK_ESTABLISHED] = c->handshake_done;
    m[MARK_CLIENT_FIN] = *connection_mark(c, client, END_FIN);
    m[MARK_CLIENT_FIN_ACK] = *connection_mark(c, client, END_FIN_ACKED);
    m[MARK_SERVER_FIN] = *connection_mark(c, server, END_FIN);
    m[MARK_SERVER_FIN_ACK] = *connection_mark(c, server, END_FIN_ACKED);
    m[MARK_CLIENT_RST] = *connection_mark(c, client, END_RST);
    m[MARK_SERVER_RST] = *connection_mark(c, server, END_RST);
    if (c->closing != NULL)
        m[MARK_DATA_INTO_CLOSED] = c->closing->offender;
    /* The oldest request without complete response is the one that a close can have hurt. */
    const struct exchange *x = conversation_oldest(&c->talk) != NULL ? conversation_oldest(&c->talk) : conversation_last_complete(&c->talk);
    if (x != NULL && x->request_seen) {
        m[MARK_REQUEST] = (struct mark){ x->request.first_ns, x->request.first_frame,
                                         x->request.first_capture };
        m[MARK_REQUEST_END] = (struct mark){ x->request.last_ns, x->request.last_frame,
                                             x->request.last_capture };
    }
    if (x != NULL && x->response_seen) {
        m[MARK_RESPONSE] = (struct mark){ x->response.first_ns, x->response.first_frame,
                                          x->response.first_capture };
        m[MARK_RESPONSE_END] = (struct mark){ x->response.last_ns, x->response.last_frame,
                                              x->response.last_capture };
    }
    const struct exchange *done = conversation_last_complete(&c->talk);
    if (done != NULL)
        m[MARK_LAST_RESPONSE] = (struct mark){ done->response.last_ns, done->response.last_frame,
                                               done->response.last_capture };
}

/* A client waits this long at least before it sends its SYN again (RFC 6298 section 2.1). */
#define SYN_WAIT_NS NS_PER_S

static enum syn_answer syn_answer(const struct connection *c, unsigned client, int64_t end_ns)
{
    const struct tcp_end *end = &c->tcp.end[client];
    if (!c->open_seen)
        return SYN_NOT_SEEN;
    if (!end->syn_seen || end->state != TCP_SYN_SENT || c->tcp.end[!client].segments > 0)
        return SYN_ANSWERED;
    bool waited = end->syns > 2 || end_ns - c->tcp.last_ns >= SYN_WAIT_NS;
    return waited ? SYN_NO_ANSWER : SYN_ANSWER_MAY_COME;
}

static void fill_http2(const struct connection *c, unsigned client, struct record *r)
{
    r->streams_limit = UINT32_MAX;
    r->ping_interval = r->goaway_age = r->goaway_rest = NS_ABSENT;
    if (c->talk.protocol != PROTOCOL_HTTP2)
        return;
    const struct http2_outcome h2 = conversation_http2(&c->talk, client);
    for (int role = 0; role < 2; role++) {
        const struct http2_goaway *goaway = &h2.goaway[role];
        r->goaways[role] = goaway->count;
        r->goaway_last[role] = goaway->last_stream;
        r->goaway_code[role] = (uint8_t)(http2_error_name(goaway->code) != NULL ? goaway->code : UINT8_MAX);
        if (goaway->count > 0)
            r->mark[role == ROLE_SERVER ? MARK_SERVER_GOAWAY : MARK_CLIENT_GOAWAY] =
                (struct mark){ goaway->ns, goaway->frame, goaway->capture };
    }
    const struct http2_goaway *by_client = &h2.goaway[ROLE_CLIENT], *by_server = &h2.goaway[ROLE_SERVER];
    const struct mark *fin = &r->mark[MARK_SERVER_FIN], *rst = &r->mark[MARK_SERVER_RST];
    r->goaway_by_client_first = by_client->count > 0 && (by_server->count == 0 || by_client->first_ns < by_server->first_ns) &&
                                (fin->frame == 0 || by_client->first_ns < fin->ns) && (rst->frame == 0 || by_client->first_ns < rst->ns);
    r->has_goaway_text = by_server->has_text;
    r->goaway_text = by_server->text;
    if (by_server->count > 0)
        r->goaway_age = c->open_seen ? by_server->first_ns - c->tcp.first_ns : NS_UNKNOWN;
    if (by_server->count > 0 && by_server->first_rest_ns >= 0)
        r->goaway_rest = by_server->first_rest_ns;
    r->streams_limit = h2.most_streams;
    r->streams_peak = h2.peak_streams;
    r->pings = h2.pings;
    r->early_resets = h2.early_resets;
    r->ping_interval = h2.shortest_ping_ns == INT64_MAX ? NS_ABSENT : h2.shortest_ping_ns;
}

/* Who still waits for room in a window does so up to the close, or the end of the capture. */
static void fill_windows(const struct connection *c, unsigned client, int64_t end_ns, struct record *r)
{
    static const enum mark_id closes[] = { MARK_CLIENT_FIN, MARK_CLIENT_RST, MARK_SERVER_FIN, MARK_SERVER_RST };
    if (c->talk.protocol != PROTOCOL_HTTP2)
        return;
    const struct http2_outcome h2 = conversation_http2(&c->talk, client);
    r->client_window_wait = h2.longest_wait_ns[ROLE_CLIENT];
    r->server_window_wait = h2.longest_wait_ns[ROLE_SERVER];
    if (!h2.windows_known) {
        r->client_window_wait = r->server_window_wait = NS_UNKNOWN;
        return;
    }
    if (h2.waits_since_ns == INT64_MAX)
        return;
    int64_t until_ns = end_ns;
    for (size_t i = 0; i < sizeof closes / sizeof *closes; i++)
        if (r->mark[closes[i]].frame != 0 && r->mark[closes[i]].ns < until_ns)
            until_ns = r->mark[closes[i]].ns;
    if (until_ns - h2.waits_since_ns > r->client_window_wait)
        r->client_window_wait = until_ns - h2.waits_since_ns;
}

static void fill_websocket(const struct connection *c, unsigned client, struct record *r)
{
    r->websocket_close_by = -1;
    if (c->talk.protocol != PROTOCOL_HTTP2 && !conversation_is_tunnel(&c->talk))
        return;
    const struct websocket_outcome w = conversation_websocket(&c->talk, client);
    r->websocket = w.is_read;
    if (!w.is_read)
        return;
    r->websocket_lost = w.lost || r->one_sided;
    r->websocket_pings = w.pings;
    memcpy(r->websockets_cut, w.cut, sizeof r->websockets_cut);
    if (r->ended_by == BY_CLIENT || r->ended_by == BY_SERVER)
        r->websockets_cut[r->ended_by == BY_CLIENT ? ROLE_CLIENT : ROLE_SERVER] += w.open;
    for (int role = 0; role < 2; role++) {
        const struct websocket_close *close = &w.close[role];
        if (close->frame == 0 || (r->websocket_close_by >= 0 && w.close[!role].ns <= close->ns))
            continue;
        r->websocket_close_by = (int8_t)role;
        r->websocket_close_code = close->code;
        r->mark[MARK_WEBSOCKET_CLOSE] = (struct mark){ close->ns, close->frame, close->capture };
    }
    bool closed = r->close_by == BY_CLIENT || r->close_by == BY_SERVER || r->close_by == BY_BOTH;
    if (closed && r->protocol != PROTOCOL_HTTP2 && r->websocket_close_by >= 0)
        r->ended_by = r->websocket_close_by == ROLE_CLIENT ? BY_CLIENT : BY_SERVER;
}

/* When an end ended the connection, and had last heard of the other. */
struct ending {
    int64_t ns, heard_ns;
};

/* WebSocket: it had given up when it said so, and waits for an answer. */
static struct ending ending_of(const struct connection *c, const struct record *r, enum end_role role, const struct websocket_outcome *w)
{
    if (w->close[role].frame != 0 && r->protocol != PROTOCOL_HTTP2)
        return (struct ending){ w->close[role].ns, w->close[role].heard_ns };
    const unsigned end = role == ROLE_CLIENT ? r->client : !r->client;
    const struct act close = act_of(c, end);
    const int64_t closed_ns = record_closed_ns(r);
    const bool announced = closed_ns != NS_ABSENT && r->announced_by == (int8_t)role && r->announced_for != NS_ABSENT;
    return (struct ending){ announced ? closed_ns - r->announced_for : closed_ns, data_at_close(c, end, &close, !end) };
}

/* How long the end that ended it had waited for the other's answer, and heard nothing else of it. */
static int64_t unanswered_for(const struct connection *c, struct record *r, enum end_role asker, const struct ending *ending,
                              const struct unanswered *u)
{
    const unsigned other = asker == ROLE_CLIENT ? !r->client : r->client;
    if (u->count == 0 || ending->ns == NS_ABSENT || u->ns > ending->ns)
        return NS_ABSENT;
    if (conversation_is_lost(&c->talk, other) || r->websocket_lost || c->tcp.end[other].lost_bytes > 0)
        return NS_UNKNOWN;
    if (u->frame != 0)
        r->mark[MARK_UNANSWERED_FRAME] = (struct mark){ u->ns, u->frame, u->capture };
    return ending->ns - (ending->heard_ns > u->ns ? ending->heard_ns : u->ns);
}

static void fill_unanswered(const struct connection *c, unsigned client, struct record *r)
{
    r->ping_unanswered = r->settings_unanswered = NS_ABSENT;
    if ((!r->websocket && r->protocol != PROTOCOL_HTTP2) || (r->ended_by != BY_CLIENT && r->ended_by != BY_SERVER))
        return;
    const enum end_role asker = r->ended_by == BY_CLIENT ? ROLE_CLIENT : ROLE_SERVER;
    const struct websocket_outcome w = conversation_websocket(&c->talk, client);
    const struct ending ending = ending_of(c, r, asker, &w);
    if (r->websocket && r->protocol != PROTOCOL_HTTP2) {
        const struct websocket_close *own = &w.close[asker], *other = &w.close[!asker];
        if (other->frame == 0 || (own->frame != 0 && own->ns < other->ns)) /* who has said Close need not answer */
            r->ping_unanswered = unanswered_for(c, r, asker, &ending, &w.ping[asker]);
    }
    if (r->protocol != PROTOCOL_HTTP2)
        return;
    const struct http2_outcome h2 = conversation_http2(&c->talk, client);
    r->settings_unanswered = unanswered_for(c, r, asker, &ending, &h2.settings[asker]);
    r->ping_unanswered = unanswered_for(c, r, asker, &ending, &h2.ping[asker]);
}

/* From the newest request, and from the newest response whose head is there. */
static void fill_via(const struct conversation *talk, struct record *r)
{
    r->server_via = r->client_via = "";
    for (const struct exchange *x = NULL; (x = conversation_next(talk, x)) != NULL;) {
        if (x->request_head)
            r->client_via = x->request_via;
        if (x->response_head)
            r->server_via = x->response_via;
    }
}

static void fill_history(const struct connection *c, unsigned client, struct record *r)
{
    /* Zeek puts ^ in front when the first packet came from the side that is not the originator. */
    size_t at = 0;
    if (client == 1)
        r->history[at++] = '^';
    for (size_t i = 0; c->history[i] != '\0' && at < HISTORY_BYTES - 1; i++)
        r->history[at++] = client == 1 ? (char)(c->history[i] ^ ('a' - 'A')) : c->history[i];
}

/* How much later than the other was this end last heard? Up to 71 minutes; more counts as less. */
static int64_t heard_after(const struct connection *c, unsigned end, unsigned other)
{
    uint32_t last = (uint32_t)((uint64_t)c->tcp.last_ns / 1000);
    uint32_t a = last - c->tcp.end[end].last_ts_us, b = last - c->tcp.end[other].last_ts_us;
    return ((int64_t)b - (int64_t)a) * 1000;
}

int64_t connection_rtt(const struct connection *c, unsigned client)
{
    const struct mark *syn = &c->end_mark[client][END_SYN];
    bool whole = syn->frame != 0 && c->end_mark[!client][END_SYN].frame != 0 &&
                 c->handshake_done.frame != 0 && c->handshake_timed;
    return whole ? c->handshake_done.ns - syn->ns : NS_UNKNOWN;
}

void connection_record(const struct connection *c, int client_end, bool role_guessed,
                       int64_t end_ns, struct record *r)
{
    unsigned client = (unsigned)client_end, server = !client;
    const struct tcp_end *ends[2] = { &c->tcp.end[client], &c->tcp.end[server] };
    r->tuple = c->tcp.tuple;
    r->id = c->id;
    r->stream_frame = c->stream_frame;
    r->capture = c->capture;
    r->client = (uint8_t)client;
    r->role_guessed = role_guessed;
    r->open_seen = c->open_seen;
    r->protocol = c->talk.protocol;
    r->first_ns = c->tcp.first_ns;
    r->last_ns = c->tcp.last_ns;
    r->lost_thread = lost_thread(c);
    r->unsure = c->talk.unsure;
    r->lost_requests = lost_requests(c, client);
    r->upgraded = conversation_is_tunnel(&c->talk);
    r->inferred = c->talk.inferred;
    r->multiplexed = c->talk.inferred && c->talk.multiplexed;
    r->exchanges = c->talk.exchanges;
    r->requests = c->talk.requests;
    r->unsolicited = c->talk.unsolicited;
    r->unsolicited_status = unsolicited_status(&c->talk);
    r->longest_reuse_idle = r->lost_thread ? NS_UNKNOWN : c->longest_reuse_idle;
    for (int role = 0; role < 2; role++) {
        r->state[role] = ends[role]->state;
        r->rst_kind[role] = ends[role]->rst_kind;
        r->bytes[role] = ends[role]->payload_bytes;
        r->retransmitted[role] = ends[role]->retransmitted;
        r->out_of_order[role] = ends[role]->out_of_order;
        r->keep_alive_probes[role] = ends[role]->keep_alive_probes;
        r->zero_windows[role] = ends[role]->zero_windows;
        r->resets[role] = ends[role]->resets;
        r->fin_seen[role] = ends[role]->fin_seen;
        r->fin_inferred[role] = ends[role]->fin_inferred;
        r->syns[role] = ends[role]->syns;
        r->syns_after_data[role] = ends[role]->syns_after_data;
        r->repeats[role] = ends[role]->repeats;
        r->first_seq[role] = ends[role]->base_known ? ends[role]->isn + !ends[role]->syn_seen : 0;
        r->next_seq[role] = ends[role]->base_known ? ends[role]->snd_nxt : 0;
        r->acked[role] = ends[role]->ack_known ? ends[role]->ack : 0;
        int32_t beyond = seq_diff(ends[role]->data_end, ends[!role]->ack);
        r->unacknowledged[role] = ends[!role]->ack_known && beyond > 0 ? (uint32_t)beyond : 0;
    }
    r->server_alone = ends[0]->segments == 0 || ends[1]->segments == 0
                          ? NS_UNKNOWN
                          : heard_after(c, server, client);
    r->one_sided = (ends[0]->segments == 0 && ends[1]->data_segments > 0) ||
                   (ends[1]->segments == 0 && ends[0]->data_segments > 0);
    r->stray_by = -1;
    for (int role = 0; role < 2 && !c->open_seen; role++)
        if (ends[role]->data_segments > 0 && ends[!role]->segments == ends[!role]->resets)
            r->stray_by = (int8_t)role;
    r->lost_bytes = ends[0]->lost_bytes + ends[1]->lost_bytes;
    /* A reset can be the first segment that acknowledges the SYN-ACK (health checks). */
    bool syn_ack_acked = ends[1]->syn_seen && ends[0]->ack_known &&
                         seq_lt(ends[1]->isn, ends[0]->ack);
    r->established = syn_ack_acked || ends[0]->data_segments > 0 || ends[1]->data_segments > 0 ||
                     !c->open_seen;
    fill_marks(c, client, r);
    r->rtt = connection_rtt(c, client);
    r->client_rtt = r->rtt == NS_UNKNOWN ? NS_UNKNOWN
                                         : c->handshake_done.ns - r->mark[MARK_SYN_ACK].ns;
    fill_tls(c, client, r);
    fill_http2(c, client, r);
    const struct exchange *done = conversation_last_complete(&c->talk);
    r->last_response_ns = done != NULL ? done->response.last_ns - done->response.first_ns : 0;
    r->promised_s = done != NULL && done->keep_alive_timeout_s > 0 ? (uint32_t)done->keep_alive_timeout_s : 0;
    r->one_way = c->talk.one_way && !record_offers_http(r);
    fill_close(c, client, r);
    fill_refusal(c, client, r);
    fill_overdue(c, client, end_ns, r);
    fill_fin_wait_2(c, client, end_ns, r);
    fill_windows(c, client, end_ns, r);
    fill_websocket(c, client, r);
    fill_unanswered(c, client, r);
    r->reset_on_data_by = -1;
    if (c->closing != NULL && c->closing->reset_on_data_by >= 0 && !connection_resets_goodbye(c, (unsigned)c->closing->reset_on_data_by) &&
        !conversation_is_control_from(&c->talk, (unsigned)!c->closing->reset_on_data_by, c->closing->reset_on_data_seq)) {
        r->reset_on_data_by = c->closing->reset_on_data_by == client_end ? ROLE_CLIENT : ROLE_SERVER;
        r->reset_on_data_after_fin = c->closing->reset_on_data_after_fin;
    }
    r->request = "";
    r->server_software = c->talk.server_software;
    r->client_software = c->talk.client_software;
    r->proxied_client = c->talk.proxied_client;
    r->server_name = c->talk.server_name;
    fill_via(&c->talk, r);
    r->syn_answer = (uint8_t)syn_answer(c, client, end_ns);
    r->challenged = c->challenged;
    r->unreachable = c->unreachable;
    r->reused_after_ms = c->reused_after_ms;
    connection_waits(c, client, r);
    fill_history(c, client, r);
}
