/* MAP_ANONYMOUS and madvise are not in POSIX. */
#define _DEFAULT_SOURCE 1
#define _DARWIN_C_SOURCE 1
#include "tls/key_log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/pages.h"
#include "base/siphash.h"
#include "base/wipe.h"

struct entry {
    struct entry *next; /* of its bucket */
    uint32_t frame;     /* where it is known from */
    uint16_t capture;
    uint8_t label;      /* enum tls_label, or NO_LABEL: all of the random were missed */
    uint8_t length;     /* of the secret */
    uint8_t random[TLS_RANDOM_BYTES];
    uint8_t secret[TLS_MOST_SECRET_BYTES];
};

#define NO_LABEL UINT8_MAX

/* So many randoms that were missed are remembered, to know that their secrets came late. */
#define MOST_MISSED 65536

#define PIECE_BYTES ((size_t)64 * 1024)

/* Of memory that holds entries. */
struct piece {
    struct piece *next;
    size_t used;
    struct entry entries[];
};

#define PIECE_ENTRIES ((PIECE_BYTES - sizeof(struct piece)) / sizeof(struct entry))

struct key_log {
    pthread_rwlock_t lock;
    struct siphash_key key;
    struct entry **buckets;
    size_t bucket_count; /* power of two */
    struct piece *pieces;
    size_t missed;
    uint64_t secrets, refused;
    atomic_bool late;
};

struct key_log *key_log_new(struct err *err)
{
    enum { FIRST_BUCKETS = 256 };
    struct key_log *log = calloc(1, sizeof *log);
    struct entry **buckets = calloc(FIRST_BUCKETS, sizeof *buckets);
    if (log == NULL || buckets == NULL || !siphash_draw_key(&log->key) || pthread_rwlock_init(&log->lock, NULL) != 0) {
        free(log);
        free(buckets);
        err_no_memory(err);
        return NULL;
    }
    log->buckets = buckets;
    log->bucket_count = FIRST_BUCKETS;
    return log;
}

void key_log_free(struct key_log *log)
{
    if (log == NULL)
        return;
    for (struct piece *piece = log->pieces, *next; piece != NULL; piece = next) {
        next = piece->next;
        wipe(piece, PIECE_BYTES);
        munmap(piece, PIECE_BYTES);
    }
    pthread_rwlock_destroy(&log->lock);
    free(log->buckets);
    free(log);
}

static struct piece *new_piece(void)
{
    void *bytes = mmap(NULL, PIECE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        return NULL;
    pages_lock(bytes, PIECE_BYTES);
    return bytes;
}

static size_t bucket_of(const struct key_log *log, const uint8_t random[TLS_RANDOM_BYTES])
{
    uint64_t words[TLS_RANDOM_BYTES / sizeof(uint64_t)];
    memcpy(words, random, sizeof words);
    return siphash(&log->key, words, sizeof words / sizeof *words, 0) & (log->bucket_count - 1);
}

static void grow(struct key_log *log)
{
    struct entry **buckets = calloc(2 * log->bucket_count, sizeof *buckets), **old = log->buckets;
    if (buckets == NULL)
        return; /* lists get longer */
    size_t count = log->bucket_count;
    log->buckets = buckets;
    log->bucket_count *= 2;
    for (size_t i = 0; i < count; i++) {
        struct entry *in_order = NULL;
        for (struct entry *entry = old[i], *next; entry != NULL; entry = next) { /* twice turned round, the order stays */
            next = entry->next;
            entry->next = in_order;
            in_order = entry;
        }
        for (struct entry *entry = in_order, *next; entry != NULL; entry = next) {
            next = entry->next;
            struct entry **bucket = &buckets[bucket_of(log, entry->random)];
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    free(old);
}

/* A new entry at the end of its bucket; NULL: no memory. */
static struct entry *add_entry(struct key_log *log, const uint8_t random[TLS_RANDOM_BYTES], uint8_t label)
{
    if (log->pieces == NULL || log->pieces->used == PIECE_ENTRIES) {
        struct piece *piece = new_piece();
        if (piece == NULL)
            return NULL;
        piece->next = log->pieces;
        log->pieces = piece;
    }
    if (log->secrets + log->missed >= log->bucket_count)
        grow(log);
    struct entry *entry = &log->pieces->entries[log->pieces->used++], **at = &log->buckets[bucket_of(log, random)];
    while (*at != NULL)
        at = &(*at)->next;
    *at = entry;
    memcpy(entry->random, random, TLS_RANDOM_BYTES);
    entry->label = label;
    return entry;
}

static bool is_of(const struct entry *entry, const uint8_t random[TLS_RANDOM_BYTES], uint8_t label)
{
    return entry->label == label && memcmp(entry->random, random, TLS_RANDOM_BYTES) == 0;
}

static bool is_known_at(const struct entry *entry, struct key_place place)
{
    return entry->capture == UINT16_MAX || (entry->capture == place.capture && entry->frame < place.frame);
}

/* false: no memory. */
static bool add_secret(struct key_log *log, const uint8_t random[TLS_RANDOM_BYTES], uint8_t label, const struct tls_secret *secret,
                       struct key_place place)
{
    unsigned alike = 0;
    for (struct entry *entry = log->buckets[bucket_of(log, random)]; entry != NULL; entry = entry->next) {
        if (is_of(entry, random, NO_LABEL))
            log->late = true;
        alike += is_of(entry, random, label);
        if (is_of(entry, random, label) && entry->length == secret->length &&
            memcmp(entry->secret, secret->bytes, secret->length) == 0)
            return true;
    }
    if (log->secrets >= KEY_LOG_MOST || alike >= KEY_LOG_MOST_ALIKE) {
        log->refused++;
        return true;
    }
    struct entry *entry = add_entry(log, random, label);
    if (entry == NULL)
        return false;
    entry->capture = place.capture;
    entry->frame = place.frame;
    entry->length = secret->length;
    memcpy(entry->secret, secret->bytes, secret->length);
    log->secrets++;
    return true;
}

bool key_log_find(struct key_log *log, const uint8_t random[TLS_RANDOM_BYTES], enum tls_label label, unsigned n,
                  struct key_place place, struct tls_secret *secret)
{
    bool found = false;
    secret->length = 0;
    pthread_rwlock_rdlock(&log->lock);
    for (const struct entry *entry = log->buckets[bucket_of(log, random)]; entry != NULL && !found; entry = entry->next) {
        if (!is_of(entry, random, (uint8_t)label))
            continue;
        if (!is_known_at(entry, place)) {
            log->late = true;
        } else if (n-- == 0) {
            secret->length = entry->length;
            memcpy(secret->bytes, entry->secret, entry->length);
            found = true;
        }
    }
    pthread_rwlock_unlock(&log->lock);
    return found;
}

bool key_log_has(struct key_log *log, const uint8_t random[TLS_RANDOM_BYTES], struct key_place place)
{
    bool has = false;
    pthread_rwlock_rdlock(&log->lock);
    for (const struct entry *entry = log->buckets[bucket_of(log, random)]; entry != NULL; entry = entry->next)
        has |= entry->label != NO_LABEL && is_known_at(entry, place) && memcmp(entry->random, random, TLS_RANDOM_BYTES) == 0;
    pthread_rwlock_unlock(&log->lock);
    return has;
}

void key_log_miss(struct key_log *log, const uint8_t random[TLS_RANDOM_BYTES])
{
    pthread_rwlock_wrlock(&log->lock);
    for (const struct entry *entry = log->buckets[bucket_of(log, random)]; entry != NULL; entry = entry->next)
        if (entry->label != NO_LABEL && entry->capture != UINT16_MAX && memcmp(entry->random, random, TLS_RANDOM_BYTES) == 0)
            log->late = true;
    if (log->missed < MOST_MISSED && add_entry(log, random, NO_LABEL) != NULL)
        log->missed++;
    pthread_rwlock_unlock(&log->lock);
}

void key_log_text_wipe(struct key_log_text *text)
{
    wipe(text->line, sizeof text->line);
    text->have = 0;
    text->too_long = false;
}

bool key_log_came_late(const struct key_log *log)
{
    return log->late;
}

void key_log_begin_anew(struct key_log *log)
{
    pthread_rwlock_wrlock(&log->lock);
    for (size_t i = 0; i < log->bucket_count; i++)
        for (struct entry *entry = log->buckets[i]; entry != NULL; entry = entry->next)
            entry->capture = UINT16_MAX;
    log->late = false;
    pthread_rwlock_unlock(&log->lock);
}

uint64_t key_log_count(const struct key_log *log)
{
    return log->secrets;
}

uint64_t key_log_refused(const struct key_log *log)
{
    return log->refused;
}

/* ---- the text ------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Hexadecimal digits up to a space or the end; so many bytes of them, -1: something else, or too many. */
static int read_hex(const char **at, const char *end, uint8_t *bytes, int most)
{
    int count = 0;
    for (; end - *at >= 2 && **at != ' '; *at += 2) {
        int high = hex_digit((*at)[0]), low = hex_digit((*at)[1]);
        if (high < 0 || low < 0 || count == most)
            return -1;
        bytes[count++] = (uint8_t)(high << 4 | low);
    }
    return *at < end && **at != ' ' ? -1 : count;
}

static bool is_secret_length(uint8_t label_bytes, int length)
{
    enum { SHA256_BYTES = 32, SHA384_BYTES = 48 };
    return label_bytes != 0 ? length == label_bytes : length == SHA256_BYTES || length == SHA384_BYTES;
}

static bool is_label_character(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

/* LABEL random secret. false: no memory. */
static bool read_line(struct key_log *log, struct key_log_text *text, struct key_place place)
{
    static const struct {
        const char *name;
        uint8_t label, bytes;
    } labels[] = {
#define LABEL(id, name, bytes) { name, id, bytes },
#include "tls/labels.def"
#undef LABEL
    };
    const char *at = text->line, *end = at + text->have;
    while (end > at && (end[-1] == '\r' || end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (at == end || *at == '#')
        return true;
    text->lines++;
    while (at < end && is_label_character(*at))
        at++;
    const size_t name_length = (size_t)(at - text->line);
    uint8_t random[TLS_RANDOM_BYTES];
    struct tls_secret secret = { 0 };
    bool good = !text->too_long && at < end && *at++ == ' ' && read_hex(&at, end, random, sizeof random) == sizeof random && at < end && *at++ == ' ';
    int length = good ? read_hex(&at, end, secret.bytes, sizeof secret.bytes) : -1;
    bool added = true;
    text->good += good && (length > 0 || at < end); /* of other labels there may be more */
    for (size_t i = 0; i < sizeof labels / sizeof *labels && length > 0 && at == end; i++) {
        if (strlen(labels[i].name) != name_length || memcmp(labels[i].name, text->line, name_length) != 0 ||
            !is_secret_length(labels[i].bytes, length))
            continue;
        secret.length = (uint8_t)length;
        added = add_secret(log, random, labels[i].label, &secret, place);
    }
    wipe(&secret, sizeof secret);
    return added;
}

static bool end_line(struct key_log *log, struct key_log_text *text, struct key_place place)
{
    bool ok = read_line(log, text, place);
    key_log_text_wipe(text);
    return ok;
}

bool key_log_add(struct key_log *log, struct key_log_text *text, const void *bytes, size_t length, struct key_place place)
{
    bool ok = true;
    pthread_rwlock_wrlock(&log->lock);
    const char *from = bytes;
    for (size_t i = 0; i < length && ok; i++) {
        if (from[i] == '\n')
            ok = end_line(log, text, place);
        else if (text->have < sizeof text->line)
            text->line[text->have++] = from[i];
        else
            text->too_long = true;
    }
    pthread_rwlock_unlock(&log->lock);
    return ok;
}

bool key_log_end(struct key_log *log, struct key_log_text *text, struct key_place place)
{
    pthread_rwlock_wrlock(&log->lock);
    bool ok = end_line(log, text, place);
    pthread_rwlock_unlock(&log->lock);
    return ok;
}
