/*
 * Messages read at once and messages read by llhttp, which gets what comes in parts: both must tell the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "conversation/plain_head.h"

#define CLIENT 0
#define SERVER 1
#define WHOLE SIZE_MAX
#define ROUNDS 20000

/* ---- one conversation, and what was understood of it --------------------------------------- */

struct talk {
    struct conversation_memory memory;
    struct conversation http;
    struct strbuf heard;
    size_t piece;      /* what an end sends is cut into pieces of that size */
    uint32_t seq[2];
    uint32_t frame;
    bool over[2];      /* the thread is lost: where it is found again depends on the pieces */
};

static void hear_span(struct talk *talk, const char *name, const struct message_span *span)
{
    strbuf_addf(&talk->heard, ", %s %u-%u ack %u frames %u-%u ns %lld-%lld\n", name, span->seq,
                span->end_seq, span->ack, span->first_frame, span->last_frame,
                (long long)span->first_ns, (long long)span->last_ns);
}

/* How far a lost message was read depends on the pieces. */
static void hear_exchange(struct talk *talk, const struct exchange *x)
{
    strbuf_addf(&talk->heard, "%s host %s: method %u, status %u, %d interim, keep-alive %d;", x->target, x->host,
                x->method, x->status, x->interim, x->keep_alive_timeout_s);
    if (x->request_head)
        strbuf_addf(&talk->heard, " method %s;", exchange_method(x));
    strbuf_addf(&talk->heard, " via %s, %s;", x->request_via, x->response_via);
    strbuf_addf(&talk->heard, " seen %d%d, heads %d%d, complete %d%d, close %d%d, lost %d%d, upgraded %d\n",
                x->request_seen, x->response_seen, x->request_head, x->response_head, x->request_complete,
                x->response_complete, x->request_close, x->response_close, x->request_lost, x->response_lost,
                x->upgraded);
    if (!x->request_lost) {
        strbuf_addf(&talk->heard, "  body %lld, expect %d, begun %d, answered %d, wait %lld",
                    (long long)x->request_body, x->expect_continue, x->body_begun, x->body_answered,
                    (long long)x->body_wait_ns);
        hear_span(talk, "request", &x->request);
    }
    if (!x->response_lost) {
        strbuf_addf(&talk->heard, "  body %lld, seen %llu, chunked %d, until close %d, events %d",
                    (long long)x->response_body, (unsigned long long)x->response_body_seen, x->chunked,
                    x->close_delimited, x->event_stream);
        hear_span(talk, "response", &x->response);
    }
}

static void on_exchange(void *context, struct conversation *http, struct exchange *exchange)
{
    (void)http;
    hear_exchange(context, exchange);
}

static void talk_begin(struct talk *talk, size_t piece)
{
    *talk = (struct talk){ .piece = piece, .seq = { 1000, 5000 } };
    conversation_memory_init(&talk->memory, &(struct conversation_options){ false, NULL, false }, 1);
    talk->memory.complete = on_exchange;
    talk->memory.context = talk;
    conversation_init(&talk->http, CLIENT, CLIENT, false);
}

/* bytes: NULL for a gap, which is one piece. */
static void say(struct talk *talk, unsigned from, const char *bytes, size_t length)
{
    struct tcp_chunk chunk = {
        .ack = bytes != NULL ? talk->seq[!from] : 0,
        .ts_ns = 1000 + 10 * (int64_t)talk->frame,
        .frame = ++talk->frame,
    };
    const uint8_t mode = talk->http.stream[from].mode;
    talk->over[from] |= mode != MODE_START && mode != MODE_MESSAGES;
    for (size_t at = 0; at < length && !talk->over[from]; at += chunk.length) {
        size_t piece = bytes != NULL && talk->piece < length - at ? talk->piece : length - at;
        /* A copy of its own, so that valgrind and ASan see what is read behind it. */
        uint8_t *copy = bytes != NULL ? malloc(piece) : NULL;
        if (copy != NULL)
            memcpy(copy, bytes + at, piece);
        chunk.bytes = copy;
        chunk.length = (uint32_t)piece;
        chunk.seq = talk->seq[from] + (uint32_t)at;
        conversation_input(&talk->http, &talk->memory, from, &chunk);
        free(copy);
        const uint8_t now = talk->http.stream[from].mode;
        talk->over[from] |= now != MODE_MESSAGES && now != MODE_START;
    }
    talk->seq[from] += (uint32_t)length;
    strbuf_addf(&talk->heard, "%u: notes %u mode %u\n", from, talk->http.notes,
                talk->http.stream[from].mode);
}

static void talk_end(struct talk *talk)
{
    struct conversation *http = &talk->http;
    for (unsigned from = 0; from < 2; from++)
        conversation_fin(http, &talk->memory, from);
    for (const struct exchange *x = http->first; x != NULL && http->protocol == PROTOCOL_HTTP1; x = x->next)
        hear_exchange(talk, x);
    strbuf_addf(&talk->heard, "%s %s: %u exchanges, %u requests, %u unsolicited, %u errors, %u outstanding\n",
                http->server_software, http->client_software, http->exchanges, http->requests,
                http->unsolicited, http->errors, http->outstanding);
    conversation_free(http, &talk->memory);
    conversation_memory_free(&talk->memory);
}

/* What the ends say, one after the other. */
struct line {
    unsigned from;
    const char *bytes; /* NULL: a gap */
    size_t length;
};

static void hold(struct talk *talk, size_t piece, const struct line *lines, size_t count)
{
    talk_begin(talk, piece);
    for (size_t i = 0; i < count; i++)
        say(talk, lines[i].from, lines[i].bytes, lines[i].length);
    talk_end(talk);
}

/* A head of one piece may be plain; of one-byte pieces none is. */
static void pieces_do_not_matter(const struct line *lines, size_t count)
{
    struct talk whole, cut;
    hold(&whole, WHOLE, lines, count);
    hold(&cut, 1, lines, count);
    if (strcmp(strbuf_text(&whole.heard), strbuf_text(&cut.heard)) != 0) {
        for (size_t i = 0; i < count; i++)
            print_error("%u: %.*s\n", lines[i].from, lines[i].bytes != NULL ? (int)lines[i].length : 3,
                        lines[i].bytes != NULL ? lines[i].bytes : "gap");
        fail_msg("whole:\n%scut:\n%s", strbuf_text(&whole.heard), strbuf_text(&cut.heard));
    }
    strbuf_free(&whole.heard);
    strbuf_free(&cut.heard);
}

/* ---- heads one by one ---------------------------------------------------------------------- */

static const struct {
    bool plain;
    const char *head;
} requests[] = {
    { true, "GET / HTTP/1.1\r\n\r\n" },
    { true, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" },
    { true, "GET //a@b/c?d=e HTTP/1.1\r\nHost:  a.example \r\nUser-Agent:\r\n\r\n" },
    { true, "GET / HTTP/1.1\r\nHost: a\r\nhOST:\r\nuser-agent:x\r\n\r\n" },
    { true, "POST /\"<>\\^`{|} HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n" },
    { true, "HEAD / HTTP/1.1\r\nProxy-Connection: Close\r\nX: \x80\xff\x7f\r\nConnection: close\r\n\r\n" },
    { true, "PUT / HTTP/1.1\r\nContent-Length: 000000000000000005\r\nContent-Type: text/plain\r\n\r\n" },
    { true, "OPTIONS /a HTTP/1.1\r\nX-0123456789-azAZ-and-more: x\r\n\r\n" },
    { false, "OPTIONS /a HTTP/1.1\r\n!#$%&'*+-.^_`|~09: x\r\n\r\n" },
    { true, "DELETE / HTTP/1.1\r\nUser-Agent: 123456789 123456789 123456789 123456789 "
            "123456789 123456789 123456789\r\n\r\n" },
    { false, "OPTIONS * HTTP/1.1\r\n\r\n" },
    { false, "GET  / HTTP/1.1\r\n\r\n" },
    { false, "GET /  HTTP/1.1\r\n\r\n" },
    { false, "GET /#a HTTP/1.1\r\n\r\n" },
    { false, "GET /\t HTTP/1.1\r\n\r\n" },
    { false, "GET /\xc3\xa4 HTTP/1.1\r\n\r\n" },
    { false, "GET http://u:p@a.example/ HTTP/1.1\r\n\r\n" },
    { false, "GET / HTTP/1.2\r\n\r\n" },
    { false, "GET / HTTP/2.0\r\n\r\n" },
    { false, "GET / http/1.1\r\n\r\n" },
    { false, "GET / HTTP/1.1 \r\n\r\n" },
    { false, "GET /\r\n\r\n" },
    { false, "GET / HTTP/1.1\n\n" },
    { false, "GET / HTTP/1.1\nHost: a\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nHost:\r\n\tb\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nHost : a\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\n: a\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nHost\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nHo\x80st: a\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nConnection: close, TE\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nConnection:\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nContent-Length: +5\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nContent-Length: 5 \r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n" },
    { true, "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n" },
    { false, "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { false, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" },
    { false, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { false, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { false, "POST / HTTP/1.1\r\nHost:\ta\r\n\r\n" },
    { false, "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" },
    { false, "CONNECT a.example:443 HTTP/1.1\r\n\r\n" },
    { false, "PROPFIND / HTTP/1.1\r\n\r\n" },
    { false, "PURGE /a HTTP/1.1\r\n\r\n" },
    { false, "Get / HTTP/1.1\r\nContent-Length: 5\r\n\r\n" },
    { false, "get / HTTP/1.0\r\n\r\n" },
    { false, "X-my.own_METHOD! http://u:p@a.example/b?c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { false, "BREW pot HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: coffee\r\n\r\n" },
    { false, "0123456789abcdefghijklmnopqrstuv / HTTP/1.1\r\n\r\n" },
    { false, "0123456789abcdefghijklmnopqrstuvw / HTTP/1.1\r\n\r\n" },
    { false, "ge\"t / HTTP/1.1\r\n\r\n" },
    { false, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\nHost: a\r\nHost: a\r\nHost: a\r\nHost: a\r\n"
             "Host: a\r\nHost: a\r\nHost: a\r\n\r\n" },
}, responses[] = {
    { true, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" },
    { true, "HTTP/1.1 200 \r\nContent-Length: 0\r\nServer: x\r\n\r\n" },
    { true, "HTTP/1.0 404 Not \x80 Found\r\nKeep-Alive: timeout=5, max=100\r\nConnection: Keep-Alive\r\n\r\n" },
    { true, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n" },
    { true, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n" },
    { true, "HTTP/1.1 204 No Content\r\n\r\n" },
    { true, "HTTP/1.1 599 ?\r\nserver:\r\n\r\n" },
    { true, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { false, "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n" },
    { false, "HTTP/1.1  200 OK\r\n\r\n" },
    { false, "HTTP/1.1 2x0 OK\r\n\r\n" },
    { false, "HTTP/1.1 2000 OK\r\n\r\n" },
    { false, "HTTP/1.1 600 OK\r\n\r\n" },
    { false, "HTTP/1.1 100 Continue\r\n\r\n" },
    { false, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" },
    { false, "HTTP/1.2 200 OK\r\n\r\n" },
    { false, "HTTP/1.1 200 O\nK\r\n\r\n" },
    { false, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n" },
    { false, "HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\n" },
    { false, "ICY 200 OK\r\n\r\n" },
};

static void plain_or_not(bool plain, const char *text, bool is_request)
{
    struct plain_head head;
    size_t length = strlen(text);
    if (plain_head_read(&head, (const uint8_t *)text, length, is_request) != (plain ? length : 0))
        fail_msg("%s, but: %s", plain ? "plain" : "not plain", text);
    for (size_t part = 0; part < length; part++) {
        uint8_t *copy = malloc(part > 0 ? part : 1);
        assert_non_null(copy);
        memcpy(copy, text, part);
        assert_int_equal(plain_head_read(&head, copy, part, is_request), 0);
        free(copy);
    }
}

static void what_is_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        plain_or_not(requests[i].plain, requests[i].head, true);
    for (size_t i = 0; i < sizeof responses / sizeof *responses; i++)
        plain_or_not(responses[i].plain, responses[i].head, false);
}

#define LINE(from, text) { (from), (text), sizeof(text) - 1 }
#define GET "GET /first HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* Each head with a body behind it, and messages before and after. */
static void heads(void **state)
{
    (void)state;
    char text[512];
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        int length = snprintf(text, sizeof text, "%s12345" GET, requests[i].head);
        const struct line lines[] = { LINE(CLIENT, GET), LINE(SERVER, OK),
                                      { CLIENT, text, (size_t)length }, LINE(SERVER, OK OK) };
        pieces_do_not_matter(lines, 4);
        pieces_do_not_matter(lines + 2, 2);
    }
    static const char *const methods[] = { "GET", "HEAD", "CONNECT" };
    for (size_t i = 0; i < 3 * (sizeof responses / sizeof *responses); i++) {
        char request[64];
        int asked = snprintf(request, sizeof request, "%s / HTTP/1.1\r\n\r\n" GET, methods[i % 3]);
        int length = snprintf(text, sizeof text, "%s12345" OK, responses[i / 3].head);
        const struct line lines[] = { LINE(CLIENT, GET), LINE(SERVER, OK), { CLIENT, request, (size_t)asked },
                                      { SERVER, text, (size_t)length } };
        pieces_do_not_matter(lines, 4);
        pieces_do_not_matter(lines + 3, 1); /* nobody asked */
    }
}

static void gaps(void **state)
{
    (void)state;
    for (size_t gap = 1; gap < 30; gap++) {
        const struct line lines[] = {
            LINE(CLIENT, "POST / HTTP/1.1\r\nContent-Length: 20\r\nExpect: 100-continue\r\n\r\n"),
            LINE(SERVER, "HTTP/1.1 100 Continue\r\n\r\n"),
            { CLIENT, NULL, gap },
            LINE(CLIENT, "123"),
            LINE(SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n12345"),
            { SERVER, NULL, gap },
            LINE(SERVER, "678" OK),
            LINE(CLIENT, GET GET),
            LINE(SERVER, "HTTP/1.1 200 OK\r\n\r\n12345"),
            { SERVER, NULL, gap },
            LINE(SERVER, OK),
        };
        pieces_do_not_matter(lines, sizeof lines / sizeof *lines);
    }
}

/* ---- heads made up ------------------------------------------------------------------------- */

/* xorshift64: the same heads everywhere. */
static uint32_t random_below(uint64_t *seed, uint32_t limit)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 32) % limit;
}
#define ANY(seed, list) (list)[random_below(seed, sizeof(list) / sizeof *(list))]

static void make_fields(uint64_t *seed, struct strbuf *out)
{
    static const char *const fields[] = {
        "Host: www.example.com\r\n", "host:b\r\n", "User-Agent: curl/8\r\n", "Server: nginx\r\n", "Accept: */*\r\n",
        "Cookie: a=b; c=d\r\n", "Connection: close\r\n", "Connection: keep-alive\r\n", "connection: Close \r\n",
        "Connection: upgrade\r\n", "Upgrade: h2c\r\n", "Proxy-Connection: keep-alive\r\n",
        "Proxy-Connection: x\r\n",
        "Keep-Alive: timeout=15\r\n", "Keep-Alive: timeout=-1, max=3\r\n", "Content-Type: text/event-stream\r\n",
        "Content-Type: text/html\r\n", "Expect: 100-continue\r\n", "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n", "transfer-encoding: Chunked\r\n", "Content-Length: 0\r\n",
        "Content-Length: 5\r\n", "Content-Length: 12\r\n", "X-Empty:\r\n", "X-Fold: a\r\n b\r\n",
        "X Space: a\r\n", "X: a\n",
        "Content-Lengt: 3\r\n", "Hos: c\r\n", "Date: today\r\n", "Via: 1.1 a\r\n", "via:\r\n",
        "Via: , 1.1 a (b (c, d) e), ,\r\n", "Via: 1.0 a, 1.1 b (c)),\r\n",
        "Via: 1.1 123456789.123456789.123456789.example (123456789, 123456789), 1.1 b (c/1 (d)) \r\n",
        "Via: 1.1 a, 1.1 123456789.123456789.123456789.123456789.123456789.123456789.123456789 (b)\r\n",
        "Via: 1.1 123456789.123456789.123456789.123456789.123456789.example, 1.1 b\r\n c\r\n",
    };
    for (uint32_t left = random_below(seed, 6); left > 0; left--)
        strbuf_adds(out, ANY(seed, fields));
    strbuf_adds(out, "\r\n");
}

static void make_message(uint64_t *seed, bool is_request, struct strbuf *out)
{
    static const char *const methods[] = { "GET", "GET", "POST", "HEAD", "CONNECT", "OPTIONS", "PUT" };
    static const char *const targets[] = { "/", "/a?b=c", "*", "a.example:1", "http://u:p@h/x", "/a/b#c", "//" };
    static const char *const versions[] = { "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2" };
    static const char *const statuses[] = { "200 OK", "200 ", "204 No Content", "304 Not Modified", "404 No",
                                            "100 Continue", "101 Switching", "500 Oops", "200" };
    static const char *const bodies[] = { "", "", "12345", "123456789012", "5\r\n12345\r\n0\r\n\r\n", "c;x=y\r\n1234",
                                          "5 \r\n12345\r\n0\r\nX: a\r\nContent-Length: 5\r\n\r\n" };
    if (is_request)
        strbuf_addf(out, "%s %s %s\r\n", ANY(seed, methods), ANY(seed, targets), ANY(seed, versions));
    else
        strbuf_addf(out, "%s %s\r\n", ANY(seed, versions), ANY(seed, statuses));
    make_fields(seed, out);
    strbuf_adds(out, ANY(seed, bodies));
}

/* Puts another byte somewhere, takes one away, or adds one. */
static void mutate(uint64_t *seed, struct strbuf *text)
{
    static const char odd[] = "\r\n\0 \t:\x7f\x80\xff,;aZ019/#?";
    uint32_t at = random_below(seed, (uint32_t)text->length), kind = random_below(seed, 3);
    char byte = odd[random_below(seed, sizeof odd - 1)];
    if (kind == 0) {
        text->text[at] = byte;
    } else if (kind == 1) {
        memmove(text->text + at, text->text + at + 1, text->length - at);
        text->length--;
    } else {
        strbuf_addc(text, ' ');
        memmove(text->text + at + 1, text->text + at, text->length - at - 1);
        text->text[at] = byte;
    }
}

static void made_up(void **state)
{
    (void)state;
    uint64_t seed = 20240229;
    enum { SAID = 8 };
    for (size_t round = 0; round < ROUNDS; round++) {
        struct strbuf texts[SAID] = { { 0 } };
        struct line lines[2 + SAID] = { LINE(CLIENT, GET), LINE(SERVER, OK) };
        for (unsigned i = 0; i < SAID; i++) {
            do
                make_message(&seed, i % 2 == CLIENT, &texts[i]);
            while (random_below(&seed, 3) == 0);
            for (uint32_t left = random_below(&seed, 8); left > 5; left--)
                mutate(&seed, &texts[i]);
            bool gap = random_below(&seed, 16) == 0;
            lines[2 + i] = (struct line){ i % 2, gap ? NULL : texts[i].text, gap ? 7 : texts[i].length };
        }
        pieces_do_not_matter(lines, 2 + SAID);
        for (unsigned i = 0; i < SAID; i++)
            strbuf_free(&texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_plain),
        cmocka_unit_test(heads),
        cmocka_unit_test(gaps),
        cmocka_unit_test(made_up),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
