#include "capture/conv.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "base/vec.h"
#include "capture/conv_headers.h"
#include "capture/conv_payload.h"
#include "capture/conv_seal.h"
#include "capture/conv_words.h"
#include "capture/formats.h"

#define LINKTYPE_RAW 101
#define MAX_CONNECTIONS 64
#define MAX_PAYLOAD 65535
#define MAX_TEXT_BYTES (1024 * 1024)
#define MAX_REPEAT 100000
#define MAX_PACKETS (4 * 1000 * 1000)
/* 2026-01-01T00:00:00Z: any date will do, this one reads well. */
#define START_S INT64_C(1767225600)

enum flag { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct conversation {
    char name[32];
    bool ipv6;
    uint8_t address[2][16];
    uint16_t port[2];
    uint32_t isn[2];
    uint32_t next[2]; /* relative to isn: next sequence number to send */
};

struct frame {
    int64_t ts_ns;
    size_t offset; /* into bytes */
    uint32_t caplen, len;
    size_t order;  /* of the text, for equal times */
};

struct conv {
    const char *name;
    const char *text, *end;
    unsigned line;
    int64_t now_ns;
    struct conversation conns[MAX_CONNECTIONS];
    size_t conn_count;
    unsigned iteration;        /* of a repeat block */
    bool repeating;
    bool keys;                 /* the capture carries the keys of sealed records */
    struct strbuf bytes;       /* of all packets */
    struct {
        struct frame *items;
        size_t count, capacity;
    } frames;
    struct conv_expectations expectations;
    size_t next;               /* frame to hand out */
    struct err *err;
};

static bool fail(struct conv *conv, const char *format, ...) PRINTF_LIKE(2, 3);

static bool fail(struct conv *conv, const char *format, ...)
{
    char message[300];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return err_set(conv->err, "%s:%u: %s", conv->name, conv->line, message);
}

/* ---- packets -------------------------------------------------------------------------------- */

struct packet_line {
    unsigned from;     /* 0: the left end, the client */
    unsigned flags;
    bool has_seq, has_ack, captured, twice;
    uint64_t seq, ack, win, mss, wscale, ttl, id, snap;
    bool has_mss, has_wscale, has_snap, has_timestamps, sack_permitted;
    uint64_t timestamp, timestamp_echo;
    unsigned sack_blocks;
    uint64_t sack[CONV_MOST_SACK_BLOCKS][2]; /* relative */
    struct strbuf payload;
};

static bool emit(struct conv *conv, const struct conversation *c, const struct packet_line *line,
                 uint32_t seq, uint32_t ack)
{
    struct conv_headers headers = {
        .ipv6 = c->ipv6,
        .source = c->address[line->from],
        .destination = c->address[!line->from],
        .source_port = c->port[line->from],
        .destination_port = c->port[!line->from],
        .seq = seq,
        .ack = ack,
        .flags = (uint8_t)line->flags,
        .window = (uint16_t)line->win,
        .ttl = (uint8_t)line->ttl,
        .id = (uint16_t)line->id,
        .mss = line->has_mss ? (int)line->mss : -1,
        .window_scale = line->has_wscale ? (int)line->wscale : -1,
        .sack_permitted = line->sack_permitted,
        .has_timestamps = line->has_timestamps,
        .timestamp = (uint32_t)line->timestamp,
        .timestamp_echo = (uint32_t)line->timestamp_echo,
        .sack_blocks = line->sack_blocks,
    };
    for (unsigned i = 0; i < line->sack_blocks; i++)
        for (int edge = 0; edge < 2; edge++)
            headers.sack[i][edge] = c->isn[!line->from] + (uint32_t)line->sack[i][edge];
    uint8_t header[CONV_MAX_HEADER_BYTES];
    size_t length = conv_headers_write(&headers, strbuf_text(&line->payload),
                                       line->payload.length, header);
    size_t total = length + line->payload.length;
    if (total > UINT16_MAX)
        return fail(conv, "the packet is longer than 65535 bytes");
    if (conv->frames.count >= MAX_PACKETS)
        return fail(conv, "more than %d packets", MAX_PACKETS);
    size_t kept = line->has_snap && line->snap < line->payload.length ? line->snap
                                                                      : line->payload.length;
    for (int copy = 0; copy <= line->twice; copy++) {
        if (!VEC_ROOM(&conv->frames))
            return err_no_memory(conv->err);
        conv->frames.items[conv->frames.count] = (struct frame){
            .ts_ns = conv->now_ns + copy * 1000,
            .offset = conv->bytes.length,
            .caplen = (uint32_t)(length + kept),
            .len = (uint32_t)total,
            .order = conv->frames.count,
        };
        conv->frames.count++;
        strbuf_add(&conv->bytes, (const char *)header, length);
        strbuf_add(&conv->bytes, strbuf_text(&line->payload), kept);
    }
    return !conv->bytes.failed || err_no_memory(conv->err);
}

static bool send_packet(struct conv *conv, struct conversation *c, const struct packet_line *line)
{
    unsigned from = line->from;
    uint32_t seq = line->has_seq ? (uint32_t)line->seq : c->next[from];
    uint32_t ack = line->has_ack ? (uint32_t)line->ack : c->next[!from];
    bool with_ack = line->flags & ACK;
    if (!line->has_seq && !(line->flags & RST)) {
        c->next[from] += (uint32_t)line->payload.length;
        c->next[from] += ((line->flags & SYN) != 0) + ((line->flags & FIN) != 0);
    }
    if (!line->captured)
        return true;
    return emit(conv, c, line, c->isn[from] + seq, with_ack ? c->isn[!from] + ack : 0);
}

static bool take_word(struct conv *conv, const char **p, struct packet_line *line)
{
    static const struct {
        const char *name;
        size_t value, has;
        uint64_t most;
    } words[] = {
#define VALUE(field) offsetof(struct packet_line, field)
        { "seq=", VALUE(seq), VALUE(has_seq), UINT32_MAX },
        { "ack=", VALUE(ack), VALUE(has_ack), UINT32_MAX },
        { "win=", VALUE(win), SIZE_MAX, UINT16_MAX },
        { "mss=", VALUE(mss), VALUE(has_mss), UINT16_MAX },
        { "wscale=", VALUE(wscale), VALUE(has_wscale), 14 },
        { "ttl=", VALUE(ttl), SIZE_MAX, 255 },
        { "id=", VALUE(id), SIZE_MAX, UINT16_MAX },
        { "snap=", VALUE(snap), VALUE(has_snap), UINT32_MAX },
#undef VALUE
    };
    if (conv_take(p, "uncaptured")) {
        line->captured = false;
        return true;
    }
    if (conv_take(p, "dup"))
        return line->twice = true;
    if (conv_take(p, "sackok"))
        return line->sack_permitted = true;
    if (conv_take(p, "ts=")) {
        line->has_timestamps = true;
        return conv_take_pair(p, '/', &line->timestamp, &line->timestamp_echo) ||
               fail(conv, "write ts=VALUE/ECHO");
    }
    if (conv_take(p, "sack=")) {
        if (line->sack_blocks == CONV_MOST_SACK_BLOCKS)
            return fail(conv, "more than %d blocks of SACK", CONV_MOST_SACK_BLOCKS);
        uint64_t *block = line->sack[line->sack_blocks++];
        return conv_take_pair(p, '-', &block[0], &block[1]) || fail(conv, "write sack=LEFT-RIGHT");
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!conv_take(p, words[i].name))
            continue;
        uint64_t number;
        if (!conv_take_number(p, &number) || number > words[i].most)
            return fail(conv, "%s wants a number up to %" PRIu64, words[i].name, words[i].most);
        *(uint64_t *)((char *)line + words[i].value) = number;
        if (words[i].has != SIZE_MAX)
            *(bool *)((char *)line + words[i].has) = true;
        return true;
    }
    return fail(conv, "not understood: '%.40s'", *p);
}

static struct conversation *find_conversation(struct conv *conv, const char **p)
{
    conv_skip_space(p);
    size_t length = strcspn(*p, ": \t<>");
    if ((*p)[length] != ':' || length == 0)
        return conv->conn_count > 0 ? &conv->conns[conv->conn_count - 1] : NULL;
    for (size_t i = 0; i < conv->conn_count; i++)
        if (strlen(conv->conns[i].name) == length &&
            strncmp(conv->conns[i].name, *p, length) == 0) {
            *p += length + 1;
            return &conv->conns[i];
        }
    return NULL;
}

/* +TIME [NAME:] >|< FLAGS|PAYLOAD [WORD...] */
static bool packet_line(struct conv *conv, const char *p)
{
    int64_t delay;
    if (!conv_take_seconds(&p, &delay))
        return fail(conv, "a packet line begins with +SECONDS");
    if (delay > CAPTURE_MAX_TIME_NS - conv->now_ns)
        return fail(conv, "the time is out of range");
    conv->now_ns += delay;
    struct conversation *c = find_conversation(conv, &p);
    if (c == NULL)
        return fail(conv, "there is no such connection (a 'conn' line comes first)");
    struct packet_line line = { .captured = true, .win = 64240, .ttl = 64,
                                .id = conv->frames.count + 1 };
    line.id &= UINT16_MAX;
    if (conv_take(&p, ">"))
        line.from = 0;
    else if (conv_take(&p, "<"))
        line.from = 1;
    else
        return fail(conv, "the direction is missing: > from the client, < from the server");
    conv_skip_space(&p);
    bool ok = true;
    if (!conv_begins_payload(p) && !conv_take_flags(&p, &line.flags))
        ok = fail(conv, "flags are made of S F R P and . (ACK)");
    while (ok && !conv_at_end(&p)) {
        struct err why = { "" };
        if (conv_begins_payload(p))
            ok = conv_take_payload(&p, line.from, &line.payload, MAX_PAYLOAD, &why) || fail(conv, "%s", why.text);
        else
            ok = take_word(conv, &p, &line);
    }
    if (line.flags == 0)
        line.flags = PSH | ACK;
    ok = ok && (!line.payload.failed || err_no_memory(conv->err)) && send_packet(conv, c, &line);
    strbuf_free(&line.payload);
    return ok;
}

/* ---- other lines ------------------------------------------------------------------------------ */

/* "as NAME": the same connection with other addresses; its numbers go on where those of NAME stand. */
static bool take_as(struct conv *conv, const char **p, const struct conversation **as)
{
    bool taken = conv_take(p, "as");
    conv_skip_space(p);
    size_t length = strcspn(*p, " \t#");
    for (size_t i = 0; taken && i < conv->conn_count; i++)
        if (strlen(conv->conns[i].name) == length && strncmp(conv->conns[i].name, *p, length) == 0)
            *as = &conv->conns[i];
    *p += length;
    return (*as != NULL && conv_at_end(p)) || fail(conv, "after the addresses comes nothing, or: as NAME, of a connection above");
}

static bool conn_line(struct conv *conv, const char *p)
{
    if (conv->repeating && conv->iteration > 0)
        conv->conn_count--; /* the same name again, with a new port */
    if (conv->conn_count == MAX_CONNECTIONS)
        return fail(conv, "more than %d connections", MAX_CONNECTIONS);
    struct conversation *c = &conv->conns[conv->conn_count];
    *c = (struct conversation){ .name = "" };
    conv_skip_space(&p);
    if (isalpha((unsigned char)*p)) {
        size_t length = strcspn(p, " \t");
        if (length >= sizeof c->name)
            return fail(conv, "the name is too long");
        memcpy(c->name, p, length);
        p += length;
    }
    bool ipv6;
    if (!conv_take_endpoint(&p, c->address[0], &c->ipv6, &c->port[0]) || !conv_take(&p, ">") ||
        !conv_take_endpoint(&p, c->address[1], &ipv6, &c->port[1]) || ipv6 != c->ipv6)
        return fail(conv, "write: conn [NAME] ADDRESS:PORT > ADDRESS:PORT (IPv6 addresses in brackets)");
    const struct conversation *as = NULL;
    if (!conv_at_end(&p) && !take_as(conv, &p, &as))
        return false;
    c->port[0] = (uint16_t)(c->port[0] + conv->iteration);
    c->isn[0] = 1000000 + 1000003 * (uint32_t)conv->conn_count + 65537 * conv->iteration;
    /* So close to 2^32 that every response wraps. */
    c->isn[1] = UINT32_MAX - 9 - (uint32_t)conv->conn_count - conv->iteration % 7;
    if (as != NULL) {
        memcpy(c->isn, as->isn, sizeof c->isn);
        memcpy(c->next, as->next, sizeof c->next);
    }
    conv->conn_count++;
    return true;
}

/* What may follow a rule's id, with one word each. */
static const struct {
    const char *name;
    size_t at, size;
    const char *wants;
} rule_options[] = {
    { "confidence=", offsetof(struct conv_expectation, confidence), sizeof((struct conv_expectation *)0)->confidence,
      "certain, likely or possible" },
    { "from=", offsetof(struct conv_expectation, from), sizeof((struct conv_expectation *)0)->from,
      "the event from which the timer starts" },
};
#define RULE_OPTIONS (sizeof rule_options / sizeof *rule_options)

static bool is_rule_option(const char *p)
{
    bool is = strncmp(p, "count=", strlen("count=")) == 0;
    for (size_t i = 0; i < RULE_OPTIONS; i++)
        is |= strncmp(p, rule_options[i].name, strlen(rule_options[i].name)) == 0;
    return is;
}

/* Ids of rules have neither dots nor underscores, and nothing follows them but count= and the like. */
static bool is_about_facts(const char *p)
{
    size_t word = strcspn(p, " \t#");
    const char *next = p + word + strspn(p + word, " \t");
    return memchr(p, '.', word) != NULL || memchr(p, '_', word) != NULL || memchr(p, ':', word) != NULL ||
           (p[word] != '\0' && p[word] != '#' && !is_rule_option(next));
}

/* [NAME:] CONDITION [count=N] */
static bool expect_fact(struct conv *conv, struct conv_expectation *e, const char *p)
{
    size_t name = strcspn(p, ": \t");
    if (p[name] == ':') {
        const struct conversation *c = find_conversation(conv, &p);
        if (c == NULL)
            return fail(conv, "there is no connection '%.*s'", (int)name, p);
        e->of_connection = true;
        e->client_port = c->port[0];
    }
    conv_skip_space(&p);
    const char *count = strstr(p, " count=");
    size_t length = count != NULL ? (size_t)(count - p) : strcspn(p, "#");
    if (length == 0 || length >= sizeof e->fact)
        return fail(conv, "expect names a rule, 'nothing', 'nothing-else' or a condition on facts");
    memcpy(e->fact, p, length);
    p += length;
    uint64_t connections;
    if (count != NULL && (!conv_take(&p, "count=") || !conv_take_number(&p, &connections)))
        return fail(conv, "count= wants a number");
    e->count = count != NULL ? (long)connections : -1;
    return conv_at_end(&p) || fail(conv, "not understood: '%.40s'", p);
}

static bool expect_line(struct conv *conv, const char *p)
{
    if (conv->repeating)
        return fail(conv, "expect does not stand in a repeat block");
    if (!VEC_ROOM(&conv->expectations))
        return err_no_memory(conv->err);
    struct conv_expectation *e = &conv->expectations.items[conv->expectations.count++];
    *e = (struct conv_expectation){ .count = -1, .line = conv->line };
    e->undecided = conv_take(&p, "undecided");
    e->also = !e->undecided && conv_take(&p, "also");
    conv_skip_space(&p);
    if (!e->undecided && !e->also && is_about_facts(p))
        return expect_fact(conv, e, p);
    size_t length = strcspn(p, " \t#");
    if (length == 0 || length >= sizeof e->rule)
        return fail(conv, "expect names a rule, 'nothing' or 'nothing-else'");
    memcpy(e->rule, p, length);
    p += length;
    uint64_t count;
    if (conv_take(&p, "count=")) {
        if (!conv_take_number(&p, &count))
            return fail(conv, "count= wants a number");
        e->count = (long)count;
    }
    for (size_t i = 0; i < RULE_OPTIONS; i++) {
        conv_skip_space(&p);
        if (!conv_take(&p, rule_options[i].name))
            continue;
        size_t word = strcspn(p, " \t#");
        if (word == 0 || word >= rule_options[i].size)
            return fail(conv, "%s wants %s", rule_options[i].name, rule_options[i].wants);
        memcpy((char *)e + rule_options[i].at, p, word);
        p += word;
    }
    return conv_at_end(&p) || fail(conv, "not understood: '%.40s'", p);
}

static bool midstream_line(struct conv *conv)
{
    conv->frames.count = 0;
    strbuf_clear(&conv->bytes);
    return true;
}

static bool run_lines(struct conv *conv, const char *until);

/* repeat N [every SECONDS] { ... }: each round begins `every` after the one before. */
static bool repeat_line(struct conv *conv, const char *p)
{
    uint64_t times;
    int64_t every = 0;
    conv_skip_space(&p);
    if (conv->repeating || !conv_take_number(&p, &times) || times == 0 || times > MAX_REPEAT ||
        (conv_take(&p, "every") && !conv_take_seconds(&p, &every)) || !conv_take(&p, "{") || !conv_at_end(&p))
        return fail(conv, "write: repeat N [every SECONDS] {");
    const char *start = conv->text;
    unsigned start_line = conv->line;
    int64_t start_ns = conv->now_ns;
    if (every > (CAPTURE_MAX_TIME_NS - start_ns) / (int64_t)times)
        return fail(conv, "the time is out of range");
    conv->repeating = true;
    for (conv->iteration = 0; conv->iteration < times; conv->iteration++) {
        conv->text = start;
        conv->line = start_line;
        conv->now_ns = start_ns + (int64_t)conv->iteration * every;
        if (!run_lines(conv, "}"))
            return false;
    }
    conv->iteration = 0;
    conv->repeating = false;
    return true;
}

static bool run_line(struct conv *conv, const char *p)
{
    int64_t ns;
    conv_skip_space(&p);
    if (*p == '+')
        return packet_line(conv, p + 1);
    if (conv_take(&p, "conn"))
        return conn_line(conv, p);
    if (conv_take(&p, "expect"))
        return expect_line(conv, p);
    if (conv_take(&p, "midstream"))
        return midstream_line(conv);
    if (conv_take(&p, "keys"))
        return conv->keys = true;
    if (conv_take(&p, "repeat"))
        return repeat_line(conv, p);
    if (conv_take(&p, "at") && conv_take_seconds(&p, &ns)) {
        conv->now_ns = START_S * NS_PER_S + ns;
        return true;
    }
    return fail(conv, "not understood: '%.40s'", p);
}

/* Runs lines up to the end, or up to a line that is `until`. */
static bool run_lines(struct conv *conv, const char *until)
{
    while (conv->text < conv->end) {
        const char *start = conv->text;
        const char *newline = memchr(start, '\n', (size_t)(conv->end - start));
        size_t length = (size_t)((newline != NULL ? newline : conv->end) - start);
        conv->text = newline != NULL ? newline + 1 : conv->end;
        conv->line++;
        char *line = strndup(start, length);
        if (line == NULL)
            return err_no_memory(conv->err);
        line[strcspn(line, "\r")] = '\0';
        const char *p = line;
        bool ends = until != NULL && conv_take(&p, until);
        bool ok = ends || conv_at_end(&p) || run_line(conv, line);
        free(line);
        if (!ok || ends)
            return ok;
    }
    return until == NULL || fail(conv, "a '%s' is missing", until);
}

static int by_time(const void *a, const void *b)
{
    const struct frame *x = a, *y = b;
    if (x->ts_ns != y->ts_ns)
        return x->ts_ns < y->ts_ns ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* ---- as a capture ----------------------------------------------------------------------------- */

static bool hand_out_keys(const struct capture *capture)
{
    struct strbuf text = { 0 };
    conv_seal_key_log(&text);
    if (capture->secrets != NULL)
        capture->secrets->take(capture->secrets->context, (const uint8_t *)strbuf_text(&text), text.length, true, capture->number, 0);
    bool whole = !text.failed;
    strbuf_free(&text);
    return whole;
}

static enum capture_event conv_read(struct capture *capture, struct capture_batch *batch, struct err *err)
{
    struct conv *conv = capture->state;
    if (conv->keys && conv->next == 0 && !hand_out_keys(capture)) {
        err_no_memory(err);
        return CAPTURE_FAILED;
    }
    for (; batch->count < batch->max && conv->next < conv->frames.count; conv->next++) {
        const struct frame *frame = &conv->frames.items[conv->next];
        batch->packets[batch->count++] = (struct packet){
            .ts_ns = frame->ts_ns,
            .data = (const uint8_t *)conv->bytes.text + frame->offset,
            .caplen = frame->caplen,
            .len = frame->len,
            .frame = (uint32_t)conv->next + 1,
            .link_type = LINKTYPE_RAW,
        };
    }
    return batch->count > 0 ? CAPTURE_PACKETS : CAPTURE_END;
}

static void free_conv(struct conv *conv)
{
    strbuf_free(&conv->bytes);
    free(conv->frames.items);
    free(conv->expectations.items);
    free(conv);
}

static void conv_close(struct capture *capture)
{
    free_conv(capture->state);
}

static const struct capture_ops conv_ops = { conv_read, conv_close, NULL };

static bool fill(struct capture *capture, const char *name, const char *text, size_t length,
                 struct err *err)
{
    struct conv *conv = calloc(1, sizeof *conv);
    if (conv == NULL)
        return err_no_memory(err);
    conv->name = name;
    conv->text = text;
    conv->end = text + length;
    conv->now_ns = START_S * NS_PER_S;
    conv->err = err;
    if (!run_lines(conv, NULL)) {
        free_conv(conv);
        return false;
    }
    if (conv->frames.count > 0)
        qsort(conv->frames.items, conv->frames.count, sizeof *conv->frames.items, by_time);
    conv->err = NULL;
    capture->ops = &conv_ops;
    capture->state = conv;
    capture->info.format = "conv";
    capture_note_link_type(capture, LINKTYPE_RAW);
    return true;
}

struct capture *conv_open(const char *name, const char *text, size_t length, struct err *err)
{
    struct capture *capture = calloc(1, sizeof *capture);
    if (capture == NULL) {
        err_no_memory(err);
        return NULL;
    }
    capture->info.file = name;
    capture->info.dropped_packets = -1;
    if (fill(capture, name, text, length, err))
        return capture;
    free(capture);
    return NULL;
}

const struct conv_expectations *conv_expectations(const struct capture *capture)
{
    return &((const struct conv *)capture->state)->expectations;
}

bool conv_recognises(const char *path)
{
    size_t length = strlen(path);
    return length > 5 && strcmp(path + length - 5, ".conv") == 0;
}

bool conv_file_open(struct capture *capture, struct source *source, struct err *err)
{
    struct strbuf text = { 0 };
    const uint8_t *p;
    while ((p = source_need(source, 1)) != NULL && text.length <= MAX_TEXT_BYTES) {
        strbuf_add(&text, (const char *)p, source_left(source));
        source_step(source, source_left(source));
    }
    bool ok = source->error[0] == '\0' ? text.length <= MAX_TEXT_BYTES ||
                                              err_set(err, "%s: is too large for a conversation", capture->info.file)
                                        : err_set(err, "%s: cannot read: %s", capture->info.file, source->error);
    ok = ok && (!text.failed || err_no_memory(err)) && fill(capture, capture->info.file, strbuf_text(&text), text.length, err);
    strbuf_free(&text);
    if (ok)
        source_close(source);
    return ok;
}
