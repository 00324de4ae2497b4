#include "track/tracker.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "track/look_ahead.h"
#include "track/port_reuse.h"
#include "track/stream_numbers.h"
#include "track/usual.h"

#define SWEEP_AT 4096

struct list {
    struct connection *oldest, *newest;
    size_t count;
};

/* A connection that ends well has no other marks. */
#define FEW_MARKS ((unsigned)MARK_SERVER_FIN_ACK + 1)

struct tracker {
    struct tracker_options options;
    size_t max_open;
    struct tracker_sink sink;
    struct tracker_counts counts;
    struct tcp_table table;
    struct connection_shared shared;
    struct slab connections, remnants, records, exchanges;
    struct slab few_marks, all_marks; /* of kept records: FEW_MARKS, MARKS each */
    struct mark marks[MARKS];         /* of the connection that ends now */
    struct record open; /* what is known early of a connection that goes on */
    struct list lists[CONNECTION_STAGES];
    int64_t due_ns; /* before this time, no connection has waited long enough; INT64_MAX: none waits */
    struct record *kept; /* newest first */
    size_t kept_count, sweep_at; /* that many make it worth to look for those that nobody holds any more */
    struct {
        struct capture_counts *items;
        size_t count, capacity;
    } captures;
    struct streams streams;
    struct series series;
    struct closes closes;
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
    open->inferred = c->talk.inferred;
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
    connection_shared_init(&t->shared, &options->talks, parts);
    t->shared.talks.complete = on_exchange;
    t->shared.talks.settled = on_settled;
    t->shared.talks.context = t;
    t->due_ns = INT64_MAX;
    series_init(&t->series);
    closes_init(&t->closes, options->most_listed);
    slab_init(&t->connections, sizeof(struct connection));
    slab_init(&t->remnants, sizeof(struct remnant));
    slab_init(&t->few_marks, FEW_MARKS * sizeof(struct mark));
    slab_init(&t->all_marks, MARKS * sizeof(struct mark));
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
    if (r->tls_handshake != TLS_HANDSHAKE_NONE)
        t->counts.tls_keys[r->tls_keys]++;
    t->counts.unanswered += r->open_seen && record_mark(r, MARK_SYN_ACK)->frame == 0 && !r->established &&
                            r->resets[0] + r->resets[1] == 0;
    t->counts.retransmissions += c->tcp.end[0].retransmitted + c->tcp.end[1].retransmitted;
}

static bool keep_marks(struct tracker *t, struct record *r)
{
    const unsigned room = record_marks_needed(r) <= FEW_MARKS ? FEW_MARKS : MARKS;
    struct mark *kept = slab_take(room == FEW_MARKS ? &t->few_marks : &t->all_marks);
    if (kept == NULL)
        return false;
    memcpy(kept, r->mark, room * sizeof *kept);
    r->mark = kept;
    r->marks = (uint8_t)room;
    return true;
}

static void give_record(struct tracker *t, struct record *r)
{
    if (r->mark != t->marks)
        slab_give(r->marks == FEW_MARKS ? &t->few_marks : &t->all_marks, r->mark);
    slab_give(&t->records, r);
}

/* Gives back what nobody holds any more; next time when there are an eighth more. */
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
        give_record(t, r);
    }
    t->sweep_at = t->kept_count + t->kept_count / 8 + SWEEP_AT;
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
        e->place = x == conversation_last_complete(&c->talk) ? EXCHANGE_LAST : EXCHANGE_OPEN;
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
static bool judge(struct tracker *t, struct connection *c, int64_t now_ns, struct remnant *remnant)
{
    struct record *r = slab_take(&t->records);
    if (r == NULL)
        return false;
    memset(t->marks, 0, sizeof t->marks);
    r->mark = t->marks;
    r->marks = MARKS;
    int client = c->talk.client >= 0 ? c->talk.client : role_guessed_client(&c->tcp.tuple);
    connection_record(c, client, c->talk.client < 0, now_ns, r);
    count_connection(t, c, r);
    remnant->left_open = r->close_how == HOW_OPEN;
    if (!count_for_capture(t, r, c->interleaved) ||
        !series_connection(&t->series, c, r, now_ns, &remnant->rest))
        return false;
    if (!fill_exchanges(t, c, r))
        return false;
    closes_add(&t->closes, r);
    t->sink.connection(t->sink.context, r);
    give_exchanges(t, c, r);
    if (r->held == 0) {
        give_record(t, r);
        return true;
    }
    if (!keep_marks(t, r))
        return false;
    r->next = t->kept;
    t->kept = r;
    if (++t->kept_count >= t->sweep_at)
        sweep(t);
    return connection_keep_request(c, r, &t->shared) &&
           (!r->example || connection_keep_timeline(c, r, &t->shared));
}

/* The connection is over, as far as this capture tells. In the table its place is taken by
 * what it leaves behind, which is returned; NULL: no memory. */
static struct remnant *finalise(struct tracker *t, struct connection *c, int64_t now_ns)
{
    list_remove(&t->lists[c->stage], c);
    if (conversation_last_complete(&c->talk) != NULL)
        look_ahead_at(conversation_last_complete(&c->talk)->target); /* to be given back when all is judged */
    connection_flush(c, &t->shared);
    if (connection_shared_failed(&t->shared))
        return NULL;
    struct remnant *remnant = slab_take(&t->remnants);
    if (remnant == NULL || !judge(t, c, now_ns, remnant))
        return NULL;
    remnant_of(c, remnant);
    tcp_table_replace(&t->table, &c->tcp.tuple, &remnant->tuple, c->tcp.hash);
    connection_free(c, &t->shared);
    slab_give(&t->connections, c);
    return remnant;
}

/* ---- packets ----------------------------------------------------------------------------- */

/* before: what the table has of older connections on the same ends, or NULL. */
static struct connection *open_connection(struct tracker *t, const struct intake_segment *in,
                                          struct remnant *before)
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
    slab_give(&t->remnants, before);
    return c;
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

static void note_due(struct tracker *t, const struct connection *c)
{
    int64_t due_ns = connection_due_ns(c);
    if (due_ns < t->due_ns)
        t->due_ns = due_ns;
}

static bool take_segment(struct tracker *t, const struct intake_segment *in)
{
    const struct segment *s = &in->segment;
    unsigned from = 0;
    struct tcp_tuple *tuple = tcp_table_find(&t->table, s, in->hash, &from);
    struct remnant *remnant = tuple != NULL && tuple->remnant ? (struct remnant *)tuple : NULL;
    struct connection *c = remnant == NULL ? (struct connection *)tuple : NULL;
    bool anew = c != NULL && opens_anew(c, from, s);
    if (c != NULL && (anew || in->now_ns >= connection_due_ns(c))) {
        remnant = finalise(t, c, in->now_ns);
        c = NULL;
        if (remnant == NULL)
            return false;
    }
    if (c == NULL && remnant != NULL && !anew && !opens_again(remnant, from, s)) {
        t->counts.late_packets++;
        return go_on(t, remnant->capture, remnant->stream_frame, s);
    }
    if (c == NULL) {
        c = make_room(t, in->now_ns) ? open_connection(t, in, remnant) : NULL;
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
    if (stage == CONNECTION_DONE)
        return finalise(t, c, in->now_ns) != NULL;
    if (stage != c->stage || stage != CONNECTION_OPEN) { /* those that wait: in order of their last packets */
        list_remove(&t->lists[c->stage], c);
        c->stage = stage;
        list_add(&t->lists[stage], c);
        note_due(t, c);
    }
    return true;
}

/* An ICMP error about a SYN that waits for its answer is one. */
static void take_error(struct tcp_tuple *tuple, unsigned from, const struct segment *s)
{
    struct connection *c = tuple->remnant ? NULL : (struct connection *)tuple;
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
    struct remnant *ghost = slab_take(&t->remnants);
    if (ghost == NULL || !streams_open(&t->streams, s->capture, s->frame))
        return false;
    remnant_ghost(s, ghost);
    return tcp_table_put(&t->table, &ghost->tuple, in->hash);
}

/* The connections that have waited long enough. */
static bool finalise_waiting(struct tracker *t, int64_t now_ns)
{
    if (now_ns < t->due_ns)
        return true;
    t->due_ns = INT64_MAX;
    for (int stage = CONNECTION_OPEN + 1; stage < CONNECTION_STAGES; stage++) {
        struct list *list = &t->lists[stage];
        while (list->oldest != NULL && now_ns >= connection_due_ns(list->oldest))
            if (finalise(t, list->oldest, now_ns) == NULL)
                return false;
        if (list->oldest != NULL)
            note_due(t, list->oldest);
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
    /* Records are judged next, which takes memory of its own. */
    connection_shared_release(&t->shared);
    slab_free(&t->connections);
    slab_free(&t->remnants);
    tcp_table_free(&t->table);
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
    for (size_t i = 0; i < sizeof sum->tls_keys / sizeof *sum->tls_keys; i++)
        sum->tls_keys[i] += more->tls_keys[i];
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
    closes_merge(&t->closes, &other->closes);
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

bool tracker_conclude(struct tracker *t, struct err *err)
{
    closes_finish(&t->closes);
    return !t->closes.failed || err_no_memory(err);
}

const struct closes *tracker_closes(const struct tracker *tracker)
{
    return &tracker->closes;
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
            connection_flush(c, &t->shared); /* frees what waits behind holes */
    connection_shared_free(&t->shared);
    slab_free(&t->connections);
    slab_free(&t->remnants);
    slab_free(&t->records);
    slab_free(&t->few_marks);
    slab_free(&t->all_marks);
    slab_free(&t->exchanges);
    tcp_table_free(&t->table);
    streams_free(&t->streams);
    series_free(&t->series);
    closes_free(&t->closes);
    free(t->captures.items);
    free(t);
}
