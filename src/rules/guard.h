/*
 * guard - which rules can hold at all for a connection, told from a few facts. Private to the floor.
 *
 * A rule is mostly an `and` with parts like `close.by == server`, and most connections fail one of
 * them. The facts that such parts look at are read once for all rules and set one bit each; a rule
 * whose parts exclude one of these bits cannot hold, nor can it be undecided (one `no` decides).
 */
#ifndef HANGUP_RULES_GUARD_H
#define HANGUP_RULES_GUARD_H

#include "rules/rule.h"

#define GUARD_MAX_FIELDS 24
#define GUARD_WORDS 4

struct guard_bits {
    uint64_t words[GUARD_WORDS];
};

struct guards {
    const struct field *fields[GUARD_MAX_FIELDS];
    unsigned first_bit[GUARD_MAX_FIELDS]; /* then one bit for each value, for absent, for unknown */
    size_t count;
    unsigned bits;
    struct guard_bits excluded[RULES_MAX]; /* by rule */
};

void guards_init(struct guards *guards, const struct rules *rules);

/* The facts of one connection, a bit for each. */
struct guard_bits guards_facts(const struct guards *guards, const struct record *record);

static inline bool guards_allow(const struct guards *guards, size_t rule,
                                const struct guard_bits *facts)
{
    const struct guard_bits *excluded = &guards->excluded[rule];
    uint64_t hit = 0;
    for (size_t w = 0; w < GUARD_WORDS; w++)
        hit |= excluded->words[w] & facts->words[w];
    return hit == 0;
}

#endif
