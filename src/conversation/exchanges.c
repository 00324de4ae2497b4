#include "conversation/exchanges.h"

#include "base/seq.h"

struct http_exchange *exchange_new(struct http_conn *http, struct http_memory *memory)
{
    if (http->outstanding >= HTTP_MAX_OUTSTANDING)
        return NULL; /* an attack; who asks more than that loses the thread, see feed_messages */
    struct http_exchange *x = slab_take(&memory->exchanges);
    if (x == NULL) {
        memory->failed = true;
        return NULL;
    }
    http->outstanding++;
    x->own_method = x->target = x->host = x->request_via = x->response_via = "";
    x->request_body = x->response_body = -1;
    x->keep_alive_timeout_s = -1;
    if (http->last != NULL)
        http->last->next = x;
    else
        http->first = x;
    http->last = x;
    return x;
}

void exchange_give(struct http_memory *memory, struct http_exchange *x)
{
    text_pool_give(&memory->texts, x->target);
    slab_give(&memory->exchanges, x);
}

static void free_exchange(struct http_conn *http, struct http_memory *memory,
                          struct http_exchange *x)
{
    for (int i = 0; i < 2; i++)
        if (http->stream[i].exchange == x)
            http->stream[i].exchange = NULL;
    exchange_give(memory, x);
}

static struct http_before before_next(const struct http_conn *http)
{
    const struct http_exchange *done = http->done;
    if (done == NULL)
        return (struct http_before){ 0 };
    return (struct http_before){ done->response.last_ns, done->response.end_seq, true, done->response_close,
                                 done->upgraded };
}

struct http_before http_before(const struct http_conn *http, const struct http_exchange *x)
{
    return x->response_complete ? x->before : before_next(http);
}

static void settle(struct http_conn *http, struct http_memory *memory, struct http_exchange *x)
{
    x->settled = true;
    if (memory->settled != NULL)
        memory->settled(memory->context, http, x);
}

/* The oldest exchange has its complete response: it becomes the last complete one. */
void exchange_retire(struct http_conn *http, struct http_memory *memory, struct http_exchange *x)
{
    http->outstanding--;
    struct http_exchange **at = &http->first, *before = NULL;
    while (*at != x) {
        before = *at;
        at = &(*at)->next;
    }
    *at = x->next;
    if (http->last == x)
        http->last = before;
    x->next = NULL;
    x->before = before_next(http);
    if (memory->complete != NULL)
        memory->complete(memory->context, http, x);
    if (http->done != NULL && !http->done->settled)
        settle(http, memory, http->done);
    if (x->request_seen && (x->request_complete || x->request_lost))
        settle(http, memory, x);
    if (http->done != NULL)
        free_exchange(http, memory, http->done);
    http->done = x;
    http->exchanges++;
}

/* The exchange that a response beginning now answers. The server cannot answer what it has not
 * received: its ACK number covers the request, or the request is another one. */
struct http_exchange *exchange_answered_by(struct http_conn *http, struct http_memory *memory,
                                         const struct tcp_chunk *chunk)
{
    for (struct http_exchange *x = http->first; x != NULL; x = x->next) {
        bool debris = !x->request_seen && x->response_lost; /* bytes behind an end, no message */
        if (!x->response_complete && !debris &&
            (!x->request_seen || chunk->ack == 0 || seq_lt(x->request.seq, chunk->ack)))
            return x;
    }
    http->unsolicited++;
    return exchange_new(http, memory);
}

/* A request that was captured after its response began (the capture mixed up the directions). */
struct http_exchange *exchange_answered_already(struct http_conn *http, uint32_t seq)
{
    struct http_exchange *candidates[] = { http->first, http->done };
    for (int i = 0; i < 2; i++) {
        struct http_exchange *x = candidates[i];
        if (x != NULL && !x->request_seen && x->response_seen && !http->mid_stream &&
            x->response.ack != 0 && seq_lt(seq, x->response.ack)) {
            http->unsolicited--;
            return x;
        }
    }
    return NULL;
}
