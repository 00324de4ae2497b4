/*
 * expr_node - the compiled tree. Private to the floor: expr_parse.c makes it, expr_eval.c walks it.
 */
#ifndef HANGUP_LANG_EXPR_NODE_H
#define HANGUP_LANG_EXPR_NODE_H

#include "lang/expr.h"

enum expr_op {
    EXPR_LITERAL,
    EXPR_FIELD,
    EXPR_PARAMETER,
    EXPR_OR,
    EXPR_AND,
    EXPR_NOT,
    EXPR_EQ,
    EXPR_NE,
    EXPR_LT,
    EXPR_LE,
    EXPR_GT,
    EXPR_GE,
    EXPR_CONTAINS,
    EXPR_IN,      /* left in any item of the list */
    EXPR_RANGE,   /* an item of a set: left..right */
    EXPR_ADD,
    EXPR_SUB,
    EXPR_MUL,
    EXPR_DIV,
    EXPR_NEGATE,
    EXPR_CALL,
};

/* Functions. Those over a group take an expression about one member. */
enum expr_function {
    FUNCTION_ROUND,
    FUNCTION_LESSER,
    FUNCTION_GREATER,
    FUNCTION_COUNT,
    FUNCTION_SHARE,
    FUNCTION_MEDIAN,
    FUNCTION_P95,
    FUNCTION_MIN,
    FUNCTION_MAX,
    FUNCTION_FIXED,
    FUNCTION_PEAK,
    FUNCTION_SAME,
    FUNCTION_MODE,
    FUNCTION_MODE_SHARE,
    FUNCTION_PERIOD,
};

struct expr {
    enum expr_op op;
    enum expr_function function;   /* EXPR_CALL */
    enum value_type type;          /* of the value */
    const char *const *names;      /* TYPE_ENUM: which names */
    size_t offset;                 /* in the source, for errors */
    const struct expr *left, *right; /* operands; a function's first and second argument */
    const struct expr *next;       /* next item of a set */
    struct value literal;
    const struct field *field;
    const struct parameter *parameter;
};

/* Compares two known values of one type. */
bool expr_compare(enum expr_op op, enum value_type type, const struct value *a,
                  const struct value *b);

#endif
