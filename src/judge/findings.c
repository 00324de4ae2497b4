#include "judge/hits.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "lang/template.h"

static const char *render(struct engine *engine, const struct template *text,
                          const struct group *group)
{
    struct strbuf out = { 0 };
    template_write(text, group, &out);
    const char *copy = out.failed ? NULL : arena_strdup(&engine->arena, strbuf_text(&out));
    strbuf_free(&out);
    if (copy == NULL)
        engine->failed = true;
    return copy != NULL ? copy : "";
}

static bool applies(const struct choice *choice, const struct group *group)
{
    if (choice->condition == NULL)
        return true;
    struct value v = expr_group_value(choice->condition, group);
    return v.state == VALUE_KNOWN && v.truth;
}

static const char *choose(struct engine *engine, const struct choice *choices,
                          const struct group *group)
{
    for (const struct choice *c = choices; c != NULL; c = c->next)
        if (applies(c, group))
            return render(engine, c->text, group);
    return "";
}

static void fill_fixes(struct engine *engine, struct finding *finding, const struct group *group)
{
    size_t most = 0;
    for (const struct choice *c = finding->rule->fix; c != NULL; c = c->next)
        most++;
    finding->fixes = arena_alloc(&engine->arena, (most + 1) * sizeof *finding->fixes);
    if (finding->fixes == NULL) {
        engine->failed = true;
        return;
    }
    for (const struct choice *c = finding->rule->fix; c != NULL; c = c->next)
        if (applies(c, group))
            finding->fixes[finding->fix_count++] = render(engine, c->text, group);
}

static int64_t moment_of(const struct record *r)
{
    if (r->close_how == HOW_OPEN || r->since_open == NS_ABSENT || r->since_open == NS_UNKNOWN)
        return r->last_ns;
    const struct mark *open = r->mark[MARK_ESTABLISHED].frame != 0 ? &r->mark[MARK_ESTABLISHED]
                              : r->mark[MARK_SYN_ACK].frame != 0   ? &r->mark[MARK_SYN_ACK]
                                                                   : &r->mark[MARK_SYN];
    return open->ns + r->since_open;
}

static void make_finding(struct engine *engine, const struct hit *hits, size_t length)
{
    struct finding finding = { .rule = engine->rules->items[hits[0].rule], .same_client = true };
    finding.connections = arena_alloc(&engine->arena, length * sizeof *finding.connections);
    struct member *members = malloc(length * sizeof *members);
    if (finding.connections == NULL || members == NULL || !VEC_ROOM(&engine->findings)) {
        engine->failed = true;
        free(members);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        if (hits[i].explained || hits[i].background)
            continue;
        const struct record *r = hits[i].record;
        size_t n = finding.entries++;
        finding.count += n == 0 || members[n - 1].record != r;
        members[n] = (struct member){ r, hits[i].exchange };
        finding.connections[n] = (struct finding_connection){ r, hits[i].exchange, hits[i].also };
        for (size_t w = 0; w < sizeof finding.also.words / sizeof *finding.also.words; w++)
            finding.also.words[w] |= hits[i].also.words[w];
        int64_t moment = moment_of(r);
        if (n == 0 || moment < finding.first_ns)
            finding.first_ns = moment;
        if (n == 0 || moment > finding.last_ns)
            finding.last_ns = moment;
        finding.same_client &= compare_ends(members[0].record, r, ROLE_CLIENT, false) == 0;
    }
    if (finding.entries > 0) {
        /* The timer shows in all of its connections, those told elsewhere too. */
        finding.deadline = hits[0].deadline != NULL
                               ? *hits[0].deadline
                               : group_deadline(engine, finding.rule, hits, length);
        /* The texts may compare with the members that are not listed; they come last. */
        size_t all = finding.entries;
        for (size_t i = 0; i < length; i++)
            if (hits[i].background)
                members[all++] = (struct member){ hits[i].record, hits[i].exchange };
        finding.known_count = timers_fit(engine->rules->timers, &finding.deadline, members,
                                         finding.entries, finding.known);
        struct group group = { members, all, &finding.deadline };
        finding.confidence = choose(engine, finding.rule->confidence, &group);
        finding.accountable = choose(engine, finding.rule->accountable, &group);
        finding.what = choose(engine, finding.rule->what, &group);
        finding.cause = choose(engine, finding.rule->cause, &group);
        fill_fixes(engine, &finding, &group);
        engine->findings.items[engine->findings.count++] = finding;
    }
    free(members);
}

/* Worst first; then what hurt more connections; then what came first. */
static int worst_first(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->rule->severity != y->rule->severity)
        return (int)y->rule->severity - (int)x->rule->severity;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    if (x->first_ns != y->first_ns)
        return x->first_ns < y->first_ns ? -1 : 1;
    int order = strcmp(x->rule->id, y->rule->id);
    if (order != 0)
        return order;
    uint64_t i = x->connections[0].record->id, j = y->connections[0].record->id;
    return (i > j) - (i < j);
}

static bool same_timer(const struct deadline *a, const struct deadline *b)
{
    int64_t apart = a->cluster.median_ns - b->cluster.median_ns;
    return !a->found || (apart <= DEADLINE_TOLERANCE_MAX_NS && apart >= -DEADLINE_TOLERANCE_MAX_NS);
}

/* Is `timer` what stands behind `finding`? It is information about a timer, and `finding`, of the same
 * server, explains its rule where they meet on one connection. */
static bool stands_behind(const struct finding *timer, size_t rule, const struct finding *finding)
{
    return finding->rule->severity > SEVERITY_INFO && finding->behind == NULL &&
           rule_bits_has(&finding->rule->explains, rule) &&
           same_timer(&finding->deadline, &timer->deadline);
}

/* The findings of a server are looked at up to here: a scan makes thousands. */
#define FOLD_AMONG 64

/* One story, not two findings: within one server's, the worst that fits takes the timer. */
static size_t fold_timers(struct engine *engine, struct finding *of_server, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t f = kept, rule = 0;
        if (of_server[i].rule->severity == SEVERITY_INFO && of_server[i].deadline.found) {
            while (engine->rules->items[rule] != of_server[i].rule)
                rule++;
            size_t among = kept < FOLD_AMONG ? kept : FOLD_AMONG;
            for (f = 0; f < among && !stands_behind(&of_server[i], rule, &of_server[f]); f++)
                continue;
            if (f == among)
                f = kept;
        }
        struct finding *copy = f < kept ? arena_alloc(&engine->arena, sizeof *copy) : NULL;
        if (copy != NULL) {
            *copy = of_server[i];
            of_server[f].behind = copy;
        } else {
            of_server[kept++] = of_server[i];
        }
    }
    return kept;
}

static int servers(const struct finding *a, const struct finding *b)
{
    return compare_ends(a->connections[0].record, b->connections[0].record, ROLE_SERVER, true);
}

static int by_server(const void *a, const void *b)
{
    int order = servers(a, b);
    return order != 0 ? order : worst_first(a, b);
}

static void fold_all_timers(struct engine *engine)
{
    struct finding *all = engine->findings.items;
    size_t kept = 0, count = engine->findings.count;
    qsort(all, count, sizeof *all, by_server);
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count && servers(&all[start], &all[end]) == 0; end++)
            continue;
        size_t stay = fold_timers(engine, &all[start], end - start);
        memmove(&all[kept], &all[start], stay * sizeof *all);
        kept += stay;
    }
    engine->findings.count = kept;
}

void make_findings(struct engine *engine)
{
    for (size_t start = 0; start < engine->hits.count;) {
        size_t length = group_length(engine, start);
        make_finding(engine, engine->hits.items + start, length);
        start += length;
    }
    if (engine->findings.count == 0)
        return;
    fold_all_timers(engine);
    qsort(engine->findings.items, engine->findings.count, sizeof *engine->findings.items,
          worst_first);
}
