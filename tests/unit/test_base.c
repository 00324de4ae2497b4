/* Sequence arithmetic, texts, slabs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/least.h"
#include "base/arena.h"
#include "base/intern.h"
#include "base/seq.h"
#include "base/slab.h"
#include "base/text.h"
#include "base/tree.h"

static void seq_wraps(void **state)
{
    (void)state;
    assert_true(seq_lt(0xfffffff0u, 0x10u));
    assert_false(seq_lt(0x10u, 0xfffffff0u));
    assert_true(seq_leq(7, 7));
    assert_int_equal(seq_diff(5, 0xfffffffbu), 10);
    assert_int_equal(seq_max(0xffffffffu, 3), 3);
}

static void expect_time(int64_t ns, const char *text)
{
    struct strbuf out = { 0 };
    text_time(&out, ns);
    assert_string_equal(strbuf_text(&out), text);
    strbuf_free(&out);
}

static void times(void **state)
{
    (void)state;
    expect_time(0, "1970-01-01T00:00:00.000000000Z");
    expect_time(951782400 * NS_PER_S, "2000-02-29T00:00:00.000000000Z");
    expect_time(1767225599 * NS_PER_S + 999999999, "2025-12-31T23:59:59.999999999Z");
    expect_time(-1, "1969-12-31T23:59:59.999999999Z");
}

static void expect_duration(int64_t ns, const char *text)
{
    struct strbuf out = { 0 };
    text_duration(&out, ns);
    assert_string_equal(strbuf_text(&out), text);
    strbuf_free(&out);
}

static void durations(void **state)
{
    (void)state;
    expect_duration(0, "0 s");
    expect_duration(85 * 1000, "85 us");
    expect_duration(1200 * 1000, "1.20 ms");
    expect_duration(250 * NS_PER_MS, "250 ms");
    expect_duration(10 * NS_PER_S + 300000, "10.000 s");
    expect_duration(-3 * NS_PER_S, "-3.000 s");
    expect_duration(7260 * NS_PER_S, "2 h 1 min");
}

static void expect_untrusted(const char *bytes, size_t length, const char *text)
{
    struct strbuf out = { 0 };
    text_untrusted(&out, bytes, length);
    assert_string_equal(strbuf_text(&out), text);
    strbuf_free(&out);
}

static void strangers_text(void **state)
{
    (void)state;
    expect_untrusted("plain", 5, "plain");
    expect_untrusted("a\x1b[31m\n", 7, "a\\x1b[31m\\x0a");
    expect_untrusted("caf\xc3\xa9", 5, "caf\xc3\xa9");
    expect_untrusted("\xc3", 1, "\\xc3");           /* cut */
    expect_untrusted("\xc0\xaf", 2, "\\xc0\\xaf");  /* overlong */
    expect_untrusted("\xed\xa0\x80", 3, "\\xed\\xa0\\x80"); /* surrogate */
    expect_untrusted("\xc2\x9b", 2, "\\xc2\\x9b");  /* C1 control: CSI */
    expect_untrusted("\0x", 2, "\\x00x");
    expect_untrusted("\\x1b", 4, "\\\\x1b");         /* looks like an escape, and is none */
    expect_untrusted("a\xe2\x80\xae" "b", 5, "a\\u{202e}b");  /* right to left */
    expect_untrusted("\xe2\x81\xa6\xe2\x80\x8b", 6, "\\u{2066}\\u{200b}");
    expect_untrusted("\xef\xbb\xbf\xf3\xa0\x81\x81", 7, "\\u{feff}\\u{e0041}"); /* a tag */
    expect_untrusted("\xe2\x80\xa8", 3, "\\u{2028}");  /* ends a line */
    expect_untrusted("\xf0\x9f\xbf\xbe", 4, "\\u{1fffe}"); /* a noncharacter */
    expect_untrusted("\xd7\xa9\xe2\x82\xac", 5, "\xd7\xa9\xe2\x82\xac"); /* letters of any script are seen */
}

static void programs_text(void **state)
{
    (void)state;
    struct strbuf out = { 0 };
    text_utf8(&out, "a\x1b\xff\xe2\x80\xae\xc3", 7);
    assert_string_equal(strbuf_text(&out), "a\x1b\xef\xbf\xbd\xe2\x80\xae\xef\xbf\xbd");
    strbuf_free(&out);
}

static void whole_characters(void **state)
{
    (void)state;
    assert_int_equal(text_whole("abc", 3, 3), 3);
    assert_int_equal(text_whole("abcd", 4, 3), 3);
    assert_int_equal(text_whole("a\xe2\x82\xac", 4, 3), 1);
    assert_int_equal(text_whole("a\xe2\x82\xac", 4, 2), 1);
    assert_int_equal(text_whole("\xe2\x82\xac" "b", 4, 3), 3);
    assert_int_equal(text_whole("\x80\x80\x80\x80\x80\x80", 6, 5), 5); /* no UTF-8 */
}

static void counts(void **state)
{
    (void)state;
    struct strbuf out = { 0 };
    text_count(&out, 1234567);
    assert_string_equal(strbuf_text(&out), "1,234,567");
    strbuf_free(&out);
}

static void slab_reuses(void **state)
{
    (void)state;
    struct slab slab;
    slab_init(&slab, 24);
    char *first = slab_take(&slab);
    memset(first, 'x', 24);
    slab_give(&slab, first);
    char *again = slab_take(&slab);
    assert_ptr_equal(first, again);
    for (int i = 0; i < 24; i++)
        assert_int_equal(again[i], 0);
    for (int i = 0; i < 1000; i++)
        assert_non_null(slab_take(&slab));
    assert_int_equal(slab.live, 1001);
    slab_free(&slab);
}

static void arena_holds(void **state)
{
    (void)state;
    struct arena arena = { 0 };
    char *large = arena_alloc(&arena, 1000000);
    large[999999] = 1;
    assert_string_equal(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
    arena_free(&arena);
}

static void intern_keeps_one(void **state)
{
    (void)state;
    struct intern intern;
    assert_true(intern_init(&intern, INTERN_MAX_TEXTS));
    const char *nginx = intern_text(&intern, "nginx/1.22", 10);
    assert_string_equal(nginx, "nginx/1.22");
    assert_ptr_equal(intern_text(&intern, "nginx/1.22 and more", 10), nginx);
    assert_string_equal(intern_text(&intern, "nginx/1.22", 5), "nginx");
    assert_string_equal(intern_text(&intern, "", 0), "");
    char name[24];
    for (int i = 0; i < (int)INTERN_MAX_TEXTS + 10; i++) {
        snprintf(name, sizeof name, "agent-%d", i);
        assert_non_null(intern_text(&intern, name, strlen(name)));
    }
    assert_true(intern.full);
    assert_string_equal(intern_text(&intern, "one more", 8), "...");
    assert_ptr_equal(intern_text(&intern, "nginx/1.22", 10), nginx);
    intern_free(&intern);
}

static void least_keeps_the_smallest(void **state)
{
    (void)state;
    static int items[6];
    static const uint64_t numbers[6] = { 40, 10, 60, 20, 50, 30 };
    void *const went[6] = { NULL, NULL, NULL, &items[2], &items[4], &items[0] }; /* 60 for 20, 50 itself, 40 for 30 */
    struct least least = { .most = 3 };
    for (int i = 0; i < 6; i++) {
        void *left_out;
        assert_true(least_add(&least, numbers[i], &items[i], &left_out));
        assert_ptr_equal(left_out, went[i]);
    }
    least_sort(&least);
    assert_int_equal(least.count, 3);
    assert_ptr_equal(least.items[0].item, &items[1]);
    assert_ptr_equal(least.items[1].item, &items[3]);
    assert_ptr_equal(least.items[2].item, &items[5]);
    least_free(&least);
    struct least none = { .most = 0 };
    void *left_out;
    assert_true(least_add(&none, 1, &items[0], &left_out));
    assert_ptr_equal(left_out, &items[0]);
    least_free(&none);
}

struct numbered {
    struct tree_node node;
    uint32_t number, arrival;
};

static bool comes_before(const struct tree_node *a, const struct tree_node *b)
{
    return ((const struct numbered *)a)->number < ((const struct numbered *)b)->number;
}

/* An AA tree: left children stand one level lower, right ones one or none, right grandchildren lower. Returns its depth. */
static unsigned depth_of(const struct tree_node *node)
{
    if (node == NULL)
        return 0;
    assert_int_equal(node->left != NULL ? node->left->level : 0, node->level - 1);
    unsigned right = node->right != NULL ? node->right->level : 0;
    assert_true(right == node->level || right + 1 == node->level);
    assert_true(node->right == NULL || node->right->right == NULL || node->right->right->level < node->level);
    unsigned a = depth_of(node->left), b = depth_of(node->right);
    return 1 + (a > b ? a : b);
}

/* Insertions and removals in several orders: what comes out is sorted, and of equal ones by arrival. */
static void tree_orders(void **state)
{
    (void)state;
    enum { MANY = 4096, ORDERS = 4 };
    static struct numbered items[MANY];
    for (unsigned order = 0; order < ORDERS; order++) {
        struct tree_node *root = NULL, *first;
        uint32_t x = 1, taken = 0;
        for (uint32_t i = 0; i < MANY; i++) {
            x = x * 1664525 + 1013904223;
            const uint32_t numbers[ORDERS] = { i, MANY - i, x >> 8, (x >> 8) % 16 };
            items[i] = (struct numbered){ .number = numbers[order], .arrival = i };
            const struct numbered *before = (struct numbered *)tree_at_most(root, &items[i].node, comes_before);
            assert_true(before == NULL || before->number <= items[i].number);
            root = tree_insert(root, &items[i].node, comes_before);
            if (i % 512 == 0)
                assert_true(depth_of(root) <= 26); /* 2 log2(4097) */
        }
        struct numbered last = { .number = 0 };
        for (; root != NULL; taken++) {
            root = tree_take_first(root, &first);
            const struct numbered *item = (const struct numbered *)first;
            assert_true(taken == 0 || last.number < item->number || (last.number == item->number && last.arrival < item->arrival));
            last = *item;
            if (taken % 512 == 0)
                (void)depth_of(root);
        }
        assert_int_equal(taken, MANY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_keeps_the_smallest), cmocka_unit_test(tree_orders), cmocka_unit_test(seq_wraps),      cmocka_unit_test(times),
        cmocka_unit_test(durations),      cmocka_unit_test(strangers_text), cmocka_unit_test(programs_text), cmocka_unit_test(whole_characters),
        cmocka_unit_test(counts),         cmocka_unit_test(slab_reuses),
        cmocka_unit_test(arena_holds),    cmocka_unit_test(intern_keeps_one),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
