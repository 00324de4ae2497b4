/*
 * gen - write a synthetic capture of healthy HTTP/1.1 traffic, for benchmarks.
 *
 *     gen PROFILE [--mb N | --connections N] [--seed S] -o FILE      ("-" is standard output)
 *
 * The same arguments give the same bytes everywhere. Nothing in the traffic is wrong, but for the profile with
 * incidents: every connection ends as its ends agreed, so a reader that reports an error here is mistaken.
 *
 * Model: the capture point is at the clients. A client acknowledges what it received at once, and a
 * server's packet shows at least one round trip after the client's packet that caused it, so an ACK
 * number is always the peer's newest sequence number and one connection is a plain list of steps.
 * Connections meet only in the heap that orders them by time. Messages are not stored: each segment
 * renders its message again from a seed (gen_message.h). Memory: one small struct per open connection.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen_message.h"
#include "gen_profiles.h"
#include "gen_util.h"

enum {
    MSS = 1448, /* 1500 - IPv4 20 - TCP 20 - timestamps 12 */
    RECORD_HEAD = 16, ETH_HEAD = 14, IP_HEAD = 20,
    TCP_HEAD = 32, TCP_HEAD_SYN = 40, /* a SYN's options reach where others have payload */
    HEADS = RECORD_HEAD + ETH_HEAD + IP_HEAD + TCP_HEAD,
    FLIGHT = 32, /* segments a server sends before it waits for an ACK */
    SEGMENT_GAP_US = 3,
    DELAYED_ACK_US = 40000,
    PORTS = 28232 /* Linux's ephemeral ports: 32768 to 60999 */
};
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum side { CLIENT, SERVER };

static const uint64_t CAPTURE_START_S = 1767571200; /* 2026-01-05T00:00:00Z */

/* What a slot does at its next event. FREE: open a connection, if the limit allows. */
enum step { FREE, SEND_SYN, SEND_SYNACK, ESTABLISH, REQUEST, RESPONSE, LATE_ACK, ALERT,
            FIRST_FIN, FIN_ACK, OTHER_FIN, LAST_ACK,
            GIVE_UP, CROSS, CROSSING_FIN, CROSSING_RST };

/* What becomes of the connection's last request. */
enum fate {
    ANSWERED,
    GIVEN_UP, /* the client resets 2 s after it */
    REFUSED,  /* the server closes without an answer */
    CROSSED,  /* it meets the FIN of the server's idle timer on its way */
    FATES
};

enum { GIVE_UP_US = 2000000, JITTER_US = 2000 };

struct conn {
    uint64_t rng, turn_seed;              /* the turn's messages derive from the latter */
    uint64_t last_client_us;              /* when its newest packet showed */
    uint32_t ip[2], seq[2], unacked[2];   /* unacked: segments that this end has to acknowledge */
    uint32_t ts_origin[2], ts_last[2], ts_echo; /* RFC 7323; ts_echo: what the server echoes */
    uint32_t rtt_us, then_after_us, turn, turns_left;
    uint32_t prefix, len, sent;           /* of the response on its way; prefix: what is rendered */
    uint16_t port[2], ip_id[2], message;  /* message: index in the batch */
    uint8_t step, then, acker, closer;    /* LATE_ACK: acker sends it, then comes what else is due */
    uint8_t fate;                         /* enum fate */
    bool idle_timer;                      /* the server's ends it */
    bool last;                            /* the connection's last turn */
};

struct event {
    uint64_t at_us;
    uint32_t slot;
};

struct gen {
    const struct profile *p;
    FILE *out;
    const char *path;
    uint64_t seed, now_us, max_connections, budget;
    uint64_t planned, opened, packets, bytes; /* planned: bytes, counted before they are written */
    struct conn *conns;
    struct event *heap;
    size_t events;
    uint8_t frame[HEADS + MSS];
    struct renderer text;
};

static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("gen: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

static void write_out(struct gen *g, const uint8_t *p, size_t len)
{
    if (fwrite(p, 1, len, g->out) != len)
        die("%s: %s", g->path, strerror(errno));
    g->bytes += len;
}

/* A clock of 1 ms at each end. A server echoes only what had the time to reach it and be answered. */
static uint8_t *put_timestamps(const struct gen *g, struct conn *c, enum side from, uint8_t *p)
{
    uint64_t sent_us = from == CLIENT ? g->now_us : g->now_us - c->rtt_us / 2;
    c->ts_last[from] = c->ts_origin[from] + (uint32_t)(sent_us / 1000);
    if (from == CLIENT)
        c->last_client_us = g->now_us;
    else if (g->now_us >= c->last_client_us + c->rtt_us)
        c->ts_echo = c->ts_last[CLIENT];
    p = be32(be16(p, 0x080a), c->ts_last[from]);
    return be32(p, from == CLIENT ? c->ts_last[SERVER] : c->ts_echo);
}

/* Write one packet. The payload is already in the frame, behind HEADS. */
static void emit(struct gen *g, struct conn *c, enum side from, uint32_t flags, uint32_t payload)
{
    const enum side to = from == CLIENT ? SERVER : CLIENT;
    const uint32_t head = flags & SYN ? TCP_HEAD_SYN : TCP_HEAD, segment = head + payload;
    const uint32_t frame = ETH_HEAD + IP_HEAD + segment;
    uint8_t *const ip = g->frame + RECORD_HEAD + ETH_HEAD, *const tcp = ip + IP_HEAD;
    uint8_t protocol_len[4], *p = g->frame;

    p = le32(p, (uint32_t)(CAPTURE_START_S + g->now_us / 1000000));
    p = le32(le32(le32(p, (uint32_t)(g->now_us % 1000000)), frame), frame);
    p = be32(be16(p, 0x0200), to); /* locally administered MAC addresses */
    p = be16(be32(be16(p, 0x0200), from), 0x0800);

    p = be16(be16(p, 0x4500), IP_HEAD + segment);
    p = be16(be16(p, c->ip_id[from]++), 0x4000);            /* don't fragment */
    p = be16(be16(p, from == CLIENT ? 0x4006 : 0x3906), 0); /* TTL 64, or seven hops away; TCP */
    p = be32(be32(p, c->ip[from]), c->ip[to]);
    store_checksum(ip + 10, sum_words(ip, IP_HEAD));

    p = be16(be16(p, c->port[from]), c->port[to]);
    p = be32(be32(p, c->seq[from]), flags & ACK ? c->seq[to] : 0);
    p = be16(p, head / 4 << 12 | flags);
    p = be16(p, flags & SYN ? 64240 : from == CLIENT ? 2048 : 509); /* a SYN's is not scaled */
    p = be32(p, 0);                                                 /* checksum, urgent pointer */
    if (flags & SYN) {
        p = be16(be32(p, 0x020405b4), 0x0402);           /* MSS 1460, SACK permitted */
        be32(put_timestamps(g, c, from, p), 0x01030307); /* no-operation, window scale 7 */
    } else {
        put_timestamps(g, c, from, be16(p, 0x0101)); /* two no-operations */
    }
    be16(be16(protocol_len, 6), segment); /* with both addresses, the pseudo header */
    store_checksum(tcp + 16, sum_words(ip + 12, 8) + sum_words(protocol_len, 4) + sum_words(tcp, segment));

    write_out(g, g->frame, RECORD_HEAD + frame);
    g->packets++;
    c->seq[from] += payload + !!(flags & (SYN | FIN));
    c->unacked[from] = 0;
    c->unacked[to] += payload > 0;
}

/* The n-th exchange of the connection's current turn: the same each time it is asked for. */
static struct exchange exchange_of(const struct profile *p, const struct conn *c, uint32_t n)
{
    struct exchange x = {.rng = c->turn_seed ^ (uint64_t)n << 32, .style = p->style, .status = 200};
    const uint32_t kind = draw(&x.rng, 0, 99);
    x.host = c->ip[SERVER] & 0xff;
    x.turn = c->turn;
    x.body = draw(&x.rng, p->body.lo, p->body.hi);
    x.close = c->last && c->closer == SERVER && !c->idle_timer && n + 1 == p->batch;
    x.close_both = x.close && p->turns.hi == 1; /* that client knows it has but one request */
    if (p->style == STYLE_FULL) {
        x.status = kind < 4 ? 304 : kind < 8 ? 404 : 200;
        x.body = x.status == 304 ? 0 : x.body;
        x.chunked = x.status != 304 && kind % 4 == 0;
    }
    return x;
}

static uint32_t response_of(struct gen *g, const struct conn *c, uint32_t *tail)
{
    const uint64_t now_s = CAPTURE_START_S + g->now_us / 1000000;
    return render_response(&g->text, exchange_of(g->p, c, c->message), now_s, tail);
}

/* Each step writes at most one packet, names the next step and returns how long until then. */
static uint32_t go(struct conn *c, enum step step, uint32_t after_us)
{
    c->step = (uint8_t)step;
    return after_us;
}

/* The same; but an end that owes an ACK for longer than it may (ack_us from here) sends it first. */
static uint32_t go_acked(struct conn *c, enum side acker, uint32_t ack_us, enum step step, uint32_t after_us)
{
    if (!c->unacked[acker] || after_us <= ack_us)
        return go(c, step, after_us);
    c->acker = (uint8_t)acker;
    c->then = (uint8_t)step;
    c->then_after_us = after_us - ack_us;
    return go(c, LATE_ACK, ack_us);
}

/* Turns are counted before they are written: a size limit then holds for 30 MB responses too. */
static void plan_turn(struct gen *g, struct conn *c)
{
    c->turn_seed = next(&c->rng);
    c->turn++;
    c->turns_left--;
    c->message = 0;
    for (uint32_t n = 0; n < g->p->batch; n++) /* heads and packet heads, about; then the body */
        g->planned += (g->p->style == STYLE_SMALL ? 260 : 850) + exchange_of(g->p, c, n).body * 109ull / 100;
    c->last = !c->turns_left || (g->planned >= g->budget && !(g->p->style == STYLE_TLS && c->turn == 1));
}

/* False when a limit is reached: the slot stays empty. */
static bool conn_open(struct gen *g, struct conn *c)
{
    const struct profile *p = g->p;
    const uint64_t id = g->opened, client = id % p->clients;
    if (id >= g->max_connections || g->planned >= g->budget)
        return false;
    g->opened++;
    g->planned += 7 * HEADS;
    *c = (struct conn){.rng = g->seed ^ (id + 1) * 0xd1342543de82ef95u};
    /* A multiplication modulo a prime scatters the clients over 10.0.0.0/8 and keeps them distinct,
     * and each takes its ports in turn: no address pair comes again for a very long time. */
    c->ip[CLIENT] = 0x0a000001u + (uint32_t)(client * 7919 % CLIENTS_MAX);
    c->port[CLIENT] = (uint16_t)(32768 + (client * 613 + id / p->clients) % PORTS);
    c->ip[SERVER] = 0xc6120001u + draw(&c->rng, 0, p->servers - 1); /* 198.18.0.0/15: benchmarks */
    c->port[SERVER] = p->style == STYLE_TLS ? 443 : 80;
    for (int side = CLIENT; side <= SERVER; side++) {
        c->seq[side] = (uint32_t)next(&c->rng);
        c->ts_origin[side] = (uint32_t)next(&c->rng);
        c->ip_id[side] = (uint16_t)next(&c->rng);
    }
    c->rtt_us = draw_time(&c->rng, p->rtt_us);
    c->closer = draw(&c->rng, 0, 99) < p->announced_percent ? SERVER : CLIENT;
    if (p->idle_percent) {
        c->idle_timer = draw(&c->rng, 0, 99) < p->idle_percent;
        c->fate = draw(&c->rng, 0, 999) < p->anomaly_permille ? (uint8_t)draw(&c->rng, 1, FATES - 1) : ANSWERED;
        c->idle_timer |= c->fate == CROSSED;
        if (c->idle_timer)
            c->closer = SERVER;
    }
    c->turns_left = draw(&c->rng, p->turns.lo, p->turns.hi) + (p->style == STYLE_TLS);
    plan_turn(g, c);
    return true;
}

static uint32_t run_request(struct gen *g, struct conn *c)
{
    const uint32_t len = render_request(&g->text, exchange_of(g->p, c, c->message));
    /* A young Linux connection acknowledges at once. */
    const uint32_t ack_us = c->rtt_us + (c->turn == 1 ? 0 : DELAYED_ACK_US);
    if (len > MSS)
        die("a request outgrew its segment");
    memcpy(g->frame + HEADS, g->text.out, len);
    emit(g, c, CLIENT, PSH | ACK, len);
    if (++c->message < g->p->batch)
        return go(c, REQUEST, SEGMENT_GAP_US);
    c->message = 0;
    if (c->last && c->fate == GIVEN_UP)
        return go_acked(c, SERVER, ack_us, GIVE_UP, GIVE_UP_US + draw(&c->rng, 0, JITTER_US));
    if (c->last && c->fate == REFUSED) {
        c->closer = SERVER;
        return go_acked(c, SERVER, ack_us, FIRST_FIN, c->rtt_us + draw_time(&c->rng, g->p->service_us));
    }
    return go_acked(c, SERVER, ack_us, RESPONSE, c->rtt_us + draw_time(&c->rng, g->p->service_us));
}

/* What follows a response's segment, which may have been the turn's last. */
static uint32_t after_segment(struct gen *g, struct conn *c)
{
    const struct profile *p = g->p;
    const bool tls = p->style == STYLE_TLS;
    if (c->sent < c->len)
        return go_acked(c, CLIENT, DELAYED_ACK_US, RESPONSE, c->sent / MSS % FLIGHT ? SEGMENT_GAP_US : c->rtt_us);
    c->sent = 0;
    if (++c->message < p->batch)
        return go(c, RESPONSE, SEGMENT_GAP_US);
    if (c->last && c->idle_timer)
        return go_acked(c, CLIENT, DELAYED_ACK_US, c->fate == CROSSED ? CROSS : FIRST_FIN,
                        p->idle_timer_us + draw(&c->rng, 0, JITTER_US));
    if (c->last)
        return go_acked(c, CLIENT, DELAYED_ACK_US, tls ? ALERT : FIRST_FIN,
                        draw_time(&c->rng, c->closer == SERVER ? p->close_us : p->idle_us));
    plan_turn(g, c);
    return go_acked(c, CLIENT, DELAYED_ACK_US, REQUEST,
                    draw_time(&c->rng, tls && c->turn == 2 ? p->first_us : p->think_us));
}

static uint32_t run_response(struct gen *g, struct conn *c)
{
    uint8_t *payload = g->frame + HEADS;
    uint32_t tail = 0, left, len, rendered = 0;
    if (!c->sent || c->sent < c->prefix) {
        c->prefix = response_of(g, c, &tail);
        c->len = c->prefix + tail;
    }
    left = c->len - c->sent;
    /* Never one byte on its own: Wireshark 4.0 calls a last chunk malformed that is cut in its CR LF. */
    len = left <= MSS ? left : left == MSS + 1 ? MSS - 1 : MSS;
    if (c->sent < c->prefix) {
        rendered = c->prefix - c->sent < len ? c->prefix - c->sent : len;
        memcpy(payload, g->text.out + c->sent, rendered);
    }
    memcpy(payload + rendered, g->text.text + (c->sent + rendered) % FILLER, len - rendered);
    emit(g, c, SERVER, len == left ? PSH | ACK : ACK, len);
    c->sent += len;
    if (c->unacked[CLIENT] < 2)
        return after_segment(g, c);
    c->unacked[CLIENT] = 0; /* every second segment is acknowledged at once; then what else is due */
    c->then_after_us = after_segment(g, c);
    c->then = c->step;
    c->acker = CLIENT;
    return go(c, LATE_ACK, 1);
}

static uint32_t run_step(struct gen *g, struct conn *c)
{
    const bool by_client = c->closer == CLIENT;
    const enum side other = by_client ? SERVER : CLIENT;
    switch ((enum step)c->step) {
    case FREE: /* filled by run() */
        break;
    case SEND_SYN:
        emit(g, c, CLIENT, SYN, 0);
        return go(c, SEND_SYNACK, c->rtt_us);
    case SEND_SYNACK:
        emit(g, c, SERVER, SYN | ACK, 0);
        return go(c, ESTABLISH, draw(&c->rng, 10, 60));
    case ESTABLISH:
        emit(g, c, CLIENT, ACK, 0);
        return go(c, REQUEST, draw_time(&c->rng, g->p->first_us));
    case REQUEST:
        return run_request(g, c);
    case RESPONSE:
        return run_response(g, c);
    case LATE_ACK:
        emit(g, c, c->acker, ACK, 0);
        return go(c, c->then, c->then_after_us);
    case ALERT: /* close_notify: in TLS 1.3 a record of "application data" */
        memcpy(g->frame + HEADS, (const uint8_t[]){23, 3, 3, 0, 19}, 5);
        memcpy(g->frame + HEADS + 5, g->text.noise + next(&c->rng) % FILLER, 19);
        emit(g, c, c->closer, PSH | ACK, 24);
        return go(c, FIRST_FIN, draw(&c->rng, 10, 60));
    case FIRST_FIN: /* an application that closes before its kernel's ACK went out sends both as one */
        emit(g, c, c->closer, FIN | ACK, 0);
        return go(c, draw(&c->rng, 0, 7) ? FIN_ACK : OTHER_FIN, (by_client ? c->rtt_us : 0) + 20);
    case FIN_ACK:
        emit(g, c, other, ACK, 0);
        return go(c, OTHER_FIN, draw_time(&c->rng, (struct range){50, 5000}));
    case OTHER_FIN:
        emit(g, c, other, FIN | ACK, 0);
        return go(c, LAST_ACK, by_client ? 20 : c->rtt_us);
    case LAST_ACK:
        emit(g, c, c->closer, ACK, 0);
        return go(c, FREE, draw(&c->rng, 50, 3000));
    case GIVE_UP:
        emit(g, c, CLIENT, RST | ACK, 0);
        return go(c, FREE, draw(&c->rng, 50, 3000));
    case CROSS: { /* seen at the client: its request leaves before the FIN comes, which does not cover it */
        plan_turn(g, c);
        const uint32_t len = render_request(&g->text, exchange_of(g->p, c, 0));
        memcpy(g->frame + HEADS, g->text.out, len);
        emit(g, c, CLIENT, PSH | ACK, len);
        c->len = len;
        return go(c, CROSSING_FIN, c->rtt_us / 2);
    }
    case CROSSING_FIN:
        c->seq[CLIENT] -= c->len;
        emit(g, c, SERVER, FIN | ACK, 0);
        c->seq[CLIENT] += c->len;
        return go(c, CROSSING_RST, c->rtt_us / 2 + 50);
    case CROSSING_RST: /* the answer of a kernel that has no such socket any more */
        emit(g, c, SERVER, RST, 0);
        return go(c, FREE, draw(&c->rng, 50, 3000));
    }
    return die("impossible step"), 0;
}

static bool earlier(struct event a, struct event b)
{
    return a.at_us != b.at_us ? a.at_us < b.at_us : a.slot < b.slot; /* a total order: deterministic */
}

/* The heap's root has changed: an event only ever moves to a later time, or leaves. */
static void sift_down(struct event *heap, size_t n)
{
    const struct event moving = heap[0];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && earlier(heap[child + 1], heap[child]);
        if (!earlier(heap[child], moving))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

static void run(struct gen *g)
{
    while (g->events) {
        struct conn *c = &g->conns[g->heap[0].slot];
        g->now_us = g->heap[0].at_us;
        if (c->step != FREE)
            g->heap[0].at_us += run_step(g, c);
        else if (conn_open(g, c))
            c->step = SEND_SYN; /* at this same time */
        else
            g->heap[0] = g->heap[--g->events];
        sift_down(g->heap, g->events);
    }
}

/* File header, filler, and slots that start one after another over a second and a half. */
static void prepare(struct gen *g)
{
    uint8_t head[24] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0}; /* microseconds, version 2.4 */
    uint64_t slots = g->p->slots;
    le32(le32(head + 16, 262144), 1); /* snap length, Ethernet */
    write_out(g, head, sizeof head);
    renderer_init(&g->text, g->seed);
    if (g->max_connections < g->p->connections) /* a smaller run keeps its shape */
        slots = slots * g->max_connections / g->p->connections + 1;
    slots = slots < g->max_connections ? slots : g->max_connections;
    g->conns = calloc(slots, sizeof *g->conns);
    g->heap = calloc(slots, sizeof *g->heap);
    if (!g->conns || !g->heap)
        die("out of memory");
    for (g->events = 0; g->events < slots; g->events++)
        g->heap[g->events] = (struct event){g->events * 1500000 / slots, (uint32_t)g->events};
}

static uint64_t number(const char *option, const char *text)
{
    char *end;
    unsigned long long n = (errno = 0, strtoull(text, &end, 10));
    if (errno || *end || text[0] < '0' || text[0] > '9')
        die("%s needs a whole number, not '%s'", option, text);
    return n;
}

static void parse(struct gen *g, int argc, char **argv)
{
    const size_t known = sizeof PROFILES / sizeof PROFILES[0];
    uint64_t megabytes = 0, connections = 0;
    g->seed = 1;
    for (size_t n = 0; argc > 1 && n < known; n++)
        if (!strcmp(argv[1], PROFILES[n].name))
            g->p = &PROFILES[n];
    for (int i = 2; g->p && i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--mb"))
            megabytes = number(argv[i], argv[i + 1]);
        else if (!strcmp(argv[i], "--connections"))
            connections = number(argv[i], argv[i + 1]);
        else if (!strcmp(argv[i], "--seed"))
            g->seed = number(argv[i], argv[i + 1]);
        else if (!strcmp(argv[i], "-o"))
            g->path = argv[i + 1];
        else
            die("unknown option '%s'", argv[i]);
    }
    if (!g->path || argc % 2 || (megabytes && connections)) {
        fputs("usage: gen PROFILE [--mb N | --connections N] [--seed S] -o FILE\n", stderr);
        for (size_t n = 0; n < known; n++)
            fprintf(stderr, "  %-10s %s\n", PROFILES[n].name, PROFILES[n].meaning);
        exit(2);
    }
    if (!megabytes && !connections) {
        megabytes = g->p->megabytes;
        connections = g->p->connections;
    }
    g->max_connections = connections ? connections : UINT64_MAX;
    g->budget = megabytes ? megabytes * 1000000 : UINT64_MAX;
}

int main(int argc, char **argv)
{
    struct gen *g = calloc(1, sizeof *g);
    if (!g)
        die("out of memory");
    parse(g, argc, argv);
    g->out = strcmp(g->path, "-") ? fopen(g->path, "wb") : stdout;
    if (!g->out)
        die("%s: %s", g->path, strerror(errno));
    setvbuf(g->out, NULL, _IOFBF, 1 << 20);
    prepare(g);
    run(g);
    if (fclose(g->out))
        die("%s: %s", g->path, strerror(errno));
    fprintf(stderr, "%s: %" PRIu64 " packets, %" PRIu64 " connections, %" PRIu64 " bytes, %.1f s of capture\n",
            g->p->name, g->packets, g->opened, g->bytes, (double)g->now_us / 1e6);
    free(g->conns);
    free(g->heap);
    free(g);
    return 0;
}
