#include "rules/guard.h"

#include <string.h>

#include "rules/expr_node.h"

/* ---- bits ---------------------------------------------------------------------------------- */

/* Bits of a field after those of its values. */
enum { BIT_ABSENT, BIT_UNKNOWN, EXTRA_BITS };

static unsigned value_count(const struct field *field)
{
    unsigned n = 0;
    if (field->type == TYPE_BOOL)
        return 2;
    while (field->names[n] != NULL)
        n++;
    return n;
}

/* Which of the field's values it is; the names of an enumeration are often the very same strings. */
static unsigned index_of(const struct field *field, const struct value *value)
{
    if (field->type == TYPE_BOOL)
        return value->truth;
    for (unsigned i = 0; field->names[i] != NULL; i++)
        if (field->names[i] == value->text)
            return i;
    unsigned i = 0;
    while (field->names[i] != NULL && strcmp(field->names[i], value->text) != 0)
        i++;
    return i;
}

static void set_bit(struct guard_bits *bits, unsigned bit)
{
    bits->words[bit / 64] |= UINT64_C(1) << bit % 64;
}

/* The field's place among the guards; GUARD_MAX_FIELDS: it cannot be one. */
static size_t place_of(struct guards *guards, const struct field *field)
{
    if (field->scope != guards->scope || (field->type != TYPE_BOOL && field->type != TYPE_ENUM))
        return GUARD_MAX_FIELDS;
    size_t i = 0;
    while (i < guards->field_count && guards->fields[i] != field)
        i++;
    if (i < guards->field_count)
        return i;
    unsigned bits = value_count(field) + EXTRA_BITS;
    if (i == GUARD_MAX_FIELDS || guards->bits + bits > GUARD_WORDS * 64)
        return GUARD_MAX_FIELDS;
    guards->fields[i] = field;
    guards->first_bit[i] = guards->bits;
    guards->bits += bits;
    guards->field_count++;
    return i;
}

/* Is `value` one of the operands of the comparison or set? They must all be plain: *plain. */
static bool is_listed(const struct expr *e, const struct field *field, unsigned value, bool *plain)
{
    const struct expr *item = e->right;
    bool listed = false;
    for (; item != NULL; item = e->op == EXPR_IN ? item->next : NULL) {
        if (item->op != EXPR_LITERAL || item->literal.state != VALUE_KNOWN) {
            *plain = false;
            return false;
        }
        listed |= index_of(field, &item->literal) == value;
    }
    return listed;
}

/* Excludes the values with which a part of the `and` is a plain no. false: bits cannot tell. */
static bool exclude(struct guards *guards, struct guard_bits *excluded, const struct expr *e)
{
    bool negated = e->op == EXPR_NOT && e->left->op == EXPR_FIELD;
    const struct expr *operand = negated ? e->left : e;
    bool compared = e->op == EXPR_EQ || e->op == EXPR_NE || e->op == EXPR_IN;
    if (compared)
        operand = e->left;
    if (operand->op != EXPR_FIELD)
        return false;
    const struct field *field = operand->field;
    size_t place = place_of(guards, field);
    if (place == GUARD_MAX_FIELDS)
        return false;
    unsigned first = guards->first_bit[place], values = value_count(field);
    struct guard_bits out = { { 0 } };
    for (unsigned value = 0; value < values; value++) {
        bool plain = true;
        bool holds = !compared                ? (value == 1) != negated
                     : e->op == EXPR_NE       ? !is_listed(e, field, value, &plain)
                                              : is_listed(e, field, value, &plain);
        if (!plain)
            return false;
        if (!holds)
            set_bit(&out, first + value);
    }
    if (!negated) /* what does not apply is a no, and its negation a yes */
        set_bit(&out, first + values + BIT_ABSENT);
    for (size_t w = 0; w < GUARD_WORDS; w++)
        excluded->words[w] |= out.words[w];
    return true;
}

static struct guard_bits facts_of(const struct guards *guards, const struct subject *subject)
{
    struct guard_bits facts = { { 0 } };
    for (size_t i = 0; i < guards->field_count; i++) {
        const struct field *field = guards->fields[i];
        struct value value = field->get(subject);
        unsigned at = value.state == VALUE_KNOWN    ? index_of(field, &value)
                      : value.state == VALUE_ABSENT ? value_count(field) + BIT_ABSENT
                                                    : value_count(field) + BIT_UNKNOWN;
        set_bit(&facts, guards->first_bit[i] + at);
    }
    return facts;
}

/* ---- tests --------------------------------------------------------------------------------- */

struct guard_node {
    enum expr_op op; /* EXPR_AND, EXPR_OR; else a test */
    size_t test;
    const struct guard_node *left, *right;
};

/* Is it about the connection alone, so that it has one value for all rules? */
static bool is_about_connection(const struct expr *e)
{
    if (e == NULL)
        return true;
    if (e->op == EXPR_CALL && e->function >= FUNCTION_COUNT)
        return false;
    if (e->op == EXPR_FIELD)
        return e->field->scope == SCOPE_CONNECTION;
    return is_about_connection(e->left) && is_about_connection(e->right) &&
           is_about_connection(e->next);
}

static bool same_value(enum value_type type, const struct value *a, const struct value *b)
{
    if (a->state != b->state)
        return false;
    switch (type) {
    case TYPE_BOOL:
        return a->truth == b->truth;
    case TYPE_NUMBER:
        return a->number == b->number;
    case TYPE_DURATION:
        return a->ns == b->ns;
    case TYPE_ENUM:
    case TYPE_STRING:
        return strcmp(a->text, b->text) == 0;
    case TYPE_SPAN:
        break;
    }
    return false;
}

/* The value of a literal or parameter; NULL: it is neither. */
static const struct value *constant(const struct expr *e)
{
    return e->op == EXPR_LITERAL ? &e->literal : e->op == EXPR_PARAMETER ? &e->parameter->value : NULL;
}

static bool same_expr(const struct expr *a, const struct expr *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (a->type != b->type)
        return false;
    const struct value *x = constant(a), *y = constant(b);
    if (x != NULL || y != NULL)
        return x != NULL && y != NULL && same_value(a->type, x, y) && same_expr(a->next, b->next);
    return a->op == b->op && a->function == b->function && a->field == b->field &&
           same_expr(a->left, b->left) && same_expr(a->right, b->right) &&
           same_expr(a->next, b->next);
}

static const struct guard_node *new_node(struct guards *guards, struct guard_node node)
{
    struct guard_node *copy = arena_alloc(&guards->arena, sizeof *copy);
    if (copy != NULL)
        *copy = node;
    return copy; /* without memory the rule is evaluated each time */
}

static const struct guard_node *test_of(struct guards *guards, const struct expr *e)
{
    size_t i = 0;
    while (i < guards->test_count && !same_expr(guards->tests[i], e))
        i++;
    if (i == GUARD_MAX_TESTS)
        return NULL;
    if (i == guards->test_count)
        guards->tests[guards->test_count++] = e;
    return new_node(guards, (struct guard_node){ .op = EXPR_FIELD, .test = i });
}

/* NULL: nothing that a test could decide. */
static const struct guard_node *guard_of(struct guards *guards, const struct expr *e)
{
    if (e->op != EXPR_AND && e->op != EXPR_OR)
        return is_about_connection(e) ? test_of(guards, e) : NULL;
    const struct guard_node *left = guard_of(guards, e->left), *right = guard_of(guards, e->right);
    if (left == NULL || right == NULL)
        return e->op == EXPR_OR ? NULL : left != NULL ? left : right;
    return new_node(guards, (struct guard_node){ .op = e->op, .left = left, .right = right });
}

/* A field, or one against a constant. */
static bool is_simple(const struct expr *e)
{
    return e->op == EXPR_FIELD || (e->op >= EXPR_EQ && e->op <= EXPR_GE &&
                                   e->left->op == EXPR_FIELD && constant(e->right) != NULL);
}

/* Sorts the parts of the rule's `and`: what bits tell, then simple tests, then others. */
static void take_parts(struct guards *guards, size_t rule, const struct expr *e)
{
    if (e->op == EXPR_AND) {
        take_parts(guards, rule, e->left);
        take_parts(guards, rule, e->right);
        return;
    }
    if (exclude(guards, &guards->excluded[rule], e))
        return;
    const struct guard_node *node = guards->scope == SCOPE_CONNECTION ? guard_of(guards, e) : NULL,
                            **all = &guards->nodes[rule];
    if (node == NULL)
        return;
    bool first = is_simple(e);
    *all = *all == NULL ? node
                        : new_node(guards, (struct guard_node){ .op = EXPR_AND,
                                                                .left = first ? node : *all,
                                                                .right = first ? *all : node });
}

/* The commonest kind without the walk through the tree: a field against a constant. */
static bool is_plain_no(const struct expr *e, const struct subject *subject)
{
    bool compared = e->op >= EXPR_EQ && e->op <= EXPR_GE;
    const struct expr *field = compared ? e->left : e;
    const struct value *other = compared ? constant(e->right) : NULL;
    if (field->op != EXPR_FIELD || (compared && (other == NULL || other->state != VALUE_KNOWN))) {
        struct value v = expr_value(e, subject);
        return v.state == VALUE_ABSENT || (v.state == VALUE_KNOWN && !v.truth);
    }
    struct value v = field->field->get(subject);
    if (v.state != VALUE_KNOWN)
        return v.state == VALUE_ABSENT;
    return compared ? !expr_compare(e->op, field->type, &v, other) : !v.truth;
}

static bool may_hold(const struct guards *guards, const struct guard_node *node,
                     const struct subject *subject, struct guard_answers *answers)
{
    if (node->op == EXPR_AND)
        return may_hold(guards, node->left, subject, answers) &&
               may_hold(guards, node->right, subject, answers);
    if (node->op == EXPR_OR)
        return may_hold(guards, node->left, subject, answers) ||
               may_hold(guards, node->right, subject, answers);
    uint8_t *answer = &answers->test[node->test];
    if (*answer == 0)
        *answer = is_plain_no(guards->tests[node->test], subject) ? 1 : 2;
    return *answer == 2;
}

/* ---- both ---------------------------------------------------------------------------------- */

void guards_init(struct guards *guards, const struct rules *rules, enum scope scope)
{
    *guards = (struct guards){ .scope = scope };
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->items[i];
        if (scope == SCOPE_EXCHANGE && rule->scope != SCOPE_EXCHANGE)
            continue;
        const struct expr *condition = rule->scope == SCOPE_GROUP ? rule->members : rule->when;
        take_parts(guards, i, condition);
    }
}

void guards_free(struct guards *guards)
{
    arena_free(&guards->arena);
}

void guards_begin(const struct guards *guards, const struct subject *subject,
                  struct guard_answers *answers)
{
    answers->facts = facts_of(guards, subject);
    memset(answers->test, 0, guards->test_count);
}

bool guards_allow(const struct guards *guards, size_t rule, const struct subject *subject,
                  struct guard_answers *answers)
{
    uint64_t hit = 0;
    for (size_t w = 0; w < GUARD_WORDS; w++)
        hit |= guards->excluded[rule].words[w] & answers->facts.words[w];
    const struct guard_node *node = guards->nodes[rule];
    return hit == 0 && (node == NULL || may_hold(guards, node, subject, answers));
}
