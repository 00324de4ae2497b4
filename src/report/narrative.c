/*
 * narrative - what a report for people says, block by block.
 */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/document.h"

static void add_counted(struct strbuf *out, uint64_t n, const char *noun)
{
    text_count(out, n);
    strbuf_addf(out, " %s%s", noun, n == 1 ? "" : "s");
}

void document_free_text(struct document *doc, struct strbuf *text)
{
    doc->failed |= text->failed;
    strbuf_free(text);
}

/* ---- head ---------------------------------------------------------------------------------- */

static void write_capture(struct document *doc, const struct analysis *analysis, size_t index)
{
    const struct capture_info *info = capture_set_info(analysis->captures, index);
    struct strbuf text = { 0 };
    if (capture_set_count(analysis->captures) > 1)
        strbuf_addf(&text, "[%zu] ", index + 1);
    text_untrusted(&text, info->file, strlen(info->file));
    strbuf_addf(&text, " (%s%s%s", info->format, info->packed_with != NULL ? " in " : "",
                info->packed_with != NULL ? info->packed_with : "");
    for (unsigned i = 0; i < info->link_type_count; i++) {
        char number[32];
        strbuf_addf(&text, "%s %s", i == 0 ? "," : " +",
                    decode_link_type_name(info->link_types[i], number, sizeof number));
    }
    strbuf_addc(&text, ')');
    if (info->packets > 0) {
        strbuf_adds(&text, ", ");
        text_count(&text, info->packets);
        strbuf_addf(&text, " packet%s", info->packets == 1 ? "" : "s");
    } else {
        strbuf_adds(&text, ", no packets");
    }
    if (info->packets > info->untimed_packets) {
        strbuf_adds(&text, " in ");
        text_duration(&text, info->last_ns - info->first_ns);
        strbuf_adds(&text, " from ");
        text_date_ms(&text, info->first_ns);
    }
    const char *vantage = view_vantage(analysis, index);
    if (strcmp(vantage, "unknown") != 0)
        strbuf_addf(&text, ", taken %s %s", strcmp(vantage, "middle") == 0 ? "in the" : "at the",
                    vantage);
    doc->ops->source(doc, strbuf_text(&text));
    if (info->error[0] != '\0') {
        strbuf_clear(&text);
        strbuf_addf(&text, "The capture breaks off: %s. The report covers what comes before.",
                    info->error);
        doc->ops->limit(doc, strbuf_text(&text));
    }
    struct view_limits limits;
    view_limits(analysis, index, &limits);
    doc->failed |= limits.failed;
    for (size_t i = 0; i < limits.count; i++)
        doc->ops->limit(doc, limits.clause[i]);
    document_free_text(doc, &text);
}

/* What was passed over, by kind: it may hide TCP. */
static void write_not_understood(struct document *doc, const struct analysis *analysis)
{
    for (int kind = DECODED_NOT_TCP + 1; kind < DECODED_KINDS; kind++) {
        if (analysis->run->intake.decoder.kinds[kind] == 0)
            continue;
        struct strbuf text = { 0 };
        text_count(&text, analysis->run->intake.decoder.kinds[kind]);
        strbuf_addf(&text, " packet%s not looked into: %s", analysis->run->intake.decoder.kinds[kind] == 1 ? "" : "s",
                    decoded_name((enum decoded)kind));
        doc->ops->limit(doc, strbuf_text(&text));
        document_free_text(doc, &text);
    }
}

static void write_head(struct document *doc, const struct analysis *analysis)
{
    const struct tracker_counts *counts = tracker_counts(analysis->run->tracker);
    size_t captures = capture_set_count(analysis->captures);
    struct strbuf text = { 0 };
    doc->ops->title(doc, "hangup " PACKAGE_VERSION);
    for (size_t i = 0; i < captures; i++)
        write_capture(doc, analysis, i);
    add_counted(&text, analysis->run->intake.decoder.kinds[DECODED_TCP], "TCP packet");
    strbuf_adds(&text, ", ");
    add_counted(&text, counts->connections, "connection");
    strbuf_adds(&text, ", ");
    add_counted(&text, counts->requests, "request");
    strbuf_adds(&text, ", ");
    add_counted(&text, counts->exchanges, "complete exchange");
    doc->ops->source(doc, strbuf_text(&text));
    write_not_understood(doc, analysis);
    size_t twins = engine_twins(analysis->run->engine);
    if (twins > 0) {
        strbuf_clear(&text);
        add_counted(&text, twins, "connection");
        strbuf_addf(&text, " here twice, before and after a translation of addresses (the same sequence numbers): told once");
        doc->ops->limit(doc, strbuf_text(&text));
    }
    if (counts->evicted > 0) {
        strbuf_clear(&text);
        add_counted(&text, counts->evicted, "connection");
        strbuf_adds(&text, " given up early: too many were open at once");
        doc->ops->limit(doc, strbuf_text(&text));
    }
    document_free_text(doc, &text);
}

/* ---- findings ------------------------------------------------------------------------------ */

static void write_ends(struct document *doc, const struct finding *f)
{
    struct strbuf text = { 0 };
    strbuf_addf(&text, "%s; ", f->rule->id);
    if (f->same_server) {
        strbuf_adds(&text, "server ");
        view_endpoint(&text, f->connections[0].record, ROLE_SERVER);
    } else {
        strbuf_adds(&text, "several servers");
    }
    strbuf_adds(&text, ", ");
    if (f->same_client) {
        strbuf_adds(&text, "client ");
        view_address(&text, f->connections[0].record, ROLE_CLIENT);
    } else {
        strbuf_adds(&text, "several clients");
    }
    strbuf_addf(&text, "; %s; accountable: %s", f->confidence, f->accountable);
    doc->ops->finding_ends(doc, strbuf_text(&text));
    document_free_text(doc, &text);
}

/* What the words of the texts mean where nothing could be read. */
static void write_inferred(struct document *doc, const struct finding *f)
{
    if (f->inferred == 0 || (f->rule->numbers_only && f->rule->scope != SCOPE_EXCHANGE))
        return;
    struct strbuf text = { 0 };
    if (f->inferred < f->entries) {
        strbuf_adds(&text, "On ");
        text_count(&text, f->inferred);
        strbuf_adds(&text, " of them nothing could be read (encrypted, cut, or not HTTP): there, ");
    } else {
        strbuf_adds(&text, "Nothing of it could be read (encrypted, cut, or not HTTP): ");
    }
    strbuf_adds(&text, "a request is what the client sent until it was answered, a response what the server sent upon it.");
    doc->ops->term(doc, "Note", "", strbuf_text(&text));
    document_free_text(doc, &text);
}

/* Where the times count up to an announcement, and how long before the close that was. */
static void write_announced(struct document *doc, const struct finding *f)
{
    int64_t least = INT64_MAX, most = 0;
    for (size_t i = 0; i < f->entries; i++) {
        int64_t ns = f->connections[i].record->announced_for;
        if (ns < NS_PER_MS) /* at once */
            continue;
        least = ns < least ? ns : least;
        most = ns > most ? ns : most;
    }
    if (most == 0 || f->timer_count == 0)
        return;
    struct strbuf text = { 0 };
    strbuf_adds(&text, "The times count up to the GOAWAY of HTTP/2 that announced the close; the close followed ");
    text_duration(&text, least);
    if (most > least + NS_PER_MS) {
        strbuf_adds(&text, " to ");
        text_duration(&text, most);
    }
    strbuf_adds(&text, " later.");
    doc->ops->term(doc, "Note", "", strbuf_text(&text));
    document_free_text(doc, &text);
}

static void write_items(struct document *doc, const char *label, const struct finding_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        doc->ops->item(doc, label, i, texts->items[i]);
}

static void write_texts(struct document *doc, const struct analysis *analysis, const struct finding *f)
{
    doc->ops->term(doc, "What", "", f->what);
    write_inferred(doc, f);
    write_announced(doc, f);
    if (f->cause[0] != '\0')
        doc->ops->term(doc, "Cause", "", f->cause);
    write_items(doc, "For", &f->supports);
    write_items(doc, "Against", &f->contradicts);
    write_items(doc, "Fix", &f->fixes);
    struct strbuf text = { 0 };
    for (size_t t = 0; t < f->timer_count; t++) {
        const struct deadline *d = &f->timers[t].deadline;
        if (!d->has_runner_up)
            continue;
        strbuf_clear(&text);
        if (f->timer_count > 1) {
            text_duration(&text, d->cluster.median_ns);
            strbuf_adds(&text, ": the");
        } else {
            strbuf_adds(&text, "The");
        }
        strbuf_addf(&text, " times are as fixed from %s as from %s: %s.", reference_text(d->runner_up),
                    reference_text(d->from), deadline_what_tells(d->from, d->runner_up));
        doc->ops->term(doc, "Timer", "", strbuf_text(&text));
    }
    if (f->behind != NULL)
        doc->ops->term(doc, "Behind", "", f->behind->what);
    const struct finding *hinted = f->behind != NULL && f->timer_count == 0 ? f->behind : f;
    for (size_t t = 0; t < hinted->timer_count; t++) {
        strbuf_clear(&text);
        view_known_defaults(&text, &hinted->timers[t]);
        if (text.length > 0)
            doc->ops->term(doc, "Hint", "", strbuf_text(&text));
    }
    if (f->shift > 0)
        doc->ops->term(doc, "Sample", "", "Of so many connections a sample is kept: numbers are estimates.");
    strbuf_clear(&text);
    for (const struct text_list *seen = f->rule->seen_as; seen != NULL; seen = seen->next)
        strbuf_addf(&text, "%s%s", text.length > 0 ? " | " : "", seen->text);
    if (text.length > 0)
        doc->ops->term(doc, "Seen as", "", strbuf_text(&text));
    strbuf_clear(&text);
    for (const struct text_list *link = f->rule->links; link != NULL; link = link->next)
        strbuf_addf(&text, "%s%s", text.length > 0 ? "; " : "", link->text);
    if (text.length > 0)
        doc->ops->term(doc, "Source", "", strbuf_text(&text));
    strbuf_clear(&text);
    for (size_t i = 0; i < analysis->rules->count; i++)
        if (rule_bits_has(&f->also, i))
            strbuf_addf(&text, "%s%s", text.length > 0 ? ", " : "", analysis->rules->items[i]->id);
    if (text.length > 0)
        doc->ops->term(doc, "Also", "explains", strbuf_text(&text));
    document_free_text(doc, &text);
}

/* When it closed, or when its last packet came: hours to milliseconds, UTC. */
static void add_moment(struct strbuf *out, const struct record *record)
{
    int64_t ns;
    text_clock_ms(out, view_closed(record, &ns) ? ns : record->last_ns);
    strbuf_addc(out, ' ');
}

/* Is a request part of the evidence? */
static bool tells_request(const struct finding *f)
{
    return f->rule->evidence & (1u << MARK_REQUEST | 1u << MARK_REQUEST_END);
}

static void write_connection(struct document *doc, const struct analysis *analysis, const struct finding *f,
                             const struct finding_connection *c)
{
    struct view_evidence evidence[MARKS];
    size_t count = view_evidence(f, c, evidence);
    struct strbuf text = { 0 };
    if (capture_set_count(analysis->captures) > 1)
        strbuf_addf(&text, "[%u] ", c->record->capture + 1u);
    add_moment(&text, c->record);
    view_endpoint(&text, c->record, ROLE_CLIENT);
    if (c->record->proxied_client[0] != '\0')
        strbuf_addf(&text, " (for %s)", c->record->proxied_client);
    strbuf_addc(&text, ' ');
    if (c->exchange == NULL && c->record->request[0] != '\0' && tells_request(f)) {
        strbuf_addc(&text, ' ');
        text_untrusted(&text, c->record->request, strlen(c->record->request));
        strbuf_addc(&text, ';');
    }
    if (c->exchange != NULL && c->exchange->exchange->request_head) {
        strbuf_addf(&text, " %s ", exchange_method(c->exchange->exchange));
        text_untrusted(&text, c->exchange->exchange->target,
                       strlen(c->exchange->exchange->target));
        strbuf_addc(&text, ';');
    }
    const struct mark *shown = NULL; /* a frame that is two things at once is named once */
    for (size_t i = 0; i < count; i++) {
        const struct mark *mark = &evidence[i].mark;
        if (shown != NULL && mark->frame == shown->frame && mark->capture == shown->capture)
            continue;
        strbuf_addf(&text, "%s %s ", shown != NULL ? "," : "", mark_name(evidence[i].id));
        if (mark->capture != c->record->capture)
            strbuf_addf(&text, "[%u]", mark->capture + 1u);
        strbuf_addf(&text, "#%" PRIu32, mark->frame);
        shown = mark;
    }
    char filter[32];
    snprintf(filter, sizeof filter, "tcp.stream eq %" PRIu32, c->record->tcp_stream);
    doc->ops->connection(doc, filter, strbuf_text(&text));
    document_free_text(doc, &text);
}

static void write_connections(struct document *doc, const struct analysis *analysis, const struct finding *f, size_t shown)
{
    doc->ops->connections(doc, capture_set_count(analysis->captures) > 1
                                   ? "Connections: Wireshark filter, [file], time of the close (UTC), client, frames"
                                   : "Connections: Wireshark filter, time of the close (UTC), client, frames");
    for (size_t i = 0; i < shown; i++)
        write_connection(doc, analysis, f, &f->connections[i]);
    if (shown < f->entries) {
        struct strbuf text = { 0 };
        strbuf_adds(&text, "and ");
        add_counted(&text, f->entries - shown, "more connection");
        strbuf_adds(&text, " (--max-connections 0 lists all)");
        doc->ops->more_connections(doc, strbuf_text(&text));
        document_free_text(doc, &text);
    }
}

static void write_example(struct document *doc, const struct finding *f)
{
    for (size_t i = 0; i < f->entries; i++)
        if (f->connections[i].record->example) {
            struct ladder ladder;
            if (ladder_make(f, &f->connections[i], &ladder))
                doc->ops->ladder(doc, &ladder);
            else
                doc->failed = true;
            ladder_free(&ladder);
            return;
        }
}

static void write_finding(struct document *doc, const struct analysis *analysis, const struct finding *f,
                          size_t most_connections)
{
    struct strbuf count = { 0 };
    add_counted(&count, f->count, "connection");
    doc->ops->finding(doc, f->rule->severity, f->rule->name, strbuf_text(&count));
    document_free_text(doc, &count);
    write_ends(doc, f);
    write_texts(doc, analysis, f);
    write_connections(doc, analysis, f, most_connections);
    write_example(doc, f);
    doc->ops->finding_over(doc);
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* What the capture lacks, it lacks for many rules. */
static bool same_reason(const struct undecided *a, const struct undecided *b)
{
    return strcmp(a->because, b->because) == 0;
}

static bool same_count(const struct undecided *a, const struct undecided *b)
{
    return same_reason(a, b) && a->connections == b->connections;
}

static bool told_before(const struct undecided *undecided, size_t i,
                        bool (*same)(const struct undecided *a, const struct undecided *b))
{
    for (size_t j = 0; j < i; j++)
        if (same(&undecided[j], &undecided[i]))
            return true;
    return false;
}

/* "client-abort, client-timeout on 3 connections", of those that have the reason and the number of the i-th. */
static void add_undecided(struct strbuf *text, const struct undecided *undecided, size_t count, size_t i)
{
    const char *separator = "";
    for (size_t j = i; j < count; j++)
        if (same_count(&undecided[i], &undecided[j])) {
            strbuf_addf(text, "%s%s", separator, undecided[j].rule->id);
            separator = ", ";
        }
    strbuf_adds(text, " on ");
    add_counted(text, undecided[i].connections, "connection");
}

static void write_undecided(struct document *doc, const struct analysis *analysis)
{
    size_t count;
    const struct undecided *undecided = engine_undecided(analysis->run->engine, &count);
    if (count == 0)
        return;
    doc->ops->section(doc, "Could not be judged");
    for (size_t i = 0; i < count; i++) {
        if (told_before(undecided, i, same_reason))
            continue;
        struct strbuf text = { 0 };
        strbuf_addf(&text, "Because %s: ", undecided[i].because);
        for (size_t j = i; j < count; j++) {
            if (!same_reason(&undecided[i], &undecided[j]) || told_before(undecided, j, same_count))
                continue;
            if (j > i)
                strbuf_adds(&text, "; ");
            add_undecided(&text, undecided, count, j);
        }
        doc->ops->entry(doc, strbuf_text(&text));
        document_free_text(doc, &text);
    }
}

/* What became of keys, if there were any. */
static void add_tls_keys(struct strbuf *text, const struct tracker_counts *counts, const struct analysis *analysis)
{
    static const char *const told[] = {
        [TLS_KEYS_USED] = "read with keys",
        [TLS_KEYS_MISSING] = "for which no keys were given",
        [TLS_KEYS_WRONG] = "whose keys did not open it",
        [TLS_KEYS_LOST] = "of which too much is missing",
        [TLS_KEYS_UNSUPPORTED] = "of a version or cipher suite that cannot be read",
        [TLS_KEYS_CROWDED] = "too many at once to be read with keys",
    };
    const char *separator = " Over TLS: ";
    for (int i = TLS_KEYS_USED; i >= 0; i--) {
        if (counts->tls_keys[i] == 0)
            continue;
        strbuf_adds(text, separator);
        text_count(text, counts->tls_keys[i]);
        strbuf_addf(text, " %s", told[i]);
        separator = ", ";
    }
    if (separator[0] == ',')
        strbuf_adds(text, ".");
    if (analysis->keys == 0)
        strbuf_adds(text, " There is no key in the key log.");
    if (analysis->keys_refused > 0) {
        strbuf_adds(text, " Of its keys ");
        text_count(text, analysis->keys_refused);
        strbuf_adds(text, " were too many, and not kept.");
    }
}

static void write_looked_at(struct document *doc, const struct analysis *analysis, const char *first)
{
    const struct tracker_counts *counts = tracker_counts(analysis->run->tracker);
    struct strbuf text = { 0 };
    strbuf_adds(&text, first);
    text_count(&text, analysis->rules->count);
    strbuf_addf(&text, " rule%s looked at ", analysis->rules->count == 1 ? "" : "s");
    text_count(&text, counts->connections);
    strbuf_addf(&text, " connection%s", counts->connections == 1 ? "" : "s");
    const char *separator = ": ";
    for (int p = 0; p <= PROTOCOL_OPAQUE; p++)
        if (counts->protocols[p] > 0) {
            strbuf_adds(&text, separator);
            text_count(&text, counts->protocols[p]);
            strbuf_addf(&text, " %s", p == PROTOCOL_NONE
                                          ? "without payload"
                                          : protocol_names[p]);
            separator = ", ";
        }
    strbuf_adds(&text, ".");
    if (counts->unanswered > 0) {
        strbuf_adds(&text, " To ");
        text_count(&text, counts->unanswered);
        strbuf_adds(&text, " of them nothing came back before the capture ended: the SYN has no answer in it.");
    }
    if (analysis->keys_given)
        add_tls_keys(&text, counts, analysis);
    uint64_t closed_books = counts->protocols[PROTOCOL_TLS] + counts->protocols[PROTOCOL_OPAQUE];
    if (closed_books > 0)
        strbuf_adds(&text, " Where HTTP is not in the clear, who sent when tells requests and responses.");
    doc->ops->paragraph(doc, strbuf_text(&text));
    document_free_text(doc, &text);
}

static void write_counts(struct document *doc, const size_t counts[SEVERITIES], size_t all, bool some_hidden)
{
    struct strbuf text = { 0 };
    add_counted(&text, all, "finding");
    strbuf_adds(&text, ": ");
    add_counted(&text, counts[SEVERITY_ERROR], "error");
    strbuf_adds(&text, ", ");
    add_counted(&text, counts[SEVERITY_WARNING], "warning");
    strbuf_addf(&text, ", %zu info%s", counts[SEVERITY_INFO], some_hidden ? " (some hidden by --min-severity)" : "");
    doc->ops->paragraph(doc, strbuf_text(&text));
    document_free_text(doc, &text);
}

void narrative_write(const struct analysis *analysis, const struct report_options *options, size_t most_connections,
                     struct document *doc)
{
    const struct finding *findings;
    size_t shown = view_findings(analysis, options, &findings), counts[SEVERITIES], all = 0;
    write_head(doc, analysis);
    view_count(analysis, counts);
    for (int s = 0; s < SEVERITIES; s++)
        all += counts[s];
    doc->ops->section(doc, NULL);
    if (all > 0)
        write_counts(doc, counts, all, shown < all);
    write_looked_at(doc, analysis, all > 0                              ? ""
                                   : analysis_is_complete(analysis) ? "Nothing found. "
                                                                    : "Nothing found in what could be judged. ");
    for (size_t i = 0; i < shown; i++)
        write_finding(doc, analysis, &findings[i],
                      view_most_connections(&findings[i], options, most_connections, most_connections));
    closes_write(analysis, doc);
    peaks_write(analysis, doc);
    write_undecided(doc, analysis);
}
