/*
 * messages_load - the YAML of rules/messages.yaml -> what programs say when connections die, for `rules search`.
 */
#include <string.h>

#include "rules/rule_source.h"

#define MESSAGES_MAX 16384 /* a file's: with YAML's aliases a small file can mean a lot */

/* What is being filled: program and source are those of the texts under them. */
struct filling {
    const char *program, *source;
    size_t count;
};

static bool take_rule(struct loader *l, yaml_node_t *item, void *context)
{
    struct message *message = context;
    struct text_list *rule = arena_alloc(&l->rules->arena, sizeof *rule);
    if (rule == NULL)
        return err_no_memory(l->err);
    rule->next = message->rules;
    message->rules = rule;
    return source_text(l, item, &rule->text);
}

static bool take_text(struct loader *l, yaml_node_t *item, void *context)
{
    struct filling *filling = context;
    yaml_node_t *text = item->type == YAML_MAPPING_NODE ? source_key(l, item, "text") : NULL;
    yaml_node_t *rules = text != NULL ? source_key(l, item, "rules") : NULL;
    struct message *message = arena_alloc(&l->rules->arena, sizeof *message);
    if (text == NULL || rules == NULL)
        return source_fail(l, item, "a text and its rules are expected here");
    if (message == NULL)
        return err_no_memory(l->err);
    if (++filling->count > MESSAGES_MAX)
        return source_fail(l, item, "more than %d texts", MESSAGES_MAX);
    *message = (struct message){ .program = filling->program, .source = filling->source, .next = l->rules->messages };
    l->rules->messages = message;
    return source_text(l, text, &message->text) && source_each(l, rules, take_rule, message);
}

static bool take_program(struct loader *l, yaml_node_t *item, void *context)
{
    struct filling *filling = context;
    bool mapping = item->type == YAML_MAPPING_NODE;
    yaml_node_t *program = mapping ? source_key(l, item, "program") : NULL;
    yaml_node_t *source = mapping ? source_key(l, item, "source") : NULL;
    yaml_node_t *texts = mapping ? source_key(l, item, "texts") : NULL;
    if (program == NULL || source == NULL || texts == NULL)
        return source_fail(l, item, "a program, its source and texts are expected here");
    return source_text(l, program, &filling->program) && source_text(l, source, &filling->source) &&
           source_each(l, texts, take_text, filling);
}

bool messages_load(struct loader *l, yaml_node_t *root)
{
    struct filling filling = { NULL, NULL, 0 };
    return source_each(l, source_key(l, root, "messages"), take_program, &filling);
}
