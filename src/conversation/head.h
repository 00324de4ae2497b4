/*
 * head - the few things that matter out of a message's head. Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_HEAD_H
#define HANGUP_CONVERSATION_HEAD_H

#include "conversation/target.h"
#include "conversation/conversation.h"

/* Parts beyond these sizes are dropped: no name of interest is longer, and of a value the start is enough; of
 * Via it is the end. A value that fills its room may have been cut. */
#define HEAD_NAME_BYTES 24
#define HEAD_VALUE_BYTES 71

/* The fields of interest. */
enum head_name {
    HEAD_OTHER,
    HEAD_HOST,
    HEAD_USER_AGENT,
    HEAD_EXPECT,
    HEAD_CONNECTION,
    HEAD_SERVER,
    HEAD_CONTENT_TYPE,
    HEAD_KEEP_ALIVE,
    HEAD_VIA,
    /* From here on: only for where the message ends, which llhttp finds out by itself. */
    HEAD_FRAMING,
    HEAD_CONTENT_LENGTH = HEAD_FRAMING,
    HEAD_TRANSFER_ENCODING,
    HEAD_UPGRADE,
    HEAD_PROXY_CONNECTION,
};

enum head_name head_name_of(const char *name, size_t length);

/* Is the text, which has no control characters, the same in either case? usual: letters and hyphens, as most
 * write it. ASCII's cases (RFC 9110 section 5.1); no locale has a say. */
bool head_text_is(const char *text, const char *usual, size_t length);

struct head_field {
    enum head_name name;
    const char *value; /* no NUL behind it */
    size_t length;
};

/* A head that comes in parts: its target, and the field being read. */
struct http_head {
    char name[HEAD_NAME_BYTES];
    char value[HEAD_VALUE_BYTES];
    uint8_t name_length, value_length;
    uint8_t field; /* enum head_name, when the name is complete */
    uint8_t method_length;
    char method[HTTP_METHOD_BYTES];
    struct http_target target;
};

/* Takes what is of interest into the exchange and the connection. Not for a field that is HEAD_OTHER. */
void head_take_field(const struct head_field *field, bool is_request, struct exchange *exchange,
                     struct conversation *talk, struct conversation_memory *memory);

void head_add_name(struct http_head *head, const char *at, size_t length);
void head_end_name(struct http_head *head);
void head_add_value(struct http_head *head, const char *at, size_t length);

/* The value is complete: takes what is of interest into the exchange and the connection. */
void head_take_added(struct http_head *head, bool is_request, struct exchange *exchange,
                     struct conversation *talk, struct conversation_memory *memory);

/* Puts another value in the place of an old one; "" where memory fails, which the memory notes. */
void head_set_text(const char **text, const char *value, struct conversation_memory *memory);

#endif
