/*
 * layers - the steps of decode_packet. Private to the floor.
 */
#ifndef HANGUP_DECODE_LAYERS_H
#define HANGUP_DECODE_LAYERS_H

#include "decode/cursor.h"
#include "decode/decode.h"

/* link.c: the link header is stepped over; *ethertype tells what follows. DECODED_TCP: go on. */
enum decoded decode_link(uint16_t link_type, struct cursor *c, uint16_t *ethertype);

/* ip.c. wire_left: bytes of the IP packet on the wire (>= c->left when cut by the snap length). */
enum decoded decode_ip(struct cursor *c, size_t wire_left, uint16_t ethertype,
                       struct segment *segment);

/* tcp_header.c. wire_left: bytes of the TCP segment on the wire. quoted: in an ICMP error, which
 * need hold only the ports and the sequence number (RFC 792). */
enum decoded decode_tcp(struct cursor *c, size_t wire_left, bool quoted, struct segment *segment);
void decode_tcp_options(struct cursor *c, struct segment *segment);

/* quic.c: what UDP carries between these ports, by version; DECODED_NOT_TCP: something else. */
enum decoded decode_quic(struct cursor *c, uint16_t source, uint16_t destination);

#define LINKTYPE_ETHERNET 1
#define IP_PROTOCOL_TCP 6

enum ethertype {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_MPLS_MULTICAST = 0x8848,
    ETHERTYPE_PPPOE_DISCOVERY = 0x8863,
    ETHERTYPE_PPPOE_SESSION = 0x8864,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_QINQ_OLD = 0x9100,
    ETHERTYPE_NONE = 0, /* not named by the link header: look at the IP version */
};

#endif
