#include "conversation/turns.h"

#include "base/seq.h"
#include "conversation/exchanges.h"

unsigned turns_client(const struct conversation *talk)
{
    return talk->client >= 0 ? (unsigned)talk->client : talk->likely_client;
}

static void complete(struct conversation *talk, struct conversation_memory *memory, struct exchange *x)
{
    x->response_complete = true;
    talk->notes |= NOTE_RESPONSE_COMPLETE;
    exchange_retire(talk, memory, x);
}

/* Had the client the first byte of the answer when it sent this? Then it asks anew, unless the answer came early: a client goes on
 * with its upload for a while. */
static bool is_answered(const struct exchange *x, const struct tcp_chunk *data)
{
    return x->response_seen && !x->awaits_final && x->answered_whole && (data->ack == 0 || seq_lt(x->response.seq, data->ack));
}

/* Nothing went by for so long before the client goes on that it is no later part of the request before, which was answered early. With
 * HTTP/2 such a part may have to wait for the server's window besides; that this takes no longer than as much again is a rule of
 * thumb. */
static bool is_after_rest(const struct conversation *talk, const struct tcp_chunk *data)
{
    const struct exchange *before = talk->done;
    if (before == NULL || before->upgraded) /* what TLS began behind is no request that goes on */
        return before != NULL || !talk->mid_stream;
    return data->ts_ns - before->response.last_ns >= (talk->multiplexed ? 2 : 1) * TURN_REST_NS;
}

static bool is_upload(const struct message_span *request)
{
    return request->end_seq - request->seq > HTTP_HEAD_BYTES;
}

/* Was the exchange an upload, or perhaps a later part of one? */
static bool goes_on_upload(const struct exchange *before)
{
    return before != NULL && before->request_seen && (is_upload(&before->request) || (before->after_upload && !before->after_rest));
}

static void client_sends(struct conversation *talk, struct conversation_memory *memory, const struct tcp_chunk *data)
{
    struct exchange *x = talk->last;
    if (x != NULL && is_answered(x, data)) {
        complete(talk, memory, x);
        x = NULL;
    }
    if (x == NULL) {
        x = exchange_new(talk, memory);
        if (x == NULL)
            return;
        x->inferred = x->request_seen = x->request_complete = true;
        x->after_rest = is_after_rest(talk, data);
        x->after_upload = goes_on_upload(talk->done);
        span_begin(&x->request, data, data->seq);
        talk->requests++;
        talk->notes |= NOTE_REQUEST;
    } else {
        talk->one_way |= !x->response_seen && x->request.last_frame != 0 && data->ts_ns - x->request.last_ns > TURN_REST_NS;
    }
    span_extend(&x->request, data, tcp_chunk_seq(data, data->length));
    x->answered_whole = false;
}

static void server_sends(struct conversation *talk, const struct tcp_chunk *data, bool doubtful)
{
    const uint32_t end_seq = tcp_chunk_seq(data, data->length);
    struct exchange *x = talk->first;
    bool answers = x != NULL && (x->response_seen || !x->request_seen || data->ack == 0 || seq_lt(x->request.seq, data->ack));
    if (!answers) {
        if (talk->done != NULL)
            span_extend(&talk->done->response, data, end_seq);
        return;
    }
    if (!x->response_seen) {
        x->response_seen = true;
        x->response_doubtful = doubtful;
        span_begin(&x->response, data, data->seq);
    }
    if (!doubtful)
        talk->notes |= NOTE_RESPONSE;
    x->response_doubtful &= doubtful;
    x->answered_whole = !x->request_seen || data->ack == 0 || seq_leq(x->request.end_seq, data->ack);
    span_extend(&x->response, data, end_seq);
}

void turns_input(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct tcp_chunk *data,
                 bool doubtful)
{
    if (from == turns_client(talk))
        client_sends(talk, memory, data);
    else
        server_sends(talk, data, doubtful);
}

bool turns_go_on(struct conversation *talk, const struct tcp_chunk *data)
{
    struct exchange *x = talk->last != NULL ? talk->last : talk->done;
    if (x == NULL)
        return false;
    span_extend(&x->request, data, tcp_chunk_seq(data, data->length));
    return true;
}

void turns_take_over(struct conversation *talk)
{
    talk->inferred = true;
    /* Which of several the next bytes answer cannot be told. */
    talk->unsure |= talk->first != talk->last;
    for (struct exchange *x = talk->first; x != NULL; x = x->next) {
        x->inferred = true;
        x->request_complete |= x->request_seen;
        x->request_lost = x->response_lost = false;
    }
}

void turns_upgrade(struct conversation *talk, struct conversation_memory *memory)
{
    talk->first->upgraded = true;
    talk->notes |= NOTE_UPGRADE;
    talk->stream[0].mode = talk->stream[1].mode = MODE_TUNNEL;
    talk->stream[0].websocket = NULL; /* nothing was read, and nothing will be */
    complete(talk, memory, talk->first);
}

void turns_secure(struct conversation *talk, struct conversation_memory *memory)
{
    turns_over(talk, memory);
    exchanges_drop_open(talk, memory);
    if (talk->done != NULL)
        talk->done->upgraded = true;
}

void turns_over(struct conversation *talk, struct conversation_memory *memory)
{
    for (struct exchange *x = talk->first, *next; x != NULL; x = next) {
        next = x->next;
        if (x->response_seen && !x->awaits_final)
            complete(talk, memory, x);
    }
}
