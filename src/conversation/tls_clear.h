/*
 * tls_clear - TLS with keys: records are opened, and their text is what the conversation reads. Private to the floor.
 *
 * From the ClientHello on a connection whose random is in the key log has one of these. Until the first record of data opens,
 * everything goes on as without keys (tls.h); from there on the conversation is that of the text. What does not open then is
 * missing, as bytes that were not captured are.
 *
 * Text lies where its record does: its first byte at the first of the record, what ends with the record at its end
 * (tcp_chunk_seq). So what an ACK covers, and which packet carried it, is as true of it as of text in the clear.
 */
#ifndef HANGUP_CONVERSATION_TLS_CLEAR_H
#define HANGUP_CONVERSATION_TLS_CLEAR_H

#include "conversation/conversation.h"
#include "tls/key_log.h"

/* So many connections at once are followed with keys: 160 MiB. More go on as without keys. */
#define TLS_MOST_CLEAR 131072

/* So many records at once are kept while they come in pieces, or while it is not known whether early data is taken: 38 MiB.
 * Others count as not captured. */
#define TLS_MOST_PIECES 2048

/* Of early data so many records are kept; the usual limit of servers is 16 KiB in all (OpenSSL, nginx, Go). */
#define TLS_MOST_EARLY 8

/* Of what slabs are made for. */
size_t tls_clear_bytes(void);
size_t tls_piece_bytes(void);

/* What became of a record. */
enum tls_opening {
    TLS_NOT_TRIED,   /* it is not protected, or the keys are not there yet */
    TLS_OPENED,
    TLS_NOT_OPENED,  /* wrong keys, or bytes of it are missing */
    TLS_TAKEN_LATER, /* early data */
    TLS_BEFORE_KEYS, /* data of a client, and the server's hello was not seen yet */
};

struct tls_text {
    uint8_t type;          /* its content type */
    const uint8_t *bytes;  /* until the next record */
    uint16_t length;
    bool finished;         /* a handshake's Finished is in it */
    bool ahead;            /* its number is that of a later record, though nothing is missing: its receiver must refuse it */
    bool has_choice;       /* EncryptedExtensions of a server are in it */
    struct tls_hello choice;
    const uint8_t *certificate; /* TLS 1.3: the message Certificate, as far as it is in it; NULL: it is not */
    uint16_t certificate_bytes;
};

/* A ClientHello: makes talk->clear, if its keys are, or may come to be, in the log. */
void tls_clear_begin(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct tls_hello_keys *client,
                     const struct tls_hello *hello, const struct tcp_chunk *chunk);

/* The ServerHello. */
void tls_clear_answer(struct conversation *talk, struct conversation_memory *memory, const struct tls_hello_keys *server,
                      const struct tls_hello *hello);

/* A header was read whose first byte came in `chunk`, at `seq`. */
void tls_clear_header(struct tls_clear *clear, unsigned from, const struct tcp_chunk *chunk, uint32_t seq);

/* The next bytes of the record; NULL: they were not captured. */
void tls_clear_body(struct tls_clear *clear, struct conversation_memory *memory, unsigned from, const struct tls_stream *stream,
                    const struct tcp_chunk *chunk, const uint8_t *bytes, uint32_t length);

/* A record is whole. */
enum tls_opening tls_clear_open(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                                const struct tls_stream *stream, const struct tcp_chunk *chunk, struct tls_text *text);

/* Hands the last record's text on, from the first time on as what the conversation reads. opening: NOT_OPENED: it is missing. */
void tls_clear_hand_on(struct conversation *talk, struct conversation_memory *memory, unsigned from, enum tls_opening opening,
                       const struct tcp_chunk *chunk);

/* Bytes of which nobody knows where records begin, or that were not captured. */
void tls_clear_lost(struct conversation *talk, unsigned from, const struct tcp_chunk *chunk);

/* Where the last record of that end lies; no bytes. */
struct tcp_chunk tls_clear_record(const struct tls_clear *clear, unsigned from);

/* It is one of data, and was not read. */
void tls_clear_lose_record(struct conversation *talk, unsigned from);

/* Are bytes of its last record missing? */
bool tls_clear_is_torn(const struct tls_clear *clear, unsigned from);

/* Has nothing of that end opened, though nothing was missing? */
bool tls_clear_never_opened(const struct conversation *talk, unsigned from);

/* The text of the other end was read, and nothing of this one will be: back to turns, which take the exchanges over. */
void tls_clear_revert(struct conversation *talk, struct conversation_memory *memory);

/* No more will come of that end: what there is of a record that is cut. */
void tls_clear_finish(struct conversation *talk, struct conversation_memory *memory, unsigned from);

/* The keys are not there, or wrong: on without them, if no text was handed on yet. */
void tls_clear_give_up(struct conversation *talk, struct conversation_memory *memory);

/* Is the text read? */
bool tls_clear_is_read(const struct conversation *talk);

/* Where records of data of that end stop; valid if there is one. */
bool tls_clear_data_end(const struct conversation *talk, unsigned end, uint32_t *seq);

/* An end's records, wherever they are kept. Of TLS only. */
struct tls_stream *tls_stream_of(struct conversation *talk, unsigned end);
const struct tls_stream *tls_stream_read(const struct conversation *talk, unsigned end);

void tls_clear_free(struct conversation *talk, struct conversation_memory *memory);

#endif
