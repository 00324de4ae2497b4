/*
 * value - what an expression yields: a typed value, or that there is none, or that the capture
 * could not show it (Kleene's third answer).
 */
#ifndef HANGUP_LANG_VALUE_H
#define HANGUP_LANG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

enum value_type {
    TYPE_BOOL,
    TYPE_NUMBER,   /* plain numbers, whole or not */
    TYPE_DURATION, /* nanoseconds */
    TYPE_ENUM,     /* one of the names that its field lists */
    TYPE_STRING,
    TYPE_SPAN,     /* from one moment to another; only for peak() */
};

const char *value_type_name(enum value_type type);

enum value_state {
    VALUE_KNOWN,
    VALUE_ABSENT,  /* does not apply: comparisons with it are false */
    VALUE_UNKNOWN, /* not in the capture: comparisons with it are unknown */
};

struct value {
    enum value_state state;
    unsigned choice;      /* TYPE_ENUM: which of the names that its field lists */
    union {
        bool truth;
        double number;
        int64_t ns;       /* TYPE_DURATION; start of a TYPE_SPAN */
        const char *text; /* TYPE_ENUM: the name; TYPE_STRING */
    };
    int64_t end_ns;       /* TYPE_SPAN */
    const char *because;  /* VALUE_UNKNOWN: what is missing, as a clause */
};

static inline struct value value_absent(void)
{
    return (struct value){ .state = VALUE_ABSENT };
}

static inline struct value value_unknown(const char *because)
{
    return (struct value){ .state = VALUE_UNKNOWN, .because = because };
}

static inline struct value value_bool(bool truth)
{
    return (struct value){ .truth = truth };
}

static inline struct value value_number(double number)
{
    return (struct value){ .number = number };
}

static inline struct value value_duration(int64_t ns)
{
    return (struct value){ .ns = ns };
}

static inline struct value value_span(int64_t ns, int64_t end_ns)
{
    return (struct value){ .ns = ns, .end_ns = end_ns };
}

static inline struct value value_choice(const char *const *names, unsigned choice)
{
    return (struct value){ .choice = choice, .text = names[choice] };
}

static inline struct value value_text(const char *text)
{
    return text == NULL ? value_absent() : (struct value){ .text = text };
}

#endif
