#include "judge/engine_private.h"

/* What is known of a connection that some rule flags. */
struct judged {
    struct rule_set_bits present, explained;
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

void explain_begin(struct engine *engine)
{
    for (size_t i = 0; i < engine->told.count; i++) {
        const struct told *told = &engine->told.items[i];
        for (size_t j = 0; j < told->count; j++) {
            struct judged *judged = told->hits[j]->background ? NULL : judged_of(engine, told->hits[j]->record);
            if (judged != NULL)
                rule_bits_add(&judged->present, told->index);
        }
    }
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
