#include "rules/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "facts/peak.h"
#include "rules/guard.h"
#include "rules/template.h"

/* A report shows one connection's timeline as the example. Of the connections that only a group rule
 * may want, the first ones of each rule keep theirs. */
#define GROUP_EXAMPLES 64

struct examples {
    struct record *records[GROUP_EXAMPLES];
    size_t count;
};

struct hit {
    const struct record *record;
    const struct exchange_facts *exchange;
    const struct deadline *deadline; /* of a group rule's group, before it was narrowed down */
    uint64_t number;                 /* order of judgement: ties are broken by it */
    uint16_t rule;
    uint8_t timer;  /* of a group rule that is about one timer: which of the group's */
    bool explained; /* another finding tells it */
    bool background; /* of a group rule: counts for the group, but is not listed */
    struct rule_set_bits also;
};

struct engine {
    const struct rules *rules;
    struct guards guards;
    struct arena arena; /* exchanges, texts, findings' arrays */
    struct {
        struct hit *items;
        size_t count, capacity;
    } hits;             /* of rules about connections and exchanges; members of groups */
    struct {
        struct finding *items;
        size_t count, capacity;
    } findings;
    struct {
        struct undecided *items;
        size_t count, capacity;
    } undecided;
    struct examples *examples; /* by rule */
    bool failed; /* out of memory while judging */
};

/* Hits of exchanges whose connection still runs hang on it until it has a record. */
struct early_hit {
    struct early_hit *next;
    const struct exchange_facts *exchange;
    uint16_t rule;
};

struct engine *engine_new(const struct rules *rules, struct err *err)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        err_no_memory(err);
        return NULL;
    }
    engine->rules = rules;
    guards_init(&engine->guards, rules);
    engine->examples = calloc(rules->count + 1, sizeof *engine->examples);
    if (engine->examples == NULL) {
        engine_free(engine);
        err_no_memory(err);
        return NULL;
    }
    return engine;
}

/* ---- judging ----------------------------------------------------------------------------- */

static void note_undecided(struct engine *engine, const struct rule *rule, const char *because,
                           uint64_t record_id)
{
    for (size_t i = 0; i < engine->undecided.count; i++) {
        struct undecided *u = &engine->undecided.items[i];
        if (u->rule == rule && u->because == because) {
            u->connections += u->last_record != record_id;
            u->last_record = record_id;
            return;
        }
    }
    if (!VEC_ROOM(&engine->undecided)) {
        engine->failed = true;
        return;
    }
    engine->undecided.items[engine->undecided.count++] =
        (struct undecided){ rule, because, 1, record_id };
}

/* The exchange goes with its connection; what a finding needs of it is copied. */
static const struct exchange_facts *keep_exchange(struct engine *engine,
                                                  const struct exchange_facts *facts)
{
    struct exchange_facts *copy = arena_alloc(&engine->arena, sizeof *copy);
    struct http_exchange *exchange = arena_alloc(&engine->arena, sizeof *exchange);
    const char *target = arena_strdup(&engine->arena, facts->exchange->target);
    const char *host = arena_strdup(&engine->arena, facts->exchange->host);
    if (copy == NULL || exchange == NULL || target == NULL || host == NULL) {
        engine->failed = true;
        return NULL;
    }
    *exchange = *facts->exchange;
    exchange->next = NULL;
    exchange->target = target;
    exchange->host = host;
    *copy = *facts;
    copy->exchange = exchange;
    return copy;
}

static void add_hit(struct engine *engine, size_t rule, const struct record *record,
                    const struct exchange_facts *exchange)
{
    if (!VEC_ROOM(&engine->hits)) {
        engine->failed = true;
        return;
    }
    size_t n = engine->hits.count++;
    engine->hits.items[n] = (struct hit){ .record = record, .exchange = exchange, .number = n,
                                          .rule = (uint16_t)rule };
}

/* Exchanges are judged when they are complete: their connection's close is not known then, and
 * facts on it are absent. */
static void on_exchange(void *context, struct connection *c, const struct http_exchange *x)
{
    struct engine *engine = context;
    struct record empty = { 0 };
    struct exchange_facts facts;
    bool ready = false;
    for (size_t i = 0; i < engine->rules->count; i++) {
        const struct rule *rule = engine->rules->items[i];
        if (rule->scope != SCOPE_EXCHANGE || !rule->judges_open)
            continue;
        if (!ready) {
            int client = c->http.client;
            empty.client = (uint8_t)(client < 0 ? 0 : client);
            empty.protocol = c->http.protocol;
            empty.open_seen = c->open_seen;
            empty.fin_wait_2_by = empty.reset_on_data_by = -1;
            empty.silent_by = empty.foreign_reset_by = -1;
            empty.resets_apart_ns = NS_ABSENT;
            empty.since_open = empty.since_request = empty.since_response =
                empty.since_activity = empty.longest_reuse_idle = empty.overdue = NS_ABSENT;
            empty.client_rtt = NS_UNKNOWN;
            empty.rtt = connection_rtt(c, empty.client);
            empty.server_software = empty.client_software = empty.request = "";
            connection_exchange(c, &empty, x, &facts);
            ready = true;
        }
        struct subject subject = { &empty, &facts, NULL };
        struct value v = expr_value(rule->when, &subject);
        if (v.state != VALUE_KNOWN || !v.truth)
            continue;
        struct early_hit *early = arena_alloc(&engine->arena, sizeof *early);
        if (early == NULL) {
            engine->failed = true;
            return;
        }
        *early = (struct early_hit){ c->user, keep_exchange(engine, &facts), (uint16_t)i };
        c->user = early;
    }
}

/* The rule on one exchange of a connection that is over. Returns whether it holds. */
static bool judge_exchange(struct engine *engine, size_t index, const struct record *record,
                           const struct exchange_facts *facts)
{
    const struct rule *rule = engine->rules->items[index];
    struct subject subject = { record, facts, NULL };
    struct value v = expr_value(rule->when, &subject);
    if (v.state == VALUE_UNKNOWN)
        note_undecided(engine, rule, v.because, record->id);
    if (v.state != VALUE_KNOWN || !v.truth)
        return false;
    add_hit(engine, index, record, keep_exchange(engine, facts));
    return true;
}

/* Takes the record among the examples if it is one of the first connections. They come nearly in
 * order, so that hardly one is displaced by a later one. */
static bool take_example(struct examples *examples, struct record *record)
{
    if (examples->count < GROUP_EXAMPLES) {
        examples->records[examples->count++] = record;
        return true;
    }
    size_t latest = 0;
    for (size_t i = 1; i < GROUP_EXAMPLES; i++)
        if (examples->records[i]->id > examples->records[latest]->id)
            latest = i;
    if (examples->records[latest]->id < record->id)
        return false;
    examples->records[latest] = record;
    return true;
}

static enum tracker_keep judge_connection(struct engine *engine, size_t index,
                                          struct record *record)
{
    const struct rule *rule = engine->rules->items[index];
    struct subject subject = { record, NULL, NULL };
    bool group = rule->scope == SCOPE_GROUP;
    struct value v = expr_value(group ? rule->members : rule->when, &subject);
    if (v.state == VALUE_UNKNOWN)
        note_undecided(engine, rule, v.because, record->id);
    if (v.state != VALUE_KNOWN || !v.truth)
        return TRACKER_KEEP_NOTHING;
    add_hit(engine, index, record, NULL);
    if (group && rule->lists != NULL && !engine->failed) {
        v = expr_value(rule->lists, &subject);
        bool listed = v.state == VALUE_KNOWN && v.truth;
        engine->hits.items[engine->hits.count - 1].background = !listed;
        if (!listed)
            return TRACKER_KEEP_RECORD;
    }
    record->example |= !group;
    return !group || take_example(&engine->examples[index], record) ? TRACKER_KEEP_TIMELINE
                                                                    : TRACKER_KEEP_RECORD;
}

static enum tracker_keep on_connection(void *context, struct connection *c,
                                       struct record *record)
{
    struct engine *engine = context;
    enum tracker_keep keep = TRACKER_KEEP_NOTHING;
    for (const struct early_hit *early = c->user; early != NULL; early = early->next) {
        add_hit(engine, early->rule, record, early->exchange);
        record->example = true;
    }
    struct guard_answers answers;
    guards_begin(&engine->guards, record, &answers);
    bool exchanges = false; /* may a rule about exchanges hold? */
    for (size_t i = 0; i < engine->rules->count; i++) {
        if (!guards_allow(&engine->guards, i, record, &answers))
            continue;
        if (engine->rules->items[i]->scope == SCOPE_EXCHANGE) {
            exchanges = true;
            continue;
        }
        enum tracker_keep wanted = judge_connection(engine, i, record);
        keep = wanted > keep ? wanted : keep;
    }
    const struct http_exchange *done = c->http.done;
    for (const struct http_exchange *x = done != NULL ? done : c->http.first;
         x != NULL && exchanges; x = x == done ? c->http.first : x->next) {
        struct exchange_facts facts;
        connection_exchange(c, record, x, &facts);
        for (size_t i = 0; i < engine->rules->count; i++) {
            const struct rule *rule = engine->rules->items[i];
            /* A complete one was judged when it was, unless the rule is about the close as well. */
            if (rule->scope == SCOPE_EXCHANGE && !(x == done && rule->judges_open) &&
                guards_allow(&engine->guards, i, record, &answers))
                record->example |= judge_exchange(engine, i, record, &facts);
        }
    }
    return record->example ? TRACKER_KEEP_TIMELINE : keep;
}

struct tracker_sink engine_sink(struct engine *engine)
{
    return (struct tracker_sink){ on_exchange, on_connection, engine };
}

/* ---- parts ------------------------------------------------------------------------------- */

static bool merge_undecided(struct engine *engine, const struct engine *other)
{
    for (size_t i = 0; i < other->undecided.count; i++) {
        const struct undecided *more = &other->undecided.items[i];
        size_t at = 0;
        while (at < engine->undecided.count &&
               (engine->undecided.items[at].rule != more->rule ||
                engine->undecided.items[at].because != more->because))
            at++;
        if (at < engine->undecided.count) {
            engine->undecided.items[at].connections += more->connections;
            continue;
        }
        if (!VEC_ROOM(&engine->undecided))
            return false;
        engine->undecided.items[engine->undecided.count++] = *more;
    }
    return true;
}

bool engine_merge(struct engine *engine, struct engine *other, struct err *err)
{
    engine->failed |= other->failed || !merge_undecided(engine, other);
    for (size_t i = 0; i < other->hits.count && !engine->failed; i++) {
        engine->failed |= !VEC_ROOM(&engine->hits);
        if (!engine->failed)
            engine->hits.items[engine->hits.count++] = other->hits.items[i];
    }
    for (size_t rule = 0; rule < engine->rules->count; rule++)
        for (size_t i = 0; i < other->examples[rule].count; i++)
            take_example(&engine->examples[rule], other->examples[rule].records[i]);
    return !engine->failed || err_no_memory(err);
}

/* Which connections may be shown must not depend on the order in which they were judged. */
static void mark_examples(struct engine *engine)
{
    for (size_t rule = 0; rule < engine->rules->count; rule++)
        for (size_t i = 0; i < engine->examples[rule].count; i++)
            engine->examples[rule].records[i]->example = true;
}

static int compare_undecided(const void *a, const void *b)
{
    const struct undecided *x = a, *y = b;
    int order = strcmp(x->rule->id, y->rule->id);
    return order != 0 ? order : strcmp(x->because, y->because);
}

/* ---- gathering --------------------------------------------------------------------------- */

static int compare_ends(const struct record *a, const struct record *b, enum end_role role,
                        bool with_port)
{
    if (a->tuple.ipv6 != b->tuple.ipv6)
        return a->tuple.ipv6 - b->tuple.ipv6;
    int order = memcmp(record_address(a, role)->bytes, record_address(b, role)->bytes, 16);
    if (order != 0 || !with_port)
        return order;
    return (int)record_port(a, role) - (int)record_port(b, role);
}

static bool same_group(const struct rules *rules, const struct hit *a, const struct hit *b)
{
    return a->rule == b->rule && a->timer == b->timer &&
           compare_ends(a->record, b->record, ROLE_SERVER, true) == 0 &&
           (!rules->items[a->rule]->per_client ||
            compare_ends(a->record, b->record, ROLE_CLIENT, false) == 0);
}

static int by_record(const struct hit *a, const struct hit *b)
{
    if (a->record->id != b->record->id)
        return a->record->id < b->record->id ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

/* Rule, server, record: the grouping of rules that do not tell clients apart. */
static int by_server(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->rule != y->rule)
        return (int)x->rule - (int)y->rule;
    int order = compare_ends(x->record, y->record, ROLE_SERVER, true);
    return order != 0              ? order
           : x->timer != y->timer ? (int)x->timer - (int)y->timer
                                  : by_record(x, y);
}

/* Rule, server, client, record. */
static int by_pair(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->rule != y->rule)
        return (int)x->rule - (int)y->rule;
    int order = compare_ends(x->record, y->record, ROLE_SERVER, true);
    if (order == 0)
        order = compare_ends(x->record, y->record, ROLE_CLIENT, false);
    return order != 0              ? order
           : x->timer != y->timer ? (int)x->timer - (int)y->timer
                                  : by_record(x, y);
}

static int by_record_only(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    return by_record(x, y);
}

/* Length of the group that begins at `start` in the sorted hits. */
static size_t group_length(const struct engine *engine, size_t start)
{
    const struct hit *hits = engine->hits.items;
    size_t end = start + 1;
    while (end < engine->hits.count && same_group(engine->rules, &hits[start], &hits[end]))
        end++;
    return end - start;
}

/* Sorts hits so that groups stand together. */
static void sort_groups(struct engine *engine)
{
    struct hit *hits = engine->hits.items;
    size_t count = engine->hits.count;
    if (count == 0)
        return;
    qsort(hits, count, sizeof *hits, by_server);
    for (size_t start = 0; start < count;) {
        size_t end = start;
        while (end < count && hits[end].rule == hits[start].rule)
            end++;
        if (engine->rules->items[hits[start].rule]->per_client)
            qsort(hits + start, end - start, sizeof *hits, by_pair);
        start = end;
    }
}

static struct deadline group_deadline(struct engine *engine, const struct rule *rule,
                                      const struct hit *hits, size_t count)
{
    struct deadline deadline = { 0 };
    if (rule->references.count == 0)
        return deadline;
    const struct record **records = malloc(count * sizeof *records);
    int64_t *times = malloc(count * sizeof *times);
    if (records == NULL || times == NULL) {
        engine->failed = true;
    } else {
        size_t distinct = 0; /* several exchanges of one connection are one close */
        for (size_t i = 0; i < count; i++)
            if (i == 0 || hits[i].record != hits[i - 1].record)
                records[distinct++] = hits[i].record;
        deadline = deadline_infer(records, distinct, &rule->references, times);
    }
    free(records);
    free(times);
    return deadline;
}

static struct member *members_of(struct engine *engine, const struct hit *hits, size_t count)
{
    struct member *members = malloc(count * sizeof *members);
    if (members == NULL)
        engine->failed = true;
    for (size_t i = 0; members != NULL && i < count; i++)
        members[i] = (struct member){ hits[i].record, hits[i].exchange };
    return members;
}

/* Does a group rule hold for its members? */
static bool group_holds(struct engine *engine, const struct rule *rule, const struct hit *hits,
                        size_t count, const struct deadline *deadline)
{
    struct member *members = members_of(engine, hits, count);
    if (members == NULL)
        return false;
    struct group group = { members, count, deadline };
    struct value v = expr_group_value(rule->when, &group);
    free(members);
    return v.state == VALUE_KNOWN && v.truth;
}

/* Moves the members that the timer explains to the front; returns how many. */
static size_t narrow_down(struct hit *hits, size_t count, const struct deadline *deadline)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t since = record_since(hits[i].record, deadline->from);
        if (since < deadline->cluster.low_ns || since > deadline->cluster.high_ns)
            continue;
        struct hit other = hits[kept];
        hits[kept++] = hits[i];
        hits[i] = other;
    }
    return kept;
}

/* Moves the most members that closed within such a time to the front; returns how many. */
static size_t narrow_to_burst(struct engine *engine, struct hit *hits, size_t count, int64_t within)
{
    int64_t *times = malloc(count * sizeof *times);
    size_t known = 0, kept = 0;
    if (times == NULL) {
        engine->failed = true;
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        if ((times[known] = record_closed_ns(hits[i].record)) != NS_ABSENT)
            known++;
    struct burst burst = burst_find(times, known, within);
    free(times);
    for (size_t i = 0; burst.count > 0 && i < count; i++) {
        int64_t closed = record_closed_ns(hits[i].record);
        if (closed >= burst.first_ns && closed <= burst.last_ns)
            hits[kept++] = hits[i];
    }
    return kept;
}

/* Judges a group rule on its members and moves those for which it holds to the front; returns how many.
 * Where a rule is about the connections of one timer only, it is judged on these, and the others may be
 * another timer's. */
static size_t judge_group(struct engine *engine, const struct rule *rule, struct hit *hits,
                          size_t count)
{
    size_t kept = 0;
    if (rule->within != NULL)
        count = narrow_to_burst(engine, hits, count,
                                expr_value(rule->within, &(struct subject){ 0 }).ns);
    for (uint8_t timer = 0; timer < DEADLINE_MOST_TIMERS && kept < count; timer++) {
        struct deadline *deadline = arena_alloc(&engine->arena, sizeof *deadline);
        if (deadline == NULL) {
            engine->failed = true;
            return 0;
        }
        size_t members = count - kept;
        *deadline = group_deadline(engine, rule, hits + kept, members);
        bool narrow = deadline->found && rule->deadline_only;
        if (narrow)
            members = narrow_down(hits + kept, members, deadline);
        if ((timer > 0 && !narrow) || !group_holds(engine, rule, hits + kept, members, deadline))
            break;
        for (size_t i = kept; i < kept + members; i++) {
            hits[i].deadline = deadline;
            hits[i].timer = timer;
        }
        kept += members;
        if (!narrow)
            break;
    }
    return kept;
}

/* Drops the members of group rules that do not hold. */
static void judge_groups(struct engine *engine)
{
    struct hit *hits = engine->hits.items;
    size_t kept = 0;
    for (size_t start = 0; start < engine->hits.count;) {
        size_t length = group_length(engine, start), members = length;
        const struct rule *rule = engine->rules->items[hits[start].rule];
        if (rule->scope == SCOPE_GROUP)
            members = judge_group(engine, rule, hits + start, length);
        memmove(hits + kept, hits + start, members * sizeof *hits);
        kept += members;
        start += length;
    }
    engine->hits.count = kept;
}

/* Of the rules that hit one connection: which ones are explained by others? The more severe tell first,
 * and what is explained explains nothing, so that two rules cannot explain each other away. */
static struct rule_set_bits explained_rules(const struct rules *rules,
                                            const struct rule_set_bits *present)
{
    struct rule_set_bits explained = { { 0 } };
    for (int severity = SEVERITY_ERROR; severity >= SEVERITY_INFO; severity--)
        for (size_t i = 0; i < rules->count; i++) {
            const struct rule *rule = rules->items[i];
            if (rule->severity != (enum severity)severity || !rule_bits_has(present, i) ||
                rule_bits_has(&explained, i))
                continue;
            for (size_t w = 0; w < RULES_MAX / 64; w++)
                explained.words[w] |= rule->explains.words[w] & present->words[w];
        }
    return explained;
}

/* One incident is told once. */
static void explain(struct engine *engine)
{
    struct hit *hits = engine->hits.items;
    if (engine->hits.count == 0)
        return;
    qsort(hits, engine->hits.count, sizeof *hits, by_record_only);
    for (size_t start = 0; start < engine->hits.count;) {
        size_t end = start;
        struct rule_set_bits present = { { 0 } };
        for (; end < engine->hits.count && hits[end].record == hits[start].record; end++)
            if (!hits[end].background)
                rule_bits_add(&present, hits[end].rule);
        struct rule_set_bits explained = explained_rules(engine->rules, &present);
        for (size_t i = start; i < end; i++) {
            hits[i].explained = rule_bits_has(&explained, hits[i].rule);
            const struct rule *rule = engine->rules->items[hits[i].rule];
            for (size_t w = 0; w < RULES_MAX / 64 && !hits[i].explained; w++)
                hits[i].also.words[w] = rule->explains.words[w] & explained.words[w];
        }
        start = end;
    }
}

/* ---- findings ------------------------------------------------------------------------------ */

static const char *render(struct engine *engine, const struct template *text,
                          const struct group *group)
{
    struct strbuf out = { 0 };
    template_write(text, group, &out);
    const char *copy = out.failed ? NULL : arena_strdup(&engine->arena, strbuf_text(&out));
    strbuf_free(&out);
    if (copy == NULL)
        engine->failed = true;
    return copy != NULL ? copy : "";
}

static bool applies(const struct choice *choice, const struct group *group)
{
    if (choice->condition == NULL)
        return true;
    struct value v = expr_group_value(choice->condition, group);
    return v.state == VALUE_KNOWN && v.truth;
}

static const char *choose(struct engine *engine, const struct choice *choices,
                          const struct group *group)
{
    for (const struct choice *c = choices; c != NULL; c = c->next)
        if (applies(c, group))
            return render(engine, c->text, group);
    return "";
}

static void fill_fixes(struct engine *engine, struct finding *finding, const struct group *group)
{
    size_t most = 0;
    for (const struct choice *c = finding->rule->fix; c != NULL; c = c->next)
        most++;
    finding->fixes = arena_alloc(&engine->arena, (most + 1) * sizeof *finding->fixes);
    if (finding->fixes == NULL) {
        engine->failed = true;
        return;
    }
    for (const struct choice *c = finding->rule->fix; c != NULL; c = c->next)
        if (applies(c, group))
            finding->fixes[finding->fix_count++] = render(engine, c->text, group);
}

static int64_t moment_of(const struct record *r)
{
    if (r->close_how == HOW_OPEN || r->since_open == NS_ABSENT || r->since_open == NS_UNKNOWN)
        return r->last_ns;
    const struct mark *open = r->mark[MARK_ESTABLISHED].frame != 0 ? &r->mark[MARK_ESTABLISHED]
                              : r->mark[MARK_SYN_ACK].frame != 0   ? &r->mark[MARK_SYN_ACK]
                                                                   : &r->mark[MARK_SYN];
    return open->ns + r->since_open;
}

static void make_finding(struct engine *engine, const struct hit *hits, size_t length)
{
    struct finding finding = { .rule = engine->rules->items[hits[0].rule], .same_client = true };
    finding.connections = arena_alloc(&engine->arena, length * sizeof *finding.connections);
    struct member *members = malloc(length * sizeof *members);
    if (finding.connections == NULL || members == NULL || !VEC_ROOM(&engine->findings)) {
        engine->failed = true;
        free(members);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        if (hits[i].explained || hits[i].background)
            continue;
        const struct record *r = hits[i].record;
        size_t n = finding.entries++;
        finding.count += n == 0 || members[n - 1].record != r;
        members[n] = (struct member){ r, hits[i].exchange };
        finding.connections[n] = (struct finding_connection){ r, hits[i].exchange, hits[i].also };
        for (size_t w = 0; w < sizeof finding.also.words / sizeof *finding.also.words; w++)
            finding.also.words[w] |= hits[i].also.words[w];
        int64_t moment = moment_of(r);
        if (n == 0 || moment < finding.first_ns)
            finding.first_ns = moment;
        if (n == 0 || moment > finding.last_ns)
            finding.last_ns = moment;
        finding.same_client &= compare_ends(members[0].record, r, ROLE_CLIENT, false) == 0;
    }
    if (finding.entries > 0) {
        /* The timer shows in all of its connections, those told elsewhere too. */
        finding.deadline = hits[0].deadline != NULL
                               ? *hits[0].deadline
                               : group_deadline(engine, finding.rule, hits, length);
        /* The texts may compare with the members that are not listed; they come last. */
        size_t all = finding.entries;
        for (size_t i = 0; i < length; i++)
            if (hits[i].background)
                members[all++] = (struct member){ hits[i].record, hits[i].exchange };
        finding.known_count = timers_fit(engine->rules->timers, &finding.deadline, members,
                                         finding.entries, finding.known);
        struct group group = { members, all, &finding.deadline };
        finding.confidence = choose(engine, finding.rule->confidence, &group);
        finding.accountable = choose(engine, finding.rule->accountable, &group);
        finding.what = choose(engine, finding.rule->what, &group);
        finding.cause = choose(engine, finding.rule->cause, &group);
        fill_fixes(engine, &finding, &group);
        engine->findings.items[engine->findings.count++] = finding;
    }
    free(members);
}

/* Worst first; then what hurt more connections; then what came first. */
static int worst_first(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->rule->severity != y->rule->severity)
        return (int)y->rule->severity - (int)x->rule->severity;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    if (x->first_ns != y->first_ns)
        return x->first_ns < y->first_ns ? -1 : 1;
    int order = strcmp(x->rule->id, y->rule->id);
    if (order != 0)
        return order;
    uint64_t i = x->connections[0].record->id, j = y->connections[0].record->id;
    return (i > j) - (i < j);
}

bool engine_finish(struct engine *engine, struct err *err)
{
    mark_examples(engine);
    if (engine->undecided.count > 0)
        qsort(engine->undecided.items, engine->undecided.count, sizeof *engine->undecided.items,
              compare_undecided);
    sort_groups(engine);
    judge_groups(engine);
    explain(engine);
    sort_groups(engine);
    for (size_t start = 0; start < engine->hits.count;) {
        size_t length = group_length(engine, start);
        make_finding(engine, engine->hits.items + start, length);
        start += length;
    }
    if (engine->findings.count > 0)
        qsort(engine->findings.items, engine->findings.count, sizeof *engine->findings.items,
              worst_first);
    return !engine->failed || err_no_memory(err);
}

const struct finding *engine_findings(const struct engine *engine, size_t *count)
{
    *count = engine->findings.count;
    return engine->findings.items;
}

const struct undecided *engine_undecided(const struct engine *engine, size_t *count)
{
    *count = engine->undecided.count;
    return engine->undecided.items;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    arena_free(&engine->arena);
    guards_free(&engine->guards);
    free(engine->hits.items);
    free(engine->findings.items);
    free(engine->undecided.items);
    free(engine->examples);
    free(engine);
}
