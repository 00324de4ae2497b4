/*
 * A run that is fed by hand, with and without ticks, in one thread and in three: the same findings; a tick judges what
 * has waited long enough.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "capture/conv.h"
#include "run/run.h"

/* Connections that are closed, and lose a request before: a second apart. */
#define BEGIN                                                     \
    "repeat 40 every 1 {\n"                                       \
    "conn 10.0.0.1:40000 > 10.0.0.2:80\n"                         \
    "+0      > S\n"                                               \
    "+0.001  < S.\n"                                              \
    "+0      > .\n"                                               \
    "+0      > \"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"\n"   \
    "+0.001  < .\n"
static const char closed[] = BEGIN "+0.500  < F.\n+0.001  > F.\n+0.001  < .\n}\n";
static const char reset[] = BEGIN "+0.500  < R.\n}\n"; /* more may come for a while */

static void load(struct rules *rules)
{
    struct err err = { "" };
    *rules = (struct rules){ 0 };
    assert_true(rules_add_builtin(rules, false, &err));
    rules_link(rules);
}

/* Feeds the packets one at a time, and ticks behind each if that is wanted. */
static void feed(struct run *run, const char *conversation, int64_t tick_after_ns)
{
    struct err err = { "" };
    struct capture *capture = conv_open("test", conversation, strlen(conversation), &err);
    assert_non_null(capture);
    struct packet packet;
    struct capture_batch batch = { .packets = &packet, .max = 1 };
    while (capture_read(capture, &batch, &err) == CAPTURE_PACKETS) {
        struct block *block = run->shards != NULL ? block_new(packet.caplen) : NULL;
        if (block != NULL) { /* threads keep what they look at */
            memcpy(block->bytes, packet.data, packet.caplen);
            packet.data = block->bytes;
        }
        assert_true(run_feed(run, &packet, 1, block));
        if (block != NULL)
            block_release(block);
        if (tick_after_ns > 0)
            assert_true(run_tick(run, packet.ts_ns + tick_after_ns));
    }
    capture_close(capture);
}

static void findings(struct run *run, char text[256])
{
    size_t count, used = 0;
    const struct finding *found = engine_findings(run->engine, &count);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, 256 - used, "%s=%zu ", found[i].rule->id, found[i].count);
}

static void finds(size_t threads, int64_t tick_after_ns, const char *expected)
{
    struct rules rules;
    struct err err = { "" };
    char text[256];
    load(&rules);
    struct run *run = run_new(&rules, &(struct tracker_options){ 0 }, threads, &err);
    assert_non_null(run);
    feed(run, closed, tick_after_ns);
    assert_int_equal(run_finish(run, &err), RUN_OK);
    findings(run, text);
    assert_string_equal(text, expected);
    run_free(run);
    rules_free(&rules);
}

static void however_it_is_fed(void **state)
{
    (void)state;
    static const char expected[] = "server-closed-without-response=40 ";
    for (size_t threads = 1; threads <= 3; threads += 2) {
        finds(threads, 0, expected);
        finds(threads, NS_PER_MS, expected);
    }
}

static void a_tick_judges(void **state)
{
    (void)state;
    struct rules rules;
    struct err err = { "" };
    load(&rules);
    struct run *run = run_new(&rules, &(struct tracker_options){ 0 }, 1, &err);
    assert_non_null(run);
    feed(run, reset, 0);
    uint64_t before = tracker_counts(run->tracker)->connections;
    assert_int_equal(before, 0);
    assert_true(run_tick(run, run->intake.now_ns + 3600 * NS_PER_S));
    assert_int_equal(tracker_counts(run->tracker)->connections, 40);
    assert_int_equal(run_finish(run, &err), RUN_OK);
    run_free(run);
    rules_free(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(however_it_is_fed),
        cmocka_unit_test(a_tick_judges),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
