/* opaque - what nobody recognises: its exchanges are told by turns alone, until a client begins a handshake of TLS. */
#include <string.h>

#include "conversation/protocol.h"
#include "conversation/start.h"
#include "conversation/tls_clear.h"
#include "conversation/tls_records.h"
#include "conversation/turns.h"

/* Behind a command of the protocol's own (STARTTLS of SMTP, IMAP, POP3, XMPP and LDAP, AUTH TLS of FTP, SSLRequest of PostgreSQL
 * and MySQL, a SOCKS proxy) the client's next segment begins with a ClientHello: a record whose length and whose message's
 * length fit each other, and both versions (RFC 8446 sections 4, 4.1.2 and 5.1). By chance 11 bytes are one once in 2^50. */
enum { TYPE_AT = 5, MESSAGE_LENGTH_AT = 6, VERSION_AT = 9, HELLO_START = 11, CLIENT_HELLO = 1, MESSAGE_HEADER = 4 };

static enum detected detect_hello(const uint8_t *b, size_t length)
{
    const struct {
        uint8_t at, least, most;
    } fixed[] = { { 0, TLS_HANDSHAKE, TLS_HANDSHAKE }, { 1, 3, 3 }, { 2, 0, 3 }, { TYPE_AT, CLIENT_HELLO, CLIENT_HELLO },
                  { VERSION_AT, 3, 3 }, { VERSION_AT + 1, 0, 3 } };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed && fixed[i].at < length; i++)
        if (b[fixed[i].at] < fixed[i].least || b[fixed[i].at] > fixed[i].most)
            return DETECTED_NO;
    if (length < HELLO_START)
        return DETECTED_PERHAPS;
    uint32_t record = (uint32_t)b[3] << 8 | b[4];
    uint32_t message = (uint32_t)b[MESSAGE_LENGTH_AT] << 16 | (uint32_t)b[MESSAGE_LENGTH_AT + 1] << 8 | b[MESSAGE_LENGTH_AT + 2];
    return message + MESSAGE_HEADER == record ? DETECTED_YES : DETECTED_NO;
}

/* With what is kept of the pieces before. */
static enum detected detect(const struct conversation_stream *stream, const struct tcp_chunk *chunk)
{
    uint8_t bytes[HELLO_START];
    size_t have = stream->start != NULL ? stream->start->chunk.length : 0;
    size_t more = chunk->length < sizeof bytes - have ? chunk->length : sizeof bytes - have;
    if (stream->start != NULL)
        memcpy(bytes, stream->start->bytes, have);
    memcpy(bytes + have, chunk->bytes, more);
    return detect_hello(bytes, have + more);
}

static void give_start(struct conversation_stream *stream, struct conversation_memory *memory)
{
    if (stream->start != NULL)
        slab_give(&memory->starts, stream->start);
    stream->start = NULL;
}

/* It was no hello: a message as others. */
static void hand_on_start(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    struct conversation_stream *stream = &talk->stream[from];
    if (stream->start != NULL)
        turns_input(talk, memory, from, &stream->start->chunk, false);
    give_start(stream, memory);
}

static void begin_tls(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    struct http_start *start = talk->stream[from].start;
    talk->stream[from].start = NULL;
    hand_on_start(talk, memory, !from);
    turns_secure(talk, memory);
    talk->stream[0] = talk->stream[1] = (struct conversation_stream){ 0 };
    conversation_become(talk, memory, PROTOCOL_TLS);
    if (start == NULL)
        return;
    tls_ops.input(talk, memory, from, &start->chunk);
    slab_give(&memory->starts, start);
}

static void input(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                  const struct tcp_chunk *chunk)
{
    struct conversation_stream *stream = &talk->stream[from];
    if (from != turns_client(talk)) { /* what it had of the client's was a message */
        hand_on_start(talk, memory, !from);
    } else if (chunk->bytes != NULL && !tls_clear_is_read(talk)) { /* TLS within TLS is not read */
        enum detected detected = detect(stream, chunk);
        if (detected == DETECTED_PERHAPS && start_keep(stream, memory, chunk))
            return;
        if (detected == DETECTED_YES) {
            begin_tls(talk, memory, from);
            return; /* TLS gets the chunk */
        }
    }
    hand_on_start(talk, memory, from);
    turns_input(talk, memory, from, chunk, false);
}

static void drop(struct conversation *talk, struct conversation_memory *memory)
{
    for (int i = 0; i < 2; i++)
        give_start(&talk->stream[i], memory);
}

const struct protocol_ops opaque_ops = { .input = input, .finish = hand_on_start, .drop = drop, .inferred = true };
