/*
 * target - what of a request's target is kept: reports go into tickets, and targets hold secrets. Private to the floor.
 *
 * Not shown, unless --show-query is given: what stands behind the marks of target_marks.def (the query, path parameters, the fragment; also
 * percent-encoded, as in a target that holds another). Never shown: userinfo (RFC 9110 section 4.2.4), in the authority or within a path.
 */
#ifndef HANGUP_CONVERSATION_TARGET_H
#define HANGUP_CONVERSATION_TARGET_H

#include "conversation/conversation.h"

/* Kept here until it is whole: it may hold a password. All zero at its start. */
struct http_target {
    uint8_t length;
    bool cut; /* the query has begun, or there is no more room */
    char text[HTTP_TARGET_BYTES];
};

void target_add(struct http_target *target, const char *at, size_t length, bool show_query);

/* The target is complete: takes what is shown of it into the exchange. */
void target_take(const struct http_target *target, struct exchange *exchange, struct conversation_memory *memory);

#endif
