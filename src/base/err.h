/*
 * err - an error as a value: one sentence fit for the user.
 *
 * The caller owns the struct and passes its address down; the first cause wins,
 * because it is the nearest to the truth. Only cli prints it.
 */
#ifndef HANGUP_BASE_ERR_H
#define HANGUP_BASE_ERR_H

#include <stdbool.h>

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

struct err {
    char text[1024]; /* empty: no error; may hold several lines (source line and caret) */
};

/* Fills err->text unless an earlier cause is there already; always returns false,
 * so that a failing function can `return err_set(err, ...)`. err may be NULL. */
bool err_set(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* The sentence for "no memory left", the same everywhere. */
bool err_no_memory(struct err *err);

#endif
