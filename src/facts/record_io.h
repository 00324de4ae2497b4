/*
 * record_io - records as lines of JSON: to be kept, sent, and judged elsewhere or later.
 *
 * A line is one object of schema hangup.record/1 (schema/hangup.record-1.schema.json): every member of struct record that
 * is a fact, and the facts on its exchanges. What is the judge's or the report's (timeline) is not in it.
 * A text that is no UTF-8 (a target may hold any bytes) stands as "": JSON could not hold it.
 */
#ifndef HANGUP_FACTS_RECORD_IO_H
#define HANGUP_FACTS_RECORD_IO_H

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "facts/record.h"

/* One line, with its end. false: no memory, or the stream has failed. */
bool record_write(const struct record *record, FILE *out) WARN_UNUSED;

/* A record, its exchanges and texts in the arena. NULL: err tells which member is missing or wrong. The line is a
 * stranger's: its values are checked, so that no table is read beyond its end. */
struct record *record_read(const char *line, size_t length, struct arena *arena, struct err *err) WARN_UNUSED;

#endif
