#include "rules/analysis.h"

#include <stdlib.h>

#define BATCH_PACKETS 256
#define PROGRESS_PACKETS (1 << 18)

static bool read_all(struct analysis *analysis, const struct analysis_progress *progress,
                     struct err *err)
{
    struct packet batch[BATCH_PACKETS];
    uint64_t packets = 0, told = 0;
    size_t count;
    do {
        if (!capture_set_read(analysis->captures, batch, BATCH_PACKETS, &count, err))
            return false;
        if (!tracker_packets(analysis->tracker, batch, count, err))
            return false;
        packets += count;
        if (progress != NULL && packets - told >= PROGRESS_PACKETS) {
            progress->report(progress->context, packets);
            told = packets;
        }
    } while (count > 0);
    return tracker_finish(analysis->tracker, err) && engine_finish(analysis->engine, err);
}

struct analysis *analysis_run(struct capture_set *captures, const struct rules *rules,
                              const struct tracker_options *options,
                              const struct analysis_progress *progress, struct err *err)
{
    struct analysis *analysis = calloc(1, sizeof *analysis);
    if (analysis == NULL) {
        capture_set_close(captures);
        err_no_memory(err);
        return NULL;
    }
    analysis->rules = rules;
    analysis->captures = captures;
    analysis->engine = engine_new(rules, err);
    if (analysis->engine != NULL) {
        struct tracker_sink sink = engine_sink(analysis->engine);
        analysis->tracker = tracker_new(options, &sink, err);
    }
    if (analysis->tracker != NULL && read_all(analysis, progress, err))
        return analysis;
    analysis_free(analysis);
    return NULL;
}

void analysis_free(struct analysis *analysis)
{
    if (analysis == NULL)
        return;
    tracker_free(analysis->tracker);
    engine_free(analysis->engine);
    capture_set_close(analysis->captures);
    free(analysis);
}
