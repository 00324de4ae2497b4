/*
 * suggest - "did you mean ...?" Private to the floor.
 */
#ifndef HANGUP_LANG_SUGGEST_H
#define HANGUP_LANG_SUGGEST_H

#include <stddef.h>

/* The nearest of `count` names, if it is near enough to be meant, else NULL. names(context, i) gives the
 * i-th. */
const char *suggest(const char *word, size_t length, size_t count,
                    const char *(*names)(const void *context, size_t i), const void *context);

#endif
