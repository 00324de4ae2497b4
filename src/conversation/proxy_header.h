/*
 * proxy_header - the PROXY protocol's header, which a proxy sends before the first byte of its client
 * (haproxy.org, proxy-protocol.txt, versions 1 and 2). Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_PROXY_HEADER_H
#define HANGUP_CONVERSATION_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* More bytes are needed to tell. */
#define PROXY_HEADER_PARTIAL SIZE_MAX

/* Bytes of the header that these bytes begin with, all of them there; 0: they do not. client: the address and port that it
 * names, or nothing (LOCAL, UNKNOWN). */
size_t proxy_header_read(const uint8_t *bytes, size_t length, struct strbuf *client);

#endif
