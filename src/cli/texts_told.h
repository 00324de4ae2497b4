/*
 * texts_told - which of the rules' texts some case reached: one that none reaches was never seen by anybody.
 */
#ifndef HANGUP_CLI_TEXTS_TOLD_H
#define HANGUP_CLI_TEXTS_TOLD_H

#include "judge/engine.h"

struct texts_told {
    const struct choice **items;
    size_t count, capacity;
    bool failed; /* no memory */
};

/* Those of the findings of one analysis. */
void texts_told_add(struct texts_told *told, const struct engine *engine);

/* Prints each alternative of what, cause and fix that was not; returns how many. */
size_t texts_told_missing(const struct texts_told *told, const struct rules *rules);

void texts_told_free(struct texts_told *told);

#endif
