/*
 * live - packets from a network interface, through libpcap.
 */
#ifndef HANGUP_CAPTURE_LIVE_H
#define HANGUP_CAPTURE_LIVE_H

#include "capture/capture.h"

struct live_options {
    const char *interface;
    const char *filter;      /* BPF expression (pcap-filter(7)), or NULL */
    int snaplen;             /* bytes of each packet to keep */
    int buffer_kib;          /* the kernel's buffer; 0: libpcap's default */
    bool promiscuous;
    uint64_t max_packets;    /* stop after these; 0: no limit */
    int64_t max_duration_ns; /* stop after this time; 0: no limit */
    bool (*stopped)(void *context); /* asked at least every 100 ms */
    void *context;
};

/* Opens the interface. Privileges are needed here and not any more afterwards.
 * The options' strings must outlive the capture. */
struct capture *live_open(const struct live_options *options, struct err *err) WARN_UNUSED;

/* Calls `list` for each interface that can be captured on. */
bool live_interfaces(void (*list)(void *context, const char *name, const char *description),
                     void *context, struct err *err) WARN_UNUSED;

#endif
