/*
 * ladder - the life of one connection as steps between client and server. Private to the floor.
 */
#ifndef HANGUP_REPORT_LADDER_H
#define HANGUP_REPORT_LADDER_H

#include "report/view.h"

/* Longer labels are cut: a method and the target that tells requests apart fit. */
#define LADDER_LABEL_BYTES 96

enum ladder_kind {
    LADDER_ARROW,   /* segments of one end */
    LADDER_SILENCE, /* nothing, for a while */
    LADDER_OMITTED, /* steps that were not kept */
};

struct ladder_step {
    enum ladder_kind kind;
    int64_t since_ns;   /* ARROW: from the connection's first packet; SILENCE: its length */
    uint32_t count;     /* OMITTED: so many */
    uint32_t frame;     /* ARROW: the first */
    unsigned file;      /* that it stands in, if it is another than the connection's: 1, 2, ...; else 0 */
    bool to_server;
    bool proves;        /* the rule names it as evidence */
    char label[LADDER_LABEL_BYTES]; /* what is sent: "SYN, ACK", "GET /a, 80 B in 2" */
    const char *meaning; /* "server closes" */
};

struct ladder {
    uint32_t tcp_stream;
    unsigned file;             /* where that is counted: 1, 2, ... */
    struct strbuf client, server; /* addresses with ports */
    struct ladder_step *steps;
    size_t count;
};

/* Of a connection whose record has its timeline. false: no memory. ladder_free in any case. */
bool ladder_make(const struct finding *finding, const struct finding_connection *connection, struct ladder *ladder);
void ladder_free(struct ladder *ladder);

#endif
