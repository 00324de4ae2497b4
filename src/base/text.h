/*
 * text - numbers, times and strangers' strings as text.
 */
#ifndef HANGUP_BASE_TEXT_H
#define HANGUP_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)

/* Appends RFC 3339 in UTC with nine decimals: 2026-01-31T23:59:59.123456789Z.
 * Times outside years 0000 to 9999 are clamped. */
void text_time(struct strbuf *out, int64_t ts_ns);
/* For people, who need no more than milliseconds: 2026-01-31T23:59:59.123Z; beside a date, 23:59:59.123Z. */
void text_date_ms(struct strbuf *out, int64_t ts_ns);
void text_clock_ms(struct strbuf *out, int64_t ts_ns);

/* Appends a duration for people: 0 s, 85 us, 1.20 ms, 250 ms, 3.000 s, 61.204 s, 2 h 5 min. */
void text_duration(struct strbuf *out, int64_t ns);

/* Appends an integer with commas between groups of three digits: 12,845. */
void text_count(struct strbuf *out, uint64_t n);

/* How many of the `length` bytes may stay where there is room for so many: no character of UTF-8 is cut. */
size_t text_whole(const char *bytes, size_t length, size_t room);

/* Appends bytes that came from a packet, for people: UTF-8 that is seen as it is stays. Control characters and bytes that are no UTF-8
 * become \xNN, invisible characters and those that turn the order of others \u{N}, and a backslash two, so that nothing acts on a
 * terminal, deceives who reads it, or looks like an escape that is none. */
void text_untrusted(struct strbuf *out, const char *bytes, size_t length);

/* The same for programs, whose format escapes by itself: all UTF-8 stays, other bytes become U+FFFD. */
void text_utf8(struct strbuf *out, const char *bytes, size_t length);

/* "10.0.0.1:80", "[2001:db8::1]:80"; an IPv4 address is the first 4 of the 16 bytes. */
void text_endpoint(struct strbuf *out, const uint8_t address[16], uint16_t port, bool ipv6);

#endif
