#include "conversation/tls_clear.h"

#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "base/wipe.h"
#include "conversation/exchanges.h"
#include "conversation/protocol.h"
#include "conversation/tls_opening.h"
#include "conversation/tls_records.h"
#include "conversation/turns.h"

size_t tls_clear_bytes(void)
{
    return sizeof(struct tls_clear);
}

size_t tls_piece_bytes(void)
{
    return sizeof(struct tls_piece);
}

bool tls_clear_is_read(const struct conversation *talk)
{
    return talk->clear != NULL && talk->clear->is_read;
}

struct tls_stream *tls_stream_of(struct conversation *talk, unsigned end)
{
    return tls_clear_is_read(talk) ? &talk->clear->stream[end] : &talk->stream[end].tls;
}

const struct tls_stream *tls_stream_read(const struct conversation *talk, unsigned end)
{
    return tls_clear_is_read(talk) ? &talk->clear->stream[end] : &talk->stream[end].tls;
}

bool tls_clear_data_end(const struct conversation *talk, unsigned end, uint32_t *seq)
{
    *seq = talk->clear->end[end].data_end_seq;
    return talk->clear->end[end].has_data;
}

static struct key_place place_of(const struct tcp_chunk *chunk)
{
    return (struct key_place){ chunk->capture, chunk->frame };
}

/* ---- memory --------------------------------------------------------------------------------------- */

static void give_piece(struct conversation_memory *memory, struct tls_piece *piece)
{
    if (piece == NULL)
        return;
    slab_give(&memory->pieces, piece);
    memory->pieces_left++;
}

static void drop_early(struct tls_clear *c, struct conversation_memory *memory)
{
    for (struct tls_piece *piece = c->early_records, *next; piece != NULL; piece = next) {
        next = piece->next;
        give_piece(memory, piece);
    }
    c->early_records = NULL;
    c->early = EARLY_NONE;
}

void tls_clear_free(struct conversation *talk, struct conversation_memory *memory)
{
    struct tls_clear *c = talk->clear;
    if (c == NULL)
        return;
    drop_early(c, memory);
    for (int i = 0; i < 2; i++) {
        give_piece(memory, c->end[i].piece);
        tls_give_hello(&c->stream[i], memory);
    }
    wipe(c, sizeof *c);
    slab_give(&memory->clears, c);
    memory->clears_left++;
    talk->clear = NULL;
}

void tls_clear_give_up(struct conversation *talk, struct conversation_memory *memory)
{
    struct tls_clear *c = talk->clear;
    if (c == NULL || c->is_read)
        return;
    const struct tcp_chunk *chunk = &c->end[c->client].place.begin;
    bool known = key_log_has(memory->key_log, c->client_hello.random, place_of(chunk));
    if (!known)
        key_log_miss(memory->key_log, c->client_hello.random);
    talk->tls_keys = c->suite == NULL ? TLS_KEYS_UNSUPPORTED : known ? TLS_KEYS_WRONG : TLS_KEYS_MISSING;
    tls_clear_free(talk, memory);
}

/* ---- hellos --------------------------------------------------------------------------------------- */

static uint8_t *new_text(void)
{
    uint8_t *text = calloc(1, TLS_MOST_RECORD_BYTES);
    if (text != NULL)
        pages_lock(text, TLS_MOST_RECORD_BYTES);
    return text;
}

void tls_clear_begin(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct tls_hello_keys *client,
                     const struct tls_hello *hello, const struct tcp_chunk *chunk)
{
    if (memory->key_log == NULL || !client->known || talk->clear != NULL)
        return;
    if (!memory->keys_may_come && !key_log_has(memory->key_log, client->random, place_of(chunk))) {
        key_log_miss(memory->key_log, client->random);
        return;
    }
    struct tls_clear *c = memory->clears_left > 0 ? slab_take(&memory->clears) : NULL;
    if (memory->clear_text == NULL)
        memory->clear_text = new_text();
    talk->tls_keys = TLS_KEYS_CROWDED;
    memory->failed |= memory->clear_text == NULL || (c == NULL && memory->clears_left > 0);
    if (c == NULL)
        return;
    memory->clears_left--;
    talk->tls_keys = TLS_KEYS_MISSING;
    talk->clear = c;
    c->exchanges_before = talk->exchanges;
    c->requests_before = talk->requests;
    c->client = (uint8_t)from;
    c->client_hello = *client;
    struct tls_secret secret;
    if (hello->early_data && key_log_find(memory->key_log, client->random, TLS_CLIENT_EARLY, 0, place_of(chunk), &secret))
        c->early = EARLY_UNDECIDED;
    wipe(&secret, sizeof secret);
}

void tls_clear_answer(struct conversation *talk, struct conversation_memory *memory, const struct tls_hello_keys *server,
                      const struct tls_hello *hello)
{
    struct tls_clear *c = talk->clear;
    c->suite = server->known && hello->version >= 3 && hello->version <= 4 ? tls_suite_find(server->suite) : NULL;
    c->server_hello = *server;
    c->is_13 = hello->version == 4;
    if (c->suite == NULL) {
        tls_clear_give_up(talk, memory);
        return;
    }
    if (!c->is_13 || hello->retry)
        drop_early(c, memory);
}

/* ---- a record comes in ---------------------------------------------------------------------------- */

void tls_clear_header(struct tls_clear *c, unsigned from, const struct tcp_chunk *chunk, uint32_t seq)
{
    struct clear_end *e = &c->end[from];
    e->place = (struct record_place){ .begin = *chunk };
    e->place.begin.bytes = NULL;
    e->place.begin.seq = seq;
    e->whole = NULL;
}

/* Is it protected, or would it be? Data always is. */
static bool is_sealed(const struct tls_clear *c, unsigned from, uint8_t type)
{
    if (type == TLS_DATA)
        return c->suite != NULL || from == c->client;
    return c->suite != NULL && !c->is_13 && c->end[from].epoch == EPOCH_TRAFFIC;
}

static struct tls_piece *new_piece(struct conversation_memory *memory)
{
    if (memory->pieces_left == 0)
        return NULL;
    struct tls_piece *piece = slab_take(&memory->pieces);
    memory->failed |= piece == NULL;
    memory->pieces_left -= piece != NULL;
    return piece;
}

void tls_clear_body(struct tls_clear *c, struct conversation_memory *memory, unsigned from, const struct tls_stream *stream,
                    const struct tcp_chunk *chunk, const uint8_t *bytes, uint32_t length)
{
    struct clear_end *e = &c->end[from];
    struct record_place *place = &e->place;
    const uint32_t at = place->have, end = at + length;
    if (length == 0 || !is_sealed(c, from, stream->type) || end > TLS_MOST_RECORD_BYTES)
        return;
    place->have = end;
    if (chunk->frame == place->begin.frame && chunk->capture == place->begin.capture)
        place->first_body = end;
    if (bytes != NULL && at == 0 && length == stream->length) {
        e->whole = bytes;
        return;
    }
    if (bytes != NULL && e->piece == NULL)
        e->piece = new_piece(memory);
    if (bytes != NULL && e->piece != NULL) {
        memcpy(e->piece->bytes + at, bytes, length);
        e->piece->last = *chunk;
        return;
    }
    if (place->hole == place->hole_end)
        place->hole = at;
    place->hole_end = end;
    place->cut |= chunk->cut;
}

bool tls_clear_is_torn(const struct tls_clear *c, unsigned from)
{
    return c->end[from].place.hole != c->end[from].place.hole_end;
}

struct tcp_chunk tls_clear_record(const struct tls_clear *c, unsigned from)
{
    struct tcp_chunk chunk = c->end[from].place.begin;
    chunk.length = TLS_HEADER_BYTES + c->end[from].place.have;
    return chunk;
}

void tls_clear_lose_record(struct conversation *talk, unsigned from)
{
    const struct tcp_chunk chunk = tls_clear_record(talk->clear, from);
    tls_clear_lost(talk, from, &chunk);
    if (!talk->clear->is_read)
        talk->tls_keys = TLS_KEYS_LOST;
}

void tls_clear_lost(struct conversation *talk, unsigned from, const struct tcp_chunk *chunk)
{
    struct clear_end *e = &talk->clear->end[from];
    /* A record takes a header, a tag, and a type at least. */
    enum { LEAST_RECORD = TLS_HEADER_BYTES + 16 + 1 };
    uint32_t records = chunk->length / LEAST_RECORD + 1;
    e->missed = e->missed + records < MOST_TRIES ? e->missed + records : MOST_TRIES;
    if (e->gap_bytes == 0)
        e->gap = *chunk;
    e->gap.bytes = NULL;
    e->gap_bytes += chunk->length;
    e->skip = 0;
}

/* ---- handing it on -------------------------------------------------------------------------------- */

/* The first text: all that was thought of the records so far is forgotten, and the conversation begins. */
static void begin_text(struct conversation *talk, struct conversation_memory *memory)
{
    struct tls_clear *c = talk->clear;
    exchanges_forget(talk, memory);
    talk->exchanges = c->exchanges_before;
    talk->requests = c->requests_before;
    for (int i = 0; i < 2; i++) {
        c->stream[i] = talk->stream[i].tls;
        talk->stream[i] = (struct conversation_stream){ .lost_bytes = talk->stream[i].lost_bytes };
    }
    c->is_read = true;
    talk->tls_keys = TLS_KEYS_USED;
    talk->protocol = PROTOCOL_NONE;
    talk->client = (int8_t)c->client;
    talk->inferred = talk->unsure = talk->one_way = talk->multiplexed = false;
}

/* A part of the text, with the packet that carried it. */
struct part {
    struct tcp_chunk chunk; /* bytes: of the whole text, NULL: it is missing */
    uint32_t record_seq, text_seq, end_seq; /* of the record, its text, behind the record */
    uint32_t length;        /* of the whole text */
};

static void hand_part(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct part *part, uint32_t begin,
                      uint32_t end, bool missing)
{
    if (begin >= end)
        return;
    struct tcp_chunk chunk = part->chunk;
    chunk.bytes = missing || chunk.bytes == NULL ? NULL : chunk.bytes + begin;
    chunk.length = end - begin;
    chunk.seq = begin == 0 ? part->record_seq : part->text_seq + begin;
    chunk.front = (uint16_t)(begin == 0 ? part->text_seq - part->record_seq : 0);
    chunk.behind = (uint16_t)(end == part->length ? part->end_seq - part->text_seq - part->length : 0);
    talk->notes |= NOTE_TEXT;
    conversation_read(talk, memory, from, &chunk);
}

/* A part, with the bytes that are missing in it. */
static void hand_range(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct part *part, uint32_t begin,
                       uint32_t end, uint32_t hole, uint32_t hole_end)
{
    uint32_t a = hole < begin ? begin : hole < end ? hole : end, b = hole_end < a ? a : hole_end < end ? hole_end : end;
    hand_part(talk, memory, from, part, begin, a, false);
    hand_part(talk, memory, from, part, a, b, true);
    hand_part(talk, memory, from, part, b, end, false);
}

/* How long a text that was not read is can be told from its record: not where it was filled up to whole blocks, or padded. */
static bool tells_length(const struct tls_clear *c, const struct clear_end *e)
{
    return c->suite->cipher.mode != TLS_CBC && !e->padded;
}

/* Bytes that were lost, with records in them. How many these were is told by the number of the first record that opens. */
static void hand_gap(struct conversation *talk, struct conversation_memory *memory, unsigned from, uint64_t records)
{
    struct clear_end *e = &talk->clear->end[from];
    uint32_t bytes = e->gap_bytes;
    if (bytes == 0)
        return;
    e->gap_bytes = 0;
    if (records == 0 || !tells_length(talk->clear, e)) {
        conversation_lose(talk, memory, from);
        return;
    }
    uint64_t other = records * (TLS_MOST_RECORD_BYTES - tls_text_bytes(talk->clear, TLS_MOST_RECORD_BYTES) + TLS_HEADER_BYTES);
    uint32_t text = other < bytes ? bytes - (uint32_t)other : 1;
    struct tcp_chunk chunk = e->gap;
    chunk.length = text;
    chunk.behind = (uint16_t)(bytes - text < UINT16_MAX ? bytes - text : UINT16_MAX);
    conversation_read(talk, memory, from, &chunk);
}

void tls_clear_hand_on(struct conversation *talk, struct conversation_memory *memory, unsigned from, enum tls_opening opening,
                       const struct tcp_chunk *chunk)
{
    struct tls_clear *c = talk->clear;
    struct clear_end *e = &c->end[from];
    const struct record_place *place = &e->place;
    bool opened = opening == TLS_OPENED;
    if (!c->is_read && !opened)
        return;
    if (!c->is_read)
        begin_text(talk, memory);
    hand_gap(talk, memory, from, opened ? e->gap_records : 0);
    const uint32_t body = place->have, front = opened ? c->text_front : 0, first = place->first_body;
    struct part part = { .chunk = *chunk, .record_seq = place->begin.seq, .text_seq = place->begin.seq + TLS_HEADER_BYTES + front,
                         .end_seq = place->begin.seq + TLS_HEADER_BYTES + body, .length = opened ? c->text.length : tls_text_bytes(c, body) };
    part.chunk.bytes = opened ? c->text.bytes : NULL;
    part.chunk.cut = place->cut;
    if (!opened && !tells_length(c, e)) {
        conversation_lose(talk, memory, from);
        return;
    }
    e->has_data = true;
    e->data_end_seq = part.end_seq;
    uint32_t with_first = first < body && first > front ? first - front : 0;
    if (with_first > part.length)
        with_first = part.length;
    uint32_t hole = place->hole > front ? place->hole - front : 0, hole_end = place->hole_end > front ? place->hole_end - front : 0;
    struct part begin = part;
    begin.chunk.ack = place->begin.ack;
    begin.chunk.ts_ns = place->begin.ts_ns;
    begin.chunk.frame = place->begin.frame;
    begin.chunk.capture = place->begin.capture;
    hand_range(talk, memory, from, &begin, 0, with_first, hole, hole_end);
    hand_range(talk, memory, from, &part, with_first, part.length, hole, hole_end);
}

/* ---- opening it ----------------------------------------------------------------------------------- */

static void read_message(struct tls_clear *c, unsigned from, const uint8_t *bytes, size_t length, struct tls_text *text)
{
    enum { HEADER = 4 };
    struct tls_hello hello;
    char name[TLS_NAME_BYTES];
    bool renegotiates = !c->is_13 && c->end[from].has_keys;
    switch (bytes[0]) {
    case FINISHED:
        text->finished = true;
        break;
    case ENCRYPTED_EXTENSIONS:
        text->has_choice = true;
        tls_hello_read_encrypted(bytes + HEADER, length - HEADER, &text->choice);
        break;
    case CERTIFICATE:
        text->certificate = c->is_13 ? bytes : NULL;
        text->certificate_bytes = (uint16_t)length;
        break;
    case KEY_UPDATE:
        c->end[from].updates = c->is_13 && c->end[from].epoch == EPOCH_TRAFFIC;
        break;
    case CLIENT_HELLO:
        if (renegotiates)
            tls_hello_read(bytes, length, &hello, &c->client_hello, name);
        break;
    case SERVER_HELLO:
        if (renegotiates && tls_hello_read(bytes, length, &hello, &c->server_hello, name)) {
            const struct tls_suite *suite = tls_suite_find(c->server_hello.suite);
            c->suite = suite != NULL ? suite : c->suite;
        }
        break;
    }
}

static void read_messages(struct tls_clear *c, unsigned from, struct tls_text *text)
{
    enum { HEADER = 4 };
    struct clear_end *e = &c->end[from];
    size_t at = e->skip < text->length ? e->skip : text->length;
    e->skip -= (uint32_t)at;
    while (at + HEADER <= text->length) {
        const uint8_t *message = text->bytes + at;
        size_t length = HEADER + ((size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3]), there = text->length - at;
        read_message(c, from, message, length < there ? length : there, text);
        at += length;
    }
    if (at > text->length)
        e->skip = (uint32_t)(at - text->length);
}

/* It was sent, and perhaps taken, and nobody will know what it says. */
static void lose_early(struct conversation *talk, const struct tls_piece *piece)
{
    struct tcp_chunk chunk = piece->place.begin;
    chunk.length = TLS_HEADER_BYTES + piece->length;
    tls_clear_lost(talk, talk->clear->client, &chunk);
}

static void lose_all_early(struct conversation *talk, struct conversation_memory *memory)
{
    for (const struct tls_piece *piece = talk->clear->early_records; piece != NULL; piece = piece->next)
        lose_early(talk, piece);
    drop_early(talk->clear, memory);
}

/* Early data is taken: it is read now, in its order before all else. */
static void read_early(struct conversation *talk, struct conversation_memory *memory)
{
    struct tls_clear *c = talk->clear;
    struct clear_end *e = &c->end[c->client];
    struct record_place now = e->place;
    struct tls_text text = c->text;
    c->early = EARLY_TAKEN;
    for (struct tls_piece *piece = c->early_records, *next; piece != NULL; piece = next) {
        next = piece->next;
        struct attempt a = { .talk = talk, .c = c, .memory = memory, .e = e, .from = c->client, .place = place_of(&piece->last),
                             .sealed = { 0, piece->type, piece->length, piece->bytes } };
        e->place = piece->place;
        bool opened = e->has_keys ? tls_opens_as(&a, &e->keys, e->number) : tls_opens_with(&a, TLS_CLIENT_EARLY, EPOCH_EARLY);
        c->text = (struct tls_text){ .type = a.opened.type, .bytes = memory->clear_text, .length = a.opened.length };
        c->text_front = a.opened.front;
        if (opened && a.opened.type == TLS_DATA)
            tls_clear_hand_on(talk, memory, c->client, TLS_OPENED, &piece->last);
        else if (!opened)
            lose_early(talk, piece);
        give_piece(memory, piece);
    }
    c->early_records = NULL;
    c->text = text;
    e->place = now;
}

/* What the server says of early data. */
static void decide_early(struct conversation *talk, struct conversation_memory *memory, const struct tls_text *text)
{
    struct tls_clear *c = talk->clear;
    if (c->early != EARLY_UNDECIDED)
        return;
    if (text->has_choice && text->choice.early_data)
        read_early(talk, memory);
    else if (text->has_choice)
        drop_early(c, memory);
    else if (text->type == TLS_DATA)
        lose_all_early(talk, memory); /* what the server said is missing */
}

static enum tls_opening keep_early(struct tls_clear *c, struct conversation_memory *memory, struct attempt *a, const struct tcp_chunk *chunk)
{
    struct clear_end *e = a->e;
    struct tls_piece *piece = e->piece != NULL ? e->piece : new_piece(memory), **at = &c->early_records;
    bool torn = e->place.hole != e->place.hole_end || a->sealed.bytes == NULL;
    if (piece == NULL || torn || c->early_count++ >= TLS_MOST_EARLY) {
        if (piece != e->piece)
            give_piece(memory, piece);
        lose_all_early(a->talk, memory);
        return TLS_BEFORE_KEYS;
    }
    if (e->piece == NULL)
        memcpy(piece->bytes, a->sealed.bytes, a->sealed.length);
    e->piece = NULL;
    piece->next = NULL;
    piece->place = e->place;
    piece->last = *chunk;
    piece->last.bytes = NULL;
    piece->type = a->sealed.type;
    piece->length = a->sealed.length;
    while (*at != NULL)
        at = &(*at)->next;
    *at = piece;
    return TLS_TAKEN_LATER;
}

static enum tls_opening open_record(struct attempt *a, struct tls_text *text)
{
    struct tls_clear *c = a->c;
    struct clear_end *e = a->e;
    bool torn = e->place.hole != e->place.hole_end || a->sealed.bytes == NULL;
    if (!c->is_13 && e->epoch == EPOCH_CLEAR) { /* the ChangeCipherSpec was not seen, and perhaps others behind it */
        enum { FEW = 4 };
        e->epoch = EPOCH_TRAFFIC;
        e->missed = FEW;
    }
    bool opened = torn ? tls_opens_torn(a, e->place.hole, e->place.hole_end) : tls_opens(a), ahead = !opened && !torn && tls_opens_ahead(a);
    opened |= ahead;
    if (!opened)
        tls_count_unopened(c, e);
    else if (torn)
        e->number++;
    if (!torn)
        e->failures = opened ? 0 : (uint8_t)(e->failures + (e->missed == 0 && e->failures < MOST_FAILURES));
    if (!opened)
        return TLS_NOT_OPENED;
    if (a->talk->tls_keys == TLS_KEYS_MISSING)
        a->talk->tls_keys = TLS_KEYS_USED;
    if (!torn && e->epoch == EPOCH_TRAFFIC) {
        e->opened = true;
        e->padded |= c->is_13 && a->opened.length != tls_text_bytes(c, a->sealed.length);
    }
    *text = (struct tls_text){ .type = a->opened.type, .bytes = a->memory->clear_text, .length = a->opened.length, .ahead = ahead };
    c->text_front = a->opened.front;
    if (text->type == TLS_HANDSHAKE && !torn)
        read_messages(c, a->from, text);
    if (e->updates)
        tls_update_keys(c, e);
    return TLS_OPENED;
}

enum tls_opening tls_clear_open(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                                const struct tls_stream *stream, const struct tcp_chunk *chunk, struct tls_text *text)
{
    struct tls_clear *c = talk->clear;
    struct clear_end *e = &c->end[from];
    enum tls_opening opening = TLS_NOT_TRIED;
    *text = (struct tls_text){ 0 };
    if (is_sealed(c, from, stream->type)) {
        struct attempt a = { .talk = talk, .c = c, .memory = memory, .e = e, .from = from, .place = place_of(chunk) };
        const uint8_t *body = e->whole != NULL ? e->whole : e->piece != NULL ? e->piece->bytes : NULL;
        a.sealed = (struct tls_sealed){ 0, stream->type, stream->length, body };
        if (from == c->client && c->early == EARLY_UNDECIDED)
            opening = keep_early(c, memory, &a, chunk);
        else if (c->suite != NULL)
            opening = open_record(&a, text);
        else
            opening = TLS_BEFORE_KEYS;
        c->text = *text;
    }
    if (stream->type == TLS_CHANGE_CIPHER_SPEC && c->suite != NULL && !c->is_13)
        tls_change_cipher(c, from);
    give_piece(memory, e->piece);
    e->piece = NULL;
    if (opening == TLS_OPENED && from != c->client)
        decide_early(talk, memory, text);
    if (opening == TLS_OPENED && c->is_read)
        hand_gap(talk, memory, from, e->gap_records);
    else if (opening == TLS_OPENED && (e->epoch < EPOCH_TRAFFIC || e->gap_records == 0))
        e->gap_bytes = 0; /* of the handshake */
    return opening;
}

/* ---- back to what is known without keys ------------------------------------------------------------ */

bool tls_clear_never_opened(const struct conversation *talk, unsigned from)
{
    const struct clear_end *e = &talk->clear->end[from];
    return !e->opened && e->gap_bytes == 0 && !tls_clear_is_torn(talk->clear, from);
}

void tls_clear_revert(struct conversation *talk, struct conversation_memory *memory)
{
    struct tls_clear *c = talk->clear;
    conversation_drop(talk, memory);
    for (int i = 0; i < 2; i++) {
        bool lost = talk->stream[i].lost_bytes;
        talk->stream[i] = (struct conversation_stream){ .mode = MODE_OPAQUE, .lost_bytes = lost };
        talk->stream[i].tls = c->stream[i];
        c->stream[i].hello_bytes = NULL;
    }
    c->is_read = false;
    talk->protocol = PROTOCOL_TLS;
    turns_take_over(talk);
    talk->tls_keys = TLS_KEYS_WRONG;
    tls_clear_free(talk, memory);
}

/* ---- the end --------------------------------------------------------------------------------------- */

/* What there is of the record that is cut. false: nothing that can be read. */
static bool open_cut(struct attempt *a)
{
    struct tls_clear *c = a->c;
    const struct tls_stream *stream = &c->stream[a->from];
    const struct record_place *place = &a->e->place;
    if (stream->header_have < TLS_HEADER_BYTES || stream->type != TLS_DATA || stream->adrift)
        return false;
    a->sealed = (struct tls_sealed){ 0, stream->type, stream->length, a->e->piece->bytes };
    const uint32_t have = place->hole != place->hole_end ? place->hole : place->have;
    if (!tls_opens_torn(a, have, stream->length) || a->opened.type != TLS_DATA || have <= a->opened.front)
        return false;
    uint32_t there = have - a->opened.front;
    c->text = (struct tls_text){ .type = TLS_DATA, .bytes = a->memory->clear_text,
                                 .length = (uint16_t)(there < a->opened.length ? there : a->opened.length) };
    c->text_front = a->opened.front;
    return true;
}

void tls_clear_finish(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    struct tls_clear *c = talk->clear;
    if (c == NULL || !c->is_read)
        return;
    struct clear_end *e = &c->end[from];
    struct attempt a = { .talk = talk, .c = c, .memory = memory, .e = e, .from = from };
    if (e->gap_bytes > 0) /* its goodbye may have been there */
        talk->stream[from].lost_bytes = true;
    hand_gap(talk, memory, from, 0);
    if (e->piece != NULL && open_cut(&a))
        tls_clear_hand_on(talk, memory, from, TLS_OPENED, &e->piece->last);
    give_piece(memory, e->piece);
    e->piece = NULL;
}
