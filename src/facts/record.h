/*
 * record - what stays known of a connection when it is over: plain facts, no judgement.
 *
 * Everything that looks across connections (groups, deadlines, pile-ups) reads records alone.
 */
#ifndef HANGUP_FACTS_RECORD_H
#define HANGUP_FACTS_RECORD_H

#include "conversation/conversation.h"
#include "facts/timeline.h"
#include "tcp/tcp_conn.h"

/* Durations in facts: nanoseconds, or one of these. */
#define NS_ABSENT INT64_MIN        /* does not apply to this connection */
#define NS_UNKNOWN (INT64_MIN + 1) /* the capture could not show it */

enum end_role { ROLE_CLIENT, ROLE_SERVER };

enum close_by {
#define VALUE(id, name) id,
#include "facts/close_by.def"
#undef VALUE
};

enum close_how {
#define VALUE(id, name) id,
#include "facts/close_how.def"
#undef VALUE
};

enum close_phase {
#define VALUE(id, name) id,
#include "facts/close_phase.def"
#undef VALUE
};

/* What came of the client's SYN. */
enum syn_answer {
    SYN_NOT_SEEN,  /* the connection began before the capture */
    SYN_ANSWERED,  /* by whatever: SYN-ACK, reset; or the client shows that it was */
    SYN_NO_ANSWER,
    SYN_ANSWER_MAY_COME, /* the capture ended too early */
};

/* By value, NULL at the end, and NULL for those that have no name: nobody; open; not closed, unknown. */
extern const char *const close_by_names[], *const close_how_names[], *const close_phase_names[];
extern const char *const end_role_names[];

/* A moment in the capture. frame 0: it did not happen, or was not captured. */
struct mark {
    int64_t ns;
    uint32_t frame;
    uint16_t capture;
};

enum mark_id {
#define MARK(id, name, text) MARK_##id,
#include "facts/marks.def"
#undef MARK
    MARKS
};

const char *mark_name(enum mark_id id); /* "server_fin", as rules and reports call it */
const char *mark_text(enum mark_id id); /* what it is, for people */
bool mark_find(const char *name, enum mark_id *id);

/* First occurrences in the order seen, as Zeek's conn.log has it: one byte per event, letter in
 * upper case for end 0. */
#define HISTORY_BYTES 20

/* What an end waited for, from struct end_waits. */
struct wait_facts {
    uint32_t zero_window_ms, stalled_ms;
    uint16_t passed_len, repeat_len;
    uint8_t repeats, probes, small_waits;
    uint8_t fin_repeats;         /* of a FIN that was never acknowledged; 0: it was */
    bool heard;
    int16_t rst_hops;            /* how far its reset's TTL lies outside that of its other segments */
};

#define HOPS_ABSENT (-1)  /* no reset */
#define HOPS_UNKNOWN (-2) /* no other segment */

struct exchange_record;

struct record {
    struct tcp_tuple tuple;
    struct record *next;         /* the tracker's */
    uint64_t id;                 /* number of its first packet in the whole run: their order */
    uint32_t stream_frame;       /* the frame that opened its tcp.stream */
    uint32_t tcp_stream;         /* Wireshark's, in file `capture`; known when all packets were seen */
    uint16_t capture;
    uint8_t client;              /* which end of the tuple */
    bool role_guessed;           /* neither handshake nor HTTP told who is the client */
    bool open_seen;              /* its SYN was captured */
    bool established;
    bool unheard;                /* who closed had not one byte, of HTTP/2 one frame, of the other end */
    bool half_closed;            /* the client closed its side and still took the whole response */
    bool fin_wait_2_open;        /* still in FIN_WAIT_2 when the capture ended */
    bool upgraded;               /* 101 or CONNECT: not HTTP any more */
    bool inferred;               /* its exchanges come from turns, and not from messages */
    bool multiplexed;            /* a turn says little about a single request: TLS that may carry HTTP/2 */
    bool lost_thread;            /* HTTP could not be followed throughout */
    bool unsure;                 /* because what went by may have been a request or an answer, or neither */
    bool lost_requests;          /* nor the client's side of it */
    bool one_sided;              /* one direction has no packet at all */
    uint8_t protocol;            /* enum protocol */
    uint8_t close_by, close_how, close_phase;
    uint8_t ended_by;            /* enum close_by: close_by; HTTP/2: whose GOAWAY had announced the close, or named an error; WebSocket: who said Close first */
    uint8_t state[2];            /* enum tcp_state, by role */
    uint8_t rst_kind[2];         /* enum tcp_reset_kind, by role */
    int8_t fin_wait_2_by;        /* enum end_role, -1: nobody was */
    int8_t reset_on_data_by;     /* who answered data with a reset; enum end_role, -1: nobody */
    bool reset_on_data_after_fin; /* and had sent a FIN before */
    bool fin_seen[2];            /* by role */
    bool fin_inferred[2];        /* by role: seen by its ACK alone, whose frame its mark has */
    /* By role; they stick at UINT8_MAX. */
    uint8_t syns[2];             /* SYNs, SYN-ACKs; repetitions included */
    uint8_t syns_after_data[2];  /* SYN-ACKs sent again although the client's data had been captured */
    uint8_t repeats[2];          /* of the oldest unacknowledged byte, when the other had fallen silent */
    uint8_t syn_answer;          /* enum syn_answer */
    uint8_t tls_handshake;       /* enum tls_handshake */
    uint8_t tls_answer;          /* enum tls_answer */
    uint8_t tls_alert;           /* its description; valid if tls_alert_by >= 0 and not encrypted */
    int8_t tls_alert_by;         /* enum end_role, -1: no alert ended the handshake */
    bool tls_alert_encrypted;
    bool one_way;                /* a client that offers no HTTP went on after a rest although nothing had answered it */
    bool tls_record_cut;         /* the server's stream ended within a record */
    bool tls_record_ahead;       /* a record of the server had the number of a later one, though none was missing */
    uint8_t tls_keys;            /* enum tls_keys */
    int8_t server_notify;        /* an alert of TLS is the last before the server's FIN; 1, 0; -1: not known, or there is none */
    uint8_t http_mismatch;       /* enum http_mismatch */
    bool tls_answered_http;      /* a server's answer to HTTP in the clear was a record of TLS */
    uint8_t tls_certificate;     /* enum certificate */
    bool certificate_refused;    /* the client said that it refuses it, or went as soon as it had it, or had it checked */
    const char *certificate_names; /* of that; "" */
    int64_t tls_handshake_ns;    /* from the client's hello to the last Finished; NS_ABSENT: no TLS; NS_UNKNOWN */
    int8_t tls_resumed, tls_offers_session; /* 1, 0; -1: not known, or no TLS */
    uint8_t tls_version;         /* minor number: 3 is TLS 1.2; 0: not known */
    uint8_t tls_alpn_offered, tls_alpn; /* sets of enum alpn */
    /* Of HTTP/2; by role where there are two. */
    uint8_t goaways[2];          /* GOAWAY frames */
    bool goaway_by_client_first; /* a GOAWAY of the client came before one of the server, and before the server's close */
    bool has_goaway_text;
    uint8_t goaway_text;         /* of the server's last one: enum goaway_text, if it has one */
    uint8_t goaway_code[2];      /* of the last one, if there was one; UINT8_MAX: none that is assigned */
    uint32_t goaway_last[2];     /* the last stream that it names, likewise */
    int64_t goaway_age, goaway_rest; /* of the connection, and of its streams, at the server's first one; NS_ABSENT: there was none, or no stream */
    uint32_t streams_limit;      /* that the server allows at a time; UINT32_MAX: it does not say */
    uint32_t streams_peak;       /* outstanding at a time */
    uint32_t pings;              /* of the client, with neither HEADERS nor DATA since the one before */
    bool websocket, websocket_lost; /* its frames are read; and were up to the end: false */
    int8_t websocket_close_by;   /* who sent the first Close frame: enum end_role; -1: nobody */
    uint16_t websocket_close_code; /* of that one; 0: it had none */
    uint32_t websocket_pings;    /* of both ends */
    uint32_t websockets_cut[2];  /* in streams of HTTP/2: ended by the client, by the server, without a Close frame of any end */
    uint8_t silent_requests;     /* begun while the client repeated data in vain, up to the end */
    uint32_t early_resets;       /* streams that the client took back soon (http2_outcome.h) */
    int64_t ping_unanswered, settings_unanswered; /* from the first PING, or SETTINGS, of the end that closed which the other had not
                                    answered, to the close; NS_ABSENT: there is none */
    int64_t ping_interval;       /* the shortest between two of those; NS_ABSENT */
    bool challenged;             /* the server answered the SYN with an ACK of something else */
    bool unreachable;            /* an ICMP error answered the SYN */
    uint32_t reused_after_ms;    /* as in struct connection */
    uint32_t first_seq[2], next_seq[2], acked[2]; /* by role: its first sequence number (of its SYN, or of its first byte), the one
                                    after all that it sent, the highest that it acknowledged; 0 if not known */
    int8_t stray_by;             /* no handshake, and the other end sent nothing but resets: enum end_role; else -1 */
    uint32_t unacknowledged[2];  /* by role: payload bytes that it sent and the other never acknowledged */
    int64_t server_alone;        /* from the client's last packet to the server's; negative: the other
                                    way round; NS_UNKNOWN: one of them has none */
    int64_t first_ns, last_ns;   /* of its packets */
    int64_t since_open, since_request, since_response, since_activity; /* to the close, or to the GOAWAY that announced it */
    int64_t announced_for;       /* from that GOAWAY to the close; NS_ABSENT: nothing announced it */
    int8_t announced_by;         /* whose it was: enum end_role, -1 */
    int64_t since_fin;           /* from an end's FIN, as the other acknowledged it, to that one's own FIN or reset; NS_ABSENT */
    int64_t overdue;             /* from the end of a response that announced the close, or whose body ends with
                                    it, to the close */
    bool overdue_body;           /* the body ends with it */
    int64_t fin_wait_2_ns, fin_wait_2_end_ns; /* when; valid if fin_wait_2_by >= 0 */
    int64_t longest_reuse_idle;  /* idle time after which a further request came; NS_ABSENT, NS_UNKNOWN */
    int64_t client_rtt;          /* between the capture point and the client, there and back */
    int64_t rtt;                 /* of the whole path, from the handshake */
    uint64_t bytes[2];           /* payload, by role */
    uint64_t lost_bytes;         /* not in the capture */
    uint32_t exchanges, requests;
    int64_t client_window_wait, server_window_wait; /* HTTP/2: of DATA for room in that end's windows; 0: none */
    uint32_t retransmitted[2], out_of_order[2], keep_alive_probes[2], zero_windows[2];
    uint32_t unsolicited;        /* responses with no request outstanding */
    uint16_t unsolicited_status; /* of the last of them that is at hand; 0: not a message, or not known */
    uint32_t resets[2];
    struct wait_facts waits[2];  /* by role */
    int8_t silent_by;            /* whose data after a silence nobody acknowledged; enum end_role, -1 */
    int8_t foreign_reset_by;     /* in whose name somebody else sent a reset; enum end_role, -1 */
    bool acked_unseen;           /* that end acknowledged what was not captured: perhaps a FIN */
    bool foreign_reset_believed; /* the other end has been silent since */
    uint32_t silence_ms;         /* that silence; valid if silent_by >= 0 */
    uint32_t survived_ms;        /* longest silence after which data was acknowledged; 0: none */
    int64_t resets_apart_ns;     /* between the resets of both ends; NS_ABSENT */
    struct mark *mark;           /* by id, so many as follow: see record_mark(). All of them while a connection is turned into its record */
    uint8_t marks;
    struct mark stray;           /* MARK_STRAY, found when all connections are known */
    char history[HISTORY_BYTES];
    /* For the report; NULL unless some rule may want to show this connection, and `example` tells. */
    struct timeline *timeline;
    bool example;
    uint32_t held;       /* by so many of the judge; 0: nobody wants to hear of it again */
    void *judged;        /* the judge's */
    uint32_t misaddressed; /* likewise: segments of its answer that came from another address */
    const char *misaddressed_from;
    /* Likewise, from where a rule's `confirm` is asked: see server.answered, server.answers, server.http, server.tls, alike. */
    uint32_t server_answered, server_one_way, server_http, server_tls, alike;
    /* Facts on exchanges, while it is judged: those of interest that were complete before, the newest first; the last
     * complete one; those without complete response, oldest first. Usual ones of usual connections are left out where no
     * rule asks for them. */
    const struct exchange_record *exchange_list;
    int64_t last_response_ns; /* from the first byte of the last complete response to its last one; 0: there is none */
    uint32_t promised_s; /* Keep-Alive: timeout= of the last complete response; 0: none */
    const char *server_software, *client_software; /* "" or as headers told */
    const char *server_via, *client_via; /* the proxy that the end is, or hides behind; "": none */
    const char *server_name; /* that the client asked for in TLS; "": none */
    const char *proxied_client; /* address and port of the client behind the proxy, from the PROXY protocol; "": not spoken */
    const char *request; /* "GET /path", the one that MARK_REQUEST shows; "": none */
};

/* By role: the record's addresses and ports. */
const struct ip_address *record_address(const struct record *record, enum end_role role);
uint16_t record_port(const struct record *record, enum end_role role);

/* Is HTTP/1 spoken in the clear, or does the client offer HTTP within TLS (ALPN)? */
bool record_offers_http(const struct record *record);

/* Whose bytes the sequence numbers of its messages count: those of TLS, where that carries it, else of what is spoken. */
enum protocol record_carrier(const struct record *record);

/* Did the end that closed do so upon the other's GOAWAY? */
bool record_closed_upon_goaway(const struct record *record);

/* When it was closed, as the capture's clock tells; NS_ABSENT: it was not. */
int64_t record_closed_ns(const struct record *record);

/* Zeek's conn_state: S0, S1, SF, REJ, ... (zeek: base/protocols/conn/main.zeek). */
const char *record_conn_state(const struct record *record);

enum rest_timer {
#define VALUE(id, name) id,
#include "facts/rest_timers.def"
#undef VALUE
};

extern const char *const rest_timer_names[];

/* Facts on one exchange, complete or not, that exist only while its connection is at hand. */
struct exchange_facts {
    const struct exchange *exchange;
    /* How much of the request the ACK of the server's close covers; -1: the server did not close. */
    int8_t covered;              /* 0 nothing, 1 a part, 2 all */
    int64_t idle_before;         /* from the last response's end (or the handshake) to the request */
    int64_t stream_reset_after;  /* HTTP/2: from the request's last byte to its RST_STREAM */
    int64_t goaway_known_for;    /* HTTP/2: how long the client's kernel had had the server's last GOAWAY when it sent the request, by the
                                    round trip of the handshake; 0: it had not; NS_ABSENT: there was none, or it came later */
    bool reset_when_ending;      /* HTTP/2: the client had sent a GOAWAY or its FIN before its RST_STREAM */
    bool above_goaway;           /* HTTP/2: the server's last GOAWAY says that it was not processed */
    int64_t response_silent_for; /* from the response's last byte to the server's close */
    int64_t fin_known_for;       /* how long the client's kernel had had the server's FIN when it
                                    sent the request, by the round trip; 0: it had not; absent: no FIN */
    int64_t fin_surely_known_for; /* the same at least */
    int64_t to_close;            /* from the request's last byte to the server's close */
    int64_t close_after_rest;    /* from the last response's end (or the handshake) to the server's close: what a
                                    timer of the server had counted that did not hear of the request */
    int64_t held_for;            /* how long the server's kernel had had the request's first byte when the server closed */
    int64_t server_timer;        /* which that is: its value; NS_ABSENT unless it is shown or announced */
    uint8_t rest_timer;          /* enum rest_timer; it and server_timer are the judge's, who knows the server's timers */
    int64_t to_response;         /* to the first byte of the response */
    int64_t response_duration;   /* from its first byte to its last one so far */
    int64_t response_to_reset;   /* from the response's last byte to the server's first reset */
    int8_t early;                /* 1: the response began before the server had the whole request;
                                    0: not; -1: an interim response began it, or there is none */
    bool early_unknown;
    int8_t after_close;          /* 1: the client had been told that the connection closes, 0: not,
                                    -1: unknown */
    int64_t continue_wait;       /* from the request's head to its body, in want of 100 (Continue) */
    bool reset_first;            /* the server's reset was captured before the response's last byte */
    bool response_unknown;       /* response bytes may be missing in the capture */
    bool usual;                  /* nothing of it is lost, late or cut: see usual.h */
};

/* Where an exchange stands when its connection is over. */
enum exchange_place {
    EXCHANGE_EARLIER, /* complete and settled before, and of interest then */
    EXCHANGE_LAST,    /* the last complete one */
    EXCHANGE_OPEN,    /* without complete response */
};

/* The same with the exchange itself: what can be kept when the connection is gone. */
struct exchange_record {
    struct exchange_facts facts; /* first; facts.exchange is the next member */
    struct exchange exchange;
    char target[HTTP_TARGET_BYTES];
    uint8_t place;               /* enum exchange_place */
    bool undecided;              /* of interest because nobody can decide on it */
    struct exchange_record *next;
};

/* A moment of it; its frame is 0 where it did not happen. */
static inline const struct mark *record_mark(const struct record *record, enum mark_id id)
{
    static const struct mark none = { 0 };
    return id == MARK_STRAY ? &record->stray : id < record->marks ? &record->mark[id] : &none;
}

/* How many marks have to be kept: up to the last one that happened. */
unsigned record_marks_needed(const struct record *record);

/* Copies; names of hosts and software live as long as the tracker. */
void exchange_record_fill(struct exchange_record *record, const struct exchange_facts *facts);

#endif
