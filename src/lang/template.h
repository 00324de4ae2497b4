/*
 * template - texts with values in them.
 *
 *     "{count()|connection} closed {median(close.since_open)} after the handshake"
 *
 * Braces hold an expression about the finding; a noun after '|' follows the number, with an s
 * unless it is one. Durations, shares and numbers are written for people.
 */
#ifndef HANGUP_LANG_TEMPLATE_H
#define HANGUP_LANG_TEMPLATE_H

#include "base/strbuf.h"
#include "lang/expr.h"

struct template;

/* NULL: *error tells, with the offset in `source`. */
const struct template *template_compile(struct arena *arena, const char *source,
                                        const struct expr_context *context,
                                        struct expr_error *error);

/* Its text without the values: what it says in any case. */
void template_literals(const struct template *text, struct strbuf *out);

/* Does it ask for a fact of that scope? */
bool template_asks_for_scope(const struct template *text, enum scope scope);

void template_write(const struct template *text, const struct group *group, struct strbuf *out);

#endif
