#include "conversation/http2_windows.h"

#include "base/text.h"

bool http2_windows_are_known(const struct conversation *talk, const struct http2 *h2)
{
    for (int i = 0; i < 2; i++)
        if (h2->end[i].lost || h2->end[i].headers.stranger)
            return false;
    return !talk->mid_stream;
}

static bool are_known(const struct http2_reading *r)
{
    return http2_windows_are_known(r->talk, r->h2);
}

/* When it became empty, in whole milliseconds since the beginning, and 1 more; 0: it is not. */
static uint32_t emptied_at(const struct http2 *h2, int64_t now_ns)
{
    int64_t ms = (now_ns - h2->begun_ns) / NS_PER_MS;
    return ms < 0 ? 1 : ms < UINT32_MAX - 1 ? (uint32_t)ms + 1 : UINT32_MAX;
}

static int64_t emptied_ns(const struct http2 *h2, uint32_t at)
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
        x->flow.emptied[i] = 0;
    }
}

/* It goes on: had it rested because of its window? */
static void end_wait(struct http2_end *sender, int64_t since_ns, int64_t now_ns)
{
    const int64_t rested_ns = sender->refilled_ns - since_ns;
    if (sender->refilled_ns > since_ns && now_ns - sender->refilled_ns <= rested_ns)
        note_wait(sender, since_ns, sender->refilled_ns);
}

void http2_windows_data(const struct http2_reading *r, struct exchange *x, uint32_t length)
{
    enum { END_STREAM = 1 };
    struct http2_end *sender = r->end;
    const int64_t now_ns = r->chunk->ts_ns;
    if (!are_known(r))
        return;
    if (sender->emptied_ns != 0)
        end_wait(sender, sender->emptied_ns, now_ns);
    sender->window -= length;
    sender->emptied_ns = sender->window <= 0 ? now_ns : 0;
    if (x == NULL || x->response_complete)
        return;
    if (x->flow.emptied[r->from] != 0)
        end_wait(sender, emptied_ns(r->h2, x->flow.emptied[r->from]), now_ns);
    x->flow.window[r->from] -= (int32_t)length;
    bool ends = sender->frame.flags & END_STREAM;
    x->flow.emptied[r->from] = x->flow.window[r->from] <= 0 && !ends ? emptied_at(r->h2, now_ns) : 0;
}

void http2_windows_update(const struct http2_reading *r, struct exchange *x, uint32_t more)
{
    struct http2_end *sender = &r->h2->end[!r->from];
    const int64_t now_ns = r->chunk->ts_ns;
    bool responses = is_http2_client(r); /* it is responses that the window is for */
    if (!are_known(r))
        return;
    if (x == NULL) {
        if (sender->window <= 0 && sender->window + more > 0) {
            sender->refilled_ns = now_ns;
            if (sender->emptied_ns != 0 && responses && owes_any(r->talk))
                note_wait(sender, sender->emptied_ns, now_ns);
        }
        sender->window += more;
        return;
    }
    if (x->response_complete)
        return;
    int64_t room = (int64_t)x->flow.window[!r->from] + more;
    if (x->flow.window[!r->from] <= 0 && room > 0) {
        sender->refilled_ns = now_ns;
        if (x->flow.emptied[!r->from] != 0 && responses && owes(x))
            note_wait(sender, emptied_ns(r->h2, x->flow.emptied[!r->from]), now_ns);
    }
    x->flow.window[!r->from] = room < INT32_MAX ? (int32_t)room : INT32_MAX;
}

void http2_windows_initial(const struct http2_reading *r, uint32_t size)
{
    struct http2_end *sender = &r->h2->end[!r->from];
    if (size > INT32_MAX)
        return; /* an error of flow control (section 6.5.2) */
    int64_t change = (int64_t)size - sender->initial_window;
    sender->initial_window = size;
    for (struct exchange *x = r->talk->first; x != NULL; x = x->next) {
        int64_t room = x->flow.window[!r->from] + change;
        x->flow.window[!r->from] = room > INT32_MAX ? INT32_MAX : room < INT32_MIN ? INT32_MIN : (int32_t)room;
    }
}

int64_t http2_windows_waits_since(const struct conversation *talk, const struct http2 *h2, unsigned server)
{
    int64_t since_ns = h2->end[server].emptied_ns != 0 && owes_any(talk) ? h2->end[server].emptied_ns : INT64_MAX;
    for (const struct exchange *x = talk->first; x != NULL; x = x->next)
        if (x->flow.emptied[server] != 0 && owes(x) && emptied_ns(h2, x->flow.emptied[server]) < since_ns)
            since_ns = emptied_ns(h2, x->flow.emptied[server]);
    return since_ns;
}
