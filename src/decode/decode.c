#include "decode/decode.h"

#include <string.h>

#include "decode/layers.h"

const char *decoded_name(enum decoded kind)
{
    static const char *const names[] = {
#define KIND(id, text) [DECODED_##id] = text,
#include "decode/decode_kinds.def"
#undef KIND
    };
    return names[kind];
}

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#define PLAIN_HEADERS (14 + 20 + 20)

/* What nearly every packet is, without the way through the layers: Ethernet, IPv4 without options, TCP, cut
 * nowhere. Options matter in a SYN only. false: anything else. */
static bool decode_plain(const struct packet *packet, struct segment *segment)
{
    const uint8_t *p = packet->data;
    if (packet->link_type != LINKTYPE_ETHERNET || packet->caplen < PLAIN_HEADERS ||
        packet->caplen != packet->len || be16(p + 12) != ETHERTYPE_IPV4)
        return false;
    const uint8_t *ip = p + 14, *tcp = ip + 20;
    size_t total = be16(ip + 2), header = (size_t)(tcp[12] >> 4) * 4;
    if (ip[0] != 0x45 || be16(ip + 6) & 0x3fff || ip[9] != IP_PROTOCOL_TCP ||
        total > packet->len - 14u || total < 20 + header || header < 20)
        return false;
    segment->ip_id = be16(ip + 4);
    segment->ttl = ip[8];
    memcpy(segment->src.bytes, ip + 12, 4);
    memcpy(segment->dst.bytes, ip + 16, 4);
    segment->src_port = be16(tcp);
    segment->dst_port = be16(tcp + 2);
    segment->seq = be32(tcp + 4);
    segment->flags = tcp[13];
    segment->ack = segment->flags & TCP_ACK ? be32(tcp + 8) : 0;
    segment->window = be16(tcp + 14);
    segment->window_scale = -1;
    segment->payload = tcp + header;
    segment->payload_len = segment->payload_caplen = (uint32_t)(total - 20 - header);
    if (segment->flags & TCP_SYN) {
        struct cursor options = { tcp + 20, header - 20, false };
        decode_tcp_options(&options, segment);
    }
    return true;
}

static enum decoded decode_packet(const struct packet *packet, struct segment *segment)
{
    *segment = (struct segment){
        .ts_ns = packet->ts_ns,
        .frame = packet->frame,
        .capture = packet->capture,
    };
    if (decode_plain(packet, segment))
        return DECODED_TCP;
    struct cursor c = { packet->data, packet->caplen, false };
    uint16_t ethertype = ETHERTYPE_NONE;
    enum decoded kind = decode_link(packet->link_type, &c, &ethertype);
    if (kind != DECODED_TCP)
        return kind;
    size_t wire_left = packet->len - (packet->caplen - c.left);
    return decode_ip(&c, wire_left, ethertype, segment);
}

void decoder_init(struct decoder *decoder)
{
    *decoder = (struct decoder){ 0 };
}

enum decoded decoder_packet(struct decoder *decoder, const struct packet *packet, struct segment *segment)
{
    enum decoded kind = decode_packet(packet, segment);
    decoder->packets++;
    decoder->kinds[kind]++;
    return kind;
}
