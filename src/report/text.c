#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/document.h"

#define TEXT_WIDTH 80
#define DEFAULT_CONNECTIONS 20

/* Columns that a UTF-8 text takes on a terminal: one a character. */
static size_t columns(const char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

/* A paragraph of words: the first line begins with `first` and all others with as many spaces. */
static void wrapped(FILE *out, const char *first, const char *words)
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

/* ---- head and sections ---------------------------------------------------------------------- */

static void title(struct document *doc, const char *text)
{
    fprintf(doc->out, "%s\n", text);
}

static void source(struct document *doc, const char *text)
{
    wrapped(doc->out, "  ", text);
}

static void limit(struct document *doc, const char *text)
{
    wrapped(doc->out, "    ! ", text);
}

static void section(struct document *doc, const char *heading)
{
    fputc('\n', doc->out);
    if (heading != NULL)
        wrapped(doc->out, "", heading);
}

static void paragraph(struct document *doc, const char *text)
{
    wrapped(doc->out, "", text);
}

static void figure(struct document *doc, const char *count, const char *what, const char *when)
{
    char first[128];
    snprintf(first, sizeof first, when[0] != '\0' ? "    %9s  %-26s " : "    %9s  %s", count, what);
    wrapped(doc->out, first, when);
}

/* ---- findings ------------------------------------------------------------------------------ */

static void finding(struct document *doc, enum severity severity, const char *name, const char *count)
{
    static const char *const labels[SEVERITIES] = { "INFO", "WARNING", "ERROR" };
    static const char *const codes[SEVERITIES] = { "\033[1;36m", "\033[1;33m", "\033[1;31m" };
    const char *label = labels[severity];
    int used = (int)(strlen(label) + 2 + columns(name, strlen(name)));
    int room = TEXT_WIDTH - used;
    bool fits = room >= (int)strlen(count) + 2;
    fprintf(doc->out, "\n%s%s%s  %s%s%*s\n", doc->color ? codes[severity] : "", label, doc->color ? "\033[0m" : "",
            name, fits ? "" : "\n", fits ? room : TEXT_WIDTH, count);
}

static void finding_ends(struct document *doc, const char *text)
{
    wrapped(doc->out, "  ", text);
    fputc('\n', doc->out);
}

static void term(struct document *doc, const char *name, const char *lead, const char *text)
{
    char first[40];
    snprintf(first, sizeof first, "  %-8s%s%s", name, lead, lead[0] != '\0' ? " " : "");
    wrapped(doc->out, first, text);
}

static void item(struct document *doc, const char *name, size_t i, const char *text)
{
    term(doc, i == 0 ? name : "", "-", text);
}

static void connections(struct document *doc, const char *heading)
{
    fprintf(doc->out, "\n  %s\n", heading);
}

static void connection(struct document *doc, const char *filter, const char *text)
{
    char first[64];
    snprintf(first, sizeof first, "    %-18s ", filter);
    wrapped(doc->out, first, text);
}

static void more_connections(struct document *doc, const char *text)
{
    fprintf(doc->out, "    ... %s\n", text);
}

/* ---- the ladder: client left, server right ---------------------------------------------------- */

#define ARROW_WIDTH 34 /* with both bars */
#define LADDER_LEFT 16 /* columns left of the arrows */

static void arrow(FILE *out, const char *text, bool to_right)
{
    static const char dashes[] = "------------------------------------";
    static_assert(sizeof dashes > ARROW_WIDTH, "as many as an arrow is wide");
    const size_t room = ARROW_WIDTH - 8;
    size_t length = strlen(text), width = columns(text, length);
    const char *ending = width > room ? "..." : "";
    if (width > room) {
        for (length = 0, width = 3; width < room; width++) /* whole characters */
            for (length++; ((unsigned char)text[length] & 0xc0) == 0x80;)
                length++;
    }
    int before = (int)(ARROW_WIDTH - width) / 2 - 1, behind = ARROW_WIDTH - 2 - (int)width - before;
    fprintf(out, "|%s%.*s %.*s%s %.*s%s|", to_right ? "" : "<", before - 1 - !to_right, dashes, (int)length, text, ending,
            behind - 1 - to_right, dashes, to_right ? ">" : "");
}

/* The client above the left bar, the server above the right one. */
static void ladder_ends(FILE *out, const struct ladder *ladder)
{
    int gap = ARROW_WIDTH - (int)ladder->client.length - (int)ladder->server.length;
    fprintf(out, "%*s%s%*s%s\n", LADDER_LEFT, "", strbuf_text(&ladder->client), gap > 2 ? gap : 2, "",
            strbuf_text(&ladder->server));
}

static void ladder_step(struct document *doc, const struct ladder_step *step)
{
    FILE *out = doc->out;
    struct strbuf text = { 0 };
    switch (step->kind) {
    case LADDER_OMITTED:
        fprintf(out, "%*s|%*s|  (%" PRIu32 " more events)\n", LADDER_LEFT, "", ARROW_WIDTH - 2, "", step->count);
        break;
    case LADDER_SILENCE:
        text_duration(&text, step->since_ns);
        fprintf(out, "%*s|%*s|  ... %s\n", LADDER_LEFT, "", ARROW_WIDTH - 2, "", strbuf_text(&text));
        break;
    case LADDER_ARROW:
        fprintf(out, "  %c %3" PRId64 ".%06" PRId64 "  ", step->proves ? '*' : ' ', step->since_ns / NS_PER_S,
                (step->since_ns < 0 ? -step->since_ns : step->since_ns) % NS_PER_S / 1000);
        arrow(out, step->label, step->to_server);
        if (step->file > 0)
            strbuf_addf(&text, "[%u]", step->file);
        strbuf_addf(&text, "#%" PRIu32, step->frame);
        fprintf(out, " %-5s %s\n", strbuf_text(&text), step->meaning);
        break;
    }
    document_free_text(doc, &text);
}

static void ladder(struct document *doc, const struct ladder *ladder)
{
    fprintf(doc->out, "\n  Timeline of tcp.stream eq %" PRIu32 ": seconds since its first packet; * marks the proof\n\n",
            ladder->tcp_stream);
    ladder_ends(doc->out, ladder);
    for (size_t i = 0; i < ladder->count; i++)
        ladder_step(doc, &ladder->steps[i]);
}

static void finding_over(struct document *doc)
{
    (void)doc;
}

bool report_text(const struct analysis *analysis, const struct report_options *options, FILE *out)
{
    static const struct document_ops ops = {
        .title = title,
        .source = source,
        .limit = limit,
        .section = section,
        .paragraph = paragraph,
        .entry = source,
        .figure = figure,
        .finding = finding,
        .finding_ends = finding_ends,
        .term = term,
        .item = item,
        .connections = connections,
        .connection = connection,
        .more_connections = more_connections,
        .ladder = ladder,
        .finding_over = finding_over,
    };
    struct document doc = { .ops = &ops, .out = out, .color = options->color };
    narrative_write(analysis, options, DEFAULT_CONNECTIONS, &doc);
    return !doc.failed;
}
