#include "capture/conv_headers.h"

#include <string.h>

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value & 0xffff);
}

static uint32_t sum16(const uint8_t *p, size_t length, uint32_t sum)
{
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    if (length % 2 != 0)
        sum += (uint32_t)p[length - 1] << 8;
    return sum;
}

static unsigned fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

/* Returns the end of the options, which fill whole words of four bytes. */
static uint8_t *put_options(const struct conv_headers *h, uint8_t *tcp)
{
    uint8_t *option = tcp + 20;
    if (h->mss >= 0) {
        option[0] = 2;
        option[1] = 4;
        put16(option + 2, (unsigned)h->mss);
        option += 4;
    }
    if (h->window_scale >= 0) {
        option[0] = 3;
        option[1] = 3;
        option[2] = (uint8_t)h->window_scale;
        option[3] = 1; /* no operation */
        option += 4;
    }
    if (h->sack_permitted) {
        put16(option, 0x0402);
        put16(option + 2, 0x0101);
        option += 4;
    }
    if (h->has_timestamps) {
        put32(option, 0x0101080a);
        put32(option + 4, h->timestamp);
        put32(option + 8, h->timestamp_echo);
        option += 12;
    }
    if (h->sack_blocks > 0) {
        put32(option, 0x01010500 | (2 + 8 * h->sack_blocks));
        option += 4;
        for (unsigned i = 0; i < h->sack_blocks; i++, option += 8) {
            put32(option, h->sack[i][0]);
            put32(option + 4, h->sack[i][1]);
        }
    }
    return option;
}

/* Returns its length. */
static size_t put_ip(const struct conv_headers *h, size_t inner_length, uint8_t *out)
{
    if (h->ipv6) {
        out[0] = 0x60;
        put16(out + 4, (unsigned)(inner_length & 0xffff));
        out[6] = 6;
        out[7] = h->ttl;
        memcpy(out + 8, h->source, 16);
        memcpy(out + 24, h->destination, 16);
        return 40;
    }
    out[0] = 0x45;
    put16(out + 2, (unsigned)((20 + inner_length) & 0xffff));
    put16(out + 4, h->id);
    out[6] = 0x40; /* do not fragment */
    out[8] = h->ttl;
    out[9] = 6;
    memcpy(out + 12, h->source, 4);
    memcpy(out + 16, h->destination, 4);
    put16(out + 10, fold(sum16(out, 20, 0)));
    return 20;
}

size_t conv_headers_write(const struct conv_headers *h, const char *payload,
                          size_t payload_length, uint8_t out[CONV_MAX_HEADER_BYTES])
{
    memset(out, 0, CONV_MAX_HEADER_BYTES);
    uint8_t *tcp = out + (h->ipv6 ? 40 : 20);
    size_t tcp_length = (size_t)(put_options(h, tcp) - tcp);
    size_t ip_length = put_ip(h, tcp_length + payload_length, out), address = h->ipv6 ? 16 : 4;
    put16(tcp, h->source_port);
    put16(tcp + 2, h->destination_port);
    put32(tcp + 4, h->seq);
    put32(tcp + 8, h->ack);
    tcp[12] = (uint8_t)(tcp_length / 4 << 4);
    tcp[13] = h->flags;
    put16(tcp + 14, h->window);
    uint32_t sum = sum16(h->source, address, 0) + 6 + (uint32_t)(tcp_length + payload_length);
    sum = sum16(h->destination, address, sum);
    sum = sum16(tcp, tcp_length, sum);
    sum = sum16((const uint8_t *)payload, payload_length, sum);
    put16(tcp + 16, fold(sum));
    return ip_length + tcp_length;
}
