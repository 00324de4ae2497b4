/*
 * capture - packets out of files, standard input or a live interface.
 *
 * Floor: capture; uses base. Knows nothing of what is inside a packet.
 *
 * A capture hands out packets in batches. Packet bytes belong to the capture and stay valid
 * until its next read. A capture that breaks off (cut, damaged) ends normally, with the reason
 * in its info; only what cannot be read at all is an error.
 */
#ifndef HANGUP_CAPTURE_CAPTURE_H
#define HANGUP_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/block.h"
#include "base/err.h"
#include "capture/opener.h"

/* A record longer than this is taken for damage, as Wireshark does for network packets
 * (WTAP_MAX_PACKET_SIZE_STANDARD, wiretap/wtap.h). */
#define CAPTURE_MAX_PACKET_BYTES 262144u

/* Link types per capture that info names; a capture with more still works. */
#define CAPTURE_MAX_LINK_TYPES 8

/* Times are clamped to these (years 1896 to 2116), so that no difference of two overflows. */
#define CAPTURE_MIN_TIME_NS (-(INT64_C(1) << 61))
#define CAPTURE_MAX_TIME_NS ((INT64_C(1) << 62) - 1)

struct packet {
    int64_t ts_ns;        /* since 1970, UTC */
    const uint8_t *data;  /* caplen bytes, the capture's */
    uint32_t caplen;      /* bytes captured */
    uint32_t len;         /* bytes on the wire, >= caplen */
    uint32_t frame;       /* 1-based in its file, as Wireshark counts */
    uint16_t capture;     /* which file, in the order of the command line */
    bool untimed;         /* without a time of its own: ts_ns is that of the packet before, or 0 */
    uint16_t link_type;   /* LINKTYPE_ value (https://www.tcpdump.org/linktypes.html) */
};

struct capture_info {
    const char *file;        /* as the user named it; "-" is standard input */
    const char *format;      /* "pcap", "pcapng", "conv", "live" */
    const char *packed_with; /* "gzip", "zstd", ...; the innermost, NULL: the file is not compressed */
    uint64_t packets;
    uint64_t bytes;          /* on the wire */
    int64_t first_ns, last_ns; /* earliest and latest; valid when packets > untimed_packets */
    uint64_t truncated_packets; /* captured shorter than they were */
    int64_t dropped_packets; /* by the capturing program; -1: the capture does not say */
    uint64_t untimed_packets; /* packets without a time stamp (pcapng simple packet blocks) */
    uint16_t link_types[CAPTURE_MAX_LINK_TYPES];
    unsigned link_type_count;
    char error[256];         /* why it ended early; "": it did not */
};

struct capture;

/* What a read tells. */
enum capture_event {
    CAPTURE_FAILED,  /* err is set */
    CAPTURE_PACKETS,
    CAPTURE_IDLE,    /* no packet for a while; only of what is captured now, and of pipes */
    CAPTURE_END,     /* no more; info.error tells if it broke off */
};

struct capture_batch {
    struct packet *packets; /* the caller's room for `max` */
    size_t max;
    size_t count;           /* PACKETS: so many were put there */
    int64_t now_ns;         /* IDLE: up to this time no packet has come; since 1970, UTC; INT64_MIN: not known */
};

/* What a file format or an interface implements. */
struct capture_ops {
    enum capture_event (*read)(struct capture *capture, struct capture_batch *batch, struct err *err);
    void (*close)(struct capture *capture); /* frees what is its own, not `capture` */
    struct block *(*block)(struct capture *capture); /* see capture_block; NULL: there is none */
};

/* Who takes the secrets of TLS that a capture carries. */
struct capture_secrets {
    /* The next piece of a key log, which stood behind packet `frame` (0: before all) of that capture; end: its last. The bytes are
     * the capture's, which wipes nothing. */
    void (*take)(void *context, const uint8_t *text, size_t length, bool end, uint16_t capture, uint32_t frame);
    void *context;
};

struct capture {
    const struct capture_ops *ops;
    void *state; /* the format's own */
    struct capture_info info;
    const struct capture_secrets *secrets; /* NULL: nobody takes them; set before the first read */
    uint16_t number; /* among several, in the order of the command line; likewise */
    int64_t file_bytes; /* of a file that can be opened again, as it lies there; -1: it is none */
};

/* Opens a file ("-": standard input) of any format known. On failure NULL, and err names the
 * file and what is wrong. `path` must outlive the capture. */
struct capture *capture_open(const char *path, const struct opener *opener, struct err *err) WARN_UNUSED;

/* Reads the next packets and keeps the counters of info. See capture_ops.read. */
enum capture_event capture_read(struct capture *capture, struct capture_batch *batch, struct err *err) WARN_UNUSED;

/* The block with the bytes of all packets that the last read gave: they stay valid while somebody holds
 * it. NULL: they are gone with the next read. */
struct block *capture_block(struct capture *capture);

void capture_close(struct capture *capture); /* NULL is fine */

/* Remembers a link type in info.link_types, once. */
void capture_note_link_type(struct capture *capture, uint16_t link_type);

/* Ends a capture early for the reason given; the first reason stays. */
void capture_break(struct capture *capture, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
