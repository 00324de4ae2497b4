#include "cli/case_test.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "capture/conv.h"
#include "run/analysis.h"

/* ---- what was found ------------------------------------------------------------------------- */

static const struct finding *find_finding(const struct analysis *analysis, const char *rule)
{
    size_t count;
    const struct finding *findings = engine_findings(analysis->run->engine, &count);
    for (size_t i = 0; i < count; i++)
        for (const struct finding *f = &findings[i]; f != NULL; f = f->behind)
            if (strcmp(f->rule->id, rule) == 0)
                return f;
    return NULL;
}

/* Connections that the rule flags, over all of its findings. */
static long count_connections(const struct analysis *analysis, const char *rule)
{
    size_t count;
    long connections = 0;
    const struct finding *findings = engine_findings(analysis->run->engine, &count);
    for (size_t i = 0; i < count; i++)
        for (const struct finding *f = &findings[i]; f != NULL; f = f->behind)
            if (strcmp(f->rule->id, rule) == 0)
                connections += (long)f->count;
    return connections;
}

static bool is_explained(const struct analysis *analysis, const char *rule)
{
    size_t count;
    const struct finding *findings = engine_findings(analysis->run->engine, &count);
    for (size_t i = 0; i < count; i++)
        for (size_t r = 0; r < analysis->rules->count; r++)
            if (rule_bits_has(&findings[i].also, r) &&
                strcmp(analysis->rules->items[r]->id, rule) == 0)
                return true;
    return false;
}

static bool is_undecided(const struct analysis *analysis, const char *rule)
{
    size_t count;
    const struct undecided *undecided = engine_undecided(analysis->run->engine, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(undecided[i].rule->id, rule) == 0)
            return true;
    return false;
}

/* ---- what was seen, in the notation of .conv files -------------------------------------------- */

static void print_payload(const struct segment *s, struct strbuf *out)
{
    strbuf_addc(out, '"');
    for (uint32_t i = 0; i < s->payload_caplen && i < 60; i++) {
        char c = (char)s->payload[i];
        if (c == '\r')
            strbuf_adds(out, "\\r");
        else if (c == '\n')
            strbuf_adds(out, "\\n");
        else if (c == '"' || c == '\\')
            strbuf_addf(out, "\\%c", c);
        else if (c < ' ' || c > '~')
            strbuf_addf(out, "\\x%02x", (unsigned char)c);
        else
            strbuf_addc(out, c);
    }
    strbuf_adds(out, s->payload_caplen > 60 ? "...\"" : "\"");
}

/* Initial sequence numbers, to print relative ones as .conv files have them. */
struct seen_ends {
    struct {
        uint16_t client_port;
        bool known[2];
        uint32_t isn[2];
    } conns[64];
    size_t count;
};

static size_t find_conn(struct seen_ends *seen, const struct segment *s, unsigned *from)
{
    for (size_t i = 0; i < seen->count; i++)
        for (*from = 0; *from < 2; ++*from)
            if (seen->conns[i].client_port == (*from == 0 ? s->src_port : s->dst_port))
                return i;
    *from = 0;
    if (seen->count == sizeof seen->conns / sizeof *seen->conns)
        return 0;
    seen->conns[seen->count].client_port = s->src_port;
    return seen->count++;
}

static void print_packet(struct seen_ends *seen, const struct segment *s, int64_t delta,
                         struct strbuf *out)
{
    static const char letters[] = "FSRP.";
    unsigned from;
    size_t conn = find_conn(seen, s, &from);
    uint32_t *isn = seen->conns[conn].isn;
    bool *known = seen->conns[conn].known;
    if (!known[from])
        isn[from] = s->seq - !(s->flags & TCP_SYN);
    if (s->ack != 0 && !known[!from])
        isn[!from] = s->ack - 1;
    known[from] = true;
    known[!from] |= s->ack != 0;
    strbuf_addf(out, "    +%" PRId64 ".%06" PRId64 " ", delta / NS_PER_S, delta % NS_PER_S / 1000);
    if (seen->count > 1)
        strbuf_addf(out, "c%u: ", seen->conns[conn].client_port);
    strbuf_addf(out, "%c ", from == 0 ? '>' : '<');
    for (int i = 0; letters[i] != '\0'; i++)
        if (s->flags & 1 << i)
            strbuf_addc(out, letters[i]);
    if (s->payload_len > 0) {
        strbuf_addc(out, ' ');
        print_payload(s, out);
    }
    strbuf_addf(out, " seq=%" PRIu32, s->seq - isn[from]);
    if (s->flags & TCP_ACK)
        strbuf_addf(out, " ack=%" PRIu32, s->ack - isn[!from]);
    strbuf_addc(out, '\n');
}

static void print_packets(const char *name, const char *text, size_t length, struct strbuf *out)
{
    struct err err = { "" };
    struct capture *capture = conv_open(name, text, length, &err);
    struct seen_ends seen = { .count = 0 };
    struct decoder decoder;
    decoder_init(&decoder);
    struct packet packet;
    struct capture_batch batch = { .packets = &packet, .max = 1 };
    int64_t before = 0;
    uint32_t shown = 0;
    while (capture != NULL && shown++ < 60 && capture_read(capture, &batch, &err) == CAPTURE_PACKETS) {
        struct segment s;
        if (decoder_packet(&decoder, &packet, &s) != DECODED_TCP)
            continue;
        print_packet(&seen, &s, before == 0 ? 0 : s.ts_ns - before, out);
        before = s.ts_ns;
    }
    capture_close(capture);
}

static void print_found(const struct analysis *analysis, struct strbuf *out)
{
    size_t count;
    const struct finding *findings = engine_findings(analysis->run->engine, &count);
    for (size_t i = 0; i < count; i++)
        for (const struct finding *f = &findings[i]; f != NULL; f = f->behind)
            strbuf_addf(out, "    found: expect %s count=%zu    # %s%s\n", f->rule->id, f->count,
                        f == &findings[i] ? "" : "(behind it) ", f->what);
    for (size_t i = 0; i < analysis->rules->count; i++)
        if (is_explained(analysis, analysis->rules->items[i]->id))
            strbuf_addf(out, "    found: expect also %s\n", analysis->rules->items[i]->id);
    const struct undecided *undecided = engine_undecided(analysis->run->engine, &count);
    for (size_t i = 0; i < count; i++)
        strbuf_addf(out, "    found: expect undecided %s    # because %s\n",
                    undecided[i].rule->id, undecided[i].because);
}

/* ---- expectations ------------------------------------------------------------------------------ */

static bool is_expected(const struct conv_expectations *expectations, const char *rule)
{
    for (size_t i = 0; i < expectations->count; i++)
        if (!expectations->items[i].undecided && !expectations->items[i].also &&
            strcmp(expectations->items[i].rule, rule) == 0)
            return true;
    return false;
}

static bool check_line(const struct analysis *analysis,
                       const struct conv_expectations *expectations,
                       const struct conv_expectation *e, struct strbuf *why)
{
    bool ok = true;
    if (strcmp(e->rule, "nothing") == 0 || strcmp(e->rule, "nothing-else") == 0) {
        size_t count;
        const struct finding *findings = engine_findings(analysis->run->engine, &count);
        for (size_t i = 0; i < count; i++)
            if (!is_expected(expectations, findings[i].rule->id)) {
                strbuf_addf(why, "  line %u: nothing%s was expected, but %s was found\n", e->line,
                            strcmp(e->rule, "nothing") == 0 ? "" : " else", findings[i].rule->id);
                ok = false;
            }
        return ok;
    }
    if (rules_find(analysis->rules, e->rule) == NULL) {
        strbuf_addf(why, "  line %u: there is no rule '%s'\n", e->line, e->rule);
        return false;
    }
    if (e->undecided)
        ok = is_undecided(analysis, e->rule) && find_finding(analysis, e->rule) == NULL;
    else if (e->also)
        ok = is_explained(analysis, e->rule);
    else if (e->count >= 0)
        ok = count_connections(analysis, e->rule) == e->count;
    else
        ok = find_finding(analysis, e->rule) != NULL;
    const struct finding *finding = find_finding(analysis, e->rule);
    if (ok && e->confidence[0] != '\0' && (finding == NULL || strcmp(finding->confidence, e->confidence) != 0)) {
        strbuf_addf(why, "  line %u: %s is told as %s, not %s\n", e->line, e->rule, finding != NULL ? finding->confidence : "nothing",
                    e->confidence);
        return false;
    }
    const char *from = finding != NULL && finding->timer_count > 0 ? reference_names[finding->timers[0].deadline.from] : "nothing";
    if (ok && e->from[0] != '\0' && strcmp(from, e->from) != 0) {
        strbuf_addf(why, "  line %u: the timer of %s starts from %s, not %s\n", e->line, e->rule, from, e->from);
        return false;
    }
    if (!ok)
        strbuf_addf(why, "  line %u: expected%s %s, not found%s\n", e->line,
                    e->undecided ? " undecided" : e->also ? " also" : "", e->rule,
                    e->count >= 0 ? " on that many connections" : "");
    return ok;
}

/* The condition as rules have it: == for =, and a range for a tolerance. */
static void add_condition(struct strbuf *out, const char *fact)
{
    const char *tolerance = strstr(fact, "+-"), *equals = strchr(fact, '=');
    if (tolerance != NULL && equals != NULL && equals < tolerance) {
        int left = (int)(equals - fact), value = (int)(tolerance - equals - 1);
        strbuf_addf(out, "%.*s >= %.*s - (%s) and %.*s <= %.*s + (%s)", left, fact, value, equals + 1, tolerance + 2, left,
                    fact, value, equals + 1, tolerance + 2);
        return;
    }
    for (const char *p = fact; *p != '\0'; p++) {
        bool alone = *p == '=' && p[1] != '=' && (p == fact || strchr("<>!=", p[-1]) == NULL);
        strbuf_adds(out, alone ? "==" : (char[]){ *p, '\0' });
    }
}

/* A rule of which the condition is the expectation: about a connection, about one of its exchanges, or about one when all
 * connections are known. */
static bool add_rule(struct rules *rules, const struct conv_expectation *e, struct err *err)
{
    static const struct {
        const char *scope, *before;
    } forms[] = {
        { "connection", "when" },
        { "exchange", "when" },
        { "exchange", "when: request.seen or response.started\nconfirm" },
    };
    bool ok = false;
    for (size_t i = 0; i < sizeof forms / sizeof *forms && !ok; i++) {
        struct strbuf text = { 0 };
        strbuf_addf(&text, "id: expected\nname: expected\nseverity: info\nscope: %s\nper: server\n%s: |\n  ", forms[i].scope,
                    forms[i].before);
        add_condition(&text, e->fact);
        strbuf_adds(&text, "\nconfidence: certain\naccountable: unclear\nwhat: expected\nfix: [expected]\n");
        *err = (struct err){ "" };
        ok = rules_add(rules, "the condition", strbuf_text(&text), text.length, err);
        strbuf_free(&text);
    }
    return ok;
}

static bool flags_connection(const struct analysis *analysis, const struct conv_expectation *e)
{
    size_t count;
    const struct finding *findings = engine_findings(analysis->run->engine, &count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < findings[i].entries && strcmp(findings[i].rule->id, "expected") == 0; j++)
            if (record_port(findings[i].connections[j].record, ROLE_CLIENT) == e->client_port)
                return true;
    return false;
}

static void no_matter(void)
{
}

/* Takes the capture over; NULL is fine. NULL: err tells. */
static struct analysis *analyse(struct capture *capture, const struct rules *rules, struct err *err)
{
    struct secrets secrets = { .fd = -1 };
    if (capture == NULL)
        return NULL;
    if (!secrets_open(&secrets, NULL, NULL, false, 1, no_matter, err)) {
        capture_close(capture);
        secrets_close(&secrets);
        return NULL;
    }
    capture->secrets = &secrets.captures;
    const struct analysis_options options = { .tracker.talks.key_log = secrets.log, .secrets = &secrets };
    struct capture_set *set = capture_set_of(capture, err);
    struct analysis *analysis = set != NULL ? analysis_run(set, rules, &options, NULL, err) : NULL;
    secrets_close(&secrets);
    return analysis;
}

static bool check_fact(const char *name, const char *text, size_t length, const struct conv_expectation *e,
                       struct strbuf *why)
{
    struct err err = { "" };
    struct rules rules = { 0 };
    struct analysis *analysis = NULL;
    if (rules_add_builtin(&rules, false, &err) && add_rule(&rules, e, &err)) { /* which tell the server's timers */
        rules_link(&rules);
        analysis = analyse(conv_open(name, text, length, &err), &rules, &err);
    }
    bool ok = false;
    if (analysis == NULL) {
        strbuf_addf(why, "  line %u: %s\n", e->line, err.text);
    } else {
        long all = (long)tracker_counts(analysis->run->tracker)->connections;
        long found = count_connections(analysis, "expected");
        ok = e->of_connection ? flags_connection(analysis, e) : found == (e->count >= 0 ? e->count : all);
        if (!ok)
            strbuf_addf(why, "  line %u: expected %s; it holds for %ld of %ld connections\n", e->line, e->fact, found, all);
    }
    analysis_free(analysis);
    rules_free(&rules);
    return ok;
}

static bool check_kind(const struct analysis *analysis, const struct case_expectation *expectation,
                       struct strbuf *why)
{
    if (expectation->rule == NULL)
        return true;
    bool fires = find_finding(analysis, expectation->rule) != NULL ||
                 is_explained(analysis, expectation->rule);
    bool undecided = is_undecided(analysis, expectation->rule);
    bool ok = expectation->kind == CASE_FIRES    ? fires
              : expectation->kind == CASE_SILENT ? !fires && !undecided
                                                 : !fires && undecided;
    static const char *const wanted[] = { "fire", "stay silent", "be undecided" };
    if (!ok)
        strbuf_addf(why, "  %s should %s, but %s\n", expectation->rule,
                    wanted[expectation->kind],
                    fires ? "fires" : undecided ? "is undecided" : "stays silent");
    return ok;
}

bool case_test(const struct rules *rules, const char *name, const char *text, size_t length,
               const struct case_expectation *expectation, struct strbuf *why)
{
    struct err err = { "" };
    struct capture *capture = conv_open(name, text, length, &err);
    const struct conv_expectations *expectations =
        capture != NULL ? conv_expectations(capture) : NULL;
    struct analysis *analysis = analyse(capture, rules, &err);
    if (analysis == NULL) {
        strbuf_addf(why, "  %s\n", err.text);
        return false;
    }
    bool ok = check_kind(analysis, expectation, why);
    if (expectation->told != NULL)
        texts_told_add(expectation->told, analysis->run->engine);
    for (size_t i = 0; i < expectations->count; i++)
        ok &= expectations->items[i].fact[0] != '\0'
                  ? check_fact(name, text, length, &expectations->items[i], why)
                  : check_line(analysis, expectations, &expectations->items[i], why);
    if (expectation->rule == NULL && expectations->count == 0) {
        strbuf_adds(why, "  it expects nothing: an 'expect' line is missing\n");
        ok = false;
    }
    if (!ok) {
        print_packets(name, text, length, why);
        print_found(analysis, why);
    }
    analysis_free(analysis);
    return ok;
}
