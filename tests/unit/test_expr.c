/* The expression language: precedence, units, sets, and Kleene's third answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lang/expr.h"

/* An exchange whose connection lacks its handshake: since_open is unknown, since_request absent. */
static struct value evaluate(const char *source)
{
    static const struct parameter limit = { "limit", TYPE_DURATION, { .ns = 5 * NS_PER_S }, NULL };
    struct arena arena = { 0 };
    struct expr_error error = { 0 };
    const struct expr_context context = { .scope = SCOPE_EXCHANGE, .parameters = &limit };
    const struct expr *expr = expr_compile(&arena, source, &context, &error);
    if (expr == NULL)
        fail_msg("%s: %s", source, error.text);
    struct exchange x = { .request_seen = true, .request_head = true, .method = HTTP_POST,
                               .status = 404, .target = "/login" };
    struct exchange_facts facts = { .exchange = &x, .covered = -1, .idle_before = 2 * NS_PER_S,
                                    .fin_known_for = NS_ABSENT, .fin_surely_known_for = NS_ABSENT };
    struct record record = { .close_by = BY_SERVER, .close_how = HOW_FIN, .close_phase = PHASE_IDLE,
                             .since_open = NS_UNKNOWN, .since_request = NS_ABSENT,
                             .fin_wait_2_by = -1, .reset_on_data_by = -1,
                             .server_software = "", .client_software = "",
                             .server_via = "", .client_via = "", .proxied_client = "", .server_name = "", .certificate_names = "" };
    const struct subject subject = { &record, &facts, NULL };
    struct value v = expr_value(expr, &subject);
    arena_free(&arena);
    return v;
}

static void expect(const char *source, enum value_state state, bool truth)
{
    struct value v = evaluate(source);
    if (v.state != state || (state == VALUE_KNOWN && v.truth != truth))
        fail_msg("%s: state %d, truth %d", source, (int)v.state, v.truth);
}

static void comparisons(void **state)
{
    (void)state;
    expect("close.by == server", VALUE_KNOWN, true);
    expect("close.by != server", VALUE_KNOWN, false);
    expect("close.phase in {fresh, idle}", VALUE_KNOWN, true);
    expect("response.status in {200..299, 404}", VALUE_KNOWN, true);
    expect("response.status in {200..299, 500..599}", VALUE_KNOWN, false);
    expect("request.idle_before >= 2s and request.idle_before < limit", VALUE_KNOWN, true);
    expect("request.idle_before * 2 + 1s == limit", VALUE_KNOWN, true);
    expect("request.idle_before / 1ms == 2000", VALUE_KNOWN, true);
    expect("request.method == \"POST\" && request.path contains \"log\"", VALUE_KNOWN, true);
    expect("2 + 3 * 4 == 14 and -(1 - 2) == 1", VALUE_KNOWN, true);
    expect("1.5s == 1500ms and 2min == 120s and 1h == 60min", VALUE_KNOWN, true);
    expect("lesser(1s, 2s) == 1s and greater(1, 2) == 2", VALUE_KNOWN, true);
    expect("round(2s) and not round(2.2s)", VALUE_KNOWN, true);
}

static void precedence(void **state)
{
    (void)state;
    expect("true or true and false", VALUE_KNOWN, true);
    expect("(true or true) and false", VALUE_KNOWN, false);
    expect("not false and false", VALUE_KNOWN, false);
    expect("not (false and false)", VALUE_KNOWN, true);
    expect("!false && !false || false", VALUE_KNOWN, true);
}

static void unknown_is_the_third_answer(void **state)
{
    (void)state;
    expect("close.since_open > 1s", VALUE_UNKNOWN, false);
    expect("not close.since_open > 1s", VALUE_UNKNOWN, false);
    expect("close.since_open > 1s and close.by == client", VALUE_KNOWN, false);
    expect("close.by == client and close.since_open > 1s", VALUE_KNOWN, false);
    expect("close.since_open > 1s or close.by == server", VALUE_KNOWN, true);
    expect("close.since_open > 1s and close.by == server", VALUE_UNKNOWN, false);
    expect("close.since_open > 1s or close.by == client", VALUE_UNKNOWN, false);
    assert_string_equal(evaluate("close.since_open > 1s").because,
                        "the handshake was not captured");
}

static void absent_is_no(void **state)
{
    (void)state;
    expect("close.since_request > 1s", VALUE_KNOWN, false);
    expect("close.since_request <= 1s", VALUE_KNOWN, false);
    expect("not close.since_request <= 1s", VALUE_KNOWN, true);
    expect("request.covered == none", VALUE_KNOWN, false);
    expect("request.fin_known_for < 5ms", VALUE_KNOWN, false);
    /* Does not apply outweighs not known: the comparison cannot hold. */
    expect("close.since_request > close.since_open", VALUE_KNOWN, false);
}

static void errors(void **state)
{
    (void)state;
    static const struct {
        const char *source, *text;
        size_t offset;
    } cases[] = {
        { "close.by == server and", "something is missing at the end", 22 },
        { "close.by = server", "write '=='", 9 },
        { "close.since_open > 5", "a duration has a unit", 19 },
        { "1s + 1 == 2s", "cannot be computed", 3 },
        { "close.by > server", "cannot be compared", 9 },
        { "exchanges", "a condition", 0 },
        { "close.by in client", "needs a set", 12 },
        { "\"open", "no closing quote", 0 },
        { "exchanges == 1 2", "not expected", 15 },
        { "fin_wait_2 == fin_wait_2", "cannot be compared", 11 },
        { "deadline.found", "a fact about a group", 0 },
        { "exchanges and true", "not a condition", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = { 0 };
        struct expr_error error = { 0 };
        const struct expr_context context = { .scope = SCOPE_CONNECTION };
        const struct expr *expr = expr_compile(&arena, cases[i].source, &context, &error);
        if (strcmp(cases[i].text, "a condition") == 0) {
            assert_non_null(expr); /* a value; whether a condition is wanted is the rule's affair */
        } else {
            if (expr != NULL || strstr(error.text, cases[i].text) == NULL)
                fail_msg("%s: '%s'", cases[i].source, error.text);
            assert_int_equal(error.offset, cases[i].offset);
        }
        arena_free(&arena);
    }
}

static void hostile_depth(void **state)
{
    (void)state;
    char deep[4001];
    memset(deep, '(', 4000);
    deep[4000] = '\0';
    struct arena arena = { 0 };
    struct expr_error error = { 0 };
    const struct expr_context context = { .scope = SCOPE_CONNECTION };
    assert_null(expr_compile(&arena, deep, &context, &error));
    assert_non_null(strstr(error.text, "nested too deeply"));
    arena_free(&arena);
}

/* Three connections: 0 to 4 s, 1 to 3 s, 6 to 7 s. */
static double of_group(const char *source)
{
    struct arena arena = { 0 };
    struct expr_error error = { 0 };
    const struct expr_context context = { .scope = SCOPE_GROUP };
    const struct expr *expr = expr_compile(&arena, source, &context, &error);
    if (expr == NULL)
        fail_msg("%s: %s", source, error.text);
    const struct record records[] = {
        { .first_ns = 0, .last_ns = 4 * NS_PER_S },
        { .first_ns = 1 * NS_PER_S, .last_ns = 3 * NS_PER_S },
        { .first_ns = 6 * NS_PER_S, .last_ns = 7 * NS_PER_S },
    };
    const struct member members[] = { { &records[0], NULL }, { &records[1], NULL },
                                      { &records[2], NULL } };
    const struct deadline deadline = { 0 };
    bool failed = false;
    const struct group group = { .members = members, .count = 3, .deadline = &deadline, .failed = &failed };
    struct value v = expr_group_value(expr, &group);
    assert_int_equal(v.state, VALUE_KNOWN);
    arena_free(&arena);
    return v.number;
}

static void groups(void **state)
{
    (void)state;
    assert_true(of_group("count()") == 3);
    assert_true(of_group("peak(life)") == 2);
    assert_true(of_group("period(life) / 1s") == 7);
    assert_true(of_group("count() / (period(life) / 7s)") == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons),  cmocka_unit_test(precedence),
        cmocka_unit_test(unknown_is_the_third_answer),
        cmocka_unit_test(absent_is_no), cmocka_unit_test(errors),
        cmocka_unit_test(hostile_depth), cmocka_unit_test(groups),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
