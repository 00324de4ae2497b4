#include "report/json_value.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "report/community_id.h"
#include "report/view.h"
#include "track/closes.h"

json_t *json_untrusted(const char *text)
{
    struct strbuf safe = { 0 };
    text_untrusted(&safe, text, strlen(text));
    json_t *value = json_string(strbuf_text(&safe));
    strbuf_free(&safe);
    return value;
}

json_t *json_string_or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

json_t *json_time(int64_t ns)
{
    struct strbuf text = { 0 };
    text_time(&text, ns);
    json_t *value = json_string(strbuf_text(&text));
    strbuf_free(&text);
    return value;
}

json_t *json_seconds(int64_t ns)
{
    return json_real((double)ns / 1e9);
}

json_t *json_endpoint(const struct record *r, enum end_role role, bool with_port)
{
    struct strbuf address = { 0 };
    view_address(&address, r, role);
    json_t *value = json_object();
    json_object_set_new(value, "ip", json_string(strbuf_text(&address)));
    if (with_port)
        json_object_set_new(value, "port", json_integer(record_port(r, role)));
    strbuf_free(&address);
    return value;
}

void json_dump(FILE *out, json_t *value)
{
    json_dumpf(value, out, JSON_REPORT_FLAGS);
    json_decref(value);
}

static json_t *alpn_value(uint8_t set)
{
    json_t *array = json_array();
    if (set & ALPN_H2)
        json_array_append_new(array, json_string("h2"));
    if (set & ALPN_HTTP1)
        json_array_append_new(array, json_string("http/1.1"));
    if (set & ALPN_OTHER)
        json_array_append_new(array, json_string("other"));
    return array;
}

static json_t *tls_value(const struct record *r)
{
    if (r->tls_handshake == TLS_HANDSHAKE_NONE)
        return json_null();
    json_t *value = json_object();
    json_object_set_new(value, "server_name", r->server_name[0] != '\0' ? json_untrusted(r->server_name) : json_null());
    json_object_set_new(value, "version", json_string_or_null(tls_version_name(r->tls_version)));
    json_object_set_new(value, "alpn_offered", alpn_value(r->tls_alpn_offered));
    json_object_set_new(value, "keys", json_string(tls_keys_names[r->tls_keys]));
    return value;
}

/* How long after what it closed. */
static json_t *since_value(const struct record *r)
{
    int64_t ns;
    enum close_since since = closes_since(r, &ns);
    if (since == SINCE_NOTHING)
        return json_null();
    json_t *value = json_object();
    json_object_set_new(value, "from", json_string(close_since_names[since]));
    json_object_set_new(value, "seconds", json_seconds(ns));
    return value;
}

json_t *json_connection(const struct record *r)
{
    char id[COMMUNITY_ID_BYTES];
    community_id(&r->tuple, id);
    int64_t closed;
    json_t *value = json_object();
    json_object_set_new(value, "network", json_pack("{s:s}", "community_id", id));
    json_object_set_new(value, "capture", json_integer(r->capture));
    json_object_set_new(value, "tcp_stream", json_integer(r->tcp_stream));
    json_object_set_new(value, "client", json_endpoint(r, ROLE_CLIENT, true));
    json_object_set_new(value, "server", json_endpoint(r, ROLE_SERVER, true));
    json_object_set_new(value, "opened", r->open_seen ? json_time(r->first_ns) : json_null());
    json_object_set_new(value, "closed", view_closed(r, &closed) ? json_time(closed) : json_null());
    json_object_set_new(value, "open_seen", json_boolean(r->open_seen));
    json_t *close = json_object();
    json_object_set_new(close, "by", json_string_or_null(close_by_names[r->close_by]));
    json_object_set_new(close, "how", json_string_or_null(close_how_names[r->close_how]));
    json_object_set_new(close, "phase",
                        json_string_or_null(close_phase_names[r->close_phase]));
    json_object_set_new(close, "upon_goaway", json_boolean(record_closed_upon_goaway(r)));
    json_object_set_new(value, "close", close);
    json_object_set_new(
        value, "tcp",
        json_pack("{s:s, s:s, s:s, s:s}", "client_state",
                  tcp_state_names[r->state[ROLE_CLIENT]], "server_state",
                  tcp_state_names[r->state[ROLE_SERVER]], "history", r->history,
                  "conn_state", record_conn_state(r)));
    json_object_set_new(value, "protocol", json_string(protocol_names[r->protocol]));
    json_object_set_new(value, "tls", tls_value(r));
    json_object_set_new(value, "since", since_value(r));
    json_t *http = json_object();
    json_object_set_new(http, "inferred", json_boolean(r->inferred));
    json_object_set_new(http, "exchanges", json_integer(r->exchanges));
    json_object_set_new(value, "http", http);
    return value;
}
