/*
 * commands - what a run can be. Each returns an exit status; messages go to stderr.
 */
#ifndef HANGUP_CLI_COMMANDS_H
#define HANGUP_CLI_COMMANDS_H

#include "cli/cli.h"
#include "cli/options.h"

/* Loads, selects and tunes the rules that the options ask for. */
bool load_rules(const struct options *options, bool with_cases, struct rules *rules,
                struct err *err) WARN_UNUSED;

int run_analysis(const struct options *options, const struct cli_signals *signals);
int run_rules(const struct options *options);
int run_fields(void);

/* Prints "hangup: message" and returns EXIT_USAGE. */
int complain(const struct err *err);

#endif
