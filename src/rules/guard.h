/*
 * guard - which rules can hold at all for a connection. Private to the floor.
 *
 * A rule is mostly an `and` with parts like `close.by == server`, and most connections fail one of them. Of
 * a rule of which a part is a plain no neither yes nor undecided can come. Two sieves find these:
 *
 * - Facts with few values (of the connection, or of one exchange) set one bit each, read once for all rules; a rule knows the bits that
 *   exclude it.
 * - Other parts that look at the connection alone are tests; rules share them, and each is evaluated
 *   at most once for a connection.
 */
#ifndef HANGUP_RULES_GUARD_H
#define HANGUP_RULES_GUARD_H

#include "rules/rule.h"

#define GUARD_MAX_FIELDS 32
#define GUARD_WORDS 4
#define GUARD_MAX_TESTS 512

struct guard_bits {
    uint64_t words[GUARD_WORDS];
};

struct guard_node; /* tests joined by `and` and `or` */

struct guards {
    enum scope scope; /* CONNECTION, or EXCHANGE: facts of exchanges, bits only */
    const struct field *fields[GUARD_MAX_FIELDS];
    unsigned first_bit[GUARD_MAX_FIELDS]; /* then one bit for each value, for absent, for unknown */
    size_t field_count;
    unsigned bits;
    struct guard_bits excluded[RULES_MAX];     /* by rule */
    const struct expr *tests[GUARD_MAX_TESTS]; /* all different */
    size_t test_count;
    const struct guard_node *nodes[RULES_MAX]; /* by rule; NULL: no test can decide */
    struct arena arena;
};

/* What is known of one connection, or exchange. */
struct guard_answers {
    struct guard_bits facts;
    uint8_t test[GUARD_MAX_TESTS]; /* 0: not asked yet; 1: a plain no; 2: anything else */
};

void guards_init(struct guards *guards, const struct rules *rules, enum scope scope);
void guards_free(struct guards *guards);

void guards_begin(const struct guards *guards, const struct subject *subject,
                  struct guard_answers *answers);

/* Can the rule hold, or be undecided? */
bool guards_allow(const struct guards *guards, size_t rule, const struct subject *subject,
                  struct guard_answers *answers);

#endif
