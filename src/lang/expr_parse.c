/*
 * expr_parse - recursive descent, types checked as the tree grows.
 */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lang/expr_node.h"
#include "lang/suggest.h"

/* Deeper nesting than any person writes would only exhaust the stack. */
#define MAX_DEPTH 64

struct parser {
    struct arena *arena;
    const char *source;
    size_t at;
    const struct expr_context *context;
    struct expr_error *error;
    bool failed;
    bool in_member; /* within a group function's argument */
    int depth;
};

static const struct function {
    const char *name;
    enum expr_function function;
    bool over_group;
} functions[] = {
    { "round", FUNCTION_ROUND, false },     { "lesser", FUNCTION_LESSER, false },
    { "greater", FUNCTION_GREATER, false }, { "count", FUNCTION_COUNT, true },
    { "share", FUNCTION_SHARE, true },      { "median", FUNCTION_MEDIAN, true },
    { "p95", FUNCTION_P95, true },          { "min", FUNCTION_MIN, true },
    { "max", FUNCTION_MAX, true },          { "fixed", FUNCTION_FIXED, true },
    { "peak", FUNCTION_PEAK, true },        { "same", FUNCTION_SAME, true },
    { "mode", FUNCTION_MODE, true },        { "mode_share", FUNCTION_MODE_SHARE, true },
    { "period", FUNCTION_PERIOD, true },
};

static const struct expr *fail(struct parser *p, size_t offset, const char *format, ...)
    PRINTF_LIKE(3, 4);

static const struct expr *fail(struct parser *p, size_t offset, const char *format, ...)
{
    if (p->failed)
        return NULL;
    p->failed = true;
    p->error->offset = offset;
    va_list args;
    va_start(args, format);
    vsnprintf(p->error->text, sizeof p->error->text, format, args);
    va_end(args);
    return NULL;
}

static struct expr *new_node(struct parser *p, enum expr_op op, enum value_type type,
                             size_t offset)
{
    struct expr *node = arena_alloc(p->arena, sizeof *node);
    if (node == NULL) {
        fail(p, offset, "out of memory");
        return NULL;
    }
    node->op = op;
    node->type = type;
    node->offset = offset;
    return node;
}

/* ---- words ----------------------------------------------------------------------------- */

static void skip_space(struct parser *p)
{
    while (isspace((unsigned char)p->source[p->at]))
        p->at++;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

/* Length of the word at the cursor: names as in close.by, tls-handshake. "1..9" is no word. */
static size_t word_length(const struct parser *p)
{
    const char *s = p->source + p->at;
    if (!isalpha((unsigned char)s[0]) && s[0] != '_')
        return 0;
    size_t n = 1;
    while (is_word(s[n]) && !(s[n] == '.' && s[n + 1] == '.'))
        n++;
    return n;
}

static bool take_symbol(struct parser *p, const char *symbol)
{
    skip_space(p);
    size_t length = strlen(symbol);
    if (strncmp(p->source + p->at, symbol, length) != 0)
        return false;
    p->at += length;
    return true;
}

static bool take_word(struct parser *p, const char *word)
{
    skip_space(p);
    size_t length = word_length(p);
    if (length != strlen(word) || strncmp(p->source + p->at, word, length) != 0)
        return false;
    p->at += length;
    return true;
}

static const char *field_name(const void *context, size_t i)
{
    return ((const struct field *)context)[i].name;
}

static const struct expr *unknown_name(struct parser *p, size_t offset, size_t length)
{
    if (p->context->constant)
        return fail(p, offset, "'%.*s' is no number, duration (5s, 250ms), true or false",
                    (int)length, p->source + offset);
    const char *word = p->source + offset;
    size_t count;
    const struct field *fields = fields_all(&count);
    const char *nearest = suggest(word, length, count, field_name, fields);
    if (nearest != NULL)
        return fail(p, offset, "there is no field or parameter '%.*s'; did you mean '%s'?",
                    (int)length, word, nearest);
    return fail(p, offset, "there is no field or parameter '%.*s' (`hangup fields` lists them)",
                (int)length, word);
}

/* ---- primaries --------------------------------------------------------------------------- */

static const struct {
    const char *name;
    double ns;
} units[] = { { "ns", 1 },          { "us", 1e3 },  { "ms", 1e6 },
              { "s", 1e9 },         { "min", 60e9 }, { "h", 3600e9 } };

static const struct expr *parse_number(struct parser *p)
{
    size_t offset = p->at;
    const char *start = p->source + p->at;
    size_t n = strspn(start, "0123456789");
    if (start[n] == '.' && isdigit((unsigned char)start[n + 1]))
        n += 1 + strspn(start + n + 1, "0123456789");
    char digits[32];
    if (n >= sizeof digits)
        return fail(p, offset, "the number is too long");
    memcpy(digits, start, n);
    digits[n] = '\0';
    double number = 0, scale = 1; /* strtod would follow the locale's decimal point */
    bool fraction = false;
    for (size_t i = 0; i < n; i++) {
        if (digits[i] == '.') {
            fraction = true;
            continue;
        }
        number = number * 10 + (digits[i] - '0');
        if (fraction)
            scale *= 10;
    }
    number /= scale;
    p->at += n;
    size_t unit_length = strspn(p->source + p->at, "abcdefghijklmnopqrstuvwxyz");
    struct expr *node = new_node(p, EXPR_LITERAL, TYPE_NUMBER, offset);
    if (node == NULL)
        return NULL;
    if (unit_length == 0) {
        node->literal = value_number(number);
        return node;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].name) == unit_length &&
            strncmp(units[i].name, p->source + p->at, unit_length) == 0) {
            double ns = number * units[i].ns;
            if (ns > 9e18)
                return fail(p, offset, "the duration is too long");
            p->at += unit_length;
            node->type = TYPE_DURATION;
            node->literal = value_duration((int64_t)llround(ns));
            return node;
        }
    return fail(p, p->at, "'%.*s' is no unit of time (ns, us, ms, s, min, h)", (int)unit_length,
                p->source + p->at);
}

static const struct expr *parse_string(struct parser *p)
{
    size_t offset = p->at++;
    size_t length = strcspn(p->source + p->at, "\"");
    if (p->source[p->at + length] != '"')
        return fail(p, offset, "the text has no closing quote");
    struct expr *node = new_node(p, EXPR_LITERAL, TYPE_STRING, offset);
    const char *text = arena_strndup(p->arena, p->source + p->at, length);
    if (text == NULL)
        return fail(p, offset, "out of memory");
    if (node != NULL)
        node->literal = value_text(text);
    p->at += length + 1;
    return node;
}

static const struct expr *parse_or(struct parser *p);

static bool is_scalar(enum value_type type)
{
    return type == TYPE_NUMBER || type == TYPE_DURATION;
}

/* Types of a call's arguments, and of its value. */
static const struct expr *check_call(struct parser *p, struct expr *call)
{
    const struct expr *a = call->left, *b = call->right;
    size_t at = call->offset;
    switch (call->function) {
    case FUNCTION_ROUND:
    case FUNCTION_FIXED:
        if (a == NULL || b != NULL || a->type != TYPE_DURATION)
            return fail(p, at, "this function takes one duration");
        call->type = TYPE_BOOL;
        return call;
    case FUNCTION_LESSER:
    case FUNCTION_GREATER:
        if (a == NULL || b == NULL || a->type != b->type || !is_scalar(a->type))
            return fail(p, at, "this function takes two numbers or two durations");
        call->type = a->type;
        return call;
    case FUNCTION_COUNT:
        if (b != NULL || (a != NULL && a->type != TYPE_BOOL))
            return fail(p, at, "count() takes nothing or one condition");
        call->type = TYPE_NUMBER;
        return call;
    case FUNCTION_SHARE:
        if (a == NULL || b != NULL || a->type != TYPE_BOOL)
            return fail(p, at, "share() takes one condition");
        call->type = TYPE_NUMBER;
        return call;
    case FUNCTION_MEDIAN:
    case FUNCTION_P95:
    case FUNCTION_MIN:
    case FUNCTION_MAX:
    case FUNCTION_MODE:
    case FUNCTION_MODE_SHARE:
        if (a == NULL || b != NULL || !is_scalar(a->type))
            return fail(p, at, "this function takes one number or duration");
        call->type = call->function == FUNCTION_MODE_SHARE ? TYPE_NUMBER : a->type;
        return call;
    case FUNCTION_PEAK:
        if (a == NULL || b != NULL || a->type != TYPE_SPAN)
            return fail(p, at, "peak() takes one span, such as fin_wait_2");
        call->type = TYPE_NUMBER;
        return call;
    case FUNCTION_PERIOD:
        if (a == NULL || b != NULL || a->type != TYPE_SPAN)
            return fail(p, at, "period() takes one span, such as life");
        call->type = TYPE_DURATION;
        return call;
    case FUNCTION_SAME:
        if (a == NULL || b != NULL || a->type == TYPE_SPAN)
            return fail(p, at, "same() takes one field");
        call->type = a->type;
        call->names = a->names;
        return call;
    }
    return NULL;
}

static const struct expr *parse_call(struct parser *p, size_t offset, size_t length)
{
    const struct function *function = NULL;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strlen(functions[i].name) == length &&
            strncmp(functions[i].name, p->source + offset, length) == 0)
            function = &functions[i];
    if (function == NULL)
        return fail(p, offset, "there is no function '%.*s'", (int)length, p->source + offset);
    if (function->over_group && p->context->scope != SCOPE_GROUP)
        return fail(p, offset, "%s() looks at a group, but this is about one %s", function->name,
                    scope_name(p->context->scope));
    if (function->over_group && p->in_member)
        return fail(p, offset, "%s() cannot stand within another group function",
                    function->name);
    struct expr *call = new_node(p, EXPR_CALL, TYPE_BOOL, offset);
    if (call == NULL)
        return NULL;
    call->function = function->function;
    bool in_member = p->in_member;
    p->in_member |= function->over_group;
    if (!take_symbol(p, ")")) {
        call->left = parse_or(p);
        if (call->left != NULL && take_symbol(p, ","))
            call->right = parse_or(p);
        if (!p->failed && !take_symbol(p, ")"))
            fail(p, p->at, "a ')' is missing");
    }
    p->in_member = in_member;
    return p->failed ? NULL : check_call(p, call);
}

static const struct expr *parse_field(struct parser *p, const struct field *field, size_t offset)
{
    const struct expr_context *c = p->context;
    if (c->constant)
        return fail(p, offset, "'%s' is a field, but a plain value is expected here", field->name);
    bool in_group = c->scope == SCOPE_GROUP && !p->in_member;
    enum scope scope = c->scope == SCOPE_GROUP ? c->members : c->scope;
    if (in_group && field->scope != SCOPE_GROUP)
        return fail(p, offset, "'%s' differs between the connections of a group; use it within a "
                    "function, such as median(%s)", field->name, field->name);
    if (!in_group && field->scope == SCOPE_GROUP)
        return fail(p, offset, "'%s' is a fact about a group, but this is about one %s",
                    field->name, scope_name(scope));
    if (field->scope == SCOPE_EXCHANGE && scope != SCOPE_EXCHANGE)
        return fail(p, offset, "'%s' is a fact about one exchange, but this is about one "
                    "connection (scope: exchange makes a rule about exchanges)", field->name);
    if (field->known == KNOWN_AT_END && c->scope != SCOPE_GROUP && !c->at_end)
        return fail(p, offset, "'%s' is known when all connections are: it may stand in 'confirm' and in texts", field->name);
    struct expr *node = new_node(p, EXPR_FIELD, field->type, offset);
    if (node == NULL)
        return NULL;
    node->field = field;
    node->names = field->names;
    return node;
}

/* A word: true, false, a call, a parameter, a field. Names of enumerations are understood only
 * where an enumeration is expected (see parse_operand). */
static const struct expr *parse_word(struct parser *p)
{
    size_t offset = p->at, length = word_length(p);
    p->at += length;
    const char *word = p->source + offset;
    bool truth = length == 4 && strncmp(word, "true", 4) == 0;
    if (truth || (length == 5 && strncmp(word, "false", 5) == 0)) {
        struct expr *node = new_node(p, EXPR_LITERAL, TYPE_BOOL, offset);
        if (node != NULL)
            node->literal = value_bool(truth);
        return node;
    }
    if (take_symbol(p, "("))
        return parse_call(p, offset, length);
    for (const struct parameter *parameter = p->context->parameters; parameter != NULL;
         parameter = parameter->next)
        if (strlen(parameter->name) == length && strncmp(parameter->name, word, length) == 0) {
            struct expr *node = new_node(p, EXPR_PARAMETER, parameter->type, offset);
            if (node != NULL)
                node->parameter = parameter;
            return node;
        }
    const struct field *field = field_find(word, length);
    return field != NULL ? parse_field(p, field, offset) : unknown_name(p, offset, length);
}

static const struct expr *parse_primary(struct parser *p)
{
    skip_space(p);
    char c = p->source[p->at];
    if (++p->depth > MAX_DEPTH)
        return fail(p, p->at, "nested too deeply");
    const struct expr *node;
    if (c == '(') {
        size_t offset = p->at++;
        node = parse_or(p);
        if (node != NULL && !take_symbol(p, ")"))
            node = fail(p, offset, "this '(' has no ')'");
    } else if (c == '-') {
        size_t offset = p->at++;
        const struct expr *operand = parse_primary(p);
        if (operand != NULL && !is_scalar(operand->type))
            operand = fail(p, offset, "'-' needs a number or a duration");
        struct expr *negate =
            operand == NULL ? NULL : new_node(p, EXPR_NEGATE, operand->type, offset);
        if (negate != NULL)
            negate->left = operand;
        node = negate;
    } else if (isdigit((unsigned char)c)) {
        node = parse_number(p);
    } else if (c == '"') {
        node = parse_string(p);
    } else if (word_length(p) > 0) {
        node = parse_word(p);
    } else if (c == '\0') {
        node = fail(p, p->at, "something is missing at the end");
    } else {
        node = fail(p, p->at, "unexpected '%c'", c);
    }
    p->depth--;
    return node;
}

/* ---- arithmetic -------------------------------------------------------------------------- */

static const struct expr *binary(struct parser *p, enum expr_op op, enum value_type type,
                                 size_t offset, const struct expr *left,
                                 const struct expr *right)
{
    struct expr *node = new_node(p, op, type, offset);
    if (node == NULL)
        return NULL;
    node->left = left;
    node->right = right;
    return node;
}

static const struct expr *arithmetic(struct parser *p, enum expr_op op, size_t offset,
                                     const struct expr *a, const struct expr *b)
{
    if (b == NULL)
        return NULL;
    bool durations = a->type == TYPE_DURATION && b->type == TYPE_DURATION;
    bool numbers = a->type == TYPE_NUMBER && b->type == TYPE_NUMBER;
    bool mixed = is_scalar(a->type) && is_scalar(b->type) && !durations && !numbers;
    if (numbers)
        return binary(p, op, TYPE_NUMBER, offset, a, b);
    if (durations && op != EXPR_MUL)
        return binary(p, op, op == EXPR_DIV ? TYPE_NUMBER : TYPE_DURATION, offset, a, b);
    if (mixed && (op == EXPR_MUL || (op == EXPR_DIV && a->type == TYPE_DURATION)))
        return binary(p, op, TYPE_DURATION, offset, a, b);
    return fail(p, offset, "a %s and a %s cannot be computed with like this%s",
                value_type_name(a->type), value_type_name(b->type),
                mixed ? " (a duration has a unit: 5s, 250ms)" : "");
}

static const struct expr *parse_product(struct parser *p)
{
    const struct expr *left = parse_primary(p);
    while (left != NULL) {
        skip_space(p);
        size_t offset = p->at;
        if (take_symbol(p, "*"))
            left = arithmetic(p, EXPR_MUL, offset, left, parse_primary(p));
        else if (take_symbol(p, "/"))
            left = arithmetic(p, EXPR_DIV, offset, left, parse_primary(p));
        else
            break;
    }
    return left;
}

static const struct expr *parse_sum(struct parser *p)
{
    const struct expr *left = parse_product(p);
    while (left != NULL) {
        skip_space(p);
        size_t offset = p->at;
        if (take_symbol(p, "+"))
            left = arithmetic(p, EXPR_ADD, offset, left, parse_product(p));
        else if (take_symbol(p, "-"))
            left = arithmetic(p, EXPR_SUB, offset, left, parse_product(p));
        else
            break;
    }
    return left;
}

/* ---- comparisons ------------------------------------------------------------------------- */

/* What stands right of a comparison: where the left is an enumeration, a bare word is one of its
 * names. */
static const struct expr *parse_operand(struct parser *p, const struct expr *left)
{
    skip_space(p);
    size_t length = word_length(p), offset = p->at;
    if (left->type != TYPE_ENUM || length == 0 ||
        field_find(p->source + offset, length) != NULL)
        return parse_sum(p);
    p->at += length;
    char list[160] = "";
    for (const char *const *name = left->names; *name != NULL; name++) {
        if (strlen(*name) == length && strncmp(*name, p->source + offset, length) == 0) {
            struct expr *node = new_node(p, EXPR_LITERAL, TYPE_ENUM, offset);
            if (node == NULL)
                return NULL;
            node->literal = value_choice(left->names, (unsigned)(name - left->names));
            node->names = left->names;
            return node;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", *name);
    }
    return fail(p, offset, "'%.*s' is none of its values (%s)", (int)length, p->source + offset,
                list);
}

static bool comparable(struct parser *p, enum expr_op op, size_t offset, const struct expr *a,
                       const struct expr *b)
{
    bool ordered = op == EXPR_LT || op == EXPR_LE || op == EXPR_GT || op == EXPR_GE;
    if (a->type != b->type) {
        bool unit = is_scalar(a->type) && is_scalar(b->type);
        fail(p, b->offset, "a %s is compared with a %s%s", value_type_name(a->type),
             value_type_name(b->type), unit ? " (a duration has a unit: 5s, 250ms)" : "");
        return false;
    }
    if (a->type == TYPE_ENUM && a->names != b->names) {
        fail(p, b->offset, "these two have different sets of values");
        return false;
    }
    if (a->type == TYPE_SPAN || (ordered && !is_scalar(a->type))) {
        fail(p, offset, "values of type %s cannot be compared like this",
             value_type_name(a->type));
        return false;
    }
    if (op == EXPR_CONTAINS && a->type != TYPE_STRING) {
        fail(p, offset, "'contains' compares texts");
        return false;
    }
    return true;
}

static const struct expr *parse_set(struct parser *p, const struct expr *left, size_t offset)
{
    if (!take_symbol(p, "{"))
        return fail(p, p->at, "'in' needs a set: in {a, b}");
    struct expr *first = NULL, **end = &first;
    do {
        const struct expr *item = parse_operand(p, left);
        if (item == NULL || !comparable(p, EXPR_EQ, item->offset, left, item))
            return NULL;
        struct expr *copy = new_node(p, item->op, item->type, item->offset);
        if (copy == NULL)
            return NULL;
        *copy = *item;
        if (take_symbol(p, "..")) {
            const struct expr *high = parse_operand(p, left);
            if (high == NULL || !comparable(p, EXPR_LE, high->offset, left, high))
                return NULL;
            copy = (struct expr *)binary(p, EXPR_RANGE, item->type, item->offset, item, high);
            if (copy == NULL)
                return NULL;
        }
        *end = copy;
        end = (struct expr **)&copy->next;
    } while (take_symbol(p, ","));
    if (!take_symbol(p, "}"))
        return fail(p, p->at, "a '}' is missing");
    return binary(p, EXPR_IN, TYPE_BOOL, offset, left, first);
}

static const struct expr *parse_comparison(struct parser *p)
{
    static const struct {
        const char *symbol;
        enum expr_op op;
    } comparisons[] = {
        { "==", EXPR_EQ }, { "!=", EXPR_NE }, { "<=", EXPR_LE },
        { ">=", EXPR_GE }, { "<", EXPR_LT },  { ">", EXPR_GT },
    };
    const struct expr *left = parse_sum(p);
    if (left == NULL)
        return NULL;
    skip_space(p);
    size_t offset = p->at;
    enum expr_op op = EXPR_LITERAL;
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons && op == EXPR_LITERAL; i++)
        if (take_symbol(p, comparisons[i].symbol))
            op = comparisons[i].op;
    if (op == EXPR_LITERAL && take_word(p, "in"))
        return parse_set(p, left, offset);
    if (op == EXPR_LITERAL && take_word(p, "contains"))
        op = EXPR_CONTAINS;
    if (op == EXPR_LITERAL && p->source[p->at] == '=')
        return fail(p, p->at, "write '==' to compare");
    if (op == EXPR_LITERAL)
        return left;
    const struct expr *right = parse_operand(p, left);
    if (right == NULL || !comparable(p, op, offset, left, right))
        return NULL;
    return binary(p, op, TYPE_BOOL, offset, left, right);
}

/* ---- logic ------------------------------------------------------------------------------- */

static const struct expr *condition(struct parser *p, const struct expr *node)
{
    if (node != NULL && node->type != TYPE_BOOL)
        return fail(p, node->offset, "this is a %s, not a condition",
                    value_type_name(node->type));
    return node;
}

static const struct expr *parse_not(struct parser *p)
{
    skip_space(p);
    size_t offset = p->at;
    bool negated = take_word(p, "not");
    if (!negated && p->source[p->at] == '!' && p->source[p->at + 1] != '=') {
        p->at++;
        negated = true;
    }
    if (!negated)
        return parse_comparison(p);
    if (++p->depth > MAX_DEPTH)
        return fail(p, offset, "nested too deeply");
    const struct expr *operand = condition(p, parse_not(p));
    p->depth--;
    return operand == NULL ? NULL : binary(p, EXPR_NOT, TYPE_BOOL, offset, operand, NULL);
}

static const struct expr *parse_and(struct parser *p)
{
    const struct expr *left = parse_not(p);
    while (left != NULL && (take_word(p, "and") || take_symbol(p, "&&"))) {
        size_t offset = p->at;
        if (condition(p, left) == NULL)
            return NULL;
        const struct expr *right = condition(p, parse_not(p));
        left = right == NULL ? NULL : binary(p, EXPR_AND, TYPE_BOOL, offset, left, right);
    }
    return left;
}

static const struct expr *parse_or(struct parser *p)
{
    const struct expr *left = parse_and(p);
    while (left != NULL && (take_word(p, "or") || take_symbol(p, "||"))) {
        size_t offset = p->at;
        if (condition(p, left) == NULL)
            return NULL;
        const struct expr *right = condition(p, parse_and(p));
        left = right == NULL ? NULL : binary(p, EXPR_OR, TYPE_BOOL, offset, left, right);
    }
    return left;
}

const struct expr *expr_compile(struct arena *arena, const char *source,
                                const struct expr_context *context, struct expr_error *error)
{
    struct parser p = { .arena = arena, .source = source, .context = context, .error = error };
    if (strlen(source) > EXPR_MAX_LENGTH)
        return fail(&p, EXPR_MAX_LENGTH, "the expression is longer than %d characters",
                    EXPR_MAX_LENGTH);
    const struct expr *root = parse_or(&p);
    if (root == NULL)
        return NULL;
    skip_space(&p);
    if (source[p.at] != '\0')
        return fail(&p, p.at, "'%.*s' was not expected here",
                    word_length(&p) > 0 ? (int)word_length(&p) : 1, source + p.at);
    return root;
}

bool expr_constant(struct arena *arena, const char *source, enum value_type *type,
                   struct value *value, struct expr_error *error)
{
    const struct expr_context context = { .scope = SCOPE_CONNECTION, .constant = true };
    const struct expr *expr = expr_compile(arena, source, &context, error);
    if (expr == NULL)
        return false;
    *type = expr->type;
    *value = expr_value(expr, &(struct subject){ NULL, NULL, NULL });
    if (value->state == VALUE_KNOWN && (is_scalar(*type) || *type == TYPE_BOOL))
        return true;
    error->offset = 0;
    snprintf(error->text, sizeof error->text,
             "a number, a duration, true or false is expected here");
    return false;
}

enum value_type expr_type(const struct expr *expr)
{
    return expr->type;
}
