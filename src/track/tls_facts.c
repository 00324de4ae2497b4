#include "track/tls_facts.h"

#include "base/seq.h"

/* Did the server say goodbye before its FIN? 1, 0; -1: not known, or it is no matter. */
static int8_t server_notify(const struct connection *c, unsigned client, const struct record *r)
{
    const struct tcp_end *server = &c->tcp.end[!client];
    const struct goodbye *goodbye = c->closing != NULL ? &c->closing->goodbye[!client] : NULL;
    if (r->tls_handshake != TLS_HANDSHAKE_COMPLETE || !server->fin_seen || server->fin_inferred || c->closing == NULL)
        return -1;
    if (goodbye->mark.frame != 0 && goodbye->end_seq == server->fin_seq)
        return 1;
    return server->lost_bytes > 0 || conversation_is_lost(&c->talk, !client) ? -1 : 0;
}

/* An alert that an end sends when it finds the other gone in the middle of the handshake is no reason, but follows from that (OpenSSL's
 * servers: decode_error). */
static bool alert_answers_close(const struct connection *c, unsigned by, uint8_t alert)
{
    const struct goodbye *goodbye = c->closing != NULL ? &c->closing->goodbye[by] : NULL;
    const struct tcp_end *other = &c->tcp.end[!by];
    return alert == TLS_DECODE_ERROR && goodbye != NULL && goodbye->mark.frame != 0 && goodbye->ack != 0 && other->fin_seen &&
           seq_lt(other->fin_seq, goodbye->ack);
}

/* Some clients look at the certificate in the handshake, others when it is over (curl and Node.js at its name), and not all say why they go. */
static bool is_refused(const struct connection *c, unsigned client, const struct record *r)
{
    if (r->tls_alert_by == ROLE_CLIENT)
        return r->tls_alert_encrypted || (r->tls_alert >= TLS_BAD_CERTIFICATE && r->tls_alert <= TLS_CERTIFICATE_UNKNOWN);
    if (r->tls_alert_by == ROLE_SERVER || r->close_by != BY_CLIENT || r->lost_bytes > 0)
        return false;
    return r->tls_handshake == TLS_HANDSHAKE_COMPLETE ? r->close_phase == PHASE_FRESH
                                                      : !conversation_tls(&c->talk, client, false).client_went_on;
}

void fill_refusal(const struct connection *c, unsigned client, struct record *r)
{
    r->certificate_refused = r->tls_certificate > CERTIFICATE_FITS && is_refused(c, client, r);
}

void fill_tls(const struct connection *c, unsigned client, struct record *r)
{
    struct tls_outcome tls = conversation_tls(&c->talk, client, !c->open_seen || r->one_sided);
    r->tls_handshake = (uint8_t)tls.handshake;
    r->tls_answer = (uint8_t)tls.answer;
    bool answers = tls.alert_by >= 0 && alert_answers_close(c, tls.alert_by == ROLE_CLIENT ? client : !client, tls.alert);
    r->tls_alert_by = answers ? -1 : tls.alert_by;
    r->tls_alert = tls.alert;
    r->tls_alert_encrypted = tls.alert_encrypted;
    r->tls_record_cut = tls.record_cut;
    r->tls_record_ahead = tls.record_ahead;
    r->tls_keys = c->talk.tls_keys;
    r->server_notify = server_notify(c, client, r);
    r->http_mismatch = c->talk.mismatch;
    r->tls_answered_http = c->talk.tls_answer;
    r->tls_version = tls.version;
    r->tls_certificate = tls.certificate;
    r->certificate_names = tls.certificate_names != NULL ? tls.certificate_names : "";
    bool unseen = tls.handshake_ns < 0;
    r->tls_handshake_ns = tls.handshake == TLS_HANDSHAKE_NONE ? NS_ABSENT : unseen ? NS_UNKNOWN : tls.handshake_ns;
    r->tls_resumed = tls.resumed;
    r->tls_offers_session = tls.offers_session;
    r->tls_alpn_offered = tls.alpn_offered;
    r->tls_alpn = tls.alpn;
}
