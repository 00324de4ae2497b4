#include "judge/hits.h"

#include <stdlib.h>
#include <string.h>

#include "facts/peak.h"

int compare_ends(const struct record *a, const struct record *b, enum end_role role,
                        bool with_port)
{
    if (a->tuple.ipv6 != b->tuple.ipv6)
        return a->tuple.ipv6 - b->tuple.ipv6;
    int order = memcmp(record_address(a, role)->bytes, record_address(b, role)->bytes, 16);
    if (order != 0 || !with_port)
        return order;
    return (int)record_port(a, role) - (int)record_port(b, role);
}

static bool same_group(const struct rules *rules, const struct hit *a, const struct hit *b)
{
    return a->rule == b->rule && a->timer == b->timer &&
           compare_ends(a->record, b->record, ROLE_SERVER, true) == 0 &&
           (!rules->items[a->rule]->per_client ||
            compare_ends(a->record, b->record, ROLE_CLIENT, false) == 0);
}

static int by_record(const struct hit *a, const struct hit *b)
{
    if (a->record->id != b->record->id)
        return a->record->id < b->record->id ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

/* Rule, server, record: the grouping of rules that do not tell clients apart. */
static int by_server(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->rule != y->rule)
        return (int)x->rule - (int)y->rule;
    int order = compare_ends(x->record, y->record, ROLE_SERVER, true);
    return order != 0              ? order
           : x->timer != y->timer ? (int)x->timer - (int)y->timer
                                  : by_record(x, y);
}

/* Rule, server, client, record. */
static int by_pair(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->rule != y->rule)
        return (int)x->rule - (int)y->rule;
    int order = compare_ends(x->record, y->record, ROLE_SERVER, true);
    if (order == 0)
        order = compare_ends(x->record, y->record, ROLE_CLIENT, false);
    return order != 0              ? order
           : x->timer != y->timer ? (int)x->timer - (int)y->timer
                                  : by_record(x, y);
}

static int by_record_only(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    return by_record(x, y);
}

/* Length of the group that begins at `start` in the sorted hits. */
size_t group_length(const struct engine *engine, size_t start)
{
    const struct hit *hits = engine->hits.items;
    size_t end = start + 1;
    while (end < engine->hits.count && same_group(engine->rules, &hits[start], &hits[end]))
        end++;
    return end - start;
}

/* Sorts hits so that groups stand together. */
void sort_groups(struct engine *engine)
{
    struct hit *hits = engine->hits.items;
    size_t count = engine->hits.count;
    if (count == 0)
        return;
    qsort(hits, count, sizeof *hits, by_server);
    for (size_t start = 0; start < count;) {
        size_t end = start;
        while (end < count && hits[end].rule == hits[start].rule)
            end++;
        if (engine->rules->items[hits[start].rule]->per_client)
            qsort(hits + start, end - start, sizeof *hits, by_pair);
        start = end;
    }
}

struct deadline group_deadline(struct engine *engine, const struct rule *rule,
                                      const struct hit *hits, size_t count)
{
    struct deadline deadline = { 0 };
    if (rule->references.count == 0)
        return deadline;
    const struct record **records = malloc(count * sizeof *records);
    int64_t *times = malloc(count * sizeof *times);
    if (records == NULL || times == NULL) {
        engine->failed = true;
    } else {
        size_t distinct = 0; /* several exchanges of one connection are one close */
        for (size_t i = 0; i < count; i++)
            if (i == 0 || hits[i].record != hits[i - 1].record)
                records[distinct++] = hits[i].record;
        deadline = deadline_infer(records, distinct, &rule->references, times);
    }
    free(records);
    free(times);
    return deadline;
}

static struct member *members_of(struct engine *engine, const struct hit *hits, size_t count)
{
    struct member *members = malloc(count * sizeof *members);
    if (members == NULL)
        engine->failed = true;
    for (size_t i = 0; members != NULL && i < count; i++)
        members[i] = (struct member){ hits[i].record, hits[i].exchange };
    return members;
}

/* Does a group rule hold for its members? */
static bool group_holds(struct engine *engine, const struct rule *rule, const struct hit *hits,
                        size_t count, const struct deadline *deadline)
{
    struct member *members = members_of(engine, hits, count);
    if (members == NULL)
        return false;
    struct group group = { members, count, deadline };
    struct value v = expr_group_value(rule->when, &group);
    free(members);
    return v.state == VALUE_KNOWN && v.truth;
}

/* Moves the members that the timer explains to the front; returns how many. */
static size_t narrow_down(struct hit *hits, size_t count, const struct deadline *deadline)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t since = record_since(hits[i].record, deadline->from);
        if (since < deadline->cluster.low_ns || since > deadline->cluster.high_ns)
            continue;
        struct hit other = hits[kept];
        hits[kept++] = hits[i];
        hits[i] = other;
    }
    return kept;
}

/* Moves the most members that closed within such a time to the front; returns how many. */
static size_t narrow_to_burst(struct engine *engine, struct hit *hits, size_t count, int64_t within)
{
    int64_t *times = malloc(count * sizeof *times);
    size_t known = 0, kept = 0;
    if (times == NULL) {
        engine->failed = true;
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        if ((times[known] = record_closed_ns(hits[i].record)) != NS_ABSENT)
            known++;
    struct burst burst = burst_find(times, known, within);
    free(times);
    for (size_t i = 0; burst.count > 0 && i < count; i++) {
        int64_t closed = record_closed_ns(hits[i].record);
        if (closed >= burst.first_ns && closed <= burst.last_ns)
            hits[kept++] = hits[i];
    }
    return kept;
}

/* Judges a group rule on its members and moves those for which it holds to the front; returns how many.
 * Where a rule is about the connections of one timer only, it is judged on these, and the others may be
 * another timer's. */
static size_t judge_group(struct engine *engine, const struct rule *rule, struct hit *hits,
                          size_t count)
{
    size_t kept = 0;
    if (rule->within != NULL)
        count = narrow_to_burst(engine, hits, count,
                                expr_value(rule->within, &(struct subject){ 0 }).ns);
    for (uint8_t timer = 0; timer < DEADLINE_MOST_TIMERS && kept < count; timer++) {
        struct deadline *deadline = arena_alloc(&engine->arena, sizeof *deadline);
        if (deadline == NULL) {
            engine->failed = true;
            return 0;
        }
        size_t members = count - kept;
        *deadline = group_deadline(engine, rule, hits + kept, members);
        bool narrow = deadline->found && rule->deadline_only;
        if (narrow)
            members = narrow_down(hits + kept, members, deadline);
        if ((timer > 0 && !narrow) || !group_holds(engine, rule, hits + kept, members, deadline))
            break;
        for (size_t i = kept; i < kept + members; i++) {
            hits[i].deadline = deadline;
            hits[i].timer = timer;
        }
        kept += members;
        if (!narrow)
            break;
    }
    return kept;
}

/* Drops the members of group rules that do not hold. */
void judge_groups(struct engine *engine)
{
    struct hit *hits = engine->hits.items;
    size_t kept = 0;
    for (size_t start = 0; start < engine->hits.count;) {
        size_t length = group_length(engine, start), members = length;
        const struct rule *rule = engine->rules->items[hits[start].rule];
        if (rule->scope == SCOPE_GROUP)
            members = judge_group(engine, rule, hits + start, length);
        memmove(hits + kept, hits + start, members * sizeof *hits);
        kept += members;
        start += length;
    }
    engine->hits.count = kept;
}

/* Of the rules that hit one connection: which ones are explained by others? The more severe tell first,
 * and what is explained explains nothing, so that two rules cannot explain each other away. */
static struct rule_set_bits explained_rules(const struct rules *rules,
                                            const struct rule_set_bits *present)
{
    struct rule_set_bits explained = { { 0 } };
    for (int severity = SEVERITY_ERROR; severity >= SEVERITY_INFO; severity--)
        for (size_t i = 0; i < rules->count; i++) {
            const struct rule *rule = rules->items[i];
            if (rule->severity != (enum severity)severity || !rule_bits_has(present, i) ||
                rule_bits_has(&explained, i))
                continue;
            for (size_t w = 0; w < RULES_MAX / 64; w++)
                explained.words[w] |= rule->explains.words[w] & present->words[w];
        }
    return explained;
}

/* One incident is told once. */
void explain_hits(struct engine *engine)
{
    struct hit *hits = engine->hits.items;
    if (engine->hits.count == 0)
        return;
    qsort(hits, engine->hits.count, sizeof *hits, by_record_only);
    for (size_t start = 0; start < engine->hits.count;) {
        size_t end = start;
        struct rule_set_bits present = { { 0 } };
        for (; end < engine->hits.count && hits[end].record == hits[start].record; end++)
            if (!hits[end].background)
                rule_bits_add(&present, hits[end].rule);
        struct rule_set_bits explained = explained_rules(engine->rules, &present);
        for (size_t i = start; i < end; i++) {
            hits[i].explained = rule_bits_has(&explained, hits[i].rule);
            const struct rule *rule = engine->rules->items[hits[i].rule];
            for (size_t w = 0; w < RULES_MAX / 64 && !hits[i].explained; w++)
                hits[i].also.words[w] = rule->explains.words[w] & explained.words[w];
        }
        start = end;
    }
}
