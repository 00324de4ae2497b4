/*
 * source - bytes of a file or pipe, or of another source unpacked (unpack.h), seen through one buffer.
 *
 * Nothing is copied out: callers look at the bytes in place and then step over them.
 */
#ifndef HANGUP_CAPTURE_SOURCE_H
#define HANGUP_CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/block.h"
#include "base/err.h"
#include "capture/opener.h"

/* Blocks whose bytes others may still look at, kept to be filled again. */
#define SOURCE_SPARE_BLOCKS 64

struct source;

/* Where a source's bytes come from: sources are stacked by having one read another. */
struct source_ops {
    /* So many bytes, at most `room`; 0: the end, or source->error tells why there are no more. */
    size_t (*read)(struct source *source, uint8_t *bytes, size_t room);
    void (*close)(struct source *source);
};

struct source {
    const struct source_ops *ops;
    int fd;                      /* of a file or pipe */
    void *state;                 /* of other sources */
    struct block *block;         /* being read into */
    struct block *spare[SOURCE_SPARE_BLOCKS];
    size_t spare_count;
    uint8_t *buffer;             /* the block's bytes */
    size_t start, end;           /* bytes [start, end) are read and not consumed */
    uint64_t offset;             /* position of `start` in the file */
    bool at_end;                 /* no more bytes will come */
    bool may_pause;              /* see source_may_pause */
    bool paused;                 /* the last source_need had to wait for too long, or was interrupted */
    char error[160];             /* why reading stopped; "": it did not, or at the end */
};

/* path "-" is standard input. The file must be readable and not a directory. */
bool source_open(struct source *source, const char *path, const struct opener *opener, struct err *err) WARN_UNUSED;

/* Is it a file that can be opened again? Its bytes then, also where they are packed; else -1. */
int64_t source_file_bytes(const struct source *source);
void source_close(struct source *source);

/* A source of one's own; state is closed with it. false: no memory, and state is still the caller's. */
bool source_stack(struct source *source, const struct source_ops *ops, void *state, struct err *err) WARN_UNUSED;

/* From now on source_need gives up waiting for a pipe after a while, or when a signal comes: it returns NULL then, and `paused`
 * says so. */
void source_may_pause(struct source *source);

/* At least `wanted` bytes, reading (and blocking) only if they are not in the buffer yet;
 * NULL when the file ends before. The pointer is valid until the next call that may read, or as long as
 * somebody holds the block. */
const uint8_t *source_need(struct source *source, size_t wanted);

/* The same, but never reads: NULL when they are not in the buffer. */
static inline const uint8_t *source_have(const struct source *source, size_t wanted)
{
    return source->end - source->start >= wanted ? source->buffer + source->start : NULL;
}

static inline size_t source_left(const struct source *source)
{
    return source->end - source->start;
}

/* Steps over bytes that source_need or source_have returned. */
static inline void source_step(struct source *source, size_t count)
{
    source->start += count;
    source->offset += count;
}

/* Steps over any number of bytes, reading as needed; false: the file ended before. */
bool source_skip(struct source *source, uint64_t count);

#endif
