#include "rules/rule_source.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool source_fail_at(struct loader *l, size_t offset, const char *format, ...)
{
    char message[400];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (offset > l->length)
        offset = l->length;
    size_t start = offset, line = 1;
    while (start > 0 && l->text[start - 1] != '\n')
        start--;
    for (size_t i = 0; i < start; i++)
        line += l->text[i] == '\n';
    size_t column = offset - start;
    size_t width = strcspn(l->text + start, "\r\n");
    if (width > 200 || column > 200) /* no line of a rule is that long: it is no text */
        return err_set(l->err, "%s:%zu:%zu: %s", l->origin, line, column + 1, message);
    char padding[256];
    for (size_t i = 0; i < column; i++)
        padding[i] = l->text[start + i] == '\t' ? '\t' : ' ';
    padding[column] = '\0';
    return err_set(l->err, "%s:%zu:%zu: %s\n    %.*s\n    %s^", l->origin, line, column + 1,
                   message, (int)width, l->text + start, padding);
}

bool source_fail(struct loader *l, const yaml_node_t *node, const char *format, ...)
{
    char message[300];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return source_fail_at(l, node->start_mark.index, "%s", message);
}

/* Where in the file the offset-th character of a scalar stands. White space may differ between a
 * scalar and its value (folding, indentation), other characters come in the same order. */
static size_t source_offset(const struct loader *l, const yaml_node_t *node, size_t offset)
{
    const char *value = (const char *)node->data.scalar.value;
    size_t at = node->start_mark.index;
    char style_mark = node->data.scalar.style == YAML_LITERAL_SCALAR_STYLE  ? '|'
                      : node->data.scalar.style == YAML_FOLDED_SCALAR_STYLE ? '>'
                                                                            : '\0';
    if (style_mark != '\0')
        at += strcspn(l->text + at, "\n");
    for (size_t i = 0; value[i] != '\0'; i++) {
        if (strchr(" \t\n", value[i]) != NULL) {
            if (i == offset)
                break;
            continue;
        }
        while (at < l->length && l->text[at] != value[i])
            at++;
        if (i == offset)
            break;
        at++;
    }
    return at;
}

bool source_fail_expr(struct loader *l, const yaml_node_t *node, const struct expr_error *error)
{
    return source_fail_at(l, source_offset(l, node, error->offset), "%s", error->text);
}

yaml_node_t *source_node(struct loader *l, int id)
{
    return yaml_document_get_node(&l->document, id);
}

const char *source_scalar(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

yaml_node_t *source_key(struct loader *l, const yaml_node_t *mapping, const char *key)
{
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const char *name = source_scalar(source_node(l, pair->key));
        if (name != NULL && strcmp(name, key) == 0)
            return source_node(l, pair->value);
    }
    return NULL;
}

yaml_node_t *source_key_node(struct loader *l, const yaml_node_t *mapping, const char *key)
{
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const char *name = source_scalar(source_node(l, pair->key));
        if (name != NULL && strcmp(name, key) == 0)
            return source_node(l, pair->key);
    }
    return NULL;
}

bool source_text(struct loader *l, const yaml_node_t *node, const char **text)
{
    const char *value = source_scalar(node);
    if (value == NULL || value[0] == '\0')
        return source_fail(l, node, "a text is expected here");
    *text = arena_strdup(&l->rules->arena, value);
    return *text != NULL || err_no_memory(l->err);
}

bool source_each(struct loader *l, yaml_node_t *node,
                      bool (*take)(struct loader *l, yaml_node_t *item, void *context),
                      void *context)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return take(l, node, context);
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++)
        if (!take(l, source_node(l, *item), context))
            return false;
    return true;
}
