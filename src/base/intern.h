/*
 * intern - each different short text once: names of software, of which a capture has few.
 *
 * Bounded: a stranger can send a new name in every request. Beyond the bound, texts read "...".
 */
#ifndef HANGUP_BASE_INTERN_H
#define HANGUP_BASE_INTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/siphash.h"

#define INTERN_MAX_TEXTS ((size_t)65536)
#define INTERN_MAX_BYTES 64 /* of one text; longer ones are cut */

struct intern {
    struct siphash_key key;
    const char **slots; /* open addressing; NULL: free */
    size_t count, capacity;
    struct arena texts;
    size_t max_texts;
    bool full;          /* some text was not kept */
};

/* false: no key can be drawn (siphash.h); it may be freed all the same. */
bool intern_init(struct intern *intern, size_t max_texts);

/* The text as it is kept; valid until intern_free. NULL: no memory. */
const char *intern_text(struct intern *intern, const char *text, size_t length);

void intern_free(struct intern *intern);

#endif
