/*
 * shards - one analysis in several threads.
 *
 * The caller's thread reads and decodes; each shard has the connections whose hash falls to it, with
 * a tracker and an engine of its own. What happens to a connection depends on its own packets and the
 * time alone, so the sum is the same for any number of shards. Private to the floor.
 */
#ifndef HANGUP_RUN_SHARDS_H
#define HANGUP_RUN_SHARDS_H

#include "run/run.h"

/* NULL: err tells. count: 2 to RUN_MAX_THREADS. */
struct shards *shards_new(size_t count, const struct rules *rules,
                          const struct tracker_options *options, struct err *err) WARN_UNUSED;

/* Hands each segment to its shard. `block` holds their bytes; first_ns: as for tracker_begin.
 * false: a shard has failed, and shards_finish tells why. */
bool shards_feed(struct shards *shards, const struct intake_segment *segments, size_t count,
                 struct block *block, int64_t first_ns);

/* See run_tick. Likewise. */
bool shards_tick(struct shards *shards, int64_t now_ns);

/* Waits for all shards, and puts their results together in the first one's tracker and engine, which
 * are valid as long as the shards are. */
enum run_result shards_finish(struct shards *shards, int64_t first_ns, int64_t now_ns,
                                 struct tracker **tracker, struct engine **engine,
                                 struct err *err);

void shards_free(struct shards *shards);

#endif
