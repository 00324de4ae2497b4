/*
 * tcp_state - the state of one end of a connection (RFC 9293 section 3.3.2).
 */
#ifndef HANGUP_TCP_TCP_STATE_H
#define HANGUP_TCP_TCP_STATE_H

#include <stdbool.h>

enum tcp_state {
    TCP_UNKNOWN, /* never seen starting: the capture began later */
    TCP_CLOSED,
    TCP_SYN_SENT,
    TCP_SYN_RECEIVED,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT_1,
    TCP_FIN_WAIT_2,
    TCP_CLOSE_WAIT,
    TCP_CLOSING,
    TCP_LAST_ACK,
    TCP_TIME_WAIT,
    TCP_STATES
};

enum tcp_event {
    TCP_EV_SND_SYN,
    TCP_EV_RCV_SYN,
    TCP_EV_RCV_SYN_ACK,
    TCP_EV_RCV_ACK_OF_SYN,
    TCP_EV_SND_FIN,
    TCP_EV_RCV_FIN,
    TCP_EV_RCV_ACK_OF_FIN,
    TCP_EV_EXPIRE_2MSL,
    TCP_EVENTS
};

struct tcp_edge {
    enum tcp_state to;
    const char *section; /* of RFC 9293; NULL: the diagram has no such arrow */
};

/* The arrow that leaves `from` at `event`. */
const struct tcp_edge *tcp_edge(enum tcp_state from, enum tcp_event event);

/* The state after the event; unchanged where the diagram has no arrow. */
enum tcp_state tcp_state_after(enum tcp_state from, enum tcp_event event);

/* As OpenTelemetry spells them: "fin_wait_2". */
const char *tcp_state_name(enum tcp_state state);

#endif
