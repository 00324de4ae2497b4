#include "rules/usual.h"

#include <string.h>

/* Rules look for what takes longer. */
#define SHORTLY NS_PER_S

/* What the two functions below promise. */
static const struct {
    const char *field;
    int64_t low, high;
} usual[] = {
    { "established", true, true },
    { "connect.answered", true, true },
    { "connect.challenged", false, false },
    { "connect.unreachable", false, false },
    { "client.syns", 0, 1 },
    { "server.syn_acks_after_data", 0, 0 },
    { "client.rst", TCP_RESET_NONE, TCP_RESET_NONE },
    { "server.rst", TCP_RESET_NONE, TCP_RESET_NONE },
    { "client.resets", 0, 0 },
    { "server.resets", 0, 0 },
    { "client.rst_hops", NS_ABSENT, NS_ABSENT },
    { "server.rst_hops", NS_ABSENT, NS_ABSENT },
    { "foreign_reset.believed", false, false },
    { "resets_apart", NS_ABSENT, NS_ABSENT },
    { "client.unanswered_repeats", 0, 0 },
    { "server.unanswered_repeats", 0, 0 },
    { "unanswered.repeats", 0, 0 },
    { "fin_unanswered.repeats", 0, 0 },
    { "client.probes_unanswered", 0, 0 },
    { "server.probes_unanswered", 0, 0 },
    { "client.stalled", 0, 0 },
    { "server.stalled", 0, 0 },
    { "client.zero_window_time", 0, 0 },
    { "server.zero_window_time", 0, 0 },
    { "client.held_back", 0, 0 },
    { "server.held_back", 0, 0 },
    { "silence.survived", 0, SHORTLY },
    { "silence.fatal", NS_ABSENT, NS_ABSENT },
    { "reset_on_data.by", NS_ABSENT, NS_ABSENT },
    { "tls.alert_by", NS_ABSENT, NS_ABSENT },
    { "unsolicited_responses", 0, 0 },
    { "close.overdue", NS_ABSENT, SHORTLY },
    { "fin_wait_2.duration", NS_ABSENT, SHORTLY },

    { "request.seen", true, true },
    { "request.head", true, true },
    { "request.complete", true, true },
    { "request.after_announced_close", false, false },
    { "request.continue_wait", NS_ABSENT, NS_ABSENT },
    { "response.started", true, true },
    { "response.head", true, true },
    { "response.complete", true, true },
    { "response.interim", 0, 0 },
    { "response.keep_alive_timeout", NS_ABSENT, NS_ABSENT },
};

static bool is_short(int64_t ns)
{
    return ns >= 0 && ns <= SHORTLY;
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
           r->survived_ms <= 1000 && r->silent_by < 0 && r->unsolicited == 0 && !r->lost_thread &&
           (r->overdue == NS_ABSENT || is_short(r->overdue)) &&
           (r->fin_wait_2_by < 0 || is_short(r->fin_wait_2_end_ns - r->fin_wait_2_ns));
}

/* Nothing of the conversation was missed so far. */
static bool is_followed(const struct connection *c)
{
    const struct http_stream *streams = c->http.stream;
    return c->open_seen && !streams[0].lost_bytes && !streams[1].lost_bytes &&
           streams[0].mode != HTTP_MODE_LOST && streams[1].mode != HTTP_MODE_LOST;
}

bool usual_exchange(const struct connection *c, const struct http_exchange *x)
{
    const struct http_exchange *done = c->http.done; /* the one before it, or itself */
    return x->request_complete && x->response_complete && x->request_seen && x->request_head &&
           x->response_seen && x->response_head && !x->expect_continue && x->interim == 0 &&
           x->keep_alive_timeout_s < 0 && is_followed(c) &&
           (done == NULL || done == x || !done->response_close);
}

bool usual_values(const struct field *field, int64_t *low, int64_t *high)
{
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        if (strcmp(usual[i].field, field->name) == 0) {
            *low = usual[i].low;
            *high = usual[i].high;
            return true;
        }
    }
    return false;
}
