#include "capture/conv_seal.h"

#include <nettle/gcm.h>
#include <string.h>

#include "tls/key_schedule.h"

enum { TLS_AES_128_GCM_SHA256 = 0x1301, TAG_BYTES = 16, HEADER_BYTES = 5, SECRET_BYTES = 32, RECORD_DATA = 23 };

/* Bytes of the secrets of the client and of the server, all alike. */
static const uint8_t secret_byte[2] = { 'c', 's' };

void conv_seal(unsigned from, uint64_t number, uint8_t type, const struct strbuf *text, struct strbuf *payload)
{
    payload->failed |= text->failed;
    struct tls_secret secret = { .length = SECRET_BYTES };
    struct tls_record_keys keys;
    struct gcm_aes128_ctx gcm;
    memset(secret.bytes, secret_byte[from], SECRET_BYTES);
    tls_keys_13(tls_suite_find(TLS_AES_128_GCM_SHA256), &secret, &keys);
    for (int i = 0; i < 8; i++)
        keys.iv[TLS_NONCE_BYTES - 8 + i] ^= (uint8_t)(number >> (56 - 8 * i));

    uint8_t clear[CONV_MOST_SEALED + 1], sealed[sizeof clear], tag[TAG_BYTES];
    const size_t length = text->length + 1, body = length + TAG_BYTES;
    memcpy(clear, strbuf_text(text), text->length);
    clear[text->length] = type;
    const uint8_t header[HEADER_BYTES] = { RECORD_DATA, 3, 3, (uint8_t)(body >> 8), (uint8_t)body };
    gcm_aes128_set_key(&gcm, keys.key);
    gcm_aes128_set_iv(&gcm, TLS_NONCE_BYTES, keys.iv);
    gcm_aes128_update(&gcm, sizeof header, header);
    gcm_aes128_encrypt(&gcm, length, sealed, clear);
    gcm_aes128_digest(&gcm, sizeof tag, tag);
    strbuf_add(payload, (const char *)header, sizeof header);
    strbuf_add(payload, (const char *)sealed, length);
    strbuf_add(payload, (const char *)tag, sizeof tag);
}

static void add_line(struct strbuf *text, const char *label, uint8_t secret)
{
    enum { RANDOM = 'r' }; /* see conv_tls.c */
    strbuf_addf(text, "%s ", label);
    for (int i = 0; i < TLS_RANDOM_BYTES; i++)
        strbuf_addf(text, "%02x", RANDOM);
    strbuf_addc(text, ' ');
    for (int i = 0; i < SECRET_BYTES; i++)
        strbuf_addf(text, "%02x", secret);
    strbuf_addc(text, '\n');
}

void conv_seal_key_log(struct strbuf *text)
{
    add_line(text, "CLIENT_TRAFFIC_SECRET_0", secret_byte[0]);
    add_line(text, "SERVER_TRAFFIC_SECRET_0", secret_byte[1]);
}
