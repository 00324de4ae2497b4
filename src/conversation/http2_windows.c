#include "conversation/http2_windows.h"

#include "base/text.h"
#include "conversation/turns.h"

bool http2_windows_are_known(const struct conversation *talk, const struct http2 *h2)
{
    for (int i = 0; i < 2; i++)
        if (h2->end[i].lost || h2->end[i].headers.stranger)
            return false;
    return !talk->mid_stream && !h2->windows_torn;
}

static bool are_known(const struct http2_reading *r)
{
    return http2_windows_are_known(r->talk, r->h2);
}

/* In whole milliseconds since the beginning, and 1 more. */
static uint32_t moment_of(const struct http2 *h2, int64_t now_ns)
{
    int64_t ms = (now_ns - h2->begun_ns) / NS_PER_MS;
    return ms < 0 ? 1 : ms < UINT32_MAX - 1 ? (uint32_t)ms + 1 : UINT32_MAX;
}

static int64_t moment_ns(const struct http2 *h2, uint32_t at)
{
    return h2->begun_ns + (int64_t)(at - 1) * NS_PER_MS;
}

static void note_wait(struct http2_end *sender, int64_t from_ns, int64_t to_ns)
{
    if (to_ns - from_ns > sender->longest_wait_ns)
        sender->longest_wait_ns = to_ns - from_ns;
}

/* Is more announced of a response than has come? */
static bool owes(const struct exchange *x)
{
    return x->response_seen && !x->response_complete && x->response_body >= 0 && x->response_body_seen < (uint64_t)x->response_body;
}

static bool owes_any(const struct conversation *talk)
{
    for (const struct exchange *x = talk->first; x != NULL; x = x->next)
        if (owes(x))
            return true;
    return false;
}

void http2_windows_open(const struct http2_reading *r, struct exchange *x)
{
    for (int i = 0; i < 2; i++) {
        x->flow.window[i] = (int32_t)r->h2->end[i].initial_window;
        x->flow.emptied[i] = x->flow.refilled[i] = 0;
    }
}

/* Who waits for room goes on a round trip after it has passed, and a moment: this is the least time after which Linux repeats what was
 * not acknowledged (TCP_RTO_MIN), which most round trips are shorter than. */
#define GOES_ON_NS (200 * NS_PER_MS)

/* It goes on: had it rested because of its window? refilled_ns: since when there was room; 0: there is none. */
static void end_wait(struct http2_end *sender, int64_t emptied_ns, int64_t refilled_ns, int64_t now_ns)
{
    if (refilled_ns > emptied_ns && now_ns - refilled_ns <= GOES_ON_NS)
        note_wait(sender, emptied_ns, refilled_ns);
}

static int32_t clamp(int64_t room)
{
    return room > INT32_MAX ? INT32_MAX : room < INT32_MIN ? INT32_MIN : (int32_t)room;
}

void http2_windows_data(const struct http2_reading *r, struct exchange *x, uint32_t length)
{
    enum { END_STREAM = 1 };
    struct http2_end *sender = r->end;
    const unsigned from = r->from;
    const int64_t now_ns = r->chunk->ts_ns;
    if (!are_known(r))
        return;
    if (sender->emptied_ns != 0)
        end_wait(sender, sender->emptied_ns, sender->refilled_ns, now_ns);
    sender->window -= length;
    sender->emptied_ns = sender->window <= 0 ? now_ns : 0;
    sender->refilled_ns = 0;
    if (x == NULL || x->response_complete)
        return;
    if (x->flow.emptied[from] != 0 && x->flow.refilled[from] != 0)
        end_wait(sender, moment_ns(r->h2, x->flow.emptied[from]), moment_ns(r->h2, x->flow.refilled[from]), now_ns);
    x->flow.window[from] = clamp((int64_t)x->flow.window[from] - length);
    bool ends = sender->frame.flags & END_STREAM;
    x->flow.emptied[from] = x->flow.window[from] <= 0 && !ends ? moment_of(r->h2, now_ns) : 0;
    x->flow.refilled[from] = 0;
}

/* A window of the connection has room again. */
static void refill_connection(const struct http2_reading *r, struct http2_end *sender, uint32_t more)
{
    const bool was_empty = sender->window <= 0;
    sender->window += more;
    if (!was_empty || sender->window <= 0)
        return;
    sender->refilled_ns = r->chunk->ts_ns;
    if (sender->emptied_ns != 0 && is_http2_client(r) && owes_any(r->talk))
        note_wait(sender, sender->emptied_ns, r->chunk->ts_ns);
}

/* Of a stream, to that much. */
static void refill_stream(const struct http2_reading *r, struct http2_end *sender, struct exchange *x, int64_t room)
{
    const unsigned to = !r->from;
    const bool was_empty = x->flow.window[to] <= 0;
    x->flow.window[to] = clamp(room);
    if (!was_empty || x->flow.window[to] <= 0 || x->flow.emptied[to] == 0)
        return;
    x->flow.refilled[to] = moment_of(r->h2, r->chunk->ts_ns);
    if (is_http2_client(r) && owes(x)) /* it is responses that the window is for */
        note_wait(sender, moment_ns(r->h2, x->flow.emptied[to]), r->chunk->ts_ns);
}

void http2_windows_update(const struct http2_reading *r, struct exchange *x, uint32_t more)
{
    struct http2_end *sender = &r->h2->end[!r->from];
    if (!are_known(r))
        return;
    if (x == NULL)
        refill_connection(r, sender, more);
    else if (!x->response_complete)
        refill_stream(r, sender, x, (int64_t)x->flow.window[!r->from] + more);
}

void http2_windows_initial(const struct http2_reading *r, uint32_t size)
{
    struct http2_end *sender = &r->h2->end[!r->from];
    if (size > INT32_MAX)
        return; /* an error of flow control (section 6.5.2) */
    int64_t change = (int64_t)size - sender->initial_window;
    sender->initial_window = size;
    for (struct exchange *x = r->talk->first; x != NULL; x = x->next)
        refill_stream(r, sender, x, x->flow.window[!r->from] + change);
}

/* Since when the stream waits for room to send what was announced; INT64_MAX: it does not. */
static int64_t waits_since(const struct http2 *h2, const struct exchange *x, unsigned server)
{
    bool waits = x->flow.emptied[server] != 0 && x->flow.window[server] <= 0 && owes(x);
    return waits ? moment_ns(h2, x->flow.emptied[server]) : INT64_MAX;
}

void http2_windows_reset(const struct http2_reading *r, const struct exchange *x)
{
    const unsigned server = !turns_client(r->talk);
    int64_t since_ns = are_known(r) ? waits_since(r->h2, x, server) : INT64_MAX;
    if (since_ns != INT64_MAX)
        note_wait(&r->h2->end[server], since_ns, r->chunk->ts_ns);
}

int64_t http2_windows_waits_since(const struct conversation *talk, const struct http2 *h2, unsigned server)
{
    const struct http2_end *sender = &h2->end[server];
    int64_t since_ns = sender->emptied_ns != 0 && sender->window <= 0 && owes_any(talk) ? sender->emptied_ns : INT64_MAX;
    for (const struct exchange *x = talk->first; x != NULL; x = x->next)
        if (waits_since(h2, x, server) < since_ns)
            since_ns = waits_since(h2, x, server);
    return since_ns;
}
