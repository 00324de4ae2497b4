#include "base/text.h"
#include "report/document.h"

#define MOST_SERVERS 5

static const struct {
    unsigned row;
    uint32_t fewest; /* that are worth a line */
    const char *name;
} shown[] = {
    { SERIES_STATE(ROLE_SERVER, TCP_ESTABLISHED), 10, "established" },
    { SERIES_PHASE(SERIES_WAITING), 5, "waiting for a response" },
    { SERIES_STATE(ROLE_CLIENT, TCP_FIN_WAIT_2), 5, "FIN_WAIT_2 at the client" },
    { SERIES_STATE(ROLE_SERVER, TCP_FIN_WAIT_2), 5, "FIN_WAIT_2 at the server" },
    { SERIES_STATE(ROLE_CLIENT, TCP_CLOSE_WAIT), 5, "CLOSE_WAIT at the client" },
    { SERIES_STATE(ROLE_SERVER, TCP_CLOSE_WAIT), 5, "CLOSE_WAIT at the server" },
    { SERIES_STATE(ROLE_CLIENT, TCP_TIME_WAIT), 5, "TIME_WAIT at the client" },
    { SERIES_STATE(ROLE_SERVER, TCP_TIME_WAIT), 5, "TIME_WAIT at the server" },
};

static void write_heading(struct document *doc, const struct series *series)
{
    struct strbuf text = { 0 };
    strbuf_adds(&text, "Most connections at once, looked at every ");
    text_duration(&text, series_width_ns(series));
    strbuf_adds(&text, ", and when first (UTC)");
    doc->ops->section(doc, strbuf_text(&text));
    document_free_text(doc, &text);
}

static void write_server(struct document *doc, const struct series_entry *entry)
{
    struct strbuf text = { 0 };
    strbuf_adds(&text, "server ");
    text_endpoint(&text, entry->key.address.bytes, entry->key.port, entry->key.ipv6);
    doc->ops->entry(doc, strbuf_text(&text));
    document_free_text(doc, &text);
}

static void write_peak(struct document *doc, const struct series *series, const char *name, uint32_t peak,
                       const uint32_t values[])
{
    struct strbuf count = { 0 }, when = { 0 };
    int64_t sample = 0;
    while (values[sample] != peak)
        sample++;
    text_count(&count, peak);
    text_clock_ms(&when, series->origin_ns + sample * series_width_ns(series));
    doc->ops->figure(doc, strbuf_text(&count), name, strbuf_text(&when));
    document_free_text(doc, &count);
    document_free_text(doc, &when);
}

void peaks_write(const struct analysis *analysis, struct document *doc)
{
    const struct series *series = tracker_series(analysis->run->tracker);
    const struct series_entry *top[MOST_SERVERS];
    unsigned samples = series_samples(series, analysis->run->intake.now_ns);
    size_t count = series_top(series, SERIES_SERVERS, top, MOST_SERVERS);
    const struct series_entry *server = NULL; /* of the last line */
    bool any = false;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) {
            uint32_t values[SERIES_SAMPLES];
            uint32_t peak = series_values(series, top[i], shown[k].row, samples, values);
            if (peak < shown[k].fewest)
                continue;
            if (!any)
                write_heading(doc, series);
            any = true;
            if (server != top[i])
                write_server(doc, top[i]);
            server = top[i];
            write_peak(doc, series, shown[k].name, peak, values);
        }
}
