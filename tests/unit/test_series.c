/* Numbers over time: difference arrays, doubling, parts that are put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "track/series.h"

#define ORIGIN (INT64_C(1700000000) * NS_PER_S + 123456789)
#define ROW SERIES_STATE(ROLE_SERVER, TCP_CLOSE_WAIT)
#define TIME_WAIT SERIES_STATE(ROLE_CLIENT, TCP_TIME_WAIT)

/* A connection between 10.0.0.CLIENT and 10.1.0.SERVER:80. */
static struct tcp_tuple ends(unsigned client, unsigned server)
{
    struct tcp_tuple tuple = { .port = { 40000, 80 } };
    tuple.address[0] = (struct ip_address){ { 10, 0, (uint8_t)(client >> 8), (uint8_t)client } };
    tuple.address[1] = (struct ip_address){ { 10, 1, (uint8_t)(server >> 8), (uint8_t)server } };
    return tuple;
}

static void put(struct series *s, unsigned server, unsigned row, int64_t from_ns, int64_t to_ns)
{
    struct tcp_tuple tuple = ends(1, server);
    series_reach(s, to_ns);
    struct series_span span = { (uint8_t)row, (uint8_t)series_at(s, from_ns),
                                (uint8_t)series_at(s, to_ns), false };
    assert_true(series_add(s, &tuple, 0, &span, span.from < span.to, 1));
}

static void put_time_wait(struct series *s, int64_t since_ns)
{
    struct tcp_tuple tuple = ends(1, 1);
    series_reach(s, since_ns);
    struct series_span span = series_time_wait(s, ROLE_CLIENT, since_ns);
    assert_true(series_add(s, &tuple, 0, &span, 1, 1));
}

static const struct series_entry *only(const struct series *s, enum series_kind kind)
{
    const struct series_entry *top[2];
    assert_int_equal(series_top(s, kind, top, 2), 1);
    return top[0];
}

static void counts_at_instants(void **state)
{
    (void)state;
    struct series s;
    uint32_t values[SERIES_SAMPLES];
    series_init(&s);
    series_begin(&s, ORIGIN);
    put(&s, 1, ROW, ORIGIN + 2 * NS_PER_MS, ORIGIN + 5 * NS_PER_MS);     /* 2, 3, 4 */
    put(&s, 1, ROW, ORIGIN + 3 * NS_PER_MS + 1, ORIGIN + 4 * NS_PER_MS + 1); /* 4 */
    put(&s, 1, ROW, ORIGIN + 6 * NS_PER_MS + 1, ORIGIN + 7 * NS_PER_MS);  /* none */
    put(&s, 1, ROW, ORIGIN - NS_PER_S, ORIGIN + NS_PER_MS);               /* 0: before the origin is at it */
    unsigned samples = series_samples(&s, ORIGIN + 7 * NS_PER_MS);
    assert_int_equal(samples, 8);
    assert_int_equal(series_width_ns(&s), NS_PER_MS);
    assert_int_equal(series_values(&s, only(&s, SERIES_SERVERS), ROW, samples, values), 2);
    const uint32_t expected[] = { 1, 0, 1, 1, 2, 0, 0, 0 };
    assert_memory_equal(values, expected, sizeof expected);
    assert_int_equal(series_values(&s, only(&s, SERIES_CLIENTS), ROW, samples, values), 2);
    assert_int_equal(only(&s, SERIES_CLIENTS)->connections, 4);
    assert_int_equal(series_values(&s, only(&s, SERIES_SERVERS), ROW + 1, samples, values), 0);
    series_free(&s);
}

#define SPANS 500

struct some_span {
    int64_t from, to;
    unsigned server;
    bool time_wait;
};

/* Deterministic, over 9 powers of two of the capture's length. */
static void make_spans(struct some_span spans[SPANS], unsigned seed)
{
    uint32_t x = 12345 + seed;
    for (unsigned i = 0; i < SPANS; i++) {
        uint32_t r[3];
        for (int k = 0; k < 3; k++)
            r[k] = (x = x * 1664525 + 1013904223) >> 8;
        int64_t until = (INT64_C(1) << (20 + i * 18 / SPANS)) + 1;
        spans[i].from = ORIGIN + (int64_t)r[0] * 4099 % until;
        spans[i].to = spans[i].from + (int64_t)r[1] * 4099 % until;
        spans[i].server = 1 + r[2] % 5;
        spans[i].time_wait = r[2] % 7 == 0;
    }
}

static void put_some(struct series *s, const struct some_span *span)
{
    if (span->time_wait)
        put_time_wait(s, span->from);
    else
        put(s, span->server, ROW, span->from, span->to);
}

/* What is true at sample i. */
static uint32_t truth(const struct some_span *spans, unsigned server, bool time_wait, int64_t at)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < SPANS; i++) {
        unsigned of = spans[i].time_wait ? 1 : spans[i].server;
        int64_t to = spans[i].to;
        if (spans[i].time_wait) {
            /* 60 s from the next whole millisecond on. */
            int64_t ms = (spans[i].from - ORIGIN + NS_PER_MS - 1) / NS_PER_MS;
            to = ORIGIN + ms * NS_PER_MS + 60 * NS_PER_S;
        }
        n += of == server && spans[i].time_wait == time_wait && spans[i].from <= at && at < to;
    }
    return n;
}

static void doubling_is_exact(void **state)
{
    (void)state;
    struct some_span spans[SPANS];
    for (unsigned seed = 0; seed < 5; seed++) {
        struct series s;
        const struct series_entry *top[8];
        uint32_t values[SERIES_SAMPLES];
        make_spans(spans, seed);
        series_init(&s);
        series_begin(&s, ORIGIN);
        int64_t last = ORIGIN;
        for (unsigned i = 0; i < SPANS; i++) {
            put_some(&s, &spans[i]);
            last = spans[i].to > last ? spans[i].to : last;
        }
        series_reach(&s, last);
        unsigned samples = series_samples(&s, last);
        assert_true(samples > SERIES_SAMPLES / 2 && samples <= SERIES_SAMPLES);
        assert_int_equal(series_top(&s, SERIES_SERVERS, top, 8), 5);
        for (unsigned k = 0; k < 5; k++)
            for (unsigned i = 0; i < samples; i++) {
                int64_t at = ORIGIN + (int64_t)i * series_width_ns(&s);
                unsigned server = top[k]->key.address.bytes[3];
                if (series_values(&s, top[k], ROW, samples, values) > 0)
                    assert_int_equal(values[i], truth(spans, server, false, at));
                if (series_values(&s, top[k], TIME_WAIT, samples, values) > 0)
                    assert_int_equal(values[i], truth(spans, server, true, at));
            }
        series_free(&s);
    }
}

static void assert_same(const struct series *a, const struct series *b, int64_t last)
{
    uint32_t x[SERIES_SAMPLES], y[SERIES_SAMPLES];
    unsigned samples = series_samples(a, last);
    assert_int_equal(series_width_ns(a), series_width_ns(b));
    assert_int_equal(samples, series_samples(b, last));
    for (int kind = 0; kind < SERIES_KINDS; kind++) {
        const struct series_entry *in_a[8], *in_b[8];
        size_t count = series_top(a, (enum series_kind)kind, in_a, 8);
        assert_int_equal(count, series_top(b, (enum series_kind)kind, in_b, 8));
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(in_a[k]->connections, in_b[k]->connections);
            assert_memory_equal(&in_a[k]->key.address, &in_b[k]->key.address, 16);
            for (unsigned row = 0; row < SERIES_COUNTS; row++) {
                uint32_t peak = series_values(a, in_a[k], row, samples, x);
                assert_int_equal(peak, series_values(b, in_b[k], row, samples, y));
                if (peak > 0)
                    assert_memory_equal(x, y, samples * sizeof *x);
            }
        }
    }
}

/* However the spans are shared out, also where the parts reached differently far. */
static void parts_add_up(void **state)
{
    (void)state;
    struct some_span spans[SPANS];
    make_spans(spans, 99);
    struct series whole, part[3];
    int64_t last = ORIGIN;
    series_init(&whole);
    series_begin(&whole, ORIGIN);
    for (int i = 0; i < 3; i++) {
        series_init(&part[i]);
        series_begin(&part[i], ORIGIN);
    }
    for (unsigned i = 0; i < SPANS; i++) {
        put_some(&whole, &spans[i]);
        put_some(&part[i < SPANS / 2 ? 0 : 1 + i % 2], &spans[i]); /* the first one stays narrow */
        last = spans[i].to > last ? spans[i].to : last;
    }
    assert_true(part[0].doublings < part[1].doublings);
    series_reach(&whole, last);
    series_reach(&part[2], last);
    assert_true(series_merge(&part[0], &part[1]));
    assert_true(series_merge(&part[2], &part[0]));
    assert_same(&whole, &part[2], last);
    /* Into one that saw nothing. */
    struct series empty;
    series_init(&empty);
    assert_true(series_merge(&empty, &whole));
    assert_same(&whole, &empty, last);
    series_free(&empty);
    series_free(&whole);
    for (int i = 0; i < 3; i++)
        series_free(&part[i]);
}

static void new_use_ends_time_wait(void **state)
{
    (void)state;
    uint32_t values[SERIES_SAMPLES];
    struct tcp_tuple tuple = ends(1, 1);
    /* In the width of the time, and doubled since. */
    for (int64_t reach = 8 * NS_PER_S; reach < 1000 * NS_PER_S; reach *= 2) {
        struct series s;
        int64_t since = ORIGIN + 3001 * NS_PER_MS - 7, heard = since + 40 * NS_PER_MS;
        int64_t reused = ORIGIN + 6 * NS_PER_S;
        series_init(&s);
        series_begin(&s, ORIGIN);
        put_time_wait(&s, since);
        struct series_rest rest = series_rest_of(&s, ROLE_CLIENT, 0, since, heard);
        series_reach(&s, ORIGIN + reach);
        assert_true(series_reuse(&s, &tuple, rest, heard, reused));
        unsigned samples = series_samples(&s, ORIGIN + reach);
        if (series_values(&s, only(&s, SERIES_SERVERS), TIME_WAIT, samples, values) > 0)
            for (unsigned i = 0; i < samples; i++) {
                int64_t at = ORIGIN + i * series_width_ns(&s);
                assert_int_equal(values[i], since <= at && at < reused);
            }
        /* Much later it is over anyway, and none is no rest. */
        assert_true(series_reuse(&s, &tuple, rest, heard, since + 61 * NS_PER_S));
        rest = series_rest_of(&s, ROLE_CLIENT, 0, since, since + 61 * NS_PER_S);
        assert_int_equal(rest.ms, 0);
        assert_true(series_reuse(&s, &tuple, rest, since + 61 * NS_PER_S, reused));
        series_free(&s);
    }
}

static void too_many_are_left_out(void **state)
{
    (void)state;
    struct series one, two;
    const struct series_entry *top[4];
    series_init(&one);
    series_init(&two);
    series_begin(&one, ORIGIN);
    series_begin(&two, ORIGIN);
    for (unsigned i = 0; i < SERIES_MAX_KEYS; i++)
        put(&one, i, ROW, ORIGIN, ORIGIN + NS_PER_MS);
    put(&two, SERIES_MAX_KEYS, ROW, ORIGIN, ORIGIN + NS_PER_MS);
    assert_false(one.tables[SERIES_SERVERS].left_out);
    assert_int_equal(series_top(&one, SERIES_SERVERS, top, 4), 4);
    assert_int_equal(top[3]->key.address.bytes[3], 3); /* in order of address */
    assert_true(series_merge(&one, &two));
    assert_true(one.tables[SERIES_SERVERS].left_out);
    assert_false(one.tables[SERIES_CLIENTS].left_out);
    assert_int_equal(series_top(&one, SERIES_SERVERS, top, 4), 0);
    put(&one, 1, ROW, ORIGIN, ORIGIN + NS_PER_MS); /* and stay so */
    assert_int_equal(series_top(&one, SERIES_SERVERS, top, 4), 0);
    assert_int_equal(only(&one, SERIES_CLIENTS)->connections, SERIES_MAX_KEYS + 2);
    assert_true(series_merge(&two, &one));
    assert_true(two.tables[SERIES_SERVERS].left_out);
    series_free(&one);
    series_free(&two);
}

/* Clocks that go astray: as far apart as two times can be. */
static void any_time_will_do(void **state)
{
    (void)state;
    const int64_t times[] = { INT64_MIN, -1, 0, 1, ORIGIN, INT64_MAX - 1, INT64_MAX };
    const size_t count = sizeof times / sizeof *times;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++) {
            struct series s;
            uint32_t values[SERIES_SAMPLES];
            series_init(&s);
            series_begin(&s, times[i]);
            series_reach(&s, times[k]);
            assert_true(series_at(&s, times[k]) <= SERIES_SAMPLES);
            put_time_wait(&s, times[k]);
            unsigned samples = series_samples(&s, times[k]);
            assert_true(samples <= SERIES_SAMPLES);
            series_values(&s, only(&s, SERIES_SERVERS), TIME_WAIT, samples, values);
            series_free(&s);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_at_instants),
        cmocka_unit_test(doubling_is_exact),
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(new_use_ends_time_wait),
        cmocka_unit_test(too_many_are_left_out),
        cmocka_unit_test(any_time_will_do),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
