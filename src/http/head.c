#include "http/head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Do fields of interest begin with this letter? They are Host, User-Agent, Connection, Content-Type,
 * Expect, Server, Keep-Alive. */
static bool may_matter(char first)
{
    switch (first | 0x20) { /* ASCII's lower case (RFC 9110 section 5.1); no locale has a say */
    case 'h':
    case 'u':
    case 'c':
    case 'e':
    case 's':
    case 'k':
        return true;
    }
    return false;
}

void head_add_name(struct http_head *head, const char *at, size_t length)
{
    if (head->name_length == 0 && length > 0)
        head->ignored = !may_matter(at[0]);
    if (head->ignored) {
        head->name_length = 1;
        return;
    }
    size_t room = HEAD_NAME_BYTES - 1u - head->name_length;
    if (length > room)
        length = room;
    memcpy(head->name + head->name_length, at, length);
    head->name_length = (uint8_t)(head->name_length + length);
}

void head_add_value(struct http_head *head, const char *at, size_t length)
{
    if (head->ignored)
        return;
    size_t room = HEAD_VALUE_BYTES - 1u - head->value_length;
    if (length > room)
        length = room;
    memcpy(head->value + head->value_length, at, length);
    head->value_length = (uint8_t)(head->value_length + length);
}

void head_add_target(struct http_head *head, const char *at, size_t length, bool show_query)
{
    for (size_t i = 0; i < length && !head->target_cut; i++) {
        const char *ending = head->target_length >= HTTP_TARGET_BYTES - 5 ? "..."
                             : at[i] == '?' && !show_query                ? "?..."
                                                                          : NULL;
        if (ending != NULL) {
            memcpy(head->target + head->target_length, ending, strlen(ending));
            head->target_cut = true;
        } else {
            head->target[head->target_length++] = at[i];
        }
    }
}

/* Where the authority of a target begins (RFC 9112 section 3.2): behind ://, behind // at the start, at
 * once in the form of CONNECT; NULL: there is none. */
static const char *find_authority(const char *target)
{
    const char *scheme_end = strstr(target, "://");
    if (target[0] == '/')
        return target[1] == '/' ? target + 2 : NULL;
    if (scheme_end != NULL && scheme_end <= target + strcspn(target, "/?"))
        return scheme_end + 3;
    return target[0] == '*' ? NULL : target;
}

/* HOST, HOST:PORT, [HOST]:PORT, and nothing else. */
static bool is_plain_authority(const char *authority, size_t length)
{
    const char *end = authority + length;
    const char *host_end = authority[0] == '[' ? memchr(authority, ']', length) : NULL;
    const char *from = host_end != NULL ? host_end : authority;
    const char *colon = memchr(from, ':', (size_t)(end - from));
    if (memchr(authority, '%', length) != NULL)
        return false;
    for (const char *p = colon; p != NULL && ++p < end;)
        if (*p < '0' || *p > '9')
            return false;
    return true;
}

static void set_text(const char **text, const char *value, struct http_memory *memory)
{
    text_pool_give(&memory->texts, *text);
    *text = text_pool_take(&memory->texts, value);
    if (*text == NULL) {
        memory->failed = true;
        *text = "";
    }
}

/* Userinfo (RFC 9110 section 4.2.4) may be a password. It ends with the last @ of the authority; an
 * authority that is cut off or odd is not shown at all. */
void head_take_target(const struct http_head *head, struct http_exchange *exchange,
                      struct http_memory *memory)
{
    const char *target = head->target, *authority = find_authority(target);
    char shown[HTTP_TARGET_BYTES];
    if (authority != NULL) {
        size_t before = (size_t)(authority - target), length = strcspn(authority, "/?");
        bool whole = !head->target_cut || authority[length] != '\0';
        for (size_t i = length; i > 0; i--)
            if (authority[i - 1] == '@') {
                authority += i;
                length -= i;
                break;
            }
        memcpy(shown, target, before);
        snprintf(shown + before, sizeof shown - before, "%s",
                 whole && is_plain_authority(authority, length) ? authority : "...");
        target = shown;
    }
    set_text(&exchange->target, target, memory);
}

/* Names of hosts and software come again and again; their start is enough. */
static void set_shared(const char **shared, const char *value, struct http_memory *memory)
{
    if (strcmp(*shared, value) == 0)
        return;
    const char *name = intern_text(&memory->names, value, HTTP_TOKEN_BYTES - 1);
    if (name == NULL)
        memory->failed = true;
    else
        *shared = name;
}

/* Does the comma-separated list contain the token? */
static bool list_has(const char *list, const char *token)
{
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

/* `name`: lower case. */
static bool is_named(const struct http_head *head, const char *name, size_t length)
{
    if (head->name_length != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if ((head->name[i] | 0x20) != name[i] && head->name[i] != name[i]) /* '-' has that bit */
            return false;
    return true;
}
#define IS_NAMED(head, name) is_named(head, name, sizeof(name) - 1)

static void request_field(struct http_head *head, struct http_exchange *x,
                          struct http_conn *http, struct http_memory *memory)
{
    const char *value = head->value;
    if (IS_NAMED(head, "host")) {
        set_shared(&x->host, value, memory);
    } else if (IS_NAMED(head, "user-agent")) {
        set_shared(&http->client_software, value, memory);
    } else if (IS_NAMED(head, "connection")) {
        x->request_close |= list_has(value, "close");
    } else if (IS_NAMED(head, "expect")) {
        x->expect_continue |= list_has(value, "100-continue");
    }
}

static void response_field(struct http_head *head, struct http_exchange *x,
                           struct http_conn *http, struct http_memory *memory)
{
    const char *value = head->value;
    if (IS_NAMED(head, "server")) {
        set_shared(&http->server_software, value, memory);
    } else if (IS_NAMED(head, "connection")) {
        x->response_close |= list_has(value, "close");
    } else if (IS_NAMED(head, "content-type")) {
        x->event_stream = begins_with(value, "text/event-stream") ||
                          begins_with(value, "multipart/x-mixed-replace");
    } else if (IS_NAMED(head, "keep-alive")) {
        const char *timeout = strstr(value, "timeout=");
        if (timeout != NULL) {
            long seconds = strtol(timeout + strlen("timeout="), NULL, 10);
            if (seconds >= 0 && seconds <= INT32_MAX)
                x->keep_alive_timeout_s = (int32_t)seconds;
        }
    }
}

void head_take_field(struct http_head *head, bool is_request, struct http_exchange *exchange,
                     struct http_conn *http, struct http_memory *memory)
{
    head->value[head->value_length] = '\0';
    if (!head->ignored && is_request)
        request_field(head, exchange, http, memory);
    else if (!head->ignored)
        response_field(head, exchange, http, memory);
    head->name_length = head->value_length = 0;
}
