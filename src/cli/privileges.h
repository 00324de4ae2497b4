/*
 * privileges - what was needed to open an interface is given up before the first packet is read.
 */
#ifndef HANGUP_CLI_PRIVILEGES_H
#define HANGUP_CLI_PRIVILEGES_H

#include "base/err.h"

/* As root: becomes the user that called sudo, else nobody, for good. Capabilities are dropped where
 * libcap-ng is built in. On Linux nothing executed later can gain privileges either. false: the
 * privileges could not be dropped, and the program must not go on. */
bool privileges_drop(struct err *err) WARN_UNUSED;

#endif
