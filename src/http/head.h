/*
 * head - the few things that matter out of a message's head. Private to the floor.
 */
#ifndef HANGUP_HTTP_HEAD_H
#define HANGUP_HTTP_HEAD_H

#include "http/http_conn.h"

#define HEAD_NAME_BYTES 24
#define HEAD_VALUE_BYTES 64

/* The header field being read. Parts beyond the sizes are dropped: no field of interest is
 * longer, or its start is enough. */
struct http_head {
    char name[HEAD_NAME_BYTES];
    char value[HEAD_VALUE_BYTES];
    uint8_t name_length, value_length;
    uint8_t target_length;
    bool ignored;    /* no field of interest begins like this one */
    bool target_cut; /* the query has begun, or there is no more room */
    char target[HTTP_TARGET_BYTES]; /* kept here until it is whole: it may hold a password */
};

void head_add_name(struct http_head *head, const char *at, size_t length);
void head_add_value(struct http_head *head, const char *at, size_t length);
void head_add_target(struct http_head *head, const char *at, size_t length, bool show_query);

/* The target is complete: takes it into the exchange, without userinfo. */
void head_take_target(const struct http_head *head, struct http_exchange *exchange,
                      struct http_memory *memory);

/* The field is complete: takes what is of interest into the exchange and the connection. */
void head_take_field(struct http_head *head, bool is_request, struct http_exchange *exchange,
                     struct http_conn *http, struct http_memory *memory);

#endif
