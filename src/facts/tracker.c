#include "facts/tracker.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "base/vec.h"

/* A connection with both ends closed waits this long for stragglers (answering resets,
 * retransmissions) before its verdict is final. Late data within a round trip is the case that
 * matters; 2 s is far above any path. Where very many wait, half a second has to do, so that memory
 * follows the connections that are open. Later packets still find its record. */
#define LINGER_NS (2 * NS_PER_S)
#define SHORT_LINGER_NS (NS_PER_S / 2)
#define RESET_LINGER_NS (60 * NS_PER_S)
#define MANY_CLOSING 10000

/* Packets whose memory accesses overlap: enough to hide a miss, few enough to stay cached. */
#define TRACKER_BATCH 16
#define CACHE_LINE 64

struct list {
    struct connection *oldest, *newest;
    size_t count;
};

struct tracker {
    struct tracker_options options;
    struct tracker_sink sink;
    struct tracker_counts counts;
    struct tcp_table table;
    struct connection_shared shared;
    struct slab connections, records, timelines;
    struct arena texts;
    struct list open, closing;
    struct list reset; /* closed by a reset alone, which may be forged: wait longer */
    struct {
        struct record **items;
        size_t count, capacity;
    } done;
    struct {
        struct capture_counts *items;
        size_t count, capacity;
    } captures;
    struct { /* (connection, file) pairs beyond a connection's first file */
        uint64_t *items;
        size_t count, capacity;
    } seen_in;
    uint64_t next_id;
    int64_t now_ns; /* latest packet time */
};

static void on_exchange(void *context, struct http_conn *http, struct http_exchange *exchange)
{
    struct tracker *t = context;
    struct connection *c = (struct connection *)((char *)http - offsetof(struct connection, http));
    t->counts.exchanges++;
    t->sink.exchange(t->sink.context, c, exchange);
}

struct tracker *tracker_new(const struct tracker_options *options,
                            const struct tracker_sink *sink, struct err *err)
{
    struct tracker *t = calloc(1, sizeof *t);
    if (t == NULL || !tcp_table_init(&t->table)) {
        free(t);
        err_no_memory(err);
        return NULL;
    }
    t->options = *options;
    if (t->options.max_open == 0)
        t->options.max_open = TRACKER_MAX_OPEN;
    t->sink = *sink;
    http_memory_init(&t->shared.http, options->show_query);
    t->shared.http.complete = on_exchange;
    t->shared.http.context = t;
    t->shared.budget.max_bytes = TCP_MAX_PENDING_BYTES;
    t->shared.budget.max_conn_bytes = TCP_MAX_CONN_PENDING_BYTES;
    slab_init(&t->connections, sizeof(struct connection));
    slab_init(&t->records, sizeof(struct record));
    slab_init(&t->timelines, sizeof(struct timeline));
    return t;
}

static void list_add(struct list *list, struct connection *c)
{
    c->older = list->newest;
    c->newer = NULL;
    if (list->newest != NULL)
        list->newest->newer = c;
    else
        list->oldest = c;
    list->newest = c;
    list->count++;
}

static void list_remove(struct list *list, struct connection *c)
{
    list->count--;
    if (c->older != NULL)
        c->older->newer = c->newer;
    else
        list->oldest = c->newer;
    if (c->newer != NULL)
        c->newer->older = c->older;
    else
        list->newest = c->older;
}

/* ---- who is the client ------------------------------------------------------------------- */

static bool hint_matches(const struct server_hint *hint, const struct tcp_tuple *tuple, int end)
{
    if (hint->port != 0 && hint->port != tuple->port[end])
        return false;
    if (!hint->has_address)
        return true;
    if (hint->ipv6 != tuple->ipv6)
        return false;
    unsigned bytes = hint->prefix / 8, bits = hint->prefix % 8;
    if (memcmp(hint->address.bytes, tuple->address[end].bytes, bytes) != 0)
        return false;
    return bits == 0 || ((hint->address.bytes[bytes] ^ tuple->address[end].bytes[bytes]) &
                         (0xff << (8 - bits))) == 0;
}

/* The client's end as the user told, or -1. */
static int hinted_client(const struct tracker *t, const struct tcp_tuple *tuple)
{
    for (size_t i = 0; i < t->options.server_count; i++)
        for (int end = 0; end < 2; end++)
            if (hint_matches(&t->options.servers[i], tuple, end))
                return !end;
    return -1;
}

/* Servers listen on the lower port far more often than not: ephemeral ports start at 32768 on
 * Linux and 49152 by RFC 6335. */
static int guessed_client(const struct tcp_tuple *tuple)
{
    return tuple->port[0] >= tuple->port[1] ? 0 : 1;
}

/* ---- files ------------------------------------------------------------------------------ */

/* NULL: no memory. */
static struct capture_counts *capture_of(struct tracker *t, uint16_t capture)
{
    while (t->captures.count <= capture) {
        if (!VEC_ROOM(&t->captures))
            return NULL;
        t->captures.items[t->captures.count++] = (struct capture_counts){ 0 };
    }
    return &t->captures.items[capture];
}

static bool next_stream(struct tracker *t, uint16_t capture, uint32_t *number)
{
    struct capture_counts *counts = capture_of(t, capture);
    if (counts == NULL)
        return false;
    *number = counts->streams++;
    t->counts.tcp_streams++;
    return true;
}

/* A connection that goes on in another file has a number there too, which no other may get. */
static bool count_in_other_file(struct tracker *t, struct connection *c, uint16_t capture)
{
    c->last_capture = capture;
    uint32_t unused; /* only that the number is taken matters */
    if (capture < 64) {
        bool seen = c->captures_seen >> capture & 1;
        c->captures_seen |= UINT64_C(1) << capture;
        return seen || next_stream(t, capture, &unused);
    }
    uint64_t pair = c->id << 16 | capture;
    for (size_t i = t->seen_in.count; i > 0; i--)
        if (t->seen_in.items[i - 1] == pair)
            return true;
    if (!VEC_ROOM(&t->seen_in) || !next_stream(t, capture, &unused))
        return false;
    t->seen_in.items[t->seen_in.count++] = pair;
    return true;
}

/* Below this, the halves of a round trip say nothing: loopback, or clock resolution. */
#define SHORTEST_TELLING_RTT_NS (100 * 1000)

static bool count_for_capture(struct tracker *t, const struct record *r)
{
    struct capture_counts *counts = capture_of(t, r->capture);
    if (counts == NULL)
        return false;
    counts->lost_bytes += r->lost_bytes;
    counts->lossy += r->lost_bytes > 0;
    counts->one_sided += r->one_sided;
    counts->mid_stream += !r->open_seen;
    if (r->rtt == NS_UNKNOWN || r->rtt < SHORTEST_TELLING_RTT_NS)
        return true;
    if (r->client_rtt < r->rtt / 5)
        counts->near_client++;
    else if (r->client_rtt > r->rtt / 5 * 4)
        counts->near_server++;
    else
        counts->between++;
    return true;
}

/* ---- connection -> record ---------------------------------------------------------------- */

static const char *keep_text(struct tracker *t, const char *text)
{
    return text[0] == '\0' ? "" : arena_strdup(&t->texts, text);
}

static bool keep_details(struct tracker *t, const struct connection *c, struct record *r)
{
    r->timeline = slab_take(&t->timelines);
    if (r->timeline == NULL)
        return false;
    *r->timeline = c->timeline;
    const struct http_exchange *x = c->http.first != NULL ? c->http.first : c->http.done;
    if (x != NULL && x->request_head)
        r->request = arena_printf(&t->texts, "%s %s", http_method_name(x->method), x->target);
    r->server_software = keep_text(t, r->server_software);
    r->client_software = keep_text(t, r->client_software);
    return r->request != NULL && r->server_software != NULL && r->client_software != NULL;
}

static void drop_details(struct record *r)
{
    r->server_software = r->client_software = "";
}

static struct list *list_of(struct tracker *t, const struct connection *c)
{
    return !c->in_closing ? &t->open : c->reset_only ? &t->reset : &t->closing;
}

/* The connection is over, as far as this capture tells. */
static bool finalise(struct tracker *t, struct connection *c, struct err *err)
{
    list_remove(list_of(t, c), c);
    struct record *r = slab_take(&t->records);
    if (r == NULL || !VEC_ROOM(&t->done))
        return err_no_memory(err);
    connection_finish(c, &t->shared);
    int client = c->http.client >= 0 ? c->http.client : guessed_client(&c->tcp.tuple);
    connection_record(c, client, c->http.client < 0, t->now_ns, r);
    r->request = "";
    /* The connection's own strings, for the time of the rules' judgement. */
    const struct http_software *software = c->http.software;
    r->server_software = software == NULL ? "" : software->server;
    r->client_software = software == NULL ? "" : software->user_agent;
    t->done.items[t->done.count++] = r;
    t->counts.connections++;
    t->counts.protocols[r->protocol]++;
    t->counts.requests += r->requests;
    t->counts.unanswered += r->open_seen && r->mark[MARK_SYN_ACK].frame == 0 && !r->established &&
                            r->resets[0] + r->resets[1] == 0;
    if (!count_for_capture(t, r))
        return err_no_memory(err);
    for (int i = 0; i < 2; i++) {
        t->counts.duplicates += c->tcp.end[i].duplicates;
        t->counts.retransmissions += c->tcp.end[i].retransmitted;
    }
    bool keep = t->sink.connection(t->sink.context, c, r);
    if (!keep)
        drop_details(r);
    else if (!keep_details(t, c, r))
        return err_no_memory(err);
    tcp_table_replace(&t->table, &c->tcp.tuple, &r->tuple, c->tcp.hash);
    connection_free(c, &t->shared);
    slab_give(&t->connections, c);
    return true;
}

/* ---- packets ----------------------------------------------------------------------------- */

static struct connection *open_connection(struct tracker *t, const struct segment *s,
                                          uint32_t hash, const struct tcp_tuple *before)
{
    struct connection *c = slab_take(&t->connections);
    if (c == NULL)
        return NULL;
    int client = -1;
    if (s->flags & TCP_SYN) {
        client = s->flags & TCP_ACK ? 1 : 0;
    } else {
        struct tcp_tuple tuple;
        tcp_tuple_of(&tuple, s);
        client = hinted_client(t, &tuple);
    }
    connection_init(c, s, hash, client);
    const struct record *old = (const struct record *)before; /* callers pass records only */
    if (old != NULL && old->ghost)
        c->tcp_stream = old->tcp_stream;
    else if (!next_stream(t, s->capture, &c->tcp_stream))
        return NULL;
    c->id = t->next_id++;
    c->capture = c->last_capture = s->capture;
    list_add(&t->open, c);
    if (before != NULL)
        tcp_table_replace(&t->table, before, &c->tcp.tuple, hash);
    else if (!tcp_table_put(&t->table, &c->tcp.tuple, hash))
        return NULL;
    return c;
}

/* Does the segment open a new connection where `tuple` is an old one? */
static bool opens_anew(const struct tcp_tuple *tuple, unsigned from, const struct segment *s)
{
    if (!tuple->closed)
        return tcp_opens_anew((const struct tcp_conn *)tuple, from, s);
    const struct record *r = (const struct record *)tuple;
    return r->ghost || ((s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && r->isn[from] != s->seq);
}

static bool take_segment(struct tracker *t, const struct segment *s, uint32_t hash,
                         struct err *err)
{
    unsigned from = 0;
    struct tcp_tuple *tuple = tcp_table_find(&t->table, s, hash, &from);
    struct connection *c = NULL;
    if (tuple != NULL && !opens_anew(tuple, from, s)) {
        if (tuple->closed) {
            t->counts.late_packets++;
            return true;
        }
        c = (struct connection *)tuple;
    } else {
        if (tuple != NULL && !tuple->closed) {
            if (!finalise(t, (struct connection *)tuple, err))
                return false;
            tuple = &t->done.items[t->done.count - 1]->tuple;
        }
        if (t->connections.live >= t->options.max_open) {
            t->counts.evicted++;
            struct connection *oldest = t->closing.oldest != NULL ? t->closing.oldest
                                        : t->reset.oldest != NULL ? t->reset.oldest
                                                                  : t->open.oldest;
            if (!finalise(t, oldest, err))
                return false;
        }
        c = open_connection(t, s, hash, tuple);
        if (c == NULL)
            return err_no_memory(err);
        from = 0;
    }
    if (s->capture != c->last_capture && s->capture != c->capture &&
        !count_in_other_file(t, c, s->capture))
        return err_no_memory(err);
    connection_input(c, from, s, &t->shared);
    /* A forged reset can make a connection look closed that is not. */
    bool closed = tcp_both_closed(&c->tcp);
    if (closed != c->in_closing) {
        list_remove(list_of(t, c), c);
        c->in_closing = closed;
        c->reset_only = !c->tcp.end[0].fin_seen && !c->tcp.end[1].fin_seen &&
                        c->tcp.end[0].syn_seen && c->tcp.end[1].syn_seen;
        list_add(list_of(t, c), c);
    }
    return true;
}

/* An ICMP error belongs to the stream that it quotes, or makes one, as in Wireshark. */
static bool take_quoted(struct tracker *t, const struct segment *s, uint32_t hash,
                        struct err *err)
{
    unsigned from;
    if (tcp_table_find(&t->table, s, hash, &from) != NULL)
        return true;
    struct record *ghost = slab_take(&t->records);
    if (ghost == NULL || !next_stream(t, s->capture, &ghost->tcp_stream))
        return err_no_memory(err);
    tcp_tuple_of(&ghost->tuple, s);
    ghost->tuple.closed = true;
    ghost->ghost = true;
    return tcp_table_put(&t->table, &ghost->tuple, hash) || err_no_memory(err);
}

/* The connections of a list that have waited long enough. */
static bool finalise_waiting(struct tracker *t, struct list *list, int64_t linger_ns,
                             struct err *err)
{
    int64_t wait = list->count > MANY_CLOSING ? SHORT_LINGER_NS : linger_ns;
    while (list->oldest != NULL && list->oldest->last_ns + wait < t->now_ns)
        if (!finalise(t, list->oldest, err))
            return false;
    return true;
}

static bool take_packet(struct tracker *t, const struct packet *packet, enum decoded kind,
                        const struct segment *segment, uint32_t hash, struct err *err)
{
    t->counts.packets++;
    t->counts.kinds[kind]++;
    if (t->counts.packets == 1)
        t->now_ns = packet->ts_ns;
    if (packet->ts_ns > t->now_ns)
        t->now_ns = packet->ts_ns;
    if (!finalise_waiting(t, &t->closing, LINGER_NS, err) ||
        !finalise_waiting(t, &t->reset, RESET_LINGER_NS, err))
        return false;
    if (kind == DECODED_TCP) {
        t->counts.tcp_packets++;
        return take_segment(t, segment, hash, err);
    }
    if (kind == DECODED_ICMP_ABOUT_TCP)
        return take_quoted(t, segment, hash, err);
    return true;
}

/* Asks for the lines of a connection that every packet touches. */
static void prefetch_connection(const struct tcp_tuple *tuple)
{
    const char *p = (const char *)tuple;
    for (size_t at = 0; at < sizeof(struct tcp_conn); at += CACHE_LINE)
        __builtin_prefetch(p + at);
    for (size_t at = offsetof(struct connection, older); at < sizeof(struct connection);
         at += CACHE_LINE)
        __builtin_prefetch(p + at);
}

/* With many connections the time goes into waiting for memory. So a batch is decoded first, its places
 * in the table are asked for, then its connections, and only then each segment is accounted for:
 * the waits overlap. */
bool tracker_packets(struct tracker *t, const struct packet *packets, size_t count,
                     struct err *err)
{
    struct segment segments[TRACKER_BATCH];
    enum decoded kinds[TRACKER_BATCH];
    uint32_t hashes[TRACKER_BATCH];
    while (count > 0) {
        size_t n = count < TRACKER_BATCH ? count : TRACKER_BATCH;
        for (size_t i = 0; i < n; i++) {
            kinds[i] = decode_packet(&packets[i], &segments[i]);
            hashes[i] = 0;
            if (kinds[i] != DECODED_TCP && kinds[i] != DECODED_ICMP_ABOUT_TCP)
                continue;
            hashes[i] = tcp_table_hash(&t->table, &segments[i]);
            __builtin_prefetch(tcp_table_home(&t->table, hashes[i]));
        }
        for (size_t i = 0; i < n; i++) {
            const struct tcp_table_slot *slot = tcp_table_home(&t->table, hashes[i]);
            if (slot->tuple != NULL && slot->hash == hashes[i])
                prefetch_connection(slot->tuple);
        }
        for (size_t i = 0; i < n; i++)
            if (!take_packet(t, &packets[i], kinds[i], &segments[i], hashes[i], err))
                return false;
        packets += n;
        count -= n;
    }
    return true;
}

static int by_id(const void *a, const void *b)
{
    const struct record *x = *(struct record *const *)a, *y = *(struct record *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

bool tracker_finish(struct tracker *t, struct err *err)
{
    struct list *lists[] = { &t->closing, &t->reset, &t->open };
    for (int i = 0; i < 3; i++)
        while (lists[i]->oldest != NULL)
            if (!finalise(t, lists[i]->oldest, err))
                return false;
    t->counts.limited_segments = t->shared.budget.limited;
    if (t->done.count > 0)
        qsort(t->done.items, t->done.count, sizeof *t->done.items, by_id);
    return true;
}

struct capture_counts tracker_capture_counts(const struct tracker *tracker, size_t capture)
{
    return capture < tracker->captures.count ? tracker->captures.items[capture]
                                             : (struct capture_counts){ 0 };
}

const struct tracker_counts *tracker_counts(const struct tracker *tracker)
{
    return &tracker->counts;
}

struct record *const *tracker_records(const struct tracker *tracker, size_t *count)
{
    *count = tracker->done.count;
    return tracker->done.items;
}

void tracker_free(struct tracker *t)
{
    if (t == NULL)
        return;
    struct list *lists[] = { &t->open, &t->closing, &t->reset };
    for (int i = 0; i < 3; i++)
        while (lists[i]->oldest != NULL) {
            struct connection *c = lists[i]->oldest;
            lists[i]->oldest = c->newer;
            connection_finish(c, &t->shared); /* frees what waits behind holes */
        }
    http_memory_free(&t->shared.http);
    slab_free(&t->connections);
    slab_free(&t->records);
    slab_free(&t->timelines);
    arena_free(&t->texts);
    tcp_table_free(&t->table);
    free(t->done.items);
    free(t->captures.items);
    free(t->seen_in.items);
    free(t);
}
