#include "conversation/framing.h"

bool framing_is_interim(const struct http_framing *framing)
{
    return framing->status >= 100 && framing->status < 200 && framing->status != 101;
}

/* Nobody will send so many bytes; nor does it become a short length. */
static int64_t content_length(const struct http_framing *framing)
{
    return framing->content_length > INT64_MAX ? INT64_MAX : (int64_t)framing->content_length;
}

static bool closes_by_version(const struct http_framing *framing)
{
    return framing->http_1_0 && !(framing->flags & F_CONNECTION_KEEP_ALIVE);
}

static enum http_body request_head(const struct http_framing *framing, struct exchange *x,
                                   const struct tcp_chunk *chunk)
{
    x->request_head = true;
    x->method = framing->method;
    if (framing->flags & F_CONTENT_LENGTH)
        x->request_body = content_length(framing);
    if (closes_by_version(framing))
        x->request_close = true;
    if (x->expect_continue)
        x->body_wait_ns = chunk->ts_ns;
    return HTTP_BODY_AS_FRAMED;
}

static enum http_body response_head(const struct http_framing *framing, struct exchange *x)
{
    uint16_t status = framing->status;
    if (framing_is_interim(framing)) {
        x->interim += x->interim < UINT8_MAX;
        return HTTP_BODY_NONE;
    }
    x->response_head = true;
    x->status = status;
    if (closes_by_version(framing))
        x->response_close = true;
    if (status == 101 || (x->request_seen && x->method == HTTP_CONNECT && status / 100 == 2)) {
        x->upgraded = true;
        return HTTP_BODY_UPGRADE;
    }
    if (x->method == HTTP_HEAD && x->request_seen)
        return HTTP_BODY_NONE;
    if (status == 204 || status == 304)
        return HTTP_BODY_NONE;
    /* RFC 9112 section 6.3: Transfer-Encoding overrides Content-Length; without a last coding
     * chunked the body ends with the connection. */
    x->chunked = framing->flags & F_CHUNKED;
    bool announced = framing->flags & F_CONTENT_LENGTH && !(framing->flags & F_TRANSFER_ENCODING);
    if (!x->chunked && announced)
        x->response_body = content_length(framing);
    x->close_delimited = !x->chunked && !announced;
    return HTTP_BODY_AS_FRAMED;
}

enum http_body framing_head(const struct http_framing *framing, bool is_request,
                            struct exchange *x, const struct tcp_chunk *chunk)
{
    return is_request ? request_head(framing, x, chunk) : response_head(framing, x);
}

uint64_t framing_body_bytes(const struct http_framing *framing, bool is_request)
{
    if (framing->flags & F_CONTENT_LENGTH)
        return framing->content_length;
    return is_request || framing->status == 204 || framing->status == 304 ? 0 : UINT64_MAX;
}

/* RFC 9110 section 10.1.1: the client waits for 100 (Continue), but not for ever. */
static void begin_body(struct exchange *x, const struct tcp_chunk *chunk)
{
    x->body_begun = true;
    x->body_answered = x->response_seen;
    x->body_wait_ns = chunk->bytes != NULL ? chunk->ts_ns - x->body_wait_ns : -1;
}

void framing_body(struct exchange *x, bool is_request, uint64_t length,
                  const struct tcp_chunk *chunk)
{
    if (!is_request)
        x->response_body_seen += length;
    else if (x->expect_continue && !x->body_begun)
        begin_body(x, chunk);
}
