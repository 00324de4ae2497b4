#include "track/end_close.h"

struct act act_of(const struct connection *c, unsigned e)
{
    const struct tcp_end *end = &c->tcp.end[e];
    struct act act = { .ack = end->ack, .ack_known = end->ack_known };
    bool reset = end->resets > 0 && end->rst_kind != TCP_RESET_FOREIGN;
    bool reset_first = reset && end->fin_seen &&
                       connection_mark(c, e, END_RST)->ns < connection_mark(c, e, END_FIN)->ns;
    if (end->fin_seen && !reset_first) {
        act.how = HOW_FIN;
        act.seq = end->fin_seq;
        act.ack = end->fin_ack;
        act.mark = *connection_mark(c, e, END_FIN);
        const struct goodbye *goodbye = c->closing != NULL ? &c->closing->goodbye[e] : NULL;
        if (goodbye != NULL && goodbye->mark.frame != 0 && goodbye->end_seq == end->fin_seq &&
            goodbye->ack != 0 && goodbye->mark.ns <= act.mark.ns) { /* else it was lost on its way, and the FIN tells */
            act.seq = goodbye->seq;
            act.ack = goodbye->ack;
            act.mark = goodbye->mark;
        }
    } else if (reset) {
        act.how = HOW_RST;
        act.seq = end->base_known ? end->snd_nxt : end->rst_seq;
        if (end->rst_kind == TCP_RESET_ABORTING && end->rst_ack != 0) {
            act.ack = end->rst_ack;
            act.ack_known = true;
        }
        act.mark = *connection_mark(c, e, END_RST);
    }
    return act;
}

int64_t data_at_close(const struct connection *c, unsigned closer, const struct act *act, unsigned end)
{
    if (c->closing == NULL || !c->closing->begun)
        return NS_ABSENT;
    const struct goodbye *goodbye = &c->closing->goodbye[closer];
    bool by_goodbye = act->how == HOW_FIN && goodbye->mark.frame == act->mark.frame && goodbye->mark.capture == act->mark.capture;
    return by_goodbye ? goodbye->data_ns[end] : c->closing->data_at_close[end];
}
