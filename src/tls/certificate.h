/*
 * certificate - what an X.509 certificate says of itself: for which names, and from when to when it is valid (RFC 5280).
 *
 * Nobody's signature is checked: whether a client trusts it is not known here.
 */
#ifndef HANGUP_TLS_CERTIFICATE_H
#define HANGUP_TLS_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

enum certificate {
#define VALUE(id, name) id,
#include "tls/certificate.def"
#undef VALUE
};

extern const char *const certificate_names[]; /* NULL at the end, and for one that was not read */

/* Room for a few names, and "..." where there are more. */
#define CERTIFICATE_NAMES_BYTES 160

/* name: that the client asks for; "": none, then only the time is compared. now_ns: since 1970. names: its own, "" if it has none. */
enum certificate certificate_read(const uint8_t *der, size_t length, const char *name, int64_t now_ns, char names[CERTIFICATE_NAMES_BYTES]);

#endif
