#include "decode/layers.h"

#include <string.h>

enum ip_protocol {
    IP_HOP_BY_HOP = 0,
    IP_ICMP = 1,
    IP_IPV4 = 4,
    IP_TCP = IP_PROTOCOL_TCP,
    IP_UDP = 17,
    IP_IPV6 = 41,
    IP_ROUTING = 43,
    IP_FRAGMENT = 44,
    IP_GRE = 47,
    IP_ESP = 50,
    IP_AH = 51,
    IP_ICMPV6 = 58,
    IP_DESTINATION = 60,
    IP_L2TP = 115,
    IP_MOBILITY = 135,
    IP_HIP = 139,
    IP_SHIM6 = 140,
};

/* An IPv6 packet with more extension headers than this is an attack or damage. */
#define MAX_EXTENSION_HEADERS 16

static enum decoded decode_ipv4(struct cursor *c, size_t wire_left, bool quoted,
                                struct segment *segment);
static enum decoded decode_ipv6(struct cursor *c, size_t wire_left, bool quoted,
                                struct segment *segment);

/* Tunnels over UDP, by their assigned port (IANA service names and port numbers). */
static enum decoded decode_udp(struct cursor *c)
{
    uint16_t source = cursor_u16(c), destination = cursor_u16(c);
    switch (destination) {
    case 4789:
    case 8472: /* Linux' default before the assignment */
        return DECODED_TUNNEL_VXLAN;
    case 6081:
        return DECODED_TUNNEL_GENEVE;
    case 2152:
        return DECODED_TUNNEL_GTP;
    case 1701:
        return DECODED_TUNNEL_L2TP;
    case 4754:
        return DECODED_TUNNEL_GRE;
    case 5072:
        return DECODED_TUNNEL_AYIYA;
    }
    if (destination == 3544 || source == 3544)
        return DECODED_TUNNEL_TEREDO;
    cursor_take(c, 4); /* length and checksum */
    return decode_quic(c, source, destination);
}

/* Destination unreachable, but for the one that asks for smaller packets, and time exceeded. */
static bool says_unreachable(bool v6, uint8_t type, uint8_t code)
{
    return v6 ? type == 1 || type == 3 : (type == 3 && code != 4) || type == 11;
}

/* ICMP and ICMPv6 errors quote the packet that they are about (RFC 792, RFC 4443). */
static enum decoded decode_icmp(struct cursor *c, bool v6, struct segment *segment)
{
    uint8_t type = cursor_u8(c), code = cursor_u8(c);
    cursor_take(c, 6);
    segment->unreachable = says_unreachable(v6, type, code);
    bool error = v6 ? type >= 1 && type <= 4
                    : type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    if (c->overrun || !error)
        return DECODED_NOT_TCP;
    enum decoded inner = v6 ? decode_ipv6(c, c->left, true, segment)
                            : decode_ipv4(c, c->left, true, segment);
    return inner == DECODED_TCP          ? DECODED_ICMP_ABOUT_TCP
           : inner == DECODED_ICMP_SHORT ? DECODED_ICMP_SHORT
                                         : DECODED_NOT_TCP;
}

static enum decoded decode_protocol(uint8_t protocol, struct cursor *c, size_t wire_left,
                                    bool quoted, struct segment *segment)
{
    switch (protocol) {
    case IP_TCP:
        return decode_tcp(c, wire_left, quoted, segment);
    case IP_UDP:
        return quoted ? DECODED_NOT_TCP : decode_udp(c);
    case IP_ICMP:
    case IP_ICMPV6:
        return quoted ? DECODED_NOT_TCP : decode_icmp(c, protocol == IP_ICMPV6, segment);
    case IP_GRE:
        return DECODED_TUNNEL_GRE;
    case IP_IPV4:
    case IP_IPV6:
        return DECODED_TUNNEL_IP_IN_IP;
    case IP_L2TP:
        return DECODED_TUNNEL_L2TP;
    case IP_ESP:
        return DECODED_ESP;
    }
    return DECODED_NOT_TCP;
}

/* An authentication header (RFC 4302) is stepped over: what follows is in the clear. */
static uint8_t skip_ah(struct cursor *c, size_t *wire_left)
{
    uint8_t next = cursor_u8(c);
    size_t length = ((size_t)cursor_u8(c) + 2) * 4;
    cursor_take(c, length - 2);
    *wire_left = *wire_left > length ? *wire_left - length : 0;
    return next;
}

/* RFC 791 */
static enum decoded decode_ipv4(struct cursor *c, size_t wire_left, bool quoted,
                                struct segment *segment)
{
    uint8_t version_length = cursor_u8(c);
    cursor_u8(c);
    uint16_t total = cursor_u16(c);
    segment->ip_id = cursor_u16(c);
    uint16_t fragment = cursor_u16(c);
    segment->ttl = cursor_u8(c);
    uint8_t protocol = cursor_u8(c);
    cursor_u16(c);
    const uint8_t *addresses = cursor_take(c, 8);
    if (c->overrun)
        return DECODED_TRUNCATED;
    size_t header = (size_t)(version_length & 0x0f) * 4;
    /* Segmentation offload leaves the length 0: the frame's length counts then. */
    if (total == 0)
        total = wire_left > UINT16_MAX ? UINT16_MAX : (uint16_t)wire_left;
    if (version_length >> 4 != 4 || header < 20 || total < header)
        return DECODED_MALFORMED;
    cursor_take(c, header - 20);
    if (c->overrun)
        return DECODED_TRUNCATED;
    if (fragment & 0x3fff) /* more fragments, or an offset */
        return DECODED_IP_FRAGMENT;
    size_t left = total - header;
    if (c->left > left)
        c->left = left; /* Ethernet padding */
    memcpy(segment->src.bytes, addresses, 4);
    memcpy(segment->dst.bytes, addresses + 4, 4);
    if (protocol == IP_AH) {
        protocol = skip_ah(c, &left);
        if (c->overrun)
            return DECODED_TRUNCATED;
    }
    return decode_protocol(protocol, c, left, quoted, segment);
}

/* RFC 8200 */
static enum decoded decode_ipv6(struct cursor *c, size_t wire_left, bool quoted,
                                struct segment *segment)
{
    uint32_t version = cursor_u32(c) >> 28;
    size_t left = cursor_u16(c);
    uint8_t next = cursor_u8(c);
    segment->ttl = cursor_u8(c);
    const uint8_t *addresses = cursor_take(c, 32);
    if (c->overrun)
        return DECODED_TRUNCATED;
    if (version != 6)
        return DECODED_MALFORMED;
    if (left == 0 && next != IP_HOP_BY_HOP && wire_left > 40)
        left = wire_left - 40; /* segmentation offload, as above */
    if (c->left > left)
        c->left = left;
    segment->ipv6 = true;
    memcpy(segment->src.bytes, addresses, 16);
    memcpy(segment->dst.bytes, addresses + 16, 16);
    for (int i = 0; i < MAX_EXTENSION_HEADERS; i++) {
        size_t length;
        switch (next) {
        case IP_FRAGMENT: {
            next = cursor_u8(c);
            cursor_u8(c);
            uint16_t offset = cursor_u16(c);
            cursor_u32(c);
            if (offset & 0xfff9)
                return DECODED_IP_FRAGMENT;
            length = 8; /* an atomic fragment (RFC 6946) is a whole packet */
            break;
        }
        case IP_AH:
            next = skip_ah(c, &left);
            length = 0;
            break;
        case IP_HOP_BY_HOP:
        case IP_ROUTING:
        case IP_DESTINATION:
        case IP_MOBILITY:
        case IP_HIP:
        case IP_SHIM6:
            next = cursor_u8(c);
            length = ((size_t)cursor_u8(c) + 1) * 8;
            cursor_take(c, length - 2);
            break;
        default:
            return decode_protocol(next, c, left, quoted, segment);
        }
        if (c->overrun || length > left)
            return DECODED_TRUNCATED;
        left -= length;
    }
    return DECODED_MALFORMED;
}

enum decoded decode_ip(struct cursor *c, size_t wire_left, uint16_t ethertype,
                       struct segment *segment)
{
    if (ethertype == ETHERTYPE_NONE && c->left > 0)
        ethertype = c->p[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
    switch (ethertype) {
    case ETHERTYPE_IPV4:
        return decode_ipv4(c, wire_left, false, segment);
    case ETHERTYPE_IPV6:
        return decode_ipv6(c, wire_left, false, segment);
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_MULTICAST:
        return DECODED_MPLS;
    case ETHERTYPE_PPPOE_SESSION:
        return DECODED_PPPOE;
    case ETHERTYPE_NONE:
        return DECODED_TRUNCATED;
    }
    return DECODED_NOT_TCP;
}
