#include "tcp/tcp_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

#define INITIAL_SLOTS 1024

static struct tcp_table_slot *empty_slots(size_t count)
{
    struct tcp_table_slot *slots = pages_alloc(count * sizeof *slots);
    return slots == NULL ? NULL : memset(slots, 0, count * sizeof *slots);
}

bool tcp_table_init(struct tcp_table *table)
{
    *table = (struct tcp_table){ .capacity = INITIAL_SLOTS };
    table->slots = empty_slots(table->capacity);
    return table->slots != NULL;
}

void tcp_table_free(struct tcp_table *table)
{
    free(table->slots);
    *table = (struct tcp_table){ 0 };
}

/* Both directions must hash alike: the lower end goes first, in any order that is one. */
static uint64_t hash_ipv6(const struct siphash_key *key, const struct segment *s)
{
    int order = memcmp(s->src.bytes, s->dst.bytes, sizeof s->src.bytes);
    bool src_first = order < 0 || (order == 0 && s->src_port <= s->dst_port);
    uint64_t words[4];
    memcpy(words, src_first ? s->src.bytes : s->dst.bytes, 16);
    memcpy(words + 2, src_first ? s->dst.bytes : s->src.bytes, 16);
    return siphash(key, words, 4,
                   src_first ? (uint32_t)s->src_port << 16 | s->dst_port
                             : (uint32_t)s->dst_port << 16 | s->src_port);
}

static uint64_t ipv4_end(const struct ip_address *address, uint16_t port)
{
    uint32_t word;
    memcpy(&word, address->bytes, sizeof word);
    return (uint64_t)word << 16 | port;
}

static uint64_t hash_ipv4(const struct siphash_key *key, const struct segment *s)
{
    uint64_t a = ipv4_end(&s->src, s->src_port), b = ipv4_end(&s->dst, s->dst_port);
    uint64_t low = a < b ? a : b, high = a < b ? b : a;
    uint64_t word = low << 16 | high >> 32;
    return siphash(key, &word, 1, high & UINT32_MAX);
}

uint32_t tcp_table_hash(const struct siphash_key *key, const struct segment *s)
{
    uint64_t hash = s->ipv6 ? hash_ipv6(key, s) : hash_ipv4(key, s);
    return (uint32_t)(hash ^ hash >> 32);
}

static bool same_address(const struct ip_address *a, const struct ip_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Is `tuple` the segment's connection, seen from end `from`? */
static bool matches(const struct tcp_tuple *tuple, const struct segment *s, unsigned from)
{
    return tuple->port[from] == s->src_port && tuple->port[!from] == s->dst_port &&
           tuple->ipv6 == s->ipv6 && same_address(&tuple->address[from], &s->src) &&
           same_address(&tuple->address[!from], &s->dst);
}

struct tcp_tuple *tcp_table_find(const struct tcp_table *table, const struct segment *segment,
                                 uint32_t hash, unsigned *from)
{
    size_t mask = table->capacity - 1;
    for (size_t i = hash & mask; table->slots[i].tuple != NULL; i = (i + 1) & mask) {
        if (table->slots[i].hash != hash)
            continue;
        for (*from = 0; *from < 2; ++*from)
            if (matches(table->slots[i].tuple, segment, *from))
                return table->slots[i].tuple;
    }
    return NULL;
}

static void insert(struct tcp_table_slot *slots, size_t capacity, struct tcp_table_slot slot)
{
    size_t i = slot.hash & (capacity - 1);
    while (slots[i].tuple != NULL)
        i = (i + 1) & (capacity - 1);
    slots[i] = slot;
}

static bool grow(struct tcp_table *table)
{
    size_t capacity = table->capacity * 2;
    struct tcp_table_slot *slots = empty_slots(capacity);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < table->capacity; i++)
        if (table->slots[i].tuple != NULL)
            insert(slots, capacity, table->slots[i]);
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

bool tcp_table_put(struct tcp_table *table, struct tcp_tuple *tuple, uint32_t hash)
{
    if ((table->count + 1) * 3 > table->capacity * 2 && !grow(table))
        return false;
    insert(table->slots, table->capacity, (struct tcp_table_slot){ tuple, hash });
    table->count++;
    return true;
}

void tcp_table_replace(struct tcp_table *table, const struct tcp_tuple *before,
                       struct tcp_tuple *now, uint32_t hash)
{
    size_t mask = table->capacity - 1;
    for (size_t i = hash & mask; table->slots[i].tuple != NULL; i = (i + 1) & mask)
        if (table->slots[i].tuple == before) {
            table->slots[i].tuple = now;
            return;
        }
}

void tcp_tuple_of(struct tcp_tuple *tuple, const struct segment *s)
{
    *tuple = (struct tcp_tuple){
        .address = { s->src, s->dst },
        .port = { s->src_port, s->dst_port },
        .ipv6 = s->ipv6,
    };
}
