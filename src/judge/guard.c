#include "judge/guard.h"

#include <math.h>
#include <stdlib.h>

#include "base/vec.h"
#include "lang/expr_node.h"
#include "track/usual.h"

/* ---- one part of a rule's `and` --------------------------------------------------------------- */

enum part_kind { PART_OTHER, PART_CHOICE, PART_RANGE };

/* What a part demands of one field. */
struct part {
    enum part_kind kind;
    const struct field *field;
    uint64_t excluded; /* CHOICE: places (guard.h) with which it is a plain no */
    int64_t low, high; /* RANGE */
};

/* Places are bits, and one is for absence. */
#define MAX_CHOICES 63

static unsigned choice_count(const struct field *field)
{
    unsigned n = 0;
    if (field->type == TYPE_BOOL)
        return 2;
    while (n <= MAX_CHOICES && field->names[n] != NULL)
        n++;
    return n;
}

static unsigned choice_place(int64_t value)
{
    return value == NS_ABSENT ? 0 : (unsigned)value + 1;
}

/* The value of a literal or parameter; NULL: it is neither. */
static const struct value *constant(const struct expr *e)
{
    const struct value *value = e->op == EXPR_LITERAL     ? &e->literal
                                : e->op == EXPR_PARAMETER ? &e->parameter->value
                                                          : NULL;
    return value != NULL && value->state == VALUE_KNOWN ? value : NULL;
}

/* The places of what a comparison or set lists. false: it is not all constants. */
static bool listed_places(const struct expr *e, uint64_t *places)
{
    *places = 0;
    for (const struct expr *item = e->right; item != NULL; item = e->op == EXPR_IN ? item->next : NULL) {
        const struct value *value = constant(item);
        if (value == NULL)
            return false;
        *places |= UINT64_C(1) << choice_place(item->type == TYPE_BOOL ? value->truth : value->choice);
    }
    return true;
}

static struct part choice_part(const struct expr *e, const struct field *field)
{
    struct part part = { .kind = PART_CHOICE, .field = field };
    unsigned count = choice_count(field);
    uint64_t yes = UINT64_C(1) << choice_place(true);
    bool compares = e->op == EXPR_EQ || e->op == EXPR_NE || e->op == EXPR_IN;
    if (count > MAX_CHOICES || (compares && !listed_places(e, &yes)))
        return (struct part){ .kind = PART_OTHER };
    uint64_t absent = 1, all = (UINT64_C(2) << count) - 1;
    if (e->op == EXPR_NOT)
        part.excluded = yes; /* what does not apply is a no, and its negation a yes */
    else
        part.excluded = e->op == EXPR_NE ? yes | absent : all & ~yes;
    return part;
}

/* Up to here, every whole number is a double. */
#define MAX_BOUND (INT64_C(1) << 53)

static struct part range_part(const struct expr *e, const struct field *field)
{
    struct part part = { .kind = PART_RANGE, .field = field, .low = NS_UNKNOWN + 1, .high = INT64_MAX };
    const struct value *bound = constant(e->right);
    double x = bound == NULL ? NAN : field->type == TYPE_DURATION ? (double)bound->ns : bound->number;
    if (!(fabs(x) < (double)MAX_BOUND))
        return (struct part){ .kind = PART_OTHER };
    int64_t down = (int64_t)floor(x), up = (int64_t)ceil(x);
    if (e->op == EXPR_EQ && down != up) /* a range is not empty */
        return (struct part){ .kind = PART_OTHER };
    if (e->op == EXPR_EQ || e->op == EXPR_GE)
        part.low = up;
    if (e->op == EXPR_EQ || e->op == EXPR_LE)
        part.high = down;
    if (e->op == EXPR_GT)
        part.low = down + 1;
    if (e->op == EXPR_LT)
        part.high = up - 1;
    return part;
}

static struct part part_of(enum scope scope, const struct expr *e)
{
    const struct expr *operand = e->op == EXPR_FIELD ? e : e->left;
    const struct field *field = operand != NULL && operand->op == EXPR_FIELD ? operand->field : NULL;
    if (field == NULL || field->scope != scope)
        return (struct part){ .kind = PART_OTHER };
    bool ordered = e->op == EXPR_EQ || (e->op >= EXPR_LT && e->op <= EXPR_GE);
    if ((field->type == TYPE_NUMBER || field->type == TYPE_DURATION) && ordered)
        return range_part(e, field);
    bool chosen = e->op == EXPR_FIELD || e->op == EXPR_NOT || e->op == EXPR_EQ || e->op == EXPR_NE ||
                  e->op == EXPR_IN;
    if ((field->type == TYPE_BOOL || field->type == TYPE_ENUM) && chosen)
        return choice_part(e, field);
    return (struct part){ .kind = PART_OTHER };
}

/* Is the part a plain no for whatever is usual? */
static bool is_part_unusual(const struct part *part)
{
    if (part->kind == PART_OTHER || !part->field->usual.known)
        return false;
    int64_t low = part->field->usual.low, high = part->field->usual.high;
    if (part->kind == PART_RANGE)
        return high < part->low || low > part->high;
    uint64_t places = low == NS_ABSENT;
    for (int64_t value = low == NS_ABSENT ? 0 : low; value <= high; value++)
        places |= UINT64_C(1) << choice_place(value);
    return (places & ~part->excluded) == 0;
}

static bool is_unusual(enum scope scope, const struct expr *e)
{
    if (e->op == EXPR_AND)
        return is_unusual(scope, e->left) || is_unusual(scope, e->right);
    if (e->op == EXPR_OR)
        return is_unusual(scope, e->left) && is_unusual(scope, e->right);
    struct part part = part_of(scope, e);
    return is_part_unusual(&part);
}

/* ---- compiling ------------------------------------------------------------------------------ */

/* What is being compiled: a rule of a word. */
struct compiler {
    struct arena *arena;
    struct guard_word *word;
    enum scope scope;
    uint64_t rule;
    bool failed; /* no memory */
};

/* NULL: the field has none. */
static struct guard_choice *find_choice(const struct guard_word *word, const struct field *field)
{
    for (size_t i = 0; i < word->choices.count; i++)
        if (word->choices.items[i].field == field)
            return &word->choices.items[i];
    return NULL;
}

static struct guard_choice *choice_of(struct compiler *c, const struct field *field)
{
    struct guard_choice *choice = find_choice(c->word, field);
    if (choice != NULL)
        return choice;
    uint64_t *excluded = arena_alloc(c->arena, (choice_count(field) + 1) * sizeof *excluded);
    c->failed |= excluded == NULL || !VEC_ROOM(&c->word->choices);
    if (c->failed)
        return NULL;
    choice = &c->word->choices.items[c->word->choices.count++];
    *choice = (struct guard_choice){ field, 0, excluded };
    return choice;
}

static void add_choices(struct compiler *c, const struct expr *e)
{
    if (e->op == EXPR_AND) {
        add_choices(c, e->left);
        add_choices(c, e->right);
        return;
    }
    struct part part = part_of(c->scope, e);
    struct guard_choice *choice = part.kind == PART_CHOICE ? choice_of(c, part.field) : NULL;
    if (choice == NULL)
        return;
    choice->asking |= c->rule;
    for (unsigned place = 0; place <= choice_count(part.field); place++)
        choice->excluded[place] |= part.excluded >> place & 1 ? c->rule : 0;
}

static int by_rules_asking(const void *a, const void *b)
{
    const struct guard_choice *x = a, *y = b;
    return __builtin_popcountll(y->asking) - __builtin_popcountll(x->asking);
}

/* What fewer rules ask for is cheaper as a step: most of them are excluded when its turn comes. */
#define SHARED 4

static void keep_shared_choices(struct guard_word *word)
{
    if (word->choices.count == 0)
        return;
    qsort(word->choices.items, word->choices.count, sizeof *word->choices.items, by_rules_asking);
    while (word->choices.count > 0 &&
           __builtin_popcountll(word->choices.items[word->choices.count - 1].asking) < SHARED)
        word->choices.count--;
}

static int add_step(struct compiler *c, const struct field *field, int64_t low, int64_t high, int on_no,
                    int otherwise)
{
    if (!VEC_ROOM(&c->word->steps)) {
        c->failed = true;
        return otherwise;
    }
    size_t at = c->word->steps.count++;
    c->word->steps.items[at] = (struct guard_step){ field->get_integer, low, (uint64_t)high - (uint64_t)low,
                                                    on_no, otherwise };
    return (int)at;
}

/* One step for each run of values that are not excluded. */
static int choice_steps(struct compiler *c, const struct part *part, int on_no, int otherwise)
{
    int at = on_no;
    unsigned places = choice_count(part->field) + 1;
    for (unsigned low = 0, high; low < places; low = high + 1) {
        for (high = low; high < places && !(part->excluded >> high & 1);)
            high++;
        if (high > low)
            at = add_step(c, part->field, low == 0 ? NS_ABSENT : (int64_t)low - 1, (int64_t)high - 2, at,
                          otherwise);
    }
    return at;
}

/* The first step of an expression, given where its answers lead. What cannot be asked may be anything. */
static int steps_of(struct compiler *c, const struct expr *e, int on_no, int otherwise)
{
    if (e->op == EXPR_AND)
        return steps_of(c, e->left, on_no, steps_of(c, e->right, on_no, otherwise));
    if (e->op == EXPR_OR)
        return steps_of(c, e->left, steps_of(c, e->right, on_no, otherwise), otherwise);
    struct part part = part_of(c->scope, e);
    if (part.kind == PART_OTHER)
        c->word->exact &= ~c->rule;
    if (part.kind == PART_OTHER || on_no == otherwise)
        return otherwise;
    return part.kind == PART_CHOICE ? choice_steps(c, &part, on_no, otherwise)
                                    : add_step(c, part.field, part.low, part.high, on_no, otherwise);
}

/* The first step of a rule. */
static int rule_steps(struct compiler *c, const struct expr *e, int otherwise)
{
    if (e->op == EXPR_AND)
        return rule_steps(c, e->left, rule_steps(c, e->right, otherwise));
    struct part part = part_of(c->scope, e);
    bool shared = part.kind == PART_CHOICE && find_choice(c->word, part.field) != NULL;
    return shared ? otherwise : steps_of(c, e, GUARD_NO, otherwise);
}

static const struct expr *condition(const struct rule *rule)
{
    return rule->scope == SCOPE_GROUP ? rule->members : rule->when;
}

bool guards_init(struct guards *guards, const struct rules *rules, const struct rule_set_bits *set,
                 enum scope scope)
{
    *guards = (struct guards){ 0 };
    struct compiler c = { .arena = &guards->arena, .scope = scope };
    for (size_t at = 0; at < RULE_WORDS; at++) {
        c.word = &guards->words[at];
        c.word->exact = set->words[at];
        for (uint64_t left = c.word->exact; left != 0; left &= left - 1) {
            c.rule = left & -left;
            add_choices(&c, condition(rules->items[rule_bits_first(at, left)]));
        }
        keep_shared_choices(c.word);
        for (uint64_t left = set->words[at]; left != 0; left &= left - 1) {
            size_t rule = rule_bits_first(at, left);
            c.rule = left & -left;
            const struct expr *e = condition(rules->items[rule]);
            c.word->first[rule % 64] = rule_steps(&c, e, GUARD_MAYBE);
            c.word->unusual |= is_unusual(scope, e) ? c.rule : 0;
        }
    }
    return !c.failed;
}

void guards_free(struct guards *guards)
{
    for (size_t i = 0; i < RULE_WORDS; i++) {
        free(guards->words[i].choices.items);
        free(guards->words[i].steps.items);
    }
    arena_free(&guards->arena);
}

/* ---- asking --------------------------------------------------------------------------------- */

/* Where all that was asked is known, Kleene's logic is the common one: a rule of which every part is asked
 * holds, if it is not excluded. */
struct guard_answer guards_ask(const struct guard_word *word, uint64_t asked,
                               const struct subject *subject)
{
    struct guard_answer answer = { asked, word->exact };
    for (size_t i = 0; i < word->choices.count; i++) {
        const struct guard_choice *choice = &word->choices.items[i];
        if ((choice->asking & answer.left) == 0)
            continue;
        int64_t value = choice->field->get_integer(subject);
        if (value == NS_UNKNOWN)
            answer.held &= ~choice->asking;
        else
            answer.left &= ~choice->excluded[choice_place(value)];
    }
    const struct guard_step *steps = word->steps.items;
    for (uint64_t left = answer.left; left != 0; left &= left - 1) {
        uint64_t rule = left & -left;
        int at = word->first[__builtin_ctzll(left)];
        while (at >= 0) {
            const struct guard_step *step = &steps[at];
            int64_t value = step->get(subject);
            at = step->otherwise;
            if (value == NS_UNKNOWN)
                answer.held &= ~rule;
            else if ((uint64_t)value - (uint64_t)step->low > step->span)
                at = step->on_no;
        }
        if (at == GUARD_NO)
            answer.left &= ~rule;
    }
    answer.held &= answer.left;
    return answer;
}
