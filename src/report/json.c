/*
 * json - the report of schema hangup.report/2. Objects are built one at a time and written, so
 * that a report of any size needs the memory of one connection.
 */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "report/json_closes.h"
#include "report/json_series.h"
#include "report/json_value.h"
#include "report/view.h"

/* Listed by default of an error or warning, and of information; `count` tells all. */
#define JSON_CONNECTIONS 1000
#define JSON_CONNECTIONS_OF_INFO 20

static json_t *rule_ids(const struct analysis *analysis, const struct rule_set_bits *bits)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < analysis->rules->count; i++)
        if (rule_bits_has(bits, i))
            json_append(&ids, json_string(analysis->rules->items[i]->id));
    return ids;
}

static json_t *text_array(const char *const *texts, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_append(&array, json_string(texts[i]));
    return array;
}

/* ---- parts of the report ---------------------------------------------------------------------- */

static json_t *capture_value(const struct analysis *analysis, size_t index)
{
    const struct capture_info *info = capture_set_info(analysis->captures, index);
    json_t *links = json_array(), *limits = json_array();
    for (unsigned i = 0; i < info->link_type_count; i++) {
        char number[32];
        json_append(&links, json_string(decode_link_type_name(info->link_types[i], number, sizeof number)));
    }
    struct view_limits known;
    view_limits(analysis, index, &known);
    if (known.failed)
        json_append(&limits, NULL);
    for (size_t i = 0; i < known.count; i++)
        json_append(&limits, json_string(known.clause[i]));
    bool any = info->packets > info->untimed_packets;
    json_t *value = json_object();
    json_put(&value, "file", json_untrusted(info->file));
    json_put(&value, "format", json_string(info->format));
    json_put(&value, "packed_with",
                        info->packed_with != NULL ? json_string(info->packed_with) : json_null());
    json_put(&value, "link_types", links);
    json_put(&value, "packets", json_integer((json_int_t)info->packets));
    json_put(&value, "bytes", json_integer((json_int_t)info->bytes));
    json_put(&value, "first", any ? json_time(info->first_ns) : json_null());
    json_put(&value, "last", any ? json_time(info->last_ns) : json_null());
    json_put(&value, "truncated_packets",
                        json_integer((json_int_t)info->truncated_packets));
    json_put(&value, "dropped_packets",
                        info->dropped_packets < 0 ? json_null()
                                                  : json_integer(info->dropped_packets));
    json_put(&value, "vantage", json_string(view_vantage(analysis, index)));
    json_put(&value, "limits", limits);
    json_put(&value, "error",
                        info->error[0] != '\0' ? json_untrusted(info->error) : json_null());
    return value;
}

static json_t *undecided_value(const struct analysis *analysis)
{
    size_t count;
    const struct undecided *undecided = engine_undecided(analysis->run->engine, &count);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_append(&array, json_pack("{s:s, s:I, s:s}", "rule", undecided[i].rule->id, "connections",
                             (json_int_t)undecided[i].connections, "because",
                             undecided[i].because));
    return array;
}

static json_t *summary_value(const struct analysis *analysis)
{
    const struct tracker_counts *counts = tracker_counts(analysis->run->tracker);
    size_t found[SEVERITIES];
    view_count(analysis, found);
    json_t *protocols = json_object(), *passed_over = json_array();
    for (int p = 0; p <= PROTOCOL_OPAQUE; p++)
        if (counts->protocols[p] > 0)
            json_put(&protocols, protocol_names[p],
                                json_integer((json_int_t)counts->protocols[p]));
    for (int kind = DECODED_NOT_TCP + 1; kind < DECODED_KINDS; kind++)
        if (analysis->run->intake.decoder.kinds[kind] > 0)
            json_append(&passed_over,
                                  json_pack("{s:s, s:I}", "kind",
                                            decoded_name((enum decoded)kind), "packets",
                                            (json_int_t)analysis->run->intake.decoder.kinds[kind]));
    json_t *keys = json_object();
    for (int i = 0; tls_keys_names[i] != NULL; i++)
        if (counts->tls_keys[i] > 0)
            json_put(&keys, tls_keys_names[i], json_integer((json_int_t)counts->tls_keys[i]));
    json_t *value = json_object();
    json_put(&value, "packets", json_integer((json_int_t)analysis->run->intake.decoder.packets));
    json_put(&value, "tcp_packets", json_integer((json_int_t)analysis->run->intake.decoder.kinds[DECODED_TCP]));
    json_put(&value, "connections", json_integer((json_int_t)counts->connections));
    json_put(&value, "icmp_about_tcp_packets",
                        json_integer((json_int_t)analysis->run->intake.decoder.kinds[DECODED_ICMP_ABOUT_TCP]));
    json_put(&value, "tcp_streams", json_integer((json_int_t)counts->tcp_streams));
    json_put(&value, "unanswered_connections",
                        json_integer((json_int_t)counts->unanswered));
    json_put(&value, "http_requests", json_integer((json_int_t)counts->requests));
    json_put(&value, "http_exchanges", json_integer((json_int_t)counts->exchanges));
    json_put(&value, "protocols", protocols);
    json_put(&value, "tls_keys", keys);
    json_put(&value, "not_understood", passed_over);
    json_put(&value, "evicted_connections", json_integer((json_int_t)counts->evicted));
    json_put(&value, "late_packets", json_integer((json_int_t)counts->late_packets));
    json_put(&value, "retransmissions",
                        json_integer((json_int_t)counts->retransmissions));
    json_put(&value, "duplicate_packets", json_integer((json_int_t)counts->duplicates));
    json_put(&value, "findings",
                        json_pack("{s:I, s:I, s:I}", "error", (json_int_t)found[SEVERITY_ERROR],
                                  "warning", (json_int_t)found[SEVERITY_WARNING], "info",
                                  (json_int_t)found[SEVERITY_INFO]));
    json_put(&value, "translated_twins", json_integer((json_int_t)engine_twins(analysis->run->engine)));
    json_put(&value, "undecided", undecided_value(analysis));
    json_put(&value, "all_judged", json_boolean(analysis_is_complete(analysis)));
    return value;
}

static json_t *known_defaults(const struct finding_timer *t)
{
    json_t *array = json_array();
    for (size_t i = 0; i < t->known_count; i++) {
        const struct timer *timer = t->known[i].timer;
        json_append(&array, json_pack("{s:s, s:o, s:s, s:o, s:s, s:b, s:s}", "software",
                             timer->program->software, "versions",
                             timer->versions[0] != '\0' ? json_string(timer->versions) : json_null(),
                             "setting", timer->setting, "seconds", json_seconds(timer->ns), "times",
                             timer->times, "named_by_header", t->known[i].named_by != NULL, "source",
                             timer->source));
    }
    return array;
}

static json_t *deadline_value(const struct finding_timer *timer)
{
    const struct deadline *d = &timer->deadline;
    json_t *value = json_object();
    json_put(&value, "from", json_string(reference_names[d->from]));
    json_put(&value, "seconds", json_seconds(d->cluster.median_ns));
    json_put(&value, "spread_s", json_seconds(d->cluster.high_ns - d->cluster.low_ns));
    json_put(&value, "samples", json_integer((json_int_t)d->cluster.samples));
    json_put(&value, "share",
                        json_real((double)d->cluster.samples / (double)d->cluster.total));
    json_put(&value, "or_from",
                        d->has_runner_up ? json_string(reference_names[d->runner_up]) : json_null());
    json_put(&value, "coarse", json_boolean(d->coarse));
    json_put(&value, "known_defaults", known_defaults(timer));
    return value;
}

/* Each with the places of its members in the list of connections. */
static json_t *deadlines_value(const struct finding *f, size_t listed)
{
    json_t *array = json_array();
    for (size_t t = 0; t < f->timer_count; t++) {
        json_t *value = deadline_value(&f->timers[t]), *members = json_array();
        for (size_t i = 0; i < listed; i++)
            if (f->connections[i].timer == t)
                json_append(&members, json_integer((json_int_t)i));
        json_put(&value, "connections", members);
        json_append(&array, value);
    }
    return array;
}

static json_t *finding_id(const struct finding *f)
{
    struct strbuf id = { 0 };
    view_id(&id, f);
    return json_text(&id);
}

static json_t *behind_value(const struct finding *behind)
{
    if (behind == NULL)
        return json_null();
    json_t *value = json_object();
    json_put(&value, "finding", finding_id(behind));
    json_put(&value, "rule", json_pack("{s:s}", "id", behind->rule->id));
    json_put(&value, "what", json_string(behind->what));
    json_put(&value, "deadline", deadline_value(&behind->timers[0]));
    return value;
}

static json_t *finding_value(const struct analysis *analysis, const struct finding *f, size_t listed)
{
    const struct record *first = f->connections[0].record;
    json_t *links = json_array(), *seen_as = json_array();
    for (const struct text_list *link = f->rule->links; link != NULL; link = link->next)
        json_append(&links, json_string(link->text));
    for (const struct text_list *seen = f->rule->seen_as; seen != NULL; seen = seen->next)
        json_append(&seen_as, json_string(seen->text));
    json_t *value = json_object();
    json_put(&value, "id", finding_id(f));
    json_put(&value, "rule",
                        json_pack("{s:s, s:s, s:s}", "id", f->rule->id, "name", f->rule->name,
                                  "severity", severity_name(f->rule->severity)));
    json_put(&value, "confidence", json_string(f->confidence));
    json_put(&value, "accountable", json_string(f->accountable));
    json_put(&value, "also", rule_ids(analysis, &f->also));
    json_put(&value, "what", json_string(f->what));
    json_put(&value, "cause", json_string(f->cause));
    json_put(&value, "fix", text_array(f->fixes.items, f->fixes.count));
    json_put(&value, "supports", text_array(f->supports.items, f->supports.count));
    json_put(&value, "contradicts", text_array(f->contradicts.items, f->contradicts.count));
    json_put(&value, "references", links);
    json_put(&value, "seen_as", seen_as);
    json_put(&value, "client",
                        f->same_client ? json_endpoint(first, ROLE_CLIENT, false) : json_null());
    json_put(&value, "server",
                        f->same_server ? json_endpoint(first, ROLE_SERVER, true) : json_null());
    json_put(&value, "count", json_integer((json_int_t)f->count));
    json_put(&value, "estimated", json_boolean(f->shift > 0));
    json_put(&value, "inferred", json_integer((json_int_t)f->inferred));
    json_put(&value, "first", json_time(f->first_ns));
    json_put(&value, "last", json_time(f->last_ns));
    json_put(&value, "deadline", f->timer_count > 0 ? deadline_value(&f->timers[0]) : json_null());
    json_put(&value, "deadlines", deadlines_value(f, listed));
    json_put(&value, "behind", behind_value(f->behind));
    return value;
}

static json_t *evidence_value(const struct finding *f, const struct finding_connection *c)
{
    struct view_evidence evidence[MARKS];
    size_t count = view_evidence(f, c, evidence);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_object();
        json_put(&item, "event", json_string(mark_name(evidence[i].id)));
        json_put(&item, "frame", json_integer(evidence[i].mark.frame));
        if (evidence[i].mark.capture != c->record->capture)
            json_put(&item, "capture", json_integer(evidence[i].mark.capture));
        json_put(&item, "time", json_time(evidence[i].mark.ns));
        json_put(&item, "note", json_string(mark_text(evidence[i].id)));
        json_append(&array, item);
    }
    return array;
}

static json_t *lost_request(const struct finding *f, const struct finding_connection *c)
{
    const char *retry = view_retry(f, c);
    const char *kept = c->record->request, *space = strchr(kept, ' ');
    if (c->exchange == NULL && retry != NULL && space != NULL) {
        json_t *value = json_object();
        json_put(&value, "method", json_untrusted_part(kept, (size_t)(space - kept)));
        json_put(&value, "path", json_untrusted(space + 1));
        json_put(&value, "retry", json_string(retry));
        return value;
    }
    if (c->exchange == NULL || retry == NULL || !c->exchange->exchange->request_seen)
        return json_null();
    const struct exchange *x = c->exchange->exchange;
    json_t *value = json_object();
    json_put(&value, "method",
                        x->request_head ? json_string(exchange_method(x)) : json_null());
    json_put(&value, "path", x->target[0] != '\0' ? json_untrusted(x->target) : json_null());
    json_put(&value, "retry", json_string(retry));
    return value;
}

static json_t *connection_value(const struct analysis *analysis, const struct finding *f,
                                const struct finding_connection *c)
{
    const struct record *r = c->record;
    json_t *value = json_ends(r), *http = json_http(r);
    json_put(&http, "lost_request", lost_request(f, c));
    json_put(&value, "http", http);
    json_put(&value, "also", rule_ids(analysis, &c->also));
    json_put(&value, "evidence", evidence_value(f, c));
    return value;
}

static bool write_finding(const struct analysis *analysis, const struct finding *f,
                          const struct report_options *options, FILE *out)
{
    size_t most = view_most_connections(f, options, JSON_CONNECTIONS, JSON_CONNECTIONS_OF_INFO);
    bool whole = json_dump_open(out, finding_value(analysis, f, most));
    fputs(",\"connections\":[", out);
    for (size_t i = 0; i < most && whole; i++) {
        fputs(i == 0 ? "\n  " : ",\n  ", out);
        whole = json_dump(out, connection_value(analysis, f, &f->connections[i]));
    }
    fputs("]}", out);
    return whole;
}

static json_t *program_value(const struct report_options *options)
{
    json_t *value = json_object(), *locks = json_array();
    for (size_t i = 0; options->locks != NULL && options->locks[i] != NULL; i++)
        json_append(&locks, json_string(options->locks[i]));
    json_put(&value, "version", json_string(PACKAGE_VERSION));
    json_put(&value, "locks", locks);
    return value;
}

bool report_json(const struct analysis *analysis, const struct report_options *options, FILE *out)
{
    fputs("{\"schema\":\"hangup.report/2\",\n\"hangup\":", out);
    bool whole = json_dump(out, program_value(options));
    fputs(",\n\"captures\":[", out);
    for (size_t i = 0; i < capture_set_count(analysis->captures) && whole; i++) {
        fputs(i == 0 ? "\n " : ",\n ", out);
        whole = json_dump(out, capture_value(analysis, i));
    }
    fputs("],\n\"summary\":", out);
    whole = whole && json_dump(out, summary_value(analysis));
    fputs(",\n\"findings\":[", out);
    const struct finding *findings;
    size_t shown = view_findings(analysis, options, &findings);
    for (size_t i = 0; i < shown && whole; i++) {
        fputs(i == 0 ? "\n " : ",\n ", out);
        whole = write_finding(analysis, &findings[i], options, out);
    }
    fputs("],\n\"closes\":", out);
    whole = whole && json_closes(analysis, out);
    fputs(",\n\"series\":", out);
    whole = whole && json_series(analysis, out);
    fputs("}\n", out);
    return whole;
}
