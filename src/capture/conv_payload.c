#include "capture/conv_payload.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "capture/conv_h2.h"
#include "capture/conv_seal.h"
#include "capture/conv_tls.h"
#include "capture/conv_words.h"

bool conv_begins_payload(const char *p)
{
    static const char *const words[] = { "\"", "tls(", "h2(", "sealed(" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(p, words[i], strlen(words[i])) == 0)
            return true;
    return isdigit((unsigned char)*p);
}

/* Behind a backslash. */
static bool take_escape(const char **p, struct strbuf *text, struct err *err)
{
    static const char escapes[] = "rnt0\\\"", meant[] = "\r\n\t\0\\\"";
    const char *at = **p != '\0' ? strchr(escapes, **p) : NULL;
    if (at != NULL) {
        strbuf_addc(text, meant[at - escapes]);
        ++*p;
        return true;
    }
    if ((*p)[0] != 'x' || !isxdigit((unsigned char)(*p)[1]) || !isxdigit((unsigned char)(*p)[2]))
        return err_set(err, "unknown escape in the payload");
    const char digits[] = { (*p)[1], (*p)[2], '\0' };
    strbuf_addc(text, (char)strtoul(digits, NULL, 16));
    *p += 3;
    return true;
}

/* Behind the opening quote, up to behind the closing one. */
static bool take_quoted(const char **p, struct strbuf *text, struct err *err)
{
    while (**p != '"') {
        if (**p == '\0' || (**p == '\\' && (*p)[1] == '\0'))
            return err_set(err, "the payload has no closing quote");
        char ch = *(*p)++;
        if (ch != '\\')
            strbuf_addc(text, ch);
        else if (!take_escape(p, text, err))
            return false;
    }
    ++*p;
    return true;
}

static bool take_text(const char **p, struct strbuf *payload, size_t most, struct err *err)
{
    uint64_t times = 1;
    if (isdigit((unsigned char)**p) && (!conv_take_number(p, &times) || *(*p)++ != '*'))
        return err_set(err, "a payload is written \"text\" or N*\"text\"");
    if (*(*p)++ != '"')
        return err_set(err, "a payload is written in double quotes");
    struct strbuf once = { 0 };
    bool ok = take_quoted(p, &once, err);
    if (once.length == 0)
        times = 0;
    if (ok && times > 0 && times > (most - payload->length) / once.length)
        ok = err_set(err, "the payload is longer than %zu bytes", most);
    for (uint64_t i = 0; ok && i < times; i++)
        strbuf_add_strbuf(payload, &once);
    payload->failed |= once.failed;
    strbuf_free(&once);
    return ok;
}

/* sealed(NUMBER,TYPE,PAYLOAD...) */
static bool take_sealed(const char **p, unsigned from, struct strbuf *payload, size_t most, struct err *err)
{
    uint64_t number, type;
    struct strbuf text = { 0 };
    bool ok = conv_take(p, "sealed(") && conv_take_pair(p, ',', &number, &type) && type <= UINT8_MAX && *(*p)++ == ',';
    if (!ok)
        return err_set(err, "write sealed(NUMBER,TYPE,PAYLOAD)");
    for (conv_skip_space(p); ok && **p != ')'; conv_skip_space(p))
        ok = (conv_begins_payload(*p) || err_set(err, "sealed( has no closing bracket")) &&
             conv_take_payload(p, from, &text, CONV_MOST_SEALED, err);
    if (ok) {
        ++*p;
        conv_seal(from, number, (uint8_t)type, &text, payload);
        ok = payload->length <= most || err_set(err, "the payload is longer than %zu bytes", most);
    }
    strbuf_free(&text);
    return ok;
}

bool conv_take_payload(const char **p, unsigned from, struct strbuf *payload, size_t most, struct err *err)
{
    switch (**p) {
    case 't':
        return conv_take_tls(p, payload, most, err);
    case 'h':
        return conv_take_h2(p, payload, most, err);
    case 's':
        return take_sealed(p, from, payload, most, err);
    }
    return take_text(p, payload, most, err);
}
