/*
 * options - what the user asked for.
 */
#ifndef HANGUP_CLI_OPTIONS_H
#define HANGUP_CLI_OPTIONS_H

#include <stdio.h>

#include "report/report.h"

struct output {
    const struct report_format *format;
    const char *path; /* NULL: standard output */
};

enum when { WHEN_AUTO, WHEN_ALWAYS, WHEN_NEVER };

#define OPTIONS_MAX_OUTPUTS 8

/* What a run can be; bits, so that options name those they are for. */
enum mode {
    MODE_FILES = 1 << 0,
    MODE_LIVE = 1 << 1,
    MODE_INTERFACES = 1 << 2,
    MODE_LIST_RULES = 1 << 3,
    MODE_CHECK_RULES = 1 << 4,
    MODE_TEST_RULES = 1 << 5,
    MODE_FIELDS = 1 << 6,
    MODE_ANY = (1 << 7) - 1,
};

struct command; /* commands.h */

/* Arrays hold as many as the command line can. Strings are argv's. */
struct options {
    const char *interface;       /* live: -i */
    const char *filter;
    int snaplen, buffer_kib;
    bool promiscuous;
    const char *user;            /* -Z; NULL: the one behind sudo, or nobody */
    uint64_t max_packets;
    int64_t duration_ns;
    const char *key_log;         /* --keylog; NULL: none */
    bool list_interfaces, help, version;
    struct output outputs[OPTIONS_MAX_OUTPUTS];
    size_t output_count;
    const char **rule_paths, **only_rules, **no_rules, **settings;
    size_t rule_path_count, only_rule_count, no_rule_count, setting_count;
    struct server_hint *servers;
    size_t server_count;
    bool texts;                  /* --texts */
    bool no_sandbox;             /* --no-sandbox */
    bool show_query, has_fail_on, fail_on_undecided;
    enum severity min_severity, fail_on;
    long max_connections;        /* -1: default */
    size_t most_listed;          /* --connections */
    size_t max_open, threads;    /* 0: default */
    enum when progress, color;
    const char **arguments;      /* what is no option, and what -r names */
    size_t argument_count;
    const struct command *command;
};

/* Parses argv; memory comes from the arena. */
bool options_parse(struct options *options, struct arena *arena, int argc, char **argv,
                   struct err *err) WARN_UNUSED;

/* --help */
void options_help(FILE *out);

#endif
