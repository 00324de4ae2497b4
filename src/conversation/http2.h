/*
 * http2 - the frames of HTTP/2 (RFC 9113), and streams as exchanges. Private to the floor.
 *
 * Frames are followed from the preface, or from the first segment in the middle of a connection that begins with some; after a gap
 * likewise. Within a frame a gap is bridged, unless it hides what the frame says. A stream is an exchange: its request goes from the
 * first HEADERS to END_STREAM, and so does its response.
 */
#ifndef HANGUP_CONVERSATION_HTTP2_H
#define HANGUP_CONVERSATION_HTTP2_H

#include <stdbool.h>
#include <stdint.h>

#include "conversation/detect.h"
#include "conversation/http2_headers.h"
#include "conversation/http2_outcome.h"
#include "conversation/websocket.h"
#include "tcp/tcp_conn.h"

/* RFC 9113 section 6 */
enum http2_frame_type {
    HTTP2_DATA = 0,
    HTTP2_HEADERS = 1,
    HTTP2_PRIORITY = 2,
    HTTP2_RST_STREAM = 3,
    HTTP2_SETTINGS = 4,
    HTTP2_PUSH_PROMISE = 5,
    HTTP2_PING = 6,
    HTTP2_GOAWAY = 7,
    HTTP2_WINDOW_UPDATE = 8,
    HTTP2_CONTINUATION = 9,
};

#define HTTP2_HEAD_BYTES 9
/* Of a frame's payload: what a GOAWAY, the longest of those that are read, says, and the start of its text; of SETTINGS one at a
 * time. */
#define HTTP2_KEPT_BYTES 24

/* A frame while it is read. */
struct http2_frame {
    uint32_t length, left; /* bytes of its payload; of those, still to come */
    uint32_t stream;
    uint8_t type, flags;
    uint8_t padding;       /* at its end */
    uint8_t front;         /* bytes before the data or the header block */
    uint8_t kept_bytes;
    uint8_t kept[HTTP2_KEPT_BYTES];
    bool torn;             /* bytes of it are missing in the capture */
    struct tcp_chunk begin; /* where its first byte came from; no bytes */
    uint32_t end_seq;       /* behind what came of it so far */
};

/* One direction. */
struct http2_end {
    struct http2_headers headers;
    struct http2_frame frame;
    uint8_t head[HTTP2_HEAD_BYTES], have; /* of the next frame */
    uint8_t preface_left;    /* bytes of the client's preface still to come */
    bool begun;              /* a byte of it was seen */
    bool framed;             /* a frame of it was seen to begin */
    bool lost;               /* the thread was, at least once */
    bool role_found;         /* by the header block that is being read */
    bool adrift;             /* where frames begin is not known */
    bool in_block;           /* a header block goes on in CONTINUATION */
    bool block_ends_stream, block_is_interim, block_is_trailers;
    uint32_t block_stream;
    struct http2_goaway goaway;
    uint32_t newest_stream;  /* highest that it opened */
    uint32_t most_streams;   /* SETTINGS_MAX_CONCURRENT_STREAMS that it announced; UINT32_MAX: none */
    uint32_t pings;          /* that it sent by itself, with nothing else since its last one */
    int64_t last_ping_ns, shortest_ping_ns; /* between two of those; INT64_MAX: there are no two */
    bool data_since_ping;    /* HEADERS or DATA, of either end */
    struct unanswered ping, settings;
    bool unheard;            /* the other end had sent no frame when its FIN went by */
    bool closed;             /* its FIN went by: what is answered later it had waited for in vain */
    /* As a sender of DATA (http2_windows.h). */
    uint32_t initial_window; /* of a stream, as the other end says */
    int64_t window;          /* room on the connection */
    int64_t emptied_ns;      /* since when there is none; 0: there is */
    int64_t refilled_ns;     /* when there last was some again, there or on a stream */
    int64_t longest_wait_ns; /* for room, with more to send */
};

struct http2 {
    struct http2_end end[2]; /* by end of the TCP connection */
    int64_t begun_ns;        /* its first frame */
    int64_t stream_ns;       /* when a stream was last heard of; 0: never */
    int64_t taken_back_ns;   /* when one was last ended by RST_STREAM; 0: never */
    uint32_t peak_streams;   /* outstanding at a time */
    uint32_t early_resets;   /* see struct http2_outcome */
    bool windows_torn;       /* a frame that moved a window is cut */
    struct websocket *websockets; /* in streams that are open (http2_websockets.h) */
    struct websocket_outcome websockets_over; /* of those that ended */
};

/* Are these what a server begins with: SETTINGS, and more frames or nothing behind them (RFC 9113 section 3.4)? PERHAPS: so far they
 * could become that. */
enum detected http2_detect_settings(const uint8_t *bytes, size_t length);

#endif
