/*
 * hits - what the engine's steps share: judging (engine.c), grouping (groups.c), telling (findings.c).
 * Private to the floor.
 */
#ifndef HANGUP_JUDGE_HITS_H
#define HANGUP_JUDGE_HITS_H

#include "judge/engine.h"
#include "judge/guard.h"

/* A report shows one connection's timeline as the example. Of the connections that only a group rule
 * may want, the first ones of each rule keep theirs. */
#define GROUP_EXAMPLES 64

struct examples {
    struct record *records[GROUP_EXAMPLES];
    size_t count;
};

struct hit {
    const struct record *record;
    const struct exchange_facts *exchange;
    const struct deadline *deadline; /* of a group rule's group, before it was narrowed down */
    uint64_t number;                 /* order of judgement: ties are broken by it */
    uint16_t rule;
    uint8_t timer;  /* of a group rule that is about one timer: which of the group's */
    bool explained; /* another finding tells it */
    bool background; /* of a group rule: counts for the group, but is not listed */
    struct rule_set_bits also;
};

struct engine {
    const struct rules *rules;
    struct guards guards;          /* by facts of the connection */
    struct guards exchange_guards; /* by facts of the exchange */
    struct rule_set_bits all;
    struct rule_set_bits exchange_rules;
    struct rule_set_bits early_rules; /* those about exchanges, whatever the close */
    struct arena arena; /* exchanges, texts, findings' arrays */
    struct {
        struct hit *items;
        size_t count, capacity;
    } hits;             /* of rules about connections and exchanges; members of groups */
    struct {
        struct finding *items;
        size_t count, capacity;
    } findings;
    struct {
        struct undecided *items;
        size_t count, capacity;
    } undecided;
    struct examples *examples; /* by rule */
    size_t *members;           /* of group rules, by rule */
    size_t parts;
    bool crowded;
    struct record unfinished; /* what early_rules see of the connection: protocol, open_seen, rtt */
    bool failed; /* out of memory while judging */
};

/* ---- groups.c --------------------------------------------------------------------------------- */

int compare_ends(const struct record *a, const struct record *b, enum end_role role, bool with_port);

/* Sorts hits so that groups, that is findings, stand together. */
void sort_groups(struct engine *engine);

/* Length of the group that begins at `start` in the sorted hits. */
size_t group_length(const struct engine *engine, size_t start);

/* The timer of a group; not found if the rule looks for none. */
struct deadline group_deadline(struct engine *engine, const struct rule *rule, const struct hit *hits,
                               size_t count);

/* Drops the members of group rules that do not hold. */
void judge_groups(struct engine *engine);

/* One incident is told once: marks the hits that others explain. */
void explain_hits(struct engine *engine);

/* ---- findings.c ------------------------------------------------------------------------------- */

/* Makes a finding of each group, worst first. */
void make_findings(struct engine *engine);

#endif
