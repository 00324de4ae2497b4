#include "conversation/exchanges.h"

#include "base/seq.h"

struct exchange *exchange_new(struct conversation *talk, struct conversation_memory *memory)
{
    if (talk->outstanding >= HTTP_MAX_OUTSTANDING)
        return NULL; /* an attack; who asks more than that loses the thread, see feed_messages */
    struct exchange *x = slab_take(&memory->exchanges);
    if (x == NULL) {
        memory->failed = true;
        return NULL;
    }
    talk->outstanding++;
    x->own_method = x->target = x->host = x->request_via = x->response_via = "";
    x->request_body = x->response_body = -1;
    x->keep_alive_timeout_s = -1;
    x->grpc_status = GRPC_STATUS_NONE;
    if (talk->last != NULL)
        talk->last->next = x;
    else
        talk->first = x;
    talk->last = x;
    return x;
}

void exchange_give(struct conversation_memory *memory, struct exchange *x)
{
    text_pool_give(&memory->texts, x->target);
    slab_give(&memory->exchanges, x);
}

static void free_exchange(struct conversation *talk, struct conversation_memory *memory,
                          struct exchange *x)
{
    for (int i = 0; i < 2 && !talk->inferred; i++)
        if (talk->stream[i].exchange == x)
            talk->stream[i].exchange = NULL;
    exchange_give(memory, x);
}

void exchanges_drop_open(struct conversation *talk, struct conversation_memory *memory)
{
    for (struct exchange *x = talk->first, *next; x != NULL; x = next) {
        next = x->next;
        exchange_give(memory, x);
    }
    talk->first = talk->last = NULL;
    talk->requests -= talk->outstanding;
    talk->outstanding = 0;
}

void exchanges_forget(struct conversation *talk, struct conversation_memory *memory)
{
    exchanges_drop_open(talk, memory);
    if (talk->done != NULL && talk->done->inferred && !talk->done->upgraded) {
        exchange_give(memory, talk->done);
        talk->done = NULL;
    }
    talk->unsolicited = talk->errors = 0;
}

static struct exchange_before before_next(const struct conversation *talk)
{
    const struct exchange *done = talk->done;
    if (done == NULL)
        return (struct exchange_before){ 0 };
    return (struct exchange_before){ done->response.last_ns, done->response.end_seq, true, done->response_close,
                                 done->upgraded };
}

struct exchange_before exchange_before(const struct conversation *talk, const struct exchange *x)
{
    return x->response_complete ? x->before : before_next(talk);
}

static void settle(struct conversation *talk, struct conversation_memory *memory, struct exchange *x)
{
    x->settled = true;
    if (memory->settled != NULL)
        memory->settled(memory->context, talk, x);
}

static void unlink_exchange(struct conversation *talk, struct exchange *x)
{
    talk->outstanding--;
    struct exchange **at = &talk->first, *before = NULL;
    while (*at != x) {
        before = *at;
        at = &(*at)->next;
    }
    *at = x->next;
    if (talk->last == x)
        talk->last = before;
    x->next = NULL;
}

void exchange_end_reset(struct conversation *talk, struct conversation_memory *memory, struct exchange *x)
{
    unlink_exchange(talk, x);
    x->settled = true;
    if (memory->complete != NULL)
        memory->complete(memory->context, talk, x);
    free_exchange(talk, memory, x);
}

/* The oldest exchange has its complete response: it becomes the last complete one. */
void exchange_retire(struct conversation *talk, struct conversation_memory *memory, struct exchange *x)
{
    unlink_exchange(talk, x);
    x->before = before_next(talk);
    if (talk->done != NULL && !talk->done->settled)
        settle(talk, memory, talk->done);
    x->settled = x->request_seen && (x->request_complete || x->request_lost);
    if (memory->complete != NULL)
        memory->complete(memory->context, talk, x);
    if (talk->done != NULL)
        free_exchange(talk, memory, talk->done);
    talk->done = x;
    talk->exchanges++;
}

/* The exchange that a response beginning now answers. The server cannot answer what it has not
 * received: its ACK number covers the request, or the request is another one. */
struct exchange *exchange_answered_by(struct conversation *talk, struct conversation_memory *memory,
                                         const struct tcp_chunk *chunk)
{
    for (struct exchange *x = talk->first; x != NULL; x = x->next) {
        bool debris = !x->request_seen && x->response_lost; /* bytes behind an end, no message */
        if (!x->response_complete && !debris &&
            (!x->request_seen || chunk->ack == 0 || seq_lt(x->request.seq, chunk->ack)))
            return x;
    }
    talk->unsolicited += talk->unsolicited < UINT16_MAX;
    return exchange_new(talk, memory);
}

/* A request that was captured after its response began (the capture mixed up the directions). */
struct exchange *exchange_answered_already(struct conversation *talk, uint32_t seq)
{
    struct exchange *candidates[] = { talk->first, talk->done };
    for (int i = 0; i < 2; i++) {
        struct exchange *x = candidates[i];
        if (x != NULL && !x->request_seen && x->response_seen && !talk->mid_stream &&
            x->response.ack != 0 && seq_lt(seq, x->response.ack)) {
            talk->unsolicited--;
            return x;
        }
    }
    return NULL;
}

/* ---- where messages lie ------------------------------------------------------------------------- */

void span_begin(struct message_span *span, const struct tcp_chunk *chunk, uint32_t seq)
{
    *span = (struct message_span){
        .seq = seq,
        .end_seq = seq,
        .ack = chunk->ack,
        .first_frame = chunk->frame,
        .first_capture = chunk->capture,
        .first_ns = chunk->ts_ns,
    };
}

void span_extend(struct message_span *span, const struct tcp_chunk *chunk, uint32_t end_seq)
{
    span->end_seq = end_seq;
    if (end_seq - span->seq > HTTP_SPAN_BYTES) /* sequence numbers wrap: the begin must stay behind the end */
        span->seq = end_seq - HTTP_SPAN_BYTES;
    /* Bytes that waited behind a hole are older than those that filled it. */
    if (span->last_frame != 0 && chunk->ts_ns < span->last_ns)
        return;
    span->last_frame = chunk->frame;
    span->last_capture = chunk->capture;
    span->last_ns = chunk->ts_ns;
}
