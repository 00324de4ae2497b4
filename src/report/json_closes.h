/*
 * json_closes - the report's member "closes": who closed, how, when, by server, and of each connection where asked for. Private to
 * the floor.
 */
#ifndef HANGUP_REPORT_JSON_CLOSES_H
#define HANGUP_REPORT_JSON_CLOSES_H

#include <stdio.h>

#include "report/report.h"

/* false: no memory. */
bool json_closes(const struct analysis *analysis, FILE *out);

#endif
