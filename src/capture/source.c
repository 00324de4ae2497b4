#include "capture/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Large enough that system calls do not count, small enough to stay in a level 2 cache. */
#define SOURCE_BUFFER_BYTES (512 * 1024)

bool source_open(struct source *source, const char *path, struct err *err)
{
    *source = (struct source){ .fd = -1 };
    bool standard_input = strcmp(path, "-") == 0;
    const char *name = standard_input ? "standard input" : path;
    struct stat st;
    source->fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
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
    source->buffer = malloc(SOURCE_BUFFER_BYTES);
    if (source->buffer == NULL) {
        source_close(source);
        return err_no_memory(err);
    }
    source->capacity = SOURCE_BUFFER_BYTES;
    return true;
}

void source_close(struct source *source)
{
    if (source->fd > STDERR_FILENO)
        close(source->fd);
    source->fd = -1;
    free(source->buffer);
    source->buffer = NULL;
}

/* One read(2) into the free end of the buffer. */
static void fill(struct source *source)
{
    ssize_t n;
    do
        n = read(source->fd, source->buffer + source->end, source->capacity - source->end);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        source->at_end = true;
        source->read_errno = n < 0 ? errno : 0;
        return;
    }
    source->end += (size_t)n;
}

const uint8_t *source_need(struct source *source, size_t wanted)
{
    if (source_left(source) < wanted && !source->at_end) {
        memmove(source->buffer, source->buffer + source->start, source_left(source));
        source->end -= source->start;
        source->start = 0;
        if (wanted > source->capacity) {
            uint8_t *grown = realloc(source->buffer, wanted);
            if (grown == NULL) {
                source->at_end = true;
                source->read_errno = ENOMEM;
                return NULL;
            }
            source->buffer = grown;
            source->capacity = wanted;
        }
        while (source_left(source) < wanted && !source->at_end)
            fill(source);
    }
    return source_have(source, wanted);
}

bool source_skip(struct source *source, uint64_t count)
{
    while (count > 0) {
        if (source_left(source) == 0 && source_need(source, 1) == NULL)
            return false;
        size_t step = source_left(source) < count ? source_left(source) : (size_t)count;
        source_step(source, step);
        count -= step;
    }
    return true;
}
