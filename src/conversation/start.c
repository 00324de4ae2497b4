#include "conversation/start.h"

#include <string.h>

#include "conversation/protocol.h"

void start_drop(struct conversation_stream *stream, struct conversation_memory *memory)
{
    if (stream->mode != MODE_START || stream->start == NULL)
        return;
    slab_give(&memory->starts, stream->start);
    stream->start = NULL;
}

bool start_keep(struct conversation_stream *stream, struct conversation_memory *memory, const struct tcp_chunk *chunk)
{
    struct http_start *start = stream->start;
    uint32_t kept = start != NULL ? start->chunk.length : 0;
    if (chunk->length > HTTP_START_BYTES - kept)
        return false;
    if (start == NULL) {
        start = slab_take(&memory->starts);
        memory->failed |= start == NULL;
        if (start == NULL)
            return false;
        stream->start = start;
        start->proxy = false;
        start->chunk = *chunk;
        start->chunk.bytes = start->bytes;
    }
    memcpy(start->bytes + kept, chunk->bytes, chunk->length);
    start->chunk.length = kept + chunk->length;
    return true;
}

/* What is kept, and what may follow it. */
struct start_bytes {
    uint8_t bytes[2 * HTTP_START_BYTES];
    uint32_t kept, length;
};

static void join(const struct conversation_stream *stream, const struct tcp_chunk *chunk, struct start_bytes *all)
{
    const struct http_start *before = stream->start;
    all->kept = before != NULL ? before->chunk.length : 0;
    uint32_t room = (uint32_t)sizeof all->bytes - all->kept, more = chunk->length < room ? chunk->length : room;
    if (before != NULL)
        memcpy(all->bytes, before->bytes, all->kept);
    memcpy(all->bytes + all->kept, chunk->bytes, more);
    all->length = all->kept + more;
}

enum detected start_add(struct conversation_stream *stream, struct conversation_memory *memory, const struct tcp_chunk *chunk, start_detect *detect)
{
    struct start_bytes all;
    join(stream, chunk, &all);
    enum detected detected = detect(all.bytes, all.length);
    return detected == DETECTED_PERHAPS && !start_keep(stream, memory, chunk) ? DETECTED_NO : detected;
}

enum protocol start_recognise(const struct conversation_stream *stream, const struct tcp_chunk *chunk)
{
    struct start_bytes all;
    if (stream->mode != MODE_START || stream->start == NULL)
        return protocol_recognise(chunk->bytes, chunk->length);
    join(stream, chunk, &all);
    return protocol_recognise(all.bytes, all.length);
}
