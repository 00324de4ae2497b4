/*
 * report - findings -> text for people, JSON for programs.
 *
 * Floor: report; uses all below. Writes to the stream it is given and nowhere else; write errors
 * stay in the stream (ferror) for the caller to see; false is no memory, and what was written is no report.
 */
#ifndef HANGUP_REPORT_REPORT_H
#define HANGUP_REPORT_REPORT_H

#include <stdio.h>

#include "run/analysis.h"

struct report_options {
    enum severity min_severity;
    long max_connections; /* listed per finding; 0: all; -1: the format's default */
    bool color;           /* text only */
    const char *const *locks; /* of the process that made it, NULL at the end; NULL: not told */
};

/* A report is one file that writes it, and one row of formats.def. */
struct report_format {
    const char *name; /* what -o calls it */
    bool (*write)(const struct analysis *analysis, const struct report_options *options, FILE *out);
};

/* All of them; the first is what is printed where nobody asks for another. */
const struct report_format *report_formats(size_t *count);

#define FORMAT(name, function) \
    bool function(const struct analysis *analysis, const struct report_options *options, FILE *out);
#include "report/formats.def"
#undef FORMAT

#endif
