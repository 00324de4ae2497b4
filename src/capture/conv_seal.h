/*
 * conv_seal - records of TLS 1.3 in a conversation that keys open. Private to the floor.
 *
 * `tls(client_hello)` and `tls(server_hello)` agree on TLS_AES_128_GCM_SHA256, and the traffic secrets are always the same: what
 * is written in a test is no secret. A line `keys` makes the capture carry them, as a block of secrets in front does.
 */
#ifndef HANGUP_CAPTURE_CONV_SEAL_H
#define HANGUP_CAPTURE_CONV_SEAL_H

#include <stdint.h>

#include "base/strbuf.h"

/* Longest text of one record (RFC 8446 section 5.1). */
#define CONV_MOST_SEALED 16384

/* Adds the record with that number of the traffic keys of end `from` (0: the client). */
void conv_seal(unsigned from, uint64_t number, uint8_t type, const struct strbuf *text, struct strbuf *payload);

/* The key log that opens them: LABEL random secret, a line each. */
void conv_seal_key_log(struct strbuf *text);

#endif
