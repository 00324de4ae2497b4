#include "facts/record.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define VALUE(id, name) [id] = name,
const char *const close_by_names[] = {
#include "facts/close_by.def"
    NULL,
};

const char *const close_how_names[] = {
#include "facts/close_how.def"
    NULL,
};

const char *const close_phase_names[] = {
#include "facts/close_phase.def"
    NULL,
};

const char *const rest_timer_names[] = {
#include "facts/rest_timers.def"
    NULL,
};
#undef VALUE

const char *const end_role_names[] = { [ROLE_CLIENT] = "client", [ROLE_SERVER] = "server", NULL };

static const struct {
    const char *name, *text;
} marks[MARKS] = {
#define MARK(id, name, text) [MARK_##id] = { name, text },
#include "facts/marks.def"
#undef MARK
};

const char *mark_name(enum mark_id id)
{
    return marks[id].name;
}

const char *mark_text(enum mark_id id)
{
    return marks[id].text;
}

bool mark_find(const char *name, enum mark_id *id)
{
    for (size_t i = 0; i < COUNT(marks); i++)
        if (strcmp(marks[i].name, name) == 0) {
            *id = (enum mark_id)i;
            return true;
        }
    return false;
}

const struct ip_address *record_address(const struct record *record, enum end_role role)
{
    return &record->tuple.address[role == ROLE_CLIENT ? record->client : !record->client];
}

uint16_t record_port(const struct record *record, enum end_role role)
{
    return record->tuple.port[role == ROLE_CLIENT ? record->client : !record->client];
}

bool record_offers_http(const struct record *r)
{
    return r->protocol == PROTOCOL_HTTP1 || r->protocol == PROTOCOL_HTTP2 || (r->protocol == PROTOCOL_TLS && r->tls_alpn_offered & (ALPN_HTTP1 | ALPN_H2));
}

enum protocol record_carrier(const struct record *r)
{
    return r->tls_handshake != TLS_HANDSHAKE_NONE ? PROTOCOL_TLS : (enum protocol)r->protocol;
}

bool record_closed_upon_goaway(const struct record *r)
{
    return (r->announced_by == ROLE_CLIENT && r->close_by == BY_SERVER) || (r->announced_by == ROLE_SERVER && r->close_by == BY_CLIENT);
}

unsigned record_marks_needed(const struct record *r)
{
    unsigned needed = r->marks;
    while (needed > 0 && r->mark[needed - 1].frame == 0)
        needed--;
    return needed;
}

int64_t record_closed_ns(const struct record *r)
{
    static const enum mark_id by_end[2][2] = { { MARK_CLIENT_FIN, MARK_CLIENT_RST },
                                               { MARK_SERVER_FIN, MARK_SERVER_RST } };
    bool client = r->close_by == BY_CLIENT, server = r->close_by == BY_SERVER;
    if ((!client && !server) || (r->close_how != HOW_FIN && r->close_how != HOW_RST))
        return NS_ABSENT;
    if (record_mark(r, MARK_CLOSE_NOTIFY)->frame != 0)
        return record_mark(r, MARK_CLOSE_NOTIFY)->ns;
    const struct mark *mark = record_mark(r, by_end[server][r->close_how == HOW_RST]);
    return mark->frame != 0 ? mark->ns : NS_ABSENT;
}

const char *record_conn_state(const struct record *r)
{
    bool client_reset = r->resets[ROLE_CLIENT] > 0, server_reset = r->resets[ROLE_SERVER] > 0;
    bool client_fin = r->fin_seen[ROLE_CLIENT], server_fin = r->fin_seen[ROLE_SERVER];
    bool syn_ack = record_mark(r, MARK_SYN_ACK)->frame != 0;
    if (!r->open_seen)
        return syn_ack && client_reset == server_reset ? (server_fin ? "SHR" : "OTH")
               : syn_ack && server_reset               ? "RSTRH"
                                                       : "OTH";
    if (!syn_ack && !r->established) {
        if (server_reset)
            return "REJ";
        if (client_reset)
            return "RSTOS0";
        return client_fin ? "SH" : "S0";
    }
    if (client_reset && (!server_reset || record_mark(r, MARK_CLIENT_RST)->ns <= record_mark(r, MARK_SERVER_RST)->ns))
        return "RSTO";
    if (server_reset)
        return "RSTR";
    if (client_fin && server_fin)
        return "SF";
    return client_fin ? "S2" : server_fin ? "S3" : "S1";
}

void exchange_record_fill(struct exchange_record *record, const struct exchange_facts *facts)
{
    record->facts = *facts;
    record->exchange = *facts->exchange;
    record->exchange.next = NULL;
    size_t length = strlen(facts->exchange->target); /* HTTP_TARGET_BYTES with the NUL at most */
    memcpy(record->target, facts->exchange->target, length + 1);
    record->exchange.target = record->target;
    record->facts.exchange = &record->exchange;
}
