#include "conversation/head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where a name would be: a place for each, or the compiler complains. Letters of either case lead to the same. */
#define PLACES 32
#define PLACE(length, first) (((length) * 13 + (size_t)(first)) % PLACES)
#define NAMED(first, text, name) [PLACE(sizeof(text) - 1, first)] = { text, sizeof(text) - 1, name }

static const struct {
    const char *text;
    uint8_t length;
    uint8_t name; /* enum head_name */
} named[PLACES] = {
    NAMED('H', "Host", HEAD_HOST),
    NAMED('U', "User-Agent", HEAD_USER_AGENT),
    NAMED('E', "Expect", HEAD_EXPECT),
    NAMED('C', "Connection", HEAD_CONNECTION),
    NAMED('S', "Server", HEAD_SERVER),
    NAMED('C', "Content-Type", HEAD_CONTENT_TYPE),
    NAMED('K', "Keep-Alive", HEAD_KEEP_ALIVE),
    NAMED('V', "Via", HEAD_VIA),
    NAMED('C', "Content-Length", HEAD_CONTENT_LENGTH),
    NAMED('T', "Transfer-Encoding", HEAD_TRANSFER_ENCODING),
    NAMED('U', "Upgrade", HEAD_UPGRADE),
    NAMED('P', "Proxy-Connection", HEAD_PROXY_CONNECTION),
};

bool head_text_is(const char *text, const char *usual, size_t length)
{
    if (memcmp(text, usual, length) == 0)
        return true;
    for (size_t i = 0; i < length; i++)
        if ((text[i] | 0x20) != (usual[i] | 0x20))
            return false;
    return true;
}

enum head_name head_name_of(const char *name, size_t length)
{
    size_t place = PLACE(length, (uint8_t)name[0]);
    if (named[place].length != length || length == 0 || !head_text_is(name, named[place].text, length))
        return HEAD_OTHER;
    return named[place].name;
}

void head_add_name(struct http_head *head, const char *at, size_t length)
{
    size_t room = HEAD_NAME_BYTES - head->name_length;
    if (length > room)
        length = room;
    memcpy(head->name + head->name_length, at, length);
    head->name_length = (uint8_t)(head->name_length + length);
}

void head_end_name(struct http_head *head)
{
    head->field = (uint8_t)head_name_of(head->name, head->name_length);
    head->name_length = 0;
}

/* Drops as much of the value's start, what is there and what comes, as has no room. */
static void make_room(struct http_head *head, const char **at, size_t *length)
{
    if (*length > HEAD_VALUE_BYTES) {
        *at += *length - HEAD_VALUE_BYTES;
        *length = HEAD_VALUE_BYTES;
    }
    size_t room = HEAD_VALUE_BYTES - head->value_length;
    size_t dropped = *length > room ? *length - room : 0;
    memmove(head->value, head->value + dropped, head->value_length - dropped);
    head->value_length = (uint8_t)(head->value_length - dropped);
}

void head_add_value(struct http_head *head, const char *at, size_t length)
{
    if (head->field == HEAD_OTHER)
        return;
    if (head->field == HEAD_VIA)
        make_room(head, &at, &length);
    size_t room = HEAD_VALUE_BYTES - head->value_length;
    if (length > room)
        length = room;
    memcpy(head->value + head->value_length, at, length);
    head->value_length = (uint8_t)(head->value_length + length);
}

void head_set_text(const char **text, const char *value, struct conversation_memory *memory)
{
    text_pool_give(&memory->texts, *text);
    *text = text_pool_take(&memory->texts, value);
    if (*text == NULL) {
        memory->failed = true;
        *text = "";
    }
}

/* Where a name would be among the recent ones. */
static size_t recent_place(const char *value, size_t length)
{
    uint64_t sum = 0, word = 0;
    for (size_t at = 0; at < length; at += sizeof word) {
        memcpy(&word, value + at, sizeof word);
        sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15); /* 2^64 divided by the golden ratio */
    }
    return (size_t)(sum >> 32) % HTTP_RECENT_NAMES;
}

/* Names of hosts and software come again and again; their start is enough. Most are found among the recent
 * ones, at less than what a keyed hash costs; who makes names meet there gains nothing. value: of
 * HEAD_VALUE_BYTES, which are zero behind its end. */
static void set_shared(const char **shared, char *value, struct conversation_memory *memory)
{
    value[HTTP_TOKEN_BYTES - 1] = '\0';
    size_t length = strlen(value);
    const char **recent = &memory->recent_names[recent_place(value, length)];
    if (*recent == NULL || strcmp(*recent, value) != 0) {
        const char *name = intern_text(&memory->names, value, length);
        if (name == NULL) {
            memory->failed = true;
            return;
        }
        *recent = name;
    }
    *shared = *recent;
}

/* Does the comma-separated list contain the token? */
static bool list_has(const char *list, const char *token)
{
    if (strcasecmp(list, token) == 0) /* mostly it is alone */
        return true;
    size_t length = strlen(token);
    while (*list != '\0') {
        list += strspn(list, " \t,");
        size_t item = strcspn(list, " \t,;");
        if (item == length && strncasecmp(list, token, length) == 0)
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

static bool begins_with(const char *value, const char *token)
{
    return strncasecmp(value, token, strlen(token)) == 0;
}

/* The last element of a Via list (RFC 9110 section 7.6.3) that is not empty. */
struct via_element {
    const char *start, *end;
    const char *comment, *comment_end; /* without its parentheses; NULL: none */
    bool cut;                          /* its start is not in the value */
};

/* Backwards, as the value may begin within a comment: what is in one separates nothing. */
static struct via_element last_element(const char *value)
{
    size_t length = strlen(value), left = length, depth = 0;
    while (left > 0 && strchr(" \t,", value[left - 1]) != NULL)
        left--;
    struct via_element last = { .end = value + left };
    for (; left > 0 && (depth > 0 || value[left - 1] != ','); left--) {
        const char *at = value + left - 1;
        if (*at == ')' && depth++ == 0)
            last.comment_end = at;
        else if (*at == '(' && depth > 0 && --depth == 0)
            last.comment = at + 1;
    }
    last.start = value + left + strspn(value + left, " \t");
    last.cut = left == 0 && (length == HEAD_VALUE_BYTES || depth > 0);
    return last;
}

/* The proxy that is named last is the one that sent the message: its software, where a comment tells that,
 * else its name. "...": that is too long to know. */
static void take_via(const char **via, const char *value, struct conversation_memory *memory)
{
    char text[HEAD_VALUE_BYTES + 1] = "";
    const struct via_element last = last_element(value);
    const char *from = last.start, *end = last.end;
    if (last.cut) {
        from = "...";
        end = from + strlen(from);
    } else if (from >= end) {
        return; /* a field of nothing but empty elements */
    } else if (last.comment != NULL && last.comment < last.comment_end) {
        from = last.comment;
        end = last.comment_end;
    } else {
        from += strcspn(from, " \t"); /* the protocol */
        from += strspn(from, " \t");
        end = from + strcspn(from, " \t(,");
    }
    memcpy(text, from, (size_t)(end - from));
    set_shared(via, text, memory);
}

static void take_request_field(enum head_name field, char *value, struct exchange *x,
                               struct conversation *talk, struct conversation_memory *memory)
{
    if (field == HEAD_HOST)
        set_shared(&x->host, value, memory);
    else if (field == HEAD_USER_AGENT)
        set_shared(&talk->client_software, value, memory);
    else if (field == HEAD_CONNECTION)
        x->request_close |= list_has(value, "close");
    else if (field == HEAD_EXPECT)
        x->expect_continue |= list_has(value, "100-continue");
    else if (field == HEAD_VIA)
        take_via(&x->request_via, value, memory);
}

static void take_response_field(enum head_name field, char *value, struct exchange *x,
                                struct conversation *talk, struct conversation_memory *memory)
{
    if (field == HEAD_SERVER) {
        set_shared(&talk->server_software, value, memory);
    } else if (field == HEAD_CONNECTION) {
        x->response_close |= list_has(value, "close");
    } else if (field == HEAD_CONTENT_TYPE) {
        x->event_stream = begins_with(value, "text/event-stream") ||
                          begins_with(value, "multipart/x-mixed-replace");
    } else if (field == HEAD_KEEP_ALIVE) {
        const char *timeout = strstr(value, "timeout=");
        if (timeout != NULL) {
            long seconds = strtol(timeout + strlen("timeout="), NULL, 10);
            if (seconds >= 0 && seconds <= INT32_MAX)
                x->keep_alive_timeout_s = (int32_t)seconds;
        }
    } else if (field == HEAD_UPGRADE) {
        x->websocket = list_has(value, "websocket");
    } else if (field == HEAD_VIA) {
        take_via(&x->response_via, value, memory);
    }
}

void head_take_field(const struct head_field *field, bool is_request, struct exchange *exchange,
                     struct conversation *talk, struct conversation_memory *memory)
{
    char value[HEAD_VALUE_BYTES + 1] = "";
    size_t kept = field->length < HEAD_VALUE_BYTES ? field->length : HEAD_VALUE_BYTES;
    memcpy(value, field->value + (field->name == HEAD_VIA ? field->length - kept : 0), kept);
    if (is_request)
        take_request_field(field->name, value, exchange, talk, memory);
    else
        take_response_field(field->name, value, exchange, talk, memory);
}

void head_take_added(struct http_head *head, bool is_request, struct exchange *exchange,
                     struct conversation *talk, struct conversation_memory *memory)
{
    const struct head_field field = { head->field, head->value, head->value_length };
    if (field.name != HEAD_OTHER)
        head_take_field(&field, is_request, exchange, talk, memory);
    head->value_length = 0;
}
