/*
 * report - findings -> text for people, JSON for programs.
 *
 * Floor: report; uses all below. Writes to the stream it is given and nowhere else; write errors
 * stay in the stream (ferror) for the caller to see.
 */
#ifndef HANGUP_REPORT_REPORT_H
#define HANGUP_REPORT_REPORT_H

#include <stdio.h>

#include "run/analysis.h"

struct report_options {
    enum severity min_severity;
    long max_connections; /* listed per finding; 0: all; -1: the format's default */
    bool color;           /* text only */
};

void report_text(const struct analysis *analysis, const struct report_options *options,
                 FILE *out);
void report_json(const struct analysis *analysis, const struct report_options *options,
                 FILE *out);

#endif
