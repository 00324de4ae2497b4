/*
 * connection - one connection while its packets come in: TCP, HTTP and the moments that count.
 */
#ifndef HANGUP_FACTS_CONNECTION_H
#define HANGUP_FACTS_CONNECTION_H

#include "facts/record.h"

/* Moments by end of the tuple: who is the client may turn out later. */
enum end_mark { END_SYN, END_FIN, END_FIN_ACKED, END_RST, END_DATA, END_MARKS };

struct connection {
    struct tcp_conn tcp; /* first: the table points here */
    struct http_conn http;
    struct timeline timeline;
    struct connection *older, *newer; /* in the list that it is on */
    uint64_t id;
    uint32_t tcp_stream;
    uint16_t capture;
    bool open_seen;
    bool handshake_timed; /* no repetition in it, and its last ACK was captured: its times are round trips */
    uint16_t last_capture;
    uint64_t captures_seen; /* bit n: seen in file n, besides `capture` */
    bool reset_only;      /* no end sent a FIN */
    bool in_closing;      /* both ends are done; waits for stragglers */
    int64_t first_ns, last_ns;
    struct mark handshake_done;
    struct mark end_mark[2][END_MARKS]; /* END_DATA: the last payload; the others: the first */
    int64_t data_at_close[2]; /* last payload of each end when the first of them closed */
    bool close_begun;
    int8_t reset_on_data_by;  /* end of the tuple, -1 */
    bool reset_on_data_after_fin;
    struct mark offender;     /* the data that drew that reset */
    int64_t longest_reuse_idle;
    char history[HISTORY_BYTES];
    uint32_t history_seen;    /* letters already there, a bit each */
    void *user;               /* the rule engine's */
};

struct connection_shared {
    struct http_memory http;
    struct tcp_budget budget;
};

void connection_init(struct connection *c, const struct segment *segment, uint32_t hash,
                     int client);

/* Accounts for one segment sent by end `from`. c->http.notes tells what it completed. */
void connection_input(struct connection *c, unsigned from, const struct segment *segment,
                      struct connection_shared *shared);

/* No more packets: hands on what waits, and ends what ends with the connection. */
void connection_finish(struct connection *c, struct connection_shared *shared);

/* Facts of the finished connection; not its timeline and software, which are the caller's
 * business. end_ns: end of the capture. */
void connection_record(const struct connection *c, int client, bool role_guessed, int64_t end_ns,
                       struct record *record);

/* Round-trip time of the whole path, from the handshake; NS_UNKNOWN. */
int64_t connection_rtt(const struct connection *c, unsigned client);

/* Facts on one of the finished connection's exchanges. */
void connection_exchange(const struct connection *c, const struct record *record,
                         const struct http_exchange *exchange, struct exchange_facts *facts);

/* Gives back what it holds of the shared memory. */
void connection_free(struct connection *c, struct connection_shared *shared);

#endif
