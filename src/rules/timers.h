/*
 * timers - well-known default timeouts, as data: does a deadline fit one that somebody left as it was?
 *
 * A fit is a hint and never a fact. What Server, User-Agent and Via headers say ranks the fits or rules them
 * out.
 */
#ifndef HANGUP_RULES_TIMERS_H
#define HANGUP_RULES_TIMERS_H

#include "facts/deadline.h"
#include "lang/expr.h"

struct text_list;

/* A program that closes connections, as one of the two ends or on the path between them. */
struct timer_program {
    const char *software;
    enum close_by by;                 /* BY_SERVER, BY_CLIENT or BY_NETWORK */
    const struct text_list *products; /* its names in Server or User-Agent; NULL: it has none there */
    const struct text_list *via;      /* its names in Via, likewise */
    bool announces;                   /* sends one of its products unless told not to */
    bool announces_via;               /* adds itself to Via unless told not to */
    bool promises;                    /* may send Keep-Alive: timeout= */
    bool proxies;                     /* passes on what others say, so that their names say little */
};

struct timer {
    const struct timer_program *program;
    const char *setting, *versions;   /* versions "": all */
    const char *times;                /* "idle", "head", ...: what it limits */
    const char *source;               /* where the value is written */
    int64_t ns;
    int64_t late_ns;                  /* so much later on the wire: coarse clocks, added margins */
    unsigned from;                    /* bit per enum reference */
    unsigned phases;                  /* bit per enum close_phase: where it may close */
    const struct timer *next;
};

/* As many as help; more would be a list of everything. */
#define KNOWN_DEFAULTS_MAX 4

struct known_default {
    const struct timer *timer;
    const char *named_by;             /* the header of these connections that names the program; NULL: none */
    const char *behind;               /* the header that names another, but it is a proxy that passes that
                                         on; NULL: none does */
};

/* The timers that fit a deadline of these connections, best first: those of programs that a header names,
 * and then of proxies that pass on such a header; where none is named, those that no header speaks against;
 * where there are none either, those of programs that usually say their name and did not. Within these, the
 * nearest; among equals what the list has first. Returns how many. */
size_t timers_fit(const struct timer *timers, const struct deadline *deadline,
                  const struct member *members, size_t count,
                  struct known_default found[KNOWN_DEFAULTS_MAX]);

/* Does a header name this product? As a whole word, without regard to case:
 * "Apache" is in "Apache/2.4.57 (Debian)" but not in "Apache-Coyote/1.1". */
bool timers_names_product(const char *header, const char *product);

#endif
