/*
 * rule_source - a rule file while it is being loaded: its YAML nodes, and errors that point into it.
 * Private to the floor.
 */
#ifndef HANGUP_RULES_RULE_SOURCE_H
#define HANGUP_RULES_RULE_SOURCE_H

#include <yaml.h>

#include "rules/rule.h"

struct loader {
    struct rules *rules;
    struct rule *rule;
    const char *origin;
    const char *text;
    size_t length;
    yaml_document_t document;
    struct err *err;
};

/* file:line:column: message, the line, and a caret under the column. Always false. */
bool source_fail_at(struct loader *l, size_t offset, const char *format, ...) PRINTF_LIKE(3, 4);
bool source_fail(struct loader *l, const yaml_node_t *node, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* An error within the expression or text that the scalar holds. */
bool source_fail_expr(struct loader *l, const yaml_node_t *node, const struct expr_error *error);

yaml_node_t *source_node(struct loader *l, int id);
const char *source_scalar(const yaml_node_t *node); /* NULL: it is none */
yaml_node_t *source_key(struct loader *l, const yaml_node_t *mapping, const char *key);

/* The first key of that name itself, to point at. */
yaml_node_t *source_key_node(struct loader *l, const yaml_node_t *mapping, const char *key);

/* A scalar that is not empty, copied. */
bool source_text(struct loader *l, const yaml_node_t *node, const char **text);

/* Calls `take` for a scalar or mapping, or for each item of a list. */
bool source_each(struct loader *l, yaml_node_t *node,
                 bool (*take)(struct loader *l, yaml_node_t *item, void *context), void *context);

/* A file whose document is a rule, to l->rule. */
bool rule_load(struct loader *l);

/* A file with the key `timers` is no rule: its timers go to the rules (timers_load.c). */
bool timers_load(struct loader *l, yaml_node_t *root);

/* Nor is one with the key `messages` (messages_load.c). */
bool messages_load(struct loader *l, yaml_node_t *root);

#endif
