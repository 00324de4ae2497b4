#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/live.h"
#include "cli/broker.h"
#include "cli/commands.h"
#include "cli/jail.h"
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

/* A run: what the process that looks at packets gets from the one that was started. */
struct job {
    const struct options *options;
    const struct cli_signals *signals;
    const struct rules *rules;
    struct outputs *outputs;
    struct capture_set *live; /* NULL: files are analysed */
    size_t threads;           /* 0 was asked for: the default */
    bool locked;              /* the jail is wanted, and built */
    bool keys_may_come;       /* packets come while the key log grows */
    pid_t started;            /* this process, before there were two */
    const struct opener *opener; /* once there are: of the one in the jail */
};

static bool write_reports(const struct job *job, const struct analysis *analysis, const struct jail_locks *locks, struct err *err)
{
    const struct options *options = job->options;
    for (size_t i = 0; i < options->output_count; i++) {
        const struct output *output = &options->outputs[i];
        const struct report_options report = {
            .min_severity = options->min_severity,
            .max_connections = options->max_connections,
            .color = wants_color(options, output),
            .locks = locks->names,
        };
        struct output_file *to = &job->outputs->files[i];
        errno = 0;
        if (!output->format->write(analysis, &report, to->file))
            return err_no_memory(err);
        to->cause = ferror(to->file) ? errno : 0;
    }
    return outputs_flush(job->outputs, err);
}

/* Asked now and then: is it to end and to report? */
static bool is_stopped(void *context)
{
    const struct job *job = context;
    return job->signals->interrupted(NULL) || (job->opener != NULL && broker_has_ended(job->opener));
}

static struct capture_set *open_live(struct job *job, struct err *err)
{
    const struct options *options = job->options;
    const struct live_options live = {
        .interface = options->interface,
        .filter = options->filter,
        .snaplen = options->snaplen,
        .buffer_kib = options->buffer_kib,
        .promiscuous = options->promiscuous,
        .max_packets = options->max_packets,
        .max_duration_ns = options->duration_ns,
        .stopped = is_stopped,
        .context = job,
    };
    struct capture *capture = live_open(&live, err);
    return capture == NULL ? NULL : capture_set_of(capture, err);
}

/* From the first packet on, without privileges, and in the jail. */
static bool begin(const struct job *job, struct jail_locks *locks, struct err *err)
{
    const struct options *options = job->options;
    const struct jail_options jail = { .user = options->user, .live = job->live != NULL, .unlocked = !job->locked,
                                       .parent = job->locked ? (long)job->started : 0 };
    *locks = (struct jail_locks){ { NULL } };
    if ((job->live != NULL || job->locked) && !jail_enter(&jail, locks, err))
        return false;
    const char *lacks = job->locked ? jail_lacks(locks) : NULL;
    if (lacks != NULL)
        fprintf(stderr, "hangup: %s\n", lacks);
    if (job->live != NULL) {
        job->signals->catch_interrupts();
        fprintf(stderr, "hangup: listening on %s, Ctrl-C ends and reports\n", options->interface);
    }
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

static bool open_secrets(const struct job *job, const struct opener *opener, struct secrets *secrets, struct err *err)
{
    const struct options *options = job->options;
    return secrets_open(secrets, options->key_log, opener, job->keys_may_come, options->argument_count, privileges_forbid_dumps, err);
}

static int analyse(struct job *job, const struct opener *opener, struct secrets *secrets, struct err *err)
{
    const struct options *options = job->options;
    struct jail_locks locks;
    uint64_t bytes;
    bool live = job->live != NULL;
    /* The key log may be another's: it is opened while there are privileges, or by the process that keeps them. */
    bool ready = job->locked ? begin(job, &locks, err) && open_secrets(job, opener, secrets, err)
                             : open_secrets(job, opener, secrets, err) && begin(job, &locks, err);
    if (!ready) {
        capture_set_close(job->live);
        return EXIT_USAGE;
    }
    struct capture_set *captures = live ? job->live
                                        : capture_set_open(options->arguments, options->argument_count, opener, &secrets->captures, err);
    if (captures == NULL)
        return EXIT_USAGE;
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
        .threads = job->threads,
        .threads_always = options->threads > 0,
        .secrets = secrets,
        .stopped = !live ? is_stopped : NULL, /* live captures see to it themselves */
        .context = job,
    };
    if (!live)
        job->signals->catch_interrupts();
    bool progress = options->progress == WHEN_ALWAYS ||
                    (options->progress == WHEN_AUTO && isatty(STDERR_FILENO));
    const struct analysis_progress reporter = { show_progress, NULL };
    struct analysis *analysis =
        analysis_run(captures, job->rules, &how, progress ? &reporter : NULL, err);
    if (progress)
        fputs("\r\033[K", stderr);
    if (analysis == NULL)
        return EXIT_USAGE;
    bool written = write_reports(job, analysis, &locks, err);
    size_t count;
    const struct finding *findings = engine_findings(analysis->run->engine, &count);
    /* Findings come worst first. */
    bool found = options->has_fail_on && count > 0 &&
                 findings[0].rule->severity >= options->fail_on;
    found |= options->fail_on_undecided && !analysis_is_complete(analysis);
    analysis_free(analysis);
    return !written ? EXIT_USAGE : found ? EXIT_FOUND : EXIT_ANALYSED;
}

/* In the process that looks at packets. */
static int work(void *context, const struct opener *opener)
{
    struct job *job = context;
    struct err err = { "" };
    job->opener = opener;
    struct secrets secrets = { .fd = -1 };
    int status = analyse(job, opener, &secrets, &err);
    secrets_close(&secrets);
    return err.text[0] != '\0' ? complain(&err) : status;
}

/* A mistyped name is told before anything is opened for writing: who reads a pipe would wait for it. */
static bool inputs_exist(const struct options *options, struct err *err)
{
    for (size_t i = 0; i < options->argument_count; i++)
        if (strcmp(options->arguments[i], "-") != 0 && access(options->arguments[i], R_OK) != 0)
            return err_set(err, "%s: cannot open: %s", options->arguments[i], strerror(errno));
    return true;
}

static int run_job(struct job *job, const struct options *options, struct err *err)
{
    raise_open_files();
    job->keys_may_come = options->interface != NULL || reads_pipes(options);
    if (options->interface != NULL && (job->live = open_live(job, err)) == NULL)
        return EXIT_USAGE;
    if (!inputs_exist(options, err) || !outputs_open(job->outputs, options, options->interface != NULL && !job->locked, err)) {
        capture_set_close(job->live);
        return EXIT_USAGE;
    }
    if (!job->locked)
        return work(job, NULL);
    const struct broker_options broker = { options->arguments, options->argument_count, options->key_log };
    return broker_run(&broker, work, job, err);
}

int run_analysis(const struct options *given, const struct cli_signals *signals)
{
    struct options options = *given;
    if (options.output_count == 0)
        options.outputs[options.output_count++] = (struct output){ report_formats(&(size_t){ 0 }), NULL };
    struct err err = { "" };
    struct rules rules;
    struct outputs outputs = { .count = 0 };
    struct job job = { .options = &options, .signals = signals, .rules = &rules, .outputs = &outputs,
                       .threads = options.threads > 0 ? options.threads : default_threads(),
                       .locked = !options.no_sandbox && jail_is_built(), .started = getpid() };
    int status = EXIT_USAGE;
    if (load_rules(&options, false, &rules, &err))
        status = run_job(&job, &options, &err);
    if (!outputs_close(&outputs, status == EXIT_ANALYSED || status == EXIT_FOUND, &err))
        status = EXIT_USAGE;
    rules_free(&rules);
    broker_end_likewise(status);
    return err.text[0] != '\0' ? complain(&err) : status;
}
