/*
 * fields - the registry of facts that rules may use: one table for the expression compiler,
 * `hangup fields` and the manual.
 */
#ifndef HANGUP_LANG_FIELDS_H
#define HANGUP_LANG_FIELDS_H

#include <stddef.h>

#include "facts/deadline.h"
#include "facts/record.h"
#include "lang/value.h"

enum scope {
    SCOPE_CONNECTION, /* of a connection that is over */
    SCOPE_EXCHANGE,   /* of one request and its response */
    SCOPE_GROUP,      /* of the connections gathered in one finding */
};

/* Were the connections of a group closed in one moment? */
enum together {
    TOGETHER_NOT,
    TOGETHER_ALONE,  /* three at least */
    TOGETHER_SHARED, /* with others of the same end that are not of the group, more than chance explains */
};

/* One connection (and exchange, for rules about these) of a finding or group. */
struct member {
    const struct record *record;
    const struct exchange_facts *exchange; /* NULL in rules about connections */
};

struct group {
    const struct member *members;
    size_t count;
    const struct deadline *deadline;
    unsigned shift; /* one member of 2^shift is here: numbers are multiplied */
    enum together together;
    bool *failed; /* becomes true where memory ran out, and a value is wrong for that */
};

/* What a field is read from; what its scope does not have is NULL. */
struct subject {
    const struct record *record;
    const struct exchange_facts *exchange;
    const struct group *group; /* NULL: none is asked of */
};

/* When nothing can change a fact any more. */
enum field_known {
    KNOWN_EARLY,    /* as soon as an exchange is complete, its connection being open */
    KNOWN_AT_CLOSE, /* when the connection is over */
    KNOWN_AT_END,   /* when all connections of the group are */
};

/* Values in connections and exchanges that are usual (usual.h), as get_integer has them: a usual value lies in
 * [low, high], NS_ABSENT being the lowest of all, and is never unknown. */
struct field_usual {
    bool known;
    int64_t low, high;
};

struct field {
    const char *name;
    enum scope scope;
    enum value_type type;
    const char *const *names; /* TYPE_ENUM: its values, NULL at the end */
    enum field_known known;
    struct field_usual usual;
    struct value (*get)(const struct subject *subject);
    /* get() in few instructions: a boolean, the index of a name, a whole number (all numbers are, but those of
     * groups) or nanoseconds; NS_ABSENT, NS_UNKNOWN. A text or span that is there gives NS_UNKNOWN. */
    int64_t (*get_integer)(const struct subject *subject);
    const char *meaning;
};

/* NULL: there is no such field. */
const struct field *field_find(const char *name, size_t length);

/* The whole registry, in the order in which it is documented. */
const struct field *fields_all(size_t *count);

const char *scope_name(enum scope scope);

#endif
