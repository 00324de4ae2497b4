/*
 * expr_eval - values of compiled expressions, in Kleene's logic.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "facts/peak.h"
#include "lang/expr_node.h"

/* What is being looked at: one subject, or a group. */
struct scene {
    const struct subject *subject;
    const struct group *group;
};

static struct value evaluate(const struct expr *e, const struct scene *scene);

static bool is(const struct value *v, bool truth)
{
    return v->state == VALUE_KNOWN && v->truth == truth;
}

/* An absent condition is no: it does not apply. */
static struct value as_condition(struct value v)
{
    return v.state == VALUE_ABSENT ? value_bool(false) : v;
}

static struct value logic(const struct expr *e, const struct scene *scene)
{
    bool decides = e->op == EXPR_OR; /* one yes decides an or, one no an and */
    struct value left = as_condition(evaluate(e->left, scene));
    if (is(&left, decides))
        return left;
    struct value right = as_condition(evaluate(e->right, scene));
    if (is(&right, decides) || left.state == VALUE_KNOWN)
        return right;
    return left;
}

/* negative, 0, positive */
static int order(enum value_type type, const struct value *a, const struct value *b)
{
    switch (type) {
    case TYPE_BOOL:
        return a->truth - b->truth;
    case TYPE_NUMBER:
        return (a->number > b->number) - (a->number < b->number);
    case TYPE_DURATION:
        return (a->ns > b->ns) - (a->ns < b->ns);
    case TYPE_ENUM:
        return (a->choice > b->choice) - (a->choice < b->choice);
    case TYPE_STRING:
        return strcmp(a->text, b->text);
    case TYPE_SPAN:
        break;
    }
    return 0;
}

/* The one that is absent, else the one that is unknown; NULL: both are known. */
static const struct value *not_known(const struct value *a, const struct value *b)
{
    if (a->state == VALUE_ABSENT || b->state == VALUE_ABSENT)
        return a->state == VALUE_ABSENT ? a : b;
    if (a->state == VALUE_UNKNOWN)
        return a;
    return b->state == VALUE_UNKNOWN ? b : NULL;
}

bool expr_compare(enum expr_op op, enum value_type type, const struct value *a,
                  const struct value *b)
{
    if (op == EXPR_CONTAINS)
        return strstr(a->text, b->text) != NULL;
    int o = order(type, a, b);
    switch (op) {
    case EXPR_EQ:
        return o == 0;
    case EXPR_NE:
        return o != 0;
    case EXPR_LT:
        return o < 0;
    case EXPR_LE:
        return o <= 0;
    case EXPR_GT:
        return o > 0;
    default:
        return o >= 0;
    }
}

static struct value compare(const struct expr *e, const struct scene *scene)
{
    struct value a = evaluate(e->left, scene), b = evaluate(e->right, scene);
    const struct value *missing = not_known(&a, &b);
    if (missing != NULL)
        return as_condition(*missing);
    return value_bool(expr_compare(e->op, e->left->type, &a, &b));
}

static struct value in_set(const struct expr *e, const struct scene *scene)
{
    struct value v = evaluate(e->left, scene);
    if (v.state != VALUE_KNOWN)
        return as_condition(v);
    struct value otherwise = value_bool(false); /* unknown, if an item is */
    for (const struct expr *item = e->right; item != NULL; item = item->next) {
        if (item->op == EXPR_RANGE) {
            struct value low = evaluate(item->left, scene), high = evaluate(item->right, scene);
            const struct value *missing = not_known(&low, &high);
            if (missing != NULL && missing->state == VALUE_UNKNOWN)
                otherwise = *missing;
            if (low.state == VALUE_KNOWN && high.state == VALUE_KNOWN &&
                order(e->left->type, &low, &v) <= 0 && order(e->left->type, &v, &high) <= 0)
                return value_bool(true);
            continue;
        }
        struct value candidate = evaluate(item, scene);
        if (candidate.state == VALUE_UNKNOWN)
            otherwise = candidate;
        if (candidate.state == VALUE_KNOWN && order(e->left->type, &v, &candidate) == 0)
            return value_bool(true);
    }
    return otherwise;
}

static double as_double(enum value_type type, const struct value *v)
{
    return type == TYPE_DURATION ? (double)v->ns : v->number;
}

static struct value from_double(enum value_type type, double x)
{
    if (type == TYPE_NUMBER)
        return value_number(x);
    return value_duration(x >= 9e18 ? INT64_MAX : x <= -9e18 ? INT64_MIN + 2 : (int64_t)llround(x));
}

static struct value compute(const struct expr *e, const struct scene *scene)
{
    struct value a = evaluate(e->left, scene);
    struct value b = e->right != NULL ? evaluate(e->right, scene) : value_number(0);
    const struct value *missing = not_known(&a, &b);
    if (missing != NULL)
        return *missing;
    double x = as_double(e->left->type, &a);
    double y = e->right != NULL ? as_double(e->right->type, &b) : 0;
    switch (e->op) {
    case EXPR_ADD:
        return from_double(e->type, x + y);
    case EXPR_SUB:
        return from_double(e->type, x - y);
    case EXPR_MUL:
        return from_double(e->type, x * y);
    case EXPR_DIV:
        return y == 0 ? value_absent() : from_double(e->type, x / y);
    default:
        return from_double(e->type, -x);
    }
}

/* ---- functions over a group ------------------------------------------------------------- */

static struct value of_member(const struct expr *e, const struct group *group, size_t i)
{
    const struct subject subject = { group->members[i].record, group->members[i].exchange, NULL };
    return evaluate(e, &(struct scene){ &subject, NULL });
}

/* Of all members, where some are left out. */
static struct value estimated(const struct group *group, size_t count)
{
    return value_number(ldexp((double)count, (int)group->shift));
}

static size_t count_members(const struct expr *condition, const struct group *group,
                            size_t *known)
{
    size_t yes = 0;
    *known = 0;
    for (size_t i = 0; i < group->count; i++) {
        struct value v = as_condition(of_member(condition, group, i));
        *known += v.state == VALUE_KNOWN;
        yes += is(&v, true);
    }
    return yes;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The longest run of equal values, sorted; of two, the one of the smaller value. */
static size_t longest_run(const double *values, size_t n, size_t *at)
{
    size_t longest = 0;
    for (size_t start = 0, end; start < n; start = end) {
        for (end = start + 1; end < n && values[end] == values[start];)
            end++;
        if (end - start > longest) {
            longest = end - start;
            *at = start;
        }
    }
    return longest;
}

static struct value no_memory(const struct group *group)
{
    *group->failed = true;
    return value_absent();
}

static struct value statistic(const struct expr *e, const struct group *group)
{
    double *values = malloc((group->count + 1) * sizeof *values);
    if (values == NULL)
        return no_memory(group);
    size_t n = 0;
    for (size_t i = 0; i < group->count; i++) {
        struct value v = of_member(e->left, group, i);
        if (v.state == VALUE_KNOWN)
            values[n++] = as_double(e->left->type, &v);
    }
    struct value result = value_absent();
    if (n > 0) {
        qsort(values, n, sizeof *values, by_value);
        size_t mode = 0, run = longest_run(values, n, &mode);
        size_t at = e->function == FUNCTION_MIN      ? 0
                    : e->function == FUNCTION_MAX    ? n - 1
                    : e->function == FUNCTION_MEDIAN ? n / 2
                    : e->function == FUNCTION_MODE   ? mode
                                                     : (n * 95 + 99) / 100 - 1; /* nearest rank */
        if (e->function == FUNCTION_MEDIAN && n % 2 == 0) /* between the two in the middle */
            values[at] = (values[at - 1] + values[at]) / 2;
        result = e->function == FUNCTION_MODE_SHARE ? value_number((double)run / (double)n)
                                                    : from_double(e->type, values[at]);
    }
    free(values);
    return result;
}

static struct value fixed(const struct expr *e, const struct group *group)
{
    int64_t *times = malloc((group->count + 1) * sizeof *times);
    if (times == NULL)
        return no_memory(group);
    size_t n = 0;
    for (size_t i = 0; i < group->count; i++) {
        struct value v = of_member(e->left, group, i);
        if (v.state == VALUE_KNOWN)
            times[n++] = v.ns;
    }
    bool yes, ok = cluster_is_fixed(times, n, &yes);
    free(times);
    return ok ? value_bool(yes) : no_memory(group);
}

static struct value peak_of(const struct expr *e, const struct group *group)
{
    struct peak_event *events = malloc((group->count * 2 + 1) * sizeof *events);
    if (events == NULL)
        return no_memory(group);
    size_t n = 0;
    for (size_t i = 0; i < group->count; i++) {
        struct value v = of_member(e->left, group, i);
        if (v.state != VALUE_KNOWN)
            continue;
        events[n++] = (struct peak_event){ v.ns, +1 };
        events[n++] = (struct peak_event){ v.end_ns, -1 };
    }
    struct peak peak = peak_find(events, n);
    free(events);
    return estimated(group, peak.count);
}

/* From the first span's start to the last one's end. */
static struct value period_of(const struct expr *e, const struct group *group)
{
    struct value period = value_absent();
    for (size_t i = 0; i < group->count; i++) {
        struct value v = of_member(e->left, group, i);
        if (v.state != VALUE_KNOWN)
            continue;
        if (period.state != VALUE_KNOWN)
            period = v;
        if (v.ns < period.ns)
            period.ns = v.ns;
        if (v.end_ns > period.end_ns)
            period.end_ns = v.end_ns;
    }
    return period.state == VALUE_KNOWN ? value_duration(period.end_ns - period.ns) : period;
}

/* The value that all members share, else absent. */
static struct value same(const struct expr *e, const struct group *group)
{
    struct value first = value_absent();
    for (size_t i = 0; i < group->count; i++) {
        struct value v = of_member(e->left, group, i);
        if (v.state != VALUE_KNOWN)
            return value_absent();
        if (i == 0)
            first = v;
        else if (order(e->left->type, &first, &v) != 0)
            return value_absent();
    }
    return first;
}

static struct value call(const struct expr *e, const struct scene *scene)
{
    const struct group *group = scene->group;
    size_t known;
    switch (e->function) {
    case FUNCTION_ROUND: {
        struct value v = evaluate(e->left, scene);
        return v.state == VALUE_KNOWN ? value_bool(deadline_is_round(v.ns)) : as_condition(v);
    }
    case FUNCTION_LESSER:
    case FUNCTION_GREATER: {
        struct value a = evaluate(e->left, scene), b = evaluate(e->right, scene);
        const struct value *missing = not_known(&a, &b);
        if (missing != NULL)
            return *missing;
        return (order(e->type, &a, &b) < 0) == (e->function == FUNCTION_LESSER) ? a : b;
    }
    case FUNCTION_COUNT:
        return estimated(group, e->left == NULL ? group->count : count_members(e->left, group, &known));
    case FUNCTION_SHARE: {
        size_t yes = count_members(e->left, group, &known);
        return known == 0 ? value_absent() : value_number((double)yes / (double)known);
    }
    case FUNCTION_MEDIAN:
    case FUNCTION_P95:
    case FUNCTION_MIN:
    case FUNCTION_MAX:
    case FUNCTION_MODE:
    case FUNCTION_MODE_SHARE:
        return statistic(e, group);
    case FUNCTION_FIXED:
        return fixed(e, group);
    case FUNCTION_PEAK:
        return peak_of(e, group);
    case FUNCTION_SAME:
        return same(e, group);
    case FUNCTION_PERIOD:
        return period_of(e, group);
    }
    return value_absent();
}

static struct value evaluate(const struct expr *e, const struct scene *scene)
{
    switch (e->op) {
    case EXPR_LITERAL:
        return e->literal;
    case EXPR_FIELD: {
        const struct subject of_group = { .group = scene->group };
        return e->field->get(scene->group != NULL ? &of_group : scene->subject);
    }
    case EXPR_PARAMETER:
        return e->parameter->value;
    case EXPR_OR:
    case EXPR_AND:
        return logic(e, scene);
    case EXPR_NOT: {
        struct value v = as_condition(evaluate(e->left, scene));
        return v.state == VALUE_KNOWN ? value_bool(!v.truth) : v;
    }
    case EXPR_EQ:
    case EXPR_NE:
    case EXPR_LT:
    case EXPR_LE:
    case EXPR_GT:
    case EXPR_GE:
    case EXPR_CONTAINS:
        return compare(e, scene);
    case EXPR_IN:
        return in_set(e, scene);
    case EXPR_RANGE:
        break; /* only within a set */
    case EXPR_ADD:
    case EXPR_SUB:
    case EXPR_MUL:
    case EXPR_DIV:
    case EXPR_NEGATE:
        return compute(e, scene);
    case EXPR_CALL:
        return call(e, scene);
    }
    return value_absent();
}

bool expr_known_while_open(const struct expr *e)
{
    for (; e != NULL; e = e->next)
        if ((e->op == EXPR_FIELD && e->field->known != KNOWN_EARLY) ||
            !expr_known_while_open(e->left) || !expr_known_while_open(e->right))
            return false;
    return true;
}

bool expr_asks_for_scope(const struct expr *e, enum scope scope)
{
    for (; e != NULL; e = e->next)
        if ((e->op == EXPR_FIELD && e->field->scope == scope) || expr_asks_for_scope(e->left, scope) ||
            expr_asks_for_scope(e->right, scope))
            return true;
    return false;
}

struct value expr_value(const struct expr *expr, const struct subject *subject)
{
    return evaluate(expr, &(struct scene){ .subject = subject });
}

struct value expr_group_value(const struct expr *expr, const struct group *group)
{
    return evaluate(expr, &(struct scene){ .group = group });
}
