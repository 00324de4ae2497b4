/*
 * rule_document - what a rule file holds: a rule, timers or messages; as text, or as nodes that the build has made of it.
 */
#include <string.h>

#include "base/vec.h"
#include "rules/builtin.h"
#include "rules/rule_source.h"

static bool add_rule(struct rules *rules, struct rule *rule, struct err *err)
{
    for (size_t i = 0; i < rules->count; i++)
        if (strcmp(rules->items[i]->id, rule->id) == 0) {
            rules->items[i] = rule;
            return true;
        }
    if (rules->count == RULES_MAX)
        return err_set(err, "%s: there are more than %d rules", rule->origin, RULES_MAX);
    if (!VEC_ROOM(rules))
        return err_no_memory(err);
    rules->items[rules->count++] = rule;
    return true;
}

static bool parse(struct loader *l)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return err_no_memory(l->err);
    yaml_parser_set_input_string(&parser, (const unsigned char *)l->text, l->length);
    bool ok = yaml_parser_load(&parser, &l->document);
    yaml_document_t second;
    if (ok && yaml_parser_load(&parser, &second)) {
        const yaml_node_t *root = yaml_document_get_root_node(&second);
        bool empty = root == NULL || (root->type == YAML_SCALAR_NODE &&
                                      root->data.scalar.length == 0);
        if (!empty) {
            source_fail(l, root, "a second document begins here; a file holds one rule");
            yaml_document_delete(&l->document);
            ok = false;
        }
        yaml_document_delete(&second);
    } else {
        if (ok)
            yaml_document_delete(&l->document);
        ok = false;
        source_fail_at(l, parser.problem_mark.index, "not YAML: %s",
                parser.problem != NULL ? parser.problem : "it cannot be read");
    }
    yaml_parser_delete(&parser);
    return ok;
}

/* Depth of brackets; quotes are not looked at, which no sane rule comes near. */
static int nesting(const char *text)
{
    int depth = 0, deepest = 0;
    for (; *text != '\0'; text++) {
        depth += (*text == '[' || *text == '{') - (*text == ']' || *text == '}');
        depth = depth < 0 ? 0 : depth;
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

static bool take_document(struct loader *l)
{
    yaml_node_t *root = yaml_document_get_root_node(&l->document);
    bool mapping = root != NULL && root->type == YAML_MAPPING_NODE;
    if (mapping && source_key(l, root, "timers") != NULL)
        return timers_load(l, root);
    if (mapping && source_key(l, root, "messages") != NULL)
        return messages_load(l, root);
    return rule_load(l) && add_rule(l->rules, l->rule, l->err);
}

bool rules_add(struct rules *rules, const char *origin, const char *text, size_t length,
               struct err *err)
{
    struct loader l = { .rules = rules, .length = length, .err = err };
    l.rule = arena_alloc(&rules->arena, sizeof *l.rule);
    l.origin = arena_strdup(&rules->arena, origin);
    l.text = arena_strndup(&rules->arena, text, length);
    if (l.rule == NULL || l.origin == NULL || l.text == NULL)
        return err_no_memory(err);
    if (strlen(l.text) != length)
        return err_set(err, "%s: is not a text file", origin);
    size_t most = strncmp(l.text, "messages:", strlen("messages:")) == 0 ? RULE_MAX_MESSAGES_BYTES : RULE_MAX_BYTES;
    if (length > most || nesting(l.text) > RULE_MAX_NESTING)
        return err_set(err, "%s: is too large or too deeply nested for a rule file", origin);
    l.rule->origin = l.origin;
    l.rule->source = l.text;
    if (!parse(&l))
        return false;
    bool ok = take_document(&l);
    yaml_document_delete(&l.document);
    return ok;
}

bool rules_add_packed(struct rules *rules, const char *origin, const char *text, const yaml_document_t *document, struct err *err)
{
    struct loader l = { .rules = rules, .text = text, .length = strlen(text), .document = *document, .err = err };
    l.rule = arena_alloc(&rules->arena, sizeof *l.rule);
    l.origin = arena_strdup(&rules->arena, origin);
    if (l.rule == NULL || l.origin == NULL)
        return err_no_memory(err);
    l.rule->origin = l.origin;
    l.rule->source = text;
    return take_document(&l);
}
