#include "facts/record_io.h"

#include <jansson.h>
#include <stddef.h>
#include <string.h>

/* ---- members that are numbers: tables ------------------------------------------------------------- */

struct member {
    const char *name;
    size_t offset;
    uint8_t size, count; /* bytes of one, how many in a row */
    bool is_signed;
    int64_t most;        /* of an enumeration or flag; 0: whatever fits */
};

#define FIELD_SIZE(type, field) sizeof(((type *)0)->field)
#define U(type, field) { #field, offsetof(type, field), FIELD_SIZE(type, field), 1, false, 0 }
#define S(type, field) { #field, offsetof(type, field), FIELD_SIZE(type, field), 1, true, 0 }
#define FLAG(type, field) { #field, offsetof(type, field), FIELD_SIZE(type, field), 1, false, 1 }
#define ENUM(type, field, last) { #field, offsetof(type, field), FIELD_SIZE(type, field), 1, false, last }
#define U2(type, field) { #field, offsetof(type, field), FIELD_SIZE(type, field[0]), 2, false, 0 }
#define FLAG2(type, field) { #field, offsetof(type, field), FIELD_SIZE(type, field[0]), 2, false, 1 }
#define ENUM2(type, field, last) { #field, offsetof(type, field), FIELD_SIZE(type, field[0]), 2, false, last }
#define ROLE(type, field) { #field, offsetof(type, field), FIELD_SIZE(type, field), 1, true, ROLE_SERVER }

static const struct member of_record[] = {
#define R struct record
    U(R, id), U(R, stream_frame), U(R, tcp_stream), U(R, capture), FLAG(R, client), FLAG(R, role_guessed),
    FLAG(R, open_seen), FLAG(R, established), FLAG(R, unheard), FLAG(R, half_closed), FLAG(R, fin_wait_2_open), FLAG(R, upgraded), FLAG(R, inferred), FLAG(R, multiplexed),
    FLAG(R, lost_thread), FLAG(R, unsure), FLAG(R, one_way), FLAG(R, lost_requests), FLAG(R, one_sided), ENUM(R, protocol, PROTOCOL_OPAQUE),
    ENUM(R, close_by, BY_UNKNOWN), ENUM(R, ended_by, BY_UNKNOWN), ENUM(R, close_how, HOW_TIMEOUT), ENUM(R, close_phase, PHASE_UNKNOWN),
    ENUM2(R, state, TCP_STATES - 1), ENUM2(R, rst_kind, TCP_RESET_FOREIGN), ROLE(R, fin_wait_2_by),
    ROLE(R, reset_on_data_by), FLAG(R, reset_on_data_after_fin), FLAG2(R, fin_seen), FLAG2(R, fin_inferred), U2(R, syns), U2(R, syns_after_data),
    U2(R, repeats), ENUM(R, syn_answer, SYN_ANSWER_MAY_COME), ENUM(R, tls_handshake, TLS_HANDSHAKE_INCOMPLETE),
    ENUM(R, tls_answer, TLS_ANSWER_UNKNOWN), U(R, tls_alert), ROLE(R, tls_alert_by), FLAG(R, tls_alert_encrypted), FLAG(R, tls_record_cut), FLAG(R, tls_record_ahead), ENUM(R, tls_keys, TLS_KEYS_USED), ROLE(R, server_notify), ENUM(R, http_mismatch, HTTP2_TO_HTTP1), FLAG(R, tls_answered_http), U(R, tls_version), S(R, tls_handshake_ns), ENUM(R, tls_certificate, CERTIFICATE_NOT_YET_VALID), FLAG(R, certificate_refused), S(R, tls_resumed), S(R, tls_offers_session), U(R, tls_alpn_offered), U(R, tls_alpn),
    U2(R, goaways), FLAG(R, goaway_by_client_first), FLAG(R, has_goaway_text), ENUM(R, goaway_text, GOAWAY_TEXT_GRACEFUL_STOP), U2(R, goaway_code), U2(R, goaway_last), S(R, goaway_age), S(R, goaway_rest), U(R, streams_limit), U(R, streams_peak), U(R, pings), U(R, early_resets), U(R, silent_requests), FLAG(R, websocket), FLAG(R, websocket_lost), ROLE(R, websocket_close_by), U(R, websocket_close_code), U(R, websocket_pings), U2(R, websockets_cut), S(R, ping_unanswered), S(R, settings_unanswered), S(R, ping_interval),
    FLAG(R, challenged), FLAG(R, unreachable), U(R, reused_after_ms), U2(R, first_seq), U2(R, next_seq), U2(R, acked), ROLE(R, stray_by), U2(R, unacknowledged), S(R, server_alone),
    S(R, first_ns), S(R, last_ns), S(R, since_open), S(R, since_request), S(R, since_response), S(R, since_activity), S(R, announced_for), ROLE(R, announced_by), S(R, since_fin),
    S(R, overdue), FLAG(R, overdue_body), S(R, fin_wait_2_ns), S(R, fin_wait_2_end_ns), S(R, longest_reuse_idle),
    S(R, client_rtt), S(R, rtt), U2(R, bytes), U(R, lost_bytes), U(R, exchanges), U(R, requests), U2(R, retransmitted),
    U2(R, out_of_order), U2(R, keep_alive_probes), U2(R, zero_windows), S(R, client_window_wait), S(R, server_window_wait), U(R, unsolicited), U(R, unsolicited_status),
    U2(R, resets), ROLE(R, silent_by), ROLE(R, foreign_reset_by), FLAG(R, acked_unseen), FLAG(R, foreign_reset_believed),
    U(R, silence_ms), U(R, survived_ms), S(R, resets_apart_ns), S(R, last_response_ns), U(R, promised_s),
#undef R
};

static const struct member of_waits[] = {
#define W struct wait_facts
    U(W, zero_window_ms), U(W, stalled_ms), U(W, passed_len), U(W, repeat_len), U(W, repeats), U(W, probes),
    U(W, small_waits), U(W, fin_repeats), FLAG(W, heard), S(W, rst_hops),
#undef W
};

static const struct member of_facts[] = {
#define F struct exchange_facts
    S(F, covered), S(F, idle_before), S(F, stream_reset_after), S(F, goaway_known_for), FLAG(F, reset_when_ending), FLAG(F, above_goaway), S(F, response_silent_for), S(F, fin_known_for), S(F, fin_surely_known_for), S(F, to_close), S(F, close_after_rest), S(F, held_for), S(F, to_response), S(F, response_duration),
    S(F, response_to_reset), S(F, early), FLAG(F, early_unknown), S(F, after_close), S(F, continue_wait),
    FLAG(F, reset_first), FLAG(F, response_unknown), FLAG(F, usual),
#undef F
};

static const struct member of_exchange[] = {
#define X struct exchange
    S(X, request_body), S(X, response_body), U(X, response_body_seen), S(X, body_wait_ns), U(X, status), U(X, interim), U(X, grpc_status),
    U(X, method), S(X, keep_alive_timeout_s), U(X, stream_id), U(X, reset_code), U(X, reset_capture),
#undef X
};

static const struct member of_span[] = {
#define M struct message_span
    U(M, seq), U(M, end_seq), U(M, ack), U(M, first_frame), U(M, last_frame), U(M, first_capture), U(M, last_capture),
    S(M, first_ns), S(M, last_ns),
#undef M
};

/* Of an exchange, bits: X(name). */
#define EXCHANGE_BITS                                                                                              \
    BIT(request_seen) BIT(request_head) BIT(request_complete) BIT(response_seen) BIT(response_head)                \
    BIT(response_complete) BIT(request_close) BIT(response_close) BIT(chunked) BIT(close_delimited)                \
    BIT(event_stream) BIT(websocket) BIT(expect_continue) BIT(body_begun) BIT(body_answered) BIT(upgraded) BIT(settled)           \
    BIT(request_lost) BIT(response_lost) BIT(inferred) BIT(answered_whole) BIT(after_rest) BIT(after_upload)              \
    BIT(awaits_final) BIT(reset_by_client) BIT(reset_by_server) BIT(overlaps) BIT(above_limit) BIT(response_doubtful)

#define COUNT(array) (sizeof(array) / sizeof *(array))

static json_int_t get_number(const struct member *m, const void *at)
{
    switch (m->size) {
    case 1:
        return m->is_signed ? *(const int8_t *)at : *(const uint8_t *)at;
    case 2:
        return m->is_signed ? *(const int16_t *)at : *(const uint16_t *)at;
    case 4:
        return m->is_signed ? *(const int32_t *)at : (json_int_t)*(const uint32_t *)at;
    default:
        return *(const int64_t *)at; /* nothing counts to 2^63 */
    }
}

static void write_members(json_t *object, const struct member *members, size_t count, const void *from)
{
    for (size_t i = 0; i < count; i++) {
        const struct member *m = &members[i];
        const unsigned char *at = (const unsigned char *)from + m->offset;
        json_t *value = m->count > 1 ? json_array() : json_integer(get_number(m, at));
        for (unsigned k = 0; m->count > 1 && k < m->count; k++)
            json_array_append_new(value, json_integer(get_number(m, at + k * m->size)));
        json_object_set_new(object, m->name, value);
    }
}

static bool fits(const struct member *m, json_int_t number)
{
    if (m->most > 0)
        return number >= (m->is_signed ? -1 : 0) && number <= m->most;
    if (m->size == 8)
        return m->is_signed || number >= 0;
    json_int_t range = (json_int_t)1 << (8 * m->size - m->is_signed);
    return number >= (m->is_signed ? -range : 0) && number < range;
}

static bool set_number(const struct member *m, void *at, const json_t *value, struct err *err)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || !fits(m, number))
        return err_set(err, "record: '%s' is missing or no number that it may be", m->name);
    switch (m->size) {
    case 1:
        *(uint8_t *)at = (uint8_t)number;
        break;
    case 2:
        *(uint16_t *)at = (uint16_t)number;
        break;
    case 4:
        *(uint32_t *)at = (uint32_t)number;
        break;
    default:
        *(int64_t *)at = number;
    }
    return true;
}

static bool read_members(const json_t *object, const struct member *members, size_t count, void *to, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct member *m = &members[i];
        unsigned char *at = (unsigned char *)to + m->offset;
        const json_t *value = json_object_get(object, m->name);
        if (m->count == 1 && !set_number(m, at, value, err))
            return false;
        for (unsigned k = 0; m->count > 1 && k < m->count; k++)
            if (!set_number(m, at + k * m->size, json_array_get(value, k), err))
                return false;
    }
    return true;
}

/* ---- the rest -------------------------------------------------------------------------------------- */

static json_t *hex(const uint8_t *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    char text[33];
    for (size_t i = 0; i < length; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return json_stringn(text, 2 * length);
}

static bool unhex(const json_t *value, uint8_t *bytes, size_t length)
{
    const char *text = json_string_value(value);
    if (text == NULL || json_string_length(value) != 2 * length)
        return false;
    for (size_t i = 0; i < 2 * length; i++) {
        const char *at = memchr("0123456789abcdef", text[i], 16);
        if (at == NULL)
            return false;
        unsigned digit = (unsigned)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
        bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | digit);
    }
    return true;
}

static json_t *tuple_value(const struct tcp_tuple *tuple)
{
    size_t length = tuple->ipv6 ? 16 : 4;
    return json_pack("{s:b, s:[o, o], s:[i, i]}", "ipv6", tuple->ipv6, "addresses", hex(tuple->address[0].bytes, length),
                     hex(tuple->address[1].bytes, length), "ports", tuple->port[0], tuple->port[1]);
}

static bool read_tuple(const json_t *value, struct tcp_tuple *tuple, struct err *err)
{
    const json_t *addresses = json_object_get(value, "addresses"), *ports = json_object_get(value, "ports");
    tuple->ipv6 = json_is_true(json_object_get(value, "ipv6"));
    for (size_t i = 0; i < 2; i++) {
        json_int_t port = json_integer_value(json_array_get(ports, i));
        if (!unhex(json_array_get(addresses, i), tuple->address[i].bytes, tuple->ipv6 ? 16 : 4) || port < 0 ||
            port > UINT16_MAX)
            return err_set(err, "record: its ends are missing or wrong");
        tuple->port[i] = (uint16_t)port;
    }
    return true;
}

static json_t *marks_value(const struct record *r)
{
    json_t *marks = json_object();
    for (int id = 0; id < MARKS; id++) {
        const struct mark *mark = record_mark(r, (enum mark_id)id);
        if (mark->frame != 0)
            json_object_set_new(marks, mark_name((enum mark_id)id),
                                json_pack("[I, I, i]", (json_int_t)mark->ns, (json_int_t)mark->frame, mark->capture));
    }
    return marks;
}

static bool read_marks(json_t *value, struct record *r, struct arena *arena, struct err *err)
{
    r->mark = arena_alloc(arena, MARKS * sizeof *r->mark);
    if (r->mark == NULL)
        return err_no_memory(err);
    r->marks = MARKS;
    const char *name;
    json_t *mark;
    json_object_foreach(value, name, mark) {
        enum mark_id id;
        json_int_t ns, frame;
        int capture;
        if (!mark_find(name, &id) || json_unpack(mark, "[I, I, i]", &ns, &frame, &capture) != 0 || frame <= 0 ||
            frame > UINT32_MAX || capture < 0 || capture > UINT16_MAX)
            return err_set(err, "record: the mark '%s' is wrong", name);
        *(id == MARK_STRAY ? &r->stray : &r->mark[id]) = (struct mark){ ns, (uint32_t)frame, (uint16_t)capture };
    }
    return json_is_object(value) || err_set(err, "record: 'marks' is missing");
}

static bool read_text(const json_t *object, const char *name, const char **text, size_t most, struct arena *arena,
                      struct err *err)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value) || json_string_length(value) > most)
        return err_set(err, "record: '%s' is missing or too long", name);
    *text = arena_strdup(arena, json_string_value(value));
    return *text != NULL || err_no_memory(err);
}

/* Bytes that are no UTF-8 (a target may hold any) would make no JSON. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    return value != NULL ? value : json_string_nocheck("");
}

static json_t *exchange_value(const struct exchange_record *e)
{
    const struct exchange *x = e->facts.exchange;
    json_t *value = json_object(), *facts = json_object(), *request = json_object(), *response = json_object();
    json_object_set_new(value, "place", json_integer(e->place));
    write_members(facts, of_facts, COUNT(of_facts), &e->facts);
    json_object_set_new(value, "facts", facts);
    write_members(value, of_exchange, COUNT(of_exchange), x);
#define BIT(name) json_object_set_new(value, #name, json_integer(x->name));
    EXCHANGE_BITS
#undef BIT
    write_members(request, of_span, COUNT(of_span), &x->request);
    write_members(response, of_span, COUNT(of_span), &x->response);
    json_object_set_new(value, "request", request);
    json_object_set_new(value, "response", response);
    json_object_set_new(value, "target", text_value(x->target));
    json_object_set_new(value, "host", text_value(x->host));
    json_object_set_new(value, "own_method", text_value(x->own_method));
    json_object_set_new(value, "request_via", text_value(x->request_via));
    json_object_set_new(value, "response_via", text_value(x->response_via));
    return value;
}

#define MOST_TEXT 1024

static bool read_exchange(const json_t *value, struct exchange_record *e, struct arena *arena, struct err *err)
{
    struct exchange *x = &e->exchange;
    json_int_t place = json_integer_value(json_object_get(value, "place"));
    if (place < EXCHANGE_EARLIER || place > EXCHANGE_OPEN)
        return err_set(err, "record: the place of an exchange is wrong");
    e->place = (uint8_t)place;
#define BIT(name) x->name = json_integer_value(json_object_get(value, #name)) != 0;
    EXCHANGE_BITS
#undef BIT
    bool ok = read_members(json_object_get(value, "facts"), of_facts, COUNT(of_facts), &e->facts, err) &&
              read_members(value, of_exchange, COUNT(of_exchange), x, err) &&
              read_members(json_object_get(value, "request"), of_span, COUNT(of_span), &x->request, err) &&
              read_members(json_object_get(value, "response"), of_span, COUNT(of_span), &x->response, err) &&
              read_text(value, "target", &x->target, HTTP_TARGET_BYTES - 1, arena, err) &&
              read_text(value, "host", &x->host, MOST_TEXT, arena, err) &&
              read_text(value, "own_method", &x->own_method, MOST_TEXT, arena, err) &&
              read_text(value, "request_via", &x->request_via, MOST_TEXT, arena, err) &&
              read_text(value, "response_via", &x->response_via, MOST_TEXT, arena, err);
    if (ok && x->method != HTTP_METHOD_OWN && http_method_name(x->method) == NULL)
        return err_set(err, "record: there is no such method");
    e->facts.exchange = x;
    return ok;
}

/* ---- lines ------------------------------------------------------------------------------------------- */

#define TEXTS                                                                                              \
    TEXT(server_software) TEXT(client_software) TEXT(server_via) TEXT(client_via) TEXT(proxied_client) TEXT(server_name) TEXT(certificate_names) TEXT(request)

bool record_write(const struct record *r, FILE *out)
{
    json_t *value = json_object(), *waits = json_array(), *exchanges = json_array();
    json_object_set_new(value, "schema", json_string("hangup.record/1"));
    json_object_set_new(value, "ends", tuple_value(&r->tuple));
    write_members(value, of_record, COUNT(of_record), r);
    for (int role = 0; role < 2; role++) {
        json_t *of_end = json_object();
        write_members(of_end, of_waits, COUNT(of_waits), &r->waits[role]);
        json_array_append_new(waits, of_end);
    }
    json_object_set_new(value, "waits", waits);
    json_object_set_new(value, "marks", marks_value(r));
    json_object_set_new(value, "history", json_string(r->history));
#define TEXT(name) json_object_set_new(value, #name, text_value(r->name));
    TEXTS
#undef TEXT
    for (const struct exchange_record *e = r->exchange_list; e != NULL; e = e->next)
        json_array_append_new(exchanges, exchange_value(e));
    json_object_set_new(value, "exchange_list", exchanges);
    bool ok = value != NULL && json_dumpf(value, out, JSON_COMPACT | JSON_ENSURE_ASCII) == 0 && fputc('\n', out) != EOF;
    json_decref(value);
    return ok;
}

static bool read_exchanges(const json_t *value, struct record *r, struct arena *arena, struct err *err)
{
    const struct exchange_record **end = &r->exchange_list;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct exchange_record *e = arena_alloc(arena, sizeof *e);
        if (e == NULL)
            return err_no_memory(err);
        if (!read_exchange(json_array_get(value, i), e, arena, err))
            return false;
        *end = e;
        end = (const struct exchange_record **)&e->next;
    }
    return json_is_array(value) || err_set(err, "record: 'exchange_list' is missing");
}

static bool read_record(json_t *value, struct record *r, struct arena *arena, struct err *err)
{
    const char *schema = json_string_value(json_object_get(value, "schema"));
    const char *history = json_string_value(json_object_get(value, "history"));
    const json_t *waits = json_object_get(value, "waits");
    if (schema == NULL || strcmp(schema, "hangup.record/1") != 0)
        return err_set(err, "record: its schema is not hangup.record/1");
    if (history == NULL || strlen(history) >= HISTORY_BYTES)
        return err_set(err, "record: 'history' is missing or too long");
    memcpy(r->history, history, strlen(history) + 1);
    for (size_t role = 0; role < 2; role++)
        if (!read_members(json_array_get(waits, role), of_waits, COUNT(of_waits), &r->waits[role], err))
            return false;
#define TEXT(name) read_text(value, #name, &r->name, MOST_TEXT, arena, err) &&
    return read_tuple(json_object_get(value, "ends"), &r->tuple, err) &&
           read_members(value, of_record, COUNT(of_record), r, err) && TEXTS
#undef TEXT
           read_marks(json_object_get(value, "marks"), r, arena, err) &&
           read_exchanges(json_object_get(value, "exchange_list"), r, arena, err);
}

struct record *record_read(const char *line, size_t length, struct arena *arena, struct err *err)
{
    json_error_t error;
    json_t *value = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    struct record *record = value != NULL ? arena_alloc(arena, sizeof *record) : NULL;
    bool ok = value != NULL ? record != NULL || err_no_memory(err)
                            : err_set(err, "record: is no JSON: %s", error.text);
    ok = ok && read_record(value, record, arena, err);
    json_decref(value);
    return ok ? record : NULL;
}
