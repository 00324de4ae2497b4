/*
 * json_value - what the parts of the report in JSON share. Private to the floor.
 */
#ifndef HANGUP_REPORT_JSON_VALUE_H
#define HANGUP_REPORT_JSON_VALUE_H

#include <jansson.h>
#include <stdio.h>

#include "base/strbuf.h"
#include "facts/record.h"

#define JSON_REPORT_FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15))

/* Into an object or array, which owns the value then. Where memory fails, or the value is NULL because it did before, the container becomes
 * NULL, and so does what that is put into: who writes a value knows whether anything in it is missing. */
void json_put(json_t **object, const char *key, json_t *value);
void json_append(json_t **array, json_t *value);

/* Frees the text. NULL: it failed. */
json_t *json_text(struct strbuf *text);

/* Text of strangers: what is no UTF-8 in it becomes U+FFFD, and nothing but ASCII is written (JSON_REPORT_FLAGS). */
json_t *json_untrusted(const char *text);
json_t *json_untrusted_part(const char *text, size_t length);
/* NULL: null. */
json_t *json_string_or_null(const char *text);
/* "2023-11-14T22:13:20.000000000Z" */
json_t *json_time(int64_t ns);
json_t *json_seconds(int64_t ns);
json_t *json_endpoint(const struct record *record, enum end_role role, bool with_port);

/* What is known of a connection, whether or not a rule flags it; and that in two parts, for what a finding adds. */
json_t *json_connection(const struct record *record);
json_t *json_ends(const struct record *record);
json_t *json_http(const struct record *record);

/* Writes the value, and gives it back. false: no memory. Write errors stay in the stream. */
bool json_dump(FILE *out, json_t *value);
/* Of an object without its closing brace, for members that are streamed. */
bool json_dump_open(FILE *out, json_t *object);

#endif
