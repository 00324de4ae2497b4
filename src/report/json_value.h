/*
 * json_value - what the parts of the report in JSON share. Private to the floor.
 */
#ifndef HANGUP_REPORT_JSON_VALUE_H
#define HANGUP_REPORT_JSON_VALUE_H

#include <jansson.h>
#include <stdio.h>

#include "facts/record.h"

#define JSON_REPORT_FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15))

/* Text of strangers, its control characters escaped. */
json_t *json_untrusted(const char *text);
/* NULL: null. */
json_t *json_string_or_null(const char *text);
/* "2023-11-14T22:13:20.000000000Z" */
json_t *json_time(int64_t ns);
json_t *json_seconds(int64_t ns);
json_t *json_endpoint(const struct record *record, enum end_role role, bool with_port);

/* What is known of a connection, whether or not a rule flags it. */
json_t *json_connection(const struct record *record);

/* Writes the value, and gives it back. */
void json_dump(FILE *out, json_t *value);

#endif
