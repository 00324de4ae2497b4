/*
 * engine_private - what the engine's steps share: judging as connections close (engine.c), judging groups and finding their
 * timers (judge_groups.c, server_timers.c), one story for one incident (explain.c), telling (findings.c). Private to the floor.
 */
#ifndef HANGUP_JUDGE_ENGINE_PRIVATE_H
#define HANGUP_JUDGE_ENGINE_PRIVATE_H

#include "judge/engine.h"
#include "judge/groups.h"
#include "judge/moments.h"
#include "judge/guard.h"
#include "judge/server_timers.h"
#include "judge/strays.h"

/* Hits that are looked at together: those of a group, or of several. */
struct pool {
    struct hit **hits;
    size_t count;
    unsigned shift; /* the coarsest of theirs */
};

/* All hits of a group, in the arena. */
struct pool pool_of(struct engine *engine, struct hit_group *group);

/* The timers of the pool's connections, and by hit which it follows. NULL: no memory. groups: so many pools are asked. */
const uint8_t *pool_timers(struct engine *engine, const struct rule *rule, const struct pool *pool, size_t groups,
                           struct deadlines *deadlines);

/* Hits that become one finding. */
struct told {
    const struct rule *rule;
    size_t index;           /* of the rule */
    struct hit *const *hits; /* by record */
    size_t count;
    unsigned shift;         /* as in struct hit_group */
    struct deadlines deadlines;
    const uint8_t *timer_of; /* by hit: which of them it follows, or DEADLINE_NO_TIMER */
    enum together together;
};

struct engine {
    const struct rules *rules;
    struct guards guards;          /* by facts of the connection */
    struct guards exchange_guards; /* by facts of the exchange */
    struct rule_set_bits all;
    struct rule_set_bits exchange_rules;
    struct rule_set_bits early_rules; /* those about exchanges, whatever the close */
    struct arena arena; /* texts, findings' arrays */
    struct groups groups;
    struct {
        struct told *items;
        size_t count, capacity;
    } told;
    struct {
        struct finding *items;
        size_t count, capacity;
    } findings;
    struct {
        struct undecided *items;
        size_t count, capacity;
    } undecided;
    struct {
        const struct choice **items;
        size_t count, capacity;
    } chosen;
    struct server_timers server_timers;
    struct moments moments; /* while groups are judged */
    struct strays strays;
    size_t twins; /* flagged connections that are the same as another on other addresses */
    bool failed; /* out of memory while judging */
};

/* The rule cannot be judged on that connection. */
void note_undecided(struct engine *engine, const struct rule *rule, const char *because, uint64_t record_id);

/* From what was flagged to what has to be told: engine->told. */
void judge_groups(struct engine *engine);

/* One incident is told once: notes which rules flag each connection, before the next two may be asked. */
void explain_begin(struct engine *engine);
/* Does another finding tell what this rule would tell of the connection? */
bool is_explained(const struct record *record, size_t rule);
/* The rules that this one explains there. */
struct rule_set_bits rules_explained_by(const struct engine *engine, const struct record *record, size_t rule);

/* Makes a finding of each that has to be told, worst first. */
void make_findings(struct engine *engine);

#endif
