#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "rules/builtin.h"
#include "rules/rule.h"

static const char *const severity_names[SEVERITIES] = { "info", "warning", "error" };

const char *severity_name(enum severity severity)
{
    return severity_names[severity];
}

bool severity_find(const char *name, enum severity *severity)
{
    for (int i = 0; i < SEVERITIES; i++)
        if (strcmp(severity_names[i], name) == 0) {
            *severity = (enum severity)i;
            return true;
        }
    return false;
}

static bool read_file(const char *path, struct strbuf *text, struct err *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return err_set(err, "%s: cannot open: %s", path, strerror(errno));
    char block[8192];
    size_t n;
    while ((n = fread(block, 1, sizeof block, file)) > 0 && text->length <= RULE_MAX_MESSAGES_BYTES)
        strbuf_add(text, block, n);
    bool ok = !ferror(file);
    if (!ok)
        err_set(err, "%s: cannot read: %s", path, strerror(errno));
    fclose(file);
    if (ok && text->failed)
        return err_no_memory(err);
    return ok;
}

static bool add_file(struct rules *rules, const char *path, struct err *err)
{
    struct strbuf text = { 0 };
    bool ok = read_file(path, &text, err) &&
              rules_add(rules, path, strbuf_text(&text), text.length, err);
    strbuf_free(&text);
    return ok;
}

static int is_yaml(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && dot != entry->d_name && strcmp(dot, ".yaml") == 0;
}

/* alphasort would follow the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

bool rules_add_path(struct rules *rules, const char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(err, "%s: cannot open: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return add_file(rules, path, err);
    struct dirent **entries;
    int count = scandir(path, &entries, is_yaml, by_name);
    if (count < 0)
        return err_set(err, "%s: cannot read the folder: %s", path, strerror(errno));
    bool ok = true;
    for (int i = 0; i < count; i++) {
        struct strbuf name = { 0 };
        strbuf_addf(&name, "%s/%s", path, entries[i]->d_name);
        ok = ok && !name.failed && add_file(rules, strbuf_text(&name), err);
        strbuf_free(&name);
        free(entries[i]);
    }
    free(entries);
    if (ok && count == 0)
        return err_set(err, "%s: holds no .yaml file", path);
    return ok;
}

bool rules_add_builtin(struct rules *rules, bool with_cases, struct err *err)
{
    for (const struct builtin_file *file = builtin_rules; file->name != NULL; file++) {
        if (!with_cases && strncmp(file->text, "messages:", strlen("messages:")) == 0)
            continue; /* nobody searches */
        char origin[128];
        snprintf(origin, sizeof origin, "built-in %s", file->name);
        bool packed = !with_cases && file->nodes != NULL;
        if (packed ? !rules_add_packed(rules, origin, file->text, file->nodes, err)
                   : !rules_add(rules, origin, file->text, strlen(file->text), err))
            return false;
    }
    return true;
}

static bool same_id(const struct rule *rule, const char *id, size_t length)
{
    return strlen(rule->id) == length && strncmp(rule->id, id, length) == 0;
}

struct rule *rules_find(const struct rules *rules, const char *id)
{
    for (size_t i = 0; i < rules->count; i++)
        if (same_id(rules->items[i], id, strlen(id)))
            return rules->items[i];
    for (size_t i = 0; i < rules->count; i++)
        for (const struct text_list *old = rules->items[i]->renamed_from; old; old = old->next)
            if (strcmp(old->text, id) == 0)
                return rules->items[i];
    return NULL;
}

static bool unknown_rule(const char *id, struct err *err)
{
    return err_set(err, "there is no rule '%s' (`hangup rules list` shows them)", id);
}

bool rules_set(struct rules *rules, const char *assignment, struct err *err)
{
    const char *dot = strchr(assignment, '.'), *equals = strchr(assignment, '=');
    if (dot == NULL || equals == NULL || equals < dot)
        return err_set(err, "--set wants ID.PARAM=VALUE, not '%s'", assignment);
    struct rule *rule = NULL;
    for (size_t i = 0; i < rules->count; i++)
        if (same_id(rules->items[i], assignment, (size_t)(dot - assignment)))
            rule = rules->items[i];
    if (rule == NULL)
        return err_set(err, "--set %s: there is no rule '%.*s'", assignment,
                       (int)(dot - assignment), assignment);
    size_t length = (size_t)(equals - dot - 1);
    for (struct parameter *p = rule->parameters; p != NULL; p = p->next) {
        if (strlen(p->name) != length || strncmp(p->name, dot + 1, length) != 0)
            continue;
        struct expr_error error = { 0 };
        enum value_type type;
        struct value value;
        if (!expr_constant(&rules->arena, equals + 1, &type, &value, &error))
            return err_set(err, "--set %s: %s", assignment, error.text);
        if (type != p->type)
            return err_set(err, "--set %s: %s is a %s, not a %s", assignment, p->name,
                           value_type_name(p->type), value_type_name(type));
        p->value = value;
        return true;
    }
    return err_set(err, "--set %s: rule '%s' has no parameter '%.*s'", assignment, rule->id,
                   (int)length, dot + 1);
}

static bool is_named(const struct rules *rules, const struct rule *rule, const char *const *names,
                     size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rules_find(rules, names[i]) == rule)
            return true;
    return false;
}

bool rules_select(struct rules *rules, const char *const *only, size_t only_count,
                  const char *const *drop, size_t drop_count, struct err *err)
{
    for (size_t i = 0; i < only_count; i++)
        if (rules_find(rules, only[i]) == NULL)
            return unknown_rule(only[i], err);
    for (size_t i = 0; i < drop_count; i++)
        if (rules_find(rules, drop[i]) == NULL)
            return unknown_rule(drop[i], err);
    struct rules all = *rules;
    struct rule *selected[RULES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < all.count; i++) {
        struct rule *rule = all.items[i];
        if ((only_count == 0 || is_named(&all, rule, only, only_count)) &&
            !is_named(&all, rule, drop, drop_count))
            selected[count++] = rule;
    }
    for (size_t i = 0; i < count; i++)
        rules->items[i] = selected[i];
    rules->count = count;
    return true;
}

static bool is_called(const struct rule *rule, const char *id_or_family)
{
    return strcmp(rule->id, id_or_family) == 0 || (rule->family != NULL && strcmp(rule->family, id_or_family) == 0);
}

void rules_link(struct rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        struct rule *rule = rules->items[i];
        rule->explains = (struct rule_set_bits){ { 0 } };
        for (const struct text_list *name = rule->explains_names; name != NULL; name = name->next)
            for (size_t j = 0; j < rules->count; j++)
                if (j != i && is_called(rules->items[j], name->text))
                    rule_bits_add(&rule->explains, j);
    }
}

void rules_free(struct rules *rules)
{
    free(rules->items);
    arena_free(&rules->arena);
    *rules = (struct rules){ 0 };
}
