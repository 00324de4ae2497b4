/*
 * tcp_table - from addresses and ports to what is known of that connection.
 *
 * Holds pointers only; the tuples belong to the caller, as the first member of larger objects,
 * and must not move. Hashing is keyed, so that a stranger cannot make tuples collide.
 */
#ifndef HANGUP_TCP_TCP_TABLE_H
#define HANGUP_TCP_TCP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "decode/decode.h"

/* Both ends of a connection. End 0 sent the first packet seen. */
struct tcp_tuple {
    struct ip_address address[2];
    uint16_t port[2];
    bool ipv6;
    bool remnant; /* for the caller: what kind of object the tuple is part of */
};

struct tcp_table_slot {
    struct tcp_tuple *tuple; /* NULL: free */
    uint32_t hash;
};

struct tcp_table {
    struct tcp_table_slot *slots;
    size_t capacity; /* a power of two */
    size_t count;
};

bool tcp_table_init(struct tcp_table *table);
void tcp_table_free(struct tcp_table *table);

uint32_t tcp_table_hash(const struct siphash_key *key, const struct segment *segment);

/* The first place that a hash leads to: to be fetched into the cache ahead of its use. */
static inline const struct tcp_table_slot *tcp_table_home(const struct tcp_table *table,
                                                          uint32_t hash)
{
    return &table->slots[hash & (table->capacity - 1)];
}

/* The first tuple of that hash, which nearly always is the one; NULL: there is none. Looks at no tuple. */
static inline const struct tcp_tuple *tcp_table_likely(const struct tcp_table *table,
                                                       uint32_t hash)
{
    size_t mask = table->capacity - 1, i = hash & mask;
    while (table->slots[i].tuple != NULL && table->slots[i].hash != hash)
        i = (i + 1) & mask;
    return table->slots[i].tuple;
}

/* The tuple that the segment belongs to, or NULL. *from: which end sent it, 0 or 1. */
struct tcp_tuple *tcp_table_find(const struct tcp_table *table, const struct segment *segment,
                                 uint32_t hash, unsigned *from);

/* Adds a tuple whose ends are not in the table yet. false: no memory. */
bool tcp_table_put(struct tcp_table *table, struct tcp_tuple *tuple, uint32_t hash);

/* Puts `now` where `before` is; both have the same ends. */
void tcp_table_replace(struct tcp_table *table, const struct tcp_tuple *before,
                       struct tcp_tuple *now, uint32_t hash);

/* The tuple that a segment opens: its source is end 0. */
void tcp_tuple_of(struct tcp_tuple *tuple, const struct segment *segment);

#endif
