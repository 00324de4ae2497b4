#include "conversation/tls_opening.h"

#include "base/wipe.h"
#include "conversation/tls_records.h"
#include "tls/key_schedule.h"

#define MOST_TRIED_BYTES (256u * 1024)
#define MOST_TRIED_BYTES_IN_ALL (64u * 1024 * 1024) /* of a direction; 40 ms at 1.8 GB/s */
#define COST_OF_TRY 1024 /* that keys are set up for, in bytes */

uint32_t tls_text_bytes(const struct tls_clear *c, uint32_t body)
{
    const struct tls_cipher *cipher = &c->suite->cipher;
    uint32_t other = cipher->tag_bytes + (c->is_13 ? 1u : cipher->explicit_bytes) + cipher->block_bytes;
    return body > other ? body - other : 0;
}

bool tls_opens_as(struct attempt *a, const struct tls_record_keys *keys, uint64_t number)
{
    struct clear_end *e = a->e;
    for (uint32_t k = 0; k <= e->missed && k * a->sealed.length <= MOST_TRIED_BYTES && e->tried_bytes <= MOST_TRIED_BYTES_IN_ALL; k++) {
        a->sealed.number = number + k;
        e->tried_bytes += k > 0 ? a->sealed.length + COST_OF_TRY : 0;
        if (tls_open(keys, &a->sealed, a->memory->clear_text, &a->opened)) {
            e->number = number + k + 1;
            e->missed = 0;
            e->gap_records = k;
            e->unopened = false;
            return true;
        }
    }
    return false;
}

bool tls_opens_with(struct attempt *a, enum tls_label label, enum epoch epoch)
{
    struct tls_clear *c = a->c;
    struct tls_secret secret;
    bool opened = false;
    for (unsigned n = 0; !opened && key_log_find(a->memory->key_log, c->client_hello.random, label, n, a->place, &secret); n++) {
        struct tls_record_keys keys[2];
        if (c->is_13)
            tls_keys_13(c->suite, &secret, &keys[a->from != c->client]);
        else
            tls_keys_12(c->suite, &secret, c->client_hello.random, c->server_hello.random,
                        c->client_hello.encrypt_then_mac && c->server_hello.encrypt_then_mac, keys);
        const struct tls_record_keys *mine = &keys[a->from != c->client];
        opened = tls_opens_as(a, mine, c->is_13 ? 0 : a->e->number);
        if (opened) {
            a->e->keys = *mine;
            a->e->secret = secret;
            a->e->has_keys = true;
            a->e->epoch = (uint8_t)epoch;
        }
        wipe(keys, sizeof keys);
    }
    wipe(&secret, sizeof secret);
    return opened;
}

/* After a KeyUpdate that was not seen. */
static bool opens_updated(struct attempt *a)
{
    struct tls_secret secret = a->e->secret;
    struct tls_record_keys keys;
    tls_secret_update(a->c->suite, &secret);
    tls_keys_13(a->c->suite, &secret, &keys);
    bool opened = tls_opens_as(a, &keys, 0);
    if (opened) {
        a->e->keys = keys;
        a->e->secret = secret;
    }
    wipe(&keys, sizeof keys);
    wipe(&secret, sizeof secret);
    return opened;
}

void tls_update_keys(struct tls_clear *c, struct clear_end *e)
{
    e->updates = false;
    tls_secret_update(c->suite, &e->secret);
    tls_keys_13(c->suite, &e->secret, &e->keys);
    e->number = 0;
}

bool tls_opens(struct attempt *a)
{
    struct clear_end *e = a->e;
    if (e->failures >= MOST_FAILURES)
        return false;
    if (e->has_keys && tls_opens_as(a, &e->keys, e->number))
        return true;
    if (!a->c->is_13)
        return !e->has_keys && tls_opens_with(a, TLS_MASTER_SECRET, EPOCH_TRAFFIC);
    bool client = a->from == a->c->client;
    if (e->epoch < EPOCH_HANDSHAKE && tls_opens_with(a, client ? TLS_CLIENT_HANDSHAKE : TLS_SERVER_HANDSHAKE, EPOCH_HANDSHAKE))
        return true;
    if (e->epoch < EPOCH_TRAFFIC)
        return tls_opens_with(a, client ? TLS_CLIENT_TRAFFIC : TLS_SERVER_TRAFFIC, EPOCH_TRAFFIC);
    return (e->missed > 0 || e->unopened) && opens_updated(a);
}

bool tls_opens_ahead(struct attempt *a)
{
    enum { FURTHEST = 4 };
    struct clear_end *e = a->e;
    if (!e->has_keys || e->epoch != EPOCH_TRAFFIC || e->missed > 0 || e->failures > 0 || e->gap_bytes > 0)
        return false;
    e->missed = FURTHEST;
    bool opened = tls_opens_as(a, &e->keys, e->number);
    e->missed = 0;
    e->gap_records = 0;
    return opened;
}

/* Which keys it had is only known where no others may have come since. */
void tls_count_unopened(struct tls_clear *c, struct clear_end *e)
{
    bool counted = !c->is_13 || e->epoch == EPOCH_TRAFFIC;
    e->unopened = true;
    e->skip = 0;
    e->number += counted || e->has_keys;
    e->missed += !counted && e->missed < MOST_TRIES;
}

/* In TLS 1.3 the type stands at the end, which is missing. What follows upon a handshake, a session ticket or a KeyUpdate, begins
 * with its type and its length, and has a record of its own; an alert is too short to be torn. */
static uint8_t type_by_text(const uint8_t *text, uint32_t length)
{
    uint32_t announced = (uint32_t)text[1] << 16 | (uint32_t)text[2] << 8 | text[3];
    return (text[0] == NEW_SESSION_TICKET || text[0] == KEY_UPDATE) && announced + 4 == length ? TLS_HANDSHAKE : TLS_DATA;
}

bool tls_opens_torn(struct attempt *a, uint32_t hole, uint32_t hole_end)
{
    enum { ENOUGH = 4 };
    const struct tls_clear *c = a->c;
    struct clear_end *e = a->e;
    const uint32_t front = c->is_13 ? 0 : c->suite->cipher.explicit_bytes;
    a->sealed.number = e->number;
    bool readable = e->has_keys && e->opened && e->missed == 0 && !e->unopened && hole >= front + ENOUGH && a->sealed.bytes != NULL &&
                    tls_open_torn(&e->keys, &a->sealed, a->memory->clear_text, &a->opened);
    if (!readable || !c->is_13 || a->opened.length >= hole_end)
        return readable; /* the type was found behind what is missing */
    a->opened.length = (uint16_t)tls_text_bytes(c, a->sealed.length);
    a->opened.type = type_by_text(a->memory->clear_text, a->opened.length);
    return !e->padded;
}

void tls_change_cipher(struct tls_clear *c, unsigned from)
{
    struct clear_end *e = &c->end[from];
    wipe(&e->keys, sizeof e->keys);
    e->has_keys = false;
    e->epoch = EPOCH_TRAFFIC;
    e->number = 0;
    e->missed = 0;
}
