/*
 * outputs - where reports go: each appears whole or not at all.
 *
 * A report for a file is written to one without a name in the same folder (open(2), O_TMPFILE), or where that cannot be had to a hidden
 * one, and takes its place at the end: an old report stays until then. Pipes, devices, standard output and files with several names are
 * written through.
 */
#ifndef HANGUP_CLI_OUTPUTS_H
#define HANGUP_CLI_OUTPUTS_H

#include <stdio.h>

#include "cli/options.h"

struct output_file {
    FILE *file;      /* NULL: not open */
    char *target;    /* the file that it will replace, links followed; NULL: it is written through */
    char *temporary; /* its name until then; NULL: it has none */
    int cause;       /* errno of the first write that failed */
};

struct outputs {
    const struct output *given; /* the options' */
    size_t count;
    struct output_file files[OPTIONS_MAX_OUTPUTS];
};

/* All zero may be closed. Before the analysis, so that a mistake shows at once, and before privileges are dropped. in_place: nothing can
 * be renamed when the reports are there, so that they are written over what is there. */
bool outputs_open(struct outputs *outputs, const struct options *options, bool in_place, struct err *err) WARN_UNUSED;

/* All is written that will be: before another process keeps them. false: as above. */
bool outputs_flush(struct outputs *outputs, struct err *err) WARN_UNUSED;

/* keep: the reports are written; they take their places. Else they never were, and what stood there stays. false: one could not be
 * written, and err says which. */
bool outputs_close(struct outputs *outputs, bool keep, struct err *err) WARN_UNUSED;

#endif
