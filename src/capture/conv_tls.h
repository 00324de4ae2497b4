/*
 * conv_tls - TLS in a conversation's payload: records by type and length, and a ClientHello that can be read. Private to the
 * floor.
 */
#ifndef HANGUP_CAPTURE_CONV_TLS_H
#define HANGUP_CAPTURE_CONV_TLS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/strbuf.h"

/* `tls(TYPE,LENGTH)`: a record's header, and so many bytes behind it; `tls(client_hello[,NAME[,ALPN]...])`: a ClientHello that
 * offers TLS 1.3; `tls(server_hello)`: one that chooses it. Steps *p over it. false: not written so, or longer than `most` bytes in all. */
bool conv_take_tls(const char **p, struct strbuf *payload, size_t most, struct err *err);

#endif
