#include "base/seq.h"
#include "decode/layers.h"

enum tcp_option {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_WINDOW_SCALE = 3,
    OPTION_SACK = 5,
};

/* RFC 7323 section 2.3: a shift count above 14 is used as 14. */
#define MAX_WINDOW_SCALE 14

/* Damaged options end the list; the segment itself is still good. */
void decode_tcp_options(struct cursor *c, struct segment *segment)
{
    while (c->left > 0) {
        uint8_t kind = cursor_u8(c);
        if (kind == OPTION_END)
            return;
        if (kind == OPTION_NOP)
            continue;
        uint8_t length = cursor_u8(c);
        if (c->overrun || length < 2)
            return;
        struct cursor value = { cursor_take(c, length - 2u), length - 2u, false };
        if (c->overrun)
            return;
        if (kind == OPTION_WINDOW_SCALE && value.left == 1) {
            uint8_t shift = cursor_u8(&value);
            segment->window_scale = (int8_t)(shift > MAX_WINDOW_SCALE ? MAX_WINDOW_SCALE : shift);
        } else if (kind == OPTION_SACK && value.left >= 8) {
            /* A block below the ACK number tells of bytes that came twice (RFC 2883). */
            segment->sacks |= seq_lt(segment->ack, cursor_u32(&value));
        }
    }
}

/* RFC 9293 section 3.1 */
enum decoded decode_tcp(struct cursor *c, size_t wire_left, bool quoted, struct segment *segment)
{
    segment->src_port = cursor_u16(c);
    segment->dst_port = cursor_u16(c);
    segment->seq = cursor_u32(c);
    segment->window_scale = -1;
    segment->sacks = false;
    if (quoted && c->left < 12) /* RFC 792 asks for 8 bytes only */
        return c->overrun ? DECODED_TRUNCATED : DECODED_ICMP_SHORT;
    if (quoted)
        return DECODED_TCP;
    uint32_t ack = cursor_u32(c);
    uint8_t offset = cursor_u8(c) >> 4;
    segment->flags = cursor_u8(c);
    segment->ack = segment->flags & TCP_ACK ? ack : 0;
    segment->window = cursor_u16(c);
    cursor_u32(c); /* checksum, urgent pointer */
    if (c->overrun)
        return wire_left < 20 ? DECODED_MALFORMED : DECODED_TRUNCATED;
    size_t header = (size_t)offset * 4;
    if (header < 20 || header > wire_left)
        return DECODED_MALFORMED;
    size_t option_bytes = header - 20;
    segment->payload_len = (uint32_t)(wire_left - header);
    if (c->left < option_bytes) { /* cut within the options: no payload was captured */
        decode_tcp_options(c, segment);
        segment->payload = c->p;
        return DECODED_TCP;
    }
    if (option_bytes > 0) {
        struct cursor options = { cursor_take(c, option_bytes), option_bytes, false };
        decode_tcp_options(&options, segment);
    }
    segment->payload = c->p;
    segment->payload_caplen =
        c->left < segment->payload_len ? (uint32_t)c->left : segment->payload_len;
    return DECODED_TCP;
}
