#include "cli/option_values.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool parse_integer(const char *text, const char *option, long least, long most, long *value,
                          struct err *err)
{
    char *end;
    errno = 0;
    *value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0 || *value < least || *value > most)
        return err_set(err, "--%s wants a number from %ld to %ld, not '%s'", option, least, most,
                       text);
    return true;
}

/* 30 (seconds), 30s, 500ms, 5min, 1h */
bool parse_duration(const char *text, int64_t *ns, struct err *err)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = { { "", 1 }, { "s", 1 }, { "ms", 0.001 }, { "min", 60 }, { "h", 3600 } };
    char *end;
    double number = strtod(text, &end);
    for (size_t i = 0; end != text && i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].unit) == 0 && number > 0 && number * units[i].seconds < 1e9) {
            *ns = (int64_t)(number * units[i].seconds * 1e9);
            return true;
        }
    return err_set(err, "--duration wants a time such as 30, 30s or 5min, not '%s'", text);
}

bool parse_severity(const char *text, const char *option, enum severity *severity,
                           struct err *err)
{
    return severity_find(text, severity) ||
           err_set(err, "--%s wants info, warning or error%s, not '%s'", option,
                   strcmp(option, "fail-on") == 0 ? " (or undecided)" : "", text);
}

bool parse_when(const char *text, const char *option, enum when *when, struct err *err)
{
    static const char *const names[] = { "auto", "always", "never" };
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *when = (enum when)i;
            return true;
        }
    return err_set(err, "--%s wants auto, always or never, not '%s'", option, text);
}

/* "text", "text or json", "a, b or c" */
static void list_formats(char *list, size_t size)
{
    size_t count, used = 0;
    const struct report_format *formats = report_formats(&count);
    list[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(list + used, size - used, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ",
                                 formats[i].name);
}

bool parse_output(struct output *output, const char *text, struct err *err)
{
    size_t length = strcspn(text, ":"), count;
    const struct report_format *formats = report_formats(&count);
    for (size_t i = 0; i < count; i++)
        if (strlen(formats[i].name) == length && strncmp(formats[i].name, text, length) == 0) {
            output->format = &formats[i];
            output->path = text[length] == ':' && strcmp(text + length, ":-") != 0 ? text + length + 1 : NULL;
            if (output->path != NULL && output->path[0] == '\0')
                return err_set(err, "-o %s: the file name is missing", text);
            return true;
        }
    char list[256];
    list_formats(list, sizeof list);
    return err_set(err, "-o wants %s, with :FILE where it should go, not '%s'", list, text);
}

static bool parse_address(const char *text, struct server_hint *hint)
{
    hint->has_address = true;
    hint->ipv6 = strchr(text, ':') != NULL;
    hint->prefix = hint->ipv6 ? 128 : 32;
    return inet_pton(hint->ipv6 ? AF_INET6 : AF_INET, text, hint->address.bytes) == 1;
}

/* HOST:PORT, [HOST]:PORT, PORT, ADDRESS, ADDRESS/PREFIX */
bool parse_server(struct server_hint *hint, const char *text, struct err *err)
{
    char host[64];
    const char *port = NULL, *slash = strchr(text, '/');
    *hint = (struct server_hint){ 0 };
    size_t length = strlen(text);
    if (text[strspn(text, "0123456789")] == '\0') {
        port = text;
        length = 0;
    } else if (text[0] == '[' && strstr(text, "]:") != NULL) {
        port = strstr(text, "]:") + 2;
        length = (size_t)(port - 3 - text);
        text++;
    } else if (strchr(text, ':') != NULL && strchr(text, ':') == strrchr(text, ':')) {
        port = strchr(text, ':') + 1;
        length = (size_t)(port - 1 - text);
    } else if (slash != NULL) {
        length = (size_t)(slash - text);
    }
    long number = 0;
    if (port != NULL && !parse_integer(port, "server", 1, 65535, &number, err))
        return false;
    hint->port = (uint16_t)number;
    if (length == 0)
        return true;
    if (length >= sizeof host)
        return err_set(err, "--server: '%s' is no address", text);
    memcpy(host, text, length);
    host[length] = '\0';
    if (!parse_address(host, hint))
        return err_set(err, "--server wants HOST:PORT, PORT or CIDR with numeric addresses, "
                            "not '%s'", text);
    if (slash != NULL) {
        if (!parse_integer(slash + 1, "server", 0, hint->prefix, &number, err))
            return false;
        hint->prefix = (unsigned)number;
    }
    return true;
}
