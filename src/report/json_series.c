#include "report/json_series.h"

#include <inttypes.h>

#include "base/text.h"
#include "report/view.h"

#define MOST_ENTRIES 20

struct writer {
    const struct series *series;
    FILE *out;
    unsigned samples;
    bool failed; /* no memory */
};

/* printf would be most of the work in a small capture. */
static char *put_number(char *at, uint32_t number)
{
    char digits[10];
    int count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

/* A member with one number per instant, unless all are zero. false: they are. */
static bool write_row(const struct writer *w, const struct series_entry *entry, unsigned row,
                      const char *name, bool first)
{
    uint32_t values[SERIES_SAMPLES];
    if (series_values(w->series, entry, row, w->samples, values) == 0)
        return false;
    char text[SERIES_SAMPLES * sizeof "4294967295"], *at = text;
    for (unsigned i = 0; i < w->samples; i++) {
        at = put_number(at, values[i]);
        *at++ = i + 1 < w->samples ? ',' : ']';
    }
    fprintf(w->out, "%s\"%s\":[", first ? "" : ",", name);
    fwrite(text, 1, (size_t)(at - text), w->out);
    return true;
}

static void write_states(const struct writer *w, const struct series_entry *entry,
                         enum end_role role)
{
    bool any = false;
    for (unsigned state = TCP_SYN_SENT; state < TCP_STATES; state++)
        any |= write_row(w, entry, SERIES_STATE(role, state),
                         tcp_state_names[state], !any);
}

static void write_phases(const struct writer *w, const struct series_entry *entry)
{
    bool any = false;
    for (unsigned phase = 0; phase < SERIES_PHASES; phase++)
        any |= write_row(w, entry, SERIES_PHASE(phase),
                         series_phase_name((enum series_phase)phase), !any);
}

static void write_entry(struct writer *w, const struct series_entry *entry,
                        enum series_kind kind)
{
    struct strbuf address = { 0 };
    view_ip(&address, &entry->key.address, entry->key.ipv6);
    fprintf(w->out, "{\"%s\":{\"ip\":\"%s\"", kind == SERIES_SERVERS ? "server" : "client",
            strbuf_text(&address));
    if (kind == SERIES_SERVERS)
        fprintf(w->out, ",\"port\":%u", entry->key.port);
    fprintf(w->out, "},\"connections\":%" PRIu64 ",\"states\":{\"client\":{", entry->connections);
    write_states(w, entry, ROLE_CLIENT);
    fputs("},\"server\":{", w->out);
    write_states(w, entry, ROLE_SERVER);
    fputs("}},\"phases\":{", w->out);
    write_phases(w, entry);
    fputs("}}", w->out);
    w->failed |= address.failed;
    strbuf_free(&address);
}

static void write_table(struct writer *w, enum series_kind kind, const char *name)
{
    const struct series_entry *top[MOST_ENTRIES];
    size_t count = series_top(w->series, kind, top, MOST_ENTRIES);
    fprintf(w->out, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "\n " : ",\n ", w->out);
        write_entry(w, top[i], kind);
    }
    fputc(']', w->out);
}

static void write_left_out(const struct writer *w, enum series_kind kind, const char *name)
{
    const struct series_table *table = &w->series->tables[kind];
    fprintf(w->out, "\"%s\":", name);
    if (table->left_out)
        fputs("null", w->out);
    else
        fprintf(w->out, "%zu", table->count > MOST_ENTRIES ? table->count - MOST_ENTRIES : 0);
}

bool json_series(const struct analysis *analysis, FILE *out)
{
    const struct series *series = tracker_series(analysis->run->tracker);
    struct writer w = { series, out, series_samples(series, analysis->run->intake.now_ns), false };
    int64_t ms = series_width_ns(series) / NS_PER_MS;
    fprintf(out, "{\"width_s\":%" PRId64 ".%03d,\"first\":", ms / 1000, (int)(ms % 1000));
    if (w.samples > 0) {
        struct strbuf first = { 0 };
        text_time(&first, series->origin_ns);
        fprintf(out, "\"%s\"", strbuf_text(&first));
        w.failed |= first.failed;
        strbuf_free(&first);
    } else {
        fputs("null", out);
    }
    fprintf(out, ",\"samples\":%u", w.samples);
    write_table(&w, SERIES_SERVERS, "servers");
    write_table(&w, SERIES_CLIENTS, "clients");
    fputs(",\"left_out\":{", out);
    write_left_out(&w, SERIES_SERVERS, "servers");
    fputc(',', out);
    write_left_out(&w, SERIES_CLIENTS, "clients");
    fputs("}}", out);
    return !w.failed;
}
