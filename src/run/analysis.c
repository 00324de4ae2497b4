#include "run/analysis.h"

#include <stdlib.h>

#include "run/shards.h"

#define PROGRESS_PACKETS (1 << 18)

/* Where segments go: the one tracker, or the shards. false: it takes no more. */
static bool take(struct analysis *analysis, const struct intake_segment *segments, size_t count,
                 struct err *err)
{
    if (analysis->shards != NULL)
        return shards_feed(analysis->shards, segments, count,
                           capture_set_block(analysis->captures), analysis->intake.first_ns);
    tracker_begin(analysis->tracker, analysis->intake.first_ns);
    return tracker_segments(analysis->tracker, segments, count, err);
}

/* false: reading or taking failed; *taken tells which. */
static bool read_packets(struct analysis *analysis, const struct analysis_progress *progress,
                         bool *taken, struct err *err)
{
    struct packet batch[SHARDS_BATCH];
    struct intake_segment segments[SHARDS_BATCH];
    uint64_t told = 0;
    size_t count;
    *taken = true;
    do {
        if (!capture_set_read(analysis->captures, batch, SHARDS_BATCH, &count, err))
            return false;
        size_t n = intake_packets(&analysis->intake, batch, count, segments);
        if (n > 0 && !take(analysis, segments, n, err)) {
            *taken = false;
            return false;
        }
        if (progress != NULL && analysis->intake.packets - told >= PROGRESS_PACKETS) {
            told = analysis->intake.packets;
            progress->report(progress->context, told);
        }
    } while (count > 0);
    return true;
}

static bool analyse_alone(struct analysis *analysis, const struct tracker_options *options,
                          const struct analysis_progress *progress, struct err *err)
{
    bool taken;
    intake_init(&analysis->intake);
    analysis->engine = engine_new(analysis->rules, err);
    if (analysis->engine == NULL)
        return false;
    struct tracker_sink sink = engine_sink(analysis->engine);
    analysis->tracker = tracker_new(options, &sink, err);
    if (analysis->tracker == NULL || !read_packets(analysis, progress, &taken, err))
        return false;
    tracker_begin(analysis->tracker, analysis->intake.first_ns); /* there may have been no segment */
    if (!tracker_finish(analysis->tracker, analysis->intake.now_ns, err))
        return false;
    tracker_number(analysis->tracker, analysis->tracker);
    return true;
}

static enum shards_result analyse_in_shards(struct analysis *analysis, size_t threads,
                                            const struct tracker_options *options,
                                            const struct analysis_progress *progress,
                                            struct err *err)
{
    bool taken;
    struct err shards_err = { "" };
    intake_init(&analysis->intake);
    analysis->shards = shards_new(threads, analysis->rules, options, err);
    if (analysis->shards == NULL)
        return SHARDS_FAILED;
    if (!read_packets(analysis, progress, &taken, err) && taken)
        return SHARDS_FAILED;
    enum shards_result result =
        shards_finish(analysis->shards, analysis->intake.first_ns, analysis->intake.now_ns,
                      &analysis->tracker, &analysis->engine, &shards_err);
    if (result == SHARDS_FAILED)
        *err = shards_err;
    return result;
}

static void drop_shards(struct analysis *analysis)
{
    shards_free(analysis->shards);
    analysis->shards = NULL;
    analysis->tracker = NULL;
    analysis->engine = NULL;
}

/* A file is worth threads when it takes longer than starting them. */
#define BYTES_FOR_THREADS (16u * 1024 * 1024)

/* How many shards: packets must stay in place while they are worked on, and it must be possible to begin
 * again when a limit is met. */
static size_t threads_for(const struct analysis *analysis, const struct analysis_options *options)
{
    uint64_t bytes;
    size_t threads = options->threads < ANALYSIS_MAX_THREADS ? options->threads : ANALYSIS_MAX_THREADS;
    if (threads < 2 || !capture_set_is_files(analysis->captures, &bytes) ||
        (bytes < BYTES_FOR_THREADS && !options->threads_always) ||
        !capture_set_keeps_bytes(analysis->captures))
        return 1;
    return threads;
}

static bool analyse(struct analysis *analysis, const struct analysis_options *options,
                    const struct analysis_progress *progress, struct err *err)
{
    size_t threads = threads_for(analysis, options);
    if (threads > 1) {
        enum shards_result result =
            analyse_in_shards(analysis, threads, &options->tracker, progress, err);
        if (result != SHARDS_CROWDED)
            return result == SHARDS_OK;
        drop_shards(analysis);
        if (!capture_set_rewind(analysis->captures, err))
            return false;
    }
    return analyse_alone(analysis, &options->tracker, progress, err);
}

struct analysis *analysis_run(struct capture_set *captures, const struct rules *rules,
                              const struct analysis_options *options,
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
    if (analyse(analysis, options, progress, err) && engine_finish(analysis->engine, err))
        return analysis;
    analysis_free(analysis);
    return NULL;
}

void analysis_free(struct analysis *analysis)
{
    if (analysis == NULL)
        return;
    if (analysis->shards != NULL) {
        drop_shards(analysis);
    } else {
        tracker_free(analysis->tracker);
        engine_free(analysis->engine);
    }
    capture_set_close(analysis->captures);
    free(analysis);
}
