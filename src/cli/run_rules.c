#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/case_test.h"
#include "cli/commands.h"
#include "rules/search.h"
#include "rules/timers.h"

/* Of a text from standard input: a page of a log. */
#define SEARCH_MAX_BYTES 65536

static void print_rule(const struct rule *rule)
{
    printf("%-7s  %-30s  %s\n", severity_name(rule->severity), rule->id, rule->name);
}

static int list_rules(const struct rules *rules, const struct options *options)
{
    (void)options;
    for (int severity = SEVERITY_ERROR; severity >= SEVERITY_INFO; severity--)
        for (size_t i = 0; i < rules->count; i++) {
            const struct rule *rule = rules->items[i];
            if (rule->severity == (enum severity)severity)
                print_rule(rule);
        }
    return EXIT_ANALYSED;
}

static int show_rule(const struct rules *rules, const struct options *options)
{
    struct err err = { "" };
    size_t count;
    const char *const *ids = command_arguments(options, &count);
    if (count != 1) {
        err_set(&err, "rules show wants one ID (`hangup rules list` shows them)");
        return complain(&err);
    }
    const struct rule *rule = rules_find(rules, ids[0]);
    if (rule == NULL) {
        err_set(&err, "there is no rule '%s' (`hangup rules list` shows them)", ids[0]);
        return complain(&err);
    }
    printf("# %s\n%s", rule->origin, rule->source);
    return EXIT_ANALYSED;
}

/* What was pasted: the arguments, or standard input where a line has quotes that a shell eats. */
static bool search_text(const struct options *options, struct strbuf *text, struct err *err)
{
    size_t count;
    const char *const *words = command_arguments(options, &count);
    if (count == 0)
        return err_set(err, "rules search wants a text: an error message, a line of a log, a proxy's flag "
                            "(- reads it from standard input)");
    bool from_stdin = count == 1 && strcmp(words[0], "-") == 0;
    char block[4096];
    size_t n;
    while (from_stdin && text->length < SEARCH_MAX_BYTES &&
           (n = fread(block, 1, sizeof block, stdin)) > 0)
        strbuf_add(text, block, n);
    for (size_t i = 0; i < count && !from_stdin; i++) {
        strbuf_adds(text, words[i]);
        strbuf_addc(text, ' ');
    }
    return !text->failed || err_no_memory(err);
}

/* As grep does: 0 found, 1 nothing, 2 an error. */
static int search_rules(const struct rules *rules, const struct options *options)
{
    struct err err = { "" };
    struct strbuf text = { 0 };
    struct rule_matches matches = { 0 };
    int status = EXIT_ANALYSED;
    if (!search_text(options, &text, &err) ||
        !rules_search(rules, strbuf_text(&text), &matches, &err)) {
        status = complain(&err);
    } else if (matches.count == 0) {
        fputs("hangup: no rule is about that (`hangup rules list` shows them)\n", stderr);
        status = EXIT_FOUND;
    }
    for (size_t i = 0; i < matches.count && status == EXIT_ANALYSED; i++) {
        const struct rule_match *m = &matches.items[i];
        print_rule(m->rule);
        if (m->seen_as != NULL)
            printf("         seen as: %s\n", m->seen_as);
    }
    free(matches.items);
    strbuf_free(&text);
    return status;
}

/* Each file is compiled by itself; all are tried, also after an error. */
int run_check_rules(const struct options *options, const struct cli_signals *signals)
{
    (void)signals;
    int status = EXIT_ANALYSED;
    size_t count;
    const char *const *paths = command_arguments(options, &count);
    if (count == 0) {
        struct err err = { "" };
        err_set(&err, "rules check wants rule files");
        return complain(&err);
    }
    for (size_t i = 0; i < count; i++) {
        struct rules rules = { 0 };
        struct err err = { "" };
        if (rules_add_path(&rules, paths[i], &err)) {
            for (size_t r = 0; r < rules.count; r++)
                printf("%s: ok, %s\n", rules.items[r]->origin, rules.items[r]->id);
            size_t timers = 0;
            for (const struct timer *t = rules.timers; t != NULL; t = t->next)
                timers++;
            if (timers > 0)
                printf("%s: ok, %zu timers\n", paths[i], timers);
        } else {
            fprintf(stderr, "%s\n", err.text);
            status = EXIT_USAGE;
        }
        rules_free(&rules);
    }
    return status;
}

struct tally {
    unsigned passed, failed;
    struct texts_told told;
};

static void count_case(struct tally *tally, const char *title, bool ok, const struct strbuf *why)
{
    printf("%s %s\n", ok ? "ok" : "FAILED", title);
    if (!ok)
        fputs(strbuf_text(why), stdout);
    tally->passed += ok;
    tally->failed += !ok;
}

static void test_rule(const struct rules *rules, const struct rule *rule, struct tally *tally)
{
    static const char *const kinds[] = { "fires", "silent", "undecided" };
    for (int kind = 0; kind < CASE_KINDS; kind++)
        for (const struct rule_case *c = rule->cases[kind]; c != NULL; c = c->next) {
            char title[160];
            snprintf(title, sizeof title, "%s %s (line %u)", rule->id, kinds[kind], c->line);
            struct strbuf why = { 0 };
            const struct case_expectation expectation = { rule->id, (enum case_kind)kind, &tally->told };
            bool ok = case_test(rules, title, c->conversation, strlen(c->conversation),
                                &expectation, &why);
            count_case(tally, title, ok, &why);
            strbuf_free(&why);
        }
}

static bool test_file(const struct rules *rules, const char *path, struct tally *tally,
                      struct err *err)
{
    struct strbuf text = { 0 }, why = { 0 };
    char block[8192];
    size_t n;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return err_set(err, "%s: cannot open: %s", path, strerror(errno));
    while ((n = fread(block, 1, sizeof block, file)) > 0)
        strbuf_add(&text, block, n);
    fclose(file);
    const struct case_expectation own = { NULL, CASE_FIRES, &tally->told };
    bool ok = case_test(rules, path, strbuf_text(&text), text.length, &own, &why);
    count_case(tally, path, ok, &why);
    strbuf_free(&text);
    strbuf_free(&why);
    return true;
}

static bool is_conversation(const char *name)
{
    size_t length = strlen(name);
    return length > 5 && strcmp(name + length - 5, ".conv") == 0;
}

static int test_rules(const struct rules *rules, const struct options *options)
{
    struct tally tally = { 0 };
    struct err err = { "" };
    size_t count;
    const char *const *names = command_arguments(options, &count);
    if (count == 0 || options->texts)
        for (size_t i = 0; i < rules->count; i++)
            test_rule(rules, rules->items[i], &tally);
    for (size_t i = 0; i < count; i++) {
        const char *what = names[i];
        const struct rule *rule = rules_find(rules, what);
        if (rule != NULL)
            test_rule(rules, rule, &tally);
        else if (!is_conversation(what))
            err_set(&err, "'%s' is neither a rule nor a .conv file", what);
        else
            test_file(rules, what, &tally, &err);
        if (err.text[0] != '\0')
            break;
    }
    if (options->texts && err.text[0] == '\0')
        tally.failed += (unsigned)texts_told_missing(&tally.told, rules);
    if (tally.told.failed)
        err_no_memory(&err);
    texts_told_free(&tally.told);
    if (err.text[0] != '\0')
        return complain(&err);
    printf("%u passed, %u failed\n", tally.passed, tally.failed);
    return tally.failed > 0 ? EXIT_FOUND : EXIT_ANALYSED;
}

/* The rules that the options ask for, and then what is to be done with them. */
static int with_rules(const struct options *options, int (*run)(const struct rules *rules, const struct options *options))
{
    struct err err = { "" };
    struct rules rules;
    int status = load_rules(options, true, &rules, &err) ? run(&rules, options) : complain(&err);
    rules_free(&rules);
    return status;
}

int run_list_rules(const struct options *options, const struct cli_signals *signals)
{
    (void)signals;
    return with_rules(options, list_rules);
}

int run_show_rule(const struct options *options, const struct cli_signals *signals)
{
    (void)signals;
    return with_rules(options, show_rule);
}

int run_search_rules(const struct options *options, const struct cli_signals *signals)
{
    (void)signals;
    return with_rules(options, search_rules);
}

int run_test_rules(const struct options *options, const struct cli_signals *signals)
{
    (void)signals;
    return with_rules(options, test_rules);
}
