/*
 * tcp_state - the state of one end of a connection (RFC 9293 section 3.3.2).
 */
#ifndef HANGUP_TCP_TCP_STATE_H
#define HANGUP_TCP_TCP_STATE_H

#include <stdbool.h>

enum tcp_state {
#define VALUE(id, name) id,
#include "tcp/tcp_states.def"
#undef VALUE
    TCP_STATES
};

/* As OpenTelemetry spells them: "fin_wait_2". */
extern const char *const tcp_state_names[TCP_STATES + 1]; /* NULL at the end */

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

#endif
