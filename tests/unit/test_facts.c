/* Stream numbers, timelines: what analyses of parts put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slab.h"
#include "track/stream_numbers.h"
#include "facts/timeline.h"

static void numbers_are_ranks(void **state)
{
    (void)state;
    struct streams one = { 0 }, two = { 0 };
    assert_true(streams_open(&one, 0, 1));
    assert_true(streams_open(&two, 0, 4));
    assert_true(streams_open(&one, 0, 9));
    assert_true(streams_open(&two, 1, 2));
    /* Connection 7 goes on in file 1: it has a number there, once. */
    assert_true(streams_go_on(&one, 7, 1, 1));
    assert_true(streams_go_on(&one, 7, 1, 5));
    assert_true(streams_merge(&one, &two));
    assert_int_equal(streams_total(&one), 5);
    assert_int_equal(streams_number(&one, 0, 1), 0);
    assert_int_equal(streams_number(&one, 0, 4), 1);
    assert_int_equal(streams_number(&one, 0, 9), 2);
    assert_int_equal(streams_number(&one, 1, 2), 1);
    streams_free(&one);
    streams_free(&two);
}

static void many_go_on(void **state)
{
    (void)state;
    struct streams streams = { 0 };
    for (uint32_t round = 0; round < 3; round++)
        for (uint32_t i = 0; i < 5000; i++)
            assert_true(streams_go_on(&streams, i, (uint16_t)(i % 100), round * 5000 + i + 1));
    assert_int_equal(streams_total(&streams), 5000);
    streams_free(&streams);
}

static void timeline_keeps_both_ends(void **state)
{
    (void)state;
    struct slab tails;
    struct timeline timeline = { 0 };
    slab_init(&tails, TIMELINE_LAST * sizeof(struct timeline_entry));
    for (uint32_t i = 1; i <= 40; i++) {
        struct timeline_entry entry = { .frame = i, .kind = TIMELINE_FIN, .count = 1 };
        timeline_set_since(&entry, (int64_t)i * 1000000007);
        assert_true(timeline_add(&timeline, &entry, &tails));
    }
    assert_int_equal(timeline_kept(&timeline), TIMELINE_FIRST + TIMELINE_LAST);
    assert_int_equal(timeline_dropped(&timeline), 40 - TIMELINE_FIRST - TIMELINE_LAST);
    assert_int_equal(timeline_at(&timeline, TIMELINE_FIRST - 1)->frame, TIMELINE_FIRST);
    const struct timeline_entry *tail = timeline_at(&timeline, TIMELINE_FIRST);
    assert_int_equal(tail->frame, 40 - TIMELINE_LAST + 1);
    assert_int_equal(timeline_since_ns(tail), (int64_t)tail->frame * 1000000007 / 1000 * 1000);
    slab_free(&tails);
}

static void times_reach_far(void **state)
{
    (void)state;
    const int64_t times[] = { 0, 1000, -1000, INT64_C(86400000000000) * 365, -INT64_C(5000000000) };
    struct timeline_entry entry = { 0 };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        timeline_set_since(&entry, times[i]);
        assert_true(timeline_since_ns(&entry) == times[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_ranks),
        cmocka_unit_test(many_go_on),
        cmocka_unit_test(timeline_keeps_both_ends),
        cmocka_unit_test(times_reach_far),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
