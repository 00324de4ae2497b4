/* Which well-known default does a deadline fit? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rules/rule.h"
#include "rules/timers.h"

#define MS NS_PER_MS

static const char table[] =
    "timers:\n"
    "- {software: Quiet, end: server, settings: [{setting: idle, seconds: 5, late: 1, times: idle, "
    "from: response, phases: idle, source: s}]}\n"
    "- {software: Loud, end: server, products: [Loud], announces: true, settings: [{setting: idle, "
    "seconds: 5, times: idle, from: [response, open], phases: [idle, fresh], source: s}]}\n"
    "- {software: Between, end: server, proxies: true, settings: [{setting: idle, seconds: 5, "
    "times: idle, from: response, phases: idle, source: s}]}\n"
    "- {software: Caller, end: client, products: [caller], settings: [{setting: wait, seconds: 10, "
    "times: response, from: request, phases: [waiting, response], source: s}]}\n";

static struct rules *load(const char *text)
{
    struct rules *rules = calloc(1, sizeof *rules);
    struct err err = { "" };
    assert_non_null(rules);
    if (!rules_add(rules, "table.yaml", text, strlen(text), &err))
        fail_msg("%s", err.text);
    return rules;
}

static void unload(struct rules *rules)
{
    rules_free(rules);
    free(rules);
}

static struct record idle_record(const char *server)
{
    return (struct record){ .close_by = BY_SERVER, .close_phase = PHASE_IDLE, .exchanges = 1,
                            .requests = 1, .server_software = server, .client_software = "",
                            .server_via = "", .client_via = "", .proxied_client = "", .server_name = "", .certificate_names = "" };
}

static struct deadline deadline_of(enum reference from, int64_t ns)
{
    return (struct deadline){ .found = true, .from = from,
                              .cluster = { 3, 3, ns, ns, ns } };
}

/* "Loud! Quiet" : what fits three connections like this one, `!` where a header names it. */
static void fits(const struct rules *rules, const struct record *record, struct deadline deadline,
                 const char *expected)
{
    struct member members[] = { { record, NULL }, { record, NULL }, { record, NULL } };
    struct known_default found[KNOWN_DEFAULTS_MAX];
    char text[256] = "";
    size_t count = timers_fit(rules->timers, &deadline, members, 3, found);
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s%s", i > 0 ? " " : "",
                 found[i].timer->program->software, found[i].named_by != NULL ? "!" : "");
    }
    assert_string_equal(text, expected);
}

static void products_are_whole_words(void **state)
{
    (void)state;
    assert_true(timers_names_product("Apache/2.4.57 (Debian)", "Apache"));
    assert_true(timers_names_product("Python/3.11 aiohttp/3.9", "aiohttp"));
    assert_true(timers_names_product("Jetty(9.4.48)", "jetty"));
    assert_true(timers_names_product("Amazon CloudFront", "Amazon CloudFront"));
    assert_false(timers_names_product("Apache-Coyote/1.1", "Apache"));
    assert_false(timers_names_product("node-fetch/1.0", "node"));
    assert_false(timers_names_product("mynginx", "nginx"));
    assert_false(timers_names_product("", "nginx"));
}

static void headers_rank_and_rule_out(void **state)
{
    (void)state;
    struct rules *rules = load(table);
    struct record silent = idle_record(""), loud = idle_record("loud/2"), other = idle_record("My/1");
    struct deadline five = deadline_of(FROM_RESPONSE, 5003 * MS);
    fits(rules, &loud, five, "Loud! Between");
    fits(rules, &silent, five, "Quiet Between"); /* the loud one would have said so */
    fits(rules, &other, five, "Quiet Between");
    struct record fresh = idle_record("");
    fresh.close_phase = PHASE_FRESH;
    fresh.exchanges = 0; /* nobody could say anything yet */
    fits(rules, &fresh, deadline_of(FROM_OPEN, 5001 * MS), "Loud");
    unload(rules);
}

static void via_names_proxies(void **state)
{
    (void)state;
    struct rules *rules = load(
        "timers:\n"
        "- {software: Cache, end: server, products: [Cache], via: [cache], proxies: true, settings: [{setting: "
        "idle, seconds: 5, times: idle, from: response, phases: idle, source: s}]}\n"
        "- {software: Edge, end: server, via: [edge], announces_via: true, proxies: true, settings: [{setting: "
        "idle, seconds: 5, times: idle, from: response, phases: idle, source: s}]}\n"
        "- {software: Loud, end: server, products: [Loud], announces: true, settings: [{setting: idle, "
        "seconds: 5, times: idle, from: response, phases: idle, source: s}]}\n"
        "- {software: Caller, end: client, products: [caller], settings: [{setting: idle, seconds: 5, "
        "times: idle, from: response, phases: idle, source: s}]}\n"
        "- {software: Edge, end: client, products: [Edge CDN], via: [edge], proxies: true, settings: "
        "[{setting: idle, seconds: 5, times: idle, from: response, phases: idle, source: s}]}\n");
    struct deadline five = deadline_of(FROM_RESPONSE, 5003 * MS);
    struct record r = idle_record("");
    fits(rules, &r, five, "Cache"); /* the edge would have said so */
    r.server_via = "edge";
    fits(rules, &r, five, "Edge! Cache");
    r.server_via = "cache/7.1";
    fits(rules, &r, five, "Cache!");
    r.server_software = "Loud/2";
    fits(rules, &r, five, "Cache! Loud!"); /* the one behind the other, or the other way round */
    r.server_via = "";
    fits(rules, &r, five, "Loud! Cache");
    r.server_via = "someone";
    fits(rules, &r, five, "Loud! Cache"); /* the edge would have been the last */
    r.server_via = "...";
    fits(rules, &r, five, "Loud! Cache Edge"); /* and may be */
    r.server_software = "";
    fits(rules, &r, five, "Cache Edge");
    r.close_by = BY_CLIENT;
    r.client_software = "caller/3";
    fits(rules, &r, five, "Caller! Edge");
    r.client_via = "someone";
    fits(rules, &r, five, "Caller Edge"); /* who called that one */
    r.client_via = "edge";
    fits(rules, &r, five, "Edge!");
    r.client_via = "...";
    r.client_software = "Edge CDN";
    fits(rules, &r, five, "Edge!");
    unload(rules);
}

static void value_phase_end_and_reference(void **state)
{
    (void)state;
    struct rules *rules = load(table);
    struct record r = idle_record("");
    fits(rules, &r, deadline_of(FROM_RESPONSE, 4985 * MS), "Quiet Between");
    fits(rules, &r, deadline_of(FROM_RESPONSE, 4900 * MS), "");
    fits(rules, &r, deadline_of(FROM_RESPONSE, 6050 * MS), "Quiet"); /* late: 1 */
    fits(rules, &r, deadline_of(FROM_RESPONSE, 6300 * MS), "");
    fits(rules, &r, deadline_of(FROM_REQUEST, 5000 * MS), "");
    struct deadline either = deadline_of(FROM_REQUEST, 5000 * MS);
    either.has_runner_up = true;
    either.runner_up = FROM_RESPONSE;
    fits(rules, &r, either, "Quiet Between");
    struct deadline none = { .found = false };
    fits(rules, &r, none, "");
    r.close_phase = PHASE_WAITING;
    fits(rules, &r, deadline_of(FROM_RESPONSE, 5000 * MS), "");
    r.close_by = BY_CLIENT;
    r.client_software = "caller/3";
    fits(rules, &r, deadline_of(FROM_REQUEST, 10002 * MS), "Caller!");
    r.client_software = "curl/8";
    fits(rules, &r, deadline_of(FROM_REQUEST, 10002 * MS), "Caller"); /* it need not say its name */
    unload(rules);
}

static void at_most_a_few(void **state)
{
    (void)state;
    struct rules *rules = load(table);
    char more[] = "timers:\n- {software: X0, end: server, settings: [{setting: idle, seconds: 5, "
                  "times: idle, from: response, phases: idle, source: s}]}\n";
    struct err err = { "" };
    for (char i = '1'; i <= '6'; i++) {
        *(strstr(more, "X") + 1) = i;
        assert_true(rules_add(rules, "own.yaml", more, strlen(more), &err));
    }
    struct record r = idle_record("");
    fits(rules, &r, deadline_of(FROM_RESPONSE, 5000 * MS), "X6 X5 X4 X3"); /* one's own come first */
    unload(rules);
}

static void shipped_table_loads(void **state)
{
    (void)state;
    struct rules rules = { 0 };
    struct err err = { "" };
    assert_true(rules_add_builtin(&rules, true, &err));
    size_t count = 0;
    for (const struct timer *t = rules.timers; t != NULL; t = t->next)
        count++;
    assert_true(count > 50);
    struct record r = idle_record("nginx/1.24.0");
    fits(&rules, &r, deadline_of(FROM_RESPONSE, 75005 * MS), "nginx!");
    rules_free(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_whole_words),
        cmocka_unit_test(headers_rank_and_rule_out),
        cmocka_unit_test(via_names_proxies),
        cmocka_unit_test(value_phase_end_and_reference),
        cmocka_unit_test(at_most_a_few),
        cmocka_unit_test(shipped_table_loads),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
