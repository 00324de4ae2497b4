#include "rules/guard.h"

#include <string.h>

#include "rules/expr_node.h"

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
    if (field->scope != SCOPE_CONNECTION || (field->type != TYPE_BOOL && field->type != TYPE_ENUM))
        return GUARD_MAX_FIELDS;
    size_t i = 0;
    while (i < guards->count && guards->fields[i] != field)
        i++;
    if (i < guards->count)
        return i;
    unsigned bits = value_count(field) + EXTRA_BITS;
    if (i == GUARD_MAX_FIELDS || guards->bits + bits > GUARD_WORDS * 64)
        return GUARD_MAX_FIELDS;
    guards->fields[i] = field;
    guards->first_bit[i] = guards->bits;
    guards->bits += bits;
    guards->count++;
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

/* Excludes the values with which a part of the `and` is a plain no. */
static void exclude(struct guards *guards, struct guard_bits *excluded, const struct expr *e)
{
    bool negated = e->op == EXPR_NOT && e->left->op == EXPR_FIELD;
    const struct expr *operand = negated ? e->left : e;
    bool compared = e->op == EXPR_EQ || e->op == EXPR_NE || e->op == EXPR_IN;
    if (compared)
        operand = e->left;
    if (operand->op != EXPR_FIELD)
        return;
    const struct field *field = operand->field;
    size_t place = place_of(guards, field);
    if (place == GUARD_MAX_FIELDS)
        return;
    unsigned first = guards->first_bit[place], values = value_count(field);
    struct guard_bits out = { { 0 } };
    for (unsigned value = 0; value < values; value++) {
        bool plain = true;
        bool holds = !compared                ? (value == 1) != negated
                     : e->op == EXPR_NE       ? !is_listed(e, field, value, &plain)
                                              : is_listed(e, field, value, &plain);
        if (!plain)
            return;
        if (!holds)
            set_bit(&out, first + value);
    }
    if (!negated) /* what does not apply is a no, and its negation a yes */
        set_bit(&out, first + values + BIT_ABSENT);
    for (size_t w = 0; w < GUARD_WORDS; w++)
        excluded->words[w] |= out.words[w];
}

static void exclude_parts(struct guards *guards, struct guard_bits *excluded, const struct expr *e)
{
    if (e->op == EXPR_AND) {
        exclude_parts(guards, excluded, e->left);
        exclude_parts(guards, excluded, e->right);
    } else {
        exclude(guards, excluded, e);
    }
}

void guards_init(struct guards *guards, const struct rules *rules)
{
    *guards = (struct guards){ 0 };
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->items[i];
        exclude_parts(guards, &guards->excluded[i],
                      rule->scope == SCOPE_GROUP ? rule->members : rule->when);
    }
}

struct guard_bits guards_facts(const struct guards *guards, const struct record *record)
{
    const struct subject subject = { record, NULL, NULL };
    struct guard_bits facts = { { 0 } };
    for (size_t i = 0; i < guards->count; i++) {
        const struct field *field = guards->fields[i];
        struct value value = field->get(&subject);
        unsigned at = value.state == VALUE_KNOWN    ? index_of(field, &value)
                      : value.state == VALUE_ABSENT ? value_count(field) + BIT_ABSENT
                                                    : value_count(field) + BIT_UNKNOWN;
        set_bit(&facts, guards->first_bit[i] + at);
    }
    return facts;
}
