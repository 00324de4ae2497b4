/*
 * secrets - where a run's keys of TLS come from: a key log that the user names, and blocks of the captures.
 *
 * The text is in no output, and in no error.
 */
#ifndef HANGUP_RUN_SECRETS_H
#define HANGUP_RUN_SECRETS_H

#include "capture/capture.h"
#include "tls/key_log.h"

struct secrets {
    struct key_log *log;
    struct capture_secrets captures; /* takes what stands in captures: for capture_set_open */
    void (*found)(void);             /* called before any is kept */
    int fd;                          /* of the key log file, -1: there is none */
    const char *path;
    uint64_t offset;                 /* read up to there */
    struct key_log_text file;
    struct key_log_text *texts;      /* of each capture */
    size_t text_count;
    bool failed;                     /* no memory */
};

/* path: a key log, read as far as it goes; NULL: none is given. captures: so many may carry secrets. grows: more may be written
 * to it, and it need not hold any yet. path must outlive it. found: called before the first is kept. On failure as well it is to be
 * closed. */
bool secrets_open(struct secrets *secrets, const char *path, const struct opener *opener, bool grows, size_t captures, void (*found)(void),
                  struct err *err) WARN_UNUSED;

/* Reads what was written to the file since. false: no memory. */
bool secrets_poll(struct secrets *secrets);

void secrets_close(struct secrets *secrets);

#endif
