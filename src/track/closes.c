#include "track/closes.h"

#include <stdlib.h>
#include <string.h>

const char *const close_since_names[] = {
    [SINCE_OPEN] = "handshake", [SINCE_REQUEST] = "request", [SINCE_RESPONSE] = "response", [SINCE_ACTIVITY] = "activity",
    [SINCE_NOTHING] = NULL,
};

#define BUCKETS (sizeof((struct closes *)0)->buckets / sizeof(struct server_closes *))

void closes_init(struct closes *closes, size_t most_listed)
{
    *closes = (struct closes){ .listed.most = most_listed };
    closes->failed = !siphash_draw_key(&closes->key);
    slab_init(&closes->servers, sizeof(struct server_closes));
    slab_init(&closes->kinds, sizeof(struct close_kind));
}

static void forget_servers(struct closes *closes)
{
    slab_free(&closes->servers);
    slab_free(&closes->kinds);
    memset(closes->buckets, 0, sizeof closes->buckets);
    closes->count = 0;
}

void closes_free(struct closes *closes)
{
    forget_servers(closes);
    free(closes->sorted);
    least_free(&closes->listed);
}

/* ---- one connection ------------------------------------------------------------------------------------ */

static bool is_known(int64_t ns)
{
    return ns != NS_ABSENT && ns != NS_UNKNOWN;
}

/* What its closing end had waited for, or since. */
enum close_since closes_since(const struct record *r, int64_t *ns)
{
    static const enum close_since by_phase[] = {
        [PHASE_NONE] = SINCE_NOTHING,       [PHASE_CONNECTING] = SINCE_NOTHING, [PHASE_FRESH] = SINCE_OPEN,
        [PHASE_REQUEST] = SINCE_ACTIVITY,   [PHASE_WAITING] = SINCE_REQUEST,    [PHASE_RESPONSE] = SINCE_REQUEST,
        [PHASE_IDLE] = SINCE_RESPONSE,      [PHASE_TUNNEL] = SINCE_ACTIVITY,    [PHASE_DONE] = SINCE_RESPONSE,
        [PHASE_UNKNOWN] = SINCE_ACTIVITY,
    };
    enum close_since since = by_phase[r->close_phase];
    *ns = since == SINCE_OPEN       ? r->since_open
          : since == SINCE_REQUEST  ? r->since_request
          : since == SINCE_RESPONSE ? r->since_response
          : since == SINCE_ACTIVITY ? r->since_activity
                                    : NS_ABSENT;
    return is_known(*ns) ? since : SINCE_NOTHING;
}

/* ---- kinds ------------------------------------------------------------------------------------------------ */

static void add_sample(struct close_kind *kind, const struct close_sample *sample)
{
    if (kind->sampled == CLOSES_SAMPLES && kind->samples[CLOSES_SAMPLES - 1].order <= sample->order)
        return;
    unsigned at = kind->sampled < CLOSES_SAMPLES ? kind->sampled++ : CLOSES_SAMPLES - 1;
    while (at > 0 && kind->samples[at - 1].order > sample->order) {
        kind->samples[at] = kind->samples[at - 1];
        at--;
    }
    kind->samples[at] = *sample;
}

static void add_range(struct close_kind *kind, int64_t least_ns, int64_t most_ns, uint64_t timed)
{
    if (kind->timed == 0 || least_ns < kind->least_ns)
        kind->least_ns = least_ns;
    if (kind->timed == 0 || most_ns > kind->most_ns)
        kind->most_ns = most_ns;
    kind->timed += timed;
}

/* The kind like this one; a new one if there is none. NULL: no memory. */
static struct close_kind *kind_of(struct closes *closes, struct server_closes *server, const struct close_kind *like)
{
    for (struct close_kind *kind = server->kinds; kind != NULL; kind = kind->next)
        if (kind->by == like->by && kind->how == like->how && kind->phase == like->phase && kind->upon_goaway == like->upon_goaway && kind->since == like->since)
            return kind;
    struct close_kind *kind = slab_take(&closes->kinds);
    if (kind == NULL) {
        closes->failed = true;
        return NULL;
    }
    kind->by = like->by;
    kind->how = like->how;
    kind->upon_goaway = like->upon_goaway;
    kind->phase = like->phase;
    kind->since = like->since;
    kind->next = server->kinds;
    server->kinds = kind;
    return kind;
}

/* ---- servers ----------------------------------------------------------------------------------------------- */

/* NULL: no memory, or too many. */
static struct server_closes *server_of(struct closes *closes, const struct ip_address *address, uint16_t port, bool ipv6)
{
    uint64_t words[2];
    memcpy(words, address->bytes, sizeof words);
    size_t bucket = siphash(&closes->key, words, 2, (uint64_t)port << 1 | ipv6) % BUCKETS;
    struct server_closes *server = closes->buckets[bucket];
    while (server != NULL && (server->port != port || server->ipv6 != ipv6 ||
                              memcmp(server->address.bytes, address->bytes, sizeof address->bytes) != 0))
        server = server->next;
    if (server != NULL || closes->left_out)
        return server;
    if (closes->count == CLOSES_MAX_SERVERS) {
        forget_servers(closes);
        closes->left_out = true;
        return NULL;
    }
    server = slab_take(&closes->servers);
    if (server == NULL) {
        closes->failed = true;
        return NULL;
    }
    server->address = *address;
    server->port = port;
    server->ipv6 = ipv6;
    server->next = closes->buckets[bucket];
    closes->buckets[bucket] = server;
    closes->count++;
    return server;
}

static void count_close(struct closes *closes, const struct record *r)
{
    struct server_closes *server = server_of(closes, record_address(r, ROLE_SERVER), record_port(r, ROLE_SERVER), r->tuple.ipv6);
    if (server == NULL)
        return;
    struct close_sample sample = { least_stirred(r->id), 0 };
    const struct close_kind like = { .by = r->close_by, .how = r->close_how, .phase = r->close_phase,
                                     .upon_goaway = record_closed_upon_goaway(r), .since = (uint8_t)closes_since(r, &sample.ns) };
    server->connections++;
    struct close_kind *kind = kind_of(closes, server, &like);
    if (kind == NULL)
        return;
    kind->count++;
    if (kind->since == SINCE_NOTHING)
        return;
    add_range(kind, sample.ns, sample.ns, 1);
    add_sample(kind, &sample);
}

/* ---- connections that are listed ---------------------------------------------------------------------------- */

/* Of those that have no room, the last ones go. */
static void list(struct closes *closes, struct record *record)
{
    void *left_out;
    closes->failed |= !least_add(&closes->listed, record->id, record, &left_out);
    record->held++;
    if (left_out != NULL)
        ((struct record *)left_out)->held--;
}

/* ---- all of them ------------------------------------------------------------------------------------------- */

void closes_add(struct closes *closes, struct record *record)
{
    closes->connections++;
    if (!closes->left_out)
        count_close(closes, record);
    list(closes, record);
}

static void merge_kind(struct closes *closes, struct server_closes *server, const struct close_kind *more)
{
    struct close_kind *kind = kind_of(closes, server, more);
    if (kind == NULL)
        return;
    kind->count += more->count;
    if (more->timed > 0)
        add_range(kind, more->least_ns, more->most_ns, more->timed);
    for (unsigned i = 0; i < more->sampled; i++)
        add_sample(kind, &more->samples[i]);
}

void closes_merge(struct closes *closes, const struct closes *other)
{
    closes->connections += other->connections;
    closes->failed |= other->failed;
    if (other->left_out && !closes->left_out) {
        forget_servers(closes);
        closes->left_out = true;
    }
    for (size_t i = 0; i < BUCKETS && !closes->left_out; i++)
        for (const struct server_closes *more = other->buckets[i]; more != NULL && !closes->left_out; more = more->next) {
            struct server_closes *server = server_of(closes, &more->address, more->port, more->ipv6);
            if (server == NULL)
                continue;
            server->connections += more->connections;
            for (const struct close_kind *kind = more->kinds; kind != NULL; kind = kind->next)
                merge_kind(closes, server, kind);
        }
    for (size_t i = 0; i < other->listed.count; i++)
        list(closes, other->listed.items[i].item);
}

static int by_connections(const void *a, const void *b)
{
    const struct server_closes *x = *(struct server_closes *const *)a, *y = *(struct server_closes *const *)b;
    if (x->connections != y->connections)
        return x->connections < y->connections ? 1 : -1;
    int order = x->ipv6 != y->ipv6 ? x->ipv6 - y->ipv6 : memcmp(x->address.bytes, y->address.bytes, sizeof x->address.bytes);
    return order != 0 ? order : x->port - y->port;
}

static bool comes_before(const struct close_kind *a, const struct close_kind *b)
{
    if (a->count != b->count)
        return a->count > b->count;
    if (a->by != b->by)
        return a->by < b->by;
    if (a->upon_goaway != b->upon_goaway)
        return b->upon_goaway;
    if (a->how != b->how)
        return a->how < b->how;
    return a->phase != b->phase ? a->phase < b->phase : a->since < b->since;
}

/* There are but a few. */
static void sort_kinds(struct server_closes *server)
{
    struct close_kind *sorted = NULL;
    for (struct close_kind *kind = server->kinds, *next; kind != NULL; kind = next) {
        next = kind->next;
        struct close_kind **at = &sorted;
        while (*at != NULL && comes_before(*at, kind))
            at = &(*at)->next;
        kind->next = *at;
        *at = kind;
    }
    server->kinds = sorted;
}

void closes_finish(struct closes *closes)
{
    least_sort(&closes->listed);
    closes->sorted = malloc((closes->count + 1) * sizeof(struct server_closes *));
    if (closes->sorted == NULL) {
        closes->failed = true;
        closes->count = 0;
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct server_closes *server = closes->buckets[i]; server != NULL; server = server->next) {
            sort_kinds(server);
            closes->sorted[n++] = server;
        }
    qsort(closes->sorted, n, sizeof *closes->sorted, by_connections);
}

static int by_ns(const void *a, const void *b)
{
    const struct close_sample *x = a, *y = b;
    return (x->ns > y->ns) - (x->ns < y->ns);
}

int64_t closes_median_ns(const struct close_kind *kind)
{
    struct close_sample samples[CLOSES_SAMPLES];
    memcpy(samples, kind->samples, kind->sampled * sizeof *samples);
    qsort(samples, kind->sampled, sizeof *samples, by_ns);
    unsigned middle = kind->sampled / 2;
    return kind->sampled % 2 == 1 ? samples[middle].ns
                                  : samples[middle - 1].ns + (samples[middle].ns - samples[middle - 1].ns) / 2;
}
