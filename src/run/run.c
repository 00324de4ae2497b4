#include "run/run.h"

#include <stdlib.h>

#include "run/shards.h"

struct run *run_new(const struct rules *rules, const struct tracker_options *options, size_t threads, struct err *err)
{
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        err_no_memory(err);
        return NULL;
    }
    run->rules = rules;
    if (!intake_init(&run->intake, err)) {
        run_free(run);
        return NULL;
    }
    if (threads > 1) {
        run->shards = shards_new(threads, rules, options, err);
    } else if ((run->engine = engine_new(rules, err)) != NULL) {
        struct tracker_sink sink = engine_sink(run->engine);
        run->tracker = tracker_new(options, &sink, err);
    }
    if (run->shards != NULL || run->tracker != NULL)
        return run;
    run_free(run);
    return NULL;
}

bool run_feed(struct run *run, const struct packet *packets, size_t count, struct block *block)
{
    struct intake_segment segments[RUN_BATCH];
    size_t n = intake_packets(&run->intake, packets, count, segments);
    if (n == 0 || run->failed)
        return !run->failed;
    if (run->shards != NULL) {
        run->failed = !shards_feed(run->shards, segments, n, block, run->intake.first_ns);
    } else {
        tracker_begin(run->tracker, run->intake.first_ns);
        run->failed = !tracker_segments(run->tracker, segments, n, &run->err);
    }
    return !run->failed;
}

bool run_tick(struct run *run, int64_t now_ns)
{
    if (now_ns > run->intake.now_ns && !run->failed)
        run->failed = run->shards != NULL ? !shards_tick(run->shards, now_ns)
                                          : !tracker_tick(run->tracker, now_ns, &run->err);
    return !run->failed;
}

static enum run_result finish_alone(struct run *run, struct err *err)
{
    *err = run->err;
    if (run->failed)
        return RUN_FAILED;
    tracker_begin(run->tracker, run->intake.first_ns); /* there may have been no segment */
    if (!tracker_finish(run->tracker, run->intake.now_ns, err))
        return RUN_FAILED;
    tracker_number(run->tracker, run->tracker);
    return RUN_OK;
}

enum run_result run_finish(struct run *run, struct err *err)
{
    enum run_result result =
        run->shards != NULL ? shards_finish(run->shards, run->intake.first_ns, run->intake.now_ns, &run->tracker,
                                            &run->engine, err)
                            : finish_alone(run, err);
    return result != RUN_OK || (tracker_conclude(run->tracker, err) && engine_finish(run->engine, err)) ? result : RUN_FAILED;
}

void run_free(struct run *run)
{
    if (run == NULL)
        return;
    if (run->shards != NULL) {
        shards_free(run->shards);
    } else {
        tracker_free(run->tracker);
        engine_free(run->engine);
    }
    free(run);
}
