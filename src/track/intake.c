#include "track/intake.h"

#include <errno.h>
#include <string.h>

bool intake_init(struct intake *intake, struct err *err)
{
    *intake = (struct intake){ .first_ns = INT64_MAX };
    decoder_init(&intake->decoder);
    return siphash_draw_key(&intake->key) || err_set(err, "the system gives no random numbers: %s", strerror(errno));
}

size_t intake_packets(struct intake *intake, const struct packet *packets, size_t count,
                      struct intake_segment *segments)
{
    size_t n = 0;
    for (size_t i = 0; i < count && intake->first_ns == INT64_MAX; i++)
        if (!packets[i].untimed)
            intake->first_ns = packets[i].ts_ns;
    for (size_t i = 0; i < count; i++) {
        struct intake_segment *s = &segments[n];
        if (intake->decoder.packets == 0 || packets[i].ts_ns > intake->now_ns)
            intake->now_ns = packets[i].ts_ns;
        enum decoded kind = decoder_packet(&intake->decoder, &packets[i], &s->segment);
        if (kind != DECODED_TCP && kind != DECODED_ICMP_ABOUT_TCP && kind != DECODED_ICMP_SHORT)
            continue;
        s->number = intake->decoder.packets - 1;
        s->now_ns = intake->now_ns;
        s->hash = tcp_table_hash(&intake->key, &s->segment);
        s->quoted = kind != DECODED_TCP;
        s->unnamed = kind == DECODED_ICMP_SHORT;
        n++;
    }
    return n;
}
