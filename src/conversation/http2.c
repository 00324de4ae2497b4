/*
 * http2 - frames, one after the other (RFC 9113 section 4).
 */
#include "conversation/http2.h"

#include <string.h>

#include "conversation/http2_streams.h"
#include "conversation/http2_windows.h"
#include "conversation/detect.h"
#include "conversation/http2_websockets.h"
#include "conversation/protocol.h"
#include "conversation/turns.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* section 3.4 */
#define PREFACE_BYTES (sizeof preface - 1)

/* The longest that a frame may be, if its receiver allows it, and what is longer than nearly all are (section 6.5.2,
 * SETTINGS_MAX_FRAME_SIZE: by default 16,384): where a frame is only guessed, a rule of thumb. */
#define LONGEST_FRAME ((1 << 24) - 1)
#define LONGEST_LIKELY (1 << 20)

enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4, PADDED = 8, PRIORITY = 32 };

static uint32_t be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint32_t length_of(const uint8_t *head)
{
    return be32(head) >> 8;
}

/* ---- recognising frames --------------------------------------------------------------------------- */

/* What section 6 says of each type: on the connection (stream 0), or on a stream; its least and most bytes; a number that its length
 * is a multiple of; the flags that it knows. */
static const struct {
    bool connection, stream;
    uint8_t least, multiple;
    uint32_t most;
    uint8_t flags;
} types[] = {
    [HTTP2_DATA] = { false, true, 0, 1, LONGEST_FRAME, END_STREAM | PADDED },
    [HTTP2_HEADERS] = { false, true, 1, 1, LONGEST_FRAME, END_STREAM | END_HEADERS | PADDED | PRIORITY },
    [HTTP2_PRIORITY] = { false, true, 5, 1, 5, 0 },
    [HTTP2_RST_STREAM] = { false, true, 4, 1, 4, 0 },
    [HTTP2_SETTINGS] = { true, false, 0, 6, LONGEST_FRAME, ACK },
    [HTTP2_PUSH_PROMISE] = { false, true, 4, 1, LONGEST_FRAME, END_HEADERS | PADDED },
    [HTTP2_PING] = { true, false, 8, 1, 8, ACK },
    [HTTP2_GOAWAY] = { true, false, 8, 1, LONGEST_FRAME, 0 },
    [HTTP2_WINDOW_UPDATE] = { true, true, 4, 1, 4, 0 },
    [HTTP2_CONTINUATION] = { false, true, 0, 1, LONGEST_FRAME, END_HEADERS },
};
#define TYPES (sizeof types / sizeof *types)

/* Others are extensions, and may say anything. */
static bool is_frame_head(const uint8_t *head)
{
    uint32_t length = length_of(head), stream = be32(head + 5);
    uint8_t type = head[3], flags = head[4];
    if (length > LONGEST_LIKELY || stream >> 31)
        return false;
    if (type >= TYPES)
        return true;
    return length >= types[type].least && length <= types[type].most && length % types[type].multiple == 0 &&
           (stream == 0 ? types[type].connection : types[type].stream) && (flags & ~types[type].flags) == 0;
}

/* Of frames in step, flags and types that nobody defined are no matter, nor is the reserved bit (section 4.1). */
static bool may_be_frame_head(const uint8_t *head)
{
    uint32_t length = length_of(head);
    uint8_t type = head[3];
    return type >= TYPES || (length >= types[type].least && length <= types[type].most && length % types[type].multiple == 0);
}

/* Do frames that follow each other begin here? So many heads, or some frames that end with the segment: what else begins with a number
 * of three bytes that leads exactly there, and means something at each place? PERHAPS: the segment ends within the frame that would
 * tell. */
static enum detected detect_chain(const uint8_t *bytes, size_t length, unsigned enough)
{
    size_t at = 0;
    unsigned frames = 0;
    while (at + HTTP2_HEAD_BYTES <= length && frames < enough) {
        if (bytes[at + 3] >= TYPES || !is_frame_head(bytes + at))
            return DETECTED_NO;
        frames++;
        at += HTTP2_HEAD_BYTES + length_of(bytes + at);
    }
    return frames == enough || (frames > 0 && at == length) ? DETECTED_YES : DETECTED_PERHAPS;
}

static bool is_chain(const uint8_t *bytes, size_t length, unsigned enough)
{
    return detect_chain(bytes, length, enough) == DETECTED_YES;
}

/* Where nobody said that it is HTTP/2, and where its thread is only to be found again. */
enum { ENOUGH_FOR_HTTP2 = 2, ENOUGH_FOR_THREAD = 1 };

enum detected http2_detect_settings(const uint8_t *bytes, size_t length)
{
    enum { LENGTH_BYTES = 3, SETTING_BYTES = 6, MOST_SETTINGS = 32 }; /* sections 4.1 and 6.5.1; programs send up to ten */
    static const uint8_t behind_length[HTTP2_HEAD_BYTES - LENGTH_BYTES] = { HTTP2_SETTINGS }; /* no flags, stream 0 */
    uint32_t payload = 0;
    for (size_t i = 0; i < LENGTH_BYTES && i < length; i++)
        payload |= (uint32_t)bytes[i] << (16 - 8 * i);
    if (payload > MOST_SETTINGS * SETTING_BYTES)
        return DETECTED_NO;
    if (length <= LENGTH_BYTES)
        return DETECTED_PERHAPS;
    size_t have = length - LENGTH_BYTES < sizeof behind_length ? length - LENGTH_BYTES : sizeof behind_length;
    if (payload % SETTING_BYTES != 0 || memcmp(bytes + LENGTH_BYTES, behind_length, have) != 0)
        return DETECTED_NO;
    return detect_chain(bytes, length, ENOUGH_FOR_HTTP2);
}

/* It, or the beginning of it. */
static bool may_be_preface(const uint8_t *bytes, size_t length)
{
    return memcmp(bytes, preface, length < PREFACE_BYTES ? length : PREFACE_BYTES) == 0;
}

static bool is_preface(const uint8_t *bytes, size_t length)
{
    enum { SURE = 4 };
    return length >= SURE && may_be_preface(bytes, length);
}

static bool recognises(const uint8_t *bytes, size_t length)
{
    return is_preface(bytes, length) || is_chain(bytes, length, ENOUGH_FOR_HTTP2);
}

/* ---- one direction --------------------------------------------------------------------------------- */

static void go_adrift(const struct http2_reading *r)
{
    struct conversation_stream *stream = &r->talk->stream[r->from];
    r->end->adrift = r->end->lost = true;
    r->end->have = 0;
    r->end->frame.left = 0;
    r->end->in_block = false;
    http2_headers_miss(&r->end->headers, true);
    stream->mode = MODE_LOST;
    stream->lost_bytes |= r->chunk->bytes == NULL && !r->chunk->cut;
    http2_streams_lost(r);
}

/* false: no frame begins so. */
static bool take_head(const struct http2_reading *r)
{
    struct http2_end *e = r->end;
    struct http2_frame *f = &e->frame;
    uint8_t type = e->head[3], flags = e->head[4];
    bool in_step = e->framed || r->talk->mid_stream;
    if (!(in_step ? may_be_frame_head(e->head) : is_frame_head(e->head)) || (e->in_block && type != HTTP2_CONTINUATION))
        return false;
    e->framed = true;
    f->length = f->left = length_of(e->head);
    f->type = type;
    f->flags = flags;
    f->stream = be32(e->head + 5) & INT32_MAX;
    f->padding = f->kept_bytes = f->front = 0;
    f->torn = false;
    if (type == HTTP2_DATA || type == HTTP2_HEADERS || type == HTTP2_PUSH_PROMISE)
        f->front = (uint8_t)((flags & PADDED ? 1 : 0) + (type == HTTP2_HEADERS && flags & PRIORITY ? 5 : 0) + (type == HTTP2_PUSH_PROMISE ? 4 : 0));
    if (f->front > f->length)
        return false;
    http2_frame_begins(r);
    return true;
}

static void end_frame(const struct http2_reading *r)
{
    r->end->have = 0;
    http2_frame_ends(r);
}

/* Where an end's first bytes are no frame, and the other has begun with HTTP/2: is its answer, or what it asks, HTTP/1? */
static void note_mismatch(const struct http2_reading *r, const uint8_t *bytes, size_t length)
{
    if (r->talk->mid_stream || !r->h2->end[!r->from].begun)
        return;
    bool asks = r->talk->client != (int)!r->from;
    if (asks && detect_request(bytes, length))
        r->talk->mismatch = HTTP1_TO_HTTP2;
    else if (!asks && detect_response(bytes, length))
        r->talk->mismatch = HTTP2_TO_HTTP1;
}

/* The first bytes of a direction, or the first after the thread was lost. false: they are no frames. */
static bool finds_thread(const struct http2_reading *r)
{
    struct http2_end *e = r->end;
    const struct tcp_chunk *chunk = r->chunk;
    bool first = !e->begun && chunk->bytes != NULL;
    e->begun = true;
    if (first && may_be_preface(chunk->bytes, chunk->length)) {
        e->preface_left = PREFACE_BYTES;
        r->talk->client = (int8_t)r->from;
    } else if (first && !r->talk->mid_stream && (chunk->length < HTTP2_HEAD_BYTES || is_frame_head(chunk->bytes))) {
        /* the server's SETTINGS, or the first bytes of it */
    } else if (chunk->bytes == NULL || !is_chain(chunk->bytes, chunk->length, ENOUGH_FOR_THREAD)) {
        if (first)
            note_mismatch(r, chunk->bytes, chunk->length);
        return false;
    } else {
        e->headers.stranger = true;
    }
    e->adrift = false;
    r->talk->stream[r->from].mode = MODE_MESSAGES;
    return true;
}

static void read_frames(const struct http2_reading *r)
{
    struct http2_end *e = r->end;
    const struct tcp_chunk *chunk = r->chunk;
    uint32_t at = 0;
    while (at < chunk->length) {
        const uint8_t *bytes = chunk->bytes != NULL ? chunk->bytes + at : NULL;
        uint32_t rest = chunk->length - at, taken = 1;
        if (e->preface_left > 0) {
            taken = rest < e->preface_left ? rest : e->preface_left;
            e->preface_left = (uint8_t)(e->preface_left - taken);
        } else if (e->have < HTTP2_HEAD_BYTES) {
            if (bytes == NULL) {
                go_adrift(r);
                return;
            }
            if (e->have == 0) {
                e->frame.begin = tcp_chunk_rest(chunk, at);
                e->frame.begin.bytes = NULL;
            }
            e->head[e->have++] = *bytes;
            e->frame.end_seq = tcp_chunk_seq(chunk, at + 1);
            if (e->have == HTTP2_HEAD_BYTES && !take_head(r)) {
                if (!e->framed)
                    note_mismatch(r, e->head, HTTP2_HEAD_BYTES);
                r->talk->errors += r->talk->errors < UINT16_MAX;
                r->talk->unsure |= !r->talk->mid_stream; /* a GOAWAY may be among what is not read */
                go_adrift(r);
                return;
            }
        } else {
            taken = rest < e->frame.left ? rest : e->frame.left;
            e->frame.left -= taken;
            e->frame.torn |= bytes == NULL;
            e->frame.end_seq = tcp_chunk_seq(chunk, at + taken);
            http2_frame_goes_on(r, bytes, taken);
        }
        at += taken;
        if (e->have == HTTP2_HEAD_BYTES && e->frame.left == 0)
            end_frame(r);
    }
}

static struct http2 *http2_of(struct conversation *talk, struct conversation_memory *memory)
{
    struct http2 **h2 = &talk->stream[0].http2;
    if (*h2 != NULL)
        return *h2;
    *h2 = slab_take(&memory->http2s);
    if (*h2 == NULL) {
        memory->failed = true;
        return NULL;
    }
    for (int i = 0; i < 2; i++) {
        (*h2)->end[i].most_streams = UINT32_MAX;
        (*h2)->end[i].shortest_ping_ns = INT64_MAX;
        (*h2)->end[i].lost = talk->stream[i].lost_bytes; /* before it was known to be this protocol */
        (*h2)->end[i].headers.stranger = talk->mid_stream || talk->stream[i].lost_bytes;
        (*h2)->end[i].window = (*h2)->end[i].initial_window = HTTP2_FIRST_WINDOW;
    }
    return *h2;
}

static void input(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct tcp_chunk *chunk)
{
    struct http2 *h2 = http2_of(talk, memory);
    if (h2 == NULL)
        return;
    const struct http2_reading r = { talk, memory, h2, &h2->end[from], chunk, from };
    if (h2->begun_ns == 0)
        h2->begun_ns = chunk->ts_ns;
    if ((!r.end->begun || r.end->adrift) && !finds_thread(&r)) {
        go_adrift(&r);
        return;
    }
    read_frames(&r);
}

static void finish(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    (void)memory;
    struct http2 *h2 = talk->stream[0].http2;
    if (h2 == NULL || h2->end[from].closed)
        return;
    h2->end[from].closed = true;
    h2->end[from].unheard = !h2->end[!from].begun && !h2->end[!from].lost;
}

static void drop(struct conversation *talk, struct conversation_memory *memory)
{
    struct http2 *h2 = talk->stream[0].http2;
    if (h2 == NULL)
        return;
    for (int i = 0; i < 2; i++)
        http2_headers_free(&h2->end[i].headers, &memory->inflaters_left);
    http2_websockets_drop(h2, memory);
    slab_give(&memory->http2s, h2);
    talk->stream[0].http2 = NULL;
}

static void lose(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    static const struct tcp_chunk none = { 0 };
    struct http2 *h2 = http2_of(talk, memory);
    if (h2 == NULL)
        return;
    const struct http2_reading r = { talk, memory, h2, &h2->end[from], &none, from };
    r.end->begun = true;
    go_adrift(&r);
}

const struct protocol_ops http2_ops = { .recognises = recognises, .input = input, .finish = finish, .drop = drop, .lose = lose, .framed = true };

const char *const goaway_text_names[] = {
#define VALUE(id, name) [id] = name,
#include "conversation/goaway_texts.def"
#undef VALUE
    NULL,
};

const char *http2_error_name(uint32_t code)
{
    static const char *const names[] = { "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
                                         "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
                                         "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED" };
    return code < sizeof names / sizeof *names ? names[code] : NULL;
}
