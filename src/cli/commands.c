#include "cli/commands.h"

#include <string.h>

static const struct command commands[] = {
    { "", "FILE...", "analyse captures as one, in time order; - is stdin", MODE_FILES, run_analysis },
    { "", "-i IFACE", "analyse live traffic until interrupted", MODE_LIVE, run_analysis },
    { "", "-D", NULL, MODE_INTERFACES, run_interfaces },
    { "rules list", "", "the rules, one a line", MODE_LIST_RULES, run_list_rules },
    { "rules show", "ID", "a rule's file", MODE_LIST_RULES, run_show_rule },
    { "rules search", "TEXT", "the rules behind an error message or a line of a log", MODE_LIST_RULES, run_search_rules },
    { "rules check", "FILE...", "compile rule files", MODE_CHECK_RULES, run_check_rules },
    { "rules test", "[WHAT...]", "try rules on their cases, or .conv files", MODE_TEST_RULES, run_test_rules },
    { "fields", "", "every fact that a rule may use", MODE_FIELDS, run_fields },
};

#define COMMANDS (sizeof commands / sizeof *commands)

static size_t words_of(const char *name)
{
    size_t words = name[0] != '\0';
    for (; *name != '\0'; name++)
        words += *name == ' ';
    return words;
}

static bool begin_with(const struct options *o, const char *name)
{
    for (size_t i = 0; *name != '\0'; i++) {
        size_t length = strcspn(name, " ");
        if (i == o->argument_count || strlen(o->arguments[i]) != length || strncmp(o->arguments[i], name, length) != 0)
            return false;
        name += length;
        name += strspn(name, " ");
    }
    return true;
}

static const struct command *of_mode(enum mode mode)
{
    size_t i = 0;
    while (commands[i].mode != mode)
        i++;
    return &commands[i];
}

const struct command *command_find(const struct options *o, bool named_files)
{
    if (o->list_interfaces)
        return of_mode(MODE_INTERFACES);
    if (o->interface != NULL)
        return of_mode(MODE_LIVE);
    for (size_t i = 0; i < COMMANDS && !named_files; i++)
        if (commands[i].name[0] != '\0' && begin_with(o, commands[i].name))
            return &commands[i];
    return !named_files && begin_with(o, "rules") ? NULL : of_mode(MODE_FILES);
}

const char *command_wants(void)
{
    return "rules wants list, show ID, search TEXT, check FILE... or test [ID|FILE.conv...]";
}

const char *const *command_arguments(const struct options *o, size_t *count)
{
    size_t words = words_of(o->command->name);
    *count = o->argument_count - words;
    return o->arguments + words;
}

void commands_help(FILE *out)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        const struct command *c = &commands[i];
        if (c->help == NULL)
            continue;
        char text[64];
        snprintf(text, sizeof text, "hangup %s%s%s%s", c->mode & (MODE_FILES | MODE_LIVE) ? "[OPTIONS] " : "", c->name,
                 c->name[0] != '\0' && c->arguments[0] != '\0' ? " " : "", c->arguments);
        fprintf(out, "%s %-28s %s\n", i == 0 ? "usage:" : "      ", text, c->help);
    }
}
