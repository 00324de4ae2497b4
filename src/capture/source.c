#include "capture/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Large enough that system calls do not count, small enough to stay in a level 2 cache. */
#define SOURCE_BUFFER_BYTES (512 * 1024)

/* So long a pipe may be silent before whoever reads it is asked whether to go on. */
#define SOURCE_PATIENCE_MS 200

static size_t read_file(struct source *source, uint8_t *bytes, size_t room)
{
    ssize_t n;
    do {
        struct pollfd readable = { source->fd, POLLIN, 0 };
        if (source->may_pause && poll(&readable, 1, SOURCE_PATIENCE_MS) <= 0) {
            source->paused = true;
            return 0;
        }
        n = read(source->fd, bytes, room);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        snprintf(source->error, sizeof source->error, "%s", strerror(errno));
    return n > 0 ? (size_t)n : 0;
}

static void close_file(struct source *source)
{
    if (source->fd > STDERR_FILENO)
        close(source->fd);
    source->fd = -1;
}

static const struct source_ops file_ops = { read_file, close_file };

static bool take_buffer(struct source *source)
{
    source->block = block_new(SOURCE_BUFFER_BYTES);
    if (source->block == NULL)
        return false;
    source->buffer = source->block->bytes;
    return true;
}

bool source_open(struct source *source, const char *path, const struct opener *opener, struct err *err)
{
    *source = (struct source){ .ops = &file_ops, .fd = -1 };
    bool standard_input = strcmp(path, "-") == 0;
    const char *name = standard_input ? "standard input" : path;
    struct stat st;
    source->fd = standard_input ? STDIN_FILENO : opener_open(opener, path);
    if (source->fd < 0)
        return err_set(err, "%s: cannot open: %s", name, strerror(errno));
    if (fstat(source->fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        source_close(source);
        return err_set(err, "%s: is a directory, not a capture file", name);
    }
    if (standard_input && isatty(source->fd)) {
        source->fd = -1;
        return err_set(err, "standard input is a terminal; pipe a capture into it, "
                            "for example: tcpdump -U -w - | hangup -");
    }
    if (take_buffer(source))
        return true;
    source_close(source);
    return err_no_memory(err);
}

int64_t source_file_bytes(const struct source *source)
{
    struct stat st;
    bool is_file = source->fd > STDERR_FILENO && fstat(source->fd, &st) == 0 && S_ISREG(st.st_mode);
    return is_file ? (int64_t)st.st_size : -1;
}

bool source_stack(struct source *source, const struct source_ops *ops, void *state, struct err *err)
{
    *source = (struct source){ .ops = ops, .fd = -1, .state = state };
    return take_buffer(source) || err_no_memory(err);
}

void source_may_pause(struct source *source)
{
    struct stat st;
    source->may_pause = source->fd >= 0 && fstat(source->fd, &st) == 0 && !S_ISREG(st.st_mode);
}

void source_close(struct source *source)
{
    source->ops->close(source);
    block_release(source->block);
    source->block = NULL;
    while (source->spare_count > 0)
        block_release(source->spare[--source->spare_count]);
}

/* A block of at least that size that nobody looks at. */
static struct block *free_block(struct source *source, size_t capacity)
{
    for (size_t i = 0; i < source->spare_count; i++)
        if (block_is_own(source->spare[i]) && source->spare[i]->capacity >= capacity) {
            struct block *block = source->spare[i];
            source->spare[i] = source->spare[--source->spare_count];
            return block;
        }
    return block_new(capacity);
}

/* Moves what is not consumed to the start of a block with room for `wanted` bytes. false: no memory. */
static bool make_room(struct source *source, size_t wanted)
{
    struct block *old = source->block, *block = old;
    if (!block_is_own(old) || wanted > old->capacity)
        block = free_block(source, wanted > SOURCE_BUFFER_BYTES ? wanted : SOURCE_BUFFER_BYTES);
    if (block == NULL)
        return false;
    memmove(block->bytes, source->buffer + source->start, source_left(source));
    source->end -= source->start;
    source->start = 0;
    source->block = block;
    source->buffer = block->bytes;
    if (block == old)
        return true;
    if (source->spare_count < SOURCE_SPARE_BLOCKS)
        source->spare[source->spare_count++] = old;
    else
        block_release(old);
    return true;
}

/* One read into the free end of the buffer. */
static void fill(struct source *source)
{
    size_t n = source->ops->read(source, source->buffer + source->end, source->block->capacity - source->end);
    source->at_end = n == 0 && !source->paused;
    source->end += n;
}

const uint8_t *source_need(struct source *source, size_t wanted)
{
    source->paused = false;
    if (source_left(source) < wanted && !source->at_end) {
        if (!make_room(source, wanted)) {
            source->at_end = true;
            snprintf(source->error, sizeof source->error, "out of memory");
            return NULL;
        }
        while (source_left(source) < wanted && !source->at_end && !source->paused)
            fill(source);
    }
    return source_have(source, wanted);
}

bool source_skip(struct source *source, uint64_t count)
{
    while (count > 0) {
        while (source_left(source) == 0 && source_need(source, 1) == NULL)
            if (!source->paused) /* half skipped, it would not be known again */
                return false;
        size_t step = source_left(source) < count ? source_left(source) : (size_t)count;
        source_step(source, step);
        count -= step;
    }
    return true;
}
