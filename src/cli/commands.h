/*
 * commands - what a run can be: a table. Each returns an exit status; messages go to stderr.
 */
#ifndef HANGUP_CLI_COMMANDS_H
#define HANGUP_CLI_COMMANDS_H

#include <stdio.h>

#include "cli/cli.h"
#include "cli/options.h"

struct command {
    const char *name;      /* its words; "": none */
    const char *arguments; /* what follows, for --help */
    const char *help;
    enum mode mode;
    int (*run)(const struct options *options, const struct cli_signals *signals);
};

/* The command that the arguments begin with; NULL: none. named_files: some were given by an option, so that the first
 * argument is no command's name. */
const struct command *command_find(const struct options *options, bool named_files);

/* What is wrong with the arguments, where there is no such command. */
const char *command_wants(void);

/* The arguments behind the command's words. */
const char *const *command_arguments(const struct options *options, size_t *count);

/* The usage lines of --help. */
void commands_help(FILE *out);

/* Loads, selects and tunes the rules that the options ask for. */
bool load_rules(const struct options *options, bool with_cases, struct rules *rules,
                struct err *err) WARN_UNUSED;

int run_analysis(const struct options *options, const struct cli_signals *signals);
int run_list_rules(const struct options *options, const struct cli_signals *signals);
int run_show_rule(const struct options *options, const struct cli_signals *signals);
int run_search_rules(const struct options *options, const struct cli_signals *signals);
int run_check_rules(const struct options *options, const struct cli_signals *signals);
int run_test_rules(const struct options *options, const struct cli_signals *signals);
int run_fields(const struct options *options, const struct cli_signals *signals);
int run_interfaces(const struct options *options, const struct cli_signals *signals);

/* Prints "hangup: message" and returns EXIT_USAGE. */
/* Has who read it gone away, as head does? That is no error. */
bool output_is_unwanted(FILE *file);

int complain(const struct err *err);

#endif
