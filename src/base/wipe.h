/*
 * wipe - overwrites what was secret, also where a compiler sees that nobody reads it any more.
 */
#ifndef HANGUP_BASE_WIPE_H
#define HANGUP_BASE_WIPE_H

#include <stddef.h>

void wipe(void *bytes, size_t length);

#endif
