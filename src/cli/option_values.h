/*
 * option_values - what stands behind an option, checked. Each returns false with a message that names the option.
 */
#ifndef HANGUP_CLI_OPTION_VALUES_H
#define HANGUP_CLI_OPTION_VALUES_H

#include "cli/options.h"

bool parse_integer(const char *text, const char *option, long least, long most, long *value, struct err *err);

/* 30 (seconds), 30s, 500ms, 5min, 1h */
bool parse_duration(const char *text, int64_t *ns, struct err *err);

bool parse_severity(const char *text, const char *option, enum severity *severity, struct err *err);
bool parse_when(const char *text, const char *option, enum when *when, struct err *err);

/* FORMAT[:FILE] */
bool parse_output(struct output *output, const char *text, struct err *err);

/* HOST:PORT, [HOST]:PORT, PORT, ADDRESS, ADDRESS/PREFIX */
bool parse_server(struct server_hint *hint, const char *text, struct err *err);

#endif
