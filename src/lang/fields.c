#include "lang/fields.h"

#include <string.h>

#include "base/text.h"
#include "track/usual.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Clauses for "could not be judged, because ..." */
static const char no_handshake[] = "the handshake was not captured";
static const char bytes_missing[] = "bytes of the conversation are missing in the capture";
static const char one_direction[] = "one direction of the connection is not in the capture";
static const char nothing_but_resets[] = "of one end nothing but resets is in the capture";
static const char no_round_trip[] = "the handshake is not in the capture, or was repeated, so "
                                    "that the path's delay is not known";
static const char not_in_clear[] = "the conversation is not HTTP/1 in the clear, or began before "
                                   "the capture";

static const char encrypted[] = "the conversation is encrypted (TLS)";
static const char heads_cut[] = "the heads of its messages are cut in the capture (snap length)";
static const char unanswered_yet[] = "nothing in the capture shows that such messages are always answered";
static const char no_messages[] = "no messages can be read in what is spoken";
static const char perhaps_no_answer[] = "in a protocol that is not known a message may need no answer";
static const char hello_missing[] = "the ClientHello is not in the capture, or not all of it";
static const char perhaps_turn[] = "records went by that may have been a request or an answer, or neither";
static const char perhaps_part[] = "what was sent may be a later part of the request before";
static const char perhaps_ticket[] = "the server's first bytes may be a session ticket of TLS";

static const char ended_early[] = "the capture ended before an answer could come";

static const char no_earlier[] = "the connection before it on the same ports is not in the capture";
static const char windows_missing[] = "the windows of HTTP/2 that the connection had before the capture are not known";
static const char tls_missing[] = "bytes of the TLS handshake are missing in the capture";

/* Names of enumerations begin with the first value that has one. */
static const char *const tls_handshake_names[] = { "complete", "incomplete", NULL };
static const char *const http_mismatch_names[] = { "http1_to_http2", "http2_to_http1", NULL };
static const char *const tls_answer_names[] = { "none", "tls", "other", NULL };
static const char *const covered_names[] = { "none", "part", "all", NULL };

static struct value duration(int64_t ns, const char *because)
{
    return ns == NS_ABSENT ? value_absent() : ns == NS_UNKNOWN ? value_unknown(because)
                                                               : value_duration(ns);
}

/* A name and no number: nobody adds codes, and a thousand has no comma in them. */
static const char *websocket_code(uint16_t code)
{
    static const char *const names[] = { "1000", "1001", "1002", "1003", "1004", "1005", "1006", "1007",
                                         "1008", "1009", "1010", "1011", "1012", "1013", "1014", "1015" };
    return code >= 1000 && code < 1000 + sizeof names / sizeof *names ? names[code - 1000] : "other";
}

static struct value session_fact(const struct record *r, int8_t fact)
{
    if (r->tls_handshake == TLS_HANDSHAKE_NONE)
        return value_absent();
    return fact < 0 ? value_unknown(tls_missing) : value_bool(fact);
}

/* Why its messages are not read; valid if they are not. */
static const char *framing_missing(const struct record *r)
{
    return r->protocol == PROTOCOL_TLS     ? encrypted
           : r->protocol == PROTOCOL_HTTP1 ? heads_cut
                                           : no_messages;
}

/* Other protocols than HTTP have no messages of HTTP. */
static struct value framed(const struct record *r)
{
    if (r->protocol == PROTOCOL_NONE || r->protocol == PROTOCOL_OPAQUE || (r->protocol == PROTOCOL_TLS && r->requests == 0))
        return value_bool(false);
    return r->inferred || r->protocol == PROTOCOL_TLS ? value_unknown(framing_missing(r)) : value_bool(true);
}

/* Why its messages, or turns, could not be followed throughout. */
static const char *thread_missing(const struct record *r)
{
    return r->unsure ? perhaps_turn : bytes_missing;
}

static const char *phase_missing(const struct record *r)
{
    return r->one_sided ? one_direction : r->lost_thread ? thread_missing(r) : r->inferred ? framing_missing(r) : not_in_clear;
}

static struct value connect_time(const struct record *r)
{
    const struct mark *syn = record_mark(r, MARK_SYN), *syn_ack = record_mark(r, MARK_SYN_ACK);
    if (syn->frame == 0)
        return r->open_seen ? value_absent() : value_unknown(no_handshake);
    if (syn_ack->frame != 0)
        return value_duration(syn_ack->ns - syn->ns);
    return r->syn_answer == SYN_ANSWERED ? value_absent() : value_duration(r->last_ns - r->first_ns);
}

static struct value gave_up(const struct record *r)
{
    if (r->close_by == BY_UNKNOWN || r->close_phase == PHASE_UNKNOWN)
        return value_unknown(phase_missing(r));
    /* Where the closes crossed, only a reset shows that the client did not take what came. */
    bool crossed = r->close_by == BY_BOTH && (r->half_closed || r->resets[ROLE_CLIENT] > 0);
    if ((r->close_by != BY_CLIENT && !crossed) ||
        (r->close_phase != PHASE_WAITING && r->close_phase != PHASE_RESPONSE))
        return value_absent();
    /* After a FIN alone, the response may still come: a half-close. */
    bool over = r->resets[ROLE_CLIENT] > 0 || r->resets[ROLE_SERVER] > 0 || r->fin_seen[ROLE_SERVER];
    return r->half_closed || over ? value_bool(!r->half_closed) : value_unknown(ended_early);
}

static struct value connect_retried(const struct record *r)
{
    struct value time = connect_time(r);
    const struct mark *syn = record_mark(r, MARK_SYN);
    return time.state != VALUE_KNOWN || r->syns[ROLE_CLIENT] < 2 ? value_absent()
                                                                 : value_span(syn->ns, syn->ns + time.ns);
}

static struct value tls_alert(const struct record *r)
{
    if (r->tls_alert_by < 0)
        return value_absent();
    const char *name = r->tls_alert_encrypted ? "encrypted" : tls_alert_name(r->tls_alert);
    return value_text(name != NULL ? name : "not assigned");
}

/* By whom the handshake was ended, and how. */
static struct value tls_failure(const struct record *r)
{
    static const struct {
        uint8_t description;
        const char *by_client, *by_server;
    } alerts[] = {
#define ALERT(description, name) { description, "client-" #name, "server-" #name },
#include "conversation/tls_alerts.def"
#undef ALERT
    };
    static const char *const refused[] = {
#define VALUE(id, name) [id] = "certificate-" name,
#include "tls/certificate.def"
#undef VALUE
    };
    bool by_server = r->tls_alert_by == ROLE_SERVER;
    if (r->tls_handshake == TLS_HANDSHAKE_UNKNOWN)
        return value_unknown(tls_missing);
    if (r->protocol == PROTOCOL_HTTP1 && r->tls_handshake == TLS_HANDSHAKE_NONE)
        return value_text("http-to-tls");
    if (r->certificate_refused)
        return value_text(refused[r->tls_certificate]);
    if (r->tls_handshake != TLS_HANDSHAKE_INCOMPLETE)
        return value_absent();
    if (r->tls_alert_by < 0)
        return value_text(r->tls_answer == TLS_ANSWER_OTHER ? "not-tls"
                          : r->close_by == BY_SERVER       ? "server-closed"
                          : r->close_by == BY_CLIENT       ? "client-closed"
                                                           : "other");
    if (r->tls_alert_encrypted)
        return value_text(by_server ? "server-encrypted-alert" : "client-encrypted-alert");
    for (size_t i = 0; i < COUNT(alerts); i++)
        if (alerts[i].description == r->tls_alert)
            return value_text(by_server ? alerts[i].by_server : alerts[i].by_client);
    return value_text(by_server ? "server-other-alert" : "client-other-alert");
}

static struct value unanswered_repeats(const struct record *r, enum end_role role)
{
    return r->one_sided && r->retransmitted[role] > 0 ? value_unknown(one_direction)
                                                      : value_number(r->repeats[role]);
}

static struct value silent_for(const struct record *r, enum end_role role)
{
    if (r->server_alone == NS_UNKNOWN)
        return value_unknown(one_direction);
    int64_t ns = role == ROLE_CLIENT ? r->server_alone : -r->server_alone;
    return ns < 0 ? value_absent() : value_duration(ns);
}

/* The end whose data, or FIN, was repeated without an answer; the one that repeated more. */
static int unanswered_end(const struct record *r)
{
    return r->waits[1].repeats > r->waits[0].repeats;
}

static int unanswered_fin(const struct record *r)
{
    return r->waits[1].fin_repeats > r->waits[0].fin_repeats;
}

/* Was the silence before the last data its end? */
static bool silence_was_fatal(const struct record *r)
{
    if (r->silent_by < 0 || r->fin_seen[!r->silent_by]) /* an end that has closed may well be silent */
        return false;
    const struct wait_facts *w = &r->waits[r->silent_by];
    /* A reset that aborts was sent by an end that still had the connection. */
    bool reset = r->reset_on_data_by == !r->silent_by && !r->reset_on_data_after_fin &&
                 r->rst_kind[!r->silent_by] == TCP_RESET_ANSWERING && r->resets[r->silent_by] == 0;
    return reset || (w->repeats > 0 && !w->heard);
}

static struct value milliseconds(uint32_t ms)
{
    return value_duration((int64_t)ms * 1000000);
}

static struct value hops(int n)
{
    return n == HOPS_ABSENT    ? value_absent()
           : n == HOPS_UNKNOWN ? value_unknown(nothing_but_resets)
                               : value_number(n);
}

static struct value websockets_cut(const struct record *r, enum end_role role)
{
    return r->protocol != PROTOCOL_HTTP2          ? value_absent()
           : r->websocket && r->websocket_lost ? value_unknown(bytes_missing)
                                               : value_number(r->websockets_cut[role]);
}

static struct value close_by(enum close_by by)
{
    return by == BY_UNKNOWN  ? value_unknown(one_direction)
           : by == BY_NOBODY ? value_absent()
                             : value_choice(&close_by_names[BY_CLIENT], by - BY_CLIENT);
}

static const char *error_code(uint8_t code)
{
    const char *name = http2_error_name(code);
    return name != NULL ? name : "other";
}

static struct value goaway_code(const struct record *r, enum end_role role)
{
    return r->goaways[role] == 0 ? value_absent() : value_text(error_code(r->goaway_code[role]));
}

/* One getter each: the value in terms of the record r, the exchange facts f, the exchange x or
 * the deadline d. */
#define ON_RECORD(name, expression)                                     \
    static inline struct value get_##name(const struct subject *s)      \
    {                                                                   \
        const struct record *r = s->record;                             \
        return expression;                                              \
    }
#define ON_EXCHANGE(name, expression)                                   \
    static inline struct value get_##name(const struct subject *s)      \
    {                                                                   \
        const struct exchange_facts *f = s->exchange;                   \
        const struct exchange *x = f->exchange;                    \
        (void)x;                                                        \
        return expression;                                              \
    }
#define ON_DEADLINE(name, expression)                                   \
    static inline struct value get_##name(const struct subject *s)      \
    {                                                                   \
        const struct deadline *d = s->group->deadline;                         \
        return expression;                                              \
    }

ON_RECORD(protocol, value_choice(protocol_names, r->protocol))
ON_RECORD(framed, framed(r))
ON_RECORD(inferred, value_bool(r->inferred))
ON_RECORD(open_seen, value_bool(r->open_seen))
ON_RECORD(opened, r->open_seen ? value_duration(r->first_ns) : value_unknown(no_handshake))
ON_RECORD(established, value_bool(r->established))
ON_RECORD(roles_known, value_bool(!r->role_guessed))
ON_RECORD(exchanges, r->open_seen ? value_number(r->exchanges) : value_unknown(no_handshake))
ON_RECORD(requests, r->open_seen ? value_number(r->requests) : value_unknown(no_handshake))
ON_RECORD(rtt, duration(r->rtt, no_round_trip))
ON_RECORD(lost_bytes, value_number((double)r->lost_bytes))
ON_RECORD(life, value_span(r->first_ns, r->last_ns))
ON_RECORD(upgraded, value_bool(r->upgraded))
ON_RECORD(close_by, close_by(r->close_by))
ON_RECORD(ended_by, close_by(r->ended_by))
ON_RECORD(close_how, r->close_how == HOW_OPEN ? value_absent()
                                              : value_choice(&close_how_names[HOW_FIN], r->close_how - HOW_FIN))
ON_RECORD(close_phase, r->close_phase == PHASE_UNKNOWN ? value_unknown(phase_missing(r))
                       : r->close_phase == PHASE_NONE
                           ? value_absent()
                           : value_choice(&close_phase_names[PHASE_CONNECTING], r->close_phase - PHASE_CONNECTING))
ON_RECORD(mid_exchange,
          r->close_phase == PHASE_UNKNOWN
              ? value_unknown(phase_missing(r))
              : value_bool(r->close_phase == PHASE_REQUEST || r->close_phase == PHASE_WAITING ||
                           r->close_phase == PHASE_RESPONSE))
ON_RECORD(unheard, r->close_by == BY_UNKNOWN || !r->open_seen || (r->lost_thread && !r->unheard) ? value_unknown(bytes_missing)
                   : r->close_by == BY_NOBODY                                     ? value_absent()
                                                                                  : value_bool(r->unheard))
ON_RECORD(announced_by, r->announced_by < 0 ? value_absent() : value_choice(end_role_names, r->announced_by))
ON_RECORD(announced_for, duration(r->announced_for, bytes_missing))
ON_RECORD(since_open, duration(r->since_open, no_handshake))
ON_RECORD(since_request, duration(r->since_request, thread_missing(r)))
ON_RECORD(since_response, duration(r->since_response, thread_missing(r)))
ON_RECORD(since_activity, duration(r->since_activity, thread_missing(r)))
ON_RECORD(half_close, value_bool(r->half_closed))
ON_RECORD(overdue, duration(r->overdue, phase_missing(r)))
ON_RECORD(overdue_body, value_bool(r->overdue_body))
ON_RECORD(gave_up, gave_up(r))
ON_RECORD(client_state, value_choice(tcp_state_names, r->state[ROLE_CLIENT]))
ON_RECORD(server_state, value_choice(tcp_state_names, r->state[ROLE_SERVER]))
ON_RECORD(client_fin, value_bool(r->fin_seen[ROLE_CLIENT]))
ON_RECORD(server_fin, value_bool(r->fin_seen[ROLE_SERVER]))
ON_RECORD(client_rst, value_choice(tcp_reset_kind_names, r->rst_kind[ROLE_CLIENT]))
ON_RECORD(server_forgot, value_bool(r->rst_kind[ROLE_SERVER] == TCP_RESET_ANSWERING && !r->fin_seen[ROLE_SERVER] &&
                                    (r->reset_on_data_by == ROLE_SERVER || r->keep_alive_probes[ROLE_CLIENT] > 0)))
ON_RECORD(server_rst, value_choice(tcp_reset_kind_names, r->rst_kind[ROLE_SERVER]))
ON_RECORD(client_resets, value_number(r->resets[ROLE_CLIENT]))
ON_RECORD(server_resets, value_number(r->resets[ROLE_SERVER]))
ON_RECORD(client_bytes, value_number((double)r->bytes[ROLE_CLIENT]))
ON_RECORD(server_bytes, value_number((double)r->bytes[ROLE_SERVER]))
ON_RECORD(client_retransmissions, value_number(r->retransmitted[ROLE_CLIENT]))
ON_RECORD(server_retransmissions, value_number(r->retransmitted[ROLE_SERVER]))
ON_RECORD(client_syns, value_number(r->syns[ROLE_CLIENT]))
ON_RECORD(server_syn_acks, value_number(r->syns[ROLE_SERVER]))
ON_RECORD(server_syn_acks_after_data, value_number(r->syns_after_data[ROLE_SERVER]))
ON_RECORD(connect_answered,
          r->syn_answer == SYN_NOT_SEEN          ? value_unknown(no_handshake)
          : r->syn_answer == SYN_ANSWER_MAY_COME ? value_unknown(ended_early)
                                                 : value_bool(r->syn_answer == SYN_ANSWERED))
ON_RECORD(connect_time, connect_time(r))
ON_RECORD(client_unanswered_repeats, unanswered_repeats(r, ROLE_CLIENT))
ON_RECORD(server_unanswered_repeats, unanswered_repeats(r, ROLE_SERVER))
ON_RECORD(client_unacknowledged, r->one_sided ? value_unknown(one_direction)
                                              : value_number(r->unacknowledged[ROLE_CLIENT]))
ON_RECORD(server_unacknowledged, r->one_sided ? value_unknown(one_direction)
                                              : value_number(r->unacknowledged[ROLE_SERVER]))
ON_RECORD(client_silent_for, silent_for(r, ROLE_CLIENT))
ON_RECORD(server_silent_for, silent_for(r, ROLE_SERVER))
ON_RECORD(connect_challenged, value_bool(r->challenged))
ON_RECORD(connect_unreachable, value_bool(r->unreachable))
ON_RECORD(connect_reused_after,
          r->reused_after_ms == 0            ? value_unknown(no_earlier)
          : r->reused_after_ms == UINT32_MAX ? value_absent()
                                             : value_duration((r->reused_after_ms - INT64_C(1)) * NS_PER_MS))
ON_RECORD(connect_retried, connect_retried(r))
ON_RECORD(client_out_of_order, value_number(r->out_of_order[ROLE_CLIENT]))
ON_RECORD(server_out_of_order, value_number(r->out_of_order[ROLE_SERVER]))
ON_RECORD(client_keep_alive_probes, value_number(r->keep_alive_probes[ROLE_CLIENT]))
ON_RECORD(server_keep_alive_probes, value_number(r->keep_alive_probes[ROLE_SERVER]))
ON_RECORD(client_zero_windows, value_number(r->zero_windows[ROLE_CLIENT]))
ON_RECORD(server_zero_windows, value_number(r->zero_windows[ROLE_SERVER]))
/* Where every response was claimed by a request that was seen, there is none, wherever the capture
 * begins. */
ON_RECORD(unsolicited, r->unsolicited == 0 && !r->lost_thread ? value_number(0)
                       : !r->open_seen    ? value_unknown(no_handshake)
                       : r->one_sided     ? value_unknown(one_direction)
                       : r->lost_requests ? value_unknown(thread_missing(r))
                                          : value_number(r->unsolicited))
ON_RECORD(unsolicited_status, r->unsolicited_status == 0 ? value_absent()
                                                       : value_number(r->unsolicited_status))
ON_RECORD(server_software, r->server_software[0] ? value_text(r->server_software) : value_absent())
ON_RECORD(client_software, r->client_software[0] ? value_text(r->client_software) : value_absent())
ON_RECORD(client_proxied, r->proxied_client[0] ? value_text(r->proxied_client) : value_absent())
ON_RECORD(misaddressed, value_number(r->misaddressed))
ON_RECORD(misaddressed_from, r->misaddressed_from != NULL ? value_text(r->misaddressed_from) : value_absent())
ON_RECORD(server_answered, value_number(r->server_answered))
ON_RECORD(offers_http, value_bool(record_offers_http(r)))
ON_RECORD(server_answers, record_offers_http(r) || (r->server_answered > 0 && r->server_one_way == 0)
                              ? value_bool(true)
                              : value_unknown(unanswered_yet))
ON_RECORD(server_http, value_number(r->server_http))
ON_RECORD(server_tls, value_number(r->server_tls))
ON_RECORD(alike, value_number(r->alike))
ON_RECORD(tls_server_name, r->server_name[0] ? value_text(r->server_name) : value_absent())
ON_RECORD(server_via, r->server_via[0] ? value_text(r->server_via) : value_absent())
ON_RECORD(client_via, r->client_via[0] ? value_text(r->client_via) : value_absent())
ON_RECORD(tls_handshake,
          r->tls_handshake == TLS_HANDSHAKE_NONE      ? value_absent()
          : r->tls_handshake == TLS_HANDSHAKE_UNKNOWN ? value_unknown(tls_missing)
                                                      : value_choice(tls_handshake_names,
                                                                     r->tls_handshake ==
                                                                         TLS_HANDSHAKE_INCOMPLETE))
ON_RECORD(tls_certificate, r->tls_certificate == CERTIFICATE_NOT_READ
                               ? value_absent()
                               : value_choice(&certificate_names[CERTIFICATE_FITS], r->tls_certificate - CERTIFICATE_FITS))
ON_RECORD(tls_certificate_names, r->certificate_names[0] != '\0' ? value_text(r->certificate_names) : value_absent())
ON_RECORD(tls_handshake_time, r->tls_handshake == TLS_HANDSHAKE_INCOMPLETE ? value_absent() : duration(r->tls_handshake_ns, tls_missing))
ON_RECORD(tls_answer, r->tls_handshake == TLS_HANDSHAKE_NONE ? value_absent()
                      : r->tls_answer == TLS_ANSWER_UNKNOWN
                          ? value_unknown(tls_missing)
                          : value_choice(tls_answer_names, r->tls_answer))
ON_RECORD(tls_version, tls_version_name(r->tls_version) == NULL ? value_absent() : value_text(tls_version_name(r->tls_version)))
ON_RECORD(tls_resumed, session_fact(r, r->tls_resumed))
ON_RECORD(tls_offers_session, session_fact(r, r->tls_offers_session))
ON_RECORD(tls_offers_h2, r->tls_alpn_offered & ALPN_H2 ? value_bool(true)
                         : r->multiplexed              ? value_unknown(hello_missing)
                                                       : value_bool(false))
ON_RECORD(tls_alert, tls_alert(r))
ON_RECORD(client_goaway, goaway_code(r, ROLE_CLIENT))
ON_RECORD(server_goaway, goaway_code(r, ROLE_SERVER))
ON_RECORD(client_goaway_first, value_bool(r->goaway_by_client_first))
ON_RECORD(server_goaway_text, r->has_goaway_text ? value_choice(goaway_text_names, r->goaway_text) : value_absent())
ON_RECORD(server_goaway_last, r->goaways[ROLE_SERVER] == 0 ? value_absent() : value_number(r->goaway_last[ROLE_SERVER]))
ON_RECORD(server_goaway_age, duration(r->goaway_age, no_handshake))
ON_RECORD(server_goaway_rest, duration(r->goaway_rest, no_handshake))
ON_RECORD(streams_limit, r->protocol != PROTOCOL_HTTP2 || r->streams_limit == UINT32_MAX ? value_absent() : value_number(r->streams_limit))
ON_RECORD(streams_peak, r->protocol != PROTOCOL_HTTP2 ? value_absent() : value_number(r->streams_peak))
ON_RECORD(requests_into_silence, r->one_sided ? value_unknown(one_direction) : value_number(r->silent_requests))
ON_RECORD(streams_reset_early, r->protocol != PROTOCOL_HTTP2 ? value_absent() : value_number(r->early_resets))
ON_RECORD(websocket, value_bool(r->websocket))
ON_RECORD(websocket_cut_by_client, websockets_cut(r, ROLE_CLIENT))
ON_RECORD(websocket_cut_by_server, websockets_cut(r, ROLE_SERVER))
ON_RECORD(websocket_close_by, r->websocket && r->websocket_lost ? value_unknown(bytes_missing)
                              : r->websocket_close_by < 0       ? value_absent()
                                                                : value_choice(end_role_names, r->websocket_close_by))
ON_RECORD(websocket_close_code, r->websocket && r->websocket_lost  ? value_unknown(bytes_missing)
                                : r->websocket_close_code == 0     ? value_absent()
                                                                   : value_text(websocket_code(r->websocket_close_code)))
ON_RECORD(websocket_pings, !r->websocket         ? value_absent()
                           : r->websocket_lost ? value_unknown(bytes_missing)
                                               : value_number(r->websocket_pings))
ON_RECORD(ping_unanswered, duration(r->ping_unanswered, bytes_missing))
ON_RECORD(settings_unanswered, duration(r->settings_unanswered, bytes_missing))
ON_RECORD(client_pings, r->protocol != PROTOCOL_HTTP2 ? value_absent() : value_number(r->pings))
ON_RECORD(client_ping_interval, duration(r->ping_interval, bytes_missing))
ON_RECORD(tls_record_cut, value_bool(r->tls_record_cut))
ON_RECORD(tls_record_ahead, value_bool(r->tls_record_ahead))
ON_RECORD(tls_keys, r->tls_handshake == TLS_HANDSHAKE_NONE ? value_absent() : value_choice(tls_keys_names, r->tls_keys))
ON_RECORD(server_close_notify, r->server_notify >= 0 ? value_bool(r->server_notify)
                               : r->tls_handshake == TLS_HANDSHAKE_NONE || !r->fin_seen[ROLE_SERVER] ? value_absent() : value_unknown(bytes_missing))
ON_RECORD(http_mismatch, r->http_mismatch == HTTP_MISMATCH_NONE ? value_absent()
                                                                : value_choice(http_mismatch_names, r->http_mismatch - HTTP1_TO_HTTP2))
ON_RECORD(tls_answered_http, value_bool(r->tls_answered_http))
ON_RECORD(tls_failure, tls_failure(r))
ON_RECORD(tls_alert_by, r->tls_alert_by < 0 ? value_absent()
                                            : value_choice(end_role_names, r->tls_alert_by))
ON_RECORD(fin_wait_2, r->fin_wait_2_by < 0
                          ? value_absent()
                          : value_span(r->fin_wait_2_ns, r->fin_wait_2_end_ns))
ON_RECORD(fin_wait_2_by, r->fin_wait_2_by < 0 ? value_absent()
                                              : value_choice(end_role_names, r->fin_wait_2_by))
ON_RECORD(fin_wait_2_duration, r->one_sided && (r->fin_seen[0] || r->fin_seen[1])
                                   ? value_unknown(one_direction)
                               : r->fin_wait_2_by < 0
                                   ? value_absent()
                                   : value_duration(r->fin_wait_2_end_ns - r->fin_wait_2_ns))
ON_RECORD(fin_wait_2_open, value_bool(r->fin_wait_2_by >= 0 && r->fin_wait_2_open))
ON_RECORD(reset_on_data_by, r->one_sided && r->resets[0] + r->resets[1] > 0
                                ? value_unknown(one_direction)
                            : r->reset_on_data_by < 0 ? value_absent()
                                                    : value_choice(end_role_names, r->reset_on_data_by))
ON_RECORD(reset_on_data_after_fin, value_bool(r->reset_on_data_after_fin))
ON_RECORD(longest_idle, duration(r->longest_reuse_idle, thread_missing(r)))

/* What only ACKs can tell needs both directions, unless nothing happened that would need them. */
#define ON_BOTH(name, nothing, expression) \
    ON_RECORD(name, r->one_sided && !(nothing) ? value_unknown(one_direction) : expression)
#define ON_REPEATS(name, expression)                          \
    ON_BOTH(name, r->waits[unanswered_end(r)].repeats == 0,   \
            r->waits[unanswered_end(r)].repeats == 0 ? value_absent() : expression)
ON_BOTH(silence_survived, r->silent_by < 0, milliseconds(r->survived_ms))
ON_BOTH(silence_fatal, !silence_was_fatal(r),
        !silence_was_fatal(r) ? value_absent()
        : r->acked_unseen     ? value_unknown(bytes_missing)
                              : milliseconds(r->silence_ms))
ON_BOTH(unanswered_repeats, r->waits[unanswered_end(r)].repeats == 0,
        value_number(r->waits[unanswered_end(r)].repeats))
ON_REPEATS(unanswered_by, value_choice(end_role_names, unanswered_end(r)))
ON_REPEATS(unanswered_heard, value_bool(r->waits[unanswered_end(r)].heard))
ON_REPEATS(unanswered_size, value_number(r->waits[unanswered_end(r)].repeat_len))
ON_REPEATS(unanswered_passed, value_number(r->waits[unanswered_end(r)].passed_len))
ON_BOTH(fin_unanswered_by, r->waits[unanswered_fin(r)].fin_repeats == 0,
        r->waits[unanswered_fin(r)].fin_repeats == 0 ? value_absent()
                                                     : value_choice(end_role_names, unanswered_fin(r)))
ON_BOTH(fin_unanswered_repeats, r->waits[unanswered_fin(r)].fin_repeats == 0,
        value_number(r->waits[unanswered_fin(r)].fin_repeats))
#define ON_EACH(role, ROLE)                                                                       \
    ON_BOTH(role##_probes_unanswered, r->waits[ROLE].probes == 0,                                 \
            value_number(r->waits[ROLE].probes))                                                  \
    ON_BOTH(role##_zero_window_time, r->zero_windows[ROLE] == 0,                                  \
            milliseconds(r->waits[ROLE].zero_window_ms))                                          \
    ON_BOTH(role##_stalled, r->waits[ROLE].stalled_ms == 0,                                       \
            milliseconds(r->waits[ROLE].stalled_ms))                                              \
    ON_BOTH(role##_held_back, r->requests < 2, value_number(r->waits[ROLE].small_waits))          \
    ON_RECORD(role##_rst_hops, hops(r->waits[ROLE].rst_hops))
ON_RECORD(client_window_wait, duration(r->client_window_wait, r->open_seen ? bytes_missing : windows_missing))
ON_RECORD(server_window_wait, duration(r->server_window_wait, r->open_seen ? bytes_missing : windows_missing))
ON_EACH(client, ROLE_CLIENT)
ON_EACH(server, ROLE_SERVER)
ON_RECORD(foreign_reset_by, r->foreign_reset_by < 0 ? value_absent()
                                                    : value_choice(end_role_names, r->foreign_reset_by))
ON_RECORD(foreign_reset_believed, value_bool(r->foreign_reset_believed))
ON_RECORD(resets_apart, duration(r->resets_apart_ns, bytes_missing))

ON_EXCHANGE(request_method, x->request_head ? value_text(exchange_method(x))
                                            : value_absent())
ON_EXCHANGE(request_path, x->request_seen && x->target[0] ? value_text(x->target) : value_absent())
ON_EXCHANGE(request_host, x->host[0] ? value_text(x->host) : value_absent())
ON_EXCHANGE(request_seen, value_bool(x->request_seen))
/* What only messages tell: with inferred exchanges it is not known, but what was read before the turns took over is. */
#define ON_MESSAGE(name, known, expression) \
    ON_EXCHANGE(name, x->inferred && !(known) ? value_unknown(framing_missing(s->record)) : expression)
ON_MESSAGE(request_head, x->request_head, !x->request_head && x->request_lost ? value_unknown(bytes_missing)
                                                             : value_bool(x->request_head))
ON_EXCHANGE(request_complete, !x->request_complete && x->request_lost
                                  ? value_unknown(bytes_missing)
                                  : value_bool(x->request_complete))
ON_EXCHANGE(request_announced, x->request_body < 0 ? value_absent()
                                                   : value_number((double)x->request_body))
ON_EXCHANGE(request_bytes, !x->request_seen ? value_absent()
                                             : value_number(x->request.end_seq - x->request.seq))
ON_EXCHANGE(request_idempotent, x->request_head ? value_bool(http_method_is_idempotent(x->method))
                                                : value_absent())
ON_EXCHANGE(request_covered, f->covered < 0 ? value_absent()
                                            : value_choice(covered_names, f->covered))
ON_EXCHANGE(request_is_new, !x->inferred || x->after_rest ? value_bool(true) : value_unknown(perhaps_part))
ON_EXCHANGE(request_is_apart, !x->inferred || x->after_rest || (!x->after_upload && x->request.end_seq - x->request.seq <= HTTP_HEAD_BYTES)
                                  ? value_bool(true)
                                  : value_unknown(perhaps_part))
ON_EXCHANGE(request_is_short, value_bool(exchange_is_short(x, record_carrier(s->record))))
ON_EXCHANGE(request_idle_before, duration(f->idle_before, bytes_missing))
ON_EXCHANGE(request_fin_known_for, duration(f->fin_known_for, no_round_trip))
ON_EXCHANGE(request_fin_surely_known_for, duration(f->fin_surely_known_for, no_round_trip))
ON_EXCHANGE(request_after_close, x->inferred        ? value_unknown(framing_missing(s->record))
                                 : f->after_close < 0 ? value_unknown(bytes_missing)
                                                  : value_bool(f->after_close))
ON_EXCHANGE(request_to_close, duration(f->to_close, bytes_missing))
ON_EXCHANGE(request_close_after_rest, duration(f->close_after_rest, bytes_missing))
ON_EXCHANGE(request_rest_timer, value_choice(rest_timer_names, f->rest_timer))
ON_EXCHANGE(request_held_for, duration(f->held_for, bytes_missing))
ON_EXCHANGE(request_server_timer, duration(f->server_timer, bytes_missing))
ON_MESSAGE(request_continue_wait, x->request_head, duration(f->continue_wait, bytes_missing))
ON_EXCHANGE(response_started, s->record->protocol == PROTOCOL_OPAQUE && !x->response_seen && f->covered != 0
                                  ? value_unknown(perhaps_no_answer)
                              : x->response_doubtful                        ? value_unknown(perhaps_ticket)
                              : !x->response_seen && f->response_unknown
                                  ? value_unknown(bytes_missing)
                                  : value_bool(x->response_seen))
ON_MESSAGE(response_head, x->response_head, !x->response_head && f->response_unknown
                               ? value_unknown(bytes_missing)
                               : value_bool(x->response_head))
ON_MESSAGE(response_interim, x->response_head, value_number(x->interim))
/* Of a response without its request nobody knows whether it has a body: HEAD, CONNECT. */
ON_EXCHANGE(response_complete, !x->response_complete && (f->response_unknown || !x->request_seen)
                                   ? value_unknown(bytes_missing)
                                   : value_bool(x->response_complete))
ON_MESSAGE(grpc_status, x->response_head, x->grpc_status == GRPC_STATUS_NONE ? value_absent() : value_number(x->grpc_status))
ON_MESSAGE(response_status, x->response_head, x->status == 0 ? value_absent() : value_number(x->status))
ON_EXCHANGE(response_wait, duration(f->to_response, bytes_missing))
ON_EXCHANGE(response_early, f->early_unknown ? value_unknown(bytes_missing)
                            : f->early < 0   ? value_absent()
                                             : value_bool(f->early))
ON_EXCHANGE(response_duration, duration(f->response_duration, bytes_missing))
ON_EXCHANGE(stream_id, x->stream_id == 0 ? value_absent() : value_number(x->stream_id))
ON_EXCHANGE(stream_reset_by, !exchange_is_reset(x)
                                 ? value_absent()
                                 : value_choice(end_role_names, x->reset_by_server ? ROLE_SERVER : ROLE_CLIENT))
ON_EXCHANGE(stream_reset_code, !exchange_is_reset(x) ? value_absent() : value_text(error_code(x->reset_code)))
ON_EXCHANGE(stream_reset_after, duration(f->stream_reset_after, bytes_missing))
ON_EXCHANGE(stream_reset_when_ending, exchange_is_reset(x) ? value_bool(f->reset_when_ending) : value_absent())
ON_EXCHANGE(stream_above_limit, x->stream_id == 0 ? value_absent() : value_bool(x->above_limit))
ON_EXCHANGE(stream_above_goaway, x->stream_id == 0 ? value_absent() : value_bool(f->above_goaway))
ON_EXCHANGE(stream_goaway_known_for, duration(f->goaway_known_for, no_round_trip))
ON_EXCHANGE(response_silent_for, duration(f->response_silent_for, bytes_missing))
ON_EXCHANGE(response_to_reset, duration(f->response_to_reset, bytes_missing))
ON_EXCHANGE(response_reset_first, value_bool(f->reset_first))
ON_EXCHANGE(response_short, value_bool(exchange_is_short_of_body(x)))
ON_EXCHANGE(response_announced, x->response_body < 0 ? value_absent()
                                                     : value_number((double)x->response_body))
ON_EXCHANGE(response_body, x->stream_id != 0 && x->response_lost ? value_unknown(bytes_missing) : value_number((double)x->response_body_seen))
ON_MESSAGE(response_chunked, x->response_head, value_bool(x->chunked))
ON_MESSAGE(response_close_delimited, x->response_head, value_bool(x->close_delimited))
ON_MESSAGE(response_announces_close, x->response_head, value_bool(x->response_close))
ON_MESSAGE(keep_alive_timeout, x->response_head, x->stream_id != 0 || x->keep_alive_timeout_s < 0 ? value_absent() : value_duration(x->keep_alive_timeout_s * NS_PER_S))

static inline struct value get_moment_found(const struct subject *s)
{
    return value_bool(s->group->together != TOGETHER_NOT);
}

static inline struct value get_moment_shared(const struct subject *s)
{
    return value_bool(s->group->together == TOGETHER_SHARED);
}

ON_DEADLINE(deadline_found, value_bool(d->found))
ON_DEADLINE(deadline_from, d->found ? value_choice(reference_names, d->from) : value_absent())
ON_DEADLINE(deadline_value, d->found ? value_duration(d->cluster.median_ns) : value_absent())
ON_DEADLINE(deadline_spread, d->found ? value_duration(d->cluster.high_ns - d->cluster.low_ns)
                                      : value_absent())
ON_DEADLINE(deadline_samples, d->found ? value_number((double)d->cluster.samples)
                                       : value_absent())
ON_DEADLINE(deadline_share, d->found ? value_number((double)d->cluster.samples /
                                                    (double)d->cluster.total)
                                     : value_absent())
ON_DEADLINE(deadline_coarse, value_bool(d->found && d->coarse))
ON_DEADLINE(deadline_earliest, d->found ? value_duration(d->cluster.low_ns) : value_absent())
ON_DEADLINE(deadline_ambiguous, value_bool(d->found && d->has_runner_up))
ON_DEADLINE(deadline_runner_up, d->found && d->has_runner_up
                                    ? value_choice(reference_names, d->runner_up)
                                    : value_absent())

static inline int64_t as_integer(enum value_type type, struct value v)
{
    if (v.state != VALUE_KNOWN)
        return v.state == VALUE_ABSENT ? NS_ABSENT : NS_UNKNOWN;
    return type == TYPE_BOOL       ? v.truth
           : type == TYPE_ENUM     ? v.choice
           : type == TYPE_NUMBER   ? (int64_t)v.number
           : type == TYPE_DURATION ? v.ns
                                   : NS_UNKNOWN;
}

/* The getters again, compiled into one that leaves out what it does not return. */
#define FIELD(getter, name, scope, type, names, known, usual, meaning) \
    static int64_t get_integer_##getter(const struct subject *s)  \
    {                                                             \
        return as_integer(TYPE_##type, get_##getter(s));          \
    }
#include "lang/fields.def"
#undef FIELD

/* Rules look for what takes longer. */
#define SHORTLY USUAL_SHORTLY_NS
#define USUAL(low, high) { true, low, high }
#define ANY { false, 0, 0 }

static const struct field fields[] = {
#define FIELD(getter, name, scope, type, names, known, usual, meaning)                          \
    { name, SCOPE_##scope, TYPE_##type, names, KNOWN_##known, usual, get_##getter, get_integer_##getter, \
      meaning },
#include "lang/fields.def"
#undef FIELD
};

const struct field *field_find(const char *name, size_t length)
{
    for (size_t i = 0; i < COUNT(fields); i++)
        if (strncmp(fields[i].name, name, length) == 0 && fields[i].name[length] == '\0')
            return &fields[i];
    return NULL;
}

const struct field *fields_all(size_t *count)
{
    *count = COUNT(fields);
    return fields;
}

const char *scope_name(enum scope scope)
{
    static const char *const names[] = { "connection", "exchange", "group" };
    return names[scope];
}

const char *value_type_name(enum value_type type)
{
    static const char *const names[] = { "boolean", "number", "duration", "name", "text", "span" };
    return names[type];
}
