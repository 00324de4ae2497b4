/*
 * gen_profiles.h - the kinds of traffic that gen can write: data only.
 *
 * Waiting times are drawn with a preference for the short end (draw_time()). Two of them keep
 * the traffic healthy: no server waits long before a close that it announced, and where clients close
 * the idle times differ widely, because a fixed one would look like somebody's timer.
 */
#ifndef GEN_PROFILES_H
#define GEN_PROFILES_H

#include "gen_message.h"
#include "gen_util.h"

enum { CLIENTS_MAX = 16777213 }; /* a prime below 2^24: see conn_open() */

struct profile {
    const char *name, *meaning;
    uint64_t connections, megabytes;   /* the default limit: one or the other */
    uint32_t slots, clients, servers;  /* slots: connections open at once; then addresses */
    uint32_t batch, announced_percent; /* requests in a row; connections that the server closes */
    enum style style;
    struct range turns, body, rtt_us, first_us, think_us, service_us;
    struct range close_us, idle_us; /* from the last response to a server's, a client's close */
    uint32_t idle_percent, idle_timer_us; /* connections that the server's idle timer ends */
    uint32_t anomaly_permille;            /* connections that a request is lost on */
};

static const struct profile PROFILES[] = {
    {"web", "keep-alive connections of 1 to 20 small exchanges", 0, 500, 200, 61, 4, 1, 30, STYLE_FULL,
     {1, 20}, {0, 6144}, {400, 60000}, {50, 3000}, {100, 900000}, {300, 150000}, {50, 20000}, {1000, 9000000}, 0, 0, 0},
    {"bodies", "few connections, responses of 20 to 30 MB", 60, 0, 60, 13, 4, 1, 50, STYLE_PLAIN,
     {1, 1}, {20000000, 30000000}, {5000, 40000}, {50, 3000}, {0, 0}, {300, 150000}, {50, 20000}, {1000, 4000000}, 0, 0, 0},
    {"conns", "a million short connections, 198,000 at once", 1000000, 0, 198000, CLIENTS_MAX, 16, 1, 100, STYLE_FULL,
     {1, 1}, {0, 900}, {5000, 80000}, {1000, 200000}, {0, 0}, {600000, 1600000}, {45000, 150000}, {0, 0}, 0, 0, 0},
    {"incidents", "a million, three quarters ended by an idle timer, 3 % with a lost request", 1000000, 0, 198000, 3989, 16, 1, 60,
     STYLE_FULL, {1, 3}, {0, 900}, {5000, 80000}, {1000, 200000}, {1000, 900000}, {600000, 1600000}, {45000, 150000},
     {1000, 3000000}, 75, 5000000, 30},
    {"opaque", "TLS that nobody decrypts", 0, 500, 200, 61, 4, 1, 30, STYLE_TLS,
     {1, 12}, {0, 14000}, {400, 60000}, {50, 3000}, {100, 900000}, {300, 150000}, {50, 20000}, {1000, 9000000}, 0, 0, 0},
    {"http2", "connections of HTTP/2 of 1 to 20 small exchanges", 0, 500, 200, 61, 4, 1, 0, STYLE_HTTP2,
     {1, 20}, {0, 6144}, {400, 60000}, {50, 3000}, {100, 900000}, {300, 150000}, {50, 20000}, {1000, 9000000}, 0, 0, 0},
    {"giant", "one connection of a million small exchanges", 1, 0, 1, 1, 1, 1, 0, STYLE_SMALL,
     {1000000, 1000000}, {0, 160}, {300, 300}, {50, 3000}, {50, 5000}, {100, 4000}, {0, 0}, {1000, 900000}, 0, 0, 0},
    {"pipelined", "clients send 8 requests in a row", 0, 500, 100, 61, 4, 8, 30, STYLE_FULL,
     {1, 6}, {0, 6144}, {400, 60000}, {50, 3000}, {100, 900000}, {300, 150000}, {50, 20000}, {1000, 9000000}, 0, 0, 0},
};

#endif
