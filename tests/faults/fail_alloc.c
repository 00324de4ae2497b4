/*
 * fail_alloc - preloaded into hangup: at every n-th allocation a copy of the process goes on without it, and must end with an error line
 * and exit status 2, or with the very report of a run in which nothing fails.
 *
 *     LD_PRELOAD=./fail_alloc.so FAULTS_FROM=1 FAULTS_STEP=1 FAULTS_REPORT=whole.json FAULTS_LOG=log \
 *         hangup --threads 1 -o json FILE >out
 *
 * FAULTS_REPORT: what is printed where nothing fails. FAULTS_LOG gets a line for each fault, and a last one that counts. FAULTS_KEEP: a
 * folder for the reports that differ. FAULTS_REST=1: all later allocations of the copy fail, too. Standard output has to be a file.
 * FAULTS_STOP=N: no copy; a trap at the N-th, for a debugger.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);

static struct {
    unsigned long count, from, step, stop, tried, faults;
    bool on, in_child, rest;
    int log;
    const char *report, *keep;
} state;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (length > 0 && write(state.log, line, (size_t)length) < 0)
        _exit(99);
}

static int copy_of_stdout(void)
{
    int copy = memfd_create("stdout", 0), written = open("/proc/self/fd/1", O_RDONLY); /* 1 may be for writing alone */
    off_t at = 0;
    char buffer[65536];
    for (ssize_t n; (n = pread(written, buffer, sizeof buffer, at)) > 0; at += n)
        if (write(copy, buffer, (size_t)n) != n)
            _exit(99);
    close(written);
    return copy;
}

static bool equals_report(int out)
{
    char a[65536], b[65536];
    int whole = open(state.report, O_RDONLY);
    bool same = whole >= 0;
    for (off_t at = 0; same;) {
        ssize_t n = pread(out, a, sizeof a, at), m = pread(whole, b, sizeof b, at);
        if (n <= 0 && m <= 0)
            break;
        same = n == m && memcmp(a, b, (size_t)n) == 0;
        at += n;
    }
    close(whole);
    return same;
}

static void keep(int out, unsigned long n)
{
    if (state.keep == NULL)
        return;
    char path[512], buffer[65536];
    snprintf(path, sizeof path, "%s/%lu", state.keep, n);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    off_t at = 0;
    for (ssize_t got; file >= 0 && (got = pread(out, buffer, sizeof buffer, at)) > 0; at += got)
        if (write(file, buffer, (size_t)got) != got)
            break;
    close(file);
}

static void judge(unsigned long n, int status, int out, int err)
{
    char line[512] = "";
    ssize_t said = pread(err, line, sizeof line - 1, 0);
    const char *fault = NULL;
    if (!WIFEXITED(status))
        fault = "crashed";
    else if (WEXITSTATUS(status) == 2)
        fault = said > 0 && strstr(line, "hangup: ") != NULL ? NULL : "failed without a word";
    else if (WEXITSTATUS(status) > 2)
        fault = "ended with another status";
    else if (!equals_report(out))
        fault = "ended well, but reported something else";
    if (fault == NULL)
        return;
    state.faults++;
    note("allocation %lu: %s (status %d)\n", n, fault, status);
    keep(out, n);
}

/* In the copy: this one fails. */
static bool fails(void)
{
    if (!state.on)
        return false;
    if (state.in_child)
        return state.rest;
    unsigned long n = ++state.count;
    if (n == state.stop)
        raise(SIGTRAP);
    if (n < state.from || (n - state.from) % state.step != 0)
        return false;
    state.on = false; /* what fork allocates is nobody's */
    int out = copy_of_stdout(), err = memfd_create("stderr", 0);
    pid_t child = fork();
    if (child == 0) {
        state.in_child = state.on = true;
        dup2(out, 1);
        dup2(err, 2);
        lseek(1, 0, SEEK_END);
        alarm(20); /* a copy that hangs has crashed */
        close(out);
        close(err);
        return true;
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    state.tried++;
    judge(n, status, out, err);
    close(out);
    close(err);
    state.on = true;
    return false;
}

static unsigned long number(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

static void __attribute__((constructor)) begin(void)
{
    const char *log = getenv("FAULTS_LOG");
    state.report = getenv("FAULTS_REPORT");
    state.keep = getenv("FAULTS_KEEP");
    state.rest = number("FAULTS_REST", 0) != 0;
    state.from = number("FAULTS_FROM", 1);
    state.step = number("FAULTS_STEP", 1);
    state.stop = number("FAULTS_STOP", 0);
    if (state.stop > 0)
        state.from = state.stop + 1;
    state.log = log != NULL ? open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644) : -1;
    state.on = state.log >= 0;
}

static void __attribute__((destructor)) end(void)
{
    if (state.log < 0 || state.in_child)
        return;
    state.on = false;
    note("%lu of %lu allocations tried, %lu faults\n", state.tried, state.count, state.faults);
}

void *malloc(size_t size)
{
    if (!fails())
        return __libc_malloc(size);
    errno = ENOMEM;
    return NULL;
}

void *calloc(size_t count, size_t size)
{
    if (!fails())
        return __libc_calloc(count, size);
    errno = ENOMEM;
    return NULL;
}

void *realloc(void *old, size_t size)
{
    if (!fails())
        return __libc_realloc(old, size);
    errno = ENOMEM;
    return NULL;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if (!fails())
        return __libc_memalign(alignment, size);
    errno = ENOMEM;
    return NULL;
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    *out = fails() ? NULL : __libc_memalign(alignment, size);
    return *out != NULL ? 0 : ENOMEM;
}
