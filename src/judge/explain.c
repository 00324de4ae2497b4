#include <stdlib.h>

#include "base/vec.h"
#include "judge/engine_private.h"
#include "judge/twins.h"

/* What is known of a connection that some rule flags. */
struct judged {
    struct rule_set_bits flagged, explained;
    struct rule_set_bits present; /* flagged, of all twins; valid in the one that came first */
    struct rule_set_bits before;  /* flagged, of twins that came earlier */
    const struct judged *first;   /* of the same connection on other addresses (twins.h), or itself; NULL: not looked for yet */
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

/* What is translated, once or more, is one connection: a rule that flags one side of it explains what another makes of the other. */
static void join_twins(void *context, struct record *first, struct record *twin)
{
    struct judged *a = first->judged, *b = twin->judged;
    (void)context;
    b->first = a;
    b->before = a->present;
    for (size_t w = 0; w < RULE_WORDS; w++)
        a->present.words[w] |= b->flagged.words[w];
}

static void find_twins(struct engine *engine)
{
    struct {
        struct record **items;
        size_t count, capacity;
    } flagged = { 0 };
    for (size_t i = 0; i < engine->told.count; i++)
        for (size_t j = 0; j < engine->told.items[i].count; j++) {
            struct record *record = engine->told.items[i].hits[j]->record;
            struct judged *judged = record->judged;
            if (judged == NULL || judged->first != NULL) /* once, though several rules flag it */
                continue;
            judged->first = judged;
            judged->present = judged->flagged;
            engine->failed |= !VEC_ROOM(&flagged);
            if (flagged.count < flagged.capacity)
                flagged.items[flagged.count++] = record;
        }
    engine->twins = twins_find(flagged.items, flagged.count, join_twins, NULL);
    free(flagged.items);
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
    find_twins(engine);
    for (size_t i = 0; i < engine->told.count; i++) {
        const struct told *told = &engine->told.items[i];
        for (size_t j = 0; j < told->count; j++) {
            struct judged *judged = told->hits[j]->record->judged;
            if (judged != NULL)
                judged->explained = explained_rules(engine->rules, &judged->first->present);
        }
    }
}

bool is_explained(const struct record *record, size_t rule)
{
    const struct judged *judged = record->judged;
    if (judged != NULL && rule_bits_has(&judged->before, rule))
        return true; /* told of another side */
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
