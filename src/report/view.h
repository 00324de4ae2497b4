/*
 * view - what the formats have in common: evidence in order, names of ends, notes on the capture.
 * Private to the floor.
 */
#ifndef HANGUP_REPORT_VIEW_H
#define HANGUP_REPORT_VIEW_H

#include "base/strbuf.h"
#include "report/report.h"

/* The findings that the options ask for: they come worst first, so these are the first ones. */
size_t view_findings(const struct analysis *analysis, const struct report_options *options,
                     const struct finding **findings);

/* "10.0.0.1", "2001:db8::1" */
void view_ip(struct strbuf *out, const struct ip_address *address, bool ipv6);
void view_address(struct strbuf *out, const struct record *record, enum end_role role);
/* "10.0.0.1:80", "[2001:db8::1]:80" */
void view_endpoint(struct strbuf *out, const struct record *record, enum end_role role);

/* A moment that proves a finding on one connection. */
struct view_evidence {
    enum mark_id id;
    struct mark mark;
};

/* The evidence that the rule names, as far as it happened, in order of time. Returns how many. */
size_t view_evidence(const struct finding *finding, const struct finding_connection *connection,
                     struct view_evidence evidence[MARKS]);

/* Where the capture was taken, told by the halves of the handshakes' round trips:
 * "client", "server", "middle", "unknown". */
const char *view_vantage(const struct analysis *analysis, size_t capture);

/* What limits the analysis of a capture, a clause each. */
struct view_limits {
    char clause[9][160];
    size_t count;
    bool failed; /* memory */
};
void view_limits(const struct analysis *analysis, size_t capture, struct view_limits *limits);

/* Of a lost request: safe, unsafe, unknown; NULL: the rule does not say. */
const char *view_retry(const struct finding *finding, const struct finding_connection *connection);

/* What the timer may be: "75.010 s fits ..."; nothing where no default fits. */
void view_known_defaults(struct strbuf *out, const struct finding_timer *timer);

/* "client-timeout/10.0.0.9:80/10.0.0.5/request-1.50s": the same before and after a change, and on any machine. Of a
 * rule that tells several servers or clients apart, "*" stands for all of them. A part that the rule splits off comes last. */
void view_id(struct strbuf *out, const struct finding *finding);

/* How many of a finding's connections are listed: as the options say, else so many, or so many of information. */
size_t view_most_connections(const struct finding *finding, const struct report_options *options, size_t most,
                             size_t most_of_info);

/* Number of findings per severity. */
void view_count(const struct analysis *analysis, size_t counts[SEVERITIES]);

/* When the connection closed first; false: it did not, in this capture. */
bool view_closed(const struct record *record, int64_t *ns);

#endif
