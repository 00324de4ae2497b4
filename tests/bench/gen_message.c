#include "gen_message.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gen_util.h"

void renderer_init(struct renderer *r, uint64_t seed)
{
    for (size_t i = 0; i < sizeof r->text; i++) {
        const uint64_t random = next(&seed);
        r->noise[i] = (uint8_t)random;
        r->text[i] = (uint8_t)(i % 72 == 71 ? '\n' : random >> 61 ? 'a' + (random >> 8) % 26 : ' ');
    }
}

/* Appending takes and returns the length so far. */
static uint32_t append(struct renderer *r, uint32_t at, const char *format, ...)
{
    va_list args;
    int n;
    va_start(args, format);
    n = vsnprintf((char *)r->out + at, SCRATCH - at, format, args);
    va_end(args);
    if (n < 0 || (uint32_t)n >= SCRATCH - at)
        abort();
    return at + (uint32_t)n;
}

static uint32_t append_bytes(struct renderer *r, uint32_t at, const uint8_t *bytes, uint32_t len)
{
    if (len > SCRATCH - at)
        abort();
    memcpy(r->out + at, bytes, len);
    return at + len;
}

static uint32_t append_record(struct renderer *r, uint32_t at, uint64_t *rng, uint32_t len)
{
    uint8_t head[5] = {23, 3, 3}; /* application data, "TLS 1.2" */
    be16(head + 3, len);
    at = append_bytes(r, at, head, sizeof head);
    return append_bytes(r, at, r->noise + next(rng) % FILLER, len);
}

/* Both hellos: random at 11, session id at 44, key share in the last 32 bytes. */
static uint32_t append_hello(struct renderer *r, const uint8_t *hello, uint32_t len, uint64_t rng, uint32_t end)
{
    const uint8_t *noise = r->noise + rng % FILLER;
    const uint32_t at = append_bytes(r, 0, hello, len);
    memcpy(r->out + 44, noise, 32); /* the server repeats the client's */
    memcpy(r->out + 11, noise + 32 + 64 * end, 32);
    memcpy(r->out + at - 32, noise + 64 + 64 * end, 32);
    return at;
}

static const uint8_t CHANGE_CIPHER_SPEC[] = {20, 3, 3, 0, 1, 1};

/* The client's Finished goes out with its first request. */
static uint32_t render_tls_request(struct renderer *r, struct exchange x)
{
    static const uint8_t hello[192] = {
        22, 3, 1, 0, 187, 1, 0, 0, 183, 3, 3,                      /* record, handshake, version */
        [43] = 32, [76] = 0, 6, 19, 1, 19, 2, 19, 3, 1, 0, 0, 104, /* suites; no compression */
        0, 0, 0, 20, 0, 18, 0, 0, 15,                              /* server name */
        'w', 'w', 'w', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e', '.', 'c', 'o', 'm',
        0, 16, 0, 11, 0, 9, 8, 'h', 't', 't', 'p', '/', '1', '.', '1',
        0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 4, 0, 2, 8, 4,         /* X25519, RSA-PSS */
        0, 43, 0, 3, 2, 3, 4, 0, 51, 0, 38, 0, 36, 0, 29, 0, 32};  /* TLS 1.3, key share */
    uint32_t at = 0;
    if (x.turn == 1)
        return append_hello(r, hello, sizeof hello, x.rng, 0);
    if (x.turn == 2) {
        at = append_bytes(r, 0, CHANGE_CIPHER_SPEC, sizeof CHANGE_CIPHER_SPEC);
        at = append_record(r, at, &x.rng, 53);
    }
    return append_record(r, at, &x.rng, draw(&x.rng, 220, 720));
}

static uint32_t render_tls_response(struct renderer *r, struct exchange x)
{
    static const uint8_t hello[127] = {
        22, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3,
        [43] = 32, [76] = 19, 1, 0, 0, 46, 0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 29, 0, 32};
    uint32_t at;
    if (x.turn == 1) {
        at = append_hello(r, hello, sizeof hello, x.rng, 1);
        at = append_bytes(r, at, CHANGE_CIPHER_SPEC, sizeof CHANGE_CIPHER_SPEC);
        return append_record(r, at, &x.rng, draw(&x.rng, 2400, 4200)); /* the certificate */
    }
    at = append_record(r, 0, &x.rng, draw(&x.rng, 260, 420));
    for (uint32_t left = x.body, len; left; left -= len) {
        len = left < 8192 ? left : 8192;
        at = append_record(r, at, &x.rng, len + 17); /* content type and authentication tag */
    }
    return at;
}

/* ---- HTTP/2 (RFC 9113), heads as RFC 7541 has them ---- */

enum { H2_DATA = 0, H2_HEADERS = 1, H2_SETTINGS = 4, H2_WINDOW_UPDATE = 8, H2_HEAD = 9, ACK_FLAG = 1, END_STREAM = 1, END_HEADERS = 4 };

static uint32_t append_h2_head(struct renderer *r, uint32_t at, uint32_t length, uint8_t type, uint8_t flags, uint32_t stream)
{
    const uint8_t head[H2_HEAD] = {(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, type, flags,
                                   (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    return append_bytes(r, at, head, sizeof head);
}

/* The first request puts :authority and user-agent into the table, later ones refer to them. */
static uint32_t render_h2_request(struct renderer *r, struct exchange x)
{
    static const uint8_t more_room[4] = {0, 239, 0, 1};
    const uint32_t first = x.turn == 1, id = (uint32_t)next(&x.rng);
    uint32_t at = 0, block, path;
    if (first) {
        at = append(r, at, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        at = append_h2_head(r, at, 0, H2_SETTINGS, 0, 0);
        at = append_h2_head(r, at, sizeof more_room, H2_WINDOW_UPDATE, 0, 0);
        at = append_bytes(r, at, more_room, sizeof more_room);
    } else if (x.turn == 2) {
        at = append_h2_head(r, at, 0, H2_SETTINGS, ACK_FLAG, 0);
    }
    const uint32_t frame = at;
    at = block = append_h2_head(r, at, 0, H2_HEADERS, END_STREAM | END_HEADERS, 2 * x.turn - 1);
    at = append(r, at, "\x82\x86\x04");                     /* GET, http, :path */
    path = at++;
    at = append(r, at, "/api/v2/catalogue/%08" PRIx32 "?v=2", id);
    r->out[path] = (uint8_t)(at - path - 1);
    at = first ? append(r, at, "\x41\x0f" "www.example.com" "\x7a\x0d" "okhttp/4.12.0") : append(r, at, "\xbf\xbe");
    at = append(r, at, "\x0f\x04\x03*/*");                   /* accept */
    be16(r->out + frame + 1, at - block);
    return at;
}

static uint32_t render_h2_response(struct renderer *r, struct exchange x, uint32_t *tail)
{
    uint32_t at = 0, block, digits;
    if (x.turn == 1) {
        at = append_h2_head(r, at, 0, H2_SETTINGS, 0, 0);
        at = append_h2_head(r, at, 0, H2_SETTINGS, ACK_FLAG, 0);
    }
    const uint32_t frame = at;
    at = block = append_h2_head(r, at, 0, H2_HEADERS, END_HEADERS, 2 * x.turn - 1);
    at = append(r, at, "\x88\x0f\x10\x09text/html\x0f\x0d");  /* 200, content-type, content-length */
    digits = at++;
    at = append(r, at, "%" PRIu32, x.body);
    r->out[digits] = (uint8_t)(at - digits - 1);
    be16(r->out + frame + 1, at - block);
    at = append_h2_head(r, at, x.body, H2_DATA, END_STREAM, 2 * x.turn - 1);
    *tail = x.body;
    return at;
}

uint32_t render_request(struct renderer *r, struct exchange x)
{
    static const char *const paths[] = {"", "assets/css/", "api/v2/catalogue/", "articles/2026/01/"};
    static const char *const agents[] = {
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
        "okhttp/4.12.0", "curl/8.5.0"};
    const uint64_t id = next(&x.rng);
    const char *path = paths[id & 3], *agent = agents[id >> 8 & 3];
    uint32_t at;

    if (x.style == STYLE_TLS)
        return render_tls_request(r, x);
    if (x.style == STYLE_HTTP2)
        return render_h2_request(r, x);
    if (x.style == STYLE_SMALL)
        return append(r, 0, "GET /poll?n=%" PRIu32 " HTTP/1.1\r\nHost: www%" PRIu32 ".example.com\r\n\r\n",
                      x.turn, x.host);
    at = append(r, 0,
                "GET /%s%08" PRIx32 "?v=2 HTTP/1.1\r\nHost: www%" PRIu32 ".example.com\r\n"
                "User-Agent: %s\r\nAccept: text/plain,text/css,*/*;q=0.8\r\n"
                "Accept-Encoding: identity\r\nAccept-Language: en-GB,en;q=0.7\r\n"
                "Cache-Control: max-age=0\r\nX-Request-Id: %016" PRIx64 "\r\nConnection: %s\r\n",
                path, (uint32_t)id, x.host, agent, id, x.close_both ? "close" : "keep-alive");
    if (id >> 63)
        at = append(r, at, "Referer: http://www%" PRIu32 ".example.com/%sindex\r\n", x.host, path);
    if (id >> 62 & 1)
        at = append(r, at, "Cookie: session=%016" PRIx64 "; consent=all; theme=dark; seen=%016" PRIx64 "\r\n",
                    next(&x.rng), id);
    if (x.status == 304)
        at = append(r, at, "If-None-Match: \"%08" PRIx32 "\"\r\n", (uint32_t)id);
    return append(r, at, "\r\n");
}

static void set_date(struct renderer *r, uint64_t now_s)
{
    const time_t t = (time_t)now_s;
    struct tm tm;
    if (now_s == r->date_s)
        return;
    if (!gmtime_r(&t, &tm) || !strftime(r->date, sizeof r->date, "%a, %d %b %Y %T GMT", &tm))
        abort();
    r->date_s = now_s;
}

uint32_t render_response(struct renderer *r, struct exchange x, uint64_t now_s, uint32_t *tail)
{
    const uint64_t id = next(&x.rng);
    uint32_t at;

    *tail = x.chunked || x.style == STYLE_TLS ? 0 : x.body;
    if (x.style == STYLE_TLS)
        return render_tls_response(r, x);
    if (x.style == STYLE_HTTP2)
        return render_h2_response(r, x, tail);
    if (x.style == STYLE_SMALL)
        return append(r, 0, "HTTP/1.1 200 OK\r\nContent-Length: %" PRIu32 "\r\n\r\n", x.body);
    set_date(r, now_s);
    at = append(r, 0,
                "HTTP/1.1 %s\r\nServer: nginx\r\nDate: %s\r\nETag: \"%08" PRIx32 "\"\r\n"
                "Cache-Control: public, max-age=3600\r\nVary: Accept-Encoding\r\nConnection: %s\r\n",
                x.status == 200 ? "200 OK" : x.status == 304 ? "304 Not Modified" : "404 Not Found",
                r->date, (uint32_t)id, x.close ? "close" : "keep-alive");
    if (x.status == 304)
        return append(r, at, "\r\n");
    at = append(r, at, "X-Content-Type-Options: nosniff\r\nContent-Type: %s\r\n",
                id >> 63 ? "text/plain; charset=utf-8" : "application/octet-stream");
    if (!x.chunked)
        return append(r, at, "Content-Length: %" PRIu32 "\r\n\r\n", x.body);
    at = append(r, at, "Transfer-Encoding: chunked\r\n\r\n");
    for (uint32_t left = x.body, len; left; left -= len) {
        len = draw(&x.rng, 256, 2048);
        len = len < left ? len : left;
        at = append(r, at, "%" PRIx32 "\r\n", len);
        at = append(r, append_bytes(r, at, r->text + next(&x.rng) % FILLER, len), "\r\n");
    }
    return append(r, at, "0\r\n\r\n");
}
