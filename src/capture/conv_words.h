/*
 * conv_words - the words of a conversation's line. Each looks at *p and steps over what it took. Private to the floor.
 */
#ifndef HANGUP_CAPTURE_CONV_WORDS_H
#define HANGUP_CAPTURE_CONV_WORDS_H

#include <stdbool.h>
#include <stdint.h>

void conv_skip_space(const char **p);

/* Only a comment follows, or nothing. */
bool conv_at_end(const char **p);

/* That word, and not a longer one that begins with it. */
bool conv_take(const char **p, const char *word);

bool conv_take_number(const char **p, uint64_t *number);

/* Two numbers of 32 bits. */
bool conv_take_pair(const char **p, char between, uint64_t *a, uint64_t *b);

/* Seconds with up to nine decimals. */
bool conv_take_seconds(const char **p, int64_t *ns);

/* 10.0.0.1:80, [2001:db8::1]:80; an IPv4 address fills the first 4 bytes. */
bool conv_take_endpoint(const char **p, uint8_t address[16], bool *ipv6, uint16_t *port);

/* F S R P and . (ACK), as bits of the TCP header. */
bool conv_take_flags(const char **p, unsigned *flags);

#endif
