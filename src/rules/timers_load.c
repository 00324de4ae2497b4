/*
 * timers_load - the YAML of rules/timers.yaml -> a list of timers, with errors that point into the file.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rule_source.h"
#include "lang/suggest.h"
#include "rules/timers.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LONGEST_S 1e6 /* eleven days: no timer of a connection is longer */
#define TIMERS_MAX 1024 /* a file's: with YAML's aliases a small file can mean a lot */

/* What is being filled: the program is shared by the timers under its `settings`. */
struct entry {
    struct timer_program *program;
    struct timer *timer;
    const struct timer **end; /* of the list */
    size_t count;
};

static bool load_text(struct loader *l, const yaml_node_t *node, const char **text)
{
    for (const char *p = source_scalar(node); p != NULL && *p != '\0'; p++)
        if ((unsigned char)*p < ' ')
            return source_fail(l, node, "this text has no control characters");
    return source_text(l, node, text);
}

static bool load_flag(struct loader *l, const yaml_node_t *node, bool *flag)
{
    const char *value = source_scalar(node);
    *flag = value != NULL && strcmp(value, "true") == 0;
    return *flag || (value != NULL && strcmp(value, "false") == 0) ||
           source_fail(l, node, "true or false is expected here");
}

static bool load_seconds(struct loader *l, const yaml_node_t *node, int64_t *ns)
{
    const char *value = source_scalar(node);
    char *end = NULL;
    double seconds = value != NULL ? strtod(value, &end) : 0;
    if (value == NULL || end == value || *end != '\0' || !isfinite(seconds) || seconds <= 0 ||
        seconds > LONGEST_S)
        return source_fail(l, node, "a number of seconds is expected here, such as 60 or 0.5");
    *ns = (int64_t)(seconds * 1e9);
    return true;
}

static bool take_product(struct loader *l, yaml_node_t *item, void *context)
{
    const struct text_list **end = context;
    while (*end != NULL)
        end = (const struct text_list **)&((struct text_list *)*end)->next;
    struct text_list *product = arena_alloc(&l->rules->arena, sizeof *product);
    if (product == NULL)
        return err_no_memory(l->err);
    *end = product;
    return load_text(l, item, &product->text);
}

static bool take_from(struct loader *l, yaml_node_t *item, void *context)
{
    unsigned *from = context;
    enum reference reference;
    const char *name = source_scalar(item);
    if (name == NULL || !reference_find(name, &reference))
        return source_fail(l, item, "one of these is expected here: open, request, response, "
                         "activity");
    *from |= 1u << reference;
    return true;
}

static bool take_phase(struct loader *l, yaml_node_t *item, void *context)
{
    unsigned *phases = context;
    const char *name = source_scalar(item);
    for (int phase = PHASE_NONE; name != NULL && phase < PHASE_UNKNOWN; phase++) {
        const char *other = close_phase_names[phase];
        if (other != NULL && strcmp(name, other) == 0) {
            *phases |= 1u << phase;
            return true;
        }
    }
    return source_fail(l, item, "one of these is expected here: connecting, fresh, request, waiting, "
                     "response, idle, tunnel, done");
}

/* ---- keys of a program -------------------------------------------------------------------- */

static bool load_software(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return load_text(l, node, &e->program->software);
}

static bool load_end(struct loader *l, yaml_node_t *node, struct entry *e)
{
    static const enum close_by ends[] = { BY_CLIENT, BY_SERVER, BY_NETWORK };
    const char *name = source_scalar(node);
    for (size_t i = 0; name != NULL && i < COUNT(ends); i++)
        if (strcmp(close_by_names[ends[i]], name) == 0) {
            e->program->by = ends[i];
            return true;
        }
    return source_fail(l, node, "one of these is expected here: client, server, network");
}

static bool load_products(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return source_each(l, node, take_product, &e->program->products);
}

static bool load_via(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return source_each(l, node, take_product, &e->program->via);
}

static bool load_announces(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return load_flag(l, node, &e->program->announces);
}

static bool load_promises(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return load_flag(l, node, &e->program->promises);
}

static bool load_announces_via(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return load_flag(l, node, &e->program->announces_via);
}

static bool load_proxies(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return load_flag(l, node, &e->program->proxies);
}

static bool load_settings(struct loader *l, yaml_node_t *node, struct entry *e);

/* ---- keys of a timer ---------------------------------------------------------------------- */

static bool load_setting(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return load_text(l, node, &e->timer->setting);
}

static bool load_versions(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return load_text(l, node, &e->timer->versions);
}

static bool load_value(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return load_seconds(l, node, &e->timer->ns);
}

static bool load_late(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return load_seconds(l, node, &e->timer->late_ns);
}

static bool load_times(struct loader *l, yaml_node_t *node, struct entry *e)
{
    static const char *const words[] = { "connect", "head",     "body", "request",
                                         "response", "idle", "age" };
    const char *name = source_scalar(node);
    for (size_t i = 0; name != NULL && i < COUNT(words); i++)
        if (strcmp(words[i], name) == 0) {
            e->timer->times = words[i];
            return true;
        }
    return source_fail(l, node, "one of these is expected here: connect, head, body, request, "
                     "response, idle, age");
}

static bool load_from(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return source_each(l, node, take_from, &e->timer->from);
}

static bool load_phases(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return source_each(l, node, take_phase, &e->timer->phases);
}

static bool load_source(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return load_text(l, node, &e->timer->source);
}

/* ---- mappings ------------------------------------------------------------------------------ */

struct timer_key {
    const char *name;
    bool (*load)(struct loader *l, yaml_node_t *node, struct entry *e);
    bool required;
};

static const struct timer_key program_keys[] = {
    { "software", load_software, true },
    { "end", load_end, true },
    { "products", load_products, false },
    { "via", load_via, false },
    { "announces", load_announces, false },
    { "promises", load_promises, false },
    { "announces_via", load_announces_via, false },
    { "proxies", load_proxies, false },
    { "settings", load_settings, true },
};

static const struct timer_key timer_keys[] = {
    { "setting", load_setting, true },
    { "versions", load_versions, false },
    { "seconds", load_value, true },
    { "late", load_late, false },
    { "times", load_times, true },
    { "from", load_from, true },
    { "phases", load_phases, true },
    { "source", load_source, true },
};

static const char *key_name(const void *context, size_t i)
{
    return ((const struct timer_key *)context)[i].name;
}

static bool check_key(struct loader *l, const yaml_node_t *mapping, yaml_node_t *key,
                      const struct timer_key *keys, size_t count)
{
    const char *name = source_scalar(key);
    if (name == NULL)
        return source_fail(l, key, "the name of a key is expected here");
    if (source_key_node(l, mapping, name) != key)
        return source_fail(l, key, "the key '%s' stands here twice", name);
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].name, name) == 0)
            return true;
    const char *nearest = suggest(name, strlen(name), count, key_name, keys);
    if (nearest != NULL)
        return source_fail(l, key, "there is no key '%s'; did you mean '%s'?", name, nearest);
    return source_fail(l, key, "there is no key '%s' (hangup-rules(5) lists them)", name);
}

static bool load_mapping(struct loader *l, yaml_node_t *node, const struct timer_key *keys,
                         size_t count, struct entry *e)
{
    if (node->type != YAML_MAPPING_NODE)
        return source_fail(l, node, "KEY: VALUE lines are expected here, beginning with '%s'",
                           keys[0].name);
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++)
        if (!check_key(l, node, source_node(l, pair->key), keys, count))
            return false;
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *value = source_key(l, node, keys[i].name);
        if (value == NULL && keys[i].required)
            return source_fail(l, node, "the key '%s' is missing", keys[i].name);
        if (value != NULL && !keys[i].load(l, value, e))
            return false;
    }
    return true;
}

static bool take_setting(struct loader *l, yaml_node_t *item, void *context)
{
    struct entry *e = context;
    if (e->count++ == TIMERS_MAX)
        return source_fail(l, item, "there are more than %d timers", TIMERS_MAX);
    e->timer = arena_alloc(&l->rules->arena, sizeof *e->timer);
    if (e->timer == NULL)
        return err_no_memory(l->err);
    e->timer->program = e->program;
    e->timer->versions = "";
    if (!load_mapping(l, item, timer_keys, COUNT(timer_keys), e))
        return false;
    *e->end = e->timer;
    e->end = &e->timer->next;
    return true;
}

static bool load_settings(struct loader *l, yaml_node_t *node, struct entry *e)
{
    return source_each(l, node, take_setting, e);
}

static bool take_program(struct loader *l, yaml_node_t *item, void *context)
{
    struct entry *e = context;
    e->program = arena_alloc(&l->rules->arena, sizeof *e->program);
    if (e->program == NULL)
        return err_no_memory(l->err);
    return load_mapping(l, item, program_keys, COUNT(program_keys), e);
}

bool timers_load(struct loader *l, yaml_node_t *root)
{
    const struct timer *first = NULL;
    struct entry e = { .end = &first };
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = source_node(l, pair->key);
        const char *name = source_scalar(key);
        if (name == NULL || strcmp(name, "timers") != 0)
            return source_fail(l, key, "beside 'timers' there is nothing else in such a file");
    }
    yaml_node_t *list = source_key(l, root, "timers");
    if (list->type != YAML_SEQUENCE_NODE)
        return source_fail(l, list, "a list of programs is expected here");
    if (!source_each(l, list, take_program, &e))
        return false;
    /* A user's own file comes later and is looked at first. */
    *e.end = l->rules->timers;
    l->rules->timers = first;
    return true;
}
