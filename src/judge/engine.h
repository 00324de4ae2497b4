/*
 * engine - connections -> hits of rules -> findings.
 *
 * Rules about connections and exchanges are judged while the connection is at hand; rules about
 * groups when all are over. What one rule flags for one server (and, where the rule says so, one
 * client) is one finding.
 */
#ifndef HANGUP_JUDGE_ENGINE_H
#define HANGUP_JUDGE_ENGINE_H

#include "track/tracker.h"
#include "rules/rule.h"
#include "rules/timers.h"

struct finding_connection {
    const struct record *record;
    const struct exchange_facts *exchange; /* of the lost request; NULL in rules without */
    struct rule_set_bits also;             /* rules that this finding explains here */
};

struct finding {
    const struct rule *rule;
    const char *confidence, *accountable;
    const char *what, *cause;         /* cause "" if the rule has none */
    const char **fixes;               /* fix_count */
    size_t fix_count;
    struct rule_set_bits also;
    struct deadline deadline;
    struct known_default known[KNOWN_DEFAULTS_MAX]; /* what the deadline fits, best first */
    size_t known_count;
    bool same_client;                 /* all connections share the client's address */
    struct finding_connection *connections; /* in order of their first packets */
    size_t entries; /* in the array: one for each exchange in rules about these */
    size_t count;   /* different connections */
    int64_t first_ns, last_ns;        /* of the closes (or openings, while open) */
    /* The timer behind it, where that is only information: told here and not once more. */
    const struct finding *behind;
};

/* A rule that could not be judged on some connections, and why. */
struct undecided {
    const struct rule *rule;
    const char *because;
    uint64_t connections;
    uint64_t last_record; /* to count a connection once; internal */
};

struct engine;

/* Members that one group rule is judged on, about a KiB each; of more, the report says that they were not. */
#define ENGINE_MAX_MEMBERS 250000

/* The rules must outlive the engine. parts: of so many engines that share the limit. */
struct engine *engine_new(const struct rules *rules, size_t parts, struct err *err) WARN_UNUSED;

/* One of several engines came to its part of the limit: which members are left out, only a single one
 * can tell. */
bool engine_crowded(const struct engine *engine);

/* The sink to give to the tracker. */
struct tracker_sink engine_sink(struct engine *engine);

/* Takes over what another engine with the same rules found in its part of the traffic. `other` must
 * outlive `engine`. */
bool engine_merge(struct engine *engine, struct engine *other, struct err *err) WARN_UNUSED;

/* After tracker_finish and merging: makes the findings, worst first. */
bool engine_finish(struct engine *engine, struct err *err) WARN_UNUSED;

const struct finding *engine_findings(const struct engine *engine, size_t *count);
const struct undecided *engine_undecided(const struct engine *engine, size_t *count);

void engine_free(struct engine *engine);

#endif
