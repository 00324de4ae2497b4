#include <stdlib.h>

#include "judge/engine_private.h"
#include "judge/twins.h"

/* What is known of a connection that some rule flags. */
struct judged {
    struct rule_set_bits flagged, present, explained; /* present: flagged, of both twins */
    bool collected;
    const struct judged *twin; /* the same connection on other addresses (twins.h), which came first; NULL: there is none */
};

/* Of the rules that hit one connection: which ones are explained by others? The more severe tell first,
 * and what is explained explains nothing, so that two rules cannot explain each other away. */
static struct rule_set_bits explained_rules(const struct rules *rules, const struct rule_set_bits *present)
{
    struct rule_set_bits explained = { { 0 } };
    for (int severity = SEVERITY_ERROR; severity >= SEVERITY_INFO; severity--)
        for (size_t w = 0; w < RULE_WORDS; w++)
            for (uint64_t left = present->words[w]; left != 0; left &= left - 1) {
                size_t i = rule_bits_first(w, left);
                const struct rule *rule = rules->items[i];
                if (rule->severity != (enum severity)severity || rule_bits_has(&explained, i))
                    continue;
                for (size_t v = 0; v < RULE_WORDS; v++)
                    explained.words[v] |= rule->explains.words[v] & present->words[v];
            }
    return explained;
}

static struct judged *judged_of(struct engine *engine, struct record *record)
{
    if (record->judged == NULL && (record->judged = arena_alloc(&engine->arena, sizeof(struct judged))) == NULL)
        engine->failed = true;
    return record->judged;
}

/* Both halves of a translated connection are one: a rule that flags one of them explains what another makes of the other. */
static void join_twins(void *context, struct record *first, struct record *twin)
{
    struct judged *a = first->judged, *b = twin->judged;
    (void)context;
    b->twin = a;
    for (size_t w = 0; w < RULE_WORDS; w++)
        a->present.words[w] = b->present.words[w] |= a->present.words[w];
}

static bool collect(struct record ***records, size_t *count, size_t *room, struct record *record)
{
    if (*count == *room) {
        *room = *room == 0 ? 256 : 2 * *room;
        struct record **more = realloc(*records, *room * sizeof *more);
        if (more == NULL)
            return false;
        *records = more;
    }
    (*records)[(*count)++] = record;
    return true;
}

static void spread_flags(struct engine *engine)
{
    for (size_t i = 0; i < engine->told.count; i++)
        for (size_t j = 0; j < engine->told.items[i].count; j++) {
            struct judged *judged = engine->told.items[i].hits[j]->record->judged;
            if (judged != NULL)
                judged->present = judged->flagged;
        }
}

static void find_twins(struct engine *engine)
{
    struct record **records = NULL;
    size_t count = 0, room = 0;
    for (size_t i = 0; i < engine->told.count; i++)
        for (size_t j = 0; j < engine->told.items[i].count; j++) {
            struct record *record = engine->told.items[i].hits[j]->record;
            /* Once, though several rules flag it. */
            struct judged *judged = record->judged;
            if (judged == NULL || judged->collected)
                continue;
            judged->collected = true;
            if (!collect(&records, &count, &room, record)) {
                engine->failed = true;
                free(records);
                return;
            }
        }
    engine->twins = twins_find(records, count, join_twins, NULL);
    free(records);
}

void explain_begin(struct engine *engine)
{
    for (size_t i = 0; i < engine->told.count; i++) {
        const struct told *told = &engine->told.items[i];
        for (size_t j = 0; j < told->count; j++) {
            struct judged *judged = told->hits[j]->background ? NULL : judged_of(engine, told->hits[j]->record);
            if (judged != NULL)
                rule_bits_add(&judged->flagged, told->index);
        }
    }
    spread_flags(engine);
    find_twins(engine);
    for (size_t i = 0; i < engine->told.count; i++) {
        const struct told *told = &engine->told.items[i];
        for (size_t j = 0; j < told->count; j++) {
            struct judged *judged = told->hits[j]->record->judged;
            if (judged != NULL)
                judged->explained = explained_rules(engine->rules, &judged->present);
        }
    }
}

bool is_explained(const struct record *record, size_t rule)
{
    const struct judged *judged = record->judged;
    if (judged != NULL && judged->twin != NULL && rule_bits_has(&judged->twin->flagged, rule))
        return true; /* told of the other half */
    return judged != NULL && rule_bits_has(&judged->explained, rule);
}

struct rule_set_bits rules_explained_by(const struct engine *engine, const struct record *record, size_t rule)
{
    const struct judged *judged = record->judged;
    struct rule_set_bits also = { { 0 } };
    for (size_t w = 0; judged != NULL && w < RULE_WORDS; w++)
        also.words[w] = engine->rules->items[rule]->explains.words[w] & judged->explained.words[w];
    return also;
}
