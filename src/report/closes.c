/* The plain question, answered whoever is to blame: who closed, how, when, by server; and of each connection where asked for. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/document.h"
#include "report/view.h"

#define MOST_SERVERS 10
#define MOST_KINDS 8

static void add_server(struct strbuf *text, const struct server_closes *server)
{
    strbuf_adds(text, "server ");
    text_endpoint(text, server->address.bytes, server->port, server->ipv6);
    strbuf_adds(text, ", ");
    text_count(text, server->connections);
    strbuf_addf(text, " connection%s", server->connections == 1 ? "" : "s");
}

/* "server, fin, idle" */
static void add_close(struct strbuf *text, uint8_t by, uint8_t how, uint8_t phase, bool upon_goaway)
{
    if (by == BY_NOBODY) {
        strbuf_adds(text, "still open");
        return;
    }
    strbuf_adds(text, by == BY_UNKNOWN ? "not known who" : close_by_names[by]);
    if (close_how_names[how] != NULL)
        strbuf_addf(text, ", %s", close_how_names[how]);
    bool told = upon_goaway && phase == PHASE_DONE;
    strbuf_addf(text, ", %s", told ? "upon GOAWAY" : close_phase_names[phase] != NULL ? close_phase_names[phase] : "phase not known");
}

static void add_since(struct strbuf *text, enum close_since since)
{
    strbuf_addf(text, " after the %s", since == SINCE_ACTIVITY ? "last byte" : close_since_names[since]);
}

/* " (1.500 s to 1.503 s)", unless both look the same. */
static void add_range(struct document *doc, struct strbuf *text, int64_t least_ns, int64_t most_ns)
{
    struct strbuf least = { 0 }, most = { 0 };
    text_duration(&least, least_ns);
    text_duration(&most, most_ns);
    if (strcmp(strbuf_text(&least), strbuf_text(&most)) != 0)
        strbuf_addf(text, " (%s to %s)", strbuf_text(&least), strbuf_text(&most));
    document_free_text(doc, &least);
    document_free_text(doc, &most);
}

static void write_kind(struct document *doc, const struct close_kind *kind)
{
    struct strbuf count = { 0 }, what = { 0 }, when = { 0 };
    text_count(&count, kind->count);
    add_close(&what, kind->by, kind->how, kind->phase, kind->upon_goaway);
    if (kind->timed > 0) {
        text_duration(&when, closes_median_ns(kind));
        add_since(&when, kind->since);
    }
    if (kind->timed > 1)
        add_range(doc, &when, kind->least_ns, kind->most_ns);
    doc->ops->figure(doc, strbuf_text(&count), strbuf_text(&what), strbuf_text(&when));
    document_free_text(doc, &count);
    document_free_text(doc, &what);
    document_free_text(doc, &when);
}

static void write_more(struct document *doc, uint64_t more, const char *what)
{
    if (more == 0)
        return;
    struct strbuf text = { 0 };
    strbuf_adds(&text, "and ");
    text_count(&text, more);
    strbuf_addf(&text, " more %s%s", what, more == 1 ? "" : "s");
    doc->ops->entry(doc, strbuf_text(&text));
    document_free_text(doc, &text);
}

static void write_server(struct document *doc, const struct server_closes *server)
{
    struct strbuf text = { 0 };
    add_server(&text, server);
    doc->ops->entry(doc, strbuf_text(&text));
    document_free_text(doc, &text);
    unsigned kinds = 0;
    uint64_t rest = 0;
    for (const struct close_kind *kind = server->kinds; kind != NULL; kind = kind->next)
        if (kinds++ < MOST_KINDS)
            write_kind(doc, kind);
        else
            rest += kind->count;
    if (rest == 0)
        return;
    text_count(&text, rest);
    doc->ops->figure(doc, strbuf_text(&text), "in other ways", "");
    document_free_text(doc, &text);
}

static void write_servers(struct document *doc, const struct closes *closes)
{
    if (closes->connections == 0)
        return;
    doc->ops->section(doc, "Who closed first, how, where, and how long after what (median, range)");
    if (closes->left_out) {
        doc->ops->entry(doc, "more servers than can be told apart here (the JSON with --connections lists connections)");
        return;
    }
    for (size_t i = 0; i < closes->count && i < MOST_SERVERS; i++)
        write_server(doc, closes->sorted[i]);
    if (closes->count > MOST_SERVERS)
        write_more(doc, closes->count - MOST_SERVERS, "server");
}

/* ---- each connection --------------------------------------------------------------------------------- */

static void write_connection(struct document *doc, const struct record *r, bool several_files)
{
    struct strbuf text = { 0 };
    int64_t ns;
    if (several_files)
        strbuf_addf(&text, "[%u] ", r->capture + 1u);
    if (view_closed(r, &ns)) {
        text_clock_ms(&text, ns);
        strbuf_addc(&text, ' ');
    }
    view_endpoint(&text, r, ROLE_CLIENT);
    strbuf_adds(&text, " > ");
    view_endpoint(&text, r, ROLE_SERVER);
    strbuf_adds(&text, ": ");
    add_close(&text, r->close_by, r->close_how, r->close_phase, record_closed_upon_goaway(r));
    enum close_since since = closes_since(r, &ns);
    if (since != SINCE_NOTHING) {
        strbuf_adds(&text, ", ");
        text_duration(&text, ns);
        add_since(&text, since);
    }
    strbuf_addf(&text, "; %" PRIu32 " request%s, %" PRIu32 " answered", r->requests, r->requests == 1 ? "" : "s", r->exchanges);
    char filter[32];
    snprintf(filter, sizeof filter, "tcp.stream eq %" PRIu32, r->tcp_stream);
    doc->ops->connection(doc, filter, strbuf_text(&text));
    document_free_text(doc, &text);
}

static void write_connections(struct document *doc, const struct closes *closes, bool several_files)
{
    if (closes->listed.count == 0)
        return;
    doc->ops->section(doc, "Connections in the order of their first packets: time of the close (UTC), ends, how it ended");
    for (size_t i = 0; i < closes->listed.count; i++)
        write_connection(doc, closes->listed.items[i].item, several_files);
    write_more(doc, closes->connections - closes->listed.count, "connection");
}

void closes_write(const struct analysis *analysis, struct document *doc)
{
    const struct closes *closes = tracker_closes(analysis->run->tracker);
    write_servers(doc, closes);
    write_connections(doc, closes, capture_set_count(analysis->captures) > 1);
}
