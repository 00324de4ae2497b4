#include <stddef.h>

#include "tcp/tcp_state.h"

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

const char *tcp_state_name(enum tcp_state state)
{
    static const char *const names[TCP_STATES] = {
        [TCP_UNKNOWN] = "unknown",
        [TCP_CLOSED] = "closed",
        [TCP_SYN_SENT] = "syn_sent",
        [TCP_SYN_RECEIVED] = "syn_received",
        [TCP_ESTABLISHED] = "established",
        [TCP_FIN_WAIT_1] = "fin_wait_1",
        [TCP_FIN_WAIT_2] = "fin_wait_2",
        [TCP_CLOSE_WAIT] = "close_wait",
        [TCP_CLOSING] = "closing",
        [TCP_LAST_ACK] = "last_ack",
        [TCP_TIME_WAIT] = "time_wait",
    };
    return names[state];
}
