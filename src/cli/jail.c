#include "cli/jail.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "cli/privileges.h"

#ifdef HAVE_SYS_PRCTL_H
#include <sys/prctl.h>
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static void add_lock(struct jail_locks *locks, const char *name)
{
    size_t i = 0;
    while (locks->names[i] != NULL)
        i++;
    locks->names[i] = name;
}

static bool has_lock(const struct jail_locks *locks, const char *name)
{
    for (size_t i = 0; locks->names[i] != NULL; i++)
        if (strcmp(locks->names[i], name) == 0)
            return true;
    return false;
}

/* ---- landlock: no file can be opened (landlock(7)) ----------------------------------------------------- */

#ifdef HAVE_LINUX_LANDLOCK_H
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>

/* All rights of the first version that handles files; later ones are added as far as the headers and the kernel have them. */
static uint64_t rights_of(long version)
{
    uint64_t rights = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1; /* the highest of version 1 */
#ifdef LANDLOCK_ACCESS_FS_REFER
    if (version >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
#endif
#ifdef LANDLOCK_ACCESS_FS_TRUNCATE
    if (version >= 3)
        rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
#endif
    (void)version;
    return rights;
}

static long landlock_version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* What an interface has dropped stands in sysfs, and libpcap looks there. */
static bool allow_to_read(int rules, const char *folder)
{
    struct landlock_path_beneath_attr beneath = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
                                                  .parent_fd = open(folder, O_PATH | O_CLOEXEC) };
    if (beneath.parent_fd < 0)
        return true;
    bool ok = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0;
    close(beneath.parent_fd);
    return ok;
}

static bool lock_files(bool live, struct jail_locks *locks, struct err *err)
{
    long version = landlock_version();
    if (version < 1)
        return true;
    const struct landlock_ruleset_attr handled = { .handled_access_fs = rights_of(version) };
    int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    bool ok = rules >= 0 && (!live || allow_to_read(rules, "/sys/devices")) && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    if (!ok)
        (void)err_set(err, "cannot lock itself in (landlock): %s", strerror(errno));
    if (rules >= 0)
        close(rules);
    if (ok)
        add_lock(locks, "landlock");
    return ok;
}
#else
static long landlock_version(void)
{
    return -1;
}

static bool lock_files(bool live, struct jail_locks *locks, struct err *err)
{
    (void)live, (void)locks, (void)err;
    return true;
}
#endif

/* ---- seccomp: no system call but those of reading, writing and memory (seccomp(2)) ---------------------- */

#ifdef HAVE_LIBSECCOMP
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static const char *const calls[] = {
    /* what was opened */
    "read", "readv", "pread64", "write", "writev", "lseek", "_llseek", "close", "fstat", "fstat64", "newfstatat", "fstatat64", "statx", "poll",
    "ppoll", "ppoll_time64", "recvmsg", "sendmsg", "recvfrom", "getsockopt", "fcntl", "fcntl64", "fsync", "ftruncate", "dup",
    /* memory */
    "brk", "munmap", "mremap", "madvise", "mlock", "munlock",
    /* threads, signals, time */
    "futex", "futex_time64", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "sigaltstack", "gettid", "getpid", "tgkill", "exit", "exit_group", "clock_gettime", "clock_gettime64", "clock_nanosleep",
    "clock_nanosleep_time64", "nanosleep", "gettimeofday", "restart_syscall", "sysinfo", "getrandom", "umask", "geteuid", "getuid",
};

/* Those that a part of is needed of: argument `of`, masked, has to be that. */
struct part {
    const char *call;
    unsigned of;
    uint64_t mask, value;
};

static const struct part parts[] = {
    { "mmap", 2, PROT_EXEC, 0 },
    { "mmap2", 2, PROT_EXEC, 0 },
    { "mprotect", 2, PROT_EXEC, 0 },
    { "clone", 0, CLONE_THREAD, CLONE_THREAD },
    { "ioctl", 1, UINT32_MAX, 0x5401 /* TCGETS: is it a terminal? */ },
};

/* SIOCGIFFLAGS: is the interface up? The rest is for what it has dropped, in sysfs. */
static const struct part live_parts[] = {
    { "ioctl", 1, UINT32_MAX, 0x8913 },
    { "openat", 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY },
};

/* A call that this machine's kernel does not have by that name is none to allow. */
static bool allow(scmp_filter_ctx filter, const struct part *part)
{
    int number = seccomp_syscall_resolve_name(part->call);
    if (number == __NR_SCMP_ERROR)
        return true;
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1, SCMP_CMP(part->of, SCMP_CMP_MASKED_EQ, part->mask, part->value)) == 0;
}

static bool fill(scmp_filter_ctx filter, bool live)
{
    bool ok = true;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        int number = seccomp_syscall_resolve_name(calls[i]);
        ok = ok && (number == __NR_SCMP_ERROR || seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0) == 0);
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ok = ok && allow(filter, &parts[i]);
    for (size_t i = 0; i < sizeof live_parts / sizeof *live_parts && live; i++)
        ok = ok && allow(filter, &live_parts[i]);
    /* Its flags lie in memory, where a filter cannot look; the C library then uses clone. */
    int clone3 = seccomp_syscall_resolve_name("clone3");
    return ok && (clone3 == __NR_SCMP_ERROR || seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), clone3, 0) == 0);
}

static bool has_seccomp(void)
{
    return seccomp_api_get() >= 1;
}

/* What is not allowed fails with EPERM: libraries ask for this and that and do without. */
static bool lock_calls(bool live, struct jail_locks *locks, struct err *err)
{
    if (!has_seccomp())
        return true;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL)
        return err_no_memory(err);
    bool filled = fill(filter, live);
    int status = filled ? seccomp_load(filter) : 0;
    seccomp_release(filter);
    if (!filled || (status != 0 && status != -EINVAL && status != -ENOSYS)) /* those: the kernel has none */
        return err_set(err, "cannot lock itself in (seccomp): %s", filled ? strerror(-status) : "no filter can be made");
    if (status == 0)
        add_lock(locks, "seccomp");
    return true;
}
#else
static bool has_seccomp(void)
{
    return false;
}

static bool lock_calls(bool live, struct jail_locks *locks, struct err *err)
{
    (void)live, (void)locks, (void)err;
    return true;
}
#endif

bool jail_is_built(void)
{
#if defined(HAVE_LIBSECCOMP)
    return !SANITIZED;
#else
    return false;
#endif
}

void jail_available(struct jail_locks *locks)
{
    *locks = (struct jail_locks){ { NULL } };
    if (!jail_is_built())
        return;
    if (landlock_version() >= 1)
        add_lock(locks, "landlock");
    if (has_seccomp())
        add_lock(locks, "seccomp");
}

const char *jail_lacks(const struct jail_locks *locks)
{
    return has_lock(locks, "seccomp") ? NULL : "not locked in: seccomp is missing";
}

bool jail_enter(const struct jail_options *options, struct jail_locks *locks, struct err *err)
{
    *locks = (struct jail_locks){ { NULL } };
    if (!privileges_drop(options->user, err))
        return false;
    if (options->unlocked || SANITIZED)
        return true;
    privileges_forbid_dumps(); /* there may be keys, and later it cannot be asked for */
#if defined(HAVE_SYS_PRCTL_H) && defined(PR_SET_PDEATHSIG)
    /* Becoming another user has undone it (prctl(2)). */
    if (options->parent > 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != options->parent))
        return err_set(err, "the process that was started has ended");
#endif
    if (geteuid() != 0)
        add_lock(locks, "unprivileged");
#if defined(HAVE_SYS_PRCTL_H) && defined(PR_SET_NO_NEW_PRIVS)
    add_lock(locks, "no-new-privs"); /* of privileges_drop */
#endif
    return lock_files(options->live, locks, err) && lock_calls(options->live, locks, err);
}
