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

static uint32_t word_of(const struct ip_address *address)
{
    uint32_t word;
    memcpy(&word, address->bytes, sizeof word);
    return word;
}

/* Any order will do that is one. */
static int order_of(const struct ip_address *a, const struct ip_address *b, bool ipv6)
{
    if (ipv6)
        return memcmp(a->bytes, b->bytes, sizeof a->bytes);
    uint32_t x = word_of(a), y = word_of(b);
    return (x > y) - (x < y);
}

/* Both directions must hash alike: the lower end goes first. */
uint32_t tcp_table_hash(const struct siphash_key *key, const struct segment *s)
{
    int order = order_of(&s->src, &s->dst, s->ipv6);
    bool src_first = order < 0 || (order == 0 && s->src_port <= s->dst_port);
    const struct ip_address *low = src_first ? &s->src : &s->dst;
    const struct ip_address *high = src_first ? &s->dst : &s->src;
    uint32_t ports = src_first ? (uint32_t)s->src_port << 16 | s->dst_port
                               : (uint32_t)s->dst_port << 16 | s->src_port;
    uint64_t words[5];
    size_t count;
    if (s->ipv6) {
        memcpy(words, low->bytes, 16);
        memcpy(words + 2, high->bytes, 16);
        count = 4;
    } else {
        memcpy(words, low->bytes, 4);
        memcpy((uint8_t *)words + 4, high->bytes, 4);
        count = 1;
    }
    words[count++] = ports;
    uint64_t hash = siphash(key, words, count);
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
