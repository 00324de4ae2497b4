/*
 * hangup - who hung up on an HTTP connection, when, why, and what to change.
 */
#include <signal.h>

#include "cli/cli.h"

/* The one mutable variable of the program: a signal handler can reach nothing else. */
static volatile sig_atomic_t interrupt_seen;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupt_seen = 1;
}

static bool interrupted(void *context)
{
    (void)context;
    return interrupt_seen != 0;
}

static void catch_interrupts(void)
{
    /* The first one ends the capture and reports; a second one ends the program. */
    const struct sigaction stop = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGHUP, &stop, NULL);
}

int main(int argc, char **argv)
{
    /* Of several outputs, one may be a pipe whose reader has gone (output_is_unwanted). */
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a report that becomes too large is an error like others */
    sigaction(SIGUSR1, &ignore, NULL); /* tools that ask others for their state send it */
    const struct cli_signals signals = { catch_interrupts, interrupted };
    return cli_main(argc, argv, &signals);
}
