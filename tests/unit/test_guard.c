/* Guards: they leave out no rule that would hold or be undecided, and know what holds for sure. Tried with
 * the rules that are built in, and with made up ones, on made up connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "track/connection.h"
#include "judge/guard.h"
#include "track/usual.h"

/* ---- chance --------------------------------------------------------------------------------- */

static uint64_t chance_state = 88172645463325252;

static unsigned below(unsigned n)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (unsigned)(chance_state >> 33) % n;
}

static int64_t some_duration(void)
{
    static const int64_t some[] = { NS_ABSENT,     NS_UNKNOWN,      -NS_PER_MS,    0,
                                    NS_PER_MS,     300 * NS_PER_MS, NS_PER_S,      NS_PER_S + 1,
                                    15 * NS_PER_S, 60 * NS_PER_S,   400 * NS_PER_S };
    return some[below(sizeof some / sizeof *some)];
}

/* ---- connections ---------------------------------------------------------------------------- */

/* A fact that chance may change: a number up to `most`, or a duration. */
struct knob {
    size_t offset, size;
    int least, most;
};

#define NUMBER(field, least, most) \
    { offsetof(struct record, field), sizeof((struct record *)0)->field, least, most }
#define BOTH(field, least, most) NUMBER(field[0], least, most), NUMBER(field[1], least, most)
#define FLAG(field) NUMBER(field, 0, 1)
#define DURATION(field) NUMBER(field, 0, 0)
#define WAITS(i)                                                                                   \
    NUMBER(waits[i].zero_window_ms, 0, 9000), NUMBER(waits[i].stalled_ms, 0, 9000),                \
        NUMBER(waits[i].passed_len, 0, 1500), NUMBER(waits[i].repeat_len, 0, 1500),                \
        NUMBER(waits[i].repeats, 0, 6), NUMBER(waits[i].probes, 0, 6),                             \
        NUMBER(waits[i].small_waits, 0, 6), NUMBER(waits[i].fin_repeats, 0, 6),                    \
        FLAG(waits[i].heard), NUMBER(waits[i].rst_hops, HOPS_UNKNOWN, 9)

static const struct knob knobs[] = {
    FLAG(role_guessed), FLAG(open_seen), FLAG(established), FLAG(half_closed), FLAG(fin_wait_2_open),
    FLAG(upgraded), FLAG(lost_thread), FLAG(lost_requests), FLAG(one_sided), FLAG(overdue_body),
    FLAG(reset_on_data_after_fin), FLAG(challenged), FLAG(unreachable), FLAG(acked_unseen),
    FLAG(foreign_reset_believed), FLAG(tls_alert_encrypted), BOTH(fin_seen, 0, 1),
    NUMBER(protocol, 0, PROTOCOL_OPAQUE), NUMBER(close_by, 0, BY_UNKNOWN), NUMBER(ended_by, 0, BY_UNKNOWN),
    NUMBER(close_how, 0, HOW_TIMEOUT), NUMBER(close_phase, 0, PHASE_UNKNOWN),
    BOTH(state, 0, TCP_STATES - 1), BOTH(rst_kind, 0, TCP_RESET_FOREIGN),
    NUMBER(fin_wait_2_by, -1, 1), NUMBER(reset_on_data_by, -1, 1), NUMBER(tls_alert_by, -1, 1),
    NUMBER(silent_by, -1, 1), NUMBER(foreign_reset_by, -1, 1), BOTH(syns, 0, 5),
    BOTH(syns_after_data, 0, 3), BOTH(repeats, 0, 6), NUMBER(syn_answer, 0, SYN_ANSWER_MAY_COME),
    NUMBER(tls_handshake, 0, TLS_HANDSHAKE_UNKNOWN), NUMBER(tls_answer, 0, TLS_ANSWER_UNKNOWN),
    BOTH(unacknowledged, 0, 3000), BOTH(bytes, 0, 3000), BOTH(retransmitted, 0, 4),
    BOTH(out_of_order, 0, 4), BOTH(keep_alive_probes, 0, 4), BOTH(zero_windows, 0, 2),
    BOTH(resets, 0, 2), NUMBER(exchanges, 0, 3), NUMBER(requests, 0, 3), NUMBER(unsolicited, 0, 2),
    NUMBER(unsolicited_status, 407, 409), NUMBER(silence_ms, 0, 999000),
    NUMBER(survived_ms, 0, 999000), NUMBER(reused_after_ms, 0, 90000), WAITS(0), WAITS(1),
    NUMBER(server_alone, -9000, 9000), DURATION(since_open), DURATION(since_request), DURATION(since_response),
    DURATION(since_activity), DURATION(overdue), DURATION(longest_reuse_idle), DURATION(client_rtt),
    DURATION(rtt), DURATION(resets_apart_ns), DURATION(announced_for), NUMBER(announced_by, -1, 1), DURATION(ping_unanswered), DURATION(settings_unanswered),
    NUMBER(silent_requests, 0, 2), DURATION(goaway_age), DURATION(goaway_rest), NUMBER(early_resets, 0, 200), FLAG(websocket), FLAG(websocket_lost), NUMBER(websocket_close_by, -1, 1),
    NUMBER(websocket_close_code, 999, 1020), NUMBER(websocket_pings, 0, 3), DURATION(tls_handshake_ns), NUMBER(tls_resumed, -1, 1), NUMBER(tls_offers_session, -1, 1),
};

#define KNOBS (sizeof knobs / sizeof *knobs)

static void turn(struct record *record, const struct knob *knob)
{
    char *at = (char *)record + knob->offset;
    int number = knob->least + (int)below((unsigned)(knob->most - knob->least) + 1);
    int64_t value = knob->least == knob->most ? some_duration() : number;
    if (knob->size == 1)
        memcpy(at, &(int8_t){ (int8_t)value }, 1);
    else if (knob->size == 2)
        memcpy(at, &(int16_t){ (int16_t)value }, 2);
    else if (knob->size == 4)
        memcpy(at, &(int32_t){ (int32_t)value }, 4);
    else
        memcpy(at, &value, 8);
}

/* A usual one in which `changes` facts were changed. */
static struct record make_record(unsigned changes)
{
    struct record r = {
        .open_seen = true, .established = true, .protocol = PROTOCOL_HTTP1, .close_by = BY_SERVER,
        .close_how = HOW_FIN, .close_phase = PHASE_IDLE, .syn_answer = SYN_ANSWERED, .syns = { 1, 1 },
        .fin_wait_2_by = -1, .reset_on_data_by = -1, .tls_alert_by = -1, .silent_by = -1,
        .foreign_reset_by = -1, .overdue = NS_ABSENT, .longest_reuse_idle = NS_ABSENT,
        .resets_apart_ns = NS_ABSENT, .announced_for = NS_ABSENT, .announced_by = -1, .ping_unanswered = NS_ABSENT, .settings_unanswered = NS_ABSENT,
        .websocket_close_by = -1, .tls_handshake_ns = NS_ABSENT, .goaway_age = NS_ABSENT, .goaway_rest = NS_ABSENT, .tls_resumed = -1, .tls_offers_session = -1, .requests = 1, .exchanges = 1,
        .waits = { { .rst_hops = HOPS_ABSENT }, { .rst_hops = HOPS_ABSENT } },
        .server_software = "", .client_software = "", .server_via = "", .client_via = "", .proxied_client = "", .server_name = "", .certificate_names = "", .request = "",
    };
    static struct mark marks[MARKS]; /* one record is made at a time */
    marks[MARK_SYN].frame = below(2);
    marks[MARK_SYN_ACK].frame = below(2);
    r.mark = marks;
    r.marks = MARKS;
    r.last_ns = 5 * NS_PER_S;
    r.fin_wait_2_end_ns = below(3) * NS_PER_S;
    for (; changes > 0; changes--)
        turn(&r, &knobs[below(KNOBS)]);
    return r;
}

/* ---- exchanges ------------------------------------------------------------------------------- */

struct made {
    struct connection connection;
    struct exchange before, exchange;
    struct exchange_facts facts;
};

static bool flipped(bool usual, unsigned one_in)
{
    return usual != (below(one_in) == 0);
}

static void make_exchange(struct made *t, const struct record *record)
{
    memset(t, 0, sizeof *t);
    unsigned one_in = 2 + below(20); /* from wild to nearly usual */
    struct exchange *x = &t->exchange;
    x->request_seen = flipped(true, one_in);
    x->request_head = flipped(true, one_in);
    x->request_complete = flipped(true, one_in);
    x->response_seen = flipped(true, one_in);
    x->response_head = flipped(true, one_in);
    x->response_complete = flipped(true, one_in);
    x->response_close = t->before.response_close = flipped(false, one_in);
    x->chunked = flipped(false, one_in);
    x->close_delimited = flipped(false, one_in);
    x->expect_continue = flipped(false, one_in);
    x->body_begun = flipped(false, 2);
    x->request_lost = flipped(false, one_in);
    x->response_lost = flipped(false, one_in);
    x->interim = flipped(false, one_in);
    x->keep_alive_timeout_s = below(one_in) == 0 ? 5 : -1;
    x->status = below(2) ? 408 : 200;
    x->request_body = x->response_body = (int)below(3) - 1;
    x->request.ack = below(2);
    x->target = x->host = "";
    x->request.first_ns = 2 * NS_PER_S;
    struct connection *c = &t->connection;
    c->open_seen = flipped(true, one_in);
    c->talk.stream[0].lost_bytes = flipped(false, one_in);
    c->talk.stream[1].mode = flipped(false, one_in) ? MODE_LOST : MODE_MESSAGES;
    c->talk.done = below(3) == 0 ? NULL : below(2) ? x : &t->before;
    c->tcp.end[0].syn_seen = c->tcp.end[1].syn_seen = true;
    connection_exchange(c, record, x, &t->facts);
}

/* Who saw a request and its response saw both directions. */
static bool is_usual(const struct made *t, const struct record *record)
{
    return !record->one_sided && usual_exchange(&t->connection, &t->exchange);
}

/* Anything at all. */
static void make_facts(struct exchange_facts *f)
{
    int64_t *durations[] = { &f->idle_before, &f->fin_known_for, &f->fin_surely_known_for, &f->to_close, &f->to_response,
                             &f->response_duration, &f->response_to_reset, &f->continue_wait };
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++)
        *durations[i] = some_duration();
    f->covered = (int8_t)((int)below(4) - 1);
    f->early = (int8_t)((int)below(3) - 1);
    f->after_close = (int8_t)((int)below(3) - 1);
    f->early_unknown = below(2);
    f->response_unknown = below(2);
}

/* ---- fields ---------------------------------------------------------------------------------- */

static bool agrees(const struct field *field, const struct value *value, int64_t integer)
{
    if (value->state != VALUE_KNOWN)
        return integer == (value->state == VALUE_ABSENT ? NS_ABSENT : NS_UNKNOWN);
    switch (field->type) {
    case TYPE_BOOL:
        return integer == value->truth;
    case TYPE_NUMBER:
        return (double)integer == value->number;
    case TYPE_DURATION:
        return integer == value->ns;
    case TYPE_ENUM:
        return integer == value->choice && field->names[value->choice] == value->text;
    case TYPE_STRING:
    case TYPE_SPAN:
        break;
    }
    return integer == NS_UNKNOWN;
}

static void integers_are_values(void **state)
{
    (void)state;
    size_t count;
    const struct field *fields = fields_all(&count);
    for (int i = 0; i < 2000; i++) {
        struct record record = make_record(below(KNOBS));
        struct made t;
        make_exchange(&t, &record);
        make_facts(&t.facts);
        const struct subject subject = { &record, &t.facts, NULL };
        for (const struct field *f = fields; f < fields + count; f++) {
            if (f->scope == SCOPE_GROUP)
                continue;
            struct value value = f->get(&subject);
            if (!agrees(f, &value, f->get_integer(&subject)))
                fail_msg("%s", f->name);
        }
    }
}

static void assert_usual(enum scope scope, const struct subject *subject)
{
    size_t count;
    const struct field *fields = fields_all(&count);
    for (const struct field *f = fields; f < fields + count; f++) {
        if (f->scope != scope || !f->usual.known)
            continue;
        int64_t value = f->get_integer(subject);
        if (value == NS_UNKNOWN || value < f->usual.low || value > f->usual.high)
            fail_msg("%s is %lld", f->name, (long long)value);
    }
}

static void usual_ones_have_usual_values(void **state)
{
    (void)state;
    unsigned connections = 0, exchanges = 0;
    for (int i = 0; i < 20000; i++) {
        struct record record = make_record(below(8));
        struct made t;
        make_exchange(&t, &record);
        const struct subject subject = { &record, &t.facts, NULL };
        if (usual_connection(&record)) {
            connections++;
            assert_usual(SCOPE_CONNECTION, &subject);
        }
        if (is_usual(&t, &record)) {
            exchanges++;
            assert_usual(SCOPE_EXCHANGE, &subject);
        }
    }
    assert_true(connections > 1000 && exchanges > 1000);
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* How often which answer came. */
struct tally {
    unsigned left, excluded, held, unusual;
};

static void check_scope(const struct rules *rules, const struct guards *guards,
                        const struct subject *subject, bool usual, struct tally *tally)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->items[i];
        const struct guard_word *word = &guards->words[i / 64];
        struct value v = expr_value(rule->scope == SCOPE_GROUP ? rule->members : rule->when, subject);
        bool yes = v.state == VALUE_KNOWN && v.truth, possible = yes || v.state == VALUE_UNKNOWN;
        struct guard_answer answer = guards_ask(word, UINT64_C(1) << i % 64, subject);
        bool unusual = usual && (word->unusual >> i % 64 & 1);
        if ((possible && (answer.left == 0 || unusual)) || (answer.held != 0 && !yes))
            fail_msg("%s: state %d, left %d, held %d, unusual %d", rule->id, (int)v.state,
                     answer.left != 0, answer.held != 0, unusual);
        tally->left += answer.left != 0;
        tally->excluded += answer.left == 0;
        tally->held += answer.held != 0;
        tally->unusual += unusual;
    }
}

static void check_rules(const struct rules *rules, int rounds)
{
    struct tally tally = { 0 };
    struct rule_set_bits all = { { 0 } };
    struct guards by_connection, by_exchange;
    for (size_t i = 0; i < rules->count; i++)
        rule_bits_add(&all, i);
    assert_true(guards_init(&by_connection, rules, &all, SCOPE_CONNECTION));
    assert_true(guards_init(&by_exchange, rules, &all, SCOPE_EXCHANGE));
    for (int i = 0; i < rounds; i++) {
        struct record record = make_record(below(2) ? below(4) : below(KNOBS));
        struct made t;
        make_exchange(&t, &record);
        const struct subject subject = { &record, &t.facts, NULL };
        check_scope(rules, &by_connection, &subject, usual_connection(&record), &tally);
        check_scope(rules, &by_exchange, &subject, is_usual(&t, &record), &tally);
        make_facts(&t.facts);
        check_scope(rules, &by_exchange, &subject, false, &tally);
    }
    assert_true(tally.left > 0 && tally.excluded > 0 && tally.held > 0 && tally.unusual > 0);
    guards_free(&by_connection);
    guards_free(&by_exchange);
}

static void builtin_rules(void **state)
{
    (void)state;
    struct rules rules = { 0 };
    struct err err = { 0 };
    if (!rules_add_builtin(&rules, false, &err))
        fail_msg("%s", err.text);
    check_rules(&rules, 1500);
    rules_free(&rules);
}

/* ---- made up rules ---------------------------------------------------------------------------- */

static void add(char *text, const char *before, const char *word, const char *after)
{
    size_t used = strlen(text);
    snprintf(text + used, EXPR_MAX_LENGTH - used, "%s%s%s", before, word, after);
}

static const char *one_of(const char *const *words)
{
    unsigned n = 0;
    while (words[n] != NULL)
        n++;
    return words[below(n)];
}

/* A name that is not a field's as well: `established` is taken for the connection's. */
static const char *some_name(const struct field *f)
{
    const char *name;
    do
        name = one_of(f->names);
    while (field_find(name, strlen(name)) != NULL);
    return name;
}

static const struct field *some_field(enum scope scope)
{
    size_t count;
    const struct field *fields = fields_all(&count), *f;
    do
        f = &fields[below((unsigned)count)];
    while (f->scope > scope || f->type == TYPE_SPAN || f->known == KNOWN_AT_END); /* the last stand in `confirm` */
    return f;
}

static void add_comparison(char *text, const struct field *f)
{
    static const char *const orders[] = { " == ", " != ", " < ", " <= ", " > ", " >= ", NULL };
    static const char *const numbers[] = { "0", "1", "2", "2.5", "-1", "408", "few", "client.syns", NULL };
    static const char *const times[] = { "0s", "1s", "-1ms", "1min", "0.3s", "rtt", NULL };
    static const char *const afters[] = { "", " == true", " != true", " in {false}", NULL };
    switch (f->type) {
    case TYPE_BOOL:
        add(text, below(4) ? "" : "not ", f->name, one_of(afters));
        return;
    case TYPE_ENUM:
        if (below(3) > 0) {
            add(text, f->name, below(2) ? " == " : " != ", some_name(f));
            return;
        }
        add(text, f->name, " in {", some_name(f));
        add(text, ", ", some_name(f), "}");
        return;
    case TYPE_NUMBER:
        if (below(5) > 0)
            add(text, f->name, one_of(orders), one_of(numbers));
        else
            add(text, f->name, " in {1..2, ", "408}");
        return;
    case TYPE_DURATION:
        add(text, f->name, one_of(orders), one_of(times));
        return;
    case TYPE_STRING:
    case TYPE_SPAN:
        add(text, f->name, " contains ", "\"E\"");
        return;
    }
}

static void add_condition(char *text, enum scope scope, unsigned depth)
{
    if (depth == 0 || below(4) == 0) {
        add_comparison(text, some_field(scope));
        return;
    }
    add(text, below(6) ? "" : "not ", "(", "");
    add_condition(text, scope, depth - 1);
    add(text, below(2) ? " and " : " or ", "", "");
    add_condition(text, scope, depth - 1);
    add(text, ")", "", "");
}

static struct rule *make_rule(struct arena *arena)
{
    static const struct parameter few = { "few", TYPE_NUMBER, { .number = 3 }, NULL };
    struct rule *rule = arena_alloc(arena, sizeof *rule);
    char text[EXPR_MAX_LENGTH] = "";
    rule->scope = (enum scope)below(3);
    const struct expr_context context = {
        .scope = rule->scope == SCOPE_EXCHANGE ? SCOPE_EXCHANGE : SCOPE_CONNECTION, .parameters = &few,
    };
    for (unsigned parts = below(3); parts > 0; parts--) {
        add_comparison(text, some_field(context.scope));
        add(text, " and ", "", "");
    }
    add_condition(text, context.scope, below(4));
    struct expr_error error;
    rule->id = arena_strdup(arena, text);
    rule->when = rule->members = expr_compile(arena, text, &context, &error);
    if (rule->when == NULL)
        fail_msg("%s: %s", text, error.text);
    return rule;
}

static void made_up_rules(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct rule *items[200];
        struct rules rules = { .items = items, .count = 200 };
        for (size_t r = 0; r < rules.count; r++)
            items[r] = make_rule(&rules.arena);
        check_rules(&rules, 200);
        arena_free(&rules.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_values),
        cmocka_unit_test(usual_ones_have_usual_values),
        cmocka_unit_test(builtin_rules),
        cmocka_unit_test(made_up_rules),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
