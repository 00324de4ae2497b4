/*
 * http2_outcome - what a connection of HTTP/2 (RFC 9113) said besides its streams.
 */
#ifndef HANGUP_CONVERSATION_HTTP2_OUTCOME_H
#define HANGUP_CONVERSATION_HTTP2_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "conversation/unanswered.h"

/* Envoy counts a stream as reset prematurely that lived for less (overload.premature_reset_min_stream_lifetime_seconds, by default 1). */
#define HTTP2_EARLY_RESET_NS INT64_C(1000000000)

/* RFC 9113 section 7 */
enum http2_error {
    HTTP2_NO_ERROR = 0,
    HTTP2_REFUSED_STREAM = 7,
    HTTP2_CANCEL = 8,
    HTTP2_ENHANCE_YOUR_CALM = 11,
};

/* "NO_ERROR", ...; NULL: nobody assigned it. */
const char *http2_error_name(uint32_t code);

/* What a GOAWAY's text says, if it has one. */
enum goaway_text {
#define VALUE(id, name) id,
#include "conversation/goaway_texts.def"
#undef VALUE
};

extern const char *const goaway_text_names[]; /* NULL at the end */

/* The last GOAWAY of an end, and what the first one said. */
struct http2_goaway {
    uint32_t last_stream, code;
    uint32_t end_seq;      /* behind it */
    int64_t ns;
    uint32_t frame;
    uint16_t capture;
    uint8_t count;         /* 0: none */
    bool has_text;
    uint8_t text;          /* enum goaway_text, if it has one */
    int64_t first_ns;      /* of the first one */
    uint32_t first_code;
    uint32_t first_end_seq; /* behind that */
    int64_t error_ns;      /* of the first one that names an error; 0: none does */
    uint32_t error_end_seq;
    int64_t first_rest_ns; /* how long no stream had gone by then; 0: one was open; -1: none ever did */
};

struct http2_outcome {
    int64_t taken_back_ns;         /* when a stream was last ended by RST_STREAM; 0: never */
    struct http2_goaway goaway[2]; /* of the client, of the server */
    uint32_t most_streams;         /* that the server allows at a time; UINT32_MAX: it does not say */
    uint32_t peak_streams;         /* outstanding at a time */
    uint32_t early_resets;         /* streams that the client took back within HTTP2_EARLY_RESET_NS, before their response was complete */
    struct unanswered ping[2], settings[2]; /* of the client, of the server: RFC 9113 sections 6.7 and 6.5.3 */
    bool unheard[2];               /* the client, the server, had not one frame of the other when its FIN went by */
    uint32_t pings;                /* of the client, with neither HEADERS nor DATA since the one before */
    int64_t longest_wait_ns[2];    /* of DATA for room in the windows of the client, of the server */
    bool windows_known;            /* all that moved them is there */
    int64_t waits_since_ns;        /* that of the server for the client's, if it has no end yet; INT64_MAX: it has */
    int64_t shortest_ping_ns;      /* between two of those; INT64_MAX: there were no two */
};

#endif
