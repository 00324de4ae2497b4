#include "base/text.h"
#include "judge/engine_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "facts/peak.h"

static struct pool pool_new(struct engine *engine, size_t most)
{
    struct pool pool = { .hits = arena_alloc(&engine->arena, (most + 1) * sizeof(struct hit *)) };
    engine->failed |= pool.hits == NULL;
    return pool;
}

static void pool_add(struct pool *pool, struct hit *hit, unsigned shift)
{
    if (pool->hits == NULL)
        return;
    pool->hits[pool->count++] = hit;
    if (shift > pool->shift)
        pool->shift = shift;
}

struct pool pool_of(struct engine *engine, struct hit_group *group)
{
    struct pool pool = pool_new(engine, group->count);
    for (size_t i = 0; i < group->count; i++)
        pool_add(&pool, &group->items[i], group->shift);
    return pool;
}

static void tell(struct engine *engine, size_t rule, const struct pool *pool, const struct deadlines *deadlines,
                 const uint8_t *timer_of)
{
    if (!VEC_ROOM(&engine->told)) {
        engine->failed = true;
        return;
    }
    engine->told.items[engine->told.count++] = (struct told){
        .rule = engine->rules->items[rule],
        .index = rule,
        .hits = pool->hits,
        .count = pool->count,
        .shift = pool->shift,
        .deadlines = *deadlines,
        .timer_of = timer_of,
        .together = moments_of(&engine->moments, pool->hits, pool->count),
    };
}

/* ---- timers -------------------------------------------------------------------------------------- */

/* What ended at one moment with others is no timer's work. */
static void drop_moments(struct engine *engine, const struct record *const *records, uint8_t *of_record, size_t count,
                         struct deadlines *deadlines)
{
    for (size_t t = 0; t < deadlines->count;) {
        if (!moments_are_one(&engine->moments, records, of_record, count, (uint8_t)t)) {
            t++;
            continue;
        }
        for (size_t i = 0; i < count; i++)
            if (of_record[i] == t)
                of_record[i] = DEADLINE_NO_TIMER;
            else if (of_record[i] != DEADLINE_NO_TIMER && of_record[i] > t)
                of_record[i]--;
        deadlines->count--;
        memmove(&deadlines->items[t], &deadlines->items[t + 1], (deadlines->count - t) * sizeof *deadlines->items);
    }
}

/* Several exchanges of one connection are one close. */
const uint8_t *pool_timers(struct engine *engine, const struct rule *rule, const struct pool *pool, size_t groups,
                            struct deadlines *deadlines)
{
    uint8_t *timer_of = arena_alloc(&engine->arena, pool->count + 1);
    deadlines->count = 0;
    if (timer_of == NULL) {
        engine->failed = true;
        return NULL;
    }
    memset(timer_of, DEADLINE_NO_TIMER, pool->count);
    if (rule->timer_starts.count == 0)
        return timer_of;
    const struct record **records = malloc((pool->count + 1) * sizeof *records);
    uint8_t *of_record = malloc(pool->count + 1);
    size_t distinct = 0;
    for (size_t i = 0; records != NULL && i < pool->count; i++)
        if (i == 0 || pool->hits[i]->record != pool->hits[i - 1]->record)
            records[distinct++] = pool->hits[i]->record;
    if (records == NULL || of_record == NULL ||
        !deadlines_infer(records, distinct, &rule->timer_starts, groups, deadlines, of_record)) {
        engine->failed = true;
        deadlines->count = 0;
    } else {
        drop_moments(engine, records, of_record, distinct, deadlines);
        for (size_t i = 0, at = 0; i < pool->count; i++) {
            at += i > 0 && pool->hits[i]->record != pool->hits[i - 1]->record;
            timer_of[i] = of_record[at];
        }
    }
    free(records);
    free(of_record);
    return timer_of;
}

/* ---- does a group rule hold? ----------------------------------------------------------------------- */

static bool holds(struct engine *engine, const struct rule *rule, const struct pool *pool,
                  const struct deadline *deadline)
{
    static const struct deadline none = { .found = false };
    struct member *members = malloc((pool->count + 1) * sizeof *members);
    if (members == NULL || pool->hits == NULL) {
        engine->failed = true;
        free(members);
        return false;
    }
    for (size_t i = 0; i < pool->count; i++)
        members[i] = (struct member){ pool->hits[i]->record, pool->hits[i]->exchange };
    struct group group = { members, pool->count, deadline != NULL ? deadline : &none, pool->shift,
                           moments_of(&engine->moments, pool->hits, pool->count), &engine->failed };
    struct value v = expr_group_value(rule->when, &group);
    free(members);
    return v.state == VALUE_KNOWN && v.truth;
}

/* The most hits whose connections closed within such a time. */
static struct pool burst_of(struct engine *engine, const struct pool *pool, int64_t within)
{
    struct pool burst_pool = pool_new(engine, pool->count);
    int64_t *times = malloc((pool->count + 1) * sizeof *times);
    size_t known = 0;
    if (times == NULL) {
        engine->failed = true;
        return burst_pool;
    }
    for (size_t i = 0; i < pool->count; i++)
        if ((times[known] = record_closed_ns(pool->hits[i]->record)) != NS_ABSENT)
            known++;
    struct burst burst = burst_find(times, known, within);
    free(times);
    for (size_t i = 0; burst.count > 0 && i < pool->count; i++) {
        int64_t closed = record_closed_ns(pool->hits[i]->record);
        if (closed >= burst.first_ns && closed <= burst.last_ns)
            pool_add(&burst_pool, pool->hits[i], pool->shift);
    }
    return burst_pool;
}

/* A rule about all of a group. */
static void judge_whole(struct engine *engine, size_t index, struct hit_group *group, size_t groups)
{
    const struct rule *rule = engine->rules->items[index];
    struct pool pool = pool_of(engine, group);
    if (rule->within != NULL)
        pool = burst_of(engine, &pool, expr_value(rule->within, &(struct subject){ 0 }).ns);
    if (pool.count == 0)
        return;
    struct deadlines deadlines;
    const uint8_t *timer_of = pool_timers(engine, rule, &pool, groups, &deadlines);
    struct deadline main = deadlines_main(&deadlines, pool.count);
    if (timer_of != NULL && holds(engine, rule, &pool, &main))
        tell(engine, index, &pool, &deadlines, timer_of);
}

/* ---- rules about the connections of one timer --------------------------------------------------------
 *
 * Such a rule is judged on the connections of each timer by themselves. Clients of one program have the same setting
 * though each of them made but one or two connections: what a pair of client and server does not show, all clients of
 * the server may, or all servers of the client. */

/* Those that follow the timer, but for what is told already. */
static struct pool members_of(struct engine *engine, const struct pool *pool, const uint8_t *timer_of, uint8_t timer)
{
    struct pool members = pool_new(engine, pool->count);
    for (size_t i = 0; i < pool->count; i++)
        if (timer_of[i] == timer && pool->hits[i]->state != HIT_TOLD)
            pool_add(&members, pool->hits[i], pool->shift);
    return members;
}

static void tell_timer(struct engine *engine, size_t rule, const struct pool *members, const struct deadline *deadline)
{
    struct deadlines one = { .items = { *deadline }, .count = 1 };
    uint8_t *timer_of = arena_alloc(&engine->arena, members->count + 1); /* all follow the first */
    if (timer_of == NULL) {
        engine->failed = true;
        return;
    }
    for (size_t i = 0; i < members->count; i++)
        members->hits[i]->state = HIT_TOLD;
    tell(engine, rule, members, &one, timer_of);
}

/* What is found of one group, until it is clear whether a larger one tells it. */
struct candidates {
    struct pool pool;
    struct deadlines deadlines;
};

static void find_candidates(struct engine *engine, const struct rule *rule, struct hit_group *group, size_t tries,
                            struct candidates *c)
{
    c->pool = pool_of(engine, group);
    const uint8_t *timer_of = pool_timers(engine, rule, &c->pool, tries, &c->deadlines);
    for (size_t i = 0; timer_of != NULL && i < c->pool.count; i++)
        c->pool.hits[i]->timer = timer_of[i];
    for (size_t t = 0; timer_of != NULL && t < c->deadlines.count; t++) {
        struct pool members = members_of(engine, &c->pool, timer_of, (uint8_t)t);
        bool held = holds(engine, rule, &members, &c->deadlines.items[t]);
        for (size_t i = 0; held && i < members.count; i++)
            members.hits[i]->state = HIT_CANDIDATE;
    }
}

/* Do the hits tell more than their own groups do? */
static bool adds_to_groups(const struct pool *members)
{
    bool several = false, any_free = false;
    for (size_t i = 0; i < members->count; i++) {
        const struct record *a = members->hits[0]->record, *b = members->hits[i]->record;
        several |= memcmp(record_address(a, ROLE_CLIENT), record_address(b, ROLE_CLIENT), sizeof(struct ip_address)) ||
                   memcmp(record_address(a, ROLE_SERVER), record_address(b, ROLE_SERVER), sizeof(struct ip_address)) ||
                   record_port(a, ROLE_SERVER) != record_port(b, ROLE_SERVER);
        any_free |= members->hits[i]->state == HIT_FREE;
    }
    return several && any_free;
}

static int by_record(const void *a, const void *b)
{
    const struct hit *x = *(struct hit *const *)a, *y = *(struct hit *const *)b;
    if (x->record->id != y->record->id)
        return x->record->id < y->record->id ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* The timers of several groups together. */
static void judge_pooled(struct engine *engine, size_t index, struct hit_group *const *groups, size_t count, size_t tries)
{
    const struct rule *rule = engine->rules->items[index];
    size_t most = 0;
    for (size_t i = 0; i < count; i++)
        most += groups[i]->count;
    struct pool pool = pool_new(engine, most);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < groups[i]->count; j++)
            if (groups[i]->items[j].state != HIT_TOLD)
                pool_add(&pool, &groups[i]->items[j], groups[i]->shift);
    if (pool.count < 2)
        return;
    qsort(pool.hits, pool.count, sizeof *pool.hits, by_record);
    struct deadlines deadlines;
    const uint8_t *timer_of = pool_timers(engine, rule, &pool, tries, &deadlines);
    for (size_t t = 0; timer_of != NULL && t < deadlines.count; t++) {
        struct pool members = members_of(engine, &pool, timer_of, (uint8_t)t);
        if (adds_to_groups(&members) && holds(engine, rule, &members, &deadlines.items[t]))
            tell_timer(engine, index, &members, &deadlines.items[t]);
    }
}

typedef int compare_keys(const struct group_key *a, const struct group_key *b);

/* Runs of groups that agree in that; returns how many have more than one. With judge: these are judged. */
static size_t each_run(struct engine *engine, size_t index, struct hit_group *const *groups, size_t count,
                       compare_keys *compare, size_t tries, bool judge)
{
    size_t runs = 0;
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count && compare(&groups[start]->key, &groups[end]->key) == 0; end++)
            continue;
        if (end - start < 2)
            continue;
        runs++;
        if (judge)
            judge_pooled(engine, index, groups + start, end - start, tries);
    }
    return runs;
}

static int by_client(const void *a, const void *b)
{
    const struct group_key *x = &(*(struct hit_group *const *)a)->key, *y = &(*(struct hit_group *const *)b)->key;
    int order = compare_clients(x, y);
    return order != 0 ? order : compare_servers(x, y);
}

static void tell_candidates(struct engine *engine, size_t index, struct candidates *c)
{
    const struct rule *rule = engine->rules->items[index];
    for (size_t t = 0; t < c->deadlines.count; t++) {
        struct pool members = pool_new(engine, c->pool.count);
        for (size_t i = 0; i < c->pool.count; i++)
            if (c->pool.hits[i]->state == HIT_CANDIDATE && c->pool.hits[i]->timer == t)
                pool_add(&members, c->pool.hits[i], c->pool.shift);
        if (members.count > 0)
            tell_timer(engine, index, &members, &c->deadlines.items[t]);
    }
    if (c->deadlines.count > 0)
        return;
    /* No timer shows: what the rule says of connections without. */
    struct pool rest = pool_new(engine, c->pool.count);
    for (size_t i = 0; i < c->pool.count; i++)
        if (c->pool.hits[i]->state == HIT_FREE)
            pool_add(&rest, c->pool.hits[i], c->pool.shift);
    static const struct deadlines none = { .count = 0 };
    if (rest.count == 0 || !holds(engine, rule, &rest, NULL))
        return;
    uint8_t *timer_of = arena_alloc(&engine->arena, rest.count + 1);
    if (timer_of == NULL) {
        engine->failed = true;
        return;
    }
    memset(timer_of, DEADLINE_NO_TIMER, rest.count);
    tell(engine, index, &rest, &none, timer_of);
}

static void judge_timers(struct engine *engine, size_t index, struct hit_group **groups, size_t count, size_t tries)
{
    const struct rule *rule = engine->rules->items[index];
    struct candidates *candidates = arena_alloc(&engine->arena, count * sizeof *candidates);
    struct hit_group **by_clients = arena_alloc(&engine->arena, count * sizeof *by_clients);
    if (candidates == NULL || by_clients == NULL) {
        engine->failed = true;
        return;
    }
    size_t servers = 0, clients = 0;
    if (rule->per_client) {
        memcpy(by_clients, groups, count * sizeof *by_clients);
        qsort(by_clients, count, sizeof *by_clients, by_client);
        servers = each_run(engine, index, groups, count, compare_servers, 0, false);
        clients = each_run(engine, index, by_clients, count, compare_clients, 0, false);
        tries += servers + clients;
    }
    for (size_t i = 0; i < count; i++)
        find_candidates(engine, rule, groups[i], tries, &candidates[i]);
    if (servers > 0)
        each_run(engine, index, groups, count, compare_servers, tries, true);
    if (clients > 0)
        each_run(engine, index, by_clients, count, compare_clients, tries, true);
    for (size_t i = 0; i < count; i++)
        tell_candidates(engine, index, &candidates[i]);
}

/* ---- all rules ------------------------------------------------------------------------------------- */

static void note_strays(struct engine *engine, struct record *record)
{
    const struct stray *first;
    record->misaddressed = (uint32_t)strays_of(&engine->strays, record, &first);
    if (first == NULL)
        return;
    struct strbuf from = { 0 };
    text_endpoint(&from, first->from.bytes, first->from_port, first->ipv6);
    record->misaddressed_from = arena_strdup(&engine->arena, strbuf_text(&from));
    engine->failed |= from.failed || record->misaddressed_from == NULL;
    strbuf_free(&from);
    record->stray = first->mark;
}

/* Does the rule still hold for it, now that all connections are known? alike: that it flags so many. */
static bool is_confirmed(struct engine *engine, const struct rule *rule, const struct hit *hit, uint32_t alike)
{
    struct record *record = hit->record;
    const struct subject subject = { record, hit->exchange, NULL };
    record->server_answered = groups_server_count(&engine->groups, record, SERVER_ANSWERED);
    record->server_one_way = groups_server_count(&engine->groups, record, SERVER_ONE_WAY);
    record->server_http = groups_server_count(&engine->groups, record, SERVER_HTTP);
    record->server_tls = groups_server_count(&engine->groups, record, SERVER_TLS);
    note_strays(engine, record);
    record->alike = alike;
    struct value v = expr_value(rule->confirm, &subject);
    if (v.state == VALUE_UNKNOWN)
        note_undecided(engine, rule, v.because, record->id);
    return v.state == VALUE_KNOWN && v.truth;
}

static struct pool confirmed(struct engine *engine, const struct rule *rule, const struct pool *pool)
{
    struct pool left = pool_new(engine, pool->count);
    if (rule->scope == SCOPE_EXCHANGE) {
        for (size_t i = 0; i < pool->count; i++)
            server_timers_tell(&engine->server_timers, pool->hits[i]->record, pool->hits[i]->exchange);
        server_timers_doubt(pool->hits, pool->count);
    }
    for (size_t i = 0; i < pool->count; i++)
        if (is_confirmed(engine, rule, pool->hits[i], (uint32_t)pool->count << pool->shift))
            pool_add(&left, pool->hits[i], pool->shift);
    return left;
}

static void confirm_group(struct engine *engine, const struct rule *rule, struct hit_group *group)
{
    uint32_t alike = (uint32_t)group->count << group->shift;
    size_t kept = 0;
    for (size_t i = 0; i < group->count; i++)
        if (is_confirmed(engine, rule, &group->items[i], alike))
            group->items[kept++] = group->items[i];
    group->count = kept;
}

static void judge_rule(struct engine *engine, size_t index, struct hit_group **groups, size_t count)
{
    const struct rule *rule = engine->rules->items[index];
    for (size_t i = 0; i < count && rule->scope == SCOPE_GROUP && rule->confirm != NULL; i++)
        confirm_group(engine, rule, groups[i]);
    size_t tries = 0; /* of one connection nobody can tell a timer */
    for (size_t i = 0; i < count; i++)
        tries += groups[i]->count > 1;
    if (rule->scope == SCOPE_GROUP && rule->deadline_only) {
        judge_timers(engine, index, groups, count, tries);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (rule->scope == SCOPE_GROUP) {
            judge_whole(engine, index, groups[i], tries);
            continue;
        }
        struct pool pool = pool_of(engine, groups[i]);
        if (rule->confirm != NULL)
            pool = confirmed(engine, rule, &pool);
        struct deadlines deadlines;
        const uint8_t *timer_of = pool_timers(engine, rule, &pool, tries, &deadlines);
        if (timer_of != NULL && pool.count > 0)
            tell(engine, index, &pool, &deadlines, timer_of);
    }
}

void judge_groups(struct engine *engine)
{
    size_t count;
    struct hit_group **groups = groups_sorted(&engine->groups, &engine->arena, &count);
    if (groups == NULL) {
        engine->failed = true;
        return;
    }
    engine->failed |= !moments_note(&engine->moments, groups, count);
    server_timers_learn(engine, groups, count);
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count && groups[end]->key.rule == groups[start]->key.rule; end++)
            continue;
        judge_rule(engine, groups[start]->key.rule, groups + start, end - start);
    }
    moments_free(&engine->moments);
}
