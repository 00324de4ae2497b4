#include "report/view.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

size_t view_findings(const struct analysis *analysis, const struct report_options *options,
                     const struct finding **findings)
{
    size_t count, shown = 0;
    *findings = engine_findings(analysis->run->engine, &count);
    while (shown < count && (*findings)[shown].rule->severity >= options->min_severity)
        shown++;
    return shown;
}

void view_ip(struct strbuf *out, const struct ip_address *address, bool ipv6)
{
    char text[INET6_ADDRSTRLEN] = "?";
    inet_ntop(ipv6 ? AF_INET6 : AF_INET, address->bytes, text, sizeof text);
    strbuf_adds(out, text);
}

void view_address(struct strbuf *out, const struct record *record, enum end_role role)
{
    view_ip(out, record_address(record, role), record->tuple.ipv6);
}

void view_endpoint(struct strbuf *out, const struct record *record, enum end_role role)
{
    text_endpoint(out, record_address(record, role)->bytes, record_port(record, role), record->tuple.ipv6);
}

/* A rule about exchanges proves with its own exchange, others with the connection's last one. */
static struct mark evidence_mark(const struct finding_connection *connection, enum mark_id id)
{
    const struct exchange_facts *facts = connection->exchange;
    if (facts == NULL)
        return *record_mark(connection->record, id);
    const struct message_span *q = &facts->exchange->request, *p = &facts->exchange->response;
    switch (id) {
    case MARK_REQUEST:
        return (struct mark){ q->first_ns, q->first_frame, q->first_capture };
    case MARK_REQUEST_END:
        return (struct mark){ q->last_ns, q->last_frame, q->last_capture };
    case MARK_RESPONSE:
        return (struct mark){ p->first_ns, p->first_frame, p->first_capture };
    case MARK_RESPONSE_END:
        return (struct mark){ p->last_ns, p->last_frame, p->last_capture };
    case MARK_RST_STREAM:
        return exchange_is_reset(facts->exchange)
                   ? (struct mark){ facts->exchange->reset_ns, facts->exchange->reset_frame, facts->exchange->reset_capture }
                   : (struct mark){ 0 };
    default:
        return *record_mark(connection->record, id);
    }
}

static int by_time(const void *a, const void *b)
{
    const struct view_evidence *x = a, *y = b;
    if (x->mark.ns != y->mark.ns)
        return x->mark.ns < y->mark.ns ? -1 : 1;
    if (x->mark.frame != y->mark.frame)
        return x->mark.frame < y->mark.frame ? -1 : 1;
    return (int)x->id - (int)y->id;
}

/* A FIN that was not captured is shown by its ACK. */
static enum mark_id shown_as(const struct record *r, enum mark_id id)
{
    if (id == MARK_CLIENT_FIN && r->fin_inferred[ROLE_CLIENT])
        return MARK_CLIENT_FIN_ACK;
    return id == MARK_SERVER_FIN && r->fin_inferred[ROLE_SERVER] ? MARK_SERVER_FIN_ACK : id;
}

/* Where the timer starts that the connection follows. */
static unsigned timer_evidence(const struct finding *finding, const struct finding_connection *connection)
{
    static const enum mark_id starts[] = {
        [FROM_OPEN] = MARK_ESTABLISHED,
        [FROM_REQUEST] = MARK_REQUEST_END,
        [FROM_RESPONSE] = MARK_LAST_RESPONSE,
    };
    if (connection->timer >= finding->timer_count)
        return 0;
    enum reference from = finding->timers[connection->timer].deadline.from;
    return (size_t)from < sizeof starts / sizeof *starts ? 1u << starts[from] : 0;
}

size_t view_evidence(const struct finding *finding, const struct finding_connection *connection,
                     struct view_evidence evidence[MARKS])
{
    size_t count = 0;
    unsigned wanted = finding->rule->evidence | timer_evidence(finding, connection);
    if (wanted & (1u << MARK_CLIENT_FIN | 1u << MARK_SERVER_FIN))
        wanted |= 1u << MARK_CLOSE_NOTIFY;
    for (int id = 0; id < MARKS; id++) {
        struct mark mark = evidence_mark(connection, (enum mark_id)id);
        if (wanted & 1u << id && mark.frame != 0)
            evidence[count++] = (struct view_evidence){ shown_as(connection->record, (enum mark_id)id), mark };
    }
    qsort(evidence, count, sizeof *evidence, by_time);
    return count;
}

const char *view_vantage(const struct analysis *analysis, size_t capture)
{
    struct capture_counts c = tracker_capture_counts(analysis->run->tracker, capture);
    uint64_t all = c.near_client + c.near_server + c.between;
    if (all == 0)
        return "unknown";
    return c.near_client * 3 > all * 2   ? "client"
           : c.near_server * 3 > all * 2 ? "server"
           : c.between * 3 > all * 2     ? "middle"
                                         : "unknown";
}

void view_limits(const struct analysis *analysis, size_t capture, struct view_limits *limits)
{
    const struct capture_info *info = capture_set_info(analysis->captures, capture);
    const struct tracker_counts *counts = tracker_counts(analysis->run->tracker);
    *limits = (struct view_limits){ .count = 0 };
    struct strbuf text = { 0 };
#define CLAUSE(n, format)                                                                        \
    do {                                                                                         \
        strbuf_clear(&text);                                                                     \
        text_count(&text, (uint64_t)(n));                                                        \
        snprintf(limits->clause[limits->count++], sizeof limits->clause[0], format,              \
                 strbuf_text(&text), (n) == 1 ? "" : "s");                                       \
    } while (0)
    if (info->dropped_packets > 0)
        CLAUSE(info->dropped_packets, "%s packet%s dropped by the capturing program");
    if (info->truncated_packets > 0)
        CLAUSE(info->truncated_packets, "%s packet%s cut by the snap length");
    if (info->untimed_packets > 0)
        CLAUSE(info->untimed_packets, "%s packet%s without a time of their own");
    struct capture_counts of_file = tracker_capture_counts(analysis->run->tracker, capture);
    if (of_file.lost_bytes > 0)
        CLAUSE(of_file.lost_bytes, "%s payload byte%s sent but not in the capture");
    if (of_file.lossy > 0)
        CLAUSE(of_file.lossy, "%s connection%s with such gaps: lost by the capture, or cut");
    if (of_file.one_sided > 0)
        CLAUSE(of_file.one_sided, "%s connection%s seen in one direction only: the other takes another "
                                  "path, or the mirror port does not show it");
    if (of_file.mid_stream > 0)
        CLAUSE(of_file.mid_stream, "%s connection%s already open when the capture began");
    if (of_file.interleaved > 0)
        CLAUSE(of_file.interleaved, "%s connection%s at the same time in another of these files: were both "
                                    "ends captured, look at them one by one");
    if (counts->limited_segments > 0)
        CLAUSE(counts->limited_segments, "%s out-of-order segment%s given up (limit)");
#undef CLAUSE
    limits->failed = text.failed;
    strbuf_free(&text);
}

static const char *by_method(const struct finding_connection *connection)
{
    if (connection->exchange == NULL || !connection->exchange->exchange->request_head)
        return "unknown";
    return http_method_is_idempotent(connection->exchange->exchange->method) ? "safe" : "unsafe";
}

/* Nothing of the request had reached the server's kernel when it closed, or its head never ended. (Of several requests at a time
 * nobody can tell which.) */
static bool nobody_acted(const struct record *record, const struct exchange_facts *facts)
{
    if (facts == NULL)
        return true;
    const struct exchange *x = facts->exchange;
    return !record->multiplexed && (facts->covered <= 0 || (!x->inferred && !x->request_head && !x->request_lost));
}

/* REFUSED_STREAM promises that nothing was done (RFC 9113 section 8.7). Proxies say it for requests that they have handed on, too (HAProxy
 * 2.6, whose server died): it is believed of a stream that was one more than the server had said it allows. */
static bool is_refusal_proven(const struct exchange_facts *facts)
{
    return facts == NULL || !exchange_is_reset(facts->exchange) || facts->exchange->above_limit;
}

const char *view_retry(const struct finding *finding, const struct finding_connection *connection)
{
    switch (finding->rule->retry) {
    case RETRY_SAFE:
        if (!is_refusal_proven(connection->exchange))
            return by_method(connection);
        return nobody_acted(connection->record, connection->exchange) ? "safe" : "unknown";
    case RETRY_UNSAFE:
        return "unsafe";
    case RETRY_BY_METHOD:
        return by_method(connection);
    case RETRY_NONE:
        break;
    }
    return NULL;
}

/* "server.keepAliveTimeout of Node.js, 5 s (25 and older; up to 1 s later on the wire)" */
static void known_default(struct strbuf *out, const struct timer *timer)
{
    strbuf_addf(out, "%s of %s, %g s", timer->setting, timer->program->software,
                (double)timer->ns / 1e9);
    bool versions = timer->versions[0] != '\0', late = timer->late_ns > 0;
    if (versions || late)
        strbuf_addf(out, " (%s%s", timer->versions, versions && late ? "; " : "");
    if (late)
        strbuf_addf(out, "up to %g s later on the wire", (double)timer->late_ns / 1e9);
    if (versions || late)
        strbuf_addc(out, ')');
}

void view_known_defaults(struct strbuf *out, const struct finding_timer *f)
{
    if (f->known_count == 0)
        return;
    text_duration(out, f->deadline.cluster.median_ns);
    const char *named_by = f->known[0].named_by, *also_by = named_by;
    for (size_t i = 1; i < f->known_count; i++)
        if (f->known[i].named_by != NULL && strcmp(f->known[i].named_by, named_by) != 0)
            also_by = f->known[i].named_by;
    if (named_by != also_by)
        strbuf_addf(out, " fits what the %s and %s headers name: ", named_by, also_by);
    else if (named_by != NULL)
        strbuf_addf(out, " fits what the %s header names: ", named_by);
    else if (f->known[0].behind != NULL)
        strbuf_addf(out, " fits a proxy that passes on such a %s header: ", f->known[0].behind);
    else
        strbuf_addf(out, " fits %s, though no header says so: ",
                    f->known_count == 1 ? "a well-known default" : "well-known defaults");
    for (size_t i = 0; i < f->known_count; i++) {
        const char *behind = f->known[i].behind, *before = i > 0 ? f->known[i - 1].behind : NULL;
        if (i > 0)
            strbuf_adds(out, "; ");
        if (i > 0 && behind != NULL && (before == NULL || strcmp(behind, before) != 0))
            strbuf_addf(out, "or a proxy that passes on such a %s header: ", behind);
        known_default(out, f->known[i].timer);
    }
    strbuf_addc(out, '.');
}

void view_id(struct strbuf *out, const struct finding *f)
{
    const struct record *first = f->connections[0].record;
    strbuf_addf(out, "%s/", f->rule->id);
    if (f->same_server)
        view_endpoint(out, first, ROLE_SERVER);
    else
        strbuf_addc(out, '*');
    strbuf_addc(out, '/');
    if (f->rule->per_client && f->same_client)
        view_address(out, first, ROLE_CLIENT);
    else
        strbuf_addc(out, '*');
    if (f->rule->split != NULL) {
        const struct value value = f->rule->split->get(&(struct subject){ first, NULL, NULL });
        strbuf_addf(out, "/%s", value.state == VALUE_KNOWN ? value.text : "-");
    }
    if (f->rule->deadline_only && f->timer_count > 0) {
        const struct deadline *d = &f->timers[0].deadline;
        strbuf_addf(out, "/%s-%.3gs", reference_names[d->from], (double)d->cluster.median_ns / 1e9);
    }
}

size_t view_most_connections(const struct finding *f, const struct report_options *options, size_t most,
                             size_t most_of_info)
{
    if (options->max_connections >= 0)
        most = options->max_connections > 0 ? (size_t)options->max_connections : f->entries;
    else if (f->rule->severity == SEVERITY_INFO)
        most = most_of_info;
    return f->entries < most ? f->entries : most;
}

void view_count(const struct analysis *analysis, size_t counts[SEVERITIES])
{
    size_t count;
    const struct finding *findings = engine_findings(analysis->run->engine, &count);
    memset(counts, 0, SEVERITIES * sizeof *counts);
    for (size_t i = 0; i < count; i++)
        counts[findings[i].rule->severity]++;
}

bool view_closed(const struct record *r, int64_t *ns)
{
    static const enum mark_id closes[] = { MARK_CLIENT_FIN, MARK_SERVER_FIN, MARK_CLIENT_RST,
                                           MARK_SERVER_RST };
    bool closed = false;
    for (size_t i = 0; i < sizeof closes / sizeof *closes; i++) {
        const struct mark *mark = record_mark(r, closes[i]);
        if (mark->frame != 0 && (!closed || mark->ns < *ns)) {
            *ns = mark->ns;
            closed = true;
        }
    }
    return closed && r->close_how != HOW_OPEN;
}
