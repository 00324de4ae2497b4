/*
 * tls_opening - which keys open a record: secrets of the log, one epoch after the other, and the number that it has. Private to the
 * two files that are TLS with keys (tls_clear.h).
 */
#ifndef HANGUP_CONVERSATION_TLS_OPENING_H
#define HANGUP_CONVERSATION_TLS_OPENING_H

#include "conversation/tls_clear.h"

/* Messages of the handshake (RFC 8446 section 4) that tell something here. */
enum { CLIENT_HELLO = 1, SERVER_HELLO = 2, NEW_SESSION_TICKET = 4, ENCRYPTED_EXTENSIONS = 8, CERTIFICATE = 11, FINISHED = 20, KEY_UPDATE = 24 };

/* Who has failed so often has other keys. */
#define MOST_FAILURES 16

/* After a gap so many numbers are tried, of long records fewer: each costs a record's authentication, and what a capture makes us
 * work for its bytes must stay within bounds. */
#define MOST_TRIES 512

/* Which keys an end uses. */
enum epoch {
    EPOCH_CLEAR,     /* none yet */
    EPOCH_EARLY,     /* 0-RTT */
    EPOCH_HANDSHAKE, /* TLS 1.3, up to its Finished */
    EPOCH_TRAFFIC,
};

/* Where a record lies. */
struct record_place {
    struct tcp_chunk begin; /* that its first byte came with; seq: of that byte */
    uint32_t have;          /* bytes of its body, missing ones counted */
    uint32_t first_body;    /* of these, how many came with its first byte */
    uint32_t hole, hole_end; /* what is missing lies within; equal: nothing is */
    bool cut;               /* because of the snap length */
};

/* The body of a record that comes in several segments, or is kept. */
struct tls_piece {
    struct tls_piece *next;
    struct record_place place;
    struct tcp_chunk last; /* that its last byte came with */
    uint8_t type;
    uint16_t length;
    uint8_t bytes[TLS_MOST_RECORD_BYTES];
};

/* One direction. */
struct clear_end {
    struct tls_record_keys keys; /* if has_keys */
    struct tls_secret secret;    /* they were made of; TLS 1.3 */
    uint64_t number;             /* of the next record under these keys */
    uint32_t missed;             /* so many more may have gone by that nobody counted */
    uint32_t skip;               /* bytes of a handshake message that go on in its next record */
    uint32_t data_end_seq;       /* behind its last record of data; if has_data */
    uint32_t gap_bytes;          /* lost, with any number of records; from gap on */
    uint32_t gap_records;        /* as the number of the next one told that opened */
    struct tcp_chunk gap;
    struct record_place place;
    struct tls_piece *piece;     /* what came of the current record; NULL: nothing, or all at once */
    const uint8_t *whole;        /* all at once */
    uint8_t epoch;               /* enum epoch */
    uint8_t failures;            /* records in a row that were whole, and did not open */
    uint32_t tried_bytes;        /* in vain, under numbers behind gaps */
    bool has_keys, has_data;
    bool opened;                 /* a record under its traffic keys did */
    bool padded;                 /* one had padding: lengths of texts cannot be told from those of records */
    bool unopened;               /* the last one did not: a KeyUpdate may have been in it */
    bool updates;                /* a KeyUpdate was read: the next record has new keys */
};

enum early { EARLY_NONE, EARLY_UNDECIDED, EARLY_TAKEN };

struct tls_clear {
    struct tls_stream stream[2]; /* once the text is read */
    struct clear_end end[2];
    struct tls_hello_keys client_hello, server_hello;
    const struct tls_suite *suite; /* NULL: before the ServerHello */
    struct tls_piece *early_records; /* kept, the oldest first */
    struct tls_text text;        /* of the last record */
    uint16_t text_front;
    uint8_t client, early;       /* enum early */
    uint8_t early_count;
    bool is_13, is_read;
    uint32_t exchanges_before, requests_before; /* the hello: in the clear (CONNECT, STARTTLS) */
};

/* What one attempt works on. */
struct attempt {
    struct conversation *talk;
    struct tls_clear *c;
    struct conversation_memory *memory;
    struct clear_end *e;
    struct tls_sealed sealed;
    struct tls_opened opened;
    struct key_place place;
    unsigned from;
};

/* Does any of the secrets that may come open it, under any number that it may have? Then its end uses these keys from here on. */
bool tls_opens(struct attempt *attempt);

/* With these keys, from the number on that the next record has. */
bool tls_opens_as(struct attempt *attempt, const struct tls_record_keys *keys, uint64_t number);

/* Adopts the first secret of that label that opens the record. */
bool tls_opens_with(struct attempt *attempt, enum tls_label label, enum epoch epoch);

/* Where nothing is missing: does it have the number of a later record? Its end sealed others, and did not send them. */
bool tls_opens_ahead(struct attempt *attempt);

/* A record that is not whole: its body is missing from `hole` to `hole_end`. With keys that opened others, what there is of it can be
 * read; its type and its length, too, if they are there, or nobody pads. */
bool tls_opens_torn(struct attempt *attempt, uint32_t hole, uint32_t hole_end);

/* It went by unopened. */
void tls_count_unopened(struct tls_clear *clear, struct clear_end *end);

/* A KeyUpdate was read: what follows has the next keys. */
void tls_update_keys(struct tls_clear *clear, struct clear_end *end);

/* TLS 1.2: what follows has new keys. */
void tls_change_cipher(struct tls_clear *clear, unsigned from);

/* Of a record that did not open, how long its text is: without padding, and of CBC nearly. */
uint32_t tls_text_bytes(const struct tls_clear *clear, uint32_t body);

#endif
