/*
 * builtin - the shipped rule files, compiled in: a single binary copied elsewhere still has them.
 * The table is generated from rules/ by the build.
 */
#ifndef HANGUP_RULES_BUILTIN_H
#define HANGUP_RULES_BUILTIN_H

struct builtin_file {
    const char *name; /* "request-fin-race.yaml"; NULL ends the table */
    const char *text;
};

extern const struct builtin_file builtin_rules[];

#endif
