/*
 * rule - one pattern: when it holds, which packets prove it, and what to tell the user.
 *
 * The file format is taught in hangup-rules(5). A rule is compiled once and then read only.
 */
#ifndef HANGUP_RULES_RULE_H
#define HANGUP_RULES_RULE_H

#include "lang/expr.h"

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR, SEVERITIES };

const char *severity_name(enum severity severity);
bool severity_find(const char *name, enum severity *severity);

/* More rules than this at once are a mistake; sets of rules are bitmaps of this size. */
#define RULES_MAX 256

/* A rule is a page or two; libyaml's time grows with the square of size and nesting. */
#define RULE_MAX_BYTES (64u * 1024)
/* Lists of messages are flat. */
#define RULE_MAX_MESSAGES_BYTES (512u * 1024)
#define RULE_MAX_NESTING 64

#define RULE_WORDS (RULES_MAX / 64)

struct rule_set_bits {
    uint64_t words[RULE_WORDS];
};

/* A text with expressions in braces: "closed {median(close.since_open)} after ..." */
struct template;

/* Alternatives; the first whose condition holds is taken (of a list of fixes or clues: all). */
struct choice {
    const struct expr *condition;   /* NULL: always */
    const struct template *text;    /* or a plain word, such as a confidence */
    unsigned line;                  /* of its file */
    const struct choice *next;
};

/* A conversation with which `hangup rules test` tries the rule. */
enum case_kind { CASE_FIRES, CASE_SILENT, CASE_UNDECIDED, CASE_KINDS };

struct rule_case {
    const char *conversation; /* .conv text */
    unsigned line;            /* of the file */
    const struct rule_case *next;
};

/* Is it safe to send a lost request again? */
enum retry { RETRY_NONE, RETRY_SAFE, RETRY_UNSAFE, RETRY_BY_METHOD };

struct text_list {
    const char *text;
    const struct text_list *next;
};

struct rule {
    const char *id, *name;
    const char *summary;          /* what it finds, as a part of a sentence; NULL: not told */
    const char *origin;           /* the file, "built in" for shipped ones */
    const char *source;           /* the whole text of its file */
    enum severity severity;
    enum scope scope;
    bool per_client;              /* findings gather one server and one client */
    const struct field *split;    /* and one value of this enumeration; NULL: any */
    enum retry retry;
    struct parameter *parameters;
    const struct expr *when;      /* GROUP: about the members */
    const struct expr *confirm;   /* CONNECTION, EXCHANGE: asked again of what `when` flags, when all connections are known; NULL: not */
    bool teaches_timers;          /* the timers that its groups show are known of their server (request.rest_timer) */
    bool numbers_only;            /* what it says follows from TCP's numbers: inferred exchanges make it no less certain */
    bool judges_open;             /* EXCHANGE: asks for nothing that only the end of the connection tells */
    const struct expr *members;   /* GROUP: which connections */
    const struct expr *within;    /* GROUP: of these, the most that closed within such a time; NULL: all */
    const struct expr *lists;     /* GROUP: the members that a finding lists; NULL: all */
    struct reference_list timer_starts; /* none: no deadline is sought */
    bool deadline_only;           /* GROUP: list only the connections that the timer explains */
    unsigned evidence;            /* bit per enum mark_id */
    const struct choice *confidence, *accountable, *what, *cause, *fix;
    const struct choice *supports, *contradicts; /* clues that others could have made, for and against the verdict */
    const struct text_list *links; /* "references" in the file */
    const char *family;           /* a name of families.def; NULL: none */
    const struct text_list *explains_names; /* ids and families */
    const struct text_list *seen_as, *renamed_from;
    struct rule_set_bits explains;
    const struct rule_case *cases[CASE_KINDS];
    const char *never_undecided;  /* why there is no such case; NULL: there is, or nobody said */
};

struct timer;

/* What a program says, or a proxy's flag: for rules_search. */
struct message {
    const char *text, *program, *source; /* where the program's texts are documented */
    const struct text_list *rules;       /* ids that can stand behind it */
    const struct message *next;
};

struct rules {
    struct arena arena;           /* all rules live here */
    struct rule **items;
    size_t count, capacity;
    const struct message *messages; /* of all files with the key `messages` */
    const struct timer *timers;   /* well-known defaults (timers.h), to name what a deadline fits */
};

/* Parses and compiles one file. A rule with the id of an earlier one replaces it; a file with the key
 * `timers` holds well-known timers instead, one with `messages` what programs say. The error names file, line and column, shows the line and
 * points to the place. `text` is copied. */
bool rules_add(struct rules *rules, const char *origin, const char *text, size_t length,
               struct err *err) WARN_UNUSED;

/* A .yaml file, or every .yaml file of a folder in the order of their names. */
bool rules_add_path(struct rules *rules, const char *path, struct err *err) WARN_UNUSED;

/* The rules that are compiled into the program. Who neither shows nor tests them needs no cases, and gets what the build has parsed: that
 * halves the time of a start. */
bool rules_add_builtin(struct rules *rules, bool with_cases, struct err *err) WARN_UNUSED;

/* --set ID.PARAM=VALUE */
bool rules_set(struct rules *rules, const char *assignment, struct err *err) WARN_UNUSED;

/* Also finds a rule by a name that it had before. */
struct rule *rules_find(const struct rules *rules, const char *id);

/* Keeps only the rules named (count 0: all), and then drops others. Names must exist. */
bool rules_select(struct rules *rules, const char *const *only, size_t only_count,
                  const char *const *drop, size_t drop_count, struct err *err) WARN_UNUSED;

/* After the last addition: resolves which rule explains which. */
void rules_link(struct rules *rules);

void rules_free(struct rules *rules);

static inline void rule_bits_add(struct rule_set_bits *bits, size_t rule)
{
    bits->words[rule / 64] |= UINT64_C(1) << rule % 64;
}

/* The first of the rules in one word of a set; there is one. */
static inline size_t rule_bits_first(size_t at, uint64_t word)
{
    return at * 64 + (size_t)__builtin_ctzll(word);
}

static inline bool rule_bits_has(const struct rule_set_bits *bits, size_t rule)
{
    return bits->words[rule / 64] >> rule % 64 & 1;
}

#endif
