/*
 * jail - what looks at packets can do nothing else: no file, no program, no connection, no privilege (Linux; elsewhere only what
 * privileges.h gives up).
 */
#ifndef HANGUP_CLI_JAIL_H
#define HANGUP_CLI_JAIL_H

#include <stdbool.h>

#include "base/err.h"

/* The locks, as the report names them; NULL at the end. */
struct jail_locks {
    const char *names[8];
};

struct jail_options {
    const char *user; /* to become, as root; NULL: see privileges.h */
    bool live;        /* an open interface is read */
    bool unlocked;    /* only the privileges go (--no-sandbox) */
    long parent;      /* the process that was started, with which this one ends */
};

/* For this process and all that it makes, for good. A lock that the kernel does not have is left out of `locks`; false: one that it has
 * does not close, and the program must not go on. */
bool jail_enter(const struct jail_options *options, struct jail_locks *locks, struct err *err) WARN_UNUSED;

/* Is this build able to lock itself in? Sanitizers need what the jail forbids. */
bool jail_is_built(void);

/* The locks that this build and kernel have, for --version. */
void jail_available(struct jail_locks *locks);

/* The error line where the most important one is missing; NULL: it is there. */
const char *jail_lacks(const struct jail_locks *locks);

#endif
