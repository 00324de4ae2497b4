#include "track/series.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"

/* A span from sample a up to sample b is +1 at a and -1 at b; b may lie just behind the last sample.
 * Ends of TIME_WAIT are counted from the sample 60 s behind the first one on, rounded down. */
#define SLOTS (SERIES_SAMPLES + 4) /* the last two are always 0 */

struct series_row {
    int32_t change[SLOTS];
};

void series_init(struct series *s)
{
    memset(s, 0, sizeof *s);
    s->origin_ns = s->reach_ns = INT64_MAX;
    for (int kind = 0; kind < SERIES_KINDS; kind++)
        slab_init(&s->tables[kind].rows, sizeof(struct series_row));
}

static void table_clear(struct series_table *table)
{
    slab_free(&table->rows);
    free(table->items);
    table->items = NULL;
    table->count = table->capacity = 0;
    memset(table->slots, 0, sizeof table->slots);
}

void series_free(struct series *s)
{
    for (int kind = 0; kind < SERIES_KINDS; kind++)
        table_clear(&s->tables[kind]);
}

/* ---- time ------------------------------------------------------------------------------ */

/* Below the first sample at which a TIME_WAIT can end. */
static uint64_t ends_base(unsigned doublings)
{
    return SERIES_TIME_WAIT_MS >> doublings;
}

/* Every second instant goes: what changed at it shows at the next one. */
static void row_widen(struct series_row *row, uint64_t base)
{
    int32_t *change = row->change;
    const unsigned odd = base % 2; /* the first place is an instant that goes */
    const int32_t first = odd ? 0 : change[0];
    unsigned to = 1;
    for (unsigned from = 1 - odd; from + 1 < SLOTS; from += 2, to++) {
        uint64_t two; /* in one go: rows are widened often */
        memcpy(&two, &change[from], sizeof two);
        change[to] = (int32_t)((uint32_t)two + (uint32_t)(two >> 32));
    }
    change[0] = first;
    memset(&change[to], 0, (SLOTS - to) * sizeof *change);
}

static uint64_t base_of(unsigned row, unsigned doublings)
{
    return row < SERIES_COUNTS ? 0 : ends_base(doublings);
}

static void widen(struct series *s)
{
    for (int kind = 0; kind < SERIES_KINDS; kind++)
        for (size_t i = 0; i < s->tables[kind].count; i++)
            for (unsigned row = 0; row < SERIES_ROWS; row++)
                if (s->tables[kind].items[i].rows[row] != NULL)
                    row_widen(s->tables[kind].items[i].rows[row], base_of(row, s->doublings));
    s->doublings++;
}

static uint64_t samples_ms(const struct series *s)
{
    return (uint64_t)SERIES_SAMPLES << s->doublings;
}

/* Up to this time there is a sample at or behind it. */
static void set_reach(struct series *s)
{
    uint64_t most = ((uint64_t)INT64_MAX - (uint64_t)s->origin_ns) / (uint64_t)NS_PER_MS;
    uint64_t ms = samples_ms(s) - 1;
    s->reach_ns = ms > most ? INT64_MAX
                            : (int64_t)((uint64_t)s->origin_ns + ms * (uint64_t)NS_PER_MS);
}

void series_begin(struct series *s, int64_t origin_ns)
{
    if (s->origin_ns == origin_ns)
        return;
    s->origin_ns = origin_ns;
    set_reach(s);
}

void series_reach(struct series *s, int64_t ns)
{
    if (ns <= s->reach_ns)
        return;
    while (series_ms(s, ns) >= samples_ms(s))
        widen(s);
    set_reach(s);
}

/* ---- servers and clients --------------------------------------------------------------- */

static struct series_key key_of(const struct tcp_tuple *tuple, unsigned client,
                                enum series_kind kind)
{
    unsigned end = kind == SERIES_CLIENTS ? client : !client;
    return (struct series_key){ tuple->address[end],
                                kind == SERIES_CLIENTS ? 0 : tuple->port[end], tuple->ipv6 };
}

static int key_order(const struct series_key *a, const struct series_key *b)
{
    if (a->ipv6 != b->ipv6)
        return a->ipv6 ? 1 : -1;
    int order = memcmp(&a->address, &b->address, sizeof a->address);
    return order != 0 ? order : (int)a->port - (int)b->port;
}

/* Not keyed: with so few keys, those that collide by intent cost little. */
static size_t slot_of(const struct series_key *key)
{
    uint64_t words[2];
    memcpy(words, &key->address, sizeof words);
    uint64_t mix = (words[0] ^ key->port) * UINT64_C(0x9e3779b97f4a7c15) + words[1];
    mix = (mix ^ mix >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mix >> 40);
}

static void leave_out(struct series_table *table)
{
    table_clear(table);
    table->left_out = true;
}

/* The key's entry, which may be new. NULL: no memory, or the kind is left out. */
static struct series_entry *entry_of(struct series_table *table, const struct series_key *key)
{
    const size_t mask = sizeof table->slots / sizeof *table->slots - 1;
    if (table->left_out)
        return NULL;
    size_t at = slot_of(key) & mask;
    for (; table->slots[at] != 0; at = (at + 1) & mask) {
        struct series_entry *entry = &table->items[table->slots[at] - 1];
        if (key_order(&entry->key, key) == 0)
            return entry;
    }
    if (table->count == SERIES_MAX_KEYS) {
        leave_out(table);
        return NULL;
    }
    if (!VEC_ROOM(table))
        return NULL;
    struct series_entry *entry = &table->items[table->count++];
    memset(entry, 0, sizeof *entry);
    entry->key = *key;
    table->slots[at] = (uint16_t)table->count;
    return entry;
}

static struct series_row *row_of(struct series_table *table, struct series_entry *entry,
                                 unsigned row)
{
    if (entry->rows[row] == NULL)
        entry->rows[row] = slab_take(&table->rows);
    return entry->rows[row];
}

/* ---- spans ----------------------------------------------------------------------------- */

/* The first sample at which the TIME_WAIT is over, counted from ends_base. */
static uint8_t time_wait_end(const struct series *s, uint64_t since_ms)
{
    return (uint8_t)(series_sample(s, since_ms + SERIES_TIME_WAIT_MS) - ends_base(s->doublings));
}

struct series_span series_time_wait(const struct series *s, enum end_role role, int64_t since_ns)
{
    uint64_t since = series_ms(s, since_ns);
    return (struct series_span){ SERIES_STATE(role, TCP_TIME_WAIT),
                                 (uint8_t)series_sample(s, since), time_wait_end(s, since), true };
}

static bool add_span(struct series_table *table, struct series_entry *entry,
                     const struct series_span *span, int change)
{
    struct series_row *row = row_of(table, entry, span->row), *ends = row;
    if (span->ends_apart)
        ends = row_of(table, entry, SERIES_TIME_WAIT_ENDS(span->row / TCP_STATES));
    if (row == NULL || ends == NULL)
        return false;
    row->change[span->from] += change;
    ends->change[span->to] -= change;
    return true;
}

static bool add(struct series *s, const struct tcp_tuple *tuple, unsigned client,
                const struct series_span *spans, size_t count, int change, unsigned connections)
{
    for (int kind = 0; kind < SERIES_KINDS; kind++) {
        struct series_table *table = &s->tables[kind];
        struct series_key key = key_of(tuple, client, (enum series_kind)kind);
        struct series_entry *entry = entry_of(table, &key);
        if (entry == NULL && !table->left_out)
            return false;
        if (entry == NULL)
            continue;
        entry->connections += connections;
        for (size_t i = 0; i < count; i++)
            if (!add_span(table, entry, &spans[i], change))
                return false;
    }
    return true;
}

bool series_add(struct series *s, const struct tcp_tuple *tuple, unsigned client,
                const struct series_span *spans, size_t count, unsigned connections)
{
    return (count == 0 && connections == 0) ||
           add(s, tuple, client, spans, count, 1, connections);
}

struct series_rest series_rest_of(const struct series *s, enum end_role role, unsigned client,
                                  int64_t since_ns, int64_t last_ns)
{
    uint64_t since = series_ms(s, since_ns), last = series_ms(s, last_ns);
    if (last < since || last >= since + SERIES_TIME_WAIT_MS)
        return (struct series_rest){ 0, 0, 0 };
    return (struct series_rest){ (uint16_t)(last - since + 1), (uint8_t)role, (uint8_t)client };
}

bool series_reuse(struct series *s, const struct tcp_tuple *tuple, struct series_rest rest,
                  int64_t last_ns, int64_t reused_ns)
{
    if (rest.ms == 0)
        return true;
    series_reach(s, reused_ns);
    uint64_t since = series_ms(s, last_ns) + 1 - rest.ms, reused = series_ms(s, reused_ns);
    if (reused < since)
        reused = since;
    if (reused >= since + SERIES_TIME_WAIT_MS)
        return true;
    /* Takes back what was counted from now on. */
    struct series_span rest_of_it = { SERIES_STATE(rest.role, TCP_TIME_WAIT),
                                      (uint8_t)series_sample(s, reused), time_wait_end(s, since), true };
    return add(s, tuple, rest.client, &rest_of_it, 1, -1, 0);
}

/* ---- merging --------------------------------------------------------------------------- */

static bool merge_row(struct series_table *table, struct series_entry *entry, unsigned row,
                      const struct series_row *from, unsigned doublings, unsigned wanted)
{
    struct series_row *into = row_of(table, entry, row), more = *from;
    if (into == NULL)
        return false;
    for (; doublings < wanted; doublings++)
        row_widen(&more, base_of(row, doublings));
    for (unsigned i = 0; i < SLOTS; i++)
        into->change[i] += more.change[i];
    return true;
}

static bool merge_table(struct series *s, const struct series *other, enum series_kind kind)
{
    struct series_table *into = &s->tables[kind];
    const struct series_table *from = &other->tables[kind];
    if (from->left_out)
        leave_out(into);
    for (size_t i = 0; i < from->count && !into->left_out; i++) {
        const struct series_entry *more = &from->items[i];
        struct series_entry *entry = entry_of(into, &more->key);
        if (entry == NULL && !into->left_out)
            return false;
        if (entry == NULL)
            break;
        entry->connections += more->connections;
        for (unsigned row = 0; row < SERIES_ROWS; row++)
            if (more->rows[row] != NULL &&
                !merge_row(into, entry, row, more->rows[row], other->doublings, s->doublings))
                return false;
    }
    return true;
}

bool series_merge(struct series *s, const struct series *other)
{
    if (s->origin_ns == INT64_MAX)
        s->origin_ns = other->origin_ns;
    while (s->doublings < other->doublings)
        widen(s);
    set_reach(s);
    return merge_table(s, other, SERIES_SERVERS) && merge_table(s, other, SERIES_CLIENTS);
}

/* ---- what came out --------------------------------------------------------------------- */

int64_t series_width_ns(const struct series *s)
{
    return NS_PER_MS << s->doublings;
}

unsigned series_samples(const struct series *s, int64_t last_ns)
{
    if (s->origin_ns == INT64_MAX)
        return 0;
    if (last_ns <= s->origin_ns)
        return 1;
    uint64_t since = (uint64_t)last_ns - (uint64_t)s->origin_ns;
    uint64_t samples = since / (uint64_t)series_width_ns(s) + 1;
    return samples < SERIES_SAMPLES ? (unsigned)samples : SERIES_SAMPLES;
}

static bool before(const struct series_entry *a, const struct series_entry *b)
{
    if (a->connections != b->connections)
        return a->connections > b->connections;
    return key_order(&a->key, &b->key) < 0;
}

size_t series_top(const struct series *s, enum series_kind kind, const struct series_entry *top[],
                  size_t most)
{
    const struct series_table *table = &s->tables[kind];
    size_t n = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct series_entry *entry = &table->items[i];
        size_t at = n < most ? n++ : most;
        for (; at > 0 && before(entry, top[at - 1]); at--)
            if (at < most)
                top[at] = top[at - 1];
        if (at < most)
            top[at] = entry;
    }
    return n;
}

uint32_t series_values(const struct series *s, const struct series_entry *entry, unsigned row,
                       unsigned samples, uint32_t values[SERIES_SAMPLES])
{
    const struct series_row *changes = entry->rows[row], *ends = NULL;
    if (row < 2u * TCP_STATES && row % TCP_STATES == TCP_TIME_WAIT)
        ends = entry->rows[SERIES_TIME_WAIT_ENDS(row / TCP_STATES)];
    if (changes == NULL)
        return 0;
    const uint64_t base = ends_base(s->doublings);
    int64_t now = 0;
    uint32_t highest = 0;
    for (unsigned i = 0; i < samples; i++) {
        now += changes->change[i];
        now += ends != NULL && i >= base && i - base < SLOTS ? ends->change[i - base] : 0;
        values[i] = now > 0 ? (uint32_t)now : 0;
        if (values[i] > highest)
            highest = values[i];
    }
    return highest;
}
