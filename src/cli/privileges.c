#include "cli/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef HAVE_SYS_PRCTL_H
#include <sys/prctl.h>
#endif
#ifdef HAVE_LIBCAP_NG
#include <cap-ng.h>
#endif

static bool id_from(const char *variable, unsigned long *id)
{
    const char *text = getenv(variable);
    char *end;
    if (text == NULL || *text == '\0')
        return false;
    *id = strtoul(text, &end, 10);
    return *end == '\0' && *id > 0 && *id < UINT32_MAX;
}

struct identity {
    uid_t uid;
    gid_t gid;
    const char *name; /* its supplementary groups are taken; NULL: it has none */
};

/* Who to become: the user that was asked for; the one behind sudo, who may read the report's files anyway; or nobody. */
static bool find_user(const char *wanted, struct identity *identity, struct err *err)
{
    unsigned long user, group;
    if (wanted == NULL && id_from("SUDO_UID", &user) && id_from("SUDO_GID", &group)) {
        *identity = (struct identity){ (uid_t)user, (gid_t)group, NULL };
        return true;
    }
    const char *name = wanted != NULL ? wanted : "nobody";
    const struct passwd *entry = getpwnam(name);
    if (entry == NULL)
        return err_set(err, "cannot drop privileges: there is no user '%s'", name);
    *identity = (struct identity){ entry->pw_uid, entry->pw_gid, wanted };
    return true;
}

static bool become(const struct identity *identity)
{
    int groups = identity->name != NULL ? initgroups(identity->name, identity->gid) : setgroups(1, &identity->gid);
    return groups == 0 && setgid(identity->gid) == 0 && setuid(identity->uid) == 0;
}

/* May root stay root? Without capabilities it is a user like others. */
static bool may_stay(const char *wanted)
{
#ifdef HAVE_LIBCAP_NG
    return wanted == NULL && errno == EPERM;
#else
    (void)wanted;
    return false;
#endif
}

static bool drop_user(const char *wanted, struct err *err)
{
    struct identity identity;
    if (geteuid() != 0)
        return wanted == NULL || err_set(err, "only root can become '%s' (-Z)", wanted);
    if (!find_user(wanted, &identity, err))
        return false;
    if (!become(&identity))
        return may_stay(wanted) ||
               err_set(err, "cannot drop privileges: %s%s", strerror(errno),
                       errno == EPERM ? " (to become another user, root needs CAP_SETUID and CAP_SETGID)" : "");
    if (identity.uid != 0 && setuid(0) == 0)
        return err_set(err, "cannot drop privileges: they came back");
    return true;
}

void privileges_forbid_dumps(void)
{
    const struct rlimit none = { 0, 0 };
    (void)setrlimit(RLIMIT_CORE, &none);
#if defined(HAVE_SYS_PRCTL_H) && defined(PR_SET_DUMPABLE)
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* What no program started later could have: only who has CAP_SETPCAP may give that up. */
static void empty_bounding_set(void)
{
#ifdef HAVE_LIBCAP_NG
    capng_clear(CAPNG_SELECT_BOUNDS);
    (void)capng_apply(CAPNG_SELECT_BOUNDS);
#endif
}

bool privileges_drop(const char *user, struct err *err)
{
    empty_bounding_set();
    if (!drop_user(user, err))
        return false;
#ifdef HAVE_LIBCAP_NG
    capng_clear(CAPNG_SELECT_CAPS);
    if (capng_apply(CAPNG_SELECT_CAPS) != 0)
        return err_set(err, "cannot drop capabilities");
#endif
#if defined(HAVE_SYS_PRCTL_H) && defined(PR_SET_NO_NEW_PRIVS)
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_set(err, "cannot forbid new privileges: %s", strerror(errno));
#endif
    return true;
}
