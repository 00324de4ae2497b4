#include "capture/capture_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER_BATCH 256

struct member {
    const char *path;        /* to open it (again); NULL: always open */
    struct capture *capture; /* NULL while parked or finished */
    struct capture_info info; /* the last known, once the capture is closed */
    struct packet batch[MEMBER_BATCH];
    size_t next, count;      /* packets of the batch not handed out: [next, count) */
    int64_t next_ts_ns;      /* of the next packet; valid unless finished */
    bool parked, finished;
    bool keeps_bytes;
    int64_t file_bytes;      /* see struct capture */
    uint16_t number;
    const struct capture_secrets *secrets; /* the set's */
    const struct opener *opener;           /* likewise */
};

struct capture_set {
    size_t count;
    struct member *members;
    struct member *last; /* whose packets were handed out last; NULL: nobody's */
    struct member **heap; /* those with packets left */
    size_t heap_count;
    bool in_order;        /* the heap is filled */
};

/* Makes sure that the member has a packet at `next`, or is finished: PACKETS. IDLE: it is a pipe that has none yet. */
static enum capture_event refill(struct member *member, struct err *err)
{
    if (member->finished || member->parked || member->next < member->count)
        return CAPTURE_PACKETS;
    struct capture_batch batch = { .packets = member->batch, .max = MEMBER_BATCH };
    enum capture_event event = capture_read(member->capture, &batch, err);
    if (event == CAPTURE_FAILED || event == CAPTURE_IDLE)
        return event;
    member->next = 0;
    member->count = batch.count;
    if (event == CAPTURE_PACKETS) {
        member->next_ts_ns = member->batch[0].ts_ns;
        return CAPTURE_PACKETS;
    }
    member->finished = true;
    member->info = member->capture->info;
    capture_close(member->capture);
    member->capture = NULL;
    return CAPTURE_PACKETS;
}

/* The same, however long it takes. */
static bool wait_for_packet(struct member *member, struct err *err)
{
    enum capture_event event;
    do
        event = refill(member, err);
    while (event == CAPTURE_IDLE);
    return event == CAPTURE_PACKETS;
}

static bool open_member(struct member *member, struct err *err)
{
    member->capture = capture_open(member->path, member->opener, err);
    if (member->capture == NULL)
        return false;
    member->capture->number = member->number;
    member->capture->secrets = member->secrets;
    return true;
}

/* Opens a file to see its first packet, and closes it again where that can be undone. */
static bool first_look(struct member *member, bool alone, struct err *err)
{
    if (!open_member(member, err))
        return false;
    member->info = member->capture->info;
    member->file_bytes = member->capture->file_bytes;
    member->keeps_bytes = capture_block(member->capture) != NULL;
    if (alone)
        return true;
    if (!wait_for_packet(member, err))
        return false;
    if (!member->finished && member->file_bytes >= 0) {
        capture_close(member->capture);
        member->capture = NULL;
        member->count = member->next = 0;
        member->parked = true;
    }
    return true;
}

static bool unpark(struct member *member, struct err *err)
{
    if (!member->parked)
        return true;
    member->parked = false;
    return open_member(member, err) && wait_for_packet(member, err);
}

static struct capture_set *new_set(size_t count, struct err *err)
{
    struct capture_set *set = calloc(1, sizeof *set);
    if (set != NULL) {
        set->members = calloc(count, sizeof *set->members);
        set->heap = calloc(count, sizeof *set->heap);
    }
    if (set == NULL || set->members == NULL || set->heap == NULL) {
        capture_set_close(set); /* of no member yet */
        err_no_memory(err);
        return NULL;
    }
    set->count = count;
    return set;
}

struct capture_set *capture_set_open(const char *const *paths, size_t count, const struct opener *opener,
                                     const struct capture_secrets *secrets, struct err *err)
{
    if (count > UINT16_MAX) {
        err_set(err, "%zu files are too many at once (at most %d)", count, UINT16_MAX);
        return NULL;
    }
    struct capture_set *set = new_set(count, err);
    if (set == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        set->members[i].path = paths[i];
        set->members[i].number = (uint16_t)i;
        set->members[i].secrets = secrets;
        set->members[i].opener = opener;
        if (!first_look(&set->members[i], count == 1, err)) {
            capture_set_close(set);
            return NULL;
        }
    }
    return set;
}

struct capture_set *capture_set_of(struct capture *capture, struct err *err)
{
    struct capture_set *set = new_set(1, err);
    if (set == NULL) {
        capture_close(capture);
        return NULL;
    }
    set->members[0].capture = capture;
    return set;
}

/* ---- whose packet comes next: a heap, the earliest first; of equal times in the order of the command line ---- */

static bool comes_first(const struct member *a, const struct member *b)
{
    return a->next_ts_ns != b->next_ts_ns ? a->next_ts_ns < b->next_ts_ns : a->number < b->number;
}

static void sink(struct capture_set *set, size_t i)
{
    struct member **heap = set->heap, *moved = heap[i];
    for (size_t child; (child = 2 * i + 1) < set->heap_count; i = child) {
        child += child + 1 < set->heap_count && comes_first(heap[child + 1], heap[child]);
        if (comes_first(moved, heap[child]))
            break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

static void drop_first(struct capture_set *set)
{
    set->heap[0] = set->heap[--set->heap_count];
    if (set->heap_count > 0)
        sink(set, 0);
}

/* Once every member has a packet, or none any more. */
static enum capture_event fill_heap(struct capture_set *set, struct err *err)
{
    enum capture_event event;
    for (size_t i = 0; i < set->count; i++)
        if ((event = refill(&set->members[i], err)) != CAPTURE_PACKETS)
            return event;
    set->heap_count = 0;
    for (size_t i = 0; i < set->count; i++)
        if (!set->members[i].finished)
            set->heap[set->heap_count++] = &set->members[i];
    for (size_t i = set->heap_count / 2; i-- > 0;)
        sink(set, i);
    set->in_order = true;
    return CAPTURE_PACKETS;
}

/* Brings the member with the earliest packet to the top, open and with that packet; CAPTURE_END: there is none. */
static enum capture_event find_first(struct capture_set *set, struct err *err)
{
    enum capture_event event = set->in_order ? CAPTURE_PACKETS : fill_heap(set, err);
    while (event == CAPTURE_PACKETS && set->heap_count > 0) {
        struct member *first = set->heap[0];
        event = refill(first, err); /* it alone may have handed out its last one */
        if (event != CAPTURE_PACKETS)
            break;
        sink(set, 0);
        if (set->heap[0] != first)
            continue;
        if (!first->finished && !unpark(first, err))
            return CAPTURE_FAILED;
        if (!first->finished)
            return CAPTURE_PACKETS;
        drop_first(set);
    }
    return event == CAPTURE_PACKETS ? CAPTURE_END : event;
}

/* The earliest packet of the members that are not at the top. */
static int64_t next_of_others(const struct capture_set *set)
{
    int64_t next = INT64_MAX;
    for (size_t i = 1; i < 3 && i < set->heap_count; i++)
        next = set->heap[i]->next_ts_ns < next ? set->heap[i]->next_ts_ns : next;
    return next;
}

enum capture_event capture_set_read(struct capture_set *set, struct capture_batch *batch, struct err *err)
{
    batch->count = 0;
    if (set->count == 1) {
        struct capture *capture = set->members[0].capture;
        set->last = &set->members[0];
        return capture_read(capture, batch, err);
    }
    enum capture_event event = find_first(set, err);
    if (event != CAPTURE_PACKETS) {
        batch->now_ns = INT64_MIN; /* what the others hold is later, or not known to be earlier */
        return event;
    }
    struct member *first = set->last = set->heap[0];
    int64_t limit = next_of_others(set);
    while (batch->count < batch->max && first->next < first->count &&
           (batch->count == 0 || first->batch[first->next].ts_ns < limit)) {
        struct packet *packet = &batch->packets[batch->count++];
        *packet = first->batch[first->next++];
        packet->capture = first->number;
    }
    if (first->next < first->count)
        first->next_ts_ns = first->batch[first->next].ts_ns;
    return CAPTURE_PACKETS;
}

struct block *capture_set_block(const struct capture_set *set)
{
    return set->last != NULL ? capture_block(set->last->capture) : NULL;
}

bool capture_set_keeps_bytes(const struct capture_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (!set->members[i].keeps_bytes)
            return false;
    return true;
}

bool capture_set_is_files(const struct capture_set *set, uint64_t *bytes)
{
    *bytes = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct member *member = &set->members[i];
        if (member->path == NULL || member->file_bytes < 0)
            return false;
        *bytes += (uint64_t)member->file_bytes;
    }
    return true;
}

bool capture_set_rewind(struct capture_set *set, struct err *err)
{
    set->last = NULL;
    set->in_order = false;
    for (size_t i = 0; i < set->count; i++) {
        struct member *member = &set->members[i];
        capture_close(member->capture);
        *member = (struct member){ .path = member->path, .number = member->number, .secrets = member->secrets, .opener = member->opener };
        if (!first_look(member, set->count == 1, err))
            return false;
    }
    return true;
}

void capture_set_break(struct capture_set *set, const char *why)
{
    for (size_t i = 0; i < set->count; i++) {
        struct member *member = &set->members[i];
        if (member->capture != NULL)
            capture_break(member->capture, "%s", why);
        else if (!member->finished) /* its turn had not come */
            snprintf(member->info.error, sizeof member->info.error, "%s", why);
    }
}

bool capture_set_may_carry_secrets(const struct capture_set *set)
{
    static const char *const formats[] = { "pcapng", "conv" };
    for (size_t i = 0; i < set->count; i++)
        for (size_t f = 0; f < sizeof formats / sizeof *formats; f++)
            if (strcmp(capture_set_info(set, i)->format, formats[f]) == 0)
                return true;
    return false;
}

size_t capture_set_count(const struct capture_set *set)
{
    return set->count;
}

const struct capture_info *capture_set_info(const struct capture_set *set, size_t index)
{
    const struct member *member = &set->members[index];
    return member->capture != NULL ? &member->capture->info : &member->info;
}

void capture_set_close(struct capture_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        capture_close(set->members[i].capture);
    free(set->members);
    free(set->heap);
    free(set);
}
