#include "cli/options.h"

#include <getopt.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/option_values.h"

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
    OPTION_KEY_LOG,
    OPTION_SERVER,
    OPTION_MAX_CONNECTIONS,
    OPTION_CONNECTIONS,
    OPTION_TEXTS,
    OPTION_NO_SANDBOX,
    OPTION_MAX_OPEN,
    OPTION_THREADS,
    OPTION_PROGRESS,
    OPTION_COLOR,
    OPTION_VERSION,
};

static void append(const char **list, size_t *count, const char *value)
{
    list[(*count)++] = value;
}

/* ---- what each option sets ----------------------------------------------------------------------- */

/* Those that cannot be wrong. */
#define SETS(name, statement)                                                            \
    static bool take_##name(struct options *o, const char *value, struct err *err)       \
    {                                                                                    \
        (void)value, (void)err;                                                          \
        statement;                                                                       \
        return true;                                                                     \
    }

SETS(interface, o->interface = value)
SETS(filter, o->filter = value)
SETS(user, o->user = value)
SETS(promiscuous, o->promiscuous = false)
SETS(list_interfaces, o->list_interfaces = true)
SETS(help, o->help = true)
SETS(version, o->version = true)
SETS(texts, o->texts = true)
SETS(no_sandbox, o->no_sandbox = true)
SETS(show_query, o->show_query = true)
SETS(key_log, o->key_log = value)
SETS(file, append(o->arguments, &o->argument_count, value))
SETS(rules, append(o->rule_paths, &o->rule_path_count, value))
SETS(rule, append(o->only_rules, &o->only_rule_count, value))
SETS(no_rule, append(o->no_rules, &o->no_rule_count, value))
SETS(set, append(o->settings, &o->setting_count, value))

static bool take_snaplen(struct options *o, const char *value, struct err *err)
{
    long number;
    if (!parse_integer(value, "snaplen", 0, CAPTURE_MAX_PACKET_BYTES, &number, err))
        return false;
    o->snaplen = number == 0 ? (int)CAPTURE_MAX_PACKET_BYTES : (int)number;
    return true;
}

static bool take_buffer_size(struct options *o, const char *value, struct err *err)
{
    long number;
    if (!parse_integer(value, "buffer-size", 1, 2 * 1024 * 1024, &number, err))
        return false;
    o->buffer_kib = (int)number;
    return true;
}

static bool take_count(struct options *o, const char *value, struct err *err)
{
    long number;
    if (!parse_integer(value, "count", 1, INT32_MAX, &number, err))
        return false;
    o->max_packets = (uint64_t)number;
    return true;
}

static bool take_duration(struct options *o, const char *value, struct err *err)
{
    return parse_duration(value, &o->duration_ns, err);
}

static bool take_output(struct options *o, const char *value, struct err *err)
{
    if (o->output_count == OPTIONS_MAX_OUTPUTS)
        return err_set(err, "more than %d outputs", OPTIONS_MAX_OUTPUTS);
    return parse_output(&o->outputs[o->output_count++], value, err);
}

static bool take_min_severity(struct options *o, const char *value, struct err *err)
{
    return parse_severity(value, "min-severity", &o->min_severity, err);
}

static bool take_fail_on(struct options *o, const char *value, struct err *err)
{
    if (strcmp(value, "undecided") == 0) {
        o->fail_on_undecided = true;
        return true;
    }
    enum severity severity;
    if (!parse_severity(value, "fail-on", &severity, err))
        return false;
    o->fail_on = o->has_fail_on && o->fail_on < severity ? o->fail_on : severity; /* given twice, the lower counts */
    o->has_fail_on = true;
    return true;
}

static bool take_server(struct options *o, const char *value, struct err *err)
{
    return parse_server(&o->servers[o->server_count++], value, err);
}

static bool take_max_connections(struct options *o, const char *value, struct err *err)
{
    return parse_integer(value, "max-connections", 0, INT32_MAX, &o->max_connections, err);
}

/* Each takes a record of some 1,500 bytes. */
#define MOST_LISTED 1000000

static bool take_connections(struct options *o, const char *value, struct err *err)
{
    long number;
    if (!parse_integer(value, "connections", 1, MOST_LISTED, &number, err))
        return false;
    o->most_listed = (size_t)number;
    return true;
}

static bool take_max_open(struct options *o, const char *value, struct err *err)
{
    long number;
    if (!parse_integer(value, "max-open", 1, INT32_MAX, &number, err))
        return false;
    o->max_open = (size_t)number;
    return true;
}

static bool take_threads(struct options *o, const char *value, struct err *err)
{
    long number;
    if (!parse_integer(value, "threads", 1, RUN_MAX_THREADS, &number, err))
        return false;
    o->threads = (size_t)number;
    return true;
}

static bool take_progress(struct options *o, const char *value, struct err *err)
{
    return parse_when(value, "progress", &o->progress, err);
}

static bool take_color(struct options *o, const char *value, struct err *err)
{
    return parse_when(value, "color", &o->color, err);
}

/* ---- the one table: getopt, --help and the check of modes come from it; the manual is checked against it -- */

#define ANALYSIS (MODE_FILES | MODE_LIVE)
#define JUDGING (ANALYSIS | MODE_TEST_RULES)

static const struct option_row {
    int id;
    const char *name;
    const char *argument; /* NULL: takes none */
    unsigned modes;       /* bit per enum mode: elsewhere it would do nothing, and is an error */
    bool (*take)(struct options *options, const char *value, struct err *err);
    const char *help;
} rows[] = {
    { 'r', "read", "FILE", MODE_FILES, take_file, "analyse FILE, as without -r" },
    { 'i', "interface", "IFACE", MODE_LIVE, take_interface, "analyse live traffic on an interface, until Ctrl-C" },
    { 'f', "filter", "FILTER", MODE_LIVE, take_filter, "with -i: capture only what the BPF filter passes" },
    { 's', "snaplen", "BYTES", MODE_LIVE, take_snaplen, "with -i: keep so many bytes of each packet (262144)" },
    { 'B', "buffer-size", "KIB", MODE_LIVE, take_buffer_size, "with -i: the kernel's buffer" },
    { 'p', "no-promiscuous", NULL, MODE_LIVE, take_promiscuous, "with -i: do not make the interface promiscuous" },
    { 'Z', "user", "USER", MODE_LIVE, take_user, "with -i: as root, become USER and not nobody once the interface is open" },
    { 'c', "count", "N", MODE_LIVE, take_count, "with -i: stop after N packets" },
    { OPTION_DURATION, "duration", "TIME", MODE_LIVE, take_duration, "with -i: stop after a time: 30, 30s, 5min" },
    { 'D', "list-interfaces", NULL, MODE_INTERFACES, take_list_interfaces, "list the interfaces to capture on" },
    { 'o', "output", "FORMAT[:FILE]", ANALYSIS, take_output, "text (default) or json; may be given several times" },
    { OPTION_RULES, "rules", "PATH", JUDGING | MODE_LIST_RULES, take_rules,
      "add rules of a file or folder, or replace shipped ones" },
    { OPTION_RULE, "rule", "ID", JUDGING | MODE_LIST_RULES, take_rule,
      "judge by this rule only; may be given several times" },
    { OPTION_NO_RULE, "no-rule", "ID", JUDGING | MODE_LIST_RULES, take_no_rule, "leave this rule out" },
    { OPTION_SET, "set", "ID.PARAM=VALUE", JUDGING, take_set, "change a rule's parameter" },
    { OPTION_TEXTS, "texts", NULL, MODE_TEST_RULES, take_texts,
      "with 'rules test': try all rules, and fail for texts that no case reaches" },
    { OPTION_MIN_SEVERITY, "min-severity", "SEVERITY", ANALYSIS, take_min_severity,
      "hide findings below info, warning, error" },
    { OPTION_FAIL_ON, "fail-on", "SEVERITY", ANALYSIS, take_fail_on, "exit with 1 if a finding is as severe or worse; undecided: if not all could be judged" },
    { OPTION_SHOW_QUERY, "show-query", NULL, ANALYSIS, take_show_query, "show all of a target, and not only what stands before ?, ; or #" },
    { OPTION_KEY_LOG, "keylog", "FILE", ANALYSIS, take_key_log,
      "read TLS with the secrets of FILE, as SSLKEYLOGFILE has them" },
    { OPTION_SERVER, "server", "WHO", ANALYSIS, take_server,
      "HOST:PORT, PORT or CIDR: the server where no handshake tells" },
    { OPTION_MAX_CONNECTIONS, "max-connections", "N", ANALYSIS, take_max_connections,
      "list N connections a finding; 0: all (text: 20; json: 1000, of info 20)" },
    { OPTION_CONNECTIONS, "connections", "N", ANALYSIS, take_connections,
      "list the first N connections, however each ended" },
    { OPTION_MAX_OPEN, "max-open", "N", ANALYSIS, take_max_open,
      "follow N connections at once (2000000); the oldest is given up" },
    { OPTION_THREADS, "threads", "N", MODE_FILES, take_threads,
      "follow connections in N threads (one a core, at most 4); same report" },
    { OPTION_NO_SANDBOX, "no-sandbox", NULL, ANALYSIS, take_no_sandbox, "do not lock the analysis in: for debuggers" },
    { OPTION_PROGRESS, "progress", "WHEN", ANALYSIS, take_progress, "auto, always, never: packets read, on stderr" },
    { OPTION_COLOR, "color", "WHEN", ANALYSIS, take_color, "auto, always, never; NO_COLOR is honoured" },
    { 'h', "help", NULL, MODE_ANY, take_help, "show this help" },
    { OPTION_VERSION, "version", NULL, MODE_ANY, take_version, "show the version" },
};

#define ROWS (sizeof rows / sizeof *rows)

void options_help(FILE *out)
{
    commands_help(out);
    fputs("\nTells who hung up on an HTTP connection, when, why, and what to change.\n\n", out);
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

/* ---- the command line -------------------------------------------------------------------------- */

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

static const struct option_row *find_row(int id)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].id == id)
            return &rows[i];
    return NULL;
}

static void spell(const struct option_row *row, char *text, size_t size)
{
    if (row->id < 256)
        snprintf(text, size, "-%c", row->id);
    else
        snprintf(text, size, "--%s", row->name);
}

/* An option that does nothing in this mode would be ignored in silence. */
static bool check_modes(const struct options *o, const bool used[ROWS], struct err *err)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (!used[i] || rows[i].modes & o->command->mode)
            continue;
        char option[64];
        spell(&rows[i], option, sizeof option);
        if (rows[i].modes == MODE_LIVE)
            return err_set(err, "%s goes with -i only", option);
        return err_set(err, "%s does nothing with '%s' (see --help)", option,
                       o->command->name[0] != '\0' ? o->command->name : o->command->arguments);
    }
    return true;
}

bool options_parse(struct options *o, struct arena *arena, int argc, char **argv, struct err *err)
{
    struct option longs[ROWS + 1] = { { 0 } };
    char shorts[ROWS * 2 + 2] = ":";
    bool used[ROWS] = { false };
    for (size_t i = 0; i < ROWS; i++) {
        longs[i] = (struct option){ rows[i].name,
                                    rows[i].argument != NULL ? required_argument : no_argument,
                                    NULL, rows[i].id };
        if (rows[i].id < 256) {
            size_t length = strlen(shorts);
            shorts[length] = (char)rows[i].id;
            shorts[length + 1] = rows[i].argument != NULL ? ':' : '\0';
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
        const struct option_row *row = find_row(id);
        used[row - rows] = true;
        if (!row->take(o, optarg, err))
            return false;
    }
    size_t of_options = o->argument_count; /* -r FILE */
    for (int i = optind; i < argc; i++)
        o->arguments[o->argument_count++] = argv[i];
    if (o->interface != NULL && o->argument_count > 0)
        return err_set(err, "either -i IFACE or files, not both ('%s')", o->arguments[0]);
    o->command = command_find(o, of_options > 0);
    if (o->command == NULL)
        return err_set(err, "%s", command_wants());
    return o->help || o->version || check_modes(o, used, err);
}
