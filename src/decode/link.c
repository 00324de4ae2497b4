#include "decode/layers.h"

#include <pcap/pcap.h>
#include <stdio.h>

/* Ethernet II and 802.3 with LLC/SNAP (RFC 1042), VLAN tags (802.1Q, 802.1ad). */
static enum decoded after_ethertype(struct cursor *c, uint16_t *ethertype)
{
    while (*ethertype == ETHERTYPE_VLAN || *ethertype == ETHERTYPE_QINQ ||
           *ethertype == ETHERTYPE_QINQ_OLD) {
        cursor_u16(c); /* priority and VLAN id: connections are not told apart by them */
        *ethertype = cursor_u16(c);
    }
    if (*ethertype > 0 && *ethertype <= 1500) {
        uint32_t snap = cursor_u32(c);
        uint16_t organisation_end = cursor_u16(c), type = cursor_u16(c);
        if (c->overrun || snap != 0xaaaa0300 || organisation_end != 0)
            return DECODED_NOT_TCP;
        *ethertype = type;
    }
    return c->overrun ? DECODED_TRUNCATED : DECODED_TCP;
}

static enum decoded link_ethernet(struct cursor *c, uint16_t *ethertype)
{
    cursor_take(c, 12);
    *ethertype = cursor_u16(c);
    return after_ethertype(c, ethertype);
}

static enum decoded link_raw(struct cursor *c, uint16_t *ethertype)
{
    (void)c;
    *ethertype = ETHERTYPE_NONE;
    return DECODED_TCP;
}

/* Linux cooked capture v1: 16 bytes, protocol last. */
static enum decoded link_sll(struct cursor *c, uint16_t *ethertype)
{
    cursor_take(c, 14);
    *ethertype = cursor_u16(c);
    return after_ethertype(c, ethertype);
}

/* v2: 20 bytes, protocol first. */
static enum decoded link_sll2(struct cursor *c, uint16_t *ethertype)
{
    *ethertype = cursor_u16(c);
    cursor_take(c, 18);
    return after_ethertype(c, ethertype);
}

/* BSD loopback: four bytes of address family, in the writing host's order (NULL) or in network
 * order (LOOP); the families are small, so either order can be told. AF_INET6 has a number of
 * its own on every system (https://www.tcpdump.org/linktypes.html). */
static enum decoded link_null(struct cursor *c, uint16_t *ethertype)
{
    uint32_t family = cursor_u32(c);
    if (c->overrun)
        return DECODED_TRUNCATED;
    if (family > 0xffff)
        family = family >> 24 | (family >> 8 & 0xff00);
    switch (family) {
    case 2:
        *ethertype = ETHERTYPE_IPV4;
        return DECODED_TCP;
    case 10: /* Linux */
    case 24: /* NetBSD, OpenBSD */
    case 28: /* FreeBSD */
    case 30: /* macOS */
        *ethertype = ETHERTYPE_IPV6;
        return DECODED_TCP;
    }
    return DECODED_NOT_TCP;
}

static const struct link_type {
    uint16_t number;
    enum decoded (*decode)(struct cursor *c, uint16_t *ethertype);
} link_types[] = {
    { LINKTYPE_ETHERNET, link_ethernet },  { 0, link_null },  { 108, link_null }, { 113, link_sll },
    { 276, link_sll2 },    { 101, link_raw }, { 12, link_raw },   { 14, link_raw },
    { 228, link_raw },     { 229, link_raw },
};

static const struct link_type *find_link_type(uint16_t number)
{
    for (size_t i = 0; i < sizeof link_types / sizeof *link_types; i++)
        if (link_types[i].number == number)
            return &link_types[i];
    return NULL;
}

enum decoded decode_link(uint16_t link_type, struct cursor *c, uint16_t *ethertype)
{
    const struct link_type *type = find_link_type(link_type);
    return type == NULL ? DECODED_LINK_TYPE : type->decode(c, ethertype);
}

const char *decode_link_type_name(uint16_t link_type, char *buffer, size_t size)
{
    /* In files raw IP is 101; libpcap's own number for it differs between systems. */
    const char *name = link_type == 101 ? "RAW" : pcap_datalink_val_to_name(link_type);
    if (name != NULL)
        return name;
    snprintf(buffer, size, "LINKTYPE_%u", link_type);
    return buffer;
}
