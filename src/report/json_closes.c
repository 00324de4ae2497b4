#include "report/json_closes.h"

#include "base/strbuf.h"
#include "report/json_value.h"
#include "report/view.h"

#define MOST_SERVERS 100

static json_t *since_value(const struct close_kind *kind)
{
    if (kind->timed == 0)
        return json_null();
    json_t *value = json_object();
    json_put(&value, "from", json_string(close_since_names[kind->since]));
    json_put(&value, "known", json_integer((json_int_t)kind->timed));
    json_put(&value, "median_s", json_seconds(closes_median_ns(kind)));
    json_put(&value, "least_s", json_seconds(kind->least_ns));
    json_put(&value, "most_s", json_seconds(kind->most_ns));
    return value;
}

static json_t *kind_value(const struct close_kind *kind)
{
    json_t *value = json_object();
    json_put(&value, "by", json_string_or_null(close_by_names[kind->by]));
    json_put(&value, "how", json_string_or_null(close_how_names[kind->how]));
    json_put(&value, "phase", json_string_or_null(close_phase_names[kind->phase]));
    json_put(&value, "upon_goaway", json_boolean(kind->upon_goaway));
    json_put(&value, "count", json_integer((json_int_t)kind->count));
    json_put(&value, "since", since_value(kind));
    return value;
}

static json_t *server_value(const struct server_closes *server)
{
    struct strbuf ip = { 0 };
    view_ip(&ip, &server->address, server->ipv6);
    json_t *value = json_object(), *kinds = json_array(), *endpoint = json_object();
    json_put(&endpoint, "ip", json_text(&ip));
    json_put(&endpoint, "port", json_integer(server->port));
    for (const struct close_kind *kind = server->kinds; kind != NULL; kind = kind->next)
        json_append(&kinds, kind_value(kind));
    json_put(&value, "server", endpoint);
    json_put(&value, "connections", json_integer((json_int_t)server->connections));
    json_put(&value, "kinds", kinds);
    return value;
}

bool json_closes(const struct analysis *analysis, FILE *out)
{
    const struct closes *closes = tracker_closes(analysis->run->tracker);
    bool whole = true;
    fprintf(out, "{\"left_out\":%s,\"servers\":[", closes->left_out ? "true" : "false");
    for (size_t i = 0; i < closes->count && i < MOST_SERVERS && whole; i++) {
        fputs(i == 0 ? "\n " : ",\n ", out);
        whole = json_dump(out, server_value(closes->sorted[i]));
    }
    fputs("],\"connections\":[", out);
    for (size_t i = 0; i < closes->listed.count && whole; i++) {
        fputs(i == 0 ? "\n " : ",\n ", out);
        whole = json_dump(out, json_connection(closes->listed.items[i].item));
    }
    fputs("]}", out);
    return whole;
}
