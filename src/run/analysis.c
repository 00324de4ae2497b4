#include "run/analysis.h"

#include <stdlib.h>
#include <time.h>

#define PROGRESS_PACKETS (1 << 18)

/* Who writes into a pipe is stopped by the same Ctrl-C, and hands on what it still has: that is waited for, but not for long. */
#define STOP_PATIENCE_NS NS_PER_S

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Is it time to stop? stop_ns: when at the latest, 0 while nobody wants that. */
static bool is_over(const struct analysis *analysis, const struct analysis_options *options, enum capture_event event,
                    int64_t *stop_ns)
{
    uint64_t bytes;
    if (options->stopped == NULL || (*stop_ns == 0 && !options->stopped(options->context)))
        return false;
    if (*stop_ns == 0)
        *stop_ns = monotonic_ns() + STOP_PATIENCE_NS;
    if (event == CAPTURE_IDLE && capture_set_count(analysis->captures) == 1)
        return true; /* the writer has nothing more */
    bool over = event == CAPTURE_IDLE || capture_set_is_files(analysis->captures, &bytes) || monotonic_ns() >= *stop_ns;
    if (over)
        capture_set_break(analysis->captures, "a signal (Ctrl-C) stopped the reading");
    return over;
}

/* Feeds the run until the captures end, or the run takes no more. false: reading failed. */
static bool read_packets(struct analysis *analysis, const struct analysis_options *options,
                         const struct analysis_progress *progress, struct err *err)
{
    int64_t stop_ns = 0;
    struct packet packets[RUN_BATCH];
    struct capture_batch batch = { .packets = packets, .max = RUN_BATCH };
    const struct decoder *decoder = &analysis->run->intake.decoder;
    enum capture_event event;
    uint64_t told = 0;
    bool more = true;
    while (more && (event = capture_set_read(analysis->captures, &batch, err)) != CAPTURE_END) {
        if (event == CAPTURE_FAILED)
            return false;
        if (options->secrets != NULL && !secrets_poll(options->secrets))
            return err_no_memory(err);
        more = event == CAPTURE_IDLE
                   ? run_tick(analysis->run, batch.now_ns)
                   : run_feed(analysis->run, packets, batch.count, capture_set_block(analysis->captures));
        more = more && !is_over(analysis, options, event, &stop_ns);
        if (progress != NULL && decoder->packets - told >= PROGRESS_PACKETS) {
            told = decoder->packets;
            progress->report(progress->context, told);
        }
    }
    return true;
}

/* A file is worth threads when it takes longer than starting them. */
#define BYTES_FOR_THREADS (16u * 1024 * 1024)

/* How many threads: packets must stay in place while they are worked on, and it must be possible to begin
 * again when a limit is met. */
static size_t threads_for(const struct analysis *analysis, const struct analysis_options *options)
{
    uint64_t bytes;
    size_t threads = options->threads < RUN_MAX_THREADS ? options->threads : RUN_MAX_THREADS;
    if (threads < 2 || !capture_set_is_files(analysis->captures, &bytes) ||
        (bytes < BYTES_FOR_THREADS && !options->threads_always) ||
        !capture_set_keeps_bytes(analysis->captures))
        return 1;
    return threads;
}

static enum run_result analyse(struct analysis *analysis, const struct analysis_options *options, size_t threads,
                               const struct analysis_progress *progress, struct err *err)
{
    run_free(analysis->run);
    analysis->run = run_new(analysis->rules, &options->tracker, threads, err);
    if (analysis->run == NULL || !read_packets(analysis, options, progress, err))
        return RUN_FAILED;
    return run_finish(analysis->run, err);
}

static enum run_result analyse_all(struct analysis *analysis, const struct analysis_options *options,
                                   const struct analysis_progress *progress, struct err *err)
{
    enum run_result result = analyse(analysis, options, threads_for(analysis, options), progress, err);
    if (result == RUN_CROWDED)
        result = capture_set_rewind(analysis->captures, err) ? analyse(analysis, options, 1, progress, err) : RUN_FAILED;
    return result;
}

/* Do keys stand behind the packets that they open, in files that can be read again? */
static bool keys_came_late(const struct analysis *analysis, const struct analysis_options *options)
{
    uint64_t bytes;
    return options->secrets != NULL && key_log_came_late(options->secrets->log) && capture_set_is_files(analysis->captures, &bytes);
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
    enum run_result result = analyse_all(analysis, options, progress, err);
    if (result == RUN_OK && keys_came_late(analysis, options)) {
        key_log_begin_anew(options->secrets->log);
        result = capture_set_rewind(captures, err) ? analyse_all(analysis, options, progress, err) : RUN_FAILED;
    }
    if (options->secrets != NULL) {
        analysis->keys = key_log_count(options->secrets->log);
        analysis->keys_refused = key_log_refused(options->secrets->log);
        analysis->keys_given = analysis->keys > 0 || options->secrets->path != NULL;
    }
    if (result == RUN_OK)
        return analysis;
    analysis_free(analysis);
    return NULL;
}

/* Did the capture lose packets, or break off? */
static bool was_read(const struct capture_info *info)
{
    return info->error[0] == '\0' && info->dropped_packets <= 0;
}

bool analysis_is_complete(const struct analysis *analysis)
{
    const struct tracker_counts *counts = tracker_counts(analysis->run->tracker);
    const struct decoder *decoder = &analysis->run->intake.decoder;
    size_t undecided;
    engine_undecided(analysis->run->engine, &undecided);
    bool complete = undecided == 0 && counts->evicted == 0 && counts->limited_segments == 0;
    complete &= counts->protocols[PROTOCOL_TLS] == 0 && counts->protocols[PROTOCOL_OPAQUE] == 0;
    for (int kind = DECODED_NOT_TCP + 1; kind < DECODED_KINDS; kind++)
        complete &= decoder->kinds[kind] == 0;
    for (size_t i = 0; i < capture_set_count(analysis->captures); i++)
        complete &= was_read(capture_set_info(analysis->captures, i));
    return complete;
}

void analysis_free(struct analysis *analysis)
{
    if (analysis == NULL)
        return;
    run_free(analysis->run);
    capture_set_close(analysis->captures);
    free(analysis);
}
