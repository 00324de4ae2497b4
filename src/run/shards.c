#include "run/shards.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Deep enough that no thread waits for another's slow moment, small enough to stay cached. */
#define QUEUE_BATCHES 16

struct batch {
    struct block *block; /* that the segments point into; NULL: there are none, it is a tick */
    size_t count;
    int64_t tick_ns;
    int64_t first_ns; /* of the capture */
    struct intake_segment segments[RUN_BATCH];
};

/* Filled by the reading thread, emptied by the shard's. */
struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t head, tail; /* batches taken, batches put; tail - head are waiting */
    bool ended;        /* no more will be put */
    bool abandoned;    /* no more will be taken */
    struct batch batches[QUEUE_BATCHES];
};

struct shard {
    pthread_t thread;
    bool running;
    struct tracker *tracker;
    struct engine *engine;
    struct queue queue;
    int64_t first_ns, now_ns; /* of the capture; set before the queue ends */
    bool ok;
    struct err err;
};

struct shards {
    size_t count;
    struct shard **items;
};

/* ---- a shard's thread ---------------------------------------------------------------------- */

/* NULL: there will be no more. */
static struct batch *next_batch(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->head == queue->tail && !queue->ended)
        pthread_cond_wait(&queue->changed, &queue->lock);
    bool any = queue->head != queue->tail;
    pthread_mutex_unlock(&queue->lock);
    return any ? &queue->batches[queue->head % QUEUE_BATCHES] : NULL;
}

static void batch_done(struct queue *queue, struct batch *batch)
{
    if (batch->block != NULL)
        block_release(batch->block);
    pthread_mutex_lock(&queue->lock);
    queue->head++;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

static void *work(void *context)
{
    struct shard *shard = context;
    struct batch *batch;
    shard->ok = true;
    while ((batch = next_batch(&shard->queue)) != NULL) {
        if (shard->ok) {
            if (batch->block != NULL)
                tracker_begin(shard->tracker, batch->first_ns);
            shard->ok = batch->block == NULL
                            ? tracker_tick(shard->tracker, batch->tick_ns, &shard->err)
                            : tracker_segments(shard->tracker, batch->segments, batch->count, &shard->err);
            if (!shard->ok) {
                pthread_mutex_lock(&shard->queue.lock);
                shard->queue.abandoned = true;
                pthread_mutex_unlock(&shard->queue.lock);
            }
        }
        batch_done(&shard->queue, batch);
    }
    if (!shard->ok)
        return NULL;
    tracker_begin(shard->tracker, shard->first_ns);
    shard->ok = tracker_finish(shard->tracker, shard->now_ns, &shard->err);
    return NULL;
}

/* ---- the reading thread -------------------------------------------------------------------- */

/* The next free batch; NULL: the shard has given up. */
static struct batch *free_batch(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->tail - queue->head == QUEUE_BATCHES && !queue->abandoned)
        pthread_cond_wait(&queue->changed, &queue->lock);
    bool abandoned = queue->abandoned;
    pthread_mutex_unlock(&queue->lock);
    return abandoned ? NULL : &queue->batches[queue->tail % QUEUE_BATCHES];
}

static void put_batch(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->tail++;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

static void end_queue(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->ended = true;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

/* The upper bits: a shard's table uses the lower ones. */
static size_t shard_of(const struct shards *shards, uint32_t hash)
{
    return (size_t)((uint64_t)hash * shards->count >> 32);
}

bool shards_feed(struct shards *shards, const struct intake_segment *segments, size_t count,
                 struct block *block, int64_t first_ns)
{
    struct batch *open[RUN_MAX_THREADS] = { NULL };
    for (size_t i = 0; i < count; i++) {
        size_t s = shard_of(shards, segments[i].hash);
        if (open[s] == NULL) {
            open[s] = free_batch(&shards->items[s]->queue);
            if (open[s] == NULL)
                return false; /* batches begun here were not put yet: nobody sees them */
            open[s]->count = 0;
            open[s]->first_ns = first_ns;
        }
        open[s]->segments[open[s]->count++] = segments[i];
    }
    for (size_t s = 0; s < shards->count; s++)
        if (open[s] != NULL) {
            block_hold(block);
            open[s]->block = block;
            put_batch(&shards->items[s]->queue);
        }
    return true;
}

bool shards_tick(struct shards *shards, int64_t now_ns)
{
    for (size_t s = 0; s < shards->count; s++) {
        struct batch *batch = free_batch(&shards->items[s]->queue);
        if (batch == NULL)
            return false;
        batch->block = NULL;
        batch->count = 0;
        batch->tick_ns = now_ns;
        put_batch(&shards->items[s]->queue);
    }
    return true;
}

/* ---- beginning and end --------------------------------------------------------------------- */

static struct shard *shard_new(const struct rules *rules, const struct tracker_options *options,
                               struct err *err)
{
    struct shard *shard = calloc(1, sizeof *shard);
    if (shard == NULL) {
        err_no_memory(err);
        return NULL;
    }
    pthread_mutex_init(&shard->queue.lock, NULL);
    pthread_cond_init(&shard->queue.changed, NULL);
    shard->engine = engine_new(rules, err);
    if (shard->engine != NULL) {
        struct tracker_sink sink = engine_sink(shard->engine);
        shard->tracker = tracker_new(options, &sink, err);
    }
    if (shard->tracker != NULL) {
        int failed = pthread_create(&shard->thread, NULL, work, shard);
        shard->running = failed == 0;
        if (failed)
            err_set(err, "cannot start a thread: %s", strerror(failed));
    }
    return shard;
}

struct shards *shards_new(size_t count, const struct rules *rules,
                          const struct tracker_options *options, struct err *err)
{
    struct shards *shards = calloc(1, sizeof *shards);
    struct tracker_options part = *options;
    part.parts = (unsigned)count;
    if (shards != NULL)
        shards->items = calloc(count, sizeof(struct shard *));
    if (shards == NULL || shards->items == NULL) {
        free(shards);
        err_no_memory(err);
        return NULL;
    }
    for (; shards->count < count; shards->count++) {
        struct shard *shard = shards->items[shards->count] = shard_new(rules, &part, err);
        if (shard == NULL || !shard->running) {
            shards->count += shard != NULL;
            shards_free(shards);
            return NULL;
        }
    }
    return shards;
}

static void join(struct shard *shard)
{
    if (!shard->running)
        return;
    end_queue(&shard->queue);
    pthread_join(shard->thread, NULL);
    shard->running = false;
}

enum run_result shards_finish(struct shards *shards, int64_t first_ns, int64_t now_ns,
                                 struct tracker **tracker, struct engine **engine, struct err *err)
{
    enum run_result result = RUN_OK;
    for (size_t i = 0; i < shards->count; i++) {
        shards->items[i]->first_ns = first_ns;
        shards->items[i]->now_ns = now_ns;
        end_queue(&shards->items[i]->queue); /* all of them finish side by side */
    }
    for (size_t i = 0; i < shards->count; i++) {
        struct shard *shard = shards->items[i];
        join(shard);
        if (shard->ok || result == RUN_CROWDED)
            continue;
        bool crowded = tracker_crowded(shard->tracker);
        result = crowded ? RUN_CROWDED : RUN_FAILED;
        *err = shard->err;
    }
    *tracker = shards->items[0]->tracker;
    *engine = shards->items[0]->engine;
    for (size_t i = 1; i < shards->count && result == RUN_OK; i++)
        if (!tracker_merge(*tracker, shards->items[i]->tracker, err) ||
            !engine_merge(*engine, shards->items[i]->engine, err))
            result = RUN_FAILED;
    for (size_t i = 0; i < shards->count && result == RUN_OK; i++)
        tracker_number(*tracker, shards->items[i]->tracker);
    return result;
}

void shards_free(struct shards *shards)
{
    if (shards == NULL)
        return;
    for (size_t i = 0; i < shards->count; i++) {
        struct shard *shard = shards->items[i];
        join(shard);
        tracker_free(shard->tracker);
        engine_free(shard->engine);
        pthread_mutex_destroy(&shard->queue.lock);
        pthread_cond_destroy(&shard->queue.changed);
        free(shard);
    }
    free(shards->items);
    free(shards);
}
