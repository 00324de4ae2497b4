#include "cli/texts_told.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/vec.h"

static bool is_told(const struct texts_told *told, const struct choice *choice)
{
    for (size_t i = 0; i < told->count; i++)
        if (told->items[i] == choice)
            return true;
    return false;
}

void texts_told_add(struct texts_told *told, const struct engine *engine)
{
    size_t count;
    const struct choice *const *chosen = engine_chosen(engine, &count);
    for (size_t i = 0; i < count; i++) {
        if (is_told(told, chosen[i]))
            continue;
        if (!VEC_ROOM(told)) {
            told->failed = true;
            return;
        }
        told->items[told->count++] = chosen[i];
    }
}

static size_t missing(const struct texts_told *told, const struct rule *rule, const char *key, const struct choice *choices)
{
    size_t count = 0;
    for (const struct choice *c = choices; c != NULL; c = c->next) {
        if (is_told(told, c))
            continue;
        printf("NOT TOLD %s, line %u: no case reaches this '%s'\n", rule->id, c->line, key);
        count++;
    }
    return count;
}

size_t texts_told_missing(const struct texts_told *told, const struct rules *rules)
{
    size_t count = 0;
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->items[i];
        count += missing(told, rule, "what", rule->what) + missing(told, rule, "cause", rule->cause) +
                 missing(told, rule, "fix", rule->fix) + missing(told, rule, "supports", rule->supports) +
                 missing(told, rule, "contradicts", rule->contradicts);
    }
    return count;
}

void texts_told_free(struct texts_told *told)
{
    free(told->items);
}
