#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/live.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/privileges.h"

static bool wants_color(const struct options *options, const struct output *output)
{
    const char *no_color = getenv("NO_COLOR"); /* https://no-color.org */
    if (options->color != WHEN_AUTO)
        return options->color == WHEN_ALWAYS;
    return output->path == NULL && isatty(STDOUT_FILENO) &&
           (no_color == NULL || no_color[0] == '\0');
}

static bool write_reports(const struct options *options, struct outputs *outputs,
                          const struct analysis *analysis, struct err *err)
{
    for (size_t i = 0; i < options->output_count; i++) {
        const struct output *output = &options->outputs[i];
        const struct report_options report = {
            .min_severity = options->min_severity,
            .max_connections = options->max_connections,
            .color = wants_color(options, output),
        };
        struct output_file *to = &outputs->files[i];
        errno = 0;
        if (!output->format->write(analysis, &report, to->file))
            return err_no_memory(err);
        to->cause = ferror(to->file) ? errno : 0;
    }
    return true;
}

static struct capture_set *open_live(const struct options *options,
                                     const struct cli_signals *signals, struct err *err)
{
    const struct live_options live = {
        .interface = options->interface,
        .filter = options->filter,
        .snaplen = options->snaplen,
        .buffer_kib = options->buffer_kib,
        .promiscuous = options->promiscuous,
        .max_packets = options->max_packets,
        .max_duration_ns = options->duration_ns,
        .stopped = signals->interrupted,
    };
    struct capture *capture = live_open(&live, err);
    return capture == NULL ? NULL : capture_set_of(capture, err);
}

/* From the first packet on, without the privileges that opening needed. */
static bool begin_live(const struct options *options, const struct cli_signals *signals,
                       struct err *err)
{
    if (!privileges_drop(options->user, err))
        return false;
    signals->catch_interrupts();
    fprintf(stderr, "hangup: listening on %s, Ctrl-C ends and reports\n", options->interface);
    return true;
}

static void show_progress(void *context, uint64_t packets)
{
    (void)context;
    fprintf(stderr, "\rhangup: %" PRIu64 " packets", packets);
}

/* One for each core; more than a few wait for the thread that reads. */
static size_t default_threads(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > 4 ? 4 : (size_t)cores;
}

/* Files that overlap in time are open at once; the soft limit is often 1024, or 256. */
static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* without, as many as it was */
}

static bool reads_pipes(const struct options *options)
{
    struct stat st;
    for (size_t i = 0; i < options->argument_count; i++)
        if (strcmp(options->arguments[i], "-") == 0 || (stat(options->arguments[i], &st) == 0 && !S_ISREG(st.st_mode)))
            return true;
    return false;
}

static int analyse(const struct options *options, const struct rules *rules, struct secrets *secrets,
                   struct outputs *outputs, const struct cli_signals *signals,
                   struct err *err)
{
    uint64_t bytes;
    bool live = options->interface != NULL;
    raise_open_files();
    if (!secrets_open(secrets, options->key_log, live || reads_pipes(options), options->argument_count, privileges_forbid_dumps, err))
        return EXIT_USAGE;
    struct capture_set *captures = live ? open_live(options, signals, err)
                                        : capture_set_open(options->arguments, options->argument_count, &secrets->captures, err);
    if (captures == NULL)
        return EXIT_USAGE;
    /* Inputs first: a mistyped name must not empty an old report. */
    if (!outputs_open(outputs, options, live, err) ||
        (live && !begin_live(options, signals, err))) {
        capture_set_close(captures);
        return EXIT_USAGE;
    }
    const struct analysis_options how = {
        .tracker = {
            .talks = {
                .show_query = options->show_query,
                .key_log = options->key_log != NULL || capture_set_may_carry_secrets(captures) ? secrets->log : NULL,
                .keys_may_come = !capture_set_is_files(captures, &bytes),
            },
            .servers = options->servers,
            .server_count = options->server_count,
            .max_open = options->max_open,
            .most_listed = options->most_listed,
        },
        .threads = options->threads > 0 ? options->threads : default_threads(),
        .threads_always = options->threads > 0,
        .secrets = secrets,
        .stopped = !live ? signals->interrupted : NULL, /* live captures see to it themselves */
    };
    if (!live)
        signals->catch_interrupts();
    bool progress = options->progress == WHEN_ALWAYS ||
                    (options->progress == WHEN_AUTO && isatty(STDERR_FILENO));
    const struct analysis_progress reporter = { show_progress, NULL };
    struct analysis *analysis =
        analysis_run(captures, rules, &how, progress ? &reporter : NULL, err);
    if (progress)
        fputs("\r\033[K", stderr);
    if (analysis == NULL)
        return EXIT_USAGE;
    bool written = write_reports(options, outputs, analysis, err);
    size_t count;
    const struct finding *findings = engine_findings(analysis->run->engine, &count);
    /* Findings come worst first. */
    bool found = options->has_fail_on && count > 0 &&
                 findings[0].rule->severity >= options->fail_on;
    found |= options->fail_on_undecided && !analysis_is_complete(analysis);
    analysis_free(analysis);
    return !written ? EXIT_USAGE : found ? EXIT_FOUND : EXIT_ANALYSED;
}

int run_analysis(const struct options *given, const struct cli_signals *signals)
{
    struct options options = *given;
    if (options.output_count == 0)
        options.outputs[options.output_count++] = (struct output){ report_formats(&(size_t){ 0 }), NULL };
    struct err err = { "" };
    struct rules rules;
    struct secrets secrets = { .fd = -1 };
    struct outputs outputs = { .count = 0 };
    int status = EXIT_USAGE;
    if (load_rules(&options, false, &rules, &err))
        status = analyse(&options, &rules, &secrets, &outputs, signals, &err);
    secrets_close(&secrets);
    if (!outputs_close(&outputs, status != EXIT_USAGE, &err))
        status = EXIT_USAGE;
    rules_free(&rules);
    return err.text[0] != '\0' ? complain(&err) : status;
}
