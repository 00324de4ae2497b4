#include "tls/record_keys.h"

#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <nettle/ccm.h>
#include <nettle/chacha-poly1305.h>
#include <nettle/des.h>
#include <nettle/gcm.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string.h>

#include "base/wipe.h"

#define MOST_TAG_BYTES 16
#define SEQUENCE_BYTES 8
#define HEADER_BYTES 5

/* One record on its way through an AEAD. */
struct aead {
    const struct tls_record_keys *keys;
    uint8_t nonce[TLS_NONCE_BYTES];
    uint8_t additional[SEQUENCE_BYTES + HEADER_BYTES];
    size_t additional_bytes;
    const uint8_t *sealed;
    size_t length; /* of the text */
    uint8_t *clear;
    uint8_t tag[MOST_TAG_BYTES]; /* as it should be */
};

static void open_gcm(struct aead *a)
{
    if (a->keys->cipher.block == TLS_AES_256) {
        struct gcm_aes256_ctx gcm;
        gcm_aes256_set_key(&gcm, a->keys->key);
        gcm_aes256_set_iv(&gcm, sizeof a->nonce, a->nonce);
        gcm_aes256_update(&gcm, a->additional_bytes, a->additional);
        gcm_aes256_decrypt(&gcm, a->length, a->clear, a->sealed);
        gcm_aes256_digest(&gcm, a->keys->cipher.tag_bytes, a->tag);
        wipe(&gcm, sizeof gcm);
    } else {
        struct gcm_aes128_ctx gcm;
        gcm_aes128_set_key(&gcm, a->keys->key);
        gcm_aes128_set_iv(&gcm, sizeof a->nonce, a->nonce);
        gcm_aes128_update(&gcm, a->additional_bytes, a->additional);
        gcm_aes128_decrypt(&gcm, a->length, a->clear, a->sealed);
        gcm_aes128_digest(&gcm, a->keys->cipher.tag_bytes, a->tag);
        wipe(&gcm, sizeof gcm);
    }
}

static void open_ccm(struct aead *a)
{
    const size_t tag = a->keys->cipher.tag_bytes;
    if (a->keys->cipher.block == TLS_AES_256) {
        struct ccm_aes256_ctx ccm;
        ccm_aes256_set_key(&ccm, a->keys->key);
        ccm_aes256_set_nonce(&ccm, sizeof a->nonce, a->nonce, a->additional_bytes, a->length, tag);
        ccm_aes256_update(&ccm, a->additional_bytes, a->additional);
        ccm_aes256_decrypt(&ccm, a->length, a->clear, a->sealed);
        ccm_aes256_digest(&ccm, tag, a->tag);
        wipe(&ccm, sizeof ccm);
    } else {
        struct ccm_aes128_ctx ccm;
        ccm_aes128_set_key(&ccm, a->keys->key);
        ccm_aes128_set_nonce(&ccm, sizeof a->nonce, a->nonce, a->additional_bytes, a->length, tag);
        ccm_aes128_update(&ccm, a->additional_bytes, a->additional);
        ccm_aes128_decrypt(&ccm, a->length, a->clear, a->sealed);
        ccm_aes128_digest(&ccm, tag, a->tag);
        wipe(&ccm, sizeof ccm);
    }
}

static void open_poly1305(struct aead *a)
{
    struct chacha_poly1305_ctx chacha;
    chacha_poly1305_set_key(&chacha, a->keys->key);
    chacha_poly1305_set_nonce(&chacha, a->nonce);
    chacha_poly1305_update(&chacha, a->additional_bytes, a->additional);
    chacha_poly1305_decrypt(&chacha, a->length, a->clear, a->sealed);
    chacha_poly1305_digest(&chacha, a->keys->cipher.tag_bytes, a->tag);
    wipe(&chacha, sizeof chacha);
}

/* Sequence number and header of a record whose text is so long: what MACs and AEADs of TLS 1.2 cover besides. */
static size_t cover(const struct tls_sealed *record, size_t length, uint8_t *to)
{
    for (int i = 0; i < SEQUENCE_BYTES; i++)
        to[i] = (uint8_t)(record->number >> (56 - 8 * i));
    const uint8_t header[HEADER_BYTES] = { record->type, 3, 3, (uint8_t)(length >> 8), (uint8_t)length };
    memcpy(to + SEQUENCE_BYTES, header, sizeof header);
    return SEQUENCE_BYTES + HEADER_BYTES;
}

/* The text ends with its content type, and zeros as padding behind that (RFC 8446 section 5.4). */
static bool find_type(const uint8_t *clear, struct tls_opened *opened)
{
    while (opened->length > 0 && clear[opened->length - 1] == 0)
        opened->length--;
    if (opened->length == 0)
        return false;
    opened->type = clear[--opened->length];
    return true;
}

static bool open_aead(const struct tls_record_keys *keys, const struct tls_sealed *record, uint8_t *clear, struct tls_opened *opened,
                      bool torn)
{
    static void (*const open[])(struct aead *) = { [TLS_GCM] = open_gcm, [TLS_CCM] = open_ccm, [TLS_POLY1305] = open_poly1305 };
    const struct tls_cipher *cipher = &keys->cipher;
    size_t front = keys->is_13 ? 0 : cipher->explicit_bytes;
    if (record->length < front + cipher->tag_bytes)
        return false;
    struct aead a = { .keys = keys, .clear = clear, .sealed = record->bytes + front, .length = record->length - front - cipher->tag_bytes };
    memcpy(a.nonce, keys->iv, sizeof a.nonce);
    if (front > 0)
        memcpy(a.nonce + sizeof a.nonce - front, record->bytes, front);
    for (int i = 0; i < SEQUENCE_BYTES && front == 0; i++)
        a.nonce[sizeof a.nonce - SEQUENCE_BYTES + i] ^= (uint8_t)(record->number >> (56 - 8 * i));
    a.additional_bytes = cover(record, keys->is_13 ? record->length : a.length, a.additional);
    if (keys->is_13) { /* the header alone */
        memmove(a.additional, a.additional + SEQUENCE_BYTES, HEADER_BYTES);
        a.additional_bytes = HEADER_BYTES;
    }
    open[cipher->mode](&a);
    *opened = (struct tls_opened){ .type = record->type, .front = (uint16_t)front, .length = (uint16_t)a.length };
    if (!torn && memeql_sec(a.tag, a.sealed + a.length, cipher->tag_bytes) == 0)
        return false;
    return !keys->is_13 || find_type(clear, opened);
}

/* ---- CBC ------------------------------------------------------------------------------------------ */

static void decrypt_cbc(const struct tls_record_keys *keys, const uint8_t *iv, const uint8_t *sealed, size_t length, uint8_t *clear)
{
    const size_t block = keys->cipher.block_bytes;
    uint8_t chain[AES_BLOCK_SIZE];
    memcpy(chain, iv, block);
    switch (keys->cipher.block) {
    case TLS_AES_128: {
        struct aes128_ctx aes;
        aes128_set_decrypt_key(&aes, keys->key);
        cbc_decrypt(&aes, (nettle_cipher_func *)aes128_decrypt, block, chain, length, clear, sealed);
        wipe(&aes, sizeof aes);
        break;
    }
    case TLS_AES_256: {
        struct aes256_ctx aes;
        aes256_set_decrypt_key(&aes, keys->key);
        cbc_decrypt(&aes, (nettle_cipher_func *)aes256_decrypt, block, chain, length, clear, sealed);
        wipe(&aes, sizeof aes);
        break;
    }
    default: {
        struct des3_ctx des;
        (void)des3_set_key(&des, keys->key); /* weak keys are told, and work */
        cbc_decrypt(&des, (nettle_cipher_func *)des3_decrypt, block, chain, length, clear, sealed);
        wipe(&des, sizeof des);
    }
    }
}

/* Does the MAC over the bytes fit? */
static bool is_authentic(const struct tls_record_keys *keys, const struct tls_sealed *record, const uint8_t *bytes, size_t length,
                         const uint8_t *mac)
{
    uint8_t covered[SEQUENCE_BYTES + HEADER_BYTES], digest[TLS_MOST_MAC_BYTES];
    const size_t size = keys->cipher.tag_bytes, covered_bytes = cover(record, length, covered);
    union {
        struct hmac_sha1_ctx sha1;
        struct hmac_sha256_ctx sha256;
        struct hmac_sha384_ctx sha384;
    } hmac;
    switch (keys->cipher.mac) {
    case TLS_HMAC_SHA1:
        hmac_sha1_set_key(&hmac.sha1, size, keys->mac_key);
        hmac_sha1_update(&hmac.sha1, covered_bytes, covered);
        hmac_sha1_update(&hmac.sha1, length, bytes);
        hmac_sha1_digest(&hmac.sha1, size, digest);
        break;
    case TLS_HMAC_SHA256:
        hmac_sha256_set_key(&hmac.sha256, size, keys->mac_key);
        hmac_sha256_update(&hmac.sha256, covered_bytes, covered);
        hmac_sha256_update(&hmac.sha256, length, bytes);
        hmac_sha256_digest(&hmac.sha256, size, digest);
        break;
    default:
        hmac_sha384_set_key(&hmac.sha384, size, keys->mac_key);
        hmac_sha384_update(&hmac.sha384, covered_bytes, covered);
        hmac_sha384_update(&hmac.sha384, length, bytes);
        hmac_sha384_digest(&hmac.sha384, size, digest);
    }
    wipe(&hmac, sizeof hmac);
    return memeql_sec(digest, mac, size) != 0;
}

/* Takes the padding off: its last byte tells how many more there are, all alike (RFC 5246 section 6.2.3.2). */
static bool strip_padding(const uint8_t *clear, size_t *length)
{
    size_t padding = *length > 0 ? clear[*length - 1] : 0;
    if (padding + 1 > *length)
        return false;
    for (size_t i = 0; i < padding; i++)
        if (clear[*length - 2 - i] != padding)
            return false;
    *length -= padding + 1;
    return true;
}

static bool open_cbc(const struct tls_record_keys *keys, const struct tls_sealed *record, uint8_t *clear, struct tls_opened *opened)
{
    const size_t iv = keys->cipher.block_bytes, mac = keys->cipher.tag_bytes;
    size_t length = record->length, behind = keys->encrypt_then_mac ? mac : 0;
    if (length < 2 * iv + behind || (length - behind) % iv != 0)
        return false;
    length -= behind;
    if (keys->encrypt_then_mac && !is_authentic(keys, record, record->bytes, length, record->bytes + length))
        return false;
    length -= iv;
    decrypt_cbc(keys, record->bytes, record->bytes + iv, length, clear);
    if (!strip_padding(clear, &length))
        return false;
    if (!keys->encrypt_then_mac) {
        if (length < mac || !is_authentic(keys, record, clear, length - mac, clear + length - mac))
            return false;
        length -= mac;
    }
    *opened = (struct tls_opened){ .type = record->type, .front = (uint16_t)iv, .length = (uint16_t)length };
    return true;
}

bool tls_open(const struct tls_record_keys *keys, const struct tls_sealed *record, uint8_t *clear, struct tls_opened *opened)
{
    return keys->cipher.mode == TLS_CBC ? open_cbc(keys, record, clear, opened) : open_aead(keys, record, clear, opened, false);
}

bool tls_open_torn(const struct tls_record_keys *keys, const struct tls_sealed *record, uint8_t *clear, struct tls_opened *opened)
{
    return keys->cipher.mode != TLS_CBC && open_aead(keys, record, clear, opened, true);
}
