/*
 * document - a report for people as a row of blocks. What is said is written once (narrative.c); how it looks is a
 * format's own (text.c, markdown.c). Private to the floor.
 *
 * Texts are UTF-8 in one line, their control characters escaped; they may hold what strangers sent, so a format escapes
 * whatever means something in it.
 */
#ifndef HANGUP_REPORT_DOCUMENT_H
#define HANGUP_REPORT_DOCUMENT_H

#include "report/ladder.h"
#include "report/report.h"

struct document {
    const struct document_ops *ops;
    FILE *out;
    bool color;
    bool failed; /* memory: something of it is missing */
};

/* Blocks come in the order in which they are read. */
struct document_ops {
    void (*title)(struct document *doc, const char *text);
    /* A file that was analysed, or what is in all of them; and what limits that. */
    void (*source)(struct document *doc, const char *text);
    void (*limit)(struct document *doc, const char *text);
    /* Begins a part of the report; heading NULL: it has none. */
    void (*section)(struct document *doc, const char *heading);
    void (*paragraph)(struct document *doc, const char *text);
    /* One of a section's things: a rule that could not be judged, a server. */
    void (*entry)(struct document *doc, const char *text);
    /* A line of figures under an entry. */
    void (*figure)(struct document *doc, const char *count, const char *what, const char *when);
    /* Begins a finding, in which only the next six come. */
    void (*finding)(struct document *doc, enum severity severity, const char *name, const char *count);
    void (*finding_ends)(struct document *doc, const char *text); /* where, between whom, how sure */
    /* lead: words before `text`, "" for none. The first term is the first after the ends. */
    void (*term)(struct document *doc, const char *term, const char *lead, const char *text);
    /* The i-th of several things under one term. */
    void (*item)(struct document *doc, const char *term, size_t i, const char *text);
    void (*connections)(struct document *doc, const char *heading);
    void (*connection)(struct document *doc, const char *filter, const char *text);
    void (*more_connections)(struct document *doc, const char *text);
    void (*ladder)(struct document *doc, const struct ladder *ladder);
    void (*finding_over)(struct document *doc);
};

/* Gives back a text that was built for a block. */
void document_free_text(struct document *doc, struct strbuf *text);

/* The whole report, as blocks. */
void narrative_write(const struct analysis *analysis, const struct report_options *options, size_t most_connections,
                     struct document *doc);

/* Its part on how connections ended, by server, and of each one where asked for (--connections). */
void closes_write(const struct analysis *analysis, struct document *doc);

/* Its part on the past of the host: the most connections at once in the states that tell something, by server. Nothing
 * where few were. */
void peaks_write(const struct analysis *analysis, struct document *doc);

#endif
