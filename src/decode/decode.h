/*
 * decode - one packet -> one TCP segment, or the reason why there is none.
 *
 * Floor: decode; uses base and capture's struct packet. What it counts, and what it will keep between packets
 * (fragments) within limits, is the decoder's.
 * Does not: verify checksums (captures on the sending host have unfilled ones), put IP
 * fragments together, look into tunnels. Those packets are counted by kind.
 *
 * Every byte is read behind a bounds check. What is cut by the snap length is a fact, not an
 * error.
 */
#ifndef HANGUP_DECODE_DECODE_H
#define HANGUP_DECODE_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/capture.h"

enum tcp_flag {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
};

struct ip_address {
    uint8_t bytes[16]; /* network order; IPv4 in the first 4, the rest zero */
};

/* A TCP segment, host byte order. */
struct segment {
    int64_t ts_ns;
    uint32_t frame;
    uint16_t capture;
    bool ipv6;
    uint8_t ttl;             /* or hop limit */
    uint16_t ip_id;          /* IPv4 identification; 0 for IPv6 */
    struct ip_address src, dst;
    uint16_t src_port, dst_port;
    uint32_t seq, ack;       /* ack: 0 without the ACK flag */
    uint8_t flags;           /* enum tcp_flag */
    uint16_t window;         /* as sent, unscaled */
    int8_t window_scale;     /* from the SYN's option; -1: absent */
    bool sacks;              /* it acknowledges bytes behind a hole (RFC 2018) */
    bool unreachable;        /* quoted: by an ICMP error that says that it will not arrive */
    const uint8_t *payload;  /* the packet's bytes */
    uint32_t payload_len;    /* on the wire */
    uint32_t payload_caplen; /* captured, <= payload_len */
};

/* What a packet turned out to be. The kinds after NOT_TCP could hide TCP, or HTTP, that was not read. */
enum decoded {
#define KIND(id, text) DECODED_##id,
#include "decode/decode_kinds.def"
#undef KIND
    DECODED_KINDS
};

/* "IPv4 fragment", "GRE tunnel", ... as the report names them. */
const char *decoded_name(enum decoded kind);

struct decoder {
    uint64_t packets;
    uint64_t kinds[DECODED_KINDS]; /* packets of each */
};

void decoder_init(struct decoder *decoder);

/* Decodes one packet, and counts it. *segment is filled for DECODED_TCP; for DECODED_ICMP_ABOUT_TCP it holds
 * the addresses, ports and sequence number that the ICMP error quotes. */
enum decoded decoder_packet(struct decoder *decoder, const struct packet *packet, struct segment *segment);

/* Name of a link type as libpcap has it ("EN10MB"), or its number as text. `buffer` is used for
 * the latter. */
const char *decode_link_type_name(uint16_t link_type, char *buffer, size_t size);

#endif
