#include "track/tracker.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/seq.h"
#include "base/vec.h"
#include "track/look_ahead.h"
#include "track/streams.h"
#include "track/usual.h"

#define SWEEP_AT 4096

struct list {
    struct connection *oldest, *newest;
    size_t count;
};

/* What the table keeps of a connection that is over, or that only an ICMP error named. */
struct closed {
    struct tcp_tuple tuple; /* first: the table points here; closed is true */
    uint32_t first[2];      /* see struct sent; by end of the tuple */
    uint32_t snd_nxt[2];
    uint32_t stream_frame;  /* in file `capture` */
    uint16_t capture;
    bool base_known[2], syn_seen[2];
    bool ghost;             /* no connection: only an ICMP error named it */
    bool left_open;         /* no end had closed it */
    struct series_rest rest;
    int64_t last_ns;        /* of its packets */
};

struct tracker {
    struct tracker_options options;
    size_t max_open;
    struct tracker_sink sink;
    struct tracker_counts counts;
    struct tcp_table table;
    struct connection_shared shared;
    struct slab connections, closed, records, exchanges;
    struct record open; /* what is known early of a connection that goes on */
    struct list lists[CONNECTION_STAGES];
    struct record *kept; /* newest first */
    size_t kept_count, sweep_at; /* that many make it worth to look for those that nobody holds any more */
    struct {
        struct capture_counts *items;
        size_t count, capacity;
    } captures;
    struct streams streams;
    struct series series;
    bool crowded;
};

/* Is there room for one more, and is it not another that nobody can decide? */
static bool may_keep(const struct connection *c, enum interest interest)
{
    size_t kept = 0;
    for (const struct exchange_record *e = c->kept; e != NULL; e = e->next)
        if (++kept == TRACKER_MOST_KEPT || (interest == INTEREST_UNDECIDED && e->undecided))
            return false;
    return true;
}

/* A settled exchange of a connection that goes on. */
static void show_exchange(struct tracker *t, struct connection *c, const struct exchange *x)
{
    if (!t->sink.usual_early && usual_exchange(c, x))
        return;
    struct record *open = &t->open;
    open->client = (uint8_t)(c->talk.client < 0 ? 0 : c->talk.client);
    open->protocol = c->talk.protocol;
    open->open_seen = c->open_seen;
    open->rtt = connection_rtt(c, open->client);
    struct exchange_facts facts;
    connection_exchange(c, open, x, &facts);
    enum interest interest = t->sink.exchange(t->sink.context, open, &facts);
    if (interest == INTEREST_NONE || !may_keep(c, interest))
        return;
    struct exchange_record *kept = slab_take(&t->exchanges);
    if (kept == NULL) {
        t->shared.failed = true;
        return;
    }
    exchange_record_fill(kept, &facts);
    kept->place = EXCHANGE_EARLIER;
    kept->undecided = interest == INTEREST_UNDECIDED;
    kept->next = c->kept;
    c->kept = kept;
}

static void on_exchange(void *context, struct conversation *talk, struct exchange *exchange)
{
    struct tracker *t = context;
    struct connection *c = (struct connection *)((char *)talk - offsetof(struct connection, talk));
    t->counts.exchanges++;
    t->shared.failed |= !series_exchange(&t->series, c, exchange);
    if (exchange->settled)
        show_exchange(t, c, exchange);
}

static void on_settled(void *context, struct conversation *talk, struct exchange *exchange)
{
    show_exchange(context, (struct connection *)((char *)talk - offsetof(struct connection, talk)), exchange);
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
    size_t parts = options->parts > 0 ? options->parts : 1;
    t->options = *options;
    t->max_open = (options->max_open > 0 ? options->max_open : TRACKER_MAX_OPEN) / parts;
    t->sink = *sink;
    connection_shared_init(&t->shared, options->show_query, parts);
    t->shared.talks.complete = on_exchange;
    t->shared.talks.settled = on_settled;
    t->shared.talks.context = t;
    series_init(&t->series);
    slab_init(&t->connections, sizeof(struct connection));
    slab_init(&t->closed, sizeof(struct closed));
    slab_init(&t->records, sizeof(struct record));
    slab_init(&t->exchanges, sizeof(struct exchange_record));
    t->sweep_at = SWEEP_AT;
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

/* ---- files ------------------------------------------------------------------------------ */

/* Below this, the halves of a round trip say nothing: loopback, or clock resolution. */
#define SHORTEST_TELLING_RTT_NS (100 * 1000)

/* NULL: no memory. */
static struct capture_counts *capture_of(struct tracker *t, size_t capture)
{
    while (t->captures.count <= capture) {
        if (!VEC_ROOM(&t->captures))
            return NULL;
        t->captures.items[t->captures.count++] = (struct capture_counts){ 0 };
    }
    return &t->captures.items[capture];
}

static bool count_for_capture(struct tracker *t, const struct record *r, bool interleaved)
{
    struct capture_counts *counts = capture_of(t, r->capture);
    if (counts == NULL)
        return false;
    counts->lost_bytes += r->lost_bytes;
    counts->lossy += r->lost_bytes > 0;
    counts->one_sided += r->one_sided;
    counts->mid_stream += !r->open_seen;
    counts->interleaved += interleaved;
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

static void count_connection(struct tracker *t, const struct connection *c, const struct record *r)
{
    t->counts.connections++;
    t->counts.protocols[r->protocol]++;
    t->counts.requests += r->requests;
    t->counts.unanswered += r->open_seen && r->mark[MARK_SYN_ACK].frame == 0 && !r->established &&
                            r->resets[0] + r->resets[1] == 0;
    t->counts.retransmissions += c->tcp.end[0].retransmitted + c->tcp.end[1].retransmitted;
}

/* Gives back what nobody holds any more; next time when there are a quarter more. */
static void sweep(struct tracker *t)
{
    struct record **at = &t->kept;
    t->kept_count = 0;
    while (*at != NULL) {
        struct record *r = *at;
        if (r->held > 0) {
            at = &r->next;
            t->kept_count++;
            continue;
        }
        *at = r->next;
        connection_drop_timeline(r, &t->shared);
        slab_give(&t->records, r);
    }
    t->sweep_at = t->kept_count + t->kept_count / 4 + SWEEP_AT;
}

/* Behind those kept before: the last complete exchange, and those without complete response. */
static bool fill_exchanges(struct tracker *t, struct connection *c, struct record *r)
{
    struct exchange_record **end = &c->kept;
    bool usual = usual_connection(r);
    while (*end != NULL)
        end = &(*end)->next;
    for (const struct exchange *x = NULL; (x = conversation_next(&c->talk, x)) != NULL;) {
        if (!t->sink.usual_at_close && usual && usual_exchange(c, x))
            continue;
        struct exchange_record *e = slab_take(&t->exchanges);
        if (e == NULL)
            return false;
        connection_exchange(c, r, x, &e->facts);
        e->place = x == conversation_done(&c->talk) ? EXCHANGE_LAST : EXCHANGE_OPEN;
        *end = e;
        end = &e->next;
    }
    r->exchange_list = c->kept;
    return true;
}

static void give_exchanges(struct tracker *t, struct connection *c, struct record *r)
{
    r->exchange_list = NULL;
    for (struct exchange_record *next; c->kept != NULL; c->kept = next) {
        next = c->kept->next;
        slab_give(&t->exchanges, c->kept);
    }
}

/* The rules' judgement. What nobody wants to hear of again is forgotten. */
static bool judge(struct tracker *t, struct connection *c, int64_t now_ns, struct closed *closed)
{
    struct record *r = slab_take(&t->records);
    if (r == NULL)
        return false;
    int client = c->talk.client >= 0 ? c->talk.client : role_guessed_client(&c->tcp.tuple);
    connection_record(c, client, c->talk.client < 0, now_ns, r);
    count_connection(t, c, r);
    closed->left_open = r->close_how == HOW_OPEN;
    if (!count_for_capture(t, r, c->interleaved) ||
        !series_connection(&t->series, c, r, now_ns, &closed->rest))
        return false;
    if (!fill_exchanges(t, c, r))
        return false;
    t->sink.connection(t->sink.context, r);
    give_exchanges(t, c, r);
    if (r->held == 0) {
        slab_give(&t->records, r);
        return true;
    }
    r->next = t->kept;
    t->kept = r;
    if (++t->kept_count >= t->sweep_at)
        sweep(t);
    return connection_keep_request(c, r, &t->shared) &&
           (!r->example || connection_keep_timeline(c, r, &t->shared));
}

/* The connection is over, as far as this capture tells. In the table its place is taken by
 * what it leaves behind, which is returned; NULL: no memory. */
static struct closed *finalise(struct tracker *t, struct connection *c, int64_t now_ns)
{
    list_remove(&t->lists[c->stage], c);
    if (conversation_done(&c->talk) != NULL)
        look_ahead_at(conversation_done(&c->talk)->target); /* to be given back when all is judged */
    connection_finish(c, &t->shared);
    if (connection_shared_failed(&t->shared))
        return NULL;
    struct closed *closed = slab_take(&t->closed);
    if (closed == NULL || !judge(t, c, now_ns, closed))
        return NULL;
    closed->tuple = c->tcp.tuple;
    closed->tuple.closed = true;
    for (int i = 0; i < 2; i++) {
        closed->first[i] = tcp_first_seq(&c->tcp.end[i]);
        closed->snd_nxt[i] = c->tcp.end[i].snd_nxt;
        closed->base_known[i] = c->tcp.end[i].base_known;
        closed->syn_seen[i] = c->tcp.end[i].syn_seen;
    }
    closed->stream_frame = c->stream_frame;
    closed->capture = c->capture;
    closed->last_ns = c->tcp.last_ns;
    tcp_table_replace(&t->table, &c->tcp.tuple, &closed->tuple, c->tcp.hash);
    connection_free(c, &t->shared);
    slab_give(&t->connections, c);
    return closed;
}

/* ---- packets ----------------------------------------------------------------------------- */

/* How soon after the connection before it on the same ports? In ms, plus 1. */
static uint32_t reused_after(const struct closed *before, const struct segment *s)
{
    if (before == NULL || before->ghost)
        return 0;
    int64_t ms = (s->ts_ns - before->last_ns) / NS_PER_MS;
    return before->left_open ? UINT32_MAX
           : ms < 0                    ? 1
           : ms >= UINT32_MAX - 1      ? UINT32_MAX - 1
                                       : (uint32_t)ms + 1;
}

/* before: what the table has of older connections on the same ends, or NULL. */
static struct connection *open_connection(struct tracker *t, const struct intake_segment *in,
                                          struct closed *before)
{
    const struct segment *s = &in->segment;
    struct connection *c = slab_take(&t->connections);
    if (c == NULL)
        return NULL;
    connection_init(c, s, in->hash);
    c->reused_after_ms = reused_after(before, s);
    /* The kernel forgets TIME_WAIT when it lets a new connection have the ports. */
    if (before != NULL && !series_reuse(&t->series, &before->tuple, before->rest, before->last_ns,
                                        s->ts_ns))
        return NULL;
    if (c->talk.client < 0)
        c->talk.client = (int8_t)role_hinted_client(t->options.servers, t->options.server_count,
                                                    &c->tcp.tuple);
    /* Wireshark opens a new stream for a SYN only. */
    if (before != NULL && (before->ghost || (s->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN))
        c->stream_frame = before->stream_frame;
    else if (!streams_open(&t->streams, s->capture, s->frame))
        return NULL;
    c->id = in->number;
    list_add(&t->lists[c->stage], c);
    if (before == NULL)
        return tcp_table_put(&t->table, &c->tcp.tuple, in->hash) ? c : NULL;
    tcp_table_replace(&t->table, &before->tuple, &c->tcp.tuple, in->hash);
    slab_give(&t->closed, before);
    return c;
}

/* The sequence numbers that an end has used. */
struct sent {
    uint32_t first, next;
    bool known;      /* they mean something */
    bool from_start; /* its SYN was captured: there are none before `first` */
};

static struct sent sent_by(const struct tcp_end *end)
{
    return (struct sent){ tcp_first_seq(end), end->snd_nxt, end->base_known, end->syn_seen };
}

static struct sent sent_by_closed(const struct closed *closed, unsigned end)
{
    return (struct sent){ closed->first[end], closed->snd_nxt[end], closed->base_known[end],
                          closed->syn_seen[end] };
}

/* So far from what an end that has closed sent, segments are another connection's, whose SYN is
 * not in the capture. */
#define OTHER_CONNECTION_BYTES (1 << 20)

static bool is_far(const struct sent *sent, uint32_t number)
{
    bool within = seq_leq(sent->first, number) && seq_leq(number, sent->next);
    return sent->known && !within &&
           (seq_diff(number, sent->next) > OTHER_CONNECTION_BYTES ||
            (sent->from_start && seq_diff(sent->first, number) > OTHER_CONNECTION_BYTES));
}

/* own: of the end that sent the segment. */
static bool is_of_another(const struct sent *own, const struct segment *s)
{
    return !(s->flags & TCP_RST) && (s->payload_len > 0 || s->flags & TCP_SYN) && is_far(own, s->seq);
}

/* The same from what the segment acknowledges: an end can only have received what the other sent. */
static bool answers_another(const struct sent *others, const struct segment *s)
{
    return s->flags & TCP_ACK && !(s->flags & TCP_RST) &&
           (s->payload_len > 0 || s->flags & (TCP_SYN | TCP_FIN)) && is_far(others, s->ack);
}

/* Does the segment open a new connection where `closed` was one? */
static bool opens_again(const struct closed *closed, unsigned from, const struct segment *s)
{
    bool syn = (s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    const struct sent own = sent_by_closed(closed, from), others = sent_by_closed(closed, !from);
    return closed->ghost || (syn && closed->first[from] != s->seq) || is_of_another(&own, s) ||
           answers_another(&others, s);
}

/* The same for an end that has sent its FIN, and has nothing more to send. */
static bool opens_anew(const struct connection *c, unsigned from, const struct segment *s)
{
    const struct tcp_end *end = &c->tcp.end[from], *peer = &c->tcp.end[!from];
    if (tcp_opens_anew(&c->tcp, from, s))
        return true;
    if (!end->fin_seen && !peer->fin_seen)
        return false;
    const struct sent own = sent_by(end), others = sent_by(peer);
    return (end->fin_seen && is_of_another(&own, s)) || (peer->fin_seen && answers_another(&others, s));
}

/* Room for one more: those that wait for stragglers only are given up first. */
static bool make_room(struct tracker *t, int64_t now_ns)
{
    if (t->connections.live < t->max_open)
        return true;
    if (t->options.parts > 1) {
        t->crowded = true;
        return false;
    }
    t->counts.evicted++;
    for (int stage = CONNECTION_STAGES; stage-- > 0;)
        if (t->lists[stage].oldest != NULL)
            return finalise(t, t->lists[stage].oldest, now_ns) != NULL;
    return true;
}

/* A connection that began with that frame of one file may go on in another. */
static bool go_on(struct tracker *t, uint16_t capture, uint32_t stream_frame,
                  const struct segment *s)
{
    return s->capture == capture ||
           streams_go_on(&t->streams, (uint64_t)capture << 32 | stream_frame, s->capture, s->frame);
}

static bool take_segment(struct tracker *t, const struct intake_segment *in)
{
    const struct segment *s = &in->segment;
    unsigned from = 0;
    struct tcp_tuple *tuple = tcp_table_find(&t->table, s, in->hash, &from);
    struct closed *closed = tuple != NULL && tuple->closed ? (struct closed *)tuple : NULL;
    struct connection *c = closed == NULL ? (struct connection *)tuple : NULL;
    bool anew = c != NULL && opens_anew(c, from, s);
    if (c != NULL && (anew || connection_is_over(c, in->now_ns))) {
        closed = finalise(t, c, in->now_ns);
        c = NULL;
        if (closed == NULL)
            return false;
    }
    if (c == NULL && closed != NULL && !anew && !opens_again(closed, from, s)) {
        t->counts.late_packets++;
        return go_on(t, closed->capture, closed->stream_frame, s);
    }
    if (c == NULL) {
        c = make_room(t, in->now_ns) ? open_connection(t, in, closed) : NULL;
        if (c == NULL)
            return false;
        from = 0;
    }
    if (s->capture != c->last_capture) {
        c->interleaved |= s->capture == c->capture; /* and not gone on to the next file for good */
        c->last_capture = s->capture;
        if (!go_on(t, c->capture, c->stream_frame, s))
            return false;
    }
    connection_input(c, from, s, &t->shared);
    if (connection_shared_failed(&t->shared))
        return false;
    enum connection_stage stage = connection_stage(c);
    if (stage == CONNECTION_ORDERLY)
        return finalise(t, c, in->now_ns) != NULL;
    if (stage != c->stage || stage != CONNECTION_OPEN) { /* those that wait: in order of their last packets */
        list_remove(&t->lists[c->stage], c);
        c->stage = stage;
        list_add(&t->lists[stage], c);
    }
    return true;
}

/* An ICMP error about a SYN that waits for its answer is one. */
static void take_error(struct tcp_tuple *tuple, unsigned from, const struct segment *s)
{
    struct connection *c = tuple->closed ? NULL : (struct connection *)tuple;
    const struct tcp_end *end = c != NULL ? &c->tcp.end[from] : NULL;
    if (s->unreachable && c != NULL && end->state == TCP_SYN_SENT && end->isn == s->seq)
        c->unreachable = true;
}

/* An ICMP error belongs to the stream that it quotes, or makes one, as in Wireshark. */
static bool take_quoted(struct tracker *t, const struct intake_segment *in)
{
    const struct segment *s = &in->segment;
    unsigned from;
    struct tcp_tuple *tuple = tcp_table_find(&t->table, s, in->hash, &from);
    if (tuple != NULL)
        take_error(tuple, from, s);
    if (tuple != NULL || in->unnamed)
        return true;
    struct closed *ghost = slab_take(&t->closed);
    if (ghost == NULL || !streams_open(&t->streams, s->capture, s->frame))
        return false;
    tcp_tuple_of(&ghost->tuple, s);
    ghost->tuple.closed = true;
    ghost->stream_frame = s->frame;
    ghost->ghost = true;
    return tcp_table_put(&t->table, &ghost->tuple, in->hash);
}

/* The connections that have waited long enough. */
static bool finalise_waiting(struct tracker *t, int64_t now_ns)
{
    for (int stage = CONNECTION_OPEN + 1; stage < CONNECTION_STAGES; stage++) {
        struct list *list = &t->lists[stage];
        while (list->oldest != NULL && connection_is_over(list->oldest, now_ns))
            if (finalise(t, list->oldest, now_ns) == NULL)
                return false;
    }
    return true;
}

void tracker_begin(struct tracker *t, int64_t first_ns)
{
    series_begin(&t->series, first_ns);
}

bool tracker_segments(struct tracker *t, const struct intake_segment *segments, size_t count,
                      struct err *err)
{
    look_ahead_first(&t->table, segments, count);
    for (; count > 0; segments++, count--) {
        look_ahead(&t->table, segments, count);
        if (!finalise_waiting(t, segments->now_ns) ||
            !(segments->quoted ? take_quoted(t, segments) : take_segment(t, segments)))
            return err_no_memory(err);
    }
    t->crowded |= t->options.parts > 1 && connection_shared_crowded(&t->shared);
    return !t->crowded || err_no_memory(err);
}

bool tracker_tick(struct tracker *t, int64_t now_ns, struct err *err)
{
    return finalise_waiting(t, now_ns) || err_no_memory(err);
}

bool tracker_crowded(const struct tracker *tracker)
{
    return tracker->crowded;
}

bool tracker_finish(struct tracker *t, int64_t now_ns, struct err *err)
{
    series_reach(&t->series, now_ns);
    for (int stage = CONNECTION_STAGES; stage-- > 0;)
        while (t->lists[stage].oldest != NULL)
            if (finalise(t, t->lists[stage].oldest, now_ns) == NULL)
                return err_no_memory(err);
    t->counts.limited_segments = t->shared.budget.limited;
    t->counts.duplicates = t->shared.duplicates;
    t->counts.tcp_streams = streams_total(&t->streams);
    return true;
}

/* ---- parts ------------------------------------------------------------------------------- */

bool tracker_merge(struct tracker *t, const struct tracker *other, struct err *err)
{
    struct tracker_counts *sum = &t->counts;
    const struct tracker_counts *more = &other->counts;
    sum->connections += more->connections;
    sum->exchanges += more->exchanges;
    sum->requests += more->requests;
    sum->unanswered += more->unanswered;
    sum->tcp_streams += more->tcp_streams;
    sum->evicted += more->evicted;
    sum->late_packets += more->late_packets;
    sum->limited_segments += more->limited_segments;
    sum->duplicates += more->duplicates;
    sum->retransmissions += more->retransmissions;
    for (size_t i = 0; i < sizeof sum->protocols / sizeof *sum->protocols; i++)
        sum->protocols[i] += more->protocols[i];
    for (size_t i = 0; i < other->captures.count; i++) {
        struct capture_counts *into = capture_of(t, i);
        const struct capture_counts *from = &other->captures.items[i];
        if (into == NULL)
            return err_no_memory(err);
        into->lost_bytes += from->lost_bytes;
        into->lossy += from->lossy;
        into->mid_stream += from->mid_stream;
        into->interleaved += from->interleaved;
        into->one_sided += from->one_sided;
        into->near_client += from->near_client;
        into->near_server += from->near_server;
        into->between += from->between;
    }
    return (streams_merge(&t->streams, &other->streams) && series_merge(&t->series, &other->series)) ||
           err_no_memory(err);
}

void tracker_number(const struct tracker *tracker, struct tracker *other)
{
    for (struct record *r = other->kept; r != NULL; r = r->next)
        r->tcp_stream = streams_number(&tracker->streams, r->capture, r->stream_frame);
}

struct capture_counts tracker_capture_counts(const struct tracker *tracker, size_t capture)
{
    return capture < tracker->captures.count ? tracker->captures.items[capture]
                                             : (struct capture_counts){ 0 };
}

const struct series *tracker_series(const struct tracker *tracker)
{
    return &tracker->series;
}

const struct tracker_counts *tracker_counts(const struct tracker *tracker)
{
    return &tracker->counts;
}

void tracker_drop_timeline(struct tracker *t, struct record *record)
{
    connection_drop_timeline(record, &t->shared);
}

void tracker_free(struct tracker *t)
{
    if (t == NULL)
        return;
    for (int stage = 0; stage < CONNECTION_STAGES; stage++)
        for (struct connection *c = t->lists[stage].oldest; c != NULL; c = c->newer)
            connection_finish(c, &t->shared); /* frees what waits behind holes */
    connection_shared_free(&t->shared);
    slab_free(&t->connections);
    slab_free(&t->closed);
    slab_free(&t->records);
    slab_free(&t->exchanges);
    tcp_table_free(&t->table);
    streams_free(&t->streams);
    series_free(&t->series);
    free(t->captures.items);
    free(t);
}
