/*
 * privileges - what was needed to open an interface is given up before the first packet is read.
 */
#ifndef HANGUP_CLI_PRIVILEGES_H
#define HANGUP_CLI_PRIVILEGES_H

#include "base/err.h"

/* As root: becomes `user` (with its groups), or, if that is NULL, the user that called sudo, else nobody, for good. Capabilities are
 * dropped where libcap-ng is built in. On Linux nothing executed later can gain privileges either. Where root may not change its user
 * (a container that gives it CAP_NET_RAW alone), nobody asked for one and libcap-ng is there, it stays root without any capability.
 * false: privileges that are there could not be dropped, and the program must not go on. */
bool privileges_drop(const char *user, struct err *err) WARN_UNUSED;

/* From now on no dump of the process's memory is made, and no debugger may look into it: it holds keys. */
void privileges_forbid_dumps(void);

#endif
