#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct strbuf *buf, size_t more)
{
    if (buf->failed)
        return false;
    size_t wanted = buf->length + more + 1;
    if (wanted <= buf->capacity)
        return true;
    size_t capacity = buf->capacity < 64 ? 128 : buf->capacity * 2;
    if (capacity < wanted)
        capacity = wanted;
    char *text = realloc(buf->text, capacity);
    if (text == NULL) {
        buf->failed = true;
        return false;
    }
    buf->text = text;
    buf->capacity = capacity;
    return true;
}

void strbuf_add(struct strbuf *buf, const char *text, size_t length)
{
    if (!reserve(buf, length))
        return;
    if (length > 0)
        memcpy(buf->text + buf->length, text, length);
    buf->length += length;
    buf->text[buf->length] = '\0';
}

void strbuf_add_strbuf(struct strbuf *buf, const struct strbuf *other)
{
    buf->failed |= other->failed;
    strbuf_add(buf, strbuf_text(other), other->length);
}

void strbuf_adds(struct strbuf *buf, const char *text)
{
    strbuf_add(buf, text, strlen(text));
}

void strbuf_addc(struct strbuf *buf, char c)
{
    strbuf_add(buf, &c, 1);
}

void strbuf_addf(struct strbuf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length >= 0 && reserve(buf, (size_t)length)) {
        vsnprintf(buf->text + buf->length, (size_t)length + 1, format, again);
        buf->length += (size_t)length;
    }
    va_end(again);
}

const char *strbuf_text(const struct strbuf *buf)
{
    return buf->text != NULL ? buf->text : "";
}

void strbuf_clear(struct strbuf *buf)
{
    buf->length = 0;
    if (buf->text != NULL)
        buf->text[0] = '\0';
}

void strbuf_free(struct strbuf *buf)
{
    free(buf->text);
    *buf = (struct strbuf){ 0 };
}
