/*
 * What is forbidden in the jail fails there, each call tried; and who asks the other process for files gets those of the command line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/broker.h"
#include "cli/jail.h"

static int refused(int result)
{
    return result < 0 && (errno == EPERM || errno == EACCES);
}

/* Each gives 1 if it was refused. */
static int open_file(void)
{
    return refused(open("/etc/passwd", O_RDONLY));
}

static int make_file(void)
{
    return refused(open("/tmp/hangup-test-jail", O_WRONLY | O_CREAT, 0600));
}

static int remove_file(void)
{
    return refused(unlink("/tmp/hangup-test-jail-none"));
}

static int make_socket(void)
{
    return refused(socket(AF_INET, SOCK_STREAM, 0));
}

static int run_program(void)
{
    char *const arguments[] = { "true", NULL };
    return refused(execv("/bin/true", arguments));
}

static int make_process(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return refused(child);
}

static int signal_parent(void)
{
    return refused(kill(getppid(), 0));
}

static int run_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EPERM;
}

static int turn_memory_to_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED && refused(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int become_root(void)
{
    return refused(setuid(0));
}

/* What an analysis does: 1 if it works. */
static int use_memory(void)
{
    void *room = malloc((size_t)64 << 20);
    bool ok = room != NULL;
    if (ok)
        memset(room, 1, (size_t)64 << 20);
    free(room);
    return ok;
}

static const struct {
    const char *name;
    int (*try)(void);
} tries[] = {
    { "opening a file", open_file },       { "making a file", make_file },
    { "removing a file", remove_file },    { "a socket", make_socket },
    { "a program", run_program },          { "a process", make_process },
    { "a signal", signal_parent },         { "memory that runs", run_memory },
    { "code", turn_memory_to_code },       { "root", become_root },
    { "memory (allowed)", use_memory },
};

static int try_in_jail(size_t number, bool live)
{
    struct err err = { "" };
    struct jail_locks locks;
    const struct jail_options options = { .live = live };
    if (!jail_enter(&options, &locks, &err) || jail_lacks(&locks) != NULL)
        return 2;
    return tries[number].try() ? 0 : 1;
}

static void forbidden_calls_fail(void **state)
{
    (void)state;
    if (!jail_is_built()) /* nothing is promised */
        return;
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        for (int live = 0; live < 2; live++) {
            pid_t child = fork();
            if (child == 0)
                _exit(try_in_jail(i, live));
            int status;
            assert_int_equal(waitpid(child, &status, 0), child);
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                fail_msg("%s, %s: status %d", tries[i].name, live ? "live" : "files", status);
        }
}

/* A descriptor for what was named, EACCES for what was not. */
static int ask_for_files(void *context, const struct opener *opener)
{
    const char *named = context;
    char byte;
    int fd = opener_open(opener, named);
    if (fd < 0 || read(fd, &byte, 1) != 1)
        return 10;
    if (opener_open(opener, "/etc/passwd") >= 0 || errno != EACCES)
        return 11;
    char longer[8192];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    if (opener_open(opener, longer) >= 0)
        return 12;
    return opener_open(opener, "no such file") < 0 && errno == ENOENT ? 7 : 13;
}

static void only_named_files_are_opened(void **state)
{
    (void)state;
    if (!jail_is_built()) /* nothing is promised */
        return;
    struct err err = { "" };
    const char *paths[] = { "/proc/self/status", "no such file" };
    const struct broker_options options = { paths, 2, NULL };
    assert_int_equal(broker_run(&options, ask_for_files, (void *)paths[0], &err), 7);
    assert_string_equal(err.text, "");
}

/* As a library would. */
static int leave(void *context, const struct opener *opener)
{
    (void)context, (void)opener;
    _exit(1);
}

static void an_exit_is_no_report(void **state)
{
    (void)state;
    if (!jail_is_built())
        return;
    struct err err = { "" };
    const struct broker_options options = { NULL, 0, NULL };
    assert_int_equal(broker_run(&options, leave, NULL, &err), 2);
    assert_string_not_equal(err.text, "");
}

static int crash(void *context, const struct opener *opener)
{
    (void)context, (void)opener;
    raise(SIGKILL); /* cmocka catches others */
    return 0;
}

static void a_crash_is_told(void **state)
{
    (void)state;
    if (!jail_is_built()) /* nothing is promised */
        return;
    struct err err = { "" };
    const struct broker_options options = { NULL, 0, NULL };
    assert_int_equal(broker_run(&options, crash, NULL, &err), 128 + SIGKILL);
    assert_string_not_equal(err.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forbidden_calls_fail),
        cmocka_unit_test(only_named_files_are_opened),
        cmocka_unit_test(an_exit_is_no_report),
        cmocka_unit_test(a_crash_is_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
