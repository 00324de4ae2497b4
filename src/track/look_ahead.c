#include "track/look_ahead.h"

#include "track/connection.h"

/* How many segments before its turn memory is asked for: a few lines at a time, since a core keeps track of
 * a few dozen misses only. Earlier was slower, later no faster. */
#define AHEAD_SLOT 8
#define AHEAD_CONNECTION 6
#define AHEAD_DETAILS 4
#define AHEAD_OTHERS 2
#define CACHE_LINE 64

static void prefetch(const void *object, size_t begin, size_t end)
{
    for (size_t at = begin; at < end; at += CACHE_LINE)
        look_ahead_at((const char *)object + at);
}

/* What every segment touches. */
static void prefetch_connection(const struct tcp_table *table, const struct intake_segment *in)
{
    const char *c = (const char *)tcp_table_likely(table, in->hash);
    if (c == NULL)
        return;
    look_ahead_at(c);
    look_ahead_at(c + offsetof(struct connection, tcp.end[0]));
    look_ahead_at(c + offsetof(struct connection, tcp.end[1]));
    look_ahead_at(c + offsetof(struct connection, stage));
    look_ahead_at(c + offsetof(struct connection, waits));
}

/* The connection, if the segment is more than an ACK in the middle of it. Its first lines are there. */
static const struct connection *eventful(const struct tcp_table *table, const struct intake_segment *in)
{
    const struct tcp_tuple *tuple = tcp_table_likely(table, in->hash);
    if (tuple == NULL || tuple->remnant)
        return NULL;
    const struct connection *c = (const struct connection *)tuple;
    bool plain = in->segment.flags == TCP_ACK && in->segment.payload_len == 0 &&
                 c->tcp.end[0].state == TCP_ESTABLISHED && c->tcp.end[1].state == TCP_ESTABLISHED;
    return plain ? NULL : c;
}

static void prefetch_details(const struct tcp_table *table, const struct intake_segment *in)
{
    const struct connection *c = eventful(table, in);
    if (c == NULL)
        return;
    look_ahead_at(&c->tcp.end[0].payload_bytes);
    look_ahead_at(&c->tcp.end[1].payload_bytes);
    prefetch(c, offsetof(struct connection, talk), sizeof *c);
}

/* What hangs on the connection: it may be about to be judged. */
static void prefetch_others(const struct tcp_table *table, const struct intake_segment *in)
{
    const struct connection *c = eventful(table, in);
    if (c == NULL)
        return;
    const struct exchange *x = conversation_oldest(&c->talk) != NULL ? conversation_oldest(&c->talk) : conversation_last_complete(&c->talk);
    if (x != NULL)
        prefetch(x, 0, sizeof *x);
    if (c->closing != NULL)
        prefetch(c->closing, 0, sizeof *c->closing);
    if (c->timeline.last != NULL)
        prefetch(c->timeline.last, 0, TIMELINE_LAST * sizeof *c->timeline.last);
}

void look_ahead_first(const struct tcp_table *table, const struct intake_segment *in, size_t count)
{
    for (size_t i = 0; i < AHEAD_SLOT && i < count; i++)
        look_ahead_at(tcp_table_home(table, in[i].hash));
    for (size_t i = 0; i < AHEAD_CONNECTION && i < count; i++)
        prefetch_connection(table, &in[i]);
}

void look_ahead(const struct tcp_table *table, const struct intake_segment *in, size_t count)
{
    if (count > AHEAD_SLOT)
        look_ahead_at(tcp_table_home(table, in[AHEAD_SLOT].hash));
    if (count > AHEAD_CONNECTION)
        prefetch_connection(table, &in[AHEAD_CONNECTION]);
    if (count > AHEAD_DETAILS)
        prefetch_details(table, &in[AHEAD_DETAILS]);
    if (count > AHEAD_OTHERS)
        prefetch_others(table, &in[AHEAD_OTHERS]);
}
