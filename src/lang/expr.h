/*
 * expr - the expression language of rules: text -> checked tree -> value.
 *
 * Reads like a Wireshark display filter:
 *
 *     close.by == server and close.phase in {idle, fresh} and request.fin_known_for < react
 *
 *     or, and, not            also || && !
 *     == != < <= > >=         in { a, b, 1..9 }     contains
 *     + - * /                 on numbers and durations
 *     5, 0.5, 5ms, 30s, 2min, 1h, "text", true, names of an enumeration
 *
 * Typed when compiled: an unknown field, a wrong unit, an impossible comparison are errors with
 * their place. Evaluated in Kleene's logic: a fact that the capture could not show makes a
 * comparison unknown; one `no` still decides an `and`, one `yes` an `or`.
 */
#ifndef HANGUP_LANG_EXPR_H
#define HANGUP_LANG_EXPR_H

#include "base/arena.h"
#include "base/err.h"
#include "lang/fields.h"

/* A named value that a rule defines and --set changes. */
struct parameter {
    const char *name;
    enum value_type type; /* number, duration or boolean */
    struct value value;
    struct parameter *next;
};

struct expr; /* compiled */

struct expr_context {
    enum scope scope;   /* GROUP: about `members`, whose fields stand within functions */
    enum scope members; /* GROUP: CONNECTION or EXCHANGE */
    const struct parameter *parameters;
    bool constant;      /* a plain value: no fields */
    bool at_end;        /* all connections are known: so are facts that others tell */
};

/* A parameter's value, as a rule file or --set gives it: a number, a duration, true or false. */
struct expr_error;
bool expr_constant(struct arena *arena, const char *source, enum value_type *type,
                   struct value *value, struct expr_error *error);

/* Longer expressions are refused: their tree would be deep. */
#define EXPR_MAX_LENGTH 4096

/* Where an error lies within the source. */
struct expr_error {
    size_t offset;
    char text[256];
};

/* Compiles into the arena. The type is what the expression yields. NULL: *error tells. */
const struct expr *expr_compile(struct arena *arena, const char *source,
                                const struct expr_context *context, struct expr_error *error);

enum value_type expr_type(const struct expr *expr);

/* Is all that the expression asks for known while the connection is still open? */
bool expr_known_while_open(const struct expr *expr);

/* Does it ask for a fact of that scope? */
bool expr_asks_for_scope(const struct expr *expr, enum scope scope);

/* Evaluates for a connection or exchange. */
struct value expr_value(const struct expr *expr, const struct subject *subject);

/* Evaluates for a group. Running out of memory makes the value unknown. */
struct value expr_group_value(const struct expr *expr, const struct group *group);

#endif
