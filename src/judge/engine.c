#include "judge/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "judge/engine_private.h"
#include "track/usual.h"

struct engine *engine_new(const struct rules *rules, struct err *err)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        err_no_memory(err);
        return NULL;
    }
    engine->rules = rules;
    for (size_t i = 0; i < rules->count; i++) {
        rule_bits_add(&engine->all, i);
        if (rules->items[i]->scope == SCOPE_EXCHANGE)
            rule_bits_add(&engine->exchange_rules, i);
        if (rules->items[i]->scope == SCOPE_EXCHANGE && rules->items[i]->judges_open)
            rule_bits_add(&engine->early_rules, i);
    }
    if (!groups_init(&engine->groups, rules) ||
        !guards_init(&engine->guards, rules, &engine->all, SCOPE_CONNECTION) ||
        !guards_init(&engine->exchange_guards, rules, &engine->exchange_rules, SCOPE_EXCHANGE)) {
        engine_free(engine);
        err_no_memory(err);
        return NULL;
    }
    return engine;
}

/* ---- judging ----------------------------------------------------------------------------- */

void note_undecided(struct engine *engine, const struct rule *rule, const char *because,
                    uint64_t record_id)
{
    for (size_t i = 0; i < engine->undecided.count; i++) {
        struct undecided *u = &engine->undecided.items[i];
        if (u->rule == rule && u->because == because) {
            u->connections += u->last_record != record_id;
            u->last_record = record_id;
            return;
        }
    }
    if (!VEC_ROOM(&engine->undecided)) {
        engine->failed = true;
        return;
    }
    engine->undecided.items[engine->undecided.count++] =
        (struct undecided){ rule, because, 1, record_id };
}

static const char too_many_exchanges[] = "so many exchanges of one connection came into question that others were left out (limit)";

static void add_hit(struct engine *engine, size_t rule, struct record *record, const struct exchange_facts *exchange,
                    bool background)
{
    if (!groups_add(&engine->groups, rule, record, exchange, background))
        note_undecided(engine, engine->rules->items[rule], too_many_exchanges, record->id);
}

static bool is_empty(const struct rule_set_bits *rules)
{
    uint64_t any = 0;
    for (size_t word = 0; word < RULE_WORDS; word++)
        any |= rules->words[word];
    return any == 0;
}

/* Does the rule's condition hold? Notes what nobody can know. */
static bool holds(struct engine *engine, const struct rule *rule, const struct subject *subject)
{
    struct value v = expr_value(rule->scope == SCOPE_GROUP ? rule->members : rule->when, subject);
    if (v.state == VALUE_UNKNOWN)
        note_undecided(engine, rule, v.because, subject->record->id);
    return v.state == VALUE_KNOWN && v.truth;
}

/* Takes out the rules that hold for nothing usual. */
static void drop_unusual(struct rule_set_bits *rules, const struct guards *guards)
{
    for (size_t word = 0; word < RULE_WORDS; word++)
        rules->words[word] &= ~guards->words[word].unusual;
}

static void drop(struct rule_set_bits *rules, const struct rule_set_bits *others)
{
    for (size_t word = 0; word < RULE_WORDS; word++)
        rules->words[word] &= ~others->words[word];
}

/* Exchanges are judged when they are complete, by rules that ask for nothing that only their connection's
 * end tells: is one flagged? It counts when its connection is over and has a record. */
static enum interest on_exchange(void *context, const struct record *open, const struct exchange_facts *facts)
{
    struct engine *engine = context;
    struct rule_set_bits rules = engine->early_rules;
    enum interest interest = INTEREST_NONE;
    if (facts->usual)
        drop_unusual(&rules, &engine->exchange_guards);
    const struct subject subject = { open, facts, NULL };
    for (size_t word = 0; word < RULE_WORDS; word++) {
        uint64_t left = rules.words[word];
        if (left != 0)
            left = guards_ask(&engine->exchange_guards.words[word], left, &subject).left;
        for (; left != 0; left &= left - 1) {
            struct value v = expr_value(engine->rules->items[rule_bits_first(word, left)]->when, &subject);
            if (v.state == VALUE_KNOWN && v.truth)
                return INTEREST_FLAGGED;
            if (v.state == VALUE_UNKNOWN)
                interest = INTEREST_UNDECIDED;
        }
    }
    return interest;
}

static void judge_exchange(struct engine *engine, struct record *record, const struct exchange_facts *facts,
                           struct rule_set_bits rules)
{
    if (facts->usual)
        drop_unusual(&rules, &engine->exchange_guards);
    if (is_empty(&rules))
        return;
    const struct subject subject = { record, facts, NULL };
    for (size_t word = 0; word < RULE_WORDS; word++) {
        uint64_t left = rules.words[word];
        if (left != 0)
            left = guards_ask(&engine->exchange_guards.words[word], left, &subject).left;
        for (; left != 0; left &= left - 1) {
            size_t rule = rule_bits_first(word, left);
            if (holds(engine, engine->rules->items[rule], &subject))
                add_hit(engine, rule, record, facts, false);
        }
    }
}

/* The rules on the exchanges of a connection that is over. `rules`: those that the connection's facts leave. */
static void judge_exchanges(struct engine *engine, struct record *record, const struct rule_set_bits *rules)
{
    for (const struct exchange_record *e = record->exchange_list; e != NULL; e = e->next) {
        struct rule_set_bits asked = *rules;
        bool settled = e->place == EXCHANGE_LAST && e->facts.exchange->settled;
        if (settled) /* these were asked when it was */
            drop(&asked, &engine->early_rules);
        judge_exchange(engine, record, &e->facts, e->place == EXCHANGE_EARLIER ? engine->early_rules : asked);
    }
}

/* held: the guards know already that the condition holds. */
static void judge_connection(struct engine *engine, size_t index, bool held, struct record *record)
{
    const struct rule *rule = engine->rules->items[index];
    const struct subject subject = { record, NULL, NULL };
    if (!held && !holds(engine, rule, &subject))
        return;
    bool listed = true;
    if (rule->scope == SCOPE_GROUP && rule->lists != NULL) {
        struct value v = expr_value(rule->lists, &subject);
        listed = v.state == VALUE_KNOWN && v.truth;
    }
    add_hit(engine, index, record, NULL, !listed);
}

static void count_for_server(struct engine *engine, const struct record *record)
{
    bool answered = record->exchanges > 0;
    unsigned counts = (unsigned)answered << SERVER_ANSWERED | (unsigned)record->one_way << SERVER_ONE_WAY |
                      (unsigned)(answered && record->tls_handshake == TLS_HANDSHAKE_NONE &&
                                 (record->protocol == PROTOCOL_HTTP1 || record->protocol == PROTOCOL_HTTP2)) << SERVER_HTTP |
                      (unsigned)(record->tls_answer == TLS_ANSWER_TLS) << SERVER_TLS;
    groups_count_server(&engine->groups, record, counts);
}

static void on_connection(void *context, struct record *record)
{
    struct engine *engine = context;
    const struct subject subject = { record, NULL, NULL };
    struct rule_set_bits rules = engine->all;
    count_for_server(engine, record);
    strays_note(&engine->strays, record);
    if (usual_connection(record))
        drop_unusual(&rules, &engine->guards);
    if (record->exchange_list == NULL)
        drop(&rules, &engine->exchange_rules);
    for (size_t word = 0; word < RULE_WORDS; word++) {
        if (rules.words[word] == 0)
            continue;
        struct guard_answer answer =
            guards_ask(&engine->guards.words[word], rules.words[word], &subject);
        rules.words[word] = answer.left & engine->exchange_rules.words[word];
        uint64_t left = answer.left & ~engine->exchange_rules.words[word];
        for (; left != 0; left &= left - 1) {
            size_t rule = rule_bits_first(word, left);
            judge_connection(engine, rule, answer.held >> rule % 64 & 1, record);
        }
    }
    judge_exchanges(engine, record, &rules);
}

struct tracker_sink engine_sink(struct engine *engine)
{
    struct rule_set_bits early = engine->early_rules, late = engine->exchange_rules;
    drop_unusual(&early, &engine->exchange_guards);
    drop_unusual(&late, &engine->exchange_guards);
    drop_unusual(&late, &engine->guards);
    return (struct tracker_sink){ on_exchange, on_connection, engine, !is_empty(&early), !is_empty(&late) };
}

/* ---- parts ------------------------------------------------------------------------------- */

static bool merge_undecided(struct engine *engine, const struct engine *other)
{
    for (size_t i = 0; i < other->undecided.count; i++) {
        const struct undecided *more = &other->undecided.items[i];
        size_t at = 0;
        while (at < engine->undecided.count &&
               (engine->undecided.items[at].rule != more->rule ||
                engine->undecided.items[at].because != more->because))
            at++;
        if (at < engine->undecided.count) {
            engine->undecided.items[at].connections += more->connections;
            continue;
        }
        if (!VEC_ROOM(&engine->undecided))
            return false;
        engine->undecided.items[engine->undecided.count++] = *more;
    }
    return true;
}

bool engine_merge(struct engine *engine, struct engine *other, struct err *err)
{
    engine->failed |= other->failed || !merge_undecided(engine, other);
    groups_merge(&engine->groups, &other->groups);
    strays_merge(&engine->strays, &other->strays);
    return (!engine->failed && !engine->groups.failed) || err_no_memory(err);
}

static int compare_undecided(const void *a, const void *b)
{
    const struct undecided *x = a, *y = b;
    int order = strcmp(x->rule->id, y->rule->id);
    return order != 0 ? order : strcmp(x->because, y->because);
}

bool engine_finish(struct engine *engine, struct err *err)
{
    strays_sort(&engine->strays);
    engine->failed |= engine->strays.failed;
    judge_groups(engine);
    if (engine->undecided.count > 0)
        qsort(engine->undecided.items, engine->undecided.count, sizeof *engine->undecided.items,
              compare_undecided);
    explain_begin(engine);
    make_findings(engine);
    return (!engine->failed && !engine->groups.failed) || err_no_memory(err);
}

const struct finding *engine_findings(const struct engine *engine, size_t *count)
{
    *count = engine->findings.count;
    return engine->findings.items;
}

const struct choice *const *engine_chosen(const struct engine *engine, size_t *count)
{
    *count = engine->chosen.count;
    return engine->chosen.items;
}

size_t engine_twins(const struct engine *engine)
{
    return engine->twins;
}

const struct undecided *engine_undecided(const struct engine *engine, size_t *count)
{
    *count = engine->undecided.count;
    return engine->undecided.items;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    arena_free(&engine->arena);
    guards_free(&engine->guards);
    guards_free(&engine->exchange_guards);
    groups_free(&engine->groups);
    free(engine->server_timers.items);
    strays_free(&engine->strays);
    free(engine->told.items);
    free(engine->chosen.items);
    free(engine->findings.items);
    free(engine->undecided.items);
    free(engine);
}
