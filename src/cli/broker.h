/*
 * broker - the analysis runs in a process of its own, which can be locked in, and this one, which never looks at a packet, opens for it
 * the files that the command line names, and hands on signals.
 */
#ifndef HANGUP_CLI_BROKER_H
#define HANGUP_CLI_BROKER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "capture/opener.h"

struct broker_options {
    const char *const *paths; /* that may be opened, for reading */
    size_t path_count;
    const char *other_path;   /* one more; NULL: none */
};

/* What the other process does, with an opener that asks this one. Returns its exit status, less than 64. */
typedef int broker_work(void *context, const struct opener *opener);

/* Runs the work in another process. Returns its exit status; 2: there is none, and err says why. A signal that ended it is returned as
 * shells do, 128 and its number, for broker_end_likewise. */
int broker_run(const struct broker_options *options, broker_work *work, void *context, struct err *err);

/* Of the opener that broker_run gave: has the process that was started ended, or does it want an end and may not send a signal? */
bool broker_has_ended(const struct opener *opener);

/* Ends this process by the signal that ended the other, where somebody had sent that; else it returns. */
void broker_end_likewise(int status);

#endif
