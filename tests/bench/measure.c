/*
 * measure - what one run of a program costs.
 *
 *     measure PROGRAM [ARGUMENT...]      prints: wall seconds, CPU seconds (user + system), peak KiB
 *
 * The program's standard output is thrown away. Its exit status becomes measure's; 125 when measure
 * itself failed, 126 when a signal ended the program. Only what the kernel counted for the whole
 * process is reported, start and exit included, for every program alike.
 */
#define _DEFAULT_SOURCE /* wait4() */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int fail(const char *what, int error)
{
    fprintf(stderr, "measure: %s: %s\n", what, strerror(error));
    return 125;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    posix_spawn_file_actions_t actions;
    struct timespec start, end;
    struct rusage used;
    int error, status;
    pid_t child;

    if (argc < 2) {
        fputs("usage: measure PROGRAM [ARGUMENT...]\n", stderr);
        return 125;
    }
    error = posix_spawn_file_actions_init(&actions);
    if (!error)
        error = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (error)
        return fail("spawn", error);
    clock_gettime(CLOCK_MONOTONIC, &start);
    error = posix_spawnp(&child, argv[1], &actions, NULL, argv + 1, environ);
    if (error)
        return fail(argv[1], error);
    while (wait4(child, &status, 0, &used) < 0)
        if (errno != EINTR)
            return fail("wait4", errno);
    clock_gettime(CLOCK_MONOTONIC, &end);
    posix_spawn_file_actions_destroy(&actions);

    if (WIFSIGNALED(status)) {
        fprintf(stderr, "measure: %s: ended by signal %d\n", argv[1], WTERMSIG(status));
        return 126;
    }
    printf("%.6f %.6f %ld\n",
           (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9,
           seconds(used.ru_utime) + seconds(used.ru_stime), used.ru_maxrss);
    return WEXITSTATUS(status);
}
