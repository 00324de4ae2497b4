/*
 * guard - which rules can hold at all for a connection, or an exchange. Private to the floor.
 *
 * A rule is mostly an `and` with parts like `close.by == server`, and most connections fail one of them. A
 * rule with one part that is plainly false is neither true nor undecided. The parts that compare one fact
 * with constants are compiled into what is cheaper than the walk through the whole expression:
 *
 * - Booleans and names that several rules ask for are asked once: sets of rules are bitmaps, and each value
 *   takes out the rules that it excludes.
 * - The other parts of a rule are steps, each of which leads to another or to the answer.
 * - Of most rules it is known beforehand that they hold for nothing usual (usual.h).
 */
#ifndef HANGUP_JUDGE_GUARD_H
#define HANGUP_JUDGE_GUARD_H

#include "rules/rule.h"

/* A boolean or name that several rules ask for: each of its values excludes some of them. */
struct guard_choice {
    const struct field *field;
    uint64_t asking;
    uint64_t *excluded; /* by place: 0 if the fact is absent, else its value + 1 */
};

/* Where steps end. */
#define GUARD_NO (-1)
#define GUARD_MAYBE (-2)

/* One comparison: a known value outside of `low` to `low + span` is a no. */
struct guard_step {
    int64_t (*get)(const struct subject *subject);
    int64_t low;
    uint64_t span;
    int on_no, otherwise; /* the next step, or an end */
};

/* Guards of 64 rules. */
struct guard_word {
    struct {
        struct guard_choice *items;
        size_t count, capacity;
    } choices; /* those that most rules ask for first */
    struct {
        struct guard_step *items;
        size_t count, capacity;
    } steps;
    int first[64];    /* by rule: the step that its other parts begin with */
    uint64_t exact;   /* rules of which every part is asked */
    uint64_t unusual; /* rules that hold for nothing usual (usual.h) */
};

struct guards {
    struct guard_word words[RULE_WORDS];
    struct arena arena;
};

/* Rules of which no part is a plain no, and those among them that hold for sure. */
struct guard_answer {
    uint64_t left, held;
};

/* Guards of the rules in `set`, as far as they ask for facts of the scope: of a connection, or of an
 * exchange. false: no memory. */
bool guards_init(struct guards *guards, const struct rules *rules, const struct rule_set_bits *set,
                 enum scope scope) WARN_UNUSED;
void guards_free(struct guards *guards);

/* Asks for `asked` of the 64 rules of a word. */
struct guard_answer guards_ask(const struct guard_word *word, uint64_t asked,
                               const struct subject *subject);

#endif
