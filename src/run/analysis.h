/*
 * analysis - one run over captures, from the first packet to the findings.
 */
#ifndef HANGUP_RUN_ANALYSIS_H
#define HANGUP_RUN_ANALYSIS_H

#include "capture/capture_set.h"
#include "run/run.h"
#include "run/secrets.h"

struct analysis {
    const struct rules *rules;
    struct capture_set *captures; /* owned by the analysis */
    struct run *run;              /* likewise */
    bool keys_given;              /* a key log was named, or the captures carry keys */
    uint64_t keys, keys_refused;  /* secrets of TLS that were kept, and that were too many */
};

struct analysis_options {
    struct tracker_options tracker;
    struct secrets *secrets; /* keys of TLS, which the captures were opened with; NULL: none */
    size_t threads;      /* see run_new; the report is the same */
    bool threads_always; /* for small files too */
    bool (*stopped)(void *context); /* the user wants no more to be read, and the report of what was; NULL: never */
    void *context;
};

/* Called now and then with the packets read so far; NULL: nobody asks. */
struct analysis_progress {
    void (*report)(void *context, uint64_t packets);
    void *context;
};

/* Reads the captures to their end and judges. Takes the captures over, also on failure. The rules
 * must outlive the analysis. */
struct analysis *analysis_run(struct capture_set *captures, const struct rules *rules,
                              const struct analysis_options *options,
                              const struct analysis_progress *progress,
                              struct err *err) WARN_UNUSED;

/* Could every rule be judged on every connection that passed? Not where rules were undecided, connections were not HTTP/1 in the
 * clear or given up, or packets were lost, not looked into, or not read. */
bool analysis_is_complete(const struct analysis *analysis);

void analysis_free(struct analysis *analysis);

#endif
