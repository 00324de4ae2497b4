#include "track/usual.h"

static bool is_short(int64_t ns)
{
    return ns >= 0 && ns <= USUAL_SHORTLY_NS;
}

/* One end neither reset the connection nor waited in vain. */
static bool is_at_ease(const struct record *r, enum end_role role)
{
    const struct wait_facts *w = &r->waits[role];
    return r->resets[role] == 0 && r->rst_kind[role] == TCP_RESET_NONE && w->rst_hops == HOPS_ABSENT &&
           (r->repeats[role] | w->repeats | w->fin_repeats | w->probes | w->small_waits) == 0 &&
           (w->stalled_ms | w->zero_window_ms) == 0;
}

bool usual_connection(const struct record *r)
{
    return r->established && r->syn_answer == SYN_ANSWERED && !r->challenged && !r->unreachable &&
           r->syns[ROLE_CLIENT] <= 1 && r->syns_after_data[ROLE_SERVER] == 0 && !r->one_sided &&
           is_at_ease(r, ROLE_CLIENT) && is_at_ease(r, ROLE_SERVER) && !r->foreign_reset_believed &&
           r->resets_apart_ns == NS_ABSENT && r->reset_on_data_by < 0 && r->tls_alert_by < 0 &&
           r->goaways[ROLE_SERVER] == 0 && r->announced_for == NS_ABSENT && r->announced_by < 0 && !r->websocket && (r->websockets_cut[0] | r->websockets_cut[1]) == 0 && r->http_mismatch == HTTP_MISMATCH_NONE &&
           r->tls_certificate == CERTIFICATE_NOT_READ && r->silent_requests == 0 && !r->tls_record_cut &&
           r->survived_ms <= USUAL_SHORTLY_NS / NS_PER_MS && r->silent_by < 0 && r->unsolicited == 0 && !r->lost_thread &&
           (r->overdue == NS_ABSENT || is_short(r->overdue)) &&
           (r->fin_wait_2_by < 0 || is_short(r->fin_wait_2_end_ns - r->fin_wait_2_ns));
}

/* Nothing of the conversation was missed so far. */
static bool is_followed(const struct connection *c)
{
    return c->open_seen && !conversation_is_lost(&c->talk, 0) && !conversation_is_lost(&c->talk, 1);
}

bool usual_exchange(const struct connection *c, const struct exchange *x)
{
    const struct exchange *done = conversation_last_complete(&c->talk); /* the one before it, or itself */
    bool heads = (x->request_head && x->response_head) || x->inferred;
    return x->request_complete && x->response_complete && x->request_seen && heads &&
           x->response_seen && !x->response_doubtful && !x->expect_continue && x->interim == 0 &&
           !exchange_is_reset(x) && !exchange_is_short_of_body(x) && x->keep_alive_timeout_s < 0 && is_followed(c) &&
           (done == NULL || done == x || !done->response_close);
}
