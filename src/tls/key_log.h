/*
 * key_log - secrets of TLS sessions by the random of their ClientHello, as programs write them with SSLKEYLOGFILE and as captures
 * carry them (RFC 9850; draft-ietf-opsawg-pcapng section 4.7, type TLSK).
 *
 * One store for a whole run: one thread adds, others look up. Secrets lie in memory that is kept out of swap and dumps where the
 * system allows it, and is wiped before it is given back. They leave it as copies alone, which the user wipes.
 *
 * A random may have several secrets of one label: programs log one twice, or too early one that is not used in the end. All are kept;
 * the one that opens the first record is right.
 */
#ifndef HANGUP_TLS_KEY_LOG_H
#define HANGUP_TLS_KEY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tls/record_keys.h"

enum tls_label {
#define LABEL(id, name, bytes) id,
#include "tls/labels.def"
#undef LABEL
};

#define TLS_MOST_SECRET_BYTES 48

struct tls_secret {
    uint8_t length;
    uint8_t bytes[TLS_MOST_SECRET_BYTES];
};

/* More are refused, and counted: 96 MB; and more of one label and random: nobody logs so many by chance. */
#define KEY_LOG_MOST 1000000
#define KEY_LOG_MOST_ALIKE 8

/* A place in a capture. A secret that stands in the middle of one is known from there on. */
struct key_place {
    uint16_t capture;
    uint32_t frame; /* the packet before it; 0: none */
};

/* Of a secret that was there before all packets: a file of its own. */
#define KEY_PLACE_BEFORE_ALL ((struct key_place){ UINT16_MAX, 0 })

struct key_log;

struct key_log *key_log_new(struct err *err) WARN_UNUSED;
void key_log_free(struct key_log *log); /* NULL is fine */

/* A text that comes in pieces; all zero at its start. */
struct key_log_text {
    char line[256];
    size_t have;
    bool too_long;      /* the current line */
    uint64_t lines;     /* that are neither empty nor comments */
    uint64_t good;      /* of these, such as a key log has, other labels too */
};

/* The next bytes of a text. What is no line of a key log is stepped over, and only counted. false: no memory. */
bool key_log_add(struct key_log *log, struct key_log_text *text, const void *bytes, size_t length, struct key_place place);

/* The text ends, perhaps within a line. Wipes it. false: no memory. */
bool key_log_end(struct key_log *log, struct key_log_text *text, struct key_place place);

/* What came of a line is forgotten. */
void key_log_text_wipe(struct key_log_text *text);

/* A copy of the n-th secret of that label that was known at `place`; false: there are no more, and the length is 0. */
bool key_log_find(struct key_log *log, const uint8_t random[TLS_RANDOM_BYTES], enum tls_label label, unsigned n,
                  struct key_place place, struct tls_secret *secret);

/* Is any secret of that random known at `place`? */
bool key_log_has(struct key_log *log, const uint8_t random[TLS_RANDOM_BYTES], struct key_place place);

/* It was not, and will not be asked for again. */
void key_log_miss(struct key_log *log, const uint8_t random[TLS_RANDOM_BYTES]);

/* Did the secret of such a one come later? */
bool key_log_came_late(const struct key_log *log);

/* All that are there, in whatever place, are known from the beginning: the captures are read again. */
void key_log_begin_anew(struct key_log *log);

/* Secrets, and those refused. */
uint64_t key_log_count(const struct key_log *log);
uint64_t key_log_refused(const struct key_log *log);

#endif
