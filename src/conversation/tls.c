#include <stddef.h>
#include <string.h>

#include "base/seq.h"
#include "base/text.h"
#include "conversation/protocol.h"
#include "conversation/tls_certificate.h"
#include "conversation/tls_classify.h"
#include "conversation/tls_clear.h"
#include "conversation/tls_records.h"
#include "conversation/turns.h"

#define TLS_FATAL 2

/* Can a record be that, an encrypted one too? */
static bool may_be_record(uint8_t type, uint16_t length)
{
    return type >= TLS_CHANGE_CIPHER_SPEC && type <= TLS_HEARTBEAT && length <= TLS_MOST_RECORD_BYTES;
}

/* Does a record's header stand there, among other bytes? */
static bool is_record_header(const uint8_t *bytes)
{
    uint16_t length = (uint16_t)(bytes[3] << 8 | bytes[4]);
    return may_be_record(bytes[0], length) && bytes[1] == 3 && bytes[0] <= TLS_DATA && bytes[2] <= 4 && length != 0;
}

/* ---- records --------------------------------------------------------------------------------------- */

static void note_name(struct tls_reading *r, const char *name)
{
    const char *kept = intern_text(&r->memory->names, name, strlen(name));
    r->memory->failed |= kept == NULL;
    r->talk->server_name = kept != NULL ? kept : "";
}

void tls_give_hello(struct tls_stream *s, struct conversation_memory *memory)
{
    if (s->hello_bytes == NULL)
        return;
    slab_give(&memory->hellos, s->hello_bytes);
    s->hello_bytes = NULL;
    uint32_t *left = s->certificate == TLS_CERTIFICATE_NONE ? &memory->hellos_left : &memory->certificates_left;
    ++*left;
    s->certificate = TLS_CERTIFICATE_NONE;
}

static void read_hello(struct tls_reading *r)
{
    struct tls_stream *s = r->s;
    char name[TLS_NAME_BYTES];
    if (s->certificate == TLS_CERTIFICATE_AWAITED)
        tls_certificate_take(s, r->memory, r->chunk->ts_ns);
    if (s->hello && s->certificate != TLS_CERTIFICATE_NONE)
        return;
    if (s->hello_bytes == NULL) {
        r->talk->multiplexed |= !s->hello; /* there was no room to keep it */
        return;
    }
    struct tls_hello hello;
    struct tls_hello_keys keys;
    bool is_hello = tls_hello_read(s->hello_bytes->bytes, s->hello_bytes->have, &hello, &keys, name);
    bool is_cut = s->hello_bytes->have < s->length && (!is_hello || !hello.whole);
    s->said.whole = !is_cut;
    if (is_hello) {
        s->said = hello;
        s->said.whole = !is_cut;
        bool is_client = r->from == turns_client(r->talk);
        if (is_client)
            r->talk->multiplexed = hello.alpn & ALPN_H2;
        else if (hello.version < 4 && hello.whole)
            r->talk->multiplexed &= (hello.alpn & ALPN_H2) != 0;
        if (is_client && name[0] != '\0' && r->talk->server_name[0] == '\0')
            note_name(r, name);
        if (is_client)
            tls_clear_begin(r->talk, r->memory, r->from, &keys, &hello, r->chunk);
        else if (r->talk->clear != NULL)
            tls_clear_answer(r->talk, r->memory, &keys, &hello);
        if (is_cut && !is_client)
            s->said.version = 0; /* that of TLS 1.3 stands in an extension */
    }
    r->talk->multiplexed |= is_cut; /* what was offered, or chosen, is not known */
    if (is_hello && r->from != turns_client(r->talk) && hello.whole && hello.version < 4)
        tls_certificate_take(s, r->memory, r->chunk->ts_ns);
    else
        tls_give_hello(s, r->memory);
}

/* The record is an alert, or as long as one where nobody can tell. */
static void note_goodbye(struct tls_reading *r)
{
    r->s->goodbye = true;
    r->talk->notes |= NOTE_GOODBYE;
}

/* The streams may have moved (tls_clear.h). */
static void find_streams(struct tls_reading *r)
{
    r->s = tls_stream_of(r->talk, r->from);
    r->peer = tls_stream_of(r->talk, !r->from);
}

static void note_alert(struct tls_stream *s, uint8_t level, uint8_t description)
{
    if (s->has_alert || level != TLS_FATAL)
        return;
    s->has_alert = true;
    s->alert = description;
}

/* What a record that was opened says of the connection. */
static void end_opened(struct tls_reading *r, const struct tls_text *text)
{
    struct tls_stream *s = r->s;
    s->goodbye = text->type == TLS_ALERT;
    s->ahead |= text->ahead;
    if (text->type != TLS_DATA)
        r->talk->notes |= NOTE_CONTROL;
    if (text->has_choice)
        s->said.alpn = text->choice.alpn;
    if (text->certificate != NULL && r->from != turns_client(r->talk))
        tls_certificate_take_opened(s, r->memory, text->certificate, text->certificate_bytes, r->chunk->ts_ns);
    switch (text->type) {
    case TLS_ALERT:
        if (text->length >= TLS_BODY_BYTES)
            note_alert(s, text->bytes[0], text->bytes[1]);
        note_goodbye(r);
        break;
    case TLS_HANDSHAKE:
        if (text->finished && tls_spoken_version(r) == TLS_SPOKEN_13)
            s->finished_13 = true;
        else if (text->finished)
            s->finished = true;
        break;
    case TLS_DATA:
        s->data = s->more_than_alert = true;
        if (r->peer->certificate != TLS_CERTIFICATE_NONE)
            tls_give_hello(r->peer, r->memory);
        tls_clear_hand_on(r->talk, r->memory, r->from, TLS_OPENED, r->chunk);
        find_streams(r);
        break;
    }
}

/* Nothing of that end opens: on without keys, with this record as the first. */
static void revert(struct tls_reading *r)
{
    const struct tcp_chunk record = tls_clear_record(r->talk->clear, r->from);
    tls_clear_revert(r->talk, r->memory);
    find_streams(r);
    r->s->goodbye = false;
    if (tls_is_application_data(r, r->s->length))
        turns_input(r->talk, r->memory, r->from, &record, r->s->is_doubtful);
}

/* Of text that is read otherwise. What is whole and as short as an alert most likely is one: what else takes two bytes is a piece of a
 * message, the end of a chunk for example. */
static void end_unopened(struct tls_reading *r)
{
    bool is_13 = tls_spoken_version(r) == TLS_SPOKEN_13;
    if (r->s->type == TLS_ALERT || (is_13 && tls_is_alert_length(r->s, r->s->length) && !tls_clear_is_torn(r->talk->clear, r->from))) {
        r->s->has_encrypted_alert = true;
        r->talk->unsure |= r->s->type != TLS_ALERT;
        r->talk->notes |= NOTE_CONTROL;
        note_goodbye(r);
    } else if (r->s->type == TLS_DATA && tls_clear_never_opened(r->talk, r->from)) {
        revert(r);
    } else if (r->s->type == TLS_DATA) {
        r->s->goodbye = false;
        tls_clear_hand_on(r->talk, r->memory, r->from, TLS_NOT_OPENED, r->chunk);
    }
}

/* Before any text was read. Whose data does not open, though all of it is there, has other keys. */
static void end_unread(struct tls_reading *r, enum tls_opening opening, bool is_data)
{
    bool over = r->s->finished_13 || r->peer->finished_13 || tls_spoken_version(r) == TLS_SPOKEN_12;
    if (r->s->type != TLS_DATA || (!is_data && tls_is_alert_length(r->s, r->s->length)))
        return;
    if (opening == TLS_NOT_OPENED && is_data && !tls_clear_is_torn(r->talk->clear, r->from))
        tls_clear_give_up(r->talk, r->memory);
    else if (opening == TLS_BEFORE_KEYS || (opening == TLS_NOT_OPENED && (is_data || over)))
        tls_clear_lose_record(r->talk, r->from);
}

/* With keys. true: nothing more is to be known of the record. */
static bool end_sealed(struct tls_reading *r)
{
    struct tls_text text;
    bool was_read = tls_clear_is_read(r->talk), is_data = r->s->is_data && !r->s->is_doubtful;
    enum tls_opening opening = tls_clear_open(r->talk, r->memory, r->from, r->s, r->chunk, &text);
    find_streams(r);
    if (opening == TLS_OPENED)
        end_opened(r, &text);
    else if (opening == TLS_NOT_OPENED && was_read)
        end_unopened(r);
    else if (!was_read)
        end_unread(r, opening, is_data);
    bool is_read = tls_clear_is_read(r->talk);
    if (is_read)
        r->has_data = false; /* what was thought to be data is no matter any more */
    return (is_read || was_read) && opening != TLS_NOT_TRIED;
}

/* Does one begin? The client's first. */
static void note_hello(struct tls_reading *r)
{
    uint32_t now_us = (uint32_t)(r->chunk->ts_ns / NS_PER_US);
    if (r->from == turns_client(r->talk) && r->talk->hello_at_us == 0)
        r->talk->hello_at_us = now_us != 0 ? now_us : 1;
}

/* Is it over with this record? That one is known where no record was lost that may have been it. */
static void note_handshake(struct tls_reading *r)
{
    struct conversation *talk = r->talk;
    const struct tls_stream *client = r->from == turns_client(talk) ? r->s : r->peer;
    bool is_over = (client->finished_13 && !client->odd_flight) || (r->s->finished && r->peer->finished);
    if (is_over && !r->s->lost && !r->peer->lost)
        talk->handshake_us = (uint32_t)(r->chunk->ts_ns / NS_PER_US) - talk->hello_at_us + 1;
}

/* A record is over, and the next one begins. */
static void rest(struct tls_stream *s)
{
    s->is_data = s->is_doubtful = false;
    s->header_have = s->body_have = 0;
}

static void end_record(struct tls_reading *r)
{
    if (r->talk->clear != NULL && end_sealed(r)) {
        rest(r->s);
        return;
    }
    struct tls_stream *s = r->s;
    switch (s->type) {
    case TLS_CHANGE_CIPHER_SPEC:
        s->ccs_first |= !r->peer->change_cipher_spec;
        s->change_cipher_spec = true;
        break;
    case TLS_ALERT:
        if (s->length != TLS_BODY_BYTES)
            s->has_encrypted_alert = true;
        else if (s->body_have == TLS_BODY_BYTES)
            note_alert(s, s->body[0], s->body[1]);
        note_goodbye(r);
        break;
    case TLS_HANDSHAKE:
        read_hello(r);
        s->hello = true;
        s->goodbye = false;
        /* A HelloRetryRequest is followed by further hellos, behind a ChangeCipherSpec that means nothing (RFC 8446
         * appendix D.4). */
        s->finished |= s->change_cipher_spec && !s->said.retry && !r->peer->said.retry;
        break;
    case TLS_DATA: {
        bool is_12 = tls_spoken_version(r) == TLS_SPOKEN_12, is_alert = !is_12 && tls_is_alert_length(s, s->length);
        r->talk->unsure |= s->goodbye && !is_alert && !is_12; /* so that was none */
        s->data = true;
        s->more_than_alert |= !is_alert;
        if (is_alert && tls_is_over_13(r))
            note_goodbye(r);
        else
            s->goodbye = false;
        break;
    }
    }
    rest(s);
}

static void begin_record(struct tls_reading *r)
{
    struct tls_stream *s = r->s;
    s->left = s->length;
    if (!may_be_record(s->type, s->length)) {
        s->foreign |= !s->hello && !s->has_alert && !s->change_cipher_spec && !s->data;
        s->lost |= !s->foreign;
        s->adrift = true;
        return;
    }
    if (s->type == TLS_HANDSHAKE && !s->hello)
        note_hello(r);
    if (tls_clear_is_read(r->talk))
        return;
    /* What is spoken was agreed upon before the capture. */
    r->talk->multiplexed |= s->type == TLS_DATA && tls_is_joined(r);
    s->is_data = s->type == TLS_DATA && tls_is_application_data(r, s->left);
    if (s->type == TLS_DATA)
        tls_note_announcement(r, s->length);
    if (s->type == TLS_HANDSHAKE && !s->hello && s->hello_bytes == NULL && r->memory->hellos_left > 0) {
        s->hello_bytes = slab_take(&r->memory->hellos);
        r->memory->failed |= s->hello_bytes == NULL;
        r->memory->hellos_left -= s->hello_bytes != NULL;
    }
}

/* One more byte of a record's header. */
static void take_header(struct tls_reading *r, uint8_t byte)
{
    struct tls_stream *s = r->s;
    switch (s->header_have++) {
    case 0:
        s->type = byte;
        break;
    case 1:
        if (byte != 3) { /* what does not begin like a record need not be five bytes long */
            s->type = 0;
            begin_record(r);
        }
        break;
    case 3:
        s->length = (uint16_t)(byte << 8);
        break;
    case 4:
        s->length |= byte;
        begin_record(r);
        break;
    }
}

/* The next bytes of it: all at once where they are there. Returns how many. */
static uint32_t take_headers(struct tls_reading *r, const uint8_t *bytes, uint32_t length)
{
    struct tls_stream *s = r->s;
    if (s->header_have > 0 || length < TLS_HEADER_BYTES || bytes[1] != 3) {
        take_header(r, *bytes);
        return 1;
    }
    s->type = bytes[0];
    s->length = (uint16_t)(bytes[3] << 8 | bytes[4]);
    s->header_have = TLS_HEADER_BYTES;
    begin_record(r);
    return TLS_HEADER_BYTES;
}

/* Data up to here in this chunk is handed on. */
static void hand_on(struct tls_reading *r, uint32_t seq)
{
    if (!r->has_data)
        return;
    struct tcp_chunk data = *r->chunk;
    data.bytes = NULL;
    data.seq = r->data_seq;
    data.length = seq - r->data_seq;
    r->has_data = false;
    turns_input(r->talk, r->memory, r->from, &data, r->doubtful);
}

/* So many bytes of the current record, of which the first is seq. */
static void take(struct tls_reading *r, uint32_t seq, uint32_t length)
{
    struct tls_stream *s = r->s;
    if (!s->is_data || r->doubtful != s->is_doubtful)
        hand_on(r, seq);
    if (s->is_data && !r->has_data) {
        r->has_data = true;
        r->doubtful = s->is_doubtful;
        r->data_seq = seq;
    }
    s->left = (uint16_t)(s->left - length);
    if (s->left > 0)
        return;
    if (s->is_doubtful) /* what follows may be no ticket */
        hand_on(r, seq + length);
    if (s->is_data && r->peer->certificate != TLS_CERTIFICATE_NONE)
        tls_give_hello(r->peer, r->memory);
    end_record(r);
    if (r->talk->handshake_us == 0 && r->talk->hello_at_us != 0)
        note_handshake(r);
}

static void keep_body(struct tls_stream *s, const uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length && s->body_have < TLS_BODY_BYTES; i++)
        s->body[s->body_have++] = bytes[i];
    struct tls_hello_bytes *hello = s->hello_bytes;
    if (hello == NULL || s->type != TLS_HANDSHAKE || s->certificate > TLS_CERTIFICATE_AWAITED)
        return;
    uint32_t room = TLS_HELLO_BYTES - hello->have, more = length < room ? length : room;
    memcpy(hello->bytes + hello->have, bytes, more);
    hello->have += more;
}

/* The capture lost the thread of records: does one begin with these bytes? */
static bool recovers(const struct tls_stream *s, const struct tcp_chunk *chunk)
{
    return chunk->bytes != NULL && chunk->length >= TLS_HEADER_BYTES && !s->foreign && is_record_header(chunk->bytes);
}

/* An alert in its longest record, of CBC with SHA-384, and its header. */
#define LONGEST_ALERT (80 + TLS_HEADER_BYTES)

/* Bytes of which nobody knows what they are. Short ones may be an alert, a client's may belong to the handshake. */
static void take_unknown(struct tls_reading *r, const struct tcp_chunk *chunk)
{
    if (r->s->foreign)
        return;
    if (r->talk->clear != NULL)
        tls_clear_lost(r->talk, r->from, chunk);
    if (tls_clear_is_read(r->talk))
        return;
    bool is_handshake = !tls_is_joined(r) && !(r->s->finished && r->peer->finished) && !r->s->finished_13 && !r->peer->finished_13;
    if (chunk->length > LONGEST_ALERT && !is_handshake)
        turns_input(r->talk, r->memory, r->from, chunk, true);
    else
        r->talk->unsure = true;
}

/* The record's next bytes may be opened. NULL: they were not captured. */
static void keep_sealed(struct tls_reading *r, const uint8_t *bytes, uint32_t length)
{
    if (r->talk->clear != NULL)
        tls_clear_body(r->talk->clear, r->memory, r->from, r->s, r->chunk, bytes, length);
}

static void input_gap(struct tls_reading *r)
{
    struct tls_stream *s = r->s;
    struct tcp_chunk chunk = *r->chunk;
    /* Within a record the gap is bridged, unless it hides what an alert says. */
    if (s->header_have == TLS_HEADER_BYTES && s->type != TLS_ALERT) {
        uint32_t length = chunk.length < s->left ? chunk.length : s->left;
        keep_sealed(r, NULL, length);
        take(r, chunk.seq, length);
        s = r->s;
        hand_on(r, chunk.seq + length);
        chunk.seq += length;
        chunk.length -= length;
        if (chunk.length == 0)
            return;
    }
    if (s->header_have < TLS_HEADER_BYTES) { /* what was read of a header is lost as well */
        chunk.seq -= s->header_have;
        chunk.length += s->header_have;
    }
    s->header_have = s->body_have = 0;
    s->adrift = s->lost = true;
    if (!tls_clear_is_read(r->talk)) /* else it is known which bytes of the text are */
        r->talk->stream[r->from].lost_bytes |= !chunk.cut;
    take_unknown(r, &chunk);
}

static void input_bytes(struct tls_reading *r)
{
    const struct tcp_chunk *chunk = r->chunk;
    uint32_t at = 0;
    while (at < chunk->length && !r->s->adrift) {
        struct tls_stream *s = r->s;
        if (s->header_have < TLS_HEADER_BYTES) {
            if (s->header_have == 0 && r->talk->clear != NULL)
                tls_clear_header(r->talk->clear, r->from, chunk, chunk->seq + at);
            at += take_headers(r, chunk->bytes + at, chunk->length - at);
            if (s->header_have == TLS_HEADER_BYTES && !s->adrift)
                take(r, chunk->seq + at - TLS_HEADER_BYTES, 0);
        } else {
            uint32_t rest = chunk->length - at, length = rest < s->left ? rest : s->left;
            keep_body(s, chunk->bytes + at, length);
            keep_sealed(r, chunk->bytes + at, length);
            take(r, chunk->seq + at, length);
            at += length;
        }
    }
    hand_on(r, chunk->seq + at - (r->s->header_have < TLS_HEADER_BYTES ? r->s->header_have : 0));
    if (at < chunk->length) {
        struct tcp_chunk rest = *chunk;
        rest.seq += at;
        rest.length -= at;
        take_unknown(r, &rest);
    }
}

static void input(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct tcp_chunk *chunk)
{
    struct tls_reading r = { .talk = talk, .memory = memory, .chunk = chunk, .from = from };
    find_streams(&r);
    if (r.s->adrift && recovers(r.s, chunk)) {
        r.s->adrift = false;
        r.s->header_have = r.s->body_have = 0;
    }
    if (r.s->adrift)
        take_unknown(&r, chunk);
    else if (chunk->bytes == NULL)
        input_gap(&r);
    else
        input_bytes(&r);
}

static void drop(struct conversation *talk, struct conversation_memory *memory)
{
    for (int i = 0; i < 2; i++)
        tls_give_hello(&talk->stream[i].tls, memory);
}

/* ---- recognising it -------------------------------------------------------------------------------- */

/* In the middle of a connection a segment mostly begins with a record; that one follows it, or that it ends with the segment,
 * is no chance. */
static bool is_mid_stream(const uint8_t *bytes, size_t length)
{
    if (length < TLS_HEADER_BYTES || !is_record_header(bytes))
        return false;
    size_t next = TLS_HEADER_BYTES + ((size_t)bytes[3] << 8 | bytes[4]);
    return next == length || (next + TLS_HEADER_BYTES <= length && is_record_header(bytes + next)) || bytes[0] == TLS_DATA;
}

static bool recognises(const uint8_t *bytes, size_t length)
{
    return is_mid_stream(bytes, length) || (length >= 1 && bytes[0] == 22 && (length < 2 || bytes[1] == 3) && (length < 3 || bytes[2] <= 4));
}

const struct protocol_ops tls_ops = { .recognises = recognises, .input = input, .drop = drop, .inferred = true };
