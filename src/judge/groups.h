/*
 * groups - what rules flag, gathered by rule, server and, where the rule says so, client. Private to the floor.
 *
 * Groups are fed as connections close and found by their key. What one keeps is bounded: of many connections a
 * sample, which is the same for every rule, order of closing and number of threads, since it is drawn by the number
 * of the connection's first packet alone.
 */
#ifndef HANGUP_JUDGE_GROUPS_H
#define HANGUP_JUDGE_GROUPS_H

#include "base/arena.h"
#include "base/siphash.h"
#include "base/slab.h"
#include "facts/record.h"
#include "rules/rule.h"

/* Up to so many hits of one group are kept, exactly; of more, those of every second connection, every fourth, and so
 * on. Shares and quantiles are then estimates: with 2,048 or more of any number, a share is off by more than 3 % of all
 * one time in a hundred. */
#define GROUP_MOST_HITS 4096

/* Of one connection, so many exchanges are kept in a group. */
#define GROUP_MOST_OF_CONNECTION 1024

/* A report shows one connection's timeline as the example: of each group the first ones keep theirs. */
#define GROUP_EXAMPLES 64

/* How far a hit of a group rule has come. */
enum hit_state {
    HIT_FREE,
    HIT_CANDIDATE, /* follows a timer of its own group */
    HIT_TOLD,      /* belongs to a finding */
};

/* Instead of a rule: no group of hits, but a server, and numbers of its connections. */
#define GROUP_SERVER UINT16_MAX

/* Of which ones: those on which it completed a response; on which messages were left unanswered, and it did not matter; on which it
 * answered HTTP in the clear; on which it spoke TLS. */
enum server_count { SERVER_ANSWERED, SERVER_ONE_WAY, SERVER_HTTP, SERVER_TLS, SERVER_COUNTS };

struct hit {
    struct record *record;
    struct exchange_facts *exchange; /* NULL in rules about connections */
    uint32_t number;  /* order of judgement: of one connection's exchanges, ties are broken by it */
    bool background;  /* of a group rule: counts for the group, but is not listed */
    uint8_t timer;    /* of a group rule that is about one timer: which of its group's */
    uint8_t state;    /* enum hit_state */
};

struct group_key {
    struct ip_address server, client; /* client: zero in rules that do not tell them apart */
    uint16_t server_port;
    uint16_t rule;
    uint16_t part; /* which value of the rule's `split`, plus 1; 0: none; of a text a hash */
    bool ipv6;
};

struct hit_group {
    struct group_key key;
    struct hit *items; /* by record, once groups_sorted was called */
    size_t count, capacity;
    uint32_t numbers;  /* hits so far */
    uint32_t of_server[SERVER_COUNTS]; /* GROUP_SERVER: connections */
    unsigned shift;    /* one connection of 2^shift is kept */
    uint64_t *firsts;  /* numbers of the first connections, which keep their timelines */
    size_t first_count, first_capacity;
    bool had_timers;   /* judging: its hits follow some */
    struct hit_group *next; /* in its bucket */
};

struct groups {
    const struct rules *rules;
    struct siphash_key key;
    struct slab slab;       /* of groups */
    struct slab exchanges;  /* of those that hits keep */
    struct hit_group **buckets;
    size_t bucket_count;    /* a power of two */
    size_t count;
    struct hit_group *last_server; /* that was looked for; NULL: none */
    bool failed;            /* out of memory */
};

bool groups_init(struct groups *groups, const struct rules *rules) WARN_UNUSED;
void groups_free(struct groups *groups);

/* A rule flags the connection, or the exchange (copied; what its texts point to lives as long as the tracker, but for
 * the target). Each hit that keeps the record adds 1 to record->held; record->example says whether the record's timeline is wanted.
 * false: so many exchanges of the connection are kept already. */
bool groups_add(struct groups *groups, size_t rule, struct record *record, const struct exchange_facts *exchange,
                bool background);

/* The record's connection is one of these of its server: a bit per enum server_count. */
void groups_count_server(struct groups *groups, const struct record *record, unsigned counts);

/* How many there are. */
uint32_t groups_server_count(struct groups *groups, const struct record *record, enum server_count what);

/* Takes over the hits of another part of the traffic; what they point to stays the other's. */
void groups_merge(struct groups *groups, struct groups *other);

/* All groups by rule, server and client, their hits by record; marks in record->example which connections a report
 * may show. In the arena; NULL: no memory. */
struct hit_group **groups_sorted(struct groups *groups, struct arena *arena, size_t *count);

/* Negative, 0, positive. */
int compare_servers(const struct group_key *a, const struct group_key *b);
int compare_clients(const struct group_key *a, const struct group_key *b);

#endif
