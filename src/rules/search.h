/*
 * search - from what people see (a log line, an exception, a proxy's flag) to the rules behind it.
 */
#ifndef HANGUP_RULES_SEARCH_H
#define HANGUP_RULES_SEARCH_H

#include "rules/rule.h"

struct rule_match {
    const struct rule *rule;
    const char *seen_as; /* the line that matched; NULL: its name or cause did */
    double score;
};

struct rule_matches {
    struct rule_match *items;
    size_t count, capacity;
};

/* Rules whose seen_as, name or cause the text speaks of, best first; *matches starts empty and is freed with
 * free(matches->items). The text may be a whole line of a log: words count by how rare they are over all rules,
 * and dates, addresses and paths do not. A flag of a proxy ("SH--", "UC") counts only as it is written. */
bool rules_search(const struct rules *rules, const char *text, struct rule_matches *matches,
                  struct err *err) WARN_UNUSED;

#endif
