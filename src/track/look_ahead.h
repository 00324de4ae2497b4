/*
 * look_ahead - the memory that the next segments will touch, asked for in time.
 *
 * With many connections open at once nothing of one is in a cache when its segment comes, and the time goes
 * into waiting. So a segment's place in the table is asked for, some segments later its connection, then
 * what hangs on that, until it is accounted for: the waits overlap. Nothing but time depends on it.
 */
#ifndef HANGUP_TRACK_LOOK_AHEAD_H
#define HANGUP_TRACK_LOOK_AHEAD_H

#include "track/intake.h"

/* Into the second-level cache: with the first one, a core can keep track of fewer. */
static inline void look_ahead_at(const void *line)
{
    __builtin_prefetch(line, 0, 2);
}

/* Before the first segment of a batch, for those that look_ahead will not look at. */
void look_ahead_first(const struct tcp_table *table, const struct intake_segment *batch, size_t count);

/* Before each segment: count, of those left in the batch, with this one. */
void look_ahead(const struct tcp_table *table, const struct intake_segment *segment, size_t count);

#endif
