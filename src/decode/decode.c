#include "decode/decode.h"

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

enum decoded decode_packet(const struct packet *packet, struct segment *segment)
{
    *segment = (struct segment){
        .ts_ns = packet->ts_ns,
        .frame = packet->frame,
        .capture = packet->capture,
    };
    struct cursor c = { packet->data, packet->caplen, false };
    uint16_t ethertype = ETHERTYPE_NONE;
    enum decoded kind = decode_link(packet->link_type, &c, &ethertype);
    if (kind != DECODED_TCP)
        return kind;
    size_t wire_left = packet->len - (packet->caplen - c.left);
    return decode_ip(&c, wire_left, ethertype, segment);
}
