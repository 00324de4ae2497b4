/* The state diagram, walked along the cases of RFC 9293, and the table of connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tcp/tcp_conn.h"

struct arrow {
    enum tcp_event event;
    enum tcp_state to;
};

static void walk(enum tcp_state from, const struct arrow *arrows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        from = tcp_state_after(from, arrows[i].event);
        assert_string_equal(tcp_state_names[from], tcp_state_names[arrows[i].to]);
    }
}
#define WALK(from, ...)                                        \
    do {                                                       \
        const struct arrow arrows[] = { __VA_ARGS__ };         \
        walk(from, arrows, sizeof arrows / sizeof *arrows);    \
    } while (0)

static void open_and_close(void **state)
{
    (void)state;
    /* Figure 6 and 12: the client opens and closes, the server follows. */
    WALK(TCP_CLOSED, { TCP_EV_SND_SYN, TCP_SYN_SENT }, { TCP_EV_RCV_SYN_ACK, TCP_ESTABLISHED },
         { TCP_EV_SND_FIN, TCP_FIN_WAIT_1 }, { TCP_EV_RCV_ACK_OF_FIN, TCP_FIN_WAIT_2 },
         { TCP_EV_RCV_FIN, TCP_TIME_WAIT }, { TCP_EV_EXPIRE_2MSL, TCP_CLOSED });
    WALK(TCP_CLOSED, { TCP_EV_RCV_SYN, TCP_SYN_RECEIVED },
         { TCP_EV_RCV_ACK_OF_SYN, TCP_ESTABLISHED }, { TCP_EV_RCV_FIN, TCP_CLOSE_WAIT },
         { TCP_EV_SND_FIN, TCP_LAST_ACK }, { TCP_EV_RCV_ACK_OF_FIN, TCP_CLOSED });
}

static void simultaneous(void **state)
{
    (void)state;
    /* Figure 7, open; figure 13, close. */
    WALK(TCP_CLOSED, { TCP_EV_SND_SYN, TCP_SYN_SENT }, { TCP_EV_RCV_SYN, TCP_SYN_RECEIVED },
         { TCP_EV_RCV_ACK_OF_SYN, TCP_ESTABLISHED });
    WALK(TCP_ESTABLISHED, { TCP_EV_SND_FIN, TCP_FIN_WAIT_1 }, { TCP_EV_RCV_FIN, TCP_CLOSING },
         { TCP_EV_RCV_ACK_OF_FIN, TCP_TIME_WAIT });
    /* A FIN that acknowledges ours: two events in order. */
    WALK(TCP_FIN_WAIT_1, { TCP_EV_RCV_ACK_OF_FIN, TCP_FIN_WAIT_2 },
         { TCP_EV_RCV_FIN, TCP_TIME_WAIT });
}

static void no_other_arrows(void **state)
{
    (void)state;
    size_t arrows = 0;
    for (int from = 0; from < TCP_STATES; from++)
        for (int event = 0; event < TCP_EVENTS; event++) {
            const struct tcp_edge *edge = tcp_edge((enum tcp_state)from, (enum tcp_event)event);
            arrows += edge->section != NULL;
            if (edge->section == NULL)
                assert_int_equal(tcp_state_after((enum tcp_state)from, (enum tcp_event)event), from);
        }
    /* Figure 5 has these arrows, less those that pass through LISTEN or delete the TCB. */
    assert_int_equal(arrows, 15);
    assert_int_equal(tcp_state_after(TCP_UNKNOWN, TCP_EV_SND_FIN), TCP_UNKNOWN);
}

static struct segment segment_between(uint32_t client, uint16_t port, bool reply)
{
    struct segment s = { .src_port = reply ? 80 : port, .dst_port = reply ? port : 80 };
    struct ip_address a = { { 10, (uint8_t)(client >> 16), (uint8_t)(client >> 8), (uint8_t)client } };
    struct ip_address b = { { 192, 0, 2, 1 } };
    s.src = reply ? b : a;
    s.dst = reply ? a : b;
    return s;
}

static void table_finds_both_directions(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    struct tcp_table table;
    struct siphash_key key;
    assert_true(siphash_draw_key(&key));
    struct tcp_tuple *tuples = calloc(COUNT, sizeof *tuples);
    assert_true(tcp_table_init(&table));
    for (uint32_t i = 0; i < COUNT; i++) {
        struct segment s = segment_between(i, (uint16_t)(1024 + i), false);
        unsigned from;
        uint32_t hash = tcp_table_hash(&key, &s);
        assert_null(tcp_table_find(&table, &s, hash, &from));
        tcp_tuple_of(&tuples[i], &s);
        assert_true(tcp_table_put(&table, &tuples[i], hash));
    }
    for (uint32_t i = 0; i < COUNT; i++)
        for (int reply = 0; reply < 2; reply++) {
            struct segment s = segment_between(i, (uint16_t)(1024 + i), reply);
            unsigned from = 9;
            assert_ptr_equal(tcp_table_find(&table, &s, tcp_table_hash(&key, &s), &from),
                             &tuples[i]);
            assert_int_equal(from, reply);
        }
    tcp_table_free(&table);
    free(tuples);
}

/* The short way through the headers and the long one must agree. */
static void short_decoding_agrees(void **state)
{
    (void)state;
    uint8_t frame[14 + 20 + 32 + 100] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00,
        0x45, 0, 0, 20 + 32 + 90, 0x12, 0x34, 0x40, 0, 61, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        0x9c, 0x40, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x80, 0x18, 0x20, 0, 0, 0, 0, 0,
        1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 'G', 'E', 'T',
    };
    struct decoder decoder;
    decoder_init(&decoder);
    for (unsigned flags = 0; flags < 64; flags++) {
        frame[14 + 20 + 13] = (uint8_t)flags;
        struct packet ethernet = { .data = frame, .caplen = sizeof frame, .len = sizeof frame,
                                   .frame = 7, .link_type = 1 };
        struct packet raw = ethernet;
        raw.data += 14;
        raw.caplen = raw.len = raw.len - 14;
        raw.link_type = 101;
        struct segment a, b;
        assert_int_equal(decoder_packet(&decoder, &ethernet, &a), DECODED_TCP);
        assert_int_equal(decoder_packet(&decoder, &raw, &b), DECODED_TCP);
        assert_int_equal(a.payload_len, 90);
        assert_memory_equal(&a, &b, sizeof a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_decoding_agrees),
        cmocka_unit_test(open_and_close),
        cmocka_unit_test(simultaneous),
        cmocka_unit_test(no_other_arrows),
        cmocka_unit_test(table_finds_both_directions),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
