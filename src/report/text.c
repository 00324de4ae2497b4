#include "report/text.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

#define DEFAULT_CONNECTIONS 20

/* Columns that a UTF-8 text takes on a terminal: one a character. */
static size_t columns(const char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

void text_paragraph(FILE *out, const char *first, const char *words)
{
    size_t indent = columns(first, strlen(first)), column = indent;
    fputs(first, out);
    bool at_start = true;
    while (*words != '\0') {
        words += strspn(words, " \n");
        size_t length = strcspn(words, " \n");
        if (length == 0)
            break;
        size_t width = columns(words, length);
        if (!at_start && column + 1 + width > TEXT_WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
            at_start = true;
        }
        if (!at_start) {
            fputc(' ', out);
            column++;
        }
        fwrite(words, 1, length, out);
        column += width;
        words += length;
        at_start = false;
    }
    fputc('\n', out);
}

static void print_count(FILE *out, uint64_t n, const char *noun)
{
    struct strbuf text = { 0 };
    text_count(&text, n);
    fprintf(out, "%s %s%s", strbuf_text(&text), noun, n == 1 ? "" : "s");
    strbuf_free(&text);
}

/* ---- head ---------------------------------------------------------------------------------- */

static void print_capture(FILE *out, const struct analysis *analysis, size_t index)
{
    const struct capture_info *info = capture_set_info(analysis->captures, index);
    struct strbuf text = { 0 };
    text_untrusted(&text, info->file, strlen(info->file));
    strbuf_addf(&text, " (%s", info->format);
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
        struct strbuf time = { 0 };
        text_time(&time, info->first_ns);
        strbuf_add(&text, strbuf_text(&time), 23); /* milliseconds are enough for a head */
        strbuf_adds(&text, "Z");
        strbuf_free(&time);
    }
    const char *vantage = view_vantage(analysis, index);
    if (strcmp(vantage, "unknown") != 0)
        strbuf_addf(&text, ", taken %s %s", strcmp(vantage, "middle") == 0 ? "in the" : "at the",
                    vantage);
    text_paragraph(out, "  ", strbuf_text(&text));
    if (info->error[0] != '\0') {
        strbuf_clear(&text);
        strbuf_addf(&text, "The capture breaks off: %s. The report covers what comes before.",
                    info->error);
        text_paragraph(out, "    ! ", strbuf_text(&text));
    }
    struct view_limits limits;
    view_limits(analysis, index, &limits);
    for (size_t i = 0; i < limits.count; i++)
        text_paragraph(out, "    ! ", limits.clause[i]);
    strbuf_free(&text);
}

/* What was passed over, by kind: it may hide TCP. */
static void print_not_understood(FILE *out, const struct analysis *analysis)
{
    for (int kind = DECODED_NOT_TCP + 1; kind < DECODED_KINDS; kind++) {
        if (analysis->run->intake.decoder.kinds[kind] == 0)
            continue;
        struct strbuf text = { 0 };
        text_count(&text, analysis->run->intake.decoder.kinds[kind]);
        strbuf_addf(&text, " packet%s not looked into: %s", analysis->run->intake.decoder.kinds[kind] == 1 ? "" : "s",
                    decoded_name((enum decoded)kind));
        text_paragraph(out, "    ! ", strbuf_text(&text));
        strbuf_free(&text);
    }
}

static void print_head(FILE *out, const struct analysis *analysis)
{
    const struct tracker_counts *counts = tracker_counts(analysis->run->tracker);
    size_t captures = capture_set_count(analysis->captures);
    fprintf(out, "hangup %s\n", PACKAGE_VERSION);
    for (size_t i = 0; i < captures; i++)
        print_capture(out, analysis, i);
    fputs("  ", out);
    print_count(out, analysis->run->intake.decoder.kinds[DECODED_TCP], "TCP packet");
    fputs(", ", out);
    print_count(out, counts->connections, "connection");
    fputs(", ", out);
    print_count(out, counts->requests, "HTTP request");
    fputs(", ", out);
    print_count(out, counts->exchanges, "complete exchange");
    fputc('\n', out);
    print_not_understood(out, analysis);
    if (counts->evicted > 0) {
        fputs("    ! ", out);
        print_count(out, counts->evicted, "connection");
        fputs(" given up early: too many were open at once\n", out);
    }
}

/* ---- findings ------------------------------------------------------------------------------ */

static const char *color_of(enum severity severity, bool color)
{
    static const char *const codes[SEVERITIES] = { "\033[1;36m", "\033[1;33m", "\033[1;31m" };
    return color ? codes[severity] : "";
}

static void print_title(FILE *out, const struct finding *f, bool color)
{
    static const char *const labels[SEVERITIES] = { "INFO", "WARNING", "ERROR" };
    struct strbuf count = { 0 };
    text_count(&count, f->count);
    strbuf_addf(&count, " connection%s", f->count == 1 ? "" : "s");
    const char *label = labels[f->rule->severity];
    int used = (int)(strlen(label) + 2 + columns(f->rule->name, strlen(f->rule->name)));
    int room = TEXT_WIDTH - used;
    bool fits = room >= (int)count.length + 2;
    fprintf(out, "%s%s%s  %s%s%*s\n", color_of(f->rule->severity, color), label,
            color ? "\033[0m" : "", f->rule->name, fits ? "" : "\n", fits ? room : TEXT_WIDTH,
            strbuf_text(&count));
    strbuf_free(&count);
}

static void print_ends(FILE *out, const struct finding *f)
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
    text_paragraph(out, "  ", strbuf_text(&text));
    strbuf_free(&text);
}

static void print_texts(FILE *out, const struct analysis *analysis, const struct finding *f)
{
    fputc('\n', out);
    text_paragraph(out, "  What    ", f->what);
    if (f->cause[0] != '\0')
        text_paragraph(out, "  Cause   ", f->cause);
    for (size_t i = 0; i < f->fix_count; i++)
        text_paragraph(out, i == 0 ? "  Fix     - " : "          - ", f->fixes[i]);
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
        text_paragraph(out, "  Timer   ", strbuf_text(&text));
    }
    if (f->behind != NULL)
        text_paragraph(out, "  Behind  ", f->behind->what);
    const struct finding *hinted = f->behind != NULL && f->timer_count == 0 ? f->behind : f;
    for (size_t t = 0; t < hinted->timer_count; t++) {
        strbuf_clear(&text);
        view_known_defaults(&text, &hinted->timers[t]);
        if (text.length > 0)
            text_paragraph(out, "  Hint    ", strbuf_text(&text));
    }
    if (f->shift > 0)
        text_paragraph(out, "  Sample  ", "Of so many connections a sample is kept: numbers are estimates.");
    strbuf_clear(&text);
    for (const struct text_list *seen = f->rule->seen_as; seen != NULL; seen = seen->next)
        strbuf_addf(&text, "%s%s", text.length > 0 ? " | " : "", seen->text);
    if (text.length > 0)
        text_paragraph(out, "  Seen as ", strbuf_text(&text));
    strbuf_clear(&text);
    for (const struct text_list *link = f->rule->links; link != NULL; link = link->next)
        strbuf_addf(&text, "%s%s", text.length > 0 ? "; " : "", link->text);
    if (text.length > 0)
        text_paragraph(out, "  Source  ", strbuf_text(&text));
    strbuf_clear(&text);
    for (size_t i = 0; i < analysis->rules->count; i++)
        if (rule_bits_has(&f->also, i))
            strbuf_addf(&text, "%s%s", text.length > 0 ? ", " : "", analysis->rules->items[i]->id);
    if (text.length > 0)
        text_paragraph(out, "  Also    explains ", strbuf_text(&text));
    strbuf_free(&text);
}

/* When it closed, or when its last packet came: hours to milliseconds, UTC. */
static void print_moment(struct strbuf *out, const struct record *record)
{
    int64_t ns;
    struct strbuf time = { 0 };
    text_time(&time, view_closed(record, &ns) ? ns : record->last_ns);
    strbuf_add(out, strbuf_text(&time) + strlen("2026-01-01T"), strlen("00:00:00.000"));
    strbuf_adds(out, "Z ");
    strbuf_free(&time);
}

/* Is a request part of the evidence? */
static bool tells_request(const struct finding *f)
{
    return f->rule->evidence & (1u << MARK_REQUEST | 1u << MARK_REQUEST_END);
}

static void print_connection(FILE *out, const struct analysis *analysis, const struct finding *f,
                             const struct finding_connection *c)
{
    struct view_evidence evidence[MARKS];
    size_t count = view_evidence(f, c, evidence);
    struct strbuf text = { 0 };
    if (capture_set_count(analysis->captures) > 1)
        strbuf_addf(&text, "[%u] ", c->record->capture + 1u);
    print_moment(&text, c->record);
    view_endpoint(&text, c->record, ROLE_CLIENT);
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
    uint32_t shown = 0; /* a frame that is two things at once is named once */
    for (size_t i = 0; i < count; i++) {
        if (evidence[i].mark.frame == shown)
            continue;
        strbuf_addf(&text, "%s %s #%" PRIu32, shown != 0 ? "," : "", mark_name(evidence[i].id),
                    evidence[i].mark.frame);
        shown = evidence[i].mark.frame;
    }
    char first[64];
    snprintf(first, sizeof first, "    tcp.stream eq %-4" PRIu32 " ", c->record->tcp_stream);
    text_paragraph(out, first, strbuf_text(&text));
    strbuf_free(&text);
}

static void print_connections(FILE *out, const struct analysis *analysis, const struct finding *f,
                              size_t shown)
{
    fputs("\n  Connections: Wireshark filter, time of the close (UTC), client, frames\n", out);
    for (size_t i = 0; i < shown; i++)
        print_connection(out, analysis, f, &f->connections[i]);
    if (shown < f->entries) {
        fputs("    ... and ", out);
        print_count(out, f->entries - shown, "more connection");
        fputs(" (--max-connections 0 lists all)\n", out);
    }
}

static void print_finding(FILE *out, const struct analysis *analysis, const struct finding *f,
                          const struct report_options *options)
{
    fputc('\n', out);
    print_title(out, f, options->color);
    print_ends(out, f);
    print_texts(out, analysis, f);
    print_connections(out, analysis, f,
                      view_most_connections(f, options, DEFAULT_CONNECTIONS, DEFAULT_CONNECTIONS));
    for (size_t i = 0; i < f->entries; i++)
        if (f->connections[i].record->example) {
            fputc('\n', out);
            text_ladder(out, f, &f->connections[i]);
            return;
        }
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* What the capture lacks, it lacks for many rules. */
static bool same_reason(const struct undecided *a, const struct undecided *b)
{
    return a->connections == b->connections && strcmp(a->because, b->because) == 0;
}

static bool told_before(const struct undecided *undecided, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_reason(&undecided[j], &undecided[i]))
            return true;
    return false;
}

static void print_undecided(FILE *out, const struct analysis *analysis)
{
    size_t count;
    const struct undecided *undecided = engine_undecided(analysis->run->engine, &count);
    if (count == 0)
        return;
    fputs("\nCould not be judged\n", out);
    for (size_t i = 0; i < count; i++) {
        if (told_before(undecided, i))
            continue;
        struct strbuf text = { 0 };
        for (size_t j = i; j < count; j++)
            if (same_reason(&undecided[i], &undecided[j]))
                strbuf_addf(&text, "%s%s", j == i ? "" : ", ", undecided[j].rule->id);
        strbuf_adds(&text, " on ");
        text_count(&text, undecided[i].connections);
        strbuf_addf(&text, " connection%s, because %s", undecided[i].connections == 1 ? "" : "s",
                    undecided[i].because);
        text_paragraph(out, "  ", strbuf_text(&text));
        strbuf_free(&text);
    }
}

static void print_looked_at(FILE *out, const struct analysis *analysis, const char *first)
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
        strbuf_addf(&text, " of them nothing came back: the SYN was never answered.");
    }
    uint64_t closed_books = counts->protocols[PROTOCOL_TLS] +
                            counts->protocols[PROTOCOL_HTTP2] +
                            counts->protocols[PROTOCOL_OPAQUE];
    if (closed_books > 0)
        strbuf_adds(&text, " Of what is not HTTP/1 in the clear, only TCP was looked at.");
    text_paragraph(out, "", strbuf_text(&text));
    strbuf_free(&text);
}

void report_text(const struct analysis *analysis, const struct report_options *options, FILE *out)
{
    const struct finding *findings;
    size_t shown = view_findings(analysis, options, &findings), counts[SEVERITIES], all = 0;
    print_head(out, analysis);
    view_count(analysis, counts);
    for (int s = 0; s < SEVERITIES; s++)
        all += counts[s];
    fputc('\n', out);
    if (all > 0) {
        print_count(out, all, "finding");
        fprintf(out, ": %zu error%s, %zu warning%s, %zu info", counts[SEVERITY_ERROR],
                counts[SEVERITY_ERROR] == 1 ? "" : "s", counts[SEVERITY_WARNING],
                counts[SEVERITY_WARNING] == 1 ? "" : "s", counts[SEVERITY_INFO]);
        fprintf(out, "%s\n", shown < all ? " (some hidden by --min-severity)" : "");
    }
    print_looked_at(out, analysis, all == 0 ? "Nothing found. " : "");
    for (size_t i = 0; i < shown; i++)
        print_finding(out, analysis, &findings[i], options);
    text_peaks(out, analysis);
    print_undecided(out, analysis);
}
