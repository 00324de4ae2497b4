#include "cli/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "cli/commands.h"

/* A report written onto a capture would destroy it. */
static bool is_input(const struct options *options, const char *path)
{
    struct stat out, in;
    if (stat(path, &out) != 0)
        return false;
    for (size_t i = 0; i <= options->argument_count; i++) {
        const char *input = i < options->argument_count ? options->arguments[i] : options->key_log;
        if (input != NULL && stat(input, &in) == 0 && in.st_dev == out.st_dev &&
            in.st_ino == out.st_ino && S_ISREG(in.st_mode))
            return true;
    }
    return false;
}

/* "folder/" of "folder/name", "" of "name". */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash + 1 - path) : 0;
}

/* Where a new file would have had them from the umask, or as the file had them that is there. */
static void take_mode(int fd, const struct stat *old)
{
    mode_t mask = umask(0);
    umask(mask);
    bool others = old != NULL && (old->st_uid != geteuid() || old->st_gid != getegid());
    if (others && fchown(fd, old->st_uid, old->st_gid) != 0) {
        /* who is not root makes it his own */
    }
    (void)fchmod(fd, old != NULL ? old->st_mode & 07777 : 0666 & ~mask); /* where there are none (FAT), it stays as it was made */
}

/* A file in the folder that is not seen until it is whole; -1: none can be made. */
static int open_beside(struct output_file *output)
{
    const char *path = output->target;
    size_t length = folder_length(path);
#ifdef O_TMPFILE
    char *folder = length > 0 ? strndup(path, length) : strdup(".");
    bool can_be_named = access("/proc/self/fd", X_OK) == 0;
    int fd = folder != NULL && can_be_named ? open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
    free(folder);
    if (fd >= 0)
        return fd;
#endif
    struct strbuf name = { 0 };
    strbuf_addf(&name, "%.*s.hangup.XXXXXX", (int)length, path);
    int named = name.failed ? -1 : mkstemp(name.text);
    if (named < 0) {
        strbuf_free(&name);
        return -1;
    }
    (void)fcntl(named, F_SETFD, FD_CLOEXEC);
    output->temporary = name.text;
    return named;
}

/* The file that the path names, or would. NULL: no memory, or it cannot be. */
static char *real_target(const char *path, bool exists)
{
    return exists ? realpath(path, NULL) : strdup(path);
}

/* Opened by its name, a file behind a descriptor would begin anew. -1: it is another name. */
static int held_descriptor(const char *path)
{
    int fd, length = 0;
    if (strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    bool named = sscanf(path, "/dev/fd/%d%n", &fd, &length) == 1 || sscanf(path, "/proc/self/fd/%d%n", &fd, &length) == 1;
    return named && path[length] == '\0' ? fd : -1;
}

static bool open_output(struct output_file *output, const char *path, bool in_place, struct err *err)
{
    struct stat old;
    bool exists = stat(path, &old) == 0;
    if (!exists && errno != ENOENT)
        return err_set(err, "%s: cannot write: %s", path, strerror(errno));
    int fd = -1;
    struct stat link;
    bool dangles = !exists && lstat(path, &link) == 0;
    bool can_replace = exists ? S_ISREG(old.st_mode) && old.st_nlink == 1 && access(path, W_OK) == 0 : !dangles;
    bool is_descriptor = strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0; /* somebody holds it */
    if (can_replace && !in_place && !is_descriptor) {
        output->target = real_target(path, exists);
        fd = output->target != NULL ? open_beside(output) : -1;
    }
    if (fd >= 0) {
        take_mode(fd, exists ? &old : NULL);
        output->file = fdopen(fd, "w+");
    } else { /* no file; or in a folder where nothing can be made */
        free(output->target);
        output->target = NULL;
        int held = held_descriptor(path);
        fd = held >= 0 ? fcntl(held, F_DUPFD_CLOEXEC, 0) : -1;
        output->file = held < 0 ? fopen(path, "we") : fd >= 0 ? fdopen(fd, "w") : NULL;
    }
    return output->file != NULL || err_set(err, "%s: cannot write: %s", path, strerror(errno));
}

bool outputs_open(struct outputs *outputs, const struct options *options, bool in_place, struct err *err)
{
    outputs->given = options->outputs;
    for (size_t i = 0; i < options->output_count; i++) {
        const char *path = options->outputs[i].path;
        outputs->count = i + 1;
        for (size_t j = 0; path != NULL && j < i; j++)
            if (options->outputs[j].path != NULL && strcmp(options->outputs[j].path, path) == 0)
                return err_set(err, "%s: is named for two reports", path);
        if (path != NULL && is_input(options, path))
            return err_set(err, "%s: is both to be read and a report to write", path);
        if (path == NULL)
            outputs->files[i].file = stdout;
        else if (!open_output(&outputs->files[i], path, in_place, err))
            return false;
    }
    return true;
}

/* Gives a file without a name one that nobody else has. */
static bool name_it(struct output_file *output)
{
    enum { MOST_TRIES = 100 };
    size_t length = folder_length(output->target);
    for (unsigned i = 0; i < MOST_TRIES; i++) {
        struct strbuf name = { 0 };
        char self[32];
        strbuf_addf(&name, "%.*s.hangup.%ld-%u", (int)length, output->target, (long)getpid(), i);
        snprintf(self, sizeof self, "/proc/self/fd/%d", fileno(output->file));
        if (!name.failed && linkat(AT_FDCWD, self, AT_FDCWD, name.text, AT_SYMLINK_FOLLOW) == 0) {
            output->temporary = name.text;
            return true;
        }
        strbuf_free(&name);
        if (errno != EEXIST)
            return false;
    }
    return false;
}

/* Where a name cannot take another's place (a file that is mounted, a folder of others), what is finished is copied. */
static bool copy_over(struct output_file *output)
{
    char bytes[65536];
    off_t at = 0;
    ssize_t n = 0, written = 0;
    int from = fileno(output->file), to = open(output->target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    while (to >= 0 && (n = pread(from, bytes, sizeof bytes, at)) > 0) {
        for (ssize_t done = 0; done < n; done += written)
            if ((written = write(to, bytes + done, (size_t)(n - done))) <= 0)
                break;
        if (written <= 0)
            break;
        at += n;
    }
    bool whole = to >= 0 && n == 0;
    if (to >= 0 && close(to) != 0)
        whole = false;
    if (output->temporary != NULL && whole)
        unlink(output->temporary);
    return whole;
}

static bool take_place(struct output_file *output)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* so that only SIGKILL can leave the other name behind */
    bool named = output->temporary != NULL || name_it(output);
    bool placed = (named && rename(output->temporary, output->target) == 0) || copy_over(output);
    int cause = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = cause;
    return placed;
}

/* false: errno, or output->cause, says why; 0: nobody knows. */
static bool flush_output(struct output_file *output)
{
    errno = 0;
    return (!ferror(output->file) && fflush(output->file) == 0) || (output->file == stdout && output_is_unwanted(stdout));
}

static bool cannot_write(const struct output_file *output, const char *path, struct err *err)
{
    int cause = output->cause != 0 ? output->cause : errno;
    return err_set(err, "%s: cannot write the report%s%s", path != NULL ? path : "standard output", cause != 0 ? ": " : "",
                   cause != 0 ? strerror(cause) : "");
}

bool outputs_flush(struct outputs *outputs, struct err *err)
{
    bool ok = true;
    for (size_t i = 0; i < outputs->count; i++)
        if (!flush_output(&outputs->files[i]))
            ok = cannot_write(&outputs->files[i], outputs->given[i].path, err);
    return ok;
}

static bool close_output(struct output_file *output, bool keep)
{
    FILE *file = output->file;
    bool whole = flush_output(output);
    if (whole && keep && output->target != NULL) {
        whole = (fsync(fileno(file)) == 0 || errno == EINVAL) && take_place(output);
        keep = whole;
    }
    int cause = errno;
    if (output->temporary != NULL && !keep)
        unlink(output->temporary);
    if (file != stdout && fclose(file) != 0 && whole) {
        whole = false;
        cause = errno;
    }
    errno = cause;
    return whole;
}

bool outputs_close(struct outputs *outputs, bool keep, struct err *err)
{
    bool ok = true;
    for (size_t i = 0; i < outputs->count; i++) {
        struct output_file *output = &outputs->files[i];
        const char *path = outputs->given[i].path;
        if (output->file != NULL && !close_output(output, keep) && keep)
            ok = cannot_write(output, path, err);
        free(output->target);
        free(output->temporary);
        *output = (struct output_file){ 0 };
    }
    return ok;
}
