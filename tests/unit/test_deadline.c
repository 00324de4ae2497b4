/* Is a time fixed? And from which event? */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "facts/deadline.h"
#include "facts/peak.h"

#define MS NS_PER_MS

static bool is_fixed(int64_t *times, size_t count)
{
    bool fixed;
    assert_true(cluster_is_fixed(times, count, &fixed));
    return fixed;
}

static void fixed_or_not(void **state)
{
    (void)state;
    int64_t fixed[] = { 2001 * MS, 2000 * MS, 2007 * MS, 2003 * MS };
    assert_true(is_fixed(fixed, 4));
    int64_t scattered[] = { 500 * MS, 900 * MS, 1400 * MS, 2300 * MS };
    assert_false(is_fixed(scattered, 4));
    int64_t minority[] = { 1000 * MS, 5000 * MS, 1900 * MS, 5001 * MS, 2500 * MS };
    assert_false(is_fixed(minority, 5));
    int64_t quick[] = { MS, MS, MS };
    assert_false(is_fixed(quick, 3)); /* processing, not a timer */
    assert_false(is_fixed(quick, 0));
}

static struct record record_of(int64_t open, int64_t request)
{
    return (struct record){ .since_open = open, .since_request = request,
                            .since_response = NS_ABSENT, .since_activity = NS_UNKNOWN };
}

#define MOST 20000

static struct deadlines infer(struct record *records, size_t count)
{
    static const struct reference_list list = { { FROM_REQUEST, FROM_OPEN }, 2 };
    static const struct record *pointers[MOST];
    static uint8_t timer_of[MOST];
    struct deadlines found;
    for (size_t i = 0; i < count; i++)
        pointers[i] = &records[i];
    assert_true(deadlines_infer(pointers, count, &list, 1, &found, timer_of));
    for (size_t t = 0; t < found.count; t++) {
        size_t members = 0;
        for (size_t i = 0; i < count; i++)
            members += timer_of[i] == t;
        assert_int_equal(members, found.items[t].cluster.samples);
    }
    return found;
}

static void tightest_reference_wins(void **state)
{
    (void)state;
    struct record r[] = { record_of(3000 * MS, 57 * MS), record_of(3001 * MS, 760 * MS),
                          record_of(3000 * MS, 1900 * MS) };
    struct deadlines d = infer(r, 3);
    assert_int_equal(d.count, 1);
    assert_int_equal(d.items[0].from, FROM_OPEN);
    assert_false(d.items[0].has_runner_up);
    assert_int_equal(d.items[0].cluster.median_ns, 3000 * MS);
}

static void both_explain(void **state)
{
    (void)state;
    /* One request each, at once: the preferred reference, and the other one told. */
    struct record r[] = { record_of(2001 * MS, 2000 * MS), record_of(2003 * MS, 2001 * MS),
                          record_of(2002 * MS, 2001 * MS) };
    struct deadlines d = infer(r, 3);
    assert_int_equal(d.count, 1);
    assert_int_equal(d.items[0].from, FROM_REQUEST);
    assert_true(d.items[0].has_runner_up);
    assert_int_equal(d.items[0].runner_up, FROM_OPEN);
}

static void requests_seen_late(void **state)
{
    (void)state;
    /* One request each, at once, and two of thirty were lost before they came by: still the request may be what counts.
     * Where a tenth came at another age, it is not. */
    struct record r[30];
    for (size_t late = 2; late <= 3; late++) {
        for (size_t i = 0; i < 30; i++)
            r[i] = record_of((2001 + (int64_t)i % 3) * MS, (2000 + (int64_t)i % 3 - (i < late ? 200 : 0)) * MS);
        struct deadlines d = infer(r, 30);
        assert_true(d.count > 0);
        assert_int_equal(d.items[0].from, late == 2 ? FROM_REQUEST : FROM_OPEN);
        assert_int_equal(d.items[0].has_runner_up, late == 2);
    }
}

static void several_timers(void **state)
{
    (void)state;
    struct record r[] = { record_of(NS_UNKNOWN, 5000 * MS),  record_of(NS_UNKNOWN, 10000 * MS),
                          record_of(NS_UNKNOWN, 5001 * MS),  record_of(NS_UNKNOWN, 15000 * MS),
                          record_of(NS_UNKNOWN, 10001 * MS), record_of(NS_UNKNOWN, 15002 * MS),
                          record_of(NS_UNKNOWN, 5002 * MS),  record_of(NS_UNKNOWN, 10003 * MS),
                          record_of(NS_UNKNOWN, 15001 * MS), record_of(NS_UNKNOWN, 7777 * MS) };
    struct deadlines d = infer(r, 10);
    assert_int_equal(d.count, 3);
    assert_true(deadlines_main(&d, 10).found); /* together nearly all */
}

/* Healthy closes of the same client hide no timer, however many there are. */
static void among_others(void **state)
{
    (void)state;
    static struct record r[MOST];
    uint64_t seed = 1;
    for (size_t others = 1; others <= MOST / 2; others *= 10) {
        size_t timed = others < 100 ? 3 : others / 20;
        for (size_t i = 0; i < others; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            int64_t waited = 60 * MS + (int64_t)(seed >> 40) % 20000 * MS;
            r[i] = record_of(waited + (int64_t)(seed >> 50) % 5000 * MS, waited);
        }
        for (size_t i = 0; i < timed; i++)
            r[others + i] = record_of(2000 * MS + (int64_t)(i % 7) * MS / 2, 70 * MS + (int64_t)(i * 7919 % 1900) * MS);
        struct deadlines d = infer(r, others + timed);
        assert_int_equal(d.count, 1);
        assert_int_equal(d.items[0].from, FROM_OPEN);
        assert_in_range(d.items[0].cluster.median_ns, 2000 * MS, 2004 * MS);
        assert_in_range(d.items[0].cluster.samples, timed, timed + timed / 10);
        assert_int_equal(deadlines_main(&d, others + timed).found, others < timed + timed);
    }
}

/* What has no timer shows one about as often as is promised: times over a factor of 30, of 3, around one value. */
static void by_chance(void **state)
{
    (void)state;
    static struct record r[200];
    unsigned found = 0, tried = 0;
    uint64_t seed = 7;
    for (int spread = 0; spread < 3; spread++)
        for (int round = 0; round < 1000; round++, tried++) {
            size_t count = 2 + (size_t)round % 60;
            for (size_t i = 0; i < count; i++) {
                double u[4];
                for (int k = 0; k < 4; k++) {
                    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
                    u[k] = (double)(seed >> 11) / 9007199254740992.0;
                }
                double bell = u[0] + u[1] + u[2] - 1.5; /* about normal */
                double t = spread == 0 ? pow(30, u[0]) : spread == 1 ? pow(3, u[0]) : exp(0.3 * bell);
                r[i] = record_of((int64_t)(t * 4e8 + u[3] * 9e8), (int64_t)(t * 4e8));
            }
            found += infer(r, count).count > 0;
        }
    print_message("# %u of %u\n", found, tried);
    assert_true(found < tried * 2 / 100);
}

static void two_are_enough(void **state)
{
    (void)state;
    struct record same[] = { record_of(NS_UNKNOWN, 1500 * MS), record_of(NS_UNKNOWN, 1501 * MS) };
    assert_int_equal(infer(same, 2).count, 1);
    struct record apart[] = { record_of(NS_UNKNOWN, 1500 * MS), record_of(NS_UNKNOWN, 1530 * MS) };
    assert_int_equal(infer(apart, 2).count, 0); /* within the tolerance, but so may chance be */
    struct record beside[] = { record_of(NS_UNKNOWN, 1000 * MS), record_of(NS_UNKNOWN, 1000 * MS),
                               record_of(NS_UNKNOWN, 400 * MS), record_of(NS_UNKNOWN, 400 * MS) };
    assert_int_equal(infer(beside, 4).count, 2);
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
    assert_int_equal(infer(r, 6).count, 0); /* of requests, people give up at any time */
}

static void too_few(void **state)
{
    (void)state;
    struct record r[] = { record_of(2000 * MS, NS_ABSENT), record_of(NS_UNKNOWN, 2000 * MS) };
    assert_int_equal(infer(r, 2).count, 0);
    assert_int_equal(infer(r, 0).count, 0);
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
        cmocka_unit_test(fixed_or_not),     cmocka_unit_test(tightest_reference_wins),
        cmocka_unit_test(both_explain), cmocka_unit_test(too_few),
        cmocka_unit_test(requests_seen_late),
        cmocka_unit_test(several_timers),
        cmocka_unit_test(among_others),
        cmocka_unit_test(by_chance),
        cmocka_unit_test(two_are_enough), cmocka_unit_test(coarse_tickers),
        cmocka_unit_test(round_values), cmocka_unit_test(peaks),
        cmocka_unit_test(bursts),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
