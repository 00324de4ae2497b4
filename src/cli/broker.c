#include "cli/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(HAVE_LIBSECCOMP) && defined(__linux__)
#include <sys/prctl.h>
#include <sys/signalfd.h>

/* DONE and its status is how the work ends the other process. A library that gives up calls exit(3) with a status of its own, as
 * libarchive does with 1 where memory runs out: that is no report. */
enum { FAILED = 2, DONE = 64, BY_SIGNAL = 128 };

/* ---- one message each way: a path; errno, and with 0 a descriptor ---------------------------------------- */

union descriptor_room {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static bool send_answer(int socket, int cause, int fd)
{
    union descriptor_room room = { .bytes = { 0 } };
    struct iovec part = { &cause, sizeof cause };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (fd >= 0) {
        message.msg_control = room.bytes;
        message.msg_controllen = sizeof room.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd) };
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)sizeof cause;
}

static int take_answer(int socket)
{
    int cause = EIO, fd = -1;
    union descriptor_room room;
    struct iovec part = { &cause, sizeof cause };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = sizeof room.bytes };
    ssize_t n;
    do
        n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    bool whole = n == (ssize_t)sizeof cause;
    const struct cmsghdr *header = whole ? CMSG_FIRSTHDR(&message) : NULL;
    if (header != NULL && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    if (fd < 0 && (!whole || cause == 0)) /* it was sent, and there is no room for one more */
        cause = whole && message.msg_flags & MSG_CTRUNC ? EMFILE : EIO;
    errno = cause;
    return fd;
}

/* The opener of the process in the jail. */
static int ask(void *context, const char *path)
{
    const int *socket = context;
    char *text = (char *)path; /* an iovec has no const */
    struct iovec part = { text, strlen(path) };
    const struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (part.iov_len == 0 || part.iov_len >= PATH_MAX) { /* an empty message would be the end */
        errno = part.iov_len == 0 ? ENOENT : ENAMETOOLONG;
        return -1;
    }
    if (sendmsg(*socket, &message, MSG_NOSIGNAL) < 0)
        return -1;
    return take_answer(*socket);
}

bool broker_has_ended(const struct opener *opener)
{
    struct pollfd waits = { *(const int *)opener->context, POLLRDHUP, 0 };
    return poll(&waits, 1, 0) > 0;
}

static bool may_be_opened(const struct broker_options *options, const char *path)
{
    for (size_t i = 0; i < options->path_count; i++)
        if (strcmp(options->paths[i], path) == 0)
            return true;
    return options->other_path != NULL && strcmp(options->other_path, path) == 0;
}

/* Those that this process hands on. */
static void fill_signals(sigset_t *set)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCHLD };
    sigemptyset(set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(set, numbers[i]);
}

/* Who opens a named pipe waits for a writer; meanwhile a signal ends both processes, as it would have ended one. */
static int open_named(const char *path)
{
    struct stat st;
    sigset_t mine;
    fill_signals(&mine);
    bool waits = stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
    if (waits)
        sigprocmask(SIG_UNBLOCK, &mine, NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC), cause = errno;
    if (waits)
        sigprocmask(SIG_BLOCK, &mine, NULL);
    errno = cause;
    return fd;
}

/* false: the other end has gone. */
static bool answer(const struct broker_options *options, int socket)
{
    char path[PATH_MAX + 1];
    ssize_t n = recv(socket, path, sizeof path - 1, 0);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    path[n] = '\0';
    int fd = -1, cause = EACCES;
    if (strlen(path) == (size_t)n && may_be_opened(options, path)) {
        fd = open_named(path);
        cause = fd < 0 ? errno : 0;
    }
    bool sent = send_answer(socket, cause, fd);
    if (fd >= 0)
        close(fd);
    return sent;
}

/* ---- this process while the other works ------------------------------------------------------------------- */

/* A signal goes to the other one, in whose group the terminal does not put it. Where root may not send it (no CAP_KILL), the end of the
 * socket is told instead. */
static void hand_on(int signals, int socket, pid_t child)
{
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    int number = (int)info.ssi_signo;
    if (number == SIGTSTP) {
        kill(child, SIGSTOP);
        raise(SIGSTOP);
        kill(child, SIGCONT);
    } else if (number != SIGCHLD && kill(child, number) != 0 && errno == EPERM) {
        (void)shutdown(socket, SHUT_RDWR);
    }
}

static int serve(const struct broker_options *options, int socket, int signals, pid_t child)
{
    int status;
    struct pollfd waits[] = { { signals, POLLIN, 0 }, { socket, POLLIN, 0 } };
    for (;;) {
        pid_t gone = waitpid(child, &status, WNOHANG);
        if (gone == child)
            return status;
        if (gone < 0 && errno != EINTR)
            return 0; /* somebody else has its status: that is no DONE */
        if (poll(waits, 2, -1) <= 0)
            continue;
        if (waits[0].revents & POLLIN)
            hand_on(signals, socket, child);
        if (waits[1].revents != 0 && !answer(options, socket)) {
            (void)shutdown(socket, SHUT_RDWR); /* who still asks gets an answer */
            waits[1].fd = -1;
        }
    }
}

/* In the new process. */
static int work_alone(pid_t parent, int socket, const sigset_t *mask, broker_work *work, void *context)
{
    const struct opener opener = { ask, &socket };
    (void)setpgid(0, 0); /* a signal to the group of the terminal comes once, through the other process */
    signal(SIGTTOU, SIG_IGN); /* nor is what it writes held up for that */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    sigprocmask(SIG_SETMASK, mask, NULL);
    return getppid() == parent ? work(context, &opener) : FAILED;
}

int broker_run(const struct broker_options *options, broker_work *work, void *context, struct err *err)
{
    int sockets[2], status = 0;
    sigset_t mine, before;
    fill_signals(&mine);
    fflush(NULL); /* so that nothing is written by both */
    sigprocmask(SIG_BLOCK, &mine, &before);
    signal(SIGCHLD, SIG_DFL); /* ignored, as some supervisors leave it, children leave no status */
    int signals = signalfd(-1, &mine, SFD_CLOEXEC);
    bool ok = signals >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0;
    pid_t parent = getpid(), child = ok ? fork() : -1;
    if (child == 0) {
        close(sockets[0]);
        status = work_alone(parent, sockets[1], &before, work, context);
        fflush(NULL);
        _exit(DONE + status);
    }
    if (child < 0)
        (void)err_set(err, "cannot make a second process: %s", strerror(errno));
    if (ok)
        close(sockets[1]);
    if (child > 0)
        status = serve(options, sockets[0], signals, child);
    if (ok)
        close(sockets[0]);
    if (signals >= 0)
        close(signals);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (child < 0)
        return FAILED;
    if (WIFEXITED(status) && WEXITSTATUS(status) >= DONE)
        return WEXITSTATUS(status) - DONE;
    if (!WIFSIGNALED(status)) {
        (void)err_set(err, "the analysis gave up (a library ended it with status %d)", WEXITSTATUS(status));
        return FAILED;
    }
    if (!sigismember(&mine, WTERMSIG(status)))
        (void)err_set(err, "the analysis was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return BY_SIGNAL + WTERMSIG(status);
}

void broker_end_likewise(int status)
{
    sigset_t mine;
    fill_signals(&mine);
    if (status <= BY_SIGNAL || !sigismember(&mine, status - BY_SIGNAL))
        return;
    signal(status - BY_SIGNAL, SIG_DFL);
    raise(status - BY_SIGNAL);
}

#else

int broker_run(const struct broker_options *options, broker_work *work, void *context, struct err *err)
{
    (void)options, (void)err;
    return work(context, NULL);
}

void broker_end_likewise(int status)
{
    (void)status;
}

bool broker_has_ended(const struct opener *opener)
{
    (void)opener;
    return false;
}

#endif
