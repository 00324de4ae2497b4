#include "conversation/tls_classify.h"

#include "base/seq.h"
#include "base/text.h"
#include "conversation/turns.h"

/* In TLS 1.3 a record holds the content type and the tag of its cipher besides its text; JDK pads handshake messages and alerts
 * with 16 bytes more (measured with versions 17 and 21). */
#define TLS_13_OVERHEAD 17
#define TLS_13_PADDING 16
/* An alert has two bytes. */
#define TLS_ENCRYPTED_ALERT (2 + TLS_13_OVERHEAD)
#define TLS_ENCRYPTED_ALERT_CCM_8 (TLS_ENCRYPTED_ALERT - 8)

enum tls_spoken tls_spoken_version(const struct tls_reading *r)
{
    const struct tls_stream *server = r->from == turns_client(r->talk) ? r->peer : r->s;
    if (server->said.version != 0)
        return server->said.version >= 4 ? TLS_SPOKEN_13 : TLS_SPOKEN_12;
    if (r->s->finished || r->peer->finished)
        return TLS_SPOKEN_12;
    return server->hello && server->said.whole ? TLS_SPOKEN_13 : TLS_SPOKEN_UNKNOWN;
}

bool tls_is_joined(const struct tls_reading *r)
{
    return !r->s->hello && !r->peer->hello && !r->s->change_cipher_spec && !r->peer->change_cipher_spec;
}

bool tls_is_over_13(const struct tls_reading *r)
{
    return r->s->finished_13 || r->peer->finished_13 || tls_is_joined(r);
}

bool tls_is_alert_length(const struct tls_stream *s, uint16_t length)
{
    return length == TLS_ENCRYPTED_ALERT || length == TLS_ENCRYPTED_ALERT_CCM_8 ||
           (length == TLS_ENCRYPTED_ALERT + TLS_13_PADDING && !s->plain);
}

/* A Finished has 4 bytes and a hash (RFC 8446 section 4.4.4). Notes which end does not pad: one whose whole flight is in one record
 * may. */
static bool is_finished_13(struct tls_stream *s, const struct tls_stream *server, uint16_t length)
{
    uint16_t plain = (uint16_t)(4 + (server->said.sha384 ? 48 : 32) + TLS_13_OVERHEAD - (server->said.short_tag ? 8 : 0));
    s->plain |= length == plain;
    return length == plain || length == plain + TLS_13_PADDING;
}

/* With a certificate, a client sends Certificate and CertificateVerify before its Finished. */
#define FLIGHT_RECORDS 3

/* A record of EndOfEarlyData: 4 bytes; of a Certificate that holds none: 8. */
#define TLS_END_OF_EARLY_DATA (4 + TLS_13_OVERHEAD)
#define TLS_NO_CERTIFICATE (8 + TLS_13_OVERHEAD)

static bool is_clients_data_13(struct tls_reading *r, uint16_t length)
{
    struct tls_stream *s = r->s;
    if (s->finished_13)
        return true;
    if (length != TLS_END_OF_EARLY_DATA) {
        bool is_finished = is_finished_13(s, r->peer, length);
        s->no_certificate |= s->flight == 0 && (length == TLS_NO_CERTIFICATE || length == TLS_NO_CERTIFICATE + TLS_13_PADDING);
        s->flight = (uint8_t)(s->flight + 1) & 3;
        s->odd_flight = s->flight == FLIGHT_RECORDS && !is_finished;
        s->finished_13 = s->odd_flight || is_finished;
        r->talk->unsure |= s->odd_flight; /* requests may be among what was taken for its handshake */
    }
    return false;
}

/* EncryptedExtensions comes first, and in a record of its own from most servers: its length tells what it chose for HTTP/1
 * (nothing; the name was taken; ALPN http/1.1, without and with that) and for HTTP/2. Of others nothing is known; nor where the
 * server may have agreed to shorter records as well. */
static void note_choice_13(struct tls_reading *r, uint16_t length)
{
    static const uint16_t http1[] = { 23, 27, 38, 42 };
    for (size_t i = 0; i < sizeof http1 / sizeof *http1 && !r->peer->said.limits; i++)
        if (length == http1[i] || length == http1[i] + TLS_13_PADDING)
            r->talk->multiplexed = false;
}

/* A server's session tickets follow its handshake, or the first request (Java), or stand between that and the response (OpenSSL's
 * second, or both). OpenSSL's have some 250 bytes, those that hold a chain of certificates more (JDK 17: 1,093 with the
 * server's alone); OpenSSL, GnuTLS and those built on them send two of one size, one right behind the other. */
#define LARGEST_TICKET 2048
#define SAME_WRITE_NS NS_PER_MS
#define USUAL_TICKETS 2

/* Data in several records has records of one size too, but those are as long as a packet: Go's first ones carry 1,208 bytes or so,
 * others' with dynamic record sizes 1,300 to 1,400, all others 16,384. Only tickets that hold the client's certificate are as long. */
#define SHORTEST_FULL_RECORD 1150

static bool may_be_two_tickets(const struct tls_reading *r, uint16_t length)
{
    bool client_certificate = r->peer->flight > 1 && !r->peer->no_certificate; /* else its Finished is all */
    return length < SHORTEST_FULL_RECORD || client_certificate;
}

/* What was taken for the response to the first request, and was written at the same time: was it a ticket, of two that are alike? */
static bool is_second_ticket(const struct tls_reading *r, const struct exchange *first, uint16_t length)
{
    return r->s->flight == 1 && first->response_seen && r->chunk->ts_ns - first->response.first_ns <= SAME_WRITE_NS &&
           length == r->s->unasked && may_be_two_tickets(r, length);
}

/* A ticket may be followed by a second one, and in OpenSSL by one that is a byte longer or shorter. */
static bool is_like_ticket(const struct tls_reading *r, uint16_t length)
{
    const struct tls_stream *s = r->s;
    return may_be_two_tickets(r, length) && s->flight < USUAL_TICKETS && s->unasked != 0 && length + 1 >= s->unasked && length <= s->unasked + 1;
}

static bool is_servers_data_13(struct tls_reading *r, uint16_t length)
{
    struct tls_stream *s = r->s;
    struct exchange *first = r->talk->first;
    if (!s->data)
        note_choice_13(r, length);
    if (!r->peer->finished_13) {
        is_finished_13(s, s, length);
        return false;
    }
    if (r->talk->done != NULL && !r->talk->done->upgraded) /* the CONNECT, or STARTTLS, that it may have begun with */
        return true;
    bool asked = first != NULL && (r->chunk->ack == 0 || first->response_seen || seq_lt(first->request.seq, r->chunk->ack));
    bool answered = first != NULL && first->response_seen && !first->response_doubtful;
    if (!asked) {
        /* No ticket, or one too many: a greeting, or events that nobody asked for. */
        r->talk->unsure |= length > LARGEST_TICKET || s->flight == 3;
        s->unasked = length < LARGEST_TICKET ? length : LARGEST_TICKET;
        s->flight = s->flight < 3 ? s->flight + 1u : 3;
        return false;
    }
    if (answered || length > LARGEST_TICKET) {
        s->flight = 3;
        return true;
    }
    if (is_second_ticket(r, first, length)) {
        first->response_seen = first->response_doubtful = false;
        s->flight = USUAL_TICKETS;
        return false;
    }
    s->is_doubtful = s->flight == 0 || is_like_ticket(r, length);
    s->unasked = length;
    s->flight = s->is_doubtful && s->flight < 3 ? s->flight + 1u : s->flight;
    return true;
}

/* The longest frames of HTTP/2 that only steer, PING and GOAWAY, have 9 bytes of head and 8 more (RFC 9113 section 6). */
#define H2_CONTROL_BYTES 17

bool tls_is_application_data(struct tls_reading *r, uint16_t length)
{
    enum tls_spoken version = tls_spoken_version(r);
    uint16_t overhead = version == TLS_SPOKEN_12 ? TLS_12_OVERHEAD : TLS_13_OVERHEAD;
    bool is_client = r->from == turns_client(r->talk);
    bool steers = (r->talk->multiplexed && length <= H2_CONTROL_BYTES + overhead) ||
                  (is_client && r->peer->goodbye && length < TURN_SHORTEST_REQUEST + overhead);
    if (is_client && !r->peer->hello && r->s->said.early_data)
        return length != TLS_END_OF_EARLY_DATA;
    if (version == TLS_SPOKEN_12)
        return !steers;
    if (version == TLS_SPOKEN_UNKNOWN && !tls_is_joined(r)) {
        r->talk->unsure = true;
        return false;
    }
    if (tls_is_alert_length(r->s, length))
        return false;
    if (version == TLS_SPOKEN_UNKNOWN)
        return !steers;
    bool data = is_client ? is_clients_data_13(r, length) : is_servers_data_13(r, length);
    return data && !steers;
}

void tls_note_announcement(struct tls_reading *r, uint16_t length)
{
    bool is_server = r->from != turns_client(r->talk);
    uint16_t overhead = tls_spoken_version(r) == TLS_SPOKEN_12 ? TLS_12_OVERHEAD : TLS_13_OVERHEAD;
    bool steers = !r->s->is_data && r->talk->multiplexed && !tls_is_joined(r) && length == H2_CONTROL_BYTES + overhead;
    if (!steers && tls_is_alert_length(r->s, length))
        return;
    bool announces = is_server && steers && !r->talk->control_asked;
    uint32_t now = (uint32_t)((uint64_t)r->chunk->ts_ns >> ANNOUNCED_SHIFT);
    r->talk->announced_at = !announces ? 0 : now != 0 ? now : 1;
    r->talk->control_asked = !is_server && steers;
}
