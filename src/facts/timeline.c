#include "facts/timeline.h"

#include <stddef.h>

#include "base/slab.h"

/* Where the entry of that number is, if it is there at all. */
static const struct timeline_entry *slot_of(const struct timeline *timeline, uint32_t number)
{
    return number < TIMELINE_FIRST ? &timeline->first[number]
                                   : &timeline->last[(number - TIMELINE_FIRST) % TIMELINE_LAST];
}

void timeline_set_since(struct timeline_entry *entry, int64_t since_ns)
{
    const int64_t most = (INT64_C(1) << 47) - 1;
    int64_t us = since_ns / 1000;
    us = us > most ? most : us < -most ? -most : us;
    entry->since_us_low = (uint32_t)us;
    entry->since_us_high = (uint32_t)(us >> 32) & 0xffff;
}

int64_t timeline_since_ns(const struct timeline_entry *entry)
{
    int64_t high = (int16_t)(uint16_t)entry->since_us_high;
    return (high * (INT64_C(1) << 32) + entry->since_us_low) * 1000;
}

static bool is_run(enum timeline_kind kind)
{
    return kind == TIMELINE_REQUEST || kind == TIMELINE_RESPONSE || kind == TIMELINE_DATA ||
           kind == TIMELINE_KEEP_ALIVE || kind == TIMELINE_CONTROL;
}

static bool is_repetition_of(const struct timeline_entry *before, const struct timeline_entry *entry)
{
    return before->kind == TIMELINE_RETRANSMISSION && before->kind == entry->kind && before->from == entry->from;
}

/* Of repetitions in a row, the first stands by itself, and the others are a run that is dated by the last: one sees for how long
 * they went on. */
static bool add_repetition(struct timeline *timeline, const struct timeline_entry *entry)
{
    struct timeline_entry *newest = (struct timeline_entry *)slot_of(timeline, timeline->count - 1);
    if (timeline->count < 2 || !is_repetition_of(newest, entry) || !is_repetition_of(slot_of(timeline, timeline->count - 2), entry))
        return false;
    newest->since_us_low = entry->since_us_low;
    newest->since_us_high = entry->since_us_high;
    newest->frame = newest->last_frame = entry->frame;
    newest->capture = entry->capture;
    newest->bytes = entry->bytes > UINT32_MAX - newest->bytes ? UINT32_MAX : newest->bytes + entry->bytes;
    newest->count = newest->count == UINT16_MAX ? UINT16_MAX : newest->count + 1u;
    return true;
}

bool timeline_add(struct timeline *timeline, const struct timeline_entry *entry,
                  struct slab *tails)
{
    if (timeline->count > 0) {
        struct timeline_entry *newest =
            (struct timeline_entry *)slot_of(timeline, timeline->count - 1);
        if (newest->kind == entry->kind && newest->from == entry->from &&
            is_run((enum timeline_kind)entry->kind) &&
            (entry->info == 0 || entry->info == newest->info)) {
            newest->last_frame = entry->frame;
            newest->bytes = entry->bytes > UINT32_MAX - newest->bytes ? UINT32_MAX
                                                                     : newest->bytes + entry->bytes;
            newest->count = newest->count == UINT16_MAX ? UINT16_MAX : newest->count + 1u;
            return true;
        }
    }
    if (timeline->count > 0 && entry->kind == TIMELINE_RETRANSMISSION && add_repetition(timeline, entry))
        return true;
    if (timeline->count >= TIMELINE_FIRST && timeline->last == NULL) {
        timeline->last = slab_take(tails);
        if (timeline->last == NULL)
            return false;
    }
    timeline->kinds[entry->from] |= (uint16_t)(1u << entry->kind);
    *(struct timeline_entry *)slot_of(timeline, timeline->count++) = *entry;
    return true;
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
    return slot_of(timeline, number);
}
