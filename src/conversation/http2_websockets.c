#include "conversation/http2_websockets.h"

void http2_websocket_begins(const struct http2_reading *r, uint32_t stream)
{
    struct http2 *h2 = r->h2;
    unsigned open = 0;
    for (const struct websocket *w = h2->websockets; w != NULL; w = websocket_next(w))
        open++;
    h2->websockets_over.is_read = true;
    if (open == HTTP2_MOST_WEBSOCKETS)
        h2->websockets_over.lost = true;
    else
        websocket_open(&h2->websockets, r->memory, stream);
}

void http2_websocket_data(const struct http2_reading *r, uint32_t stream, const uint8_t *bytes, uint32_t length)
{
    struct websocket *w = websocket_find(r->h2->websockets, stream);
    if (w == NULL)
        return;
    struct tcp_chunk piece = *r->chunk;
    piece.bytes = bytes;
    piece.length = length;
    websocket_read(w, r->from, (int)r->from == r->talk->client, &piece);
}

void http2_websocket_ends(const struct http2_reading *r, uint32_t stream)
{
    struct http2 *h2 = r->h2;
    struct websocket *w = websocket_find(h2->websockets, stream);
    if (w == NULL)
        return;
    websocket_add(&h2->websockets_over, w, (unsigned)r->talk->client);
    h2->websockets_over.cut[(int)r->from != r->talk->client] += websocket_is_unclosed(w);
    websocket_end(&h2->websockets, r->memory, w);
}

void http2_websockets_lost(const struct http2_reading *r)
{
    for (struct websocket *w = r->h2->websockets; w != NULL; w = websocket_next(w))
        websocket_lost(w, r->from);
}

void http2_websockets_drop(struct http2 *h2, struct conversation_memory *memory)
{
    while (h2->websockets != NULL)
        websocket_end(&h2->websockets, memory, h2->websockets);
}

struct websocket_outcome http2_websockets_outcome(const struct http2 *h2, unsigned client)
{
    struct websocket_outcome o = h2->websockets_over;
    for (const struct websocket *w = h2->websockets; w != NULL; w = websocket_next(w)) {
        websocket_add(&o, w, client);
        o.open += websocket_is_unclosed(w);
    }
    return o;
}
