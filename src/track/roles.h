/*
 * roles - who is the client where neither handshake nor HTTP tells.
 */
#ifndef HANGUP_TRACK_ROLES_H
#define HANGUP_TRACK_ROLES_H

#include "tcp/tcp_table.h"

/* Who is the server where the handshake was not captured: --server. */
struct server_hint {
    bool has_address, ipv6;
    struct ip_address address;
    unsigned prefix; /* bits */
    uint16_t port;   /* 0: any */
};

/* The client's end as the user told, or -1. */
int role_hinted_client(const struct server_hint *hints, size_t count,
                       const struct tcp_tuple *tuple);

/* Servers listen on the lower port far more often than not: ephemeral ports start at 32768 on
 * Linux and 49152 by RFC 6335. */
int role_guessed_client(const struct tcp_tuple *tuple);

#endif
