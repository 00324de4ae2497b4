/*
 * conv_payload - what a packet of a conversation carries. Private to the floor.
 */
#ifndef HANGUP_CAPTURE_CONV_PAYLOAD_H
#define HANGUP_CAPTURE_CONV_PAYLOAD_H

#include <stdbool.h>

#include "base/err.h"
#include "base/strbuf.h"

/* Does one begin here? */
bool conv_begins_payload(const char *p);

/* "text", N*"text", tls(...), h2(...) or sealed(...), which end `from` (0: the client) sends. Steps *p over it. false: not written
 * so, or longer than `most` bytes in all. */
bool conv_take_payload(const char **p, unsigned from, struct strbuf *payload, size_t most, struct err *err);

#endif
