/*
 * strbuf - text that grows.
 *
 * Always NUL-terminated once something was added. Running out of memory sets `failed`;
 * later additions do nothing, so a caller checks once, at the end.
 */
#ifndef HANGUP_BASE_STRBUF_H
#define HANGUP_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
    char *text; /* NULL while empty; free with strbuf_free */
    size_t length, capacity;
    bool failed;
};

void strbuf_add(struct strbuf *buf, const char *text, size_t length);
void strbuf_adds(struct strbuf *buf, const char *text);
void strbuf_addc(struct strbuf *buf, char c);
void strbuf_addf(struct strbuf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Also hands on that the other one failed. */
void strbuf_add_strbuf(struct strbuf *buf, const struct strbuf *other);
const char *strbuf_text(const struct strbuf *buf); /* "" while empty */
void strbuf_clear(struct strbuf *buf);             /* keeps the memory */
void strbuf_free(struct strbuf *buf);

#endif
