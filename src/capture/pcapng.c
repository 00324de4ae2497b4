/*
 * pcapng - the capture file with blocks (draft-ietf-opsawg-pcapng), several sections and
 * interfaces, each with its own link type, snap length and time resolution.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"
#include "capture/bytes.h"
#include "capture/formats.h"

enum block_type {
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 2, /* obsolete, still found */
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_INTERFACE_STATISTICS = 5,
    BLOCK_ENHANCED_PACKET = 6,
    BLOCK_DECRYPTION_SECRETS = 10,
    BLOCK_SECTION_HEADER = 0x0a0d0d0a,
};

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define SECRETS_TLS_KEY_LOG 0x544c534bu /* draft-ietf-opsawg-pcapng section 4.7 */
#define SECRETS_HEADER_BYTES 8 /* type and length, behind the block's header */
#define BLOCK_HEADER_BYTES 8
#define BLOCK_TRAILER_BYTES 4
/* Blocks of the types read here are held in memory whole; others are stepped over. A packet block
 * holds one packet and options; nothing sane is larger. */
#define MAX_BLOCK_BYTES (CAPTURE_MAX_PACKET_BYTES + 1024u * 1024u)

struct interface {
    uint16_t link_type;
    uint32_t snaplen;        /* 0: no limit */
    bool binary_resolution;  /* units are 2^-exponent seconds, else 10^-exponent */
    uint8_t exponent;        /* default 6 */
    int64_t offset_s;        /* if_tsoffset */
    int64_t dropped;         /* isb_ifdrop, -1: not told */
};

struct pcapng {
    struct source source;
    bool big_endian; /* of the current section */
    struct {
        struct interface *items;
        size_t count, capacity;
    } interfaces;    /* of the current section */
    uint32_t frame;  /* of the last packet */
    int64_t last_ts_ns;
    bool failed;             /* memory */
    uint32_t secrets_left, secrets_behind; /* of a block that is being read: bytes of its text, and of the block behind that */
};

static const uint8_t section_magic[4] = { 0x0a, 0x0d, 0x0d, 0x0a };

bool pcapng_recognises(const uint8_t magic[4])
{
    return memcmp(magic, section_magic, sizeof section_magic) == 0;
}

/* Calls for each option of a block; options lie in [p, end) and may be damaged: then they end. */
struct option {
    uint16_t code, length;
    const uint8_t *value;
};

static const uint8_t *next_option(const uint8_t *p, const uint8_t *end, bool big_endian,
                                  struct option *option)
{
    if (end - p < 4)
        return NULL;
    option->code = bytes_u16(p, big_endian);
    option->length = bytes_u16(p + 2, big_endian);
    option->value = p + 4;
    size_t padded = ((size_t)option->length + 3) & ~(size_t)3;
    if (option->code == 0 || (size_t)(end - p - 4) < padded)
        return NULL;
    return p + 4 + padded;
}

static void read_interface_options(const struct pcapng *file, struct interface *interface,
                                   const uint8_t *p, const uint8_t *end)
{
    struct option option;
    while ((p = next_option(p, end, file->big_endian, &option)) != NULL) {
        if (option.code == 9 && option.length >= 1) { /* if_tsresol */
            interface->binary_resolution = option.value[0] & 0x80;
            interface->exponent = option.value[0] & 0x7f;
        } else if (option.code == 14 && option.length >= 8) { /* if_tsoffset */
            interface->offset_s = (int64_t)bytes_u64(option.value, file->big_endian);
        }
    }
}

static uint64_t decimal_to_ns(uint64_t units, unsigned exponent)
{
    for (; exponent < 9; exponent++) {
        if (units > CAPTURE_MAX_TIME_NS / 10)
            return CAPTURE_MAX_TIME_NS;
        units *= 10;
    }
    for (; exponent > 9 && units > 0; exponent--)
        units /= 10;
    return units;
}

static uint64_t binary_to_ns(uint64_t units, unsigned exponent)
{
    uint64_t seconds = exponent < 64 ? units >> exponent : 0;
    uint64_t fraction = exponent < 64 ? units & ((UINT64_C(1) << exponent) - 1) : units;
    /* 32 bits of a fraction are finer than nanoseconds, and leave room for the product. */
    if (exponent > 32) {
        fraction = exponent - 32 < 64 ? fraction >> (exponent - 32) : 0;
        exponent = 32;
    }
    if (seconds > (uint64_t)(CAPTURE_MAX_TIME_NS / NS_PER_S))
        return CAPTURE_MAX_TIME_NS;
    return seconds * (uint64_t)NS_PER_S + (fraction * (uint64_t)NS_PER_S >> exponent);
}

/* Units of an interface's clock to nanoseconds, within what a capture may hold. */
static int64_t to_ns(const struct interface *interface, uint64_t units)
{
    uint64_t ns = interface->binary_resolution ? binary_to_ns(units, interface->exponent)
                                               : decimal_to_ns(units, interface->exponent);
    int64_t offset = interface->offset_s;
    const int64_t most = CAPTURE_MAX_TIME_NS / NS_PER_S;
    offset = offset > most ? most : offset < -most ? -most : offset;
    if (ns > (uint64_t)CAPTURE_MAX_TIME_NS)
        ns = CAPTURE_MAX_TIME_NS;
    return (int64_t)ns + offset * NS_PER_S; /* clamped by capture_read */
}

/* Of a section: 40 MB of them. Who captures in containers has thousands. */
#define MOST_INTERFACES (1 << 20)

/* What is wrong with the block; NULL: nothing. */
static const char *add_interface(struct capture *capture, const uint8_t *body, size_t length)
{
    struct pcapng *file = capture->state;
    if (length < 8)
        return "is too short";
    if (file->interfaces.count == MOST_INTERFACES)
        return "is one of more than a million";
    file->failed = !VEC_ROOM(&file->interfaces);
    if (file->failed)
        return "has no room in memory";
    struct interface *interface = &file->interfaces.items[file->interfaces.count++];
    *interface = (struct interface){
        .link_type = bytes_u16(body, file->big_endian),
        .snaplen = bytes_u32(body + 4, file->big_endian),
        .exponent = 6,
        .dropped = -1,
    };
    read_interface_options(file, interface, body + 8, body + length);
    capture_note_link_type(capture, interface->link_type);
    return NULL;
}

/* More than a trillion drops are damage; so counted, sums do not overflow before a file has a quarter of a billion sections. */
#define MOST_DROPPED (INT64_C(1) << 40)

/* Statistics come at the end of a section, one block an interface; a later one replaces an
 * earlier one of the same interface. */
static void read_statistics(struct capture *capture, const uint8_t *body, size_t length)
{
    struct pcapng *file = capture->state;
    uint32_t id = length >= 12 ? bytes_u32(body, file->big_endian) : UINT32_MAX;
    if (id >= file->interfaces.count)
        return;
    int64_t *dropped = &file->interfaces.items[id].dropped, *total = &capture->info.dropped_packets;
    struct option option;
    const uint8_t *p = body + 12, *end = body + length;
    while ((p = next_option(p, end, file->big_endian, &option)) != NULL) {
        if (option.code != 5 || option.length < 8) /* isb_ifdrop */
            continue;
        uint64_t told = bytes_u64(option.value, file->big_endian);
        int64_t now = told < (uint64_t)MOST_DROPPED ? (int64_t)told : MOST_DROPPED, before = *dropped < 0 ? 0 : *dropped;
        if (*total < INT64_MAX / 2)
            *total = (*total < 0 ? 0 : *total) + now - before;
        *dropped = now;
    }
}

/* A packet out of one of the three packet blocks; false: the block contradicts itself. */
static bool read_packet(struct capture *capture, enum block_type type, const uint8_t *body,
                        size_t length, struct packet *packet)
{
    struct pcapng *file = capture->state;
    bool big = file->big_endian;
    size_t fixed = type == BLOCK_SIMPLE_PACKET ? 4 : 20;
    if (length < fixed)
        return false;
    uint32_t id = type == BLOCK_SIMPLE_PACKET ? 0
                  : type == BLOCK_PACKET      ? bytes_u16(body, big)
                                              : bytes_u32(body, big);
    if (id >= file->interfaces.count)
        return false;
    const struct interface *interface = &file->interfaces.items[id];
    uint32_t caplen, len;
    if (type == BLOCK_SIMPLE_PACKET) {
        len = bytes_u32(body, big);
        caplen = len;
        if (interface->snaplen != 0 && caplen > interface->snaplen)
            caplen = interface->snaplen;
        if (caplen > length - fixed)
            caplen = (uint32_t)(length - fixed);
    } else {
        caplen = bytes_u32(body + 12, big);
        len = bytes_u32(body + 16, big);
        file->last_ts_ns = to_ns(interface, (uint64_t)bytes_u32(body + 4, big) << 32 |
                                                bytes_u32(body + 8, big));
    }
    if (caplen > length - fixed || caplen > CAPTURE_MAX_PACKET_BYTES)
        return false;
    *packet = (struct packet){
        .ts_ns = file->last_ts_ns, /* a simple packet has none: it came after the one before */
        .data = body + fixed,
        .caplen = caplen,
        .len = len < caplen ? caplen : len,
        .frame = ++file->frame,
        .untimed = type == BLOCK_SIMPLE_PACKET,
        .link_type = interface->link_type,
    };
    return true;
}

/* A key log may be longer than what a buffer holds: its text goes by in pieces. false: the batch has to end here. */
static bool read_secrets(struct capture *capture, bool may_read)
{
    enum { PIECE_BYTES = 4096 };
    struct pcapng *file = capture->state;
    struct source *source = &file->source;
    while (file->secrets_left > 0) {
        size_t wanted = file->secrets_left < PIECE_BYTES ? file->secrets_left : PIECE_BYTES;
        const uint8_t *text = may_read ? source_need(source, wanted) : source_have(source, wanted);
        if (text == NULL)
            return false;
        file->secrets_left -= (uint32_t)wanted;
        if (capture->secrets != NULL)
            capture->secrets->take(capture->secrets->context, text, wanted, file->secrets_left == 0, capture->number, file->frame);
        source_step(source, wanted);
    }
    if (!may_read && source_left(source) < file->secrets_behind)
        return false;
    bool whole = source_skip(source, file->secrets_behind);
    file->secrets_behind = 0;
    return whole;
}

/* Of secrets for something else nothing is read. false: likewise. */
static bool begin_secrets(struct capture *capture, bool may_read, uint32_t total)
{
    struct pcapng *file = capture->state;
    struct source *source = &file->source;
    const size_t headers = BLOCK_HEADER_BYTES + SECRETS_HEADER_BYTES;
    const uint8_t *p = NULL;
    if (total >= headers + BLOCK_TRAILER_BYTES) {
        p = may_read ? source_need(source, headers) : source_have(source, headers);
        if (p == NULL)
            return false;
    }
    uint32_t text = p != NULL && bytes_u32(p + BLOCK_HEADER_BYTES, file->big_endian) == SECRETS_TLS_KEY_LOG
                        ? bytes_u32(p + BLOCK_HEADER_BYTES + 4, file->big_endian)
                        : 0;
    uint32_t room = p != NULL ? total - (uint32_t)headers - BLOCK_TRAILER_BYTES : 0;
    file->secrets_left = text < room ? text : room;
    file->secrets_behind = total - (p != NULL ? (uint32_t)headers : 0) - file->secrets_left;
    if (p != NULL)
        source_step(source, headers);
    return read_secrets(capture, may_read);
}

static void start_section(struct capture *capture)
{
    struct pcapng *file = capture->state;
    file->interfaces.count = 0;
}

/* The next block's header: type and total length, with the byte order of a section header
 * settled first. NULL: end of file, or broken (then the capture says so), or not in the
 * buffer when may_read is false. */
static const uint8_t *block_header(struct capture *capture, bool may_read, uint32_t *type,
                                   uint32_t *total)
{
    struct pcapng *file = capture->state;
    struct source *source = &file->source;
    const uint8_t *p = may_read ? source_need(source, BLOCK_HEADER_BYTES)
                                : source_have(source, BLOCK_HEADER_BYTES);
    if (p == NULL) {
        if (may_read && source_left(source) > 0)
            capture_break(capture,
                          "cut short in the header of a block at offset %" PRIu64
                          ", after packet %" PRIu32, source->offset, file->frame);
        return NULL;
    }
    if (memcmp(p, section_magic, 4) == 0) {
        p = may_read ? source_need(source, 12) : source_have(source, 12);
        if (p == NULL || (bytes_u32(p + 8, false) != BYTE_ORDER_MAGIC &&
                          bytes_u32(p + 8, true) != BYTE_ORDER_MAGIC)) {
            if (may_read)
                capture_break(capture, "damaged: section header at offset %" PRIu64
                              " has no byte order", source->offset);
            return NULL;
        }
        file->big_endian = bytes_u32(p + 8, true) == BYTE_ORDER_MAGIC;
    }
    *type = bytes_u32(p, file->big_endian);
    *total = bytes_u32(p + 4, file->big_endian);
    if (*total < BLOCK_HEADER_BYTES + BLOCK_TRAILER_BYTES || *total > UINT32_MAX - 3) {
        if (may_read)
            capture_break(capture,
                          "damaged: block at offset %" PRIu64 ", after packet %" PRIu32
                          ", claims a length of %" PRIu32 " bytes",
                          source->offset, file->frame, *total);
        return NULL;
    }
    *total = (*total + 3) & ~UINT32_C(3);
    return p;
}

static bool is_read(uint32_t type)
{
    switch (type) {
    case BLOCK_INTERFACE:
    case BLOCK_PACKET:
    case BLOCK_SIMPLE_PACKET:
    case BLOCK_INTERFACE_STATISTICS:
    case BLOCK_ENHANCED_PACKET:
    case BLOCK_SECTION_HEADER:
        return true;
    }
    return false; /* names, custom blocks, blocks yet to be invented */
}

static bool finish_secrets(struct capture *capture, bool whole, bool may_read)
{
    const struct pcapng *file = capture->state;
    if (!whole && may_read && !file->source.paused)
        capture_break(capture, "cut short in a block of secrets, after packet %" PRIu32, file->frame);
    return whole;
}

/* One block. Returns false when the batch has to end here. *got: packet was filled. */
static bool read_block(struct capture *capture, bool may_read, struct packet *packet, bool *got)
{
    struct pcapng *file = capture->state;
    struct source *source = &file->source;
    uint32_t type, total;
    *got = false;
    if (file->secrets_left > 0 || file->secrets_behind > 0)
        return finish_secrets(capture, read_secrets(capture, may_read), may_read);
    if (block_header(capture, may_read, &type, &total) == NULL)
        return false;
    uint64_t offset = source->offset;
    if (type == BLOCK_DECRYPTION_SECRETS)
        return finish_secrets(capture, begin_secrets(capture, may_read, total), may_read);
    if (!is_read(type)) {
        if (!may_read && source_left(source) < total)
            return false;
        if (source_skip(source, total))
            return true;
        capture_break(capture, "cut short in the block at offset %" PRIu64
                      ", after packet %" PRIu32, offset, file->frame);
        return false;
    }
    if (total > MAX_BLOCK_BYTES) {
        if (may_read)
            capture_break(capture, "damaged: block at offset %" PRIu64 ", after packet %" PRIu32
                          ", claims %" PRIu32 " bytes", offset, file->frame, total);
        return false;
    }
    const uint8_t *p = may_read ? source_need(source, total) : source_have(source, total);
    if (p == NULL) {
        if (may_read)
            capture_break(capture, "cut short in the block at offset %" PRIu64
                          ", after packet %" PRIu32, offset, file->frame);
        return false;
    }
    const uint8_t *body = p + BLOCK_HEADER_BYTES;
    size_t length = total - BLOCK_HEADER_BYTES - BLOCK_TRAILER_BYTES;
    bool sane = true;
    const char *wrong = NULL;
    if (type == BLOCK_SECTION_HEADER)
        start_section(capture);
    else if (type == BLOCK_INTERFACE)
        wrong = add_interface(capture, body, length);
    else if (type == BLOCK_INTERFACE_STATISTICS)
        read_statistics(capture, body, length);
    else
        sane = *got = read_packet(capture, (enum block_type)type, body, length, packet);
    if (wrong != NULL)
        capture_break(capture, "damaged: interface block at offset %" PRIu64 " %s", offset, wrong);
    else if (!sane)
        capture_break(capture, "damaged: packet block at offset %" PRIu64
                      ", after packet %" PRIu32 ", has impossible lengths or names an "
                      "interface that is not described", offset, file->frame);
    if (wrong != NULL || !sane)
        return false;
    source_step(source, total);
    return true;
}

static enum capture_event pcapng_read(struct capture *capture, struct capture_batch *batch, struct err *err)
{
    struct pcapng *file = capture->state;
    size_t n = 0;
    bool got = false;
    /* Only before the first packet of a batch may the buffer be refilled. */
    while (n < batch->max && read_block(capture, n == 0, &batch->packets[n], &got))
        n += got;
    if (file->failed) {
        err_no_memory(err);
        return CAPTURE_FAILED;
    }
    if (n == 0 && file->source.paused) { /* nothing is cut short */
        capture->info.error[0] = '\0';
        batch->now_ns = INT64_MIN; /* what the capture's clock shows is not known */
        return CAPTURE_IDLE;
    }
    if (n == 0)
        capture_note_trouble(capture, &file->source, file->frame);
    batch->count = n;
    return n > 0 ? CAPTURE_PACKETS : CAPTURE_END;
}

static void pcapng_close(struct capture *capture)
{
    struct pcapng *file = capture->state;
    source_close(&file->source);
    free(file->interfaces.items);
    free(file);
}

static struct block *pcapng_block(struct capture *capture)
{
    return ((struct pcapng *)capture->state)->source.block;
}

static const struct capture_ops pcapng_ops = { pcapng_read, pcapng_close, pcapng_block };

bool pcapng_open(struct capture *capture, struct source *source, struct err *err)
{
    const uint8_t *p = source_need(source, 16);
    if (p == NULL)
        return err_set(err, "%s: cut short in the pcapng section header", capture->info.file);
    bool big_endian = bytes_u32(p + 8, true) == BYTE_ORDER_MAGIC;
    if (!big_endian && bytes_u32(p + 8, false) != BYTE_ORDER_MAGIC)
        return err_set(err, "%s: damaged: the pcapng section header has no byte order",
                       capture->info.file);
    if (bytes_u16(p + 12, big_endian) != 1)
        return err_set(err, "%s: pcapng version %u.%u is not known (only 1.x)",
                       capture->info.file, bytes_u16(p + 12, big_endian),
                       bytes_u16(p + 14, big_endian));
    struct pcapng *file = calloc(1, sizeof *file);
    if (file == NULL)
        return err_no_memory(err);
    file->source = *source;
    source_may_pause(&file->source);
    file->big_endian = big_endian;
    capture->state = file;
    capture->ops = &pcapng_ops;
    capture->info.format = "pcapng";
    return true;
}
