#include "conversation/websocket.h"

#include "conversation/conversation.h"

/* RFC 6455 section 5.2 */
enum opcode { OPCODE_CONTINUATION = 0, OPCODE_TEXT = 1, OPCODE_BINARY = 2, OPCODE_CLOSE = 8, OPCODE_PING = 9, OPCODE_PONG = 10 };

/* Two bytes, up to eight of length, four of mask. */
#define MOST_HEAD 14
/* Of a Close: its code. */
#define CODE_BYTES 2
/* Control frames are no longer (section 5.5). */
#define MOST_CONTROL 125

struct websocket_end {
    uint64_t left;   /* of the payload */
    uint8_t head[MOST_HEAD];
    uint8_t have;    /* bytes of the head */
    uint8_t code[CODE_BYTES], code_have;
    bool begun;      /* a frame was read */
    bool lost;
    bool closed;     /* its FIN went by */
    int64_t last_ns; /* when it last sent something; 0: never */
    struct websocket_close close;
    struct unanswered ping;
};

struct websocket {
    struct websocket_end end[2]; /* by end of the TCP connection */
    uint32_t pings;
    bool foreign; /* an end's first bytes are no frame: something else is spoken */
    struct websocket *next; /* of HTTP/2, as is the next */
    uint32_t stream_id;
};

unsigned websocket_bytes(void)
{
    return sizeof(struct websocket);
}

/* Of the head that has begun, as far as it tells; at least the first two bytes. */
static unsigned head_bytes(const struct websocket_end *e)
{
    if (e->have < 2)
        return 2;
    unsigned length = e->head[1] & 0x7f;
    return 2u + (length == 126 ? 2u : length == 127 ? 8u : 0u) + (e->head[1] & 0x80 ? 4u : 0u);
}

static uint64_t payload_bytes(const struct websocket_end *e)
{
    unsigned length = e->head[1] & 0x7f, bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
    uint64_t n = 0;
    for (unsigned i = 0; i < bytes; i++)
        n = n << 8 | e->head[2 + i];
    return bytes == 0 ? length : n;
}

/* The client masks, the server does not (section 5.1); control frames are short and whole. */
static bool may_be_head(const struct websocket_end *e, bool is_client)
{
    unsigned opcode = e->head[0] & 0x0f;
    bool known = opcode <= OPCODE_BINARY || (opcode >= OPCODE_CLOSE && opcode <= OPCODE_PONG), fin = e->head[0] & 0x80;
    bool control = opcode >= OPCODE_CLOSE;
    return known && (e->head[1] & 0x80 ? is_client : !is_client) && (!control || (fin && (e->head[1] & 0x7f) <= MOST_CONTROL));
}

static unsigned opcode_of(const struct websocket_end *e)
{
    return e->head[0] & 0x0f;
}

static void begin_payload(struct websocket *w, unsigned from, const struct tcp_chunk *chunk)
{
    struct websocket_end *e = &w->end[from];
    e->begun = true;
    e->left = payload_bytes(e);
    e->code_have = CODE_BYTES; /* of the first Close alone it is read */
    switch (opcode_of(e)) {
    case OPCODE_CLOSE:
        if (e->close.frame == 0) {
            e->close = (struct websocket_close){ .ns = chunk->ts_ns, .frame = chunk->frame, .capture = chunk->capture, .heard_ns = w->end[!from].last_ns };
            e->code_have = 0;
        }
        break;
    case OPCODE_PING:
        w->pings += w->pings < UINT32_MAX;
        unanswered_ask(&e->ping, chunk);
        break;
    case OPCODE_PONG: /* the newest may be answered alone (section 5.5.3); who says it unasked answers nothing */
        if (w->end[!from].close.frame == 0 && !w->end[!from].closed) /* else it had given up */
            w->end[!from].ping.count = 0;
        break;
    }
}

/* The code stands masked where the client says it. */
static void keep_code(struct websocket_end *e, const uint8_t *bytes, uint64_t length)
{
    if (bytes == NULL) /* it was not captured */
        e->code_have = CODE_BYTES;
    if (e->code_have == CODE_BYTES)
        return;
    const uint8_t *mask = e->head[1] & 0x80 ? &e->head[head_bytes(e) - 4] : NULL;
    for (uint64_t i = 0; i < length && e->code_have < CODE_BYTES; i++, e->code_have++)
        e->code[e->code_have] = (uint8_t)(bytes[i] ^ (mask != NULL ? mask[e->code_have] : 0));
    if (e->code_have == CODE_BYTES)
        e->close.code = (uint16_t)(e->code[0] << 8 | e->code[1]);
}

void websocket_read(struct websocket *w, unsigned from, bool is_client, const struct tcp_chunk *chunk)
{
    struct websocket_end *e = &w->end[from];
    uint32_t at = 0;
    e->last_ns = chunk->ts_ns;
    while (at < chunk->length && !e->lost) {
        const uint8_t *bytes = chunk->bytes != NULL ? chunk->bytes + at : NULL;
        uint32_t rest = chunk->length - at;
        if (e->have < head_bytes(e)) {
            if (bytes == NULL) {
                e->lost = true;
                return;
            }
            e->head[e->have++] = *bytes;
            at++;
            if (e->have == 2 && !may_be_head(e, is_client)) {
                e->lost = true;
                w->foreign |= !e->begun;
            } else if (e->have == head_bytes(e)) {
                begin_payload(w, from, chunk);
            }
        } else {
            uint32_t taken = e->left < rest ? (uint32_t)e->left : rest;
            if (opcode_of(e) == OPCODE_CLOSE)
                keep_code(e, bytes, taken);
            e->left -= taken;
            at += taken;
        }
        if (e->have == head_bytes(e) && e->have >= 2 && e->left == 0)
            e->have = 0;
    }
}

/* NULL: no memory. */
static struct websocket *websocket_of(struct conversation *talk, struct conversation_memory *memory)
{
    struct websocket **w = &talk->stream[0].websocket;
    if (*w == NULL)
        *w = slab_take(&memory->websockets);
    memory->failed |= *w == NULL;
    return *w;
}

void websocket_input(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct tcp_chunk *chunk)
{
    struct websocket *w = websocket_of(talk, memory);
    if (w != NULL)
        websocket_read(w, from, (int)from == talk->client, chunk);
}

void websocket_lose(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    struct websocket *w = websocket_of(talk, memory);
    if (w != NULL)
        w->end[from].lost = true;
}

void websocket_finish(struct conversation *talk, unsigned from)
{
    if (talk->stream[0].websocket != NULL)
        talk->stream[0].websocket->end[from].closed = true;
}

void websocket_drop(struct conversation *talk, struct conversation_memory *memory)
{
    if (talk->stream[0].websocket != NULL)
        slab_give(&memory->websockets, talk->stream[0].websocket);
    talk->stream[0].websocket = NULL;
}

static bool names_error(const struct websocket_close *close)
{
    return close->frame != 0 && close->code > 1001 && close->code < 1015;
}

/* Is it to be kept, and not the other? */
static bool tells_more(const struct websocket_close *close, const struct websocket_close *than)
{
    if (close->frame == 0 || than->frame == 0)
        return close->frame != 0;
    return names_error(close) != names_error(than) ? names_error(close) : close->ns < than->ns;
}

void websocket_add(struct websocket_outcome *o, const struct websocket *w, unsigned client)
{
    o->is_read |= !w->foreign;
    o->lost |= w->end[0].lost || w->end[1].lost;
    o->pings += w->pings;
    for (unsigned role = 0; role < 2; role++) {
        const struct websocket_end *e = &w->end[role == 0 ? client : !client];
        if (tells_more(&e->close, &o->close[role]))
            o->close[role] = e->close;
        o->ping[role] = e->ping;
    }
}

struct websocket_outcome websocket_outcome(const struct conversation *talk, unsigned client)
{
    struct websocket_outcome o = { 0 };
    const struct websocket *w = talk->stream[0].websocket;
    if (w != NULL)
        websocket_add(&o, w, client);
    else
        o.is_read = true; /* not one byte */
    return o;
}

/* ---- in streams ------------------------------------------------------------------------------------------ */

struct websocket *websocket_open(struct websocket **list, struct conversation_memory *memory, uint32_t stream_id)
{
    struct websocket *w = slab_take(&memory->websockets);
    memory->failed |= w == NULL;
    if (w == NULL)
        return NULL;
    w->stream_id = stream_id;
    w->next = *list;
    *list = w;
    return w;
}

struct websocket *websocket_find(struct websocket *list, uint32_t stream_id)
{
    while (list != NULL && list->stream_id != stream_id)
        list = list->next;
    return list;
}

struct websocket *websocket_next(const struct websocket *w)
{
    return w->next;
}

void websocket_end(struct websocket **list, struct conversation_memory *memory, struct websocket *w)
{
    while (*list != w)
        list = &(*list)->next;
    *list = w->next;
    slab_give(&memory->websockets, w);
}

void websocket_lost(struct websocket *w, unsigned from)
{
    w->end[from].lost = true;
}

bool websocket_is_unclosed(const struct websocket *w)
{
    return w->end[0].close.frame == 0 && w->end[1].close.frame == 0;
}
