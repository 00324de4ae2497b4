/*
 * http2 - HTTP/2 in the clear, with prior knowledge: recognised by the client's preface (RFC 9113 section 3.4). Its frames
 * are not read yet.
 */
#include <string.h>

#include "conversation/protocol.h"

static const char preface[] = "PRI * HTTP/2.0\r\n";

static bool recognises(const uint8_t *bytes, size_t length)
{
    size_t known = sizeof preface - 1;
    return length >= 4 && memcmp(bytes, preface, length < known ? length : known) == 0;
}

static void ignore(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                   const struct tcp_chunk *chunk)
{
    (void)talk, (void)memory, (void)from, (void)chunk;
}

const struct protocol_ops http2_ops = { .recognises = recognises, .input = ignore };
