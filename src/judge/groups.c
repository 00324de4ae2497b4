#include "judge/groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/least.h"

#define FIRST_BUCKETS 256

bool groups_init(struct groups *groups, const struct rules *rules)
{
    *groups = (struct groups){ .rules = rules, .bucket_count = FIRST_BUCKETS };
    slab_init(&groups->slab, sizeof(struct hit_group));
    slab_init(&groups->exchanges, sizeof(struct exchange_record));
    groups->buckets = calloc(groups->bucket_count, sizeof(struct hit_group *));
    return groups->buckets != NULL && siphash_draw_key(&groups->key);
}

void groups_free(struct groups *groups)
{
    for (size_t i = 0; groups->buckets != NULL && i < groups->bucket_count; i++)
        for (struct hit_group *g = groups->buckets[i]; g != NULL; g = g->next) {
            free(g->items);
            free(g->firsts);
        }
    free(groups->buckets);
    groups->buckets = NULL;
    slab_free(&groups->slab);
    slab_free(&groups->exchanges);
}

/* ---- finding a group -------------------------------------------------------------------------- */

int compare_servers(const struct group_key *a, const struct group_key *b)
{
    if (a->ipv6 != b->ipv6)
        return a->ipv6 - b->ipv6;
    int order = memcmp(a->server.bytes, b->server.bytes, sizeof a->server.bytes);
    return order != 0 ? order : (int)a->server_port - (int)b->server_port;
}

int compare_clients(const struct group_key *a, const struct group_key *b)
{
    if (a->ipv6 != b->ipv6)
        return a->ipv6 - b->ipv6;
    return memcmp(a->client.bytes, b->client.bytes, sizeof a->client.bytes);
}

/* FNV-1a, folded: there are few texts, and two that meet are told together. */
static uint16_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return (uint16_t)((hash ^ hash >> 16) | 1);
}

static uint16_t part_of(const struct field *split, const struct record *r)
{
    const struct subject subject = { r, NULL, NULL };
    if (split->type == TYPE_STRING) {
        struct value value = split->get(&subject);
        return value.state == VALUE_KNOWN ? hash_of(value.text) : 0;
    }
    int64_t value = split->get_integer(&subject);
    return value == NS_ABSENT || value == NS_UNKNOWN ? 0 : (uint16_t)(value + 1);
}

static struct group_key key_of(const struct rules *rules, size_t rule, const struct record *r)
{
    struct group_key key = { .server = *record_address(r, ROLE_SERVER), .server_port = record_port(r, ROLE_SERVER),
                             .rule = (uint16_t)rule, .ipv6 = r->tuple.ipv6 };
    if (rules->items[rule]->per_client)
        key.client = *record_address(r, ROLE_CLIENT);
    if (rules->items[rule]->split != NULL)
        key.part = part_of(rules->items[rule]->split, r);
    return key;
}

static size_t bucket_of(const struct groups *groups, const struct group_key *key)
{
    uint64_t words[4];
    memcpy(words, key->server.bytes, 16);
    memcpy(words + 2, key->client.bytes, 16);
    uint64_t last = (uint64_t)key->rule << 33 | (uint64_t)key->server_port << 17 | (uint64_t)key->part << 1 | key->ipv6;
    return (size_t)siphash(&groups->key, words, 4, last) & (groups->bucket_count - 1);
}

static bool same_key(const struct group_key *a, const struct group_key *b)
{
    return a->rule == b->rule && a->part == b->part && compare_servers(a, b) == 0 && compare_clients(a, b) == 0;
}

static void grow_buckets(struct groups *groups)
{
    size_t before = groups->bucket_count;
    struct hit_group **old = groups->buckets, **buckets = calloc(before * 2, sizeof *buckets);
    if (buckets == NULL)
        return; /* longer chains */
    groups->buckets = buckets;
    groups->bucket_count = before * 2;
    for (size_t i = 0; i < before; i++)
        for (struct hit_group *g = old[i], *next; g != NULL; g = next) {
            next = g->next;
            size_t bucket = bucket_of(groups, &g->key);
            g->next = buckets[bucket];
            buckets[bucket] = g;
        }
    free(old);
}

/* NULL: no memory. */
static struct hit_group *group_of(struct groups *groups, const struct group_key *key)
{
    size_t bucket = bucket_of(groups, key);
    for (struct hit_group *g = groups->buckets[bucket]; g != NULL; g = g->next)
        if (same_key(&g->key, key))
            return g;
    if (groups->count >= groups->bucket_count) {
        grow_buckets(groups);
        bucket = bucket_of(groups, key);
    }
    struct hit_group *g = slab_take(&groups->slab);
    if (g == NULL) {
        groups->failed = true;
        return NULL;
    }
    g->key = *key;
    g->next = groups->buckets[bucket];
    groups->buckets[bucket] = g;
    groups->count++;
    return g;
}

static struct hit_group *server_of(struct groups *groups, const struct record *r)
{
    const struct group_key key = { .server = *record_address(r, ROLE_SERVER), .server_port = record_port(r, ROLE_SERVER),
                                   .rule = GROUP_SERVER, .ipv6 = r->tuple.ipv6 };
    if (groups->last_server == NULL || !same_key(&groups->last_server->key, &key))
        groups->last_server = group_of(groups, &key);
    return groups->last_server;
}

void groups_count_server(struct groups *groups, const struct record *record, unsigned counts)
{
    struct hit_group *group = counts != 0 ? server_of(groups, record) : NULL;
    for (size_t i = 0; group != NULL && i < SERVER_COUNTS; i++)
        group->of_server[i] += counts >> i & 1;
}

uint32_t groups_server_count(struct groups *groups, const struct record *record, enum server_count what)
{
    const struct hit_group *group = server_of(groups, record);
    return group != NULL ? group->of_server[what] : 0;
}

/* ---- what a group keeps ----------------------------------------------------------------------- */

/* By the number of a connection's first packet. */
static bool is_sampled(const struct hit_group *group, const struct record *record)
{
    return (least_stirred(record->id) & ((UINT64_C(1) << group->shift) - 1)) == 0;
}

static void give_exchange(struct groups *groups, struct exchange_facts *facts)
{
    if (facts != NULL)
        slab_give(&groups->exchanges, facts); /* the first member of what was taken */
}

/* Until there is room: a finer sample. */
static void thin_out(struct groups *groups, struct hit_group *group)
{
    while (group->count > GROUP_MOST_HITS) {
        size_t kept = 0;
        group->shift++;
        for (size_t i = 0; i < group->count; i++) {
            struct hit *hit = &group->items[i];
            if (is_sampled(group, hit->record)) {
                group->items[kept++] = *hit;
                continue;
            }
            hit->record->held--;
            give_exchange(groups, hit->exchange);
        }
        group->count = kept;
    }
}

/* Small at first: a scan makes many groups of one. */
static bool make_room(void **items, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity == 0 ? 1 : *capacity * 2;
    void *grown = realloc(*items, wanted * size);
    if (grown == NULL)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

/* Is the connection one of the first of the group, as far as these are known? They come nearly in order. */
static bool is_example(struct groups *groups, struct hit_group *group, uint64_t id)
{
    size_t latest = 0;
    for (size_t i = 0; i < group->first_count; i++) {
        if (group->firsts[i] == id)
            return true;
        if (group->firsts[i] > group->firsts[latest])
            latest = i;
    }
    if (group->first_count == GROUP_EXAMPLES) {
        if (group->firsts[latest] < id)
            return false;
        group->firsts[latest] = id;
        return true;
    }
    if (!make_room((void **)&group->firsts, &group->first_capacity, group->first_count, sizeof *group->firsts)) {
        groups->failed = true;
        return false;
    }
    group->firsts[group->first_count++] = id;
    return true;
}

static bool has_enough_of(const struct hit_group *group, const struct record *record)
{
    return group->count >= GROUP_MOST_OF_CONNECTION && /* its hits come one after the other */
           group->items[group->count - GROUP_MOST_OF_CONNECTION].record == record;
}

/* Takes the kept exchange over. */
static bool add(struct groups *groups, size_t rule, struct record *record, struct exchange_facts *kept,
                bool background)
{
    const struct group_key key = key_of(groups->rules, rule, record);
    struct hit_group *group = group_of(groups, &key);
    if (group == NULL || !is_sampled(group, record) || has_enough_of(group, record)) {
        give_exchange(groups, kept);
        return group == NULL || !has_enough_of(group, record);
    }
    if (!make_room((void **)&group->items, &group->capacity, group->count, sizeof *group->items)) {
        groups->failed = true;
        return true;
    }
    group->items[group->count++] = (struct hit){ .record = record, .exchange = kept, .number = group->numbers++,
                                                 .background = background, .timer = DEADLINE_NO_TIMER };
    record->held++;
    record->example |= !background && is_example(groups, group, record->id);
    thin_out(groups, group);
    return true;
}

/* An exchange goes with its connection; what a finding needs of it is copied. */
static struct exchange_facts *keep_exchange(struct groups *groups, const struct exchange_facts *facts)
{
    struct exchange_record *kept = slab_take(&groups->exchanges);
    if (kept == NULL) {
        groups->failed = true;
        return NULL;
    }
    exchange_record_fill(kept, facts);
    return &kept->facts;
}

bool groups_add(struct groups *groups, size_t rule, struct record *record, const struct exchange_facts *exchange,
                bool background)
{
    struct exchange_facts *kept = exchange != NULL ? keep_exchange(groups, exchange) : NULL;
    return (exchange != NULL && kept == NULL) || add(groups, rule, record, kept, background);
}

/* ---- all of them -------------------------------------------------------------------------------- */

/* Exchanges of the other part are not given back here: they are its own. */
static void take_hits(struct groups *groups, struct hit_group *group, const struct hit_group *other)
{
    if (other->shift > group->shift)
        group->shift = other->shift;
    size_t kept = 0;
    for (size_t i = 0; i < group->count; i++) {
        if (is_sampled(group, group->items[i].record))
            group->items[kept++] = group->items[i];
        else
            group->items[i].record->held--;
    }
    group->count = kept;
    for (size_t i = 0; i < other->count; i++) {
        if (!is_sampled(group, other->items[i].record))
            continue;
        if (!make_room((void **)&group->items, &group->capacity, group->count, sizeof *group->items)) {
            groups->failed = true;
            return;
        }
        group->items[group->count++] = other->items[i];
    }
    for (size_t i = 0; i < other->first_count; i++)
        is_example(groups, group, other->firsts[i]);
}

void groups_merge(struct groups *groups, struct groups *other)
{
    groups->failed |= other->failed;
    for (size_t i = 0; i < other->bucket_count; i++)
        for (struct hit_group *g = other->buckets[i]; g != NULL; g = g->next) {
            struct hit_group *group = group_of(groups, &g->key);
            for (size_t n = 0; group != NULL && n < SERVER_COUNTS; n++)
                group->of_server[n] += g->of_server[n];
            if (group != NULL && g->key.rule != GROUP_SERVER)
                take_hits(groups, group, g);
        }
}

static int by_key(const void *a, const void *b)
{
    const struct group_key *x = &(*(struct hit_group *const *)a)->key, *y = &(*(struct hit_group *const *)b)->key;
    if (x->rule != y->rule)
        return (int)x->rule - (int)y->rule;
    int order = compare_servers(x, y);
    if (order == 0)
        order = compare_clients(x, y);
    return order != 0 ? order : (int)x->part - (int)y->part;
}

static int by_record(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->record->id != y->record->id)
        return x->record->id < y->record->id ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* A merged group is as large as it would be with all connections in one part. */
static void thin_merged(struct hit_group *group)
{
    while (group->count > GROUP_MOST_HITS) {
        size_t kept = 0;
        group->shift++;
        for (size_t i = 0; i < group->count; i++)
            if (is_sampled(group, group->items[i].record))
                group->items[kept++] = group->items[i];
        group->count = kept;
    }
}

static void mark_examples(struct hit_group *group)
{
    size_t shown = 0;
    for (size_t i = 0; i < group->count && shown < GROUP_EXAMPLES; i++) {
        if (group->items[i].background || (i > 0 && group->items[i].record == group->items[i - 1].record))
            continue;
        group->items[i].record->example = true;
        shown++;
    }
}

struct hit_group **groups_sorted(struct groups *groups, struct arena *arena, size_t *count)
{
    struct hit_group **sorted = arena_alloc(arena, (groups->count + 1) * sizeof(struct hit_group *));
    size_t n = 0;
    if (sorted == NULL)
        return NULL;
    for (size_t i = 0; i < groups->bucket_count; i++)
        for (struct hit_group *g = groups->buckets[i]; g != NULL; g = g->next)
            if (g->key.rule != GROUP_SERVER)
                sorted[n++] = g;
    *count = n;
    qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t i = 0; i < n; i++) {
        thin_merged(sorted[i]);
        qsort(sorted[i]->items, sorted[i]->count, sizeof *sorted[i]->items, by_record);
        for (size_t j = 0; j < sorted[i]->count; j++)
            sorted[i]->items[j].record->example = false;
    }
    for (size_t i = 0; i < n; i++)
        mark_examples(sorted[i]);
    return sorted;
}
