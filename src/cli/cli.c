#include "cli/cli.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "capture/live.h"
#include "cli/commands.h"
#include "cli/jail.h"

bool output_is_unwanted(FILE *file)
{
    struct pollfd pollfd = { .fd = fileno(file) };
    return pollfd.fd >= 0 && poll(&pollfd, 1, 0) > 0 && (pollfd.revents & (POLLERR | POLLHUP)) != 0;
}

int complain(const struct err *err)
{
    fprintf(stderr, "hangup: %s\n", err->text[0] != '\0' ? err->text : "failed");
    return EXIT_USAGE;
}

bool load_rules(const struct options *options, bool with_cases, struct rules *rules,
                struct err *err)
{
    *rules = (struct rules){ 0 };
    if (!rules_add_builtin(rules, with_cases, err))
        return false;
    for (size_t i = 0; i < options->rule_path_count; i++)
        if (!rules_add_path(rules, options->rule_paths[i], err))
            return false;
    for (size_t i = 0; i < options->setting_count; i++)
        if (!rules_set(rules, options->settings[i], err))
            return false;
    if (!rules_select(rules, options->only_rules, options->only_rule_count, options->no_rules,
                      options->no_rule_count, err))
        return false;
    rules_link(rules);
    return true;
}

static void list_interface(void *context, const char *name, const char *description)
{
    (void)context;
    printf("%s%s%s\n", name, description[0] != '\0' ? "  " : "", description);
}

int run_interfaces(const struct options *options, const struct cli_signals *signals)
{
    (void)options, (void)signals;
    struct err err = { "" };
    return live_interfaces(list_interface, NULL, &err) ? EXIT_ANALYSED : complain(&err);
}

/* And which of the libraries that may be missing it was built with. */
static void show_version(void)
{
    static const char *const libraries[] = {
        "with",
#ifdef HAVE_LIBARCHIVE
        "libarchive",
#endif
#ifdef HAVE_LIBCAP_NG
        "libcap-ng",
#endif
#ifdef HAVE_LIBCRYPTO
        "libcrypto",
#endif
#ifdef HAVE_LIBSECCOMP
        "libseccomp",
#endif
    };
    printf("hangup %s\n", PACKAGE_VERSION);
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        printf("%s%s", i > 0 ? " " : "", libraries[i]);
    puts(sizeof libraries / sizeof *libraries > 1 ? "" : " no optional library");
    struct jail_locks locks;
    jail_available(&locks);
    fputs("locks:", stdout);
    for (size_t i = 0; locks.names[i] != NULL; i++)
        printf(" %s", locks.names[i]);
    puts(locks.names[0] != NULL ? "" : " none");
}

static int dispatch(const struct options *options, const struct cli_signals *signals)
{
    if (options->help) {
        options_help(stdout);
        return EXIT_ANALYSED;
    }
    if (options->version) {
        show_version();
        return EXIT_ANALYSED;
    }
    if (options->command->mode == MODE_FILES && options->argument_count == 0) {
        options_help(stderr);
        return EXIT_USAGE;
    }
    return options->command->run(options, signals);
}

int cli_main(int argc, char **argv, const struct cli_signals *signals)
{
    struct arena arena = { 0 };
    struct options options;
    struct err err = { "" };
    int status = options_parse(&options, &arena, argc, argv, &err)
                     ? dispatch(&options, signals)
                     : complain(&err);
    arena_free(&arena);
    /* Lists and help end up in a pipe as well as reports do. */
    if (fflush(stdout) != 0 && status != EXIT_USAGE && !output_is_unwanted(stdout)) {
        err_set(&err, "standard output: cannot write");
        status = complain(&err);
    }
    return status;
}
