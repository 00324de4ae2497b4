#include "judge/strays.h"

#include <stdlib.h>
#include <string.h>

#include "base/seq.h"

/* ---- the first ones ------------------------------------------------------------------------------------ */

static void add(struct strays *strays, const struct stray *stray)
{
    if (strays->room == NULL) {
        strays->spare = strays->room = malloc((STRAYS_MOST + 1) * sizeof *strays->room);
        strays->failed |= strays->room == NULL;
        strays->first.most = STRAYS_MOST;
    }
    if (strays->room == NULL)
        return;
    *strays->spare = *stray;
    void *left_out;
    strays->failed |= !least_add(&strays->first, stray->id, strays->spare, &left_out);
    strays->spare = left_out != NULL ? left_out : &strays->room[strays->first.count];
}

void strays_note(struct strays *strays, const struct record *r)
{
    /* No handshake, and one end sent but resets: it has no such connection. */
    if (r->open_seen || r->stray_by < 0)
        return;
    enum end_role from = (enum end_role)r->stray_by, to = from == ROLE_SERVER ? ROLE_CLIENT : ROLE_SERVER;
    add(strays, &(struct stray){
                    .id = r->id,
                    .to = *record_address(r, to),
                    .from = *record_address(r, from),
                    .to_port = record_port(r, to),
                    .from_port = record_port(r, from),
                    .ipv6 = r->tuple.ipv6,
                    .reset = r->resets[to] > 0,
                    .seq = r->first_seq[from],
                    .ack = r->acked[from],
                    .first_ns = r->first_ns,
                    .mark = { r->first_ns, r->stream_frame, r->capture },
                });
}

void strays_merge(struct strays *strays, const struct strays *other)
{
    strays->failed |= other->failed;
    for (size_t i = 0; i < other->first.count; i++)
        add(strays, other->first.items[i].item);
}

/* ---- whose they are ----------------------------------------------------------------------------------------- */

static int compare(const struct stray *x, const struct stray *y)
{
    if (x->ipv6 != y->ipv6)
        return x->ipv6 - y->ipv6;
    int order = memcmp(x->to.bytes, y->to.bytes, sizeof x->to.bytes);
    if (order != 0)
        return order;
    return x->to_port != y->to_port ? x->to_port - y->to_port : (x->id > y->id) - (x->id < y->id);
}

static int by_receiver(const void *a, const void *b)
{
    const struct least_item *x = a, *y = b;
    return compare(x->item, y->item);
}

void strays_sort(struct strays *strays)
{
    if (strays->first.count > 0)
        qsort(strays->first.items, strays->first.count, sizeof *strays->first.items, by_receiver);
}

static bool is_near(uint32_t a, uint32_t b)
{
    int32_t apart = seq_diff(a, b);
    return apart <= (int32_t)STRAYS_REACH && apart >= -(int32_t)STRAYS_REACH;
}

static bool is_of(const struct stray *stray, const struct record *r)
{
    bool other_end = stray->from_port != record_port(r, ROLE_SERVER) ||
                     memcmp(stray->from.bytes, record_address(r, ROLE_SERVER)->bytes, sizeof stray->from.bytes) != 0;
    /* What the client has had since came from the right address after all. */
    bool passed = r->acked[ROLE_CLIENT] != 0 && seq_lt(stray->seq, r->acked[ROLE_CLIENT]);
    return other_end && !passed && stray->first_ns >= r->first_ns && is_near(stray->seq, r->next_seq[ROLE_SERVER]) &&
           r->next_seq[ROLE_CLIENT] - stray->ack <= STRAYS_CLIENT_REACH;
}

size_t strays_of(const struct strays *strays, const struct record *r, const struct stray **first)
{
    const struct stray key = { .to = *record_address(r, ROLE_CLIENT), .to_port = record_port(r, ROLE_CLIENT), .ipv6 = r->tuple.ipv6 };
    size_t low = 0, high = strays->first.count, found = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(strays->first.items[middle].item, &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *first = NULL;
    for (; low < strays->first.count; low++) {
        const struct stray *stray = strays->first.items[low].item;
        if (stray->to_port != key.to_port || stray->ipv6 != key.ipv6 || memcmp(stray->to.bytes, key.to.bytes, sizeof key.to.bytes) != 0)
            break;
        if (!is_of(stray, r))
            continue;
        if (*first == NULL)
            *first = stray;
        found++;
    }
    return found;
}

void strays_free(struct strays *strays)
{
    least_free(&strays->first);
    free(strays->room);
}
