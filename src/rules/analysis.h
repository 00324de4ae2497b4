/*
 * analysis - one run: captures -> connections -> findings. All state hangs on one object;
 * several may live side by side.
 */
#ifndef HANGUP_RULES_ANALYSIS_H
#define HANGUP_RULES_ANALYSIS_H

#include "capture/capture_set.h"
#include "rules/engine.h"

struct analysis {
    const struct rules *rules;
    struct capture_set *captures; /* owned by the analysis */
    struct tracker *tracker;
    struct engine *engine;
};

/* Called now and then with the packets read so far; NULL: nobody asks. */
struct analysis_progress {
    void (*report)(void *context, uint64_t packets);
    void *context;
};

/* Reads the captures to their end and judges. Takes the captures over, also on failure. The rules
 * must outlive the analysis. */
struct analysis *analysis_run(struct capture_set *captures, const struct rules *rules,
                              const struct tracker_options *options,
                              const struct analysis_progress *progress,
                              struct err *err) WARN_UNUSED;

void analysis_free(struct analysis *analysis);

#endif
