#include "tls/key_schedule.h"

#include <nettle/hmac.h>
#include <string.h>

#include "base/wipe.h"

/* HMAC with the hash of a suite. */
struct hmac {
    enum tls_hash hash;
    union {
        struct hmac_sha256_ctx sha256;
        struct hmac_sha384_ctx sha384;
    };
};

#define MOST_HASH_BYTES SHA384_DIGEST_SIZE

static size_t hash_bytes(enum tls_hash hash)
{
    return hash == TLS_SHA384 ? SHA384_DIGEST_SIZE : SHA256_DIGEST_SIZE;
}

static void hmac_key(struct hmac *hmac, enum tls_hash hash, const uint8_t *key, size_t length)
{
    hmac->hash = hash;
    if (hash == TLS_SHA384)
        hmac_sha384_set_key(&hmac->sha384, length, key);
    else
        hmac_sha256_set_key(&hmac->sha256, length, key);
}

static void hmac_add(struct hmac *hmac, const void *bytes, size_t length)
{
    if (hmac->hash == TLS_SHA384)
        hmac_sha384_update(&hmac->sha384, length, bytes);
    else
        hmac_sha256_update(&hmac->sha256, length, bytes);
}

/* Its first bytes; ready for the next text under the same key. */
static void hmac_take(struct hmac *hmac, uint8_t *digest, size_t length)
{
    if (hmac->hash == TLS_SHA384)
        hmac_sha384_digest(&hmac->sha384, length, digest);
    else
        hmac_sha256_digest(&hmac->sha256, length, digest);
}

/* HKDF-Expand-Label without context (RFC 8446 section 7.1): all that is asked for here fits in one block of HKDF. */
static void expand_label(const struct tls_suite *suite, const struct tls_secret *secret, const char *label, uint8_t *out, size_t length)
{
    enum { MOST_INFO = 2 + 1 + 32 + 1 };
    uint8_t info[MOST_INFO] = { 0, (uint8_t)length, (uint8_t)(6 + strlen(label)) };
    size_t at = 3, label_bytes = strlen(label);
    memcpy(info + at, "tls13 ", 6);
    memcpy(info + at + 6, label, label_bytes);
    at += 6 + label_bytes;
    info[at++] = 0; /* of context */
    info[at++] = 1; /* HKDF's counter (RFC 5869 section 2.3) */
    struct hmac hmac;
    hmac_key(&hmac, suite->hash, secret->bytes, secret->length);
    hmac_add(&hmac, info, at);
    hmac_take(&hmac, out, length);
    wipe(&hmac, sizeof hmac);
}

void tls_keys_13(const struct tls_suite *suite, const struct tls_secret *secret, struct tls_record_keys *keys)
{
    *keys = (struct tls_record_keys){ .cipher = suite->cipher, .is_13 = true };
    expand_label(suite, secret, "key", keys->key, suite->cipher.key_bytes);
    expand_label(suite, secret, "iv", keys->iv, TLS_NONCE_BYTES);
}

void tls_secret_update(const struct tls_suite *suite, struct tls_secret *secret)
{
    uint8_t next[MOST_HASH_BYTES];
    expand_label(suite, secret, "traffic upd", next, hash_bytes(suite->hash));
    secret->length = (uint8_t)hash_bytes(suite->hash);
    memcpy(secret->bytes, next, secret->length);
    wipe(next, sizeof next);
}

/* P_hash (RFC 5246 section 5). */
static void expand_prf(const struct tls_suite *suite, const struct tls_secret *master, const uint8_t *seed, size_t seed_length,
                       uint8_t *out, size_t length)
{
    struct hmac hmac;
    uint8_t a[MOST_HASH_BYTES];
    size_t step = hash_bytes(suite->hash);
    hmac_key(&hmac, suite->hash, master->bytes, master->length);
    hmac_add(&hmac, seed, seed_length);
    hmac_take(&hmac, a, step);
    for (size_t done = 0; done < length; done += step) {
        hmac_add(&hmac, a, step);
        hmac_add(&hmac, seed, seed_length);
        hmac_take(&hmac, out + done, length - done < step ? length - done : step);
        hmac_add(&hmac, a, step);
        hmac_take(&hmac, a, step);
    }
    wipe(&hmac, sizeof hmac);
    wipe(a, sizeof a);
}

void tls_keys_12(const struct tls_suite *suite, const struct tls_secret *master, const uint8_t client_random[TLS_RANDOM_BYTES],
                 const uint8_t server_random[TLS_RANDOM_BYTES], bool encrypt_then_mac, struct tls_record_keys keys[2])
{
    static const char label[] = "key expansion";
    enum { LABEL_BYTES = sizeof label - 1 };
    uint8_t seed[LABEL_BYTES + 2 * TLS_RANDOM_BYTES];
    memcpy(seed, label, LABEL_BYTES);
    memcpy(seed + LABEL_BYTES, server_random, TLS_RANDOM_BYTES);
    memcpy(seed + LABEL_BYTES + TLS_RANDOM_BYTES, client_random, TLS_RANDOM_BYTES);

    const struct tls_cipher *cipher = &suite->cipher;
    size_t mac = cipher->mac != TLS_NO_MAC ? cipher->tag_bytes : 0, key = cipher->key_bytes;
    size_t iv = cipher->mode == TLS_CBC ? 0 : TLS_NONCE_BYTES - cipher->explicit_bytes; /* CBC: each record carries its own */
    uint8_t block[2 * (TLS_MOST_MAC_BYTES + TLS_MOST_KEY_BYTES + TLS_NONCE_BYTES)];
    expand_prf(suite, master, seed, sizeof seed, block, 2 * (mac + key + iv));
    for (size_t i = 0; i < 2; i++) {
        keys[i] = (struct tls_record_keys){ .cipher = *cipher, .encrypt_then_mac = encrypt_then_mac };
        memcpy(keys[i].mac_key, block + i * mac, mac);
        memcpy(keys[i].key, block + 2 * mac + i * key, key);
        memcpy(keys[i].iv, block + 2 * (mac + key) + i * iv, iv);
    }
    wipe(block, sizeof block);
}
