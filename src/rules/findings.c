#include "rules/hits.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "rules/template.h"

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

/* Is `timer` what stands behind `finding`? It is information about a timer of the same server, and `finding`
 * explains its rule where they meet on one connection. */
static bool stands_behind(const struct engine *engine, const struct finding *timer,
                          const struct finding *finding)
{
    const struct record *a = timer->connections[0].record, *b = finding->connections[0].record;
    size_t rule = 0;
    while (engine->rules->items[rule] != timer->rule)
        rule++;
    return timer->rule->severity == SEVERITY_INFO && timer->deadline.found &&
           finding->rule->severity > SEVERITY_INFO && finding->behind == NULL &&
           rule_bits_has(&finding->rule->explains, rule) &&
           compare_ends(a, b, ROLE_SERVER, true) == 0 &&
           same_timer(&finding->deadline, &timer->deadline);
}

/* One story, not two findings. The worst one takes it. */
static void fold_timers(struct engine *engine)
{
    struct finding *all = engine->findings.items;
    size_t kept = 0;
    for (size_t i = 0; i < engine->findings.count; i++) {
        size_t f = 0;
        while (f < kept && !stands_behind(engine, &all[i], &all[f]))
            f++;
        struct finding *copy = f < kept ? arena_alloc(&engine->arena, sizeof *copy) : NULL;
        if (copy != NULL) {
            *copy = all[i];
            all[f].behind = copy;
        } else {
            all[kept++] = all[i];
        }
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
    if (engine->findings.count > 0)
        qsort(engine->findings.items, engine->findings.count, sizeof *engine->findings.items,
              worst_first);
    fold_timers(engine);
}
