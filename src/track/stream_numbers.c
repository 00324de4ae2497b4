#include "track/stream_numbers.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

static struct stream_frames *frames_of(struct streams *streams, uint16_t capture)
{
    while (streams->count <= capture) {
        if (!VEC_ROOM(streams))
            return NULL;
        streams->items[streams->count++] = (struct stream_frames){ 0 };
    }
    return &streams->items[capture];
}

bool streams_open(struct streams *streams, uint16_t capture, uint32_t frame)
{
    struct stream_frames *frames = frames_of(streams, capture);
    if (frames == NULL || !VEC_ROOM(frames))
        return false;
    frames->items[frames->count++] = frame;
    return true;
}

/* ---- connections in several files ---------------------------------------------------------- */

/* Where the pair is, or the free slot that it belongs in. Spread by the golden ratio (Knuth, The Art of
 * Computer Programming, section 6.4): the numbers are ours, nobody can make them collide at will. */
static uint64_t *slot_of(uint64_t *slots, size_t capacity, uint64_t pair)
{
    size_t i = (size_t)((pair * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (capacity - 1);
    while (slots[i] != 0 && slots[i] != pair)
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static bool grow_elsewhere(struct streams *streams)
{
    size_t capacity = streams->elsewhere.capacity == 0 ? 256 : streams->elsewhere.capacity * 2;
    uint64_t *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < streams->elsewhere.capacity; i++)
        if (streams->elsewhere.slots[i] != 0)
            *slot_of(slots, capacity, streams->elsewhere.slots[i]) = streams->elsewhere.slots[i];
    free(streams->elsewhere.slots);
    streams->elsewhere.slots = slots;
    streams->elsewhere.capacity = capacity;
    return true;
}

bool streams_go_on(struct streams *streams, uint64_t connection, uint16_t capture, uint32_t frame)
{
    if (streams->elsewhere.count * 2 >= streams->elsewhere.capacity && !grow_elsewhere(streams))
        return false;
    uint64_t pair = (connection << 16 | capture) + 1;
    uint64_t *slot = slot_of(streams->elsewhere.slots, streams->elsewhere.capacity, pair);
    if (*slot == pair)
        return true;
    *slot = pair;
    streams->elsewhere.count++;
    return streams_open(streams, capture, frame);
}

/* ---- numbers ---------------------------------------------------------------------------------- */

static bool merge_frames(struct stream_frames *into, const struct stream_frames *other)
{
    if (other->count == 0)
        return true;
    size_t count = into->count + other->count;
    uint32_t *merged = malloc(count * sizeof *merged);
    if (merged == NULL)
        return false;
    for (size_t i = 0, a = 0, b = 0; i < count; i++) {
        bool first = b == other->count ||
                     (a < into->count && into->items[a] <= other->items[b]);
        merged[i] = first ? into->items[a++] : other->items[b++];
    }
    free(into->items);
    *into = (struct stream_frames){ merged, count, count };
    return true;
}

bool streams_merge(struct streams *streams, const struct streams *other)
{
    for (size_t i = 0; i < other->count; i++) {
        struct stream_frames *into = frames_of(streams, (uint16_t)i);
        if (into == NULL || !merge_frames(into, &other->items[i]))
            return false;
    }
    return true;
}

uint32_t streams_number(const struct streams *streams, uint16_t capture, uint32_t frame)
{
    if (capture >= streams->count)
        return 0;
    const struct stream_frames *frames = &streams->items[capture];
    size_t low = 0, high = frames->count; /* the first one not below `frame` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (frames->items[middle] < frame)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t)low;
}

uint64_t streams_total(const struct streams *streams)
{
    uint64_t total = 0;
    for (size_t i = 0; i < streams->count; i++)
        total += streams->items[i].count;
    return total;
}

void streams_free(struct streams *streams)
{
    for (size_t i = 0; i < streams->count; i++)
        free(streams->items[i].items);
    free(streams->items);
    free(streams->elsewhere.slots);
    *streams = (struct streams){ 0 };
}
