#include "facts/timeline.h"

#include <stddef.h>

static unsigned slot_of(uint32_t number)
{
    return number < TIMELINE_FIRST ? number
                                   : TIMELINE_FIRST + (number - TIMELINE_FIRST) % TIMELINE_LAST;
}

static bool is_run(enum timeline_kind kind)
{
    return kind == TIMELINE_REQUEST || kind == TIMELINE_RESPONSE || kind == TIMELINE_DATA ||
           kind == TIMELINE_KEEP_ALIVE || kind == TIMELINE_RETRANSMISSION;
}

struct timeline_entry *timeline_add(struct timeline *timeline, const struct timeline_entry *entry)
{
    struct timeline_entry *newest =
        timeline->count > 0 ? &timeline->entry[slot_of(timeline->count - 1)] : NULL;
    if (newest != NULL && newest->kind == entry->kind && newest->from == entry->from &&
        is_run((enum timeline_kind)entry->kind) &&
        (entry->info == 0 || entry->info == newest->info)) {
        newest->last_frame = entry->frame;
        newest->bytes += entry->bytes;
        newest->count = newest->count == UINT16_MAX ? UINT16_MAX : newest->count + 1u;
        return newest;
    }
    struct timeline_entry *slot = &timeline->entry[slot_of(timeline->count++)];
    *slot = *entry;
    return slot;
}

unsigned timeline_kept(const struct timeline *timeline)
{
    const uint32_t most = TIMELINE_FIRST + TIMELINE_LAST;
    return timeline->count < most ? timeline->count : most;
}

uint32_t timeline_dropped(const struct timeline *timeline)
{
    return timeline->count - timeline_kept(timeline);
}

const struct timeline_entry *timeline_at(const struct timeline *timeline, unsigned i)
{
    uint32_t number = i < TIMELINE_FIRST ? i : i + timeline_dropped(timeline);
    return &timeline->entry[slot_of(number)];
}
