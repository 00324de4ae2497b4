/*
 * rule_load - YAML -> struct rule, with errors that point into the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rule_source.h"
#include "lang/suggest.h"
#include "lang/template.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool take_text(struct loader *l, yaml_node_t *item, void *context)
{
    const struct text_list **end = context;
    while (*end != NULL)
        end = (const struct text_list **)&((struct text_list *)*end)->next;
    struct text_list *entry = arena_alloc(&l->rules->arena, sizeof *entry);
    if (entry == NULL)
        return err_no_memory(l->err);
    *end = entry;
    return source_text(l, item, &entry->text);
}

/* ---- expressions and texts -------------------------------------------------------------------- */

/* What a finding's texts may speak of: the group of its connections. */
static struct expr_context finding_context(const struct loader *l)
{
    return (struct expr_context){
        .scope = SCOPE_GROUP,
        .members = l->rule->scope == SCOPE_EXCHANGE ? SCOPE_EXCHANGE : SCOPE_CONNECTION,
        .parameters = l->rule->parameters,
    };
}

static bool compile_condition(struct loader *l, const yaml_node_t *node,
                              const struct expr_context *context, const struct expr **out)
{
    const char *source = source_scalar(node);
    if (source == NULL)
        return source_fail(l, node, "a condition is expected here");
    struct expr_error error = { 0 };
    *out = expr_compile(&l->rules->arena, source, context, &error);
    if (*out == NULL)
        return source_fail_expr(l, node, &error);
    if (expr_type(*out) != TYPE_BOOL)
        return source_fail(l, node, "this is a %s, not a condition",
                         value_type_name(expr_type(*out)));
    return true;
}

static bool compile_text(struct loader *l, const yaml_node_t *node, const struct template **out)
{
    const char *source = source_scalar(node);
    if (source == NULL || source[0] == '\0')
        return source_fail(l, node, "a text is expected here");
    struct expr_context context = finding_context(l);
    struct expr_error error = { 0 };
    size_t length = strlen(source); /* folded scalars end with a newline */
    while (length > 0 && strchr(" \n", source[length - 1]) != NULL)
        length--;
    const char *text = arena_strndup(&l->rules->arena, source, length);
    if (text == NULL)
        return err_no_memory(l->err);
    *out = template_compile(&l->rules->arena, text, &context, &error);
    return *out != NULL || source_fail_expr(l, node, &error);
}

/* A text, or {if: CONDITION, text: TEXT}. */
static bool take_choice(struct loader *l, yaml_node_t *item, void *context)
{
    const struct choice **end = context;
    while (*end != NULL)
        end = (const struct choice **)&((struct choice *)*end)->next;
    struct choice *choice = arena_alloc(&l->rules->arena, sizeof *choice);
    if (choice == NULL)
        return err_no_memory(l->err);
    *end = choice;
    choice->line = (unsigned)item->start_mark.line + 1;
    if (item->type != YAML_MAPPING_NODE)
        return compile_text(l, item, &choice->text);
    yaml_node_t *condition = source_key(l, item, "if"), *text = source_key(l, item, "text");
    if (text == NULL)
        return source_fail(l, item, "an entry has 'text', and 'if' before it where it depends");
    struct expr_context finding = finding_context(l);
    return (condition == NULL ||
            compile_condition(l, condition, &finding, &choice->condition)) &&
           compile_text(l, text, &choice->text);
}

/* ---- keys ---------------------------------------------------------------------------------- */

static bool load_choices(struct loader *l, yaml_node_t *node, const struct choice **choices)
{
    return source_each(l, node, take_choice, choices);
}

static bool load_word(struct loader *l, const yaml_node_t *node, const char *const *words,
                      size_t count, unsigned *index)
{
    const char *value = source_scalar(node);
    char list[160] = "";
    for (unsigned i = 0; i < count; i++) {
        if (value != NULL && strcmp(value, words[i]) == 0) {
            *index = i;
            return true;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", words[i]);
    }
    return source_fail(l, node, "one of these is expected here: %s", list);
}

static bool load_id(struct loader *l, yaml_node_t *node)
{
    const char *id = source_scalar(node);
    if (id == NULL || id[0] == '\0' ||
        id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
        return source_fail(l, node, "an id is made of a-z, 0-9 and '-'");
    return source_text(l, node, &l->rule->id);
}

static bool load_summary(struct loader *l, yaml_node_t *node)
{
    return source_text(l, node, &l->rule->summary);
}

static bool load_name(struct loader *l, yaml_node_t *node)
{
    const char *name = source_scalar(node);
    for (size_t i = 0; name != NULL && name[i] != '\0'; i++)
        if ((unsigned char)name[i] < ' ')
            return source_fail(l, node, "a name has no control characters");
    return source_text(l, node, &l->rule->name);
}

static bool load_severity(struct loader *l, yaml_node_t *node)
{
    static const char *const words[] = { "info", "warning", "error" };
    unsigned index;
    if (!load_word(l, node, words, COUNT(words), &index))
        return false;
    l->rule->severity = (enum severity)index;
    return true;
}

static bool load_scope(struct loader *l, yaml_node_t *node)
{
    static const char *const words[] = { "connection", "exchange", "group" };
    unsigned index;
    if (!load_word(l, node, words, COUNT(words), &index))
        return false;
    l->rule->scope = (enum scope)index;
    return true;
}

static bool load_per(struct loader *l, yaml_node_t *node)
{
    static const char *const words[] = { "server", "pair" };
    unsigned index;
    if (!load_word(l, node, words, COUNT(words), &index))
        return false;
    l->rule->per_client = index == 1;
    return true;
}

static bool load_split(struct loader *l, yaml_node_t *node)
{
    const char *name = source_scalar(node);
    const struct field *field = name != NULL ? field_find(name, strlen(name)) : NULL;
    if (field == NULL || (field->type != TYPE_ENUM && field->type != TYPE_STRING) || field->scope != SCOPE_CONNECTION)
        return source_fail(l, node, "a fact about a connection that is one of several names, or a text, is expected here");
    l->rule->split = field;
    return true;
}

static bool load_retry(struct loader *l, yaml_node_t *node)
{
    static const char *const words[] = { "none", "safe", "unsafe", "by-method" };
    unsigned index;
    if (!load_word(l, node, words, COUNT(words), &index))
        return false;
    l->rule->retry = (enum retry)index;
    return true;
}

static bool load_parameters(struct loader *l, yaml_node_t *node)
{
    if (node->type != YAML_MAPPING_NODE)
        return source_fail(l, node, "parameters are written as NAME: VALUE");
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = source_node(l, pair->key), *value = source_node(l, pair->value);
        struct parameter *parameter = arena_alloc(&l->rules->arena, sizeof *parameter);
        if (parameter == NULL)
            return err_no_memory(l->err);
        if (!source_text(l, key, &parameter->name))
            return false;
        if (field_find(parameter->name, strlen(parameter->name)) != NULL)
            return source_fail(l, key, "'%s' is the name of a field", parameter->name);
        const char *source = source_scalar(value);
        if (source == NULL)
            return source_fail(l, value, "a number, a duration, true or false is expected here");
        struct expr_error error = { 0 };
        if (!expr_constant(&l->rules->arena, source, &parameter->type, &parameter->value, &error))
            return source_fail_expr(l, value, &error);
        parameter->next = l->rule->parameters;
        l->rule->parameters = parameter;
    }
    return true;
}

static bool load_when(struct loader *l, yaml_node_t *node)
{
    struct expr_context context = finding_context(l);
    if (l->rule->scope != SCOPE_GROUP)
        context.scope = l->rule->scope;
    if (!compile_condition(l, node, &context, &l->rule->when))
        return false;
    l->rule->judges_open = expr_known_while_open(l->rule->when);
    return true;
}

static bool load_confirm(struct loader *l, yaml_node_t *node)
{
    enum scope scope = l->rule->scope == SCOPE_GROUP ? SCOPE_CONNECTION : l->rule->scope;
    struct expr_context context = { .scope = scope, .parameters = l->rule->parameters, .at_end = true };
    return compile_condition(l, node, &context, &l->rule->confirm);
}

static bool load_teaches(struct loader *l, yaml_node_t *node)
{
    static const char *const words[] = { "server-timers" };
    unsigned index;
    if (!load_word(l, node, words, COUNT(words), &index))
        return false;
    l->rule->teaches_timers = true;
    return true;
}

static bool load_members(struct loader *l, yaml_node_t *node)
{
    struct expr_context context = { .scope = SCOPE_CONNECTION,
                                    .parameters = l->rule->parameters };
    if (l->rule->scope != SCOPE_GROUP)
        return source_fail(l, node, "'members' is for rules with scope: group");
    return compile_condition(l, node, &context, &l->rule->members);
}

static bool load_within(struct loader *l, yaml_node_t *node)
{
    struct expr_context context = { .scope = SCOPE_CONNECTION, .constant = true,
                                    .parameters = l->rule->parameters };
    const char *source = source_scalar(node);
    if (l->rule->scope != SCOPE_GROUP)
        return source_fail(l, node, "'within' is for rules with scope: group");
    struct expr_error error = { 0 };
    l->rule->within = source == NULL ? NULL
                                     : expr_compile(&l->rules->arena, source, &context, &error);
    if (source != NULL && l->rule->within == NULL)
        return source_fail_expr(l, node, &error);
    if (l->rule->within == NULL || expr_type(l->rule->within) != TYPE_DURATION)
        return source_fail(l, node, "a duration is expected here, such as 2s");
    return true;
}

static bool load_lists(struct loader *l, yaml_node_t *node)
{
    struct expr_context context = { .scope = SCOPE_CONNECTION,
                                    .parameters = l->rule->parameters };
    if (l->rule->scope != SCOPE_GROUP)
        return source_fail(l, node, "'lists' is for rules with scope: group");
    return compile_condition(l, node, &context, &l->rule->lists);
}

static bool take_reference(struct loader *l, yaml_node_t *item, void *context)
{
    (void)context;
    enum reference reference;
    const char *name = source_scalar(item);
    if (name == NULL || !reference_find(name, &reference))
        return source_fail(l, item, "one of these is expected here: open, request, response, "
                         "activity");
    struct reference_list *list = &l->rule->timer_starts;
    for (unsigned i = 0; i < list->count; i++)
        if (list->items[i] == reference)
            return source_fail(l, item, "'%s' stands in the list already", name);
    list->items[list->count++] = reference;
    return true;
}

static bool load_deadline(struct loader *l, yaml_node_t *node)
{
    return source_each(l, node, take_reference, NULL);
}

static bool load_flag(struct loader *l, yaml_node_t *node, bool *flag)
{
    static const char *const words[] = { "false", "true" };
    unsigned index;
    if (!load_word(l, node, words, COUNT(words), &index))
        return false;
    *flag = index == 1;
    return true;
}

static bool load_deadline_only(struct loader *l, yaml_node_t *node)
{
    return load_flag(l, node, &l->rule->deadline_only);
}

static bool load_numbers_only(struct loader *l, yaml_node_t *node)
{
    return load_flag(l, node, &l->rule->numbers_only);
}

static bool take_mark(struct loader *l, yaml_node_t *item, void *context)
{
    (void)context;
    enum mark_id id;
    const char *name = source_scalar(item);
    if (name == NULL || !mark_find(name, &id))
        return source_fail(l, item, "there is no event '%s' (`hangup fields` lists them)",
                         name != NULL ? name : "");
    l->rule->evidence |= 1u << id;
    return true;
}

static bool load_evidence(struct loader *l, yaml_node_t *node)
{
    return source_each(l, node, take_mark, NULL);
}

/* Programs read these two: each is one of a few words, whatever it depends on. */
struct word_set {
    const char *const *words;
    size_t count;
};

static bool check_word(struct loader *l, yaml_node_t *item, void *context)
{
    const struct word_set *set = context;
    unsigned index;
    yaml_node_t *text = item->type == YAML_MAPPING_NODE ? source_key(l, item, "text") : item;
    return text == NULL || load_word(l, text, set->words, set->count, &index);
}

static bool load_confidence(struct loader *l, yaml_node_t *node)
{
    static const char *const words[] = { "certain", "likely", "possible" };
    struct word_set set = { words, COUNT(words) };
    return source_each(l, node, check_word, &set) && load_choices(l, node, &l->rule->confidence);
}

static bool load_accountable(struct loader *l, yaml_node_t *node)
{
    static const char *const words[] = { "client", "server", "network", "unclear" };
    struct word_set set = { words, COUNT(words) };
    return source_each(l, node, check_word, &set) && load_choices(l, node, &l->rule->accountable);
}

static bool load_what(struct loader *l, yaml_node_t *node)
{
    return load_choices(l, node, &l->rule->what);
}

static bool load_cause(struct loader *l, yaml_node_t *node)
{
    return load_choices(l, node, &l->rule->cause);
}

static bool load_fix(struct loader *l, yaml_node_t *node)
{
    return load_choices(l, node, &l->rule->fix);
}

static bool load_supports(struct loader *l, yaml_node_t *node)
{
    return load_choices(l, node, &l->rule->supports);
}

static bool load_contradicts(struct loader *l, yaml_node_t *node)
{
    return load_choices(l, node, &l->rule->contradicts);
}

static bool load_references(struct loader *l, yaml_node_t *node)
{
    return source_each(l, node, take_text, &l->rule->links);
}

static bool load_family(struct loader *l, yaml_node_t *node)
{
    static const char *const families[] = {
#define FAMILY(name, meaning) name,
#include "rules/families.def"
#undef FAMILY
    };
    unsigned family;
    if (!load_word(l, node, families, COUNT(families), &family))
        return false;
    l->rule->family = families[family];
    return true;
}

static bool load_explains(struct loader *l, yaml_node_t *node)
{
    return source_each(l, node, take_text, &l->rule->explains_names);
}

static bool load_seen_as(struct loader *l, yaml_node_t *node)
{
    return source_each(l, node, take_text, &l->rule->seen_as);
}

static bool load_renamed_from(struct loader *l, yaml_node_t *node)
{
    return source_each(l, node, take_text, &l->rule->renamed_from);
}

static bool load_since(struct loader *l, yaml_node_t *node)
{
    const char *version;
    return source_text(l, node, &version);
}

static bool take_case(struct loader *l, yaml_node_t *item, void *context)
{
    const struct rule_case **end = context;
    while (*end != NULL)
        end = (const struct rule_case **)&((struct rule_case *)*end)->next;
    struct rule_case *entry = arena_alloc(&l->rules->arena, sizeof *entry);
    if (entry == NULL)
        return err_no_memory(l->err);
    *end = entry;
    entry->line = (unsigned)item->start_mark.line + 1;
    return source_text(l, item, &entry->conversation);
}

static bool load_cases(struct loader *l, yaml_node_t *node)
{
    static const char *const kinds[CASE_KINDS] = { "fires", "silent", "undecided" };
    if (node->type != YAML_MAPPING_NODE)
        return source_fail(l, node, "cases are lists under fires, silent and undecided");
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        unsigned kind;
        const char *key = source_scalar(source_node(l, pair->key));
        if (key != NULL && strcmp(key, "never_undecided") == 0) {
            if (!source_text(l, source_node(l, pair->value), &l->rule->never_undecided))
                return false;
            continue;
        }
        if (!load_word(l, source_node(l, pair->key), kinds, CASE_KINDS, &kind) ||
            !source_each(l, source_node(l, pair->value), take_case, &l->rule->cases[kind]))
            return false;
    }
    return true;
}

/* In the order of loading: an expression may use what comes before it. */
static const struct key {
    const char *name;
    bool (*load)(struct loader *l, yaml_node_t *node);
    bool required;
} keys[] = {
    { "id", load_id, true },
    { "name", load_name, true },
    { "summary", load_summary, false },
    { "severity", load_severity, true },
    { "scope", load_scope, true },
    { "per", load_per, false },
    { "split", load_split, false },
    { "parameters", load_parameters, false },
    { "members", load_members, false },
    { "within", load_within, false },
    { "lists", load_lists, false },
    { "when", load_when, true },
    { "confirm", load_confirm, false },
    { "teaches", load_teaches, false },
    { "deadline", load_deadline, false },
    { "deadline_only", load_deadline_only, false },
    { "evidence", load_evidence, false },
    { "retry", load_retry, false },
    { "confidence", load_confidence, true },
    { "numbers_only", load_numbers_only, false },
    { "accountable", load_accountable, true },
    { "what", load_what, true },
    { "cause", load_cause, false },
    { "fix", load_fix, false },
    { "supports", load_supports, false },
    { "contradicts", load_contradicts, false },
    { "references", load_references, false },
    { "family", load_family, false },
    { "explains", load_explains, false },
    { "seen_as", load_seen_as, false },
    { "since", load_since, false },
    { "renamed_from", load_renamed_from, false },
    { "cases", load_cases, false },
};

static const char *key_name(const void *context, size_t i)
{
    return ((const struct key *)context)[i].name;
}

static bool unknown_key(struct loader *l, const yaml_node_t *node, const char *name)
{
    const char *nearest = suggest(name, strlen(name), COUNT(keys), key_name, keys);
    if (nearest != NULL)
        return source_fail(l, node, "there is no key '%s'; did you mean '%s'?", name, nearest);
    return source_fail(l, node, "there is no key '%s' (hangup-rules(5) lists them)", name);
}

static bool check_keys(struct loader *l, const yaml_node_t *root)
{
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = source_node(l, pair->key);
        const char *name = source_scalar(key);
        bool known = false;
        for (size_t i = 0; i < COUNT(keys); i++)
            known |= name != NULL && strcmp(keys[i].name, name) == 0;
        for (yaml_node_pair_t *other = root->data.mapping.pairs.start; other < pair; other++) {
            const char *before = source_scalar(source_node(l, other->key));
            if (known && before != NULL && strcmp(before, name) == 0)
                return source_fail(l, key, "the key '%s' stands here twice", name);
        }
        if (!known)
            return unknown_key(l, key, name != NULL ? name : "");
    }
    return true;
}

bool rule_load(struct loader *l)
{
    yaml_node_t *root = yaml_document_get_root_node(&l->document);
    if (root == NULL || root->type != YAML_MAPPING_NODE)
        return err_set(l->err, "%s: a rule file is a list of KEY: VALUE lines "
                               "(see hangup-rules(5))", l->origin);
    if (!check_keys(l, root))
        return false;
    for (size_t i = 0; i < COUNT(keys); i++) {
        yaml_node_t *node = source_key(l, root, keys[i].name);
        if (node == NULL && keys[i].required)
            return err_set(l->err, "%s: the key '%s' is missing", l->origin, keys[i].name);
        if (node != NULL && !keys[i].load(l, node))
            return false;
    }
    if (l->rule->scope == SCOPE_GROUP && l->rule->members == NULL)
        return err_set(l->err, "%s: a rule with scope: group needs 'members', which connections "
                               "the group is made of", l->origin);
    return true;
}
