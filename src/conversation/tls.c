#include "conversation/protocol.h"

#include <stddef.h>

enum tls_record { TLS_CHANGE_CIPHER_SPEC = 20, TLS_ALERT, TLS_HANDSHAKE, TLS_DATA, TLS_HEARTBEAT };

#define TLS_MAX_RECORD (16384 + 2048) /* RFC 5246 section 6.2.3 */
#define TLS_FATAL 2
/* An alert in TLS 1.3: two bytes, the content type, and the tag of its cipher. */
#define TLS_ENCRYPTED_ALERT 19
#define TLS_ENCRYPTED_ALERT_CCM_8 11

static uint16_t record_length(const struct tls_stream *s)
{
    return (uint16_t)(s->header[3] << 8 | s->header[4]);
}

static void end_record(struct tls_stream *s)
{
    uint16_t length = record_length(s);
    switch (s->header[0]) {
    case TLS_CHANGE_CIPHER_SPEC:
        s->change_cipher_spec = true;
        break;
    case TLS_ALERT:
        if (length != 2) {
            s->has_encrypted_alert = true;
        } else if (!s->has_alert && s->body_have == 2 && s->body[0] == TLS_FATAL) {
            s->has_alert = true;
            s->alert = s->body[1];
        }
        break;
    case TLS_HANDSHAKE:
        s->hello = true;
        s->finished |= s->change_cipher_spec;
        break;
    case TLS_DATA:
        s->data = true;
        s->more_than_alert |= length != TLS_ENCRYPTED_ALERT && length != TLS_ENCRYPTED_ALERT_CCM_8;
        s->done = s->more_than_alert;
        break;
    }
    s->header_have = s->body_have = 0;
}

static void begin_record(struct tls_stream *s)
{
    s->left = record_length(s);
    if (s->header[0] < TLS_CHANGE_CIPHER_SPEC || s->header[0] > TLS_HEARTBEAT || s->header[1] != 3 ||
        s->left > TLS_MAX_RECORD) {
        s->foreign = !s->hello && !s->has_alert && !s->change_cipher_spec;
        s->lost = !s->foreign;
        s->done = true;
    } else if (s->left == 0) {
        end_record(s);
    }
}

static void skip(struct tls_stream *s, uint32_t length)
{
    s->left = (uint16_t)(s->left - length);
    if (s->left == 0)
        end_record(s);
}

void tls_input(struct tls_stream *s, const struct tcp_chunk *chunk)
{
    if (s->done)
        return;
    if (chunk->bytes == NULL) {
        /* Within a record the gap is bridged, unless it hides what an alert says. */
        bool bridged = s->header_have == TLS_HEADER_BYTES && chunk->length <= s->left &&
                       s->header[0] != TLS_ALERT;
        if (bridged)
            skip(s, chunk->length);
        s->lost |= !bridged;
        s->done |= !bridged;
        return;
    }
    for (uint32_t at = 0; at < chunk->length && !s->done;) {
        if (s->header_have < TLS_HEADER_BYTES) {
            s->header[s->header_have++] = chunk->bytes[at++];
            /* What does not begin like a record need not be five bytes long. */
            if (s->header_have == TLS_HEADER_BYTES || (s->header_have == 2 && s->header[1] != 3))
                begin_record(s);
        } else {
            uint32_t rest = chunk->length - at, length = rest < s->left ? rest : s->left;
            for (uint32_t i = 0; i < length && s->body_have < TLS_BODY_BYTES; i++)
                s->body[s->body_have++] = chunk->bytes[at + i];
            at += length;
            skip(s, length);
        }
    }
}

static bool tls_encrypted_alert(const struct tls_stream *s)
{
    return s->has_encrypted_alert || (s->data && !s->more_than_alert);
}

static enum tls_handshake tls_handshake(const struct tls_stream *client, const struct tls_stream *server)
{
    /* TLS 1.2: both Finished. TLS 1.3: the client's Finished, or early data. */
    if ((client->finished && server->finished) || client->more_than_alert)
        return TLS_HANDSHAKE_COMPLETE;
    if (!client->hello || client->lost || server->lost || client->foreign)
        return TLS_HANDSHAKE_UNKNOWN;
    return TLS_HANDSHAKE_INCOMPLETE;
}

struct tls_outcome tls_outcome(const struct tls_stream *client, const struct tls_stream *server, bool missing)
{
    struct tls_outcome o = { .handshake = tls_handshake(client, server), .alert_by = -1 };
    if (missing && o.handshake == TLS_HANDSHAKE_INCOMPLETE)
        o.handshake = TLS_HANDSHAKE_UNKNOWN;
    o.answer = server->foreign                      ? TLS_ANSWER_OTHER
               : server->hello || server->has_alert ? TLS_ANSWER_TLS
               : missing || server->lost            ? TLS_ANSWER_UNKNOWN
                                                    : TLS_ANSWER_NONE;
    if (o.handshake != TLS_HANDSHAKE_INCOMPLETE)
        return o;
    /* In the clear before encrypted: an end may answer the other's alert with a close_notify. */
    if (server->has_alert || client->has_alert) {
        o.alert_by = server->has_alert;
        o.alert = server->has_alert ? server->alert : client->alert;
    } else if (server->hello && tls_encrypted_alert(client)) {
        o.alert_by = 0;
        o.alert_encrypted = true;
    }
    return o;
}

static void input(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                  const struct tcp_chunk *chunk)
{
    (void)memory;
    tls_input(&talk->stream[from].tls, chunk);
}

/* A record: handshake (22), version 3.x (RFC 8446 section 5.1); as far as it is there. */
/* Does a record header stand there, of an encrypted record too? */
static bool is_record(const uint8_t *bytes)
{
    size_t length = (size_t)bytes[3] << 8 | bytes[4];
    return bytes[0] >= TLS_CHANGE_CIPHER_SPEC && bytes[0] <= TLS_DATA && bytes[1] == 3 && bytes[2] <= 4 && length > 0 &&
           length <= TLS_MAX_RECORD;
}

/* In the middle of a connection a segment mostly begins with a record; that one follows it, or that it ends with the segment,
 * is no chance. */
static bool is_mid_stream(const uint8_t *bytes, size_t length)
{
    if (length < TLS_HEADER_BYTES || !is_record(bytes))
        return false;
    size_t next = TLS_HEADER_BYTES + ((size_t)bytes[3] << 8 | bytes[4]);
    return next == length || (next + TLS_HEADER_BYTES <= length && is_record(bytes + next)) || bytes[0] == TLS_DATA;
}

static bool recognises(const uint8_t *bytes, size_t length)
{
    return is_mid_stream(bytes, length) || (length >= 1 && bytes[0] == 22 && (length < 2 || bytes[1] == 3) && (length < 3 || bytes[2] <= 4));
}

const struct protocol_ops tls_ops = { recognises, input, NULL, NULL, false };

const char *tls_alert_name(uint8_t description)
{
    static const struct {
        uint8_t description;
        const char *name;
    } alerts[] = {
        { 0, "close_notify" },
        { 10, "unexpected_message" },
        { 20, "bad_record_mac" },
        { 21, "decryption_failed" },
        { 22, "record_overflow" },
        { 30, "decompression_failure" },
        { 40, "handshake_failure" },
        { 41, "no_certificate" },
        { 42, "bad_certificate" },
        { 43, "unsupported_certificate" },
        { 44, "certificate_revoked" },
        { 45, "certificate_expired" },
        { 46, "certificate_unknown" },
        { 47, "illegal_parameter" },
        { 48, "unknown_ca" },
        { 49, "access_denied" },
        { 50, "decode_error" },
        { 51, "decrypt_error" },
        { 60, "export_restriction" },
        { 70, "protocol_version" },
        { 71, "insufficient_security" },
        { 80, "internal_error" },
        { 86, "inappropriate_fallback" },
        { 90, "user_canceled" },
        { 100, "no_renegotiation" },
        { 109, "missing_extension" },
        { 110, "unsupported_extension" },
        { 111, "certificate_unobtainable" },
        { 112, "unrecognized_name" },
        { 113, "bad_certificate_status_response" },
        { 114, "bad_certificate_hash_value" },
        { 115, "unknown_psk_identity" },
        { 116, "certificate_required" },
        { 120, "no_application_protocol" },
    };
    for (size_t i = 0; i < sizeof alerts / sizeof *alerts; i++)
        if (alerts[i].description == description)
            return alerts[i].name;
    return NULL;
}
