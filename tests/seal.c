/*
 * seal - a capture of HTTP in the clear as the same over TLS 1.3: what is found in the one must be found in the other, with keys.
 *
 *     seal IN OUT.pcap KEYS.log
 *
 * Each connection whose handshake is there, and on which the client speaks first and speaks HTTP, gets a handshake of TLS behind that of
 * TCP; each segment's bytes become a record of their own, sent, lost, repeated and acknowledged as they were. Others stay as they
 * are. Exit status 3: nothing was sealed, or the capture has what is not moved here (cut packets).
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"
#include "capture/conv_seal.h"
#include "capture/conv_tls.h"

enum { MOST_CONNECTIONS = 4096, MOST_BYTES = 1 << 20, NOTHING = 3, RECORD_TEXT = 16000 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

/* One direction: text as it was sent, and where each byte of it lies once it is sealed. */
struct stream {
    uint32_t isn;
    bool known;
    uint8_t *text;      /* what was sent and is not in the capture is filled up */
    uint8_t *cut;       /* a segment began or ended there */
    uint32_t length, room; /* of what was sent of it; of text */
    uint32_t *begins;   /* of each byte, where it lies; one more: the end */
    struct strbuf sealed;
    uint64_t records;
};

struct connection {
    uint8_t address[2][16];
    uint16_t port[2];   /* the client's first */
    struct stream stream[2];
    bool begun, established, asked, http, sealed, opened;
    uint8_t header[2][128]; /* of a packet of each end, up to its payload */
    size_t header_bytes[2];
};

struct packet_view {
    uint8_t *ip, *tcp, *payload;
    size_t payload_bytes, header_bytes;
    uint32_t seq, ack;
    uint8_t flags;
    unsigned from;
    struct connection *c;
};

static struct connection *connections;
static size_t connection_count;

static void fail(int status, const char *why)
{
    fprintf(stderr, "seal: %s\n", why);
    exit(status);
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Of those between the ends the last one that has begun: ports may be used again. The first packet of all may be an answer. */
static void find_connection(struct packet_view *v, const uint8_t source[16], const uint8_t destination[16], const uint16_t ports[2])
{
    bool opens = (v->flags & (SYN | ACK)) == SYN, anew = opens;
    v->c = NULL;
    for (size_t i = 0; i < connection_count; i++)
        for (unsigned from = 0; from < 2; from++) {
            struct connection *c = &connections[i];
            if (c->port[from] != ports[0] || c->port[!from] != ports[1] || memcmp(c->address[from], source, 16) != 0 ||
                memcmp(c->address[!from], destination, 16) != 0 || (v->c == c))
                continue;
            bool is_its = opens && c->stream[from].known && c->stream[from].isn == v->seq;
            if (v->c != NULL && !c->begun && !is_its)
                continue;
            v->c = c;
            v->from = from;
            anew = opens && !is_its;
            c->begun |= is_its;
        }
    if (v->c != NULL && !anew)
        return;
    if (connection_count == MOST_CONNECTIONS)
        fail(NOTHING, "there are too many connections");
    v->c = &connections[connection_count++];
    v->from = (v->flags & (SYN | ACK)) == (SYN | ACK);
    memcpy(v->c->address[v->from], source, 16);
    memcpy(v->c->address[!v->from], destination, 16);
    v->c->port[v->from] = ports[0];
    v->c->port[!v->from] = ports[1];
    v->c->begun = true;
}

/* false: no TCP. */
static bool look(uint8_t *data, const struct packet *packet, struct packet_view *v)
{
    size_t at = packet->link_type == 1 ? 14 : 0; /* Ethernet, else raw IP */
    if (packet->caplen < at + 40)
        return false;
    v->ip = data + at;
    bool ipv6 = v->ip[0] >> 4 == 6;
    size_t ip_bytes = ipv6 ? 40 : (size_t)(v->ip[0] & 15) * 4, total = ipv6 ? 40 + ((size_t)v->ip[4] << 8 | v->ip[5]) : (size_t)v->ip[2] << 8 | v->ip[3];
    if ((at == 14 && (data[12] != (ipv6 ? 0x86 : 0x08) || data[13] != (ipv6 ? 0xdd : 0))) || v->ip[ipv6 ? 6 : 9] != 6 || packet->caplen < at + ip_bytes + 20)
        return false;
    v->tcp = v->ip + ip_bytes;
    size_t tcp_bytes = (size_t)(v->tcp[12] >> 4) * 4;
    v->header_bytes = at + ip_bytes + tcp_bytes;
    if (packet->caplen < v->header_bytes || total < ip_bytes + tcp_bytes)
        return false;
    if (packet->caplen < at + total)
        fail(NOTHING, "packets are cut");
    v->payload = data + v->header_bytes;
    v->payload_bytes = total - ip_bytes - tcp_bytes;
    v->seq = be32(v->tcp + 4);
    v->ack = be32(v->tcp + 8);
    v->flags = v->tcp[13];
    uint8_t source[16] = { 0 }, destination[16] = { 0 };
    memcpy(source, v->ip + (ipv6 ? 8 : 12), ipv6 ? 16 : 4);
    memcpy(destination, v->ip + (ipv6 ? 24 : 16), ipv6 ? 16 : 4);
    uint16_t ports[2] = { (uint16_t)(v->tcp[0] << 8 | v->tcp[1]), (uint16_t)(v->tcp[2] << 8 | v->tcp[3]) };
    find_connection(v, source, destination, ports);
    return true;
}

static bool begins_http(const uint8_t *p, size_t length)
{
    static const char *const methods[] = { "GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "PATCH ", "OPTIONS ", "PRI " };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (length >= strlen(methods[i]) && memcmp(p, methods[i], strlen(methods[i])) == 0)
            return true;
    return false;
}

static void make_room(struct stream *s, uint32_t wanted)
{
    if (wanted <= s->room)
        return;
    uint32_t room = 2 * wanted + 4096;
    s->text = realloc(s->text, room);
    s->cut = realloc(s->cut, room);
    if (s->text == NULL || s->cut == NULL)
        fail(2, "no memory");
    memset(s->text + s->room, 'u', room - s->room);
    memset(s->cut + s->room, 0, room - s->room);
    s->room = room;
}

/* First pass: what was said. */
static void listen_to(const struct packet_view *v)
{
    struct connection *c = v->c;
    struct stream *s = &c->stream[v->from];
    if (v->flags & SYN && !(s->known && s->isn != v->seq)) {
        s->isn = v->seq;
        s->known = true;
    } else if (c->stream[0].known && c->stream[1].known && v->from == 0 && v->flags & ACK) {
        c->established = true;
    }
    if (c->header_bytes[v->from] == 0 && !(v->flags & SYN) && v->header_bytes <= sizeof c->header[0]) {
        c->header_bytes[v->from] = v->header_bytes;
        memcpy(c->header[v->from], v->payload - v->header_bytes, v->header_bytes);
    }
    uint32_t at = v->seq - s->isn - 1;
    if (v->payload_bytes == 0 || !s->known || at >= MOST_BYTES || at + v->payload_bytes > MOST_BYTES)
        return;
    if (!c->asked)
        c->http = v->from == 0 && at == 0 && begins_http(v->payload, v->payload_bytes);
    c->asked = true;
    make_room(s, at + (uint32_t)v->payload_bytes + 1);
    if (v->payload_bytes <= 1 && at + v->payload_bytes <= s->length)
        return; /* a probe */
    memcpy(s->text + at, v->payload, v->payload_bytes);
    s->cut[at] = s->cut[at + v->payload_bytes] = 1;
    if (at + v->payload_bytes > s->length)
        s->length = at + (uint32_t)v->payload_bytes;
}

static void seal_record(struct stream *s, unsigned from, uint32_t begin, uint32_t end)
{
    enum { HEADER = 5 };
    struct strbuf text = { 0 };
    uint32_t lies = (uint32_t)s->sealed.length;
    strbuf_add(&text, (const char *)s->text + begin, end - begin);
    conv_seal(from, s->records++, 23, &text, &s->sealed);
    strbuf_free(&text);
    for (uint32_t i = begin; i < end; i++)
        s->begins[i] = i == begin ? lies : lies + HEADER + i - begin;
}

static void handshake(struct connection *c)
{
    struct err err = { "" };
    const char *client[] = { "tls(client_hello,a.example,http/1.1)", "tls(20,1)", "tls(23,53)" };
    const char *server[] = { "tls(server_hello)", "tls(20,1)", "tls(23,27)", "tls(23,900)", "tls(23,280)", "tls(23,53)" };
    for (size_t i = 0; i < sizeof client / sizeof *client; i++)
        if (!conv_take_tls(&client[i], &c->stream[0].sealed, MOST_BYTES, &err))
            fail(2, err.text);
    for (size_t i = 0; i < sizeof server / sizeof *server; i++)
        if (!conv_take_tls(&server[i], &c->stream[1].sealed, MOST_BYTES, &err))
            fail(2, err.text);
}

static void seal_connection(struct connection *c)
{
    c->sealed = c->established && c->http && c->header_bytes[0] > 0 && c->header_bytes[1] > 0;
    if (!c->sealed)
        return;
    handshake(c);
    for (unsigned from = 0; from < 2; from++) {
        struct stream *s = &c->stream[from];
        uint32_t begin = 0;
        s->begins = calloc(s->length + 2, sizeof *s->begins);
        if (s->begins == NULL)
            fail(2, "no memory");
        for (uint32_t at = 1; at <= s->length; at++)
            if (s->cut[at] || at - begin == RECORD_TEXT || at == s->length) {
                seal_record(s, from, begin, at);
                begin = at;
            }
        s->begins[s->length] = (uint32_t)s->sealed.length;
    }
}

/* Where a sequence number lies once all is sealed. Within a segment it is counted from its end. */
static uint32_t moved(const struct stream *s, uint32_t number)
{
    uint32_t at = number - s->isn - 1, next = at;
    if (at == UINT32_MAX)
        return number; /* the SYN's */
    if (at >= s->length && at - s->length >= MOST_BYTES)
        return number; /* of another connection between the same ports */
    if (at >= s->length)
        return s->isn + 1 + s->begins[s->length] + at - s->length;
    while (next < s->length && !(s->cut[next]))
        next++;
    return s->isn + 1 + s->begins[next] - (next - at);
}

static pcap_dumper_t *dumper;

static void write_packet(const uint8_t *data, size_t length, int64_t ts_ns)
{
    struct pcap_pkthdr header = { .ts = { ts_ns / 1000000000, ts_ns % 1000000000 }, .caplen = (bpf_u_int32)length, .len = (bpf_u_int32)length };
    pcap_dump((u_char *)dumper, &header, data);
}

/* A packet with this header and payload. */
static void write_segment(const uint8_t *header, size_t header_bytes, size_t ip_at, uint32_t seq, uint32_t ack, uint8_t flags, const void *payload,
                          size_t payload_bytes, int64_t ts_ns)
{
    static uint8_t out[65536 + 256];
    size_t length = header_bytes + payload_bytes;
    if (length - ip_at > 65535)
        fail(NOTHING, "a packet gets too long");
    memcpy(out, header, header_bytes);
    memcpy(out + header_bytes, payload, payload_bytes);
    uint8_t *ip = out + ip_at;
    bool ipv6 = ip[0] >> 4 == 6;
    size_t told = length - ip_at - (ipv6 ? 40 : 0);
    ip[ipv6 ? 4 : 2] = (uint8_t)(told >> 8);
    ip[ipv6 ? 5 : 3] = (uint8_t)told;
    uint8_t *tcp = ip + (ipv6 ? 40 : (size_t)(ip[0] & 15) * 4);
    put32(tcp + 4, seq);
    put32(tcp + 8, flags & ACK ? ack : 0);
    tcp[13] = flags;
    write_packet(out, length, ts_ns);
}

/* The handshake of TLS, behind that of TCP. */
static void write_handshake(struct connection *c, size_t ip_at, int64_t ts_ns)
{
    const char *client = strbuf_text(&c->stream[0].sealed), *server = strbuf_text(&c->stream[1].sealed);
    uint32_t hello = 5 + ((uint32_t)(uint8_t)client[3] << 8 | (uint8_t)client[4]), client_all = hello + 6 + 58;
    uint32_t server_all = 5 + ((uint32_t)(uint8_t)server[3] << 8 | (uint8_t)server[4]) + 6 + 32 + 905 + 285 + 58;
    uint32_t a = c->stream[0].isn + 1, b = c->stream[1].isn + 1;
    write_segment(c->header[0], c->header_bytes[0], ip_at, a, b, PSH | ACK, client, hello, ts_ns);
    write_segment(c->header[1], c->header_bytes[1], ip_at, b, a + hello, PSH | ACK, server, server_all, ts_ns);
    write_segment(c->header[0], c->header_bytes[0], ip_at, a + hello, b + server_all, PSH | ACK, client + hello, client_all - hello, ts_ns);
    write_segment(c->header[1], c->header_bytes[1], ip_at, b + server_all, a + client_all, ACK, "", 0, ts_ns);
    c->opened = true;
}

/* The edges of SACK blocks (RFC 2018). */
static void move_sack(const struct packet_view *v, const struct stream *peer)
{
    enum { SACK = 5, NOP = 1, END = 0 };
    size_t bytes = (size_t)(v->tcp[12] >> 4) * 4;
    for (size_t i = 20; i + 1 < bytes && v->tcp[i] != END; i += v->tcp[i] == NOP || v->tcp[i + 1] == 0 ? 1 : v->tcp[i + 1])
        for (size_t k = 2; v->tcp[i] == SACK && k + 4 <= v->tcp[i + 1] && i + k + 4 <= bytes; k += 4)
            put32(v->tcp + i + k, moved(peer, be32(v->tcp + i + k)));
}

/* Second pass. */
static void rewrite(struct packet_view *v, const struct packet *packet, uint8_t *data)
{
    struct connection *c = v->c;
    if (!c->sealed) {
        write_packet(data, packet->caplen, packet->ts_ns);
        return;
    }
    struct stream *s = &c->stream[v->from], *peer = &c->stream[!v->from];
    size_t ip_at = (size_t)(v->ip - data);
    if (!c->opened && v->payload_bytes > 0)
        write_handshake(c, ip_at, packet->ts_ns);
    if (c->opened)
        move_sack(v, peer);
    bool answering = v->flags & SYN && !(v->flags & ACK);
    uint32_t seq = c->opened ? moved(s, v->seq) : v->seq, ack = answering || !c->opened ? v->ack : moved(peer, v->ack);
    if (v->flags & RST && !(v->flags & ACK) && !c->opened)
        seq = v->seq;
    const char *sealed = strbuf_text(&s->sealed);
    size_t length = v->payload_bytes == 0 ? 0 : moved(s, v->seq + (uint32_t)v->payload_bytes) - seq;
    uint32_t at = seq - s->isn - 1;
    if (length > 0 && at + length <= s->sealed.length)
        write_segment(data, v->header_bytes, ip_at, seq, ack, v->flags, sealed + at, length, packet->ts_ns);
    else
        write_segment(data, v->header_bytes, ip_at, seq, ack, v->flags, v->payload, v->payload_bytes, packet->ts_ns);
    if (!c->opened && v->from == 0 && !(v->flags & (SYN | RST | FIN)) && c->established && v->payload_bytes == 0 && v->ack == c->stream[1].isn + 1)
        write_handshake(c, ip_at, packet->ts_ns);
}

int main(int argc, char **argv)
{
    struct err err = { "" };
    connections = calloc(MOST_CONNECTIONS, sizeof *connections);
    if (argc != 4 || connections == NULL) {
        fprintf(stderr, "usage: seal IN OUT.pcap KEYS.log\n");
        return 2;
    }
    pcap_t *out = NULL;
    for (int pass = 0; pass < 2; pass++) {
        struct capture *capture = capture_open(argv[1], NULL, &err);
        if (capture == NULL)
            fail(2, err.text);
        struct packet packet;
        struct capture_batch batch = { .packets = &packet, .max = 1 };
        while (capture_read(capture, &batch, &err) == CAPTURE_PACKETS) {
            struct packet_view v = { 0 };
            uint8_t *data = malloc(packet.caplen + 1);
            if (data == NULL)
                fail(2, "no memory");
            memcpy(data, packet.data, packet.caplen);
            if (pass == 1 && out == NULL) {
                out = pcap_open_dead_with_tstamp_precision(packet.link_type == 101 ? DLT_RAW : packet.link_type, 262144, PCAP_TSTAMP_PRECISION_NANO);
                dumper = out != NULL ? pcap_dump_open(out, argv[2]) : NULL;
                if (dumper == NULL)
                    fail(2, "cannot write");
            }
            if (look(data, &packet, &v)) {
                if (pass == 0)
                    listen_to(&v);
                else
                    rewrite(&v, &packet, data);
            } else if (pass == 1) {
                write_packet(data, packet.caplen, packet.ts_ns);
            }
            free(data);
        }
        capture_close(capture);
        size_t sealed = 0;
        for (size_t i = 0; i < connection_count && pass == 0; i++) {
            connections[i].begun = false;
            seal_connection(&connections[i]);
            sealed += connections[i].sealed;
        }
        if (pass == 0 && sealed == 0)
            fail(NOTHING, "nothing to seal");
    }
    pcap_dump_close(dumper);
    pcap_close(out);
    struct strbuf keys = { 0 };
    FILE *file = fopen(argv[3], "w");
    conv_seal_key_log(&keys);
    if (file == NULL || fputs(strbuf_text(&keys), file) < 0 || fclose(file) != 0)
        fail(2, strerror(errno));
    strbuf_free(&keys);
    return 0;
}
