/* Is a time fixed? And from which event? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "facts/deadline.h"
#include "facts/peak.h"

#define MS NS_PER_MS

static void clusters(void **state)
{
    (void)state;
    struct cluster c;
    int64_t fixed[] = { 2001 * MS, 2000 * MS, 2007 * MS, 2003 * MS };
    assert_true(cluster_find(fixed, 4, &c));
    assert_int_equal(c.samples, 4);
    assert_int_equal(c.high_ns - c.low_ns, 7 * MS);
    int64_t scattered[] = { 500 * MS, 900 * MS, 1400 * MS, 2300 * MS };
    assert_true(cluster_find(scattered, 4, &c));
    assert_int_equal(c.samples, 1);
    int64_t two[] = { 1000 * MS, 5000 * MS, 1001 * MS, 5001 * MS, 5002 * MS };
    assert_true(cluster_find(two, 5, &c));
    assert_int_equal(c.samples, 3);
    assert_int_equal(c.median_ns, 5001 * MS);
    int64_t quick[] = { MS, MS, MS };
    assert_false(cluster_find(quick, 3, &c)); /* processing, not a timer */
    assert_false(cluster_find(quick, 0, &c));
}

static struct record record_of(int64_t open, int64_t request)
{
    return (struct record){ .since_open = open, .since_request = request,
                            .since_response = NS_ABSENT, .since_activity = NS_UNKNOWN };
}

static struct deadline infer(struct record *records, size_t count)
{
    static const struct reference_list list = { { FROM_REQUEST, FROM_OPEN }, 2 };
    const struct record *pointers[8];
    int64_t times[8];
    for (size_t i = 0; i < count; i++)
        pointers[i] = &records[i];
    return deadline_infer(pointers, count, &list, times);
}

static void tightest_reference_wins(void **state)
{
    (void)state;
    struct record r[] = { record_of(3000 * MS, 57 * MS), record_of(3001 * MS, 760 * MS),
                          record_of(3000 * MS, 1900 * MS) };
    struct deadline d = infer(r, 3);
    assert_true(d.found);
    assert_int_equal(d.from, FROM_OPEN);
    assert_false(d.has_runner_up);
    assert_int_equal(d.cluster.median_ns, 3000 * MS);
}

static void both_explain(void **state)
{
    (void)state;
    /* One request each, at once: the preferred reference, and the other one told. */
    struct record r[] = { record_of(2001 * MS, 2000 * MS), record_of(2003 * MS, 2001 * MS),
                          record_of(2002 * MS, 2001 * MS) };
    struct deadline d = infer(r, 3);
    assert_true(d.found);
    assert_int_equal(d.from, FROM_REQUEST);
    assert_true(d.has_runner_up);
    assert_int_equal(d.runner_up, FROM_OPEN);
}

static void several_timers(void **state)
{
    (void)state;
    int64_t three[] = { 5000 * MS, 10000 * MS, 5001 * MS, 15000 * MS, 10001 * MS, 15002 * MS,
                        5002 * MS, 10003 * MS, 15001 * MS, 7777 * MS };
    assert_true(clusters_explain(three, 10));
    int64_t scattered[] = { 1000 * MS, 1001 * MS, 1002 * MS, 2900 * MS, 4100 * MS, 6000 * MS, 7100 * MS };
    assert_false(clusters_explain(scattered, 7));
}

static void coarse_tickers(void **state)
{
    (void)state;
    struct cluster c;
    int64_t swept[] = { 5030 * MS, 5980 * MS, 5410 * MS, 5200 * MS, 5760 * MS, 5550 * MS };
    assert_true(cluster_find_coarse(swept, 6, &c));
    assert_int_equal(c.low_ns, 5030 * MS);
    assert_false(cluster_find_coarse(swept, 5, &c)); /* too few to tell */
    int64_t human[] = { 2100 * MS, 2900 * MS, 4400 * MS, 3900 * MS, 5200 * MS, 7100 * MS };
    assert_false(cluster_find_coarse(human, 6, &c));
    int64_t quick[] = { 130 * MS, 980 * MS, 410 * MS, 200 * MS, 760 * MS, 550 * MS };
    assert_false(cluster_find_coarse(quick, 6, &c)); /* anything lies within a second */
    struct record r[6];
    for (int i = 0; i < 6; i++)
        r[i] = (struct record){ .since_open = NS_UNKNOWN, .since_request = 5000 * MS + i * 170 * MS,
                                .since_response = NS_ABSENT, .since_activity = NS_ABSENT };
    assert_false(infer(r, 6).found); /* of requests, people give up at any time */
}

static void too_few(void **state)
{
    (void)state;
    struct record r[] = { record_of(2000 * MS, NS_ABSENT), record_of(2000 * MS, NS_UNKNOWN) };
    assert_false(infer(r, 2).found);
    assert_false(infer(r, 0).found);
}

static void round_values(void **state)
{
    (void)state;
    assert_true(deadline_is_round(5000 * MS));
    assert_true(deadline_is_round(5001 * MS));
    assert_true(deadline_is_round(4999 * MS));
    assert_false(deadline_is_round(4990 * MS));
    assert_false(deadline_is_round(INT64_MAX));
    assert_true(deadline_is_round(1000 * MS));
    assert_false(deadline_is_round(5100 * MS));
    assert_false(deadline_is_round(0));
    assert_false(deadline_is_round(3 * MS));
}

static void peaks(void **state)
{
    (void)state;
    struct peak_event events[] = { { 0, +1 }, { 10, -1 }, { 5, +1 }, { 20, -1 }, { 10, +1 }, { 15, -1 } };
    struct peak p = peak_find(events, 6);
    assert_int_equal(p.count, 2);
    assert_int_equal(p.at_ns, 5);
    assert_int_equal(peak_find(events, 0).count, 0);
}

static void bursts(void **state)
{
    (void)state;
    int64_t times[] = { 50, 10, 12, 14, 40, 42, 60 };
    struct burst b = burst_find(times, 7, 4);
    assert_int_equal(b.count, 3);
    assert_int_equal(b.first_ns, 10);
    assert_int_equal(b.last_ns, 14);
    assert_int_equal(burst_find(times, 7, 50).count, 7);
    assert_int_equal(burst_find(times, 7, 0).count, 1);
    assert_int_equal(burst_find(times, 0, 4).count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters),     cmocka_unit_test(tightest_reference_wins),
        cmocka_unit_test(both_explain), cmocka_unit_test(too_few),
        cmocka_unit_test(several_timers), cmocka_unit_test(coarse_tickers),
        cmocka_unit_test(round_values), cmocka_unit_test(peaks),
        cmocka_unit_test(bursts),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
