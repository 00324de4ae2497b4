#include "lang/template.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

struct template {
    const char *literal;      /* or NULL */
    const struct expr *expr;
    const struct expr *high; /* {range(x)}: expr is its least value, this its largest; else NULL */
    const char *noun;         /* or NULL */
    const struct template *next;
};

/* Length of the expression after a '{', up to the '}' or '|' that belongs to it. */
static size_t expression_length(const char *text)
{
    size_t depth = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] == '{')
            depth++;
        else if (text[i] == '|' && text[i + 1] == '|')
            i++; /* the operator */
        else if ((text[i] == '}' || text[i] == '|') && depth == 0)
            return i;
        else if (text[i] == '}')
            depth--;
    }
    return SIZE_MAX;
}

/* "min(x)" of "range(x)", or "max(x)". NULL: no memory. */
static const char *bound_of(struct arena *arena, const char *range, const char *function)
{
    return arena_printf(arena, "%s%s", function, range + strlen("range"));
}

/* {range(x)}: the least and the largest value. */
static bool compile_range(struct arena *arena, const char *expression, const struct expr_context *context, struct template *piece,
                          struct expr_error *error)
{
    const char *low = bound_of(arena, expression, "min"), *high = bound_of(arena, expression, "max");
    if (low == NULL || high == NULL) {
        snprintf(error->text, sizeof error->text, "out of memory");
        return false;
    }
    piece->expr = expr_compile(arena, low, context, error);
    piece->high = piece->expr != NULL ? expr_compile(arena, high, context, error) : NULL;
    return piece->high != NULL;
}

static struct template *add(struct arena *arena, struct template ***end)
{
    struct template *piece = arena_alloc(arena, sizeof *piece);
    if (piece != NULL) {
        **end = piece;
        *end = (struct template **)&piece->next;
    }
    return piece;
}

const struct template *template_compile(struct arena *arena, const char *source,
                                        const struct expr_context *context,
                                        struct expr_error *error)
{
    struct template *first = NULL, **end = &first;
    size_t at = 0;
    do {
        size_t plain = strcspn(source + at, "{");
        struct template *piece = add(arena, &end);
        if (piece == NULL)
            goto no_memory;
        if ((piece->literal = arena_strndup(arena, source + at, plain)) == NULL)
            goto no_memory;
        at += plain;
        if (source[at] == '\0')
            break;
        at++;
        size_t length = expression_length(source + at);
        if (length == SIZE_MAX) {
            error->offset = at - 1;
            snprintf(error->text, sizeof error->text, "this '{' has no '}'");
            return NULL;
        }
        piece = add(arena, &end);
        char *expression = arena_strndup(arena, source + at, length);
        if (piece == NULL || expression == NULL)
            goto no_memory;
        bool ok = strncmp(expression, "range(", 6) == 0
                      ? compile_range(arena, expression, context, piece, error)
                      : (piece->expr = expr_compile(arena, expression, context, error)) != NULL;
        if (!ok) {
            error->offset += at;
            return NULL;
        }
        at += length;
        if (source[at] == '|') {
            size_t noun = strcspn(source + at + 1, "}");
            if ((piece->noun = arena_strndup(arena, source + at + 1, noun)) == NULL)
                goto no_memory;
            at += 1 + noun;
        }
        at += source[at] == '}';
    } while (source[at] != '\0');
    return first;
no_memory:
    error->offset = 0;
    snprintf(error->text, sizeof error->text, "out of memory");
    return NULL;
}

bool template_asks_for_scope(const struct template *text, enum scope scope)
{
    for (; text != NULL; text = text->next)
        if (text->expr != NULL && expr_asks_for_scope(text->expr, scope))
            return true;
    return false;
}

static void write_number(double number, const char *noun, struct strbuf *out)
{
    if (fabs(number) >= 100) /* what stands behind the point says nothing then */
        number = round(number);
    if (number == floor(number) && fabs(number) < 1e15) {
        if (number < 0)
            strbuf_addc(out, '-');
        text_count(out, (uint64_t)fabs(number));
    } else {
        strbuf_addf(out, "%.2f", number);
    }
    if (noun != NULL && strcmp(noun, "percent") != 0)
        strbuf_addf(out, " %s%s", noun, number == 1 ? "" : "s");
}

static void write_value(const struct template *piece, const struct value *v, struct strbuf *out)
{
    if (v->state != VALUE_KNOWN) {
        strbuf_adds(out, "(not known)");
        return;
    }
    switch (expr_type(piece->expr)) {
    case TYPE_BOOL:
        strbuf_adds(out, v->truth ? "yes" : "no");
        break;
    case TYPE_NUMBER:
        if (piece->noun != NULL && strcmp(piece->noun, "percent") == 0)
            strbuf_addf(out, "%.0f %%", v->number * 100);
        else
            write_number(v->number, piece->noun, out);
        break;
    case TYPE_DURATION:
        text_duration(out, v->ns);
        break;
    case TYPE_ENUM:
        strbuf_adds(out, v->text);
        break;
    case TYPE_STRING:
        text_untrusted(out, v->text, strlen(v->text));
        break;
    case TYPE_SPAN:
        text_duration(out, v->end_ns - v->ns);
        break;
    }
}

void template_literals(const struct template *text, struct strbuf *out)
{
    for (; text != NULL; text = text->next)
        strbuf_adds(out, text->literal != NULL ? text->literal : " ");
}

/* "2 to 5 requests", "1.000 s to 1.200 s"; one value where both would be written alike. */
static void write_range(const struct template *piece, const struct value *least, const struct group *group, struct strbuf *out)
{
    struct value most = expr_group_value(piece->high, group);
    struct template bare = *piece;
    bare.noun = NULL;
    struct strbuf low = { 0 }, high = { 0 };
    write_value(&bare, least, &low);
    write_value(&bare, &most, &high);
    if (strcmp(strbuf_text(&low), strbuf_text(&high)) != 0)
        strbuf_addf(out, "%s to ", strbuf_text(&low));
    write_value(piece, &most, out);
    out->failed |= low.failed || high.failed;
    strbuf_free(&low);
    strbuf_free(&high);
}

void template_write(const struct template *text, const struct group *group, struct strbuf *out)
{
    for (const struct template *piece = text; piece != NULL; piece = piece->next) {
        if (piece->literal != NULL) {
            strbuf_adds(out, piece->literal);
            continue;
        }
        struct value v = expr_group_value(piece->expr, group);
        if (piece->high != NULL)
            write_range(piece, &v, group, out);
        else
            write_value(piece, &v, out);
    }
}
