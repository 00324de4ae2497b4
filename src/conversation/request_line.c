#include "conversation/request_line.h"

#include <string.h>

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

enum detected start_add(struct conversation_stream *stream, struct conversation_memory *memory, const struct tcp_chunk *chunk)
{
    uint8_t line[2 * HTTP_START_BYTES];
    const struct http_start *before = stream->start;
    uint32_t kept = before != NULL ? before->chunk.length : 0;
    uint32_t more = chunk->length < sizeof line - kept ? chunk->length : (uint32_t)sizeof line - kept;
    if (before != NULL)
        memcpy(line, before->bytes, kept);
    memcpy(line + kept, chunk->bytes, more);
    enum detected detected = detect_request_line(line, kept + more);
    if (detected == DETECTED_NO && before != NULL) { /* something else may be recognised in all of it */
        uint32_t all = kept + more < HTTP_START_BYTES ? kept + more : HTTP_START_BYTES;
        memcpy(stream->start->bytes, line, all);
        stream->start->chunk.length = all;
    }
    if (detected != DETECTED_PERHAPS)
        return detected;
    if (kept + chunk->length > HTTP_START_BYTES)
        return DETECTED_NO;
    if (before == NULL && (stream->start = slab_take(&memory->starts)) == NULL) {
        memory->failed = true;
        return DETECTED_NO;
    }
    struct http_start *start = stream->start;
    if (before == NULL)
        start->chunk = *chunk;
    memcpy(start->bytes, line, kept + more);
    start->chunk.bytes = start->bytes;
    start->chunk.length = kept + more;
    return DETECTED_PERHAPS;
}
