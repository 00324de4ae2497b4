/*
 * plain_head - the heads that nearly all messages have, read line by line. Private to the floor.
 *
 * llhttp reads every byte of every head, at a price that is most of what a connection costs. The grammar here
 * is a strict part of what llhttp accepts, and says the same; whatever does not fit it is left to llhttp.
 */
#ifndef HANGUP_CONVERSATION_PLAIN_HEAD_H
#define HANGUP_CONVERSATION_PLAIN_HEAD_H

#include "conversation/framing.h"
#include "conversation/head.h"

#define PLAIN_HEAD_FIELDS 8

/* Points into the bytes that it was read from. */
struct plain_head {
    struct http_framing framing;
    const char *target; /* of a request */
    size_t target_length;
    size_t count;
    struct head_field fields[PLAIN_HEAD_FIELDS]; /* of interest, in their order */
};

/* Reads the head that the bytes begin with. Returns its length; 0: it is not whole or not plain. */
size_t plain_head_read(struct plain_head *head, const uint8_t *bytes, size_t length, bool is_request);

#endif
