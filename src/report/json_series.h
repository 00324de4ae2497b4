/*
 * json_series - the report's member "series". Private to the floor.
 */
#ifndef HANGUP_REPORT_JSON_SERIES_H
#define HANGUP_REPORT_JSON_SERIES_H

#include <stdio.h>

#include "report/report.h"

/* Writes the object, one array at a time. */
/* false: no memory. */
bool json_series(const struct analysis *analysis, FILE *out);

#endif
