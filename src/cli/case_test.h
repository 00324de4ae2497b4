/*
 * case_test - a conversation through the whole program, against what it expects.
 */
#ifndef HANGUP_CLI_CASE_TEST_H
#define HANGUP_CLI_CASE_TEST_H

#include "base/strbuf.h"
#include "cli/texts_told.h"
#include "rules/rule.h"

struct case_expectation {
    const char *rule; /* NULL: only the text's own expect lines count */
    enum case_kind kind;
    struct texts_told *told; /* to note what was told; NULL: nobody asks */
};

/* Runs the conversation with all the rules. Returns whether all came as expected; else `why` says
 * what did not, and shows what was seen in the notation of .conv files. */
bool case_test(const struct rules *rules, const char *name, const char *text, size_t length,
               const struct case_expectation *expectation, struct strbuf *why);

#endif
