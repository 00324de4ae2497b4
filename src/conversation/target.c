#include "conversation/target.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conversation/head.h"

static const struct {
    char mark;
    const char *encoded;
} marks[] = {
#define VALUE(mark, encoded) { mark, encoded },
#include "conversation/target_marks.def"
#undef VALUE
};

void target_add(struct http_target *target, const char *at, size_t length, bool show_query)
{
    if (target->cut)
        return;
    const char *query = show_query ? NULL : memchr(at, '?', length);
    size_t room = HTTP_TARGET_BYTES - 5u - target->length;
    size_t taken = query != NULL ? (size_t)(query - at) : length;
    if (taken > room)
        taken = text_whole(at, taken, room);
    memcpy(target->text + target->length, at, taken);
    target->length = (uint8_t)(target->length + taken);
    target->cut = taken < length;
    if (target->cut) {
        const char *ending = at + taken == query ? "?..." : "...";
        memcpy(target->text + target->length, ending, strlen(ending));
    }
}

/* Where the authority of a target begins (RFC 9112 section 3.2): behind ://, behind // at the start, at
 * once in the form of CONNECT; NULL: there is none. */
static const char *find_authority(const char *target)
{
    if (target[0] == '/')
        return target[1] == '/' ? target + 2 : NULL;
    const char *scheme_end = strstr(target, "://");
    if (scheme_end != NULL && scheme_end <= target + strcspn(target, "/?"))
        return scheme_end + 3;
    return target[0] == '*' ? NULL : target;
}

/* HOST, HOST:PORT, [ADDRESS]:PORT, and nothing else. (USER:12?3@HOST looks like a port before a query.) */
static bool is_plain_authority(const char *authority, size_t length)
{
    size_t at = 0;
    if (authority[0] == '[') {
        at = 1 + strspn(authority + 1, "0123456789abcdefABCDEF:.");
        if (authority[at++] != ']')
            return false;
    } else {
        while (at < length && authority[at] != ':' && authority[at] != '%')
            at++;
    }
    if (at >= length)
        return at == length;
    return authority[at] == ':' && at + 1 + strspn(authority + at + 1, "0123456789") == length && authority[length] != '?';
}

/* Is this character, or its percent-encoding, that of a percent sign encoded again, and so on? Returns the bytes; 0: it is not. */
static size_t is_mark(const char *at, char mark, const char *encoded)
{
    if (*at == mark)
        return 1;
    if (*at != '%')
        return 0;
    size_t i = 1;
    while (at[i] == '2' && at[i + 1] == '5')
        i += 2;
    return at[i] == encoded[0] && (at[i + 1] | 0x20) == (encoded[1] | 0x20) ? i + 2 : 0;
}

/* Behind the first mark of the table in a path; its end if there is none. */
static size_t behind_mark(const char *path)
{
    size_t at = 0, bytes;
    for (; path[at] != '\0'; at++)
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
            if ((bytes = is_mark(path + at, marks[i].mark, marks[i].encoded)) > 0)
                return at + bytes;
    return at;
}

/* Where the first part of a path begins that may be USER:PASSWORD@HOST, or behind // USER@HOST, where the user may be a token; its end if
 * there is none. A slash that is encoded may be one of the password. cut: what is not here may hold an @. */
static size_t before_userinfo(const char *path, size_t length, bool cut)
{
    size_t part = 0, bytes;
    bool colon = false; /* or two slashes */
    for (size_t at = 0; at < length; at += bytes) {
        bytes = 1;
        if (path[at] == '/') {
            colon = at > 0 && part == at;
            part = at + 1;
        } else if ((bytes = is_mark(path + at, ':', "3a")) > 0) {
            colon = true;
        } else if ((bytes = is_mark(path + at, '@', "40")) > 0 && colon) {
            return part;
        } else if (bytes == 0) {
            bytes = 1;
        }
    }
    return cut && colon ? part : length;
}

/* Hides what a path may tell. */
static void hide(char *path, size_t room, bool cut, bool show_query)
{
    size_t length = strlen(path), shown = show_query ? length : behind_mark(path);
    size_t open = before_userinfo(path, shown, cut || shown < length);
    if (open < length)
        snprintf(path + open, room - open, "...");
}

/* Nearly all have nothing of the kind. */
static bool may_hide(const char *path)
{
    static const bool telling[UCHAR_MAX + 1] = { ['?'] = true, [';'] = true, ['#'] = true, ['%'] = true, ['@'] = true, [':'] = true };
    while (*path != '\0' && !telling[(unsigned char)*path])
        path++;
    return *path != '\0';
}

/* The userinfo of an authority ends with its last @; an authority that is cut off or odd is not shown at all. */
void target_take(const struct http_target *whole, struct exchange *exchange, struct conversation_memory *memory)
{
    char shown[HTTP_TARGET_BYTES];
    const char *target = whole->text, *authority = find_authority(target);
    if (authority == NULL && !may_hide(target)) {
        head_set_text(&exchange->target, target, memory);
        return;
    }
    size_t path = 0;
    memcpy(shown, whole->text, sizeof shown);
    if (authority != NULL) {
        size_t before = (size_t)(authority - target), length = strcspn(authority, "/?");
        bool ended = !whole->cut || authority[length] != '\0';
        for (size_t i = length; i > 0; i--)
            if (authority[i - 1] == '@') {
                authority += i;
                length -= i;
                break;
            }
        bool plain = ended && is_plain_authority(authority, length);
        snprintf(shown + before, sizeof shown - before, "%s", plain ? authority : "...");
        path = plain ? before + length : strlen(shown);
    }
    hide(shown + path, sizeof shown - path, whole->cut, memory->show_query);
    head_set_text(&exchange->target, shown, memory);
}
