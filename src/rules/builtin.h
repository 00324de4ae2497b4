/*
 * builtin - the shipped rule files, compiled in: a single binary copied elsewhere still has them.
 * The table is generated from rules/ by the build.
 */
#ifndef HANGUP_RULES_BUILTIN_H
#define HANGUP_RULES_BUILTIN_H

#include <stdbool.h>
#include <yaml.h>

#include "rules/rule.h"

struct builtin_file {
    const char *name; /* "request-fin-race.yaml"; NULL ends the table */
    const char *text;
    const yaml_document_t *nodes; /* of the text without its cases; NULL: to be parsed */
};

extern const struct builtin_file builtin_rules[];

/* As rules_add, of a text that the build has parsed; both have to outlive the rules. */
bool rules_add_packed(struct rules *rules, const char *origin, const char *text, const yaml_document_t *nodes, struct err *err) WARN_UNUSED;

#endif
