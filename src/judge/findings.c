#include "judge/engine_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "lang/template.h"

static int compare_ends(const struct record *a, const struct record *b, enum end_role role, bool with_port)
{
    if (a->tuple.ipv6 != b->tuple.ipv6)
        return a->tuple.ipv6 - b->tuple.ipv6;
    int order = memcmp(record_address(a, role)->bytes, record_address(b, role)->bytes, 16);
    if (order != 0 || !with_port)
        return order;
    return (int)record_port(a, role) - (int)record_port(b, role);
}

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

/* For those who try the rules: which alternatives are ever told? */
static void note_chosen(struct engine *engine, const struct choice *choice)
{
    for (size_t i = 0; i < engine->chosen.count; i++)
        if (engine->chosen.items[i] == choice)
            return;
    if (!VEC_ROOM(&engine->chosen)) {
        engine->failed = true;
        return;
    }
    engine->chosen.items[engine->chosen.count++] = choice;
}

static const char *choose(struct engine *engine, const struct choice *choices,
                          const struct group *group)
{
    for (const struct choice *c = choices; c != NULL; c = c->next)
        if (applies(c, group)) {
            note_chosen(engine, c);
            return render(engine, c->text, group);
        }
    return "";
}

/* ---- texts that speak of timers ------------------------------------------------------------------ */

/* A finding's connections, as texts are told of them: all, or, where a text speaks of the timer, those of each timer
 * by themselves and those that follow none. */
struct parts {
    struct group items[DEADLINE_MOST_TIMERS + 1];
    size_t count;
    size_t listed; /* members of all parts */
    struct group all;
};

static const struct deadline no_deadline = { .found = false };

/* Entries of the finding that follow the timer, as members; `members` has room for them. */
static size_t members_of(const struct finding *finding, uint8_t timer, struct member *members)
{
    size_t count = 0;
    for (size_t i = 0; i < finding->entries; i++)
        if (finding->connections[i].timer == timer)
            members[count++] = (struct member){ finding->connections[i].record, finding->connections[i].exchange };
    return count;
}

/* room: for each of the finding's entries. */
static void make_parts(const struct finding *finding, const struct group *all, struct member *room, struct parts *parts)
{
    parts->all = *all;
    parts->listed = finding->entries;
    parts->count = 0;
    size_t free_ones = members_of(finding, DEADLINE_NO_TIMER, room);
    if (finding->timer_count == 0 || (finding->timer_count == 1 && free_ones == 0)) {
        parts->items[parts->count++] = *all;
        if (finding->timer_count == 1)
            parts->items[0].deadline = &finding->timers[0].deadline;
        return;
    }
    for (size_t t = 0; t < finding->timer_count; t++) {
        size_t count = members_of(finding, (uint8_t)t, room);
        parts->items[parts->count++] = (struct group){ room, count, &finding->timers[t].deadline, all->shift, all->together, all->failed };
        room += count;
    }
    free_ones = members_of(finding, DEADLINE_NO_TIMER, room);
    if (free_ones > 0)
        parts->items[parts->count++] = (struct group){ room, free_ones, &no_deadline, all->shift, all->together, all->failed };
}

static bool speaks_of_timers(const struct choice *choices)
{
    for (const struct choice *c = choices; c != NULL; c = c->next)
        if ((c->condition != NULL && expr_asks_for_scope(c->condition, SCOPE_GROUP)) ||
            template_asks_for_scope(c->text, SCOPE_GROUP))
            return true;
    return false;
}

/* What is said of several parts alike is said once. */
static const char *choose_by_parts(struct engine *engine, const struct choice *choices, const struct parts *parts)
{
    if (!speaks_of_timers(choices))
        return choose(engine, choices, &parts->all);
    if (parts->count == 1)
        return choose(engine, choices, &parts->items[0]);
    const char *texts[DEADLINE_MOST_TIMERS + 1];
    size_t counts[DEADLINE_MOST_TIMERS + 1], different = 0;
    for (size_t i = 0; i < parts->count; i++) {
        const char *text = choose(engine, choices, &parts->items[i]);
        size_t at = 0;
        while (at < different && strcmp(texts[at], text) != 0)
            at++;
        if (at == different) {
            texts[different] = text;
            counts[different++] = 0;
        }
        counts[at] += parts->items[i].count;
    }
    if (different == 1)
        return texts[0];
    struct strbuf out = { 0 };
    for (size_t i = 0; i < different; i++) {
        if (texts[i][0] == '\0')
            continue;
        strbuf_addf(&out, "%s%zu of %zu: ", out.length > 0 ? " " : "", counts[i] << parts->all.shift,
                    parts->listed << parts->all.shift);
        strbuf_adds(&out, texts[i]);
    }
    const char *copy = out.failed ? NULL : arena_strdup(&engine->arena, strbuf_text(&out));
    strbuf_free(&out);
    engine->failed |= copy == NULL;
    return copy != NULL ? copy : "";
}

/* All that apply; what is said of several parts alike is said once. */
static struct finding_texts choose_all(struct engine *engine, const struct choice *choices, const struct parts *parts)
{
    struct finding_texts texts = { 0 };
    size_t most = 0;
    for (const struct choice *c = choices; c != NULL; c = c->next)
        most += parts->count;
    texts.items = arena_alloc(&engine->arena, (most + 1) * sizeof *texts.items);
    if (texts.items == NULL) {
        engine->failed = true;
        return texts;
    }
    for (const struct choice *c = choices; c != NULL; c = c->next) {
        bool by_parts = (c->condition != NULL && expr_asks_for_scope(c->condition, SCOPE_GROUP)) ||
                        template_asks_for_scope(c->text, SCOPE_GROUP);
        const struct group *groups = by_parts ? parts->items : &parts->all;
        size_t first = texts.count;
        for (size_t i = 0; i < (by_parts ? parts->count : 1); i++) {
            if (!applies(c, &groups[i]))
                continue;
            note_chosen(engine, c);
            const char *text = render(engine, c->text, &groups[i]);
            size_t at = first;
            while (at < texts.count && strcmp(texts.items[at], text) != 0)
                at++;
            if (at == texts.count)
                texts.items[texts.count++] = text;
        }
    }
    return texts;
}

/* What the exchanges' kind and the clues leave of the rule's own word. */
static const char *weighed(const struct finding *finding)
{
    bool certain = strcmp(finding->confidence, "certain") == 0;
    if (finding->contradicts.count > 0)
        return "possible";
    if (certain && (finding->multiplexed || (finding->inferred > 0 && !finding->rule->numbers_only)))
        return "likely";
    return finding->confidence;
}

static int64_t moment_of(const struct record *r)
{
    if (r->close_how == HOW_OPEN || r->since_open == NS_ABSENT || r->since_open == NS_UNKNOWN)
        return r->last_ns;
    const struct mark *open = record_mark(r, MARK_ESTABLISHED), *syn_ack = record_mark(r, MARK_SYN_ACK);
    if (open->frame == 0)
        open = syn_ack->frame != 0 ? syn_ack : record_mark(r, MARK_SYN);
    return open->ns + r->since_open + (r->announced_for > 0 ? r->announced_for : 0);
}

/* Those connections that no other finding tells, in the order of their records. */
static void take_connections(struct engine *engine, const struct told *told, struct finding *finding)
{
    for (size_t i = 0; i < told->count; i++) {
        const struct hit *hit = told->hits[i];
        const struct record *r = hit->record;
        if (hit->background || is_explained(r, told->index))
            continue;
        size_t n = finding->entries++;
        const struct record *first = finding->connections[0].record;
        finding->count += n == 0 || finding->connections[n - 1].record != r;
        finding->connections[n] = (struct finding_connection){ r, hit->exchange, rules_explained_by(engine, r, told->index),
                                                               told->timer_of[i] };
        for (size_t w = 0; w < RULE_WORDS; w++)
            finding->also.words[w] |= finding->connections[n].also.words[w];
        int64_t moment = moment_of(r);
        if (n == 0 || moment < finding->first_ns)
            finding->first_ns = moment;
        if (n == 0 || moment > finding->last_ns)
            finding->last_ns = moment;
        if (n == 0)
            first = r;
        finding->same_client &= compare_ends(first, r, ROLE_CLIENT, false) == 0;
        finding->same_server &= compare_ends(first, r, ROLE_SERVER, true) == 0;
        finding->inferred += r->inferred && r->requests > 0;
        finding->multiplexed |= r->multiplexed && r->requests > 0;
    }
    finding->count <<= told->shift;
}

/* The timers that connections of the finding follow; of each, all that follow it count, those told elsewhere too. */
static void take_timers(struct engine *engine, const struct told *told, struct finding *finding, struct member *members)
{
    finding->timers = arena_alloc(&engine->arena, (told->deadlines.count + 1) * sizeof *finding->timers);
    if (finding->timers == NULL) {
        engine->failed = true;
        return;
    }
    for (size_t t = 0; t < told->deadlines.count; t++) {
        size_t count = members_of(finding, (uint8_t)t, members);
        if (count == 0)
            continue;
        struct finding_timer *timer = &finding->timers[finding->timer_count];
        timer->deadline = told->deadlines.items[t];
        timer->known_count = timers_fit(engine->rules->timers, &timer->deadline, members, count, timer->known);
        for (size_t i = 0; i < finding->entries; i++)
            if (finding->connections[i].timer == t)
                finding->connections[i].timer = (uint8_t)finding->timer_count;
        finding->timer_count++;
    }
}

static void tell_finding(struct engine *engine, const struct told *told, struct finding *finding, struct member *members)
{
    take_timers(engine, told, finding, members);
    size_t all = 0;
    for (; all < finding->entries; all++)
        members[all] = (struct member){ finding->connections[all].record, finding->connections[all].exchange };
    /* The texts may compare with the members that are not listed; they come last. */
    for (size_t i = 0; i < told->count; i++)
        if (told->hits[i]->background)
            members[all++] = (struct member){ told->hits[i]->record, told->hits[i]->exchange };
    struct deadline main = deadlines_main(&told->deadlines, told->count);
    const struct group group = { members, all, &main, told->shift, told->together, &engine->failed };
    struct parts parts;
    make_parts(finding, &group, members + all, &parts);
    finding->confidence = choose(engine, finding->rule->confidence, &group);
    finding->accountable = choose(engine, finding->rule->accountable, &group);
    finding->what = choose_by_parts(engine, finding->rule->what, &parts);
    finding->cause = choose_by_parts(engine, finding->rule->cause, &parts);
    finding->fixes = choose_all(engine, finding->rule->fix, &parts);
    finding->supports = choose_all(engine, finding->rule->supports, &parts);
    finding->contradicts = choose_all(engine, finding->rule->contradicts, &parts);
    finding->confidence = weighed(finding);
}

static void make_finding(struct engine *engine, const struct told *told)
{
    struct finding finding = { .rule = told->rule, .shift = told->shift, .same_client = true, .same_server = true };
    finding.connections = arena_alloc(&engine->arena, (told->count + 1) * sizeof *finding.connections);
    struct member *members = malloc((2 * told->count + 1) * sizeof *members);
    if (finding.connections == NULL || members == NULL || !VEC_ROOM(&engine->findings)) {
        engine->failed = true;
        free(members);
        return;
    }
    take_connections(engine, told, &finding);
    if (finding.entries > 0) {
        tell_finding(engine, told, &finding, members);
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

/* Does the finding show that timer, or none? */
static bool same_timer(const struct finding *finding, const struct deadline *timer)
{
    for (size_t t = 0; t < finding->timer_count; t++) {
        int64_t apart = finding->timers[t].deadline.cluster.median_ns - timer->cluster.median_ns;
        if (apart <= DEADLINE_TOLERANCE_MAX_NS && apart >= -DEADLINE_TOLERANCE_MAX_NS)
            return true;
    }
    return finding->timer_count == 0;
}

/* Is `timer` what stands behind `finding`? It is information about a timer, and `finding`, of the same
 * server, explains its rule where they meet on one connection. */
static bool stands_behind(const struct finding *timer, size_t rule, const struct finding *finding)
{
    return finding->rule->severity > SEVERITY_INFO && finding->behind == NULL &&
           rule_bits_has(&finding->rule->explains, rule) &&
           same_timer(finding, &timer->timers[0].deadline);
}

/* The findings of a server are looked at up to here: a scan makes thousands. */
#define FOLD_AMONG 64

/* One story, not two findings: within one server's, the worst that fits takes the timer. */
static size_t fold_timers(struct engine *engine, struct finding *of_server, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t f = kept, rule = 0;
        if (of_server[i].rule->severity == SEVERITY_INFO && of_server[i].timer_count > 0) {
            while (engine->rules->items[rule] != of_server[i].rule)
                rule++;
            size_t among = kept < FOLD_AMONG ? kept : FOLD_AMONG;
            for (f = 0; f < among && !stands_behind(&of_server[i], rule, &of_server[f]); f++)
                continue;
            if (f == among)
                f = kept;
        }
        struct finding *copy = f < kept ? arena_alloc(&engine->arena, sizeof *copy) : NULL;
        engine->failed |= f < kept && copy == NULL;
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
    for (size_t i = 0; i < engine->told.count; i++)
        make_finding(engine, &engine->told.items[i]);
    if (engine->findings.count == 0)
        return;
    fold_all_timers(engine);
    qsort(engine->findings.items, engine->findings.count, sizeof *engine->findings.items,
          worst_first);
}
