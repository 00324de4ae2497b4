/*
 * opener - who opens the files that a run reads: the process itself, or, for one in a jail, another.
 */
#ifndef HANGUP_CAPTURE_OPENER_H
#define HANGUP_CAPTURE_OPENER_H

struct opener {
    /* A descriptor that is the caller's, for reading; -1, and errno says why. */
    int (*open)(void *context, const char *path);
    void *context;
};

/* opener NULL: this process. */
int opener_open(const struct opener *opener, const char *path);

#endif
