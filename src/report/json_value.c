#include "report/json_value.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "report/community_id.h"
#include "report/view.h"
#include "track/closes.h"

/* The container gives up what it has, so that nobody can take it for whole. */
static void poison(json_t **container)
{
    json_decref(*container);
    *container = NULL;
}

void json_put(json_t **object, const char *key, json_t *value)
{
    if (json_object_set_new(*object, key, value) != 0)
        poison(object);
}

void json_append(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) != 0)
        poison(array);
}

json_t *json_text(struct strbuf *text)
{
    json_t *value = text->failed ? NULL : json_string(strbuf_text(text));
    strbuf_free(text);
    return value;
}

json_t *json_untrusted_part(const char *text, size_t length)
{
    struct strbuf safe = { 0 };
    text_utf8(&safe, text, length);
    return json_text(&safe);
}

json_t *json_untrusted(const char *text)
{
    return json_untrusted_part(text, strlen(text));
}

json_t *json_string_or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

json_t *json_time(int64_t ns)
{
    struct strbuf text = { 0 };
    text_time(&text, ns);
    return json_text(&text);
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
    json_put(&value, "ip", json_text(&address));
    if (with_port)
        json_put(&value, "port", json_integer(record_port(r, role)));
    return value;
}

bool json_dump(FILE *out, json_t *value)
{
    bool whole = value != NULL && (json_dumpf(value, out, JSON_REPORT_FLAGS) == 0 || ferror(out));
    json_decref(value);
    return whole;
}

/* Everything but the last byte. */
struct all_but_last {
    FILE *out;
    bool held;
    char last;
};

static int write_all_but_last(const char *bytes, size_t length, void *context)
{
    struct all_but_last *sink = context;
    if (length == 0)
        return 0;
    if (sink->held)
        fputc(sink->last, sink->out);
    fwrite(bytes, 1, length - 1, sink->out);
    sink->last = bytes[length - 1];
    sink->held = true;
    return 0;
}

bool json_dump_open(FILE *out, json_t *object)
{
    struct all_but_last sink = { .out = out };
    bool whole = object != NULL && json_dump_callback(object, write_all_but_last, &sink, JSON_REPORT_FLAGS) == 0;
    json_decref(object);
    return whole;
}

static json_t *alpn_value(uint8_t set)
{
    json_t *array = json_array();
    if (set & ALPN_H2)
        json_append(&array, json_string("h2"));
    if (set & ALPN_HTTP1)
        json_append(&array, json_string("http/1.1"));
    if (set & ALPN_OTHER)
        json_append(&array, json_string("other"));
    return array;
}

static json_t *tls_value(const struct record *r)
{
    if (r->tls_handshake == TLS_HANDSHAKE_NONE)
        return json_null();
    json_t *value = json_object();
    json_put(&value, "server_name", r->server_name[0] != '\0' ? json_untrusted(r->server_name) : json_null());
    json_put(&value, "version", json_string_or_null(tls_version_name(r->tls_version)));
    json_put(&value, "alpn_offered", alpn_value(r->tls_alpn_offered));
    json_put(&value, "keys", json_string(tls_keys_names[r->tls_keys]));
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
    json_put(&value, "from", json_string(close_since_names[since]));
    json_put(&value, "seconds", json_seconds(ns));
    return value;
}

json_t *json_ends(const struct record *r)
{
    char id[COMMUNITY_ID_BYTES];
    community_id(&r->tuple, id);
    int64_t closed;
    json_t *value = json_object();
    json_put(&value, "network", json_pack("{s:s}", "community_id", id));
    json_put(&value, "capture", json_integer(r->capture));
    json_put(&value, "tcp_stream", json_integer(r->tcp_stream));
    json_put(&value, "client", json_endpoint(r, ROLE_CLIENT, true));
    json_put(&value, "server", json_endpoint(r, ROLE_SERVER, true));
    json_put(&value, "opened", r->open_seen ? json_time(r->first_ns) : json_null());
    json_put(&value, "closed", view_closed(r, &closed) ? json_time(closed) : json_null());
    json_put(&value, "open_seen", json_boolean(r->open_seen));
    json_t *close = json_object();
    json_put(&close, "by", json_string_or_null(close_by_names[r->close_by]));
    json_put(&close, "how", json_string_or_null(close_how_names[r->close_how]));
    json_put(&close, "phase",
                        json_string_or_null(close_phase_names[r->close_phase]));
    json_put(&close, "upon_goaway", json_boolean(record_closed_upon_goaway(r)));
    json_put(&value, "close", close);
    json_put(&value, "tcp",
        json_pack("{s:s, s:s, s:s, s:s}", "client_state",
                  tcp_state_names[r->state[ROLE_CLIENT]], "server_state",
                  tcp_state_names[r->state[ROLE_SERVER]], "history", r->history,
                  "conn_state", record_conn_state(r)));
    json_put(&value, "protocol", json_string(protocol_names[r->protocol]));
    json_put(&value, "tls", tls_value(r));
    json_put(&value, "since", since_value(r));
    return value;
}

json_t *json_http(const struct record *r)
{
    json_t *http = json_object();
    json_put(&http, "inferred", json_boolean(r->inferred));
    json_put(&http, "exchanges", json_integer(r->exchanges));
    return http;
}

json_t *json_connection(const struct record *r)
{
    json_t *value = json_ends(r);
    json_put(&value, "http", json_http(r));
    return value;
}
