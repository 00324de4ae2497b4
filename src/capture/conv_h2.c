#include "capture/conv_h2.h"

#include <stdlib.h>
#include <string.h>

#include "capture/conv_words.h"

/* RFC 9113 section 6 */
enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8 };
enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4 };

#define MOST_ARGUMENTS 16
#define LARGEST_FRAME 16384

struct arguments {
    const char *text[MOST_ARGUMENTS];
    size_t length[MOST_ARGUMENTS];
    unsigned count;
};

static void add_number(struct strbuf *out, uint64_t number, unsigned bytes)
{
    while (bytes-- > 0)
        strbuf_addc(out, (char)(number >> 8 * bytes));
}

static void add_frame(struct strbuf *out, unsigned type, unsigned flags, uint32_t stream, const struct strbuf *body)
{
    add_number(out, body->length, 3);
    add_number(out, type, 1);
    add_number(out, flags, 1);
    add_number(out, stream, 4);
    strbuf_add_strbuf(out, body);
}

static bool is_word(const struct arguments *a, unsigned i, const char *word)
{
    return i < a->count && a->length[i] == strlen(word) && memcmp(a->text[i], word, a->length[i]) == 0;
}

static uint32_t number(const struct arguments *a, unsigned i)
{
    return i < a->count ? (uint32_t)strtoul(a->text[i], NULL, 10) : 0;
}

/* RFC 7541 section 5.2, without Huffman's code. */
static void add_string(struct strbuf *out, const char *text, size_t length)
{
    strbuf_addc(out, (char)(length & 0x7f));
    strbuf_add(out, text, length & 0x7f);
}

/* A literal that is not indexed, its name from the static table (RFC 7541 section 6.2.2 and appendix A). */
static void add_literal(struct strbuf *out, unsigned name, const char *text, size_t length)
{
    strbuf_addc(out, (char)name);
    add_string(out, text, length);
}

enum { AUTHORITY = 1, METHOD = 2, PATH = 4, STATUS = 8, SCHEME_HTTP = 0x86 };

static void request(const struct arguments *a, struct strbuf *payload)
{
    struct strbuf block = { 0 };
    add_literal(&block, METHOD, a->text[2], a->length[2]);
    strbuf_addc(&block, (char)SCHEME_HTTP);
    add_literal(&block, PATH, a->text[3], a->length[3]);
    add_literal(&block, AUTHORITY, "a", 1);
    add_frame(payload, HEADERS, END_HEADERS | (is_word(a, 4, "end") ? END_STREAM : 0), number(a, 1), &block);
    strbuf_free(&block);
}

static void websocket(const struct arguments *a, struct strbuf *payload)
{
    struct strbuf block = { 0 };
    add_literal(&block, METHOD, "CONNECT", strlen("CONNECT"));
    strbuf_addc(&block, 0); /* a new name */
    add_string(&block, ":protocol", strlen(":protocol"));
    add_string(&block, "websocket", strlen("websocket"));
    strbuf_addc(&block, (char)SCHEME_HTTP);
    add_literal(&block, PATH, a->text[2], a->length[2]);
    add_literal(&block, AUTHORITY, "a", 1);
    add_frame(payload, HEADERS, END_HEADERS, number(a, 1), &block);
    strbuf_free(&block);
}

static void response(const struct arguments *a, struct strbuf *payload)
{
    struct strbuf block = { 0 };
    add_literal(&block, STATUS, a->text[2], a->length[2]);
    if (a->count > 3 && !is_word(a, 3, "end")) { /* content-length, number 28 of the table, whose first 4 bits are full */
        strbuf_addc(&block, 0x0f);
        strbuf_addc(&block, 28 - 0x0f);
        add_string(&block, a->text[3], a->length[3]);
    }
    add_frame(payload, HEADERS, END_HEADERS | (is_word(a, 3, "end") ? END_STREAM : 0), number(a, 1), &block);
    strbuf_free(&block);
}

static void trailers(const struct arguments *a, struct strbuf *payload)
{
    struct strbuf block = { 0 };
    strbuf_addc(&block, 0); /* a new name */
    add_string(&block, "grpc-status", strlen("grpc-status"));
    add_string(&block, "0", 1);
    add_frame(payload, HEADERS, END_HEADERS | END_STREAM, number(a, 1), &block);
    strbuf_free(&block);
}

static void data(const struct arguments *a, struct strbuf *payload)
{
    struct strbuf body = { 0 };
    uint32_t length = number(a, 2);
    for (uint32_t i = 0; i < length && i < LARGEST_FRAME; i++)
        strbuf_addc(&body, 'd');
    add_frame(payload, DATA, is_word(a, 3, "end") ? END_STREAM : 0, number(a, 1), &body);
    strbuf_free(&body);
}

static void settings(const struct arguments *a, struct strbuf *payload)
{
    struct strbuf body = { 0 };
    for (unsigned i = 1; i + 1 < a->count; i += 2) {
        add_number(&body, number(a, i), 2);
        add_number(&body, number(a, i + 1), 4);
    }
    add_frame(payload, SETTINGS, 0, 0, &body);
    strbuf_free(&body);
}

static void settings_ack(const struct arguments *a, struct strbuf *payload)
{
    (void)a;
    const struct strbuf none = { 0 };
    add_frame(payload, SETTINGS, ACK, 0, &none);
}

static void rst_stream(const struct arguments *a, struct strbuf *payload)
{
    struct strbuf body = { 0 };
    add_number(&body, number(a, 2), 4);
    add_frame(payload, RST_STREAM, 0, number(a, 1), &body);
    strbuf_free(&body);
}

static void goaway(const struct arguments *a, struct strbuf *payload)
{
    struct strbuf body = { 0 };
    add_number(&body, number(a, 1), 4);
    add_number(&body, number(a, 2), 4);
    if (a->count > 3)
        strbuf_add(&body, a->text[3], a->length[3]);
    add_frame(payload, GOAWAY, 0, 0, &body);
    strbuf_free(&body);
}

static void ping(const struct arguments *a, struct strbuf *payload)
{
    struct strbuf body = { 0 };
    strbuf_add(&body, "12345678", 8);
    add_frame(payload, PING, is_word(a, 0, "ping_ack") ? ACK : 0, 0, &body);
    strbuf_free(&body);
}

static void window_update(const struct arguments *a, struct strbuf *payload)
{
    struct strbuf body = { 0 };
    add_number(&body, number(a, 2), 4);
    add_frame(payload, WINDOW_UPDATE, 0, number(a, 1), &body);
    strbuf_free(&body);
}

/* RFC 9113 section 3.4 */
static void preface(const struct arguments *a, struct strbuf *payload)
{
    (void)a;
    strbuf_adds(payload, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
}

static const struct {
    const char *name;
    void (*add)(const struct arguments *arguments, struct strbuf *payload);
    unsigned least; /* arguments */
} frames[] = {
    { "preface", preface, 1 },   { "settings", settings, 1 },     { "settings_ack", settings_ack, 1 }, { "request", request, 4 },
    { "response", response, 3 }, { "data", data, 3 },             { "trailers", trailers, 2 },         { "rst_stream", rst_stream, 3 },
    { "goaway", goaway, 2 },     { "ping", ping, 1 },             { "ping_ack", ping, 1 },             { "window_update", window_update, 3 },
    { "websocket", websocket, 3 },
};

static bool take_arguments(const char **p, struct arguments *a)
{
    for (bool more = true; more && a->count < MOST_ARGUMENTS; a->count++) {
        size_t length = strcspn(*p, ",)");
        a->text[a->count] = *p;
        a->length[a->count] = length;
        *p += length;
        if (**p == '\0')
            return false;
        more = *(*p)++ == ',';
        if (!more) {
            a->count++;
            return true;
        }
    }
    return false;
}

bool conv_take_h2(const char **p, struct strbuf *payload, size_t most, struct err *err)
{
    struct arguments a = { .count = 0 };
    if (!conv_take(p, "h2(") || !take_arguments(p, &a))
        return err_set(err, "h2( has no closing bracket");
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        if (is_word(&a, 0, frames[i].name) && a.count >= frames[i].least) {
            frames[i].add(&a, payload);
            return payload->length <= most || err_set(err, "the payload is longer than %zu bytes", most);
        }
    return err_set(err, "h2(%.*s...) is no frame, or wants more (see hangup-rules(5))", (int)a.length[0], a.text[0]);
}
