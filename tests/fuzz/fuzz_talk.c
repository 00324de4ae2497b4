/*
 * fuzz_talk - any bytes as what two ends of one connection say: records of TLS, frames of HTTP/2 and WebSocket, messages of HTTP/1,
 * opaque protocols. No TCP and no rules stand before it, so that it runs thousands of times a second.
 *
 * The first byte: mid-stream, who is the client. Then pieces: a byte (end, gap, cut, FIN), two of length, the bytes. A gap has none.
 */
#include <stdint.h>
#include <stdlib.h>

#include "conversation/conversation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *context, struct conversation *talk, struct exchange *exchange)
{
    (void)context, (void)talk, (void)exchange;
}

enum { MID_STREAM = 1, CLIENT_KNOWN = 2, SECOND = 1, GAP = 2, CUT = 4, FIN = 8, ACKS = 16, LATER = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct conversation talk = { 0 };
    struct conversation_memory memory = { 0 };
    conversation_memory_init(&memory, &(struct conversation_options){ 0 }, 1);
    memory.complete = memory.settled = ignore;
    conversation_init(&talk, data[0] & CLIENT_KNOWN ? 0 : -1, 0, data[0] & MID_STREAM);
    uint32_t next[2] = { 1000, 0xfffff000 };
    int64_t ns = 1000000000;
    bool over[2] = { false, false };
    for (size_t at = 1; at + 3 <= size;) {
        unsigned kind = data[at], end = kind & SECOND;
        size_t length = (size_t)data[at + 1] << 8 | data[at + 2];
        at += 3;
        ns += kind & LATER ? 1500000000 : 300000;
        if (over[end])
            break;
        if (!(kind & GAP))
            length = length < size - at ? length : size - at;
        if (length > 0) {
            struct tcp_chunk chunk = { .bytes = kind & GAP ? NULL : data + at, .length = (uint32_t)length, .seq = next[end], .ts_ns = ns,
                                       .frame = (uint32_t)at, .cut = kind & GAP && kind & CUT, .ack = kind & ACKS ? next[!end] : 0 };
            conversation_input(&talk, &memory, end, &chunk);
            talk.notes = 0;
            next[end] += (uint32_t)length;
            at += kind & GAP ? 0 : length;
        }
        if (kind & FIN) {
            over[end] = true;
            conversation_fin(&talk, &memory, end);
        }
    }
    conversation_over(&talk, &memory);
    for (unsigned client = 0; client < 2; client++) {
        conversation_tls(&talk, client, false);
        conversation_http2(&talk, client);
        conversation_websocket(&talk, client);
        conversation_announced(&talk, client, ns);
    }
    for (const struct exchange *x = NULL; (x = conversation_next(&talk, x)) != NULL;)
        exchange_before(&talk, x);
    conversation_free(&talk, &memory);
    /* What was taken has been given back. */
    const struct slab *slabs[] = { &memory.exchanges, &memory.parses, &memory.heads, &memory.starts, &memory.hellos,
                                   &memory.http2s, &memory.websockets, &memory.clears, &memory.pieces };
    for (size_t i = 0; i < sizeof slabs / sizeof *slabs; i++)
        if (slabs[i]->live != 0)
            abort();
    conversation_memory_free(&memory);
    return 0;
}
