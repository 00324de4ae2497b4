/*
 * cli - the command line: options -> one run. The only floor that prints messages.
 */
#ifndef HANGUP_CLI_CLI_H
#define HANGUP_CLI_CLI_H

#include <stdbool.h>

enum exit_status {
    EXIT_ANALYSED = 0,
    EXIT_FOUND = 1,  /* --fail-on met; a rule test failed */
    EXIT_USAGE = 2,  /* usage error, unreadable or empty input, report not written */
};

/* How a live capture is ended by the user; main owns the signal handlers. */
struct cli_signals {
    void (*catch_interrupts)(void);     /* from now on an interrupt only sets a flag */
    bool (*interrupted)(void *context); /* that flag */
};

int cli_main(int argc, char **argv, const struct cli_signals *signals);

#endif
