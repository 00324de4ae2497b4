/*
 * text - parts of the text report. Private to the floor.
 */
#ifndef HANGUP_REPORT_TEXT_H
#define HANGUP_REPORT_TEXT_H

#include "report/view.h"

#define TEXT_WIDTH 80

/* A paragraph of words, wrapped: the first line begins with `first` and all others with as many
 * spaces. Control characters in `words` must have been escaped. */
void text_paragraph(FILE *out, const char *first, const char *words);

/* The table of peaks: most connections at once in the states that tell something, per server. Nothing
 * where few were. */
void text_peaks(FILE *out, const struct analysis *analysis);

/* The ladder: one connection's timeline, client left, server right. */
void text_ladder(FILE *out, const struct finding *finding,
                 const struct finding_connection *connection);

#endif
