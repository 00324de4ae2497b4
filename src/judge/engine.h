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
    uint8_t timer;                         /* of the finding's; DEADLINE_NO_TIMER: it follows none */
};

/* One of a finding's timers. */
struct finding_timer {
    struct deadline deadline;
    struct known_default known[KNOWN_DEFAULTS_MAX]; /* what it fits, best first */
    size_t known_count;
};

struct finding_texts {
    const char **items; /* count */
    size_t count;
};

struct finding {
    const struct rule *rule;
    const char *confidence, *accountable;
    const char *what, *cause;         /* cause "" if the rule has none */
    struct finding_texts fixes;
    struct finding_texts supports, contradicts; /* clues for and against it */
    struct rule_set_bits also;
    struct finding_timer *timers;     /* of its connections, the strongest first */
    size_t timer_count;
    bool same_client;                 /* all connections share the client's address */
    bool same_server;                 /* and this server's address and port */
    struct finding_connection *connections; /* in order of their first packets */
    size_t entries; /* in the array: one for each exchange in rules about these */
    size_t count;   /* different connections */
    bool multiplexed; /* on some of them several requests may be under way at a time */
    size_t inferred; /* of `entries`: connections whose exchanges are inferred */
    unsigned shift; /* they are a sample: one of 2^shift is listed, and `count` is an estimate; 0: all are */
    int64_t first_ns, last_ns;        /* of the closes (or openings, while open) */
    /* The finding (an information) about the timer that caused this one: it is told inside of this one, and not by itself. */
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

/* The rules must outlive the engine. */
struct engine *engine_new(const struct rules *rules, struct err *err) WARN_UNUSED;

/* The sink to give to the tracker. */
struct tracker_sink engine_sink(struct engine *engine);

/* Takes over what another engine with the same rules found in its part of the traffic. `other` must
 * outlive `engine`. */
bool engine_merge(struct engine *engine, struct engine *other, struct err *err) WARN_UNUSED;

/* After tracker_finish and merging: makes the findings, worst first. */
bool engine_finish(struct engine *engine, struct err *err) WARN_UNUSED;

const struct finding *engine_findings(const struct engine *engine, size_t *count);
/* The alternatives of rules' texts that were told, each once. */
const struct choice *const *engine_chosen(const struct engine *engine, size_t *count);

/* Flagged connections that the capture shows twice, before and after a translation of addresses: they are told once. */
size_t engine_twins(const struct engine *engine);

const struct undecided *engine_undecided(const struct engine *engine, size_t *count);

void engine_free(struct engine *engine);

#endif
