/*
 * tls_outcome - what the records of both ends say of the handshake: did it come to its end, and if not, who said why?
 */
#include <stddef.h>

#include "conversation/tls.h"

static bool tls_encrypted_alert(const struct tls_stream *s)
{
    return s->has_encrypted_alert || (s->data && !s->more_than_alert);
}

/* In TLS 1.3 a client is done with its Finished, and sends a request at once; the server that misses a certificate answers with an
 * alert, and neither ticket nor data (RFC 8446 section 4.4.2.4). */
static bool refuses_no_certificate(const struct tls_stream *client, const struct tls_stream *server)
{
    return client->no_certificate && client->finished_13 && server->goodbye && server->flight == 0;
}

static enum tls_handshake tls_handshake(const struct tls_stream *client, const struct tls_stream *server)
{
    if (refuses_no_certificate(client, server))
        return TLS_HANDSHAKE_INCOMPLETE;
    /* TLS 1.2: both Finished. TLS 1.3: the client's Finished, or early data. */
    if ((client->finished && server->finished) || client->more_than_alert)
        return TLS_HANDSHAKE_COMPLETE;
    if (!client->hello || client->lost || server->lost || client->foreign)
        return TLS_HANDSHAKE_UNKNOWN;
    return TLS_HANDSHAKE_INCOMPLETE;
}

bool tls_is_cut(const struct tls_stream *s)
{
    bool within = s->header_have > 0 && (s->header_have < TLS_HEADER_BYTES || s->left > 0);
    return within && !s->adrift && !s->foreign;
}

/* Up to TLS 1.2 the server's ChangeCipherSpec comes first where a session is resumed, else the client's (RFC 5246 section 7.3). */
static int8_t is_resumed(const struct tls_stream *client, const struct tls_stream *server)
{
    if (!server->said.whole || server->said.version == 0 || server->said.retry)
        return -1;
    if (server->said.version == 4)
        return server->said.resumes;
    return client->change_cipher_spec && server->change_cipher_spec ? (int8_t)server->ccs_first : -1;
}

struct tls_outcome tls_outcome(const struct tls_stream *client, const struct tls_stream *server, bool missing)
{
    struct tls_outcome o = { .handshake = tls_handshake(client, server), .alert_by = -1, .version = server->said.version,
                             .record_cut = tls_is_cut(server), .record_ahead = server->ahead, .alpn_offered = client->said.alpn, .alpn = server->said.alpn };
    o.client_went_on = server->said.version == 4 ? client->finished_13 : client->change_cipher_spec;
    o.resumed = missing ? -1 : is_resumed(client, server);
    /* To a server of TLS 1.2 the id of a client of both may have been an offer. */
    bool may_offer = client->said.has_id && !client->said.resumes && server->said.version != 4;
    o.offers_session = missing || !client->said.whole || may_offer ? -1 : client->said.resumes;
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
    } else if (refuses_no_certificate(client, server)) {
        o.alert_by = 1;
        o.alert_encrypted = true;
    } else if (server->hello && tls_encrypted_alert(client)) {
        o.alert_by = 0;
        o.alert_encrypted = true;
    }
    return o;
}

const char *tls_version_name(uint8_t version)
{
    static const char *const names[] = { NULL, "1.0", "1.1", "1.2", "1.3" };
    return version < sizeof names / sizeof *names ? names[version] : NULL;
}

const char *tls_alert_name(uint8_t description)
{
    static const struct {
        uint8_t description;
        const char *name;
    } alerts[] = {
#define ALERT(description, name) { description, #name },
#include "conversation/tls_alerts.def"
#undef ALERT
    };
    for (size_t i = 0; i < sizeof alerts / sizeof *alerts; i++)
        if (alerts[i].description == description)
            return alerts[i].name;
    return NULL;
}
