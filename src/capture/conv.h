/*
 * conv - conversations: text that reads like a packet dialogue, turned into packets.
 *
 * A .conv file is a capture that a person wrote. It is an input format like any other.
 *
 *     # comment
 *     conn 10.0.0.1:40000 > 10.0.0.2:80       two ends; the left one is the client
 *     at 100                                  absolute time of what follows, seconds
 *     +0.010 > S                              after the line before, from the client: a SYN
 *     +0     < S.                             from the server: SYN-ACK
 *     +0     > .                              ACK
 *     +0     > "GET / HTTP/1.1\r\n\r\n"       payload (flags P.)
 *     +0     > 1000*"x"                       payload repeated
 *     +5     < F.                             FIN with ACK
 *     +0     < R seq=40                       reset without ACK
 *     expect RULE                             what must be found; see conv_expectations
 *     expect close.since_open = 2s +- 5ms     what must be known of each connection
 *
 * Ends are IPv4 or [IPv6] addresses with a port.
 *
 * Flags as tcpdump writes them: S F R P and '.' for ACK. Sequence and ACK numbers are automatic:
 * the next byte to send, and everything sent by the other end in the lines above. Words after the
 * flags change that: seq=N ack=N (relative, as Wireshark shows them: the SYN is 0), win=N, mss=N,
 * wscale=N, ttl=N, id=N, sackok, ts=VALUE/ECHO, sack=LEFT-RIGHT (relative, up to three). A line with seq= moves
 * nothing (it repeats, probes or crosses).
 *
 * `uncaptured`: sent, but not in the capture. `dup`: captured twice. `snap=N`: the capture kept only
 * N bytes of payload. `midstream` on a line of its own: lines above it are not in the capture.
 * Several `conn NAME A > B` make several connections; `NAME:` in front of the direction chooses.
 * `repeat N { ... }` repeats lines with a new client port each time.
 *
 * Records of TLS: `tls(TYPE,LENGTH)` (conv_tls.h), and `sealed(NUMBER,TYPE,PAYLOAD...)` that keys open: after `tls(client_hello)` and
 * `tls(server_hello)`, with NUMBER counted from 0 in each direction; `keys` on a line of its own makes the capture carry the keys.
 */
#ifndef HANGUP_CAPTURE_CONV_H
#define HANGUP_CAPTURE_CONV_H

#include "capture/capture.h"

/* One `expect` line. */
struct conv_expectation {
    char rule[64];   /* a rule's id, "nothing-else" or "nothing" */
    bool undecided;  /* expect undecided RULE */
    bool also;       /* expect also RULE: explained by another finding */
    long count;      /* count=N connections; -1: any number, of a fact all */
    char confidence[12]; /* confidence=WORD; "": any */
    char from[12];       /* from=REFERENCE of the finding's timer; "": any */
    unsigned line;
    /* A condition on facts instead of a rule, as rules have it, but that = is allowed for ==, and FACT = VALUE +-
     * TOLERANCE for what lies near a value. "": it is about a rule. */
    char fact[256];
    bool of_connection;      /* of the one whose client has that port; else of every one */
    uint16_t client_port;
};

struct conv_expectations {
    struct conv_expectation *items; /* free() */
    size_t count, capacity;
};

/* A capture of the text's packets, which is copied. `name` is for messages. On failure NULL; the
 * error names the line. */
struct capture *conv_open(const char *name, const char *text, size_t length,
                          struct err *err) WARN_UNUSED;

/* What the text expects. The capture must come from conv_open or from a .conv file. */
const struct conv_expectations *conv_expectations(const struct capture *capture);

#endif
