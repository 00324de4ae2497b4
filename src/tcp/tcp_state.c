#include <stddef.h>

#include "tcp/tcp_conn.h"

static const struct tcp_edge edges[TCP_STATES][TCP_EVENTS] = {
#define EDGE(from, event, to, section) [TCP_##from][TCP_EV_##event] = { TCP_##to, section },
#include "tcp/tcp_edges.def"
#undef EDGE
};

const struct tcp_edge *tcp_edge(enum tcp_state from, enum tcp_event event)
{
    return &edges[from][event];
}

enum tcp_state tcp_state_after(enum tcp_state from, enum tcp_event event)
{
    const struct tcp_edge *edge = &edges[from][event];
    return edge->section != NULL ? edge->to : from;
}

const char *const tcp_state_names[] = {
#define VALUE(id, name) [id] = name,
#include "tcp/tcp_states.def"
#undef VALUE
    [TCP_STATES] = NULL,
};

const char *const tcp_reset_kind_names[] = {
#define VALUE(id, name) [id] = name,
#include "tcp/reset_kinds.def"
#undef VALUE
    NULL,
};
