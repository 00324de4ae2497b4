/*
 * run - one analysis while it goes on: packets in, time passes, findings out. All state hangs on one object;
 * several may live side by side.
 *
 *     run_new, then run_feed and run_tick as often as there is something, then run_finish.
 *
 * Files, live traffic and tests feed the same object; whether it works in one thread or several is its own affair.
 */
#ifndef HANGUP_RUN_RUN_H
#define HANGUP_RUN_RUN_H

#include "base/block.h"
#include "judge/engine.h"

#define RUN_MAX_THREADS 64

/* Most packets of one call of run_feed. */
#define RUN_BATCH 256

struct shards;

struct run {
    const struct rules *rules;
    struct intake intake;    /* counts of packets */
    struct tracker *tracker; /* with all counts, after run_finish */
    struct engine *engine;   /* with all findings, likewise */
    struct shards *shards;   /* private; NULL: one thread */
    bool failed;             /* run_finish tells why */
    struct err err;
};

/* threads: that follow connections, besides the caller's; 0, 1: the caller's does all. The rules must outlive the run.
 * NULL: err tells. */
struct run *run_new(const struct rules *rules, const struct tracker_options *options, size_t threads,
                    struct err *err) WARN_UNUSED;

/* The next packets, in order of time, RUN_BATCH at most. With threads, `block` holds their bytes. false: the run takes
 * no more, and run_finish tells why. */
bool run_feed(struct run *run, const struct packet *packets, size_t count, struct block *block);

/* No packet has come up to this time: connections that have waited long enough are judged. Likewise. */
bool run_tick(struct run *run, int64_t now_ns);

enum run_result {
    RUN_OK,
    RUN_FAILED,  /* err tells */
    RUN_CROWDED, /* a limit was met which only a single thread can apply: begin again with one */
};

/* No more packets: what is open is judged too, and the findings are made. */
enum run_result run_finish(struct run *run, struct err *err);

void run_free(struct run *run); /* NULL is fine */

#endif
