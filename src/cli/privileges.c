#include "cli/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
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

/* Who to become: the user behind sudo, who may read the report's files anyway, or nobody. */
static bool find_user(uid_t *uid, gid_t *gid)
{
    unsigned long user, group;
    if (id_from("SUDO_UID", &user) && id_from("SUDO_GID", &group)) {
        *uid = (uid_t)user;
        *gid = (gid_t)group;
        return true;
    }
    const struct passwd *nobody = getpwnam("nobody");
    if (nobody == NULL)
        return false;
    *uid = nobody->pw_uid;
    *gid = nobody->pw_gid;
    return true;
}

bool privileges_drop(struct err *err)
{
    uid_t uid;
    gid_t gid;
    if (geteuid() == 0) {
        if (!find_user(&uid, &gid))
            return err_set(err, "cannot drop privileges: there is no user 'nobody'");
        if (setgroups(1, &gid) != 0 || setgid(gid) != 0 || setuid(uid) != 0)
            return err_set(err, "cannot drop privileges: %s", strerror(errno));
        if (setuid(0) == 0)
            return err_set(err, "cannot drop privileges: they came back");
    }
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
