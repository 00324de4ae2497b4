#include "cli/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Long options without a letter get numbers above any character. */
enum option_id {
    OPTION_DURATION = 256,
    OPTION_RULES,
    OPTION_RULE,
    OPTION_NO_RULE,
    OPTION_SET,
    OPTION_MIN_SEVERITY,
    OPTION_FAIL_ON,
    OPTION_SHOW_QUERY,
    OPTION_SERVER,
    OPTION_MAX_CONNECTIONS,
    OPTION_MAX_OPEN,
    OPTION_THREADS,
    OPTION_PROGRESS,
    OPTION_COLOR,
    OPTION_VERSION,
};

/* The one table of options: getopt and --help come from it; the manual is checked against it. */
static const struct option_row {
    int id;
    const char *name;
    const char *argument; /* NULL: takes none */
    const char *help;
} rows[] = {
    { 'i', "interface", "IFACE", "analyse live traffic on an interface, until Ctrl-C" },
    { 'f', "filter", "FILTER", "with -i: capture only what the BPF filter passes" },
    { 's', "snaplen", "BYTES", "with -i: keep so many bytes of each packet (262144)" },
    { 'B', "buffer-size", "KIB", "with -i: the kernel's buffer" },
    { 'p', "no-promiscuous", NULL, "with -i: do not make the interface promiscuous" },
    { 'c', "count", "N", "with -i: stop after N packets" },
    { OPTION_DURATION, "duration", "TIME", "with -i: stop after a time: 30, 30s, 5min" },
    { 'D', "list-interfaces", NULL, "list the interfaces to capture on" },
    { 'o', "output", "FORMAT[:FILE]", "text (default) or json; may be given several times" },
    { OPTION_RULES, "rules", "PATH", "add rules of a file or folder, or replace shipped ones" },
    { OPTION_RULE, "rule", "ID", "judge by this rule only; may be given several times" },
    { OPTION_NO_RULE, "no-rule", "ID", "leave this rule out" },
    { OPTION_SET, "set", "ID.PARAM=VALUE", "change a rule's parameter" },
    { OPTION_MIN_SEVERITY, "min-severity", "SEVERITY", "hide findings below info, warning, error" },
    { OPTION_FAIL_ON, "fail-on", "SEVERITY", "exit with 1 if a finding is as severe or worse" },
    { OPTION_SHOW_QUERY, "show-query", NULL, "do not shorten query strings to '?...'" },
    { OPTION_SERVER, "server", "WHO", "HOST:PORT, PORT or CIDR: the server where no handshake tells" },
    { OPTION_MAX_CONNECTIONS, "max-connections", "N",
      "list N connections a finding; 0: all (text: 20; json: 1000, of info 20)" },
    { OPTION_MAX_OPEN, "max-open", "N",
      "follow N connections at once (2000000); the oldest is given up" },
    { OPTION_THREADS, "threads", "N",
      "follow connections in N threads (one a core, at most 4); same report" },
    { OPTION_PROGRESS, "progress", "WHEN", "auto, always, never: packets read, on stderr" },
    { OPTION_COLOR, "color", "WHEN", "auto, always, never; NO_COLOR is honoured" },
    { 'h', "help", NULL, "show this help" },
    { OPTION_VERSION, "version", NULL, "show the version" },
};

#define ROWS (sizeof rows / sizeof *rows)

void options_help(FILE *out)
{
    fputs("usage: hangup [OPTIONS] FILE...     analyse captures as one, in time order; - is stdin\n"
          "       hangup [OPTIONS] -i IFACE    analyse live traffic until interrupted\n"
          "       hangup rules list            the rules, one a line\n"
          "       hangup rules show ID         a rule's file\n"
          "       hangup rules search TEXT     the rules behind an error message or a line of a log\n"
          "       hangup rules check FILE...   compile rule files\n"
          "       hangup rules test [WHAT...]  try rules on their cases, or .conv files\n"
          "       hangup fields                every fact that a rule may use\n\n"
          "Tells who hung up on an HTTP connection, when, why, and what to change.\n\n", out);
    for (size_t i = 0; i < ROWS; i++) {
        char text[64];
        int n = rows[i].id < 256 ? snprintf(text, sizeof text, "-%c, ", rows[i].id)
                                 : snprintf(text, sizeof text, "    ");
        snprintf(text + n, sizeof text - (size_t)n, "--%s%s%s", rows[i].name,
                 rows[i].argument != NULL ? " " : "",
                 rows[i].argument != NULL ? rows[i].argument : "");
        if (strlen(text) > 30)
            fprintf(out, "  %s\n  %-30s %s\n", text, "", rows[i].help);
        else
            fprintf(out, "  %-30s %s\n", text, rows[i].help);
    }
    fputs("\nExit status: 0 analysed, 1 --fail-on met, 2 usage error or unreadable input.\n"
          "Examples:\n"
          "  hangup incident.pcap\n"
          "  tcpdump -U -w - port 8080 | hangup -\n"
          "  hangup -o json web1.pcapng web2.pcapng | jq '.findings[].what'\n"
          "  hangup -i eth0 -f 'tcp port 8080' --duration 5min\n", out);
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool parse_integer(const char *text, const char *option, long least, long most, long *value,
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
static bool parse_duration(const char *text, int64_t *ns, struct err *err)
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

static bool parse_severity(const char *text, const char *option, enum severity *severity,
                           struct err *err)
{
    return severity_find(text, severity) ||
           err_set(err, "--%s wants info, warning or error, not '%s'", option, text);
}

static bool parse_when(const char *text, const char *option, enum when *when, struct err *err)
{
    static const char *const names[] = { "auto", "always", "never" };
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *when = (enum when)i;
            return true;
        }
    return err_set(err, "--%s wants auto, always or never, not '%s'", option, text);
}

static bool parse_output(struct options *options, const char *text, struct err *err)
{
    static const char *const names[] = { "text", "json" };
    size_t length = strcspn(text, ":");
    if (options->output_count == OPTIONS_MAX_OUTPUTS)
        return err_set(err, "more than %d outputs", OPTIONS_MAX_OUTPUTS);
    for (int i = 0; i < 2; i++)
        if (strlen(names[i]) == length && strncmp(names[i], text, length) == 0) {
            struct output *output = &options->outputs[options->output_count++];
            output->format = (enum output_format)i;
            output->path = text[length] == ':' && strcmp(text + length, ":-") != 0
                               ? text + length + 1
                               : NULL;
            if (output->path != NULL && output->path[0] == '\0')
                return err_set(err, "-o %s: the file name is missing", text);
            return true;
        }
    return err_set(err, "-o wants text or json, with :FILE where it should go, not '%s'", text);
}

static bool parse_address(const char *text, struct server_hint *hint)
{
    hint->has_address = true;
    hint->ipv6 = strchr(text, ':') != NULL;
    hint->prefix = hint->ipv6 ? 128 : 32;
    return inet_pton(hint->ipv6 ? AF_INET6 : AF_INET, text, hint->address.bytes) == 1;
}

/* HOST:PORT, [HOST]:PORT, PORT, ADDRESS, ADDRESS/PREFIX */
static bool parse_server(struct server_hint *hint, const char *text, struct err *err)
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

static void append(const char **list, size_t *count, const char *value)
{
    list[(*count)++] = value;
}

/* ---- the command line -------------------------------------------------------------------------- */

static bool take_option(struct options *o, int id, const char *value, struct err *err)
{
    long number;
    switch (id) {
    case 'i':
        o->interface = value;
        return true;
    case 'f':
        o->filter = value;
        return true;
    case 's':
        if (!parse_integer(value, "snaplen", 0, CAPTURE_MAX_PACKET_BYTES, &number, err))
            return false;
        o->snaplen = number == 0 ? (int)CAPTURE_MAX_PACKET_BYTES : (int)number;
        return true;
    case 'B':
        if (!parse_integer(value, "buffer-size", 1, 2 * 1024 * 1024, &number, err))
            return false;
        o->buffer_kib = (int)number;
        return true;
    case 'p':
        o->promiscuous = false;
        return true;
    case 'c':
        if (!parse_integer(value, "count", 1, INT32_MAX, &number, err))
            return false;
        o->max_packets = (uint64_t)number;
        return true;
    case 'D':
        return o->list_interfaces = true;
    case 'o':
        return parse_output(o, value, err);
    case 'h':
        return o->help = true;
    case OPTION_DURATION:
        return parse_duration(value, &o->duration_ns, err);
    case OPTION_RULES:
        append(o->rule_paths, &o->rule_path_count, value);
        return true;
    case OPTION_RULE:
        append(o->only_rules, &o->only_rule_count, value);
        return true;
    case OPTION_NO_RULE:
        append(o->no_rules, &o->no_rule_count, value);
        return true;
    case OPTION_SET:
        append(o->settings, &o->setting_count, value);
        return true;
    case OPTION_MIN_SEVERITY:
        return parse_severity(value, "min-severity", &o->min_severity, err);
    case OPTION_FAIL_ON:
        o->has_fail_on = true;
        return parse_severity(value, "fail-on", &o->fail_on, err);
    case OPTION_SHOW_QUERY:
        return o->show_query = true;
    case OPTION_SERVER:
        return parse_server(&o->servers[o->server_count++], value, err);
    case OPTION_MAX_CONNECTIONS:
        return parse_integer(value, "max-connections", 0, INT32_MAX, &o->max_connections, err);
    case OPTION_MAX_OPEN:
        if (!parse_integer(value, "max-open", 1, INT32_MAX, &number, err))
            return false;
        o->max_open = (size_t)number;
        return true;
    case OPTION_THREADS:
        if (!parse_integer(value, "threads", 1, ANALYSIS_MAX_THREADS, &number, err))
            return false;
        o->threads = (size_t)number;
        return true;
    case OPTION_PROGRESS:
        return parse_when(value, "progress", &o->progress, err);
    case OPTION_COLOR:
        return parse_when(value, "color", &o->color, err);
    case OPTION_VERSION:
        return o->version = true;
    }
    return false;
}

static bool allocate(struct options *o, struct arena *arena, size_t most)
{
    o->rule_paths = arena_alloc(arena, most * sizeof *o->rule_paths);
    o->only_rules = arena_alloc(arena, most * sizeof *o->only_rules);
    o->no_rules = arena_alloc(arena, most * sizeof *o->no_rules);
    o->settings = arena_alloc(arena, most * sizeof *o->settings);
    o->servers = arena_alloc(arena, most * sizeof *o->servers);
    o->arguments = arena_alloc(arena, most * sizeof *o->arguments);
    return o->rule_paths && o->only_rules && o->no_rules && o->settings && o->servers &&
           o->arguments;
}

/* Options that mean nothing without -i would be ignored in silence. */
static bool check_live(const struct options *o, struct err *err)
{
    if (o->interface != NULL)
        return o->argument_count == 0 ||
               err_set(err, "either -i IFACE or files, not both ('%s')", o->arguments[0]);
    const char *stray = o->filter != NULL ? "-f" : o->max_packets > 0 ? "-c"
                        : o->duration_ns > 0                           ? "--duration"
                                                                       : NULL;
    return stray == NULL || err_set(err, "%s goes with -i only", stray);
}

bool options_parse(struct options *o, struct arena *arena, int argc, char **argv, struct err *err)
{
    struct option longs[ROWS + 1] = { { 0 } };
    char shorts[ROWS * 2 + 2] = ":";
    for (size_t i = 0; i < ROWS; i++) {
        longs[i] = (struct option){ rows[i].name,
                                    rows[i].argument != NULL ? required_argument : no_argument,
                                    NULL, rows[i].id };
        if (rows[i].id < 256) {
            size_t used = strlen(shorts);
            shorts[used] = (char)rows[i].id;
            shorts[used + 1] = rows[i].argument != NULL ? ':' : '\0';
        }
    }
    *o = (struct options){ .snaplen = (int)CAPTURE_MAX_PACKET_BYTES,
                           .promiscuous = true,
                           .max_connections = -1 };
    if (!allocate(o, arena, (size_t)argc + 1))
        return err_no_memory(err);
    int id;
    opterr = 0;
    while ((id = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (id == ':')
            return err_set(err, "option '%s' wants a value (see --help)", argv[optind - 1]);
        if (id == '?' && optopt != 0)
            return err_set(err, "there is no option '-%c' (see --help)", optopt);
        if (id == '?')
            return err_set(err, "there is no option '%s' (see --help)", argv[optind - 1]);
        if (!take_option(o, id, optarg, err))
            return false;
    }
    for (int i = optind; i < argc; i++)
        o->arguments[o->argument_count++] = argv[i];
    return check_live(o, err);
}
