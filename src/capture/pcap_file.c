/*
 * pcap_file - the classic capture file (draft-ietf-opsawg-pcap).
 *
 * Read here and not by libpcap: standard input has to be sniffed for its format first, errors
 * should name the packet and the offset, and packets are used in place.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "capture/bytes.h"
#include "capture/formats.h"

#define FILE_HEADER_BYTES 24
#define RECORD_HEADER_BYTES 16

/* Magic numbers as the writing machine stored them. `extra`: bytes that the variant adds to each
 * record header (Alexey Kuznetzov's patched libpcap, as Wireshark's wiretap/libpcap.h tells). */
static const struct variant {
    uint32_t magic;
    uint32_t ns_per_unit;
    uint32_t extra;
} variants[] = {
    { 0xa1b2c3d4, 1000, 0 },
    { 0xa1b23c4d, 1, 0 },
    { 0xa1b2cd34, 1000, 8 },
};

struct pcap_file {
    struct source source;
    bool big_endian;
    bool lengths_may_be_swapped; /* versions before 2.3 wrote them in the other order */
    uint32_t ns_per_unit;
    uint32_t header_bytes; /* of a record */
    uint16_t link_type;
    uint32_t frame; /* of the last packet */
};

static const struct variant *find_variant(const uint8_t magic[4], bool *big_endian)
{
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        for (int big = 0; big <= 1; big++)
            if (bytes_u32(magic, big) == variants[i].magic) {
                *big_endian = big;
                return &variants[i];
            }
    return NULL;
}

bool pcap_file_recognises(const uint8_t magic[4])
{
    bool big_endian;
    return find_variant(magic, &big_endian) != NULL;
}

/* The length that fits the record, or an explanation of why none does. */
static bool record_lengths(const struct pcap_file *file, const uint8_t *header, uint32_t *caplen,
                           uint32_t *len)
{
    *caplen = bytes_u32(header + 8, file->big_endian);
    *len = bytes_u32(header + 12, file->big_endian);
    if (file->lengths_may_be_swapped && *caplen > *len) {
        uint32_t swap = *caplen;
        *caplen = *len;
        *len = swap;
    }
    return *caplen <= CAPTURE_MAX_PACKET_BYTES;
}

static enum capture_event pcap_read(struct capture *capture, struct capture_batch *batch, struct err *err)
{
    (void)err;
    struct pcap_file *file = capture->state;
    struct source *source = &file->source;
    size_t n = 0;
    batch->now_ns = INT64_MIN; /* when idle: what the capture's clock shows is not known */
    while (n < batch->max) {
        /* Only the first packet of a batch may read: reading moves the others' bytes. */
        const uint8_t *header = n == 0 ? source_need(source, file->header_bytes)
                                       : source_have(source, file->header_bytes);
        if (header == NULL) {
            if (n == 0 && source->paused)
                return CAPTURE_IDLE;
            if (n == 0 && source_left(source) > 0)
                capture_break(capture,
                              "cut short in the header of packet %" PRIu32 " at offset %" PRIu64,
                              file->frame + 1, source->offset);
            break;
        }
        uint32_t caplen, len;
        if (!record_lengths(file, header, &caplen, &len)) {
            if (n == 0)
                capture_break(capture,
                              "damaged: packet %" PRIu32 " at offset %" PRIu64
                              " claims %" PRIu32 " bytes, more than any packet has (%u)",
                              file->frame + 1, source->offset, caplen, CAPTURE_MAX_PACKET_BYTES);
            break;
        }
        size_t record = (size_t)file->header_bytes + caplen;
        header = n == 0 ? source_need(source, record) : source_have(source, record);
        if (header == NULL) {
            if (n == 0 && source->paused)
                return CAPTURE_IDLE;
            if (n == 0)
                capture_break(capture,
                              "cut short in packet %" PRIu32 " at offset %" PRIu64
                              ": %zu of %zu bytes",
                              file->frame + 1, source->offset, source_left(source), record);
            break;
        }
        batch->packets[n++] = (struct packet){
            .ts_ns = (int64_t)bytes_u32(header, file->big_endian) * NS_PER_S +
                     (int64_t)bytes_u32(header + 4, file->big_endian) * file->ns_per_unit,
            .data = header + file->header_bytes,
            .caplen = caplen,
            .len = len < caplen ? caplen : len,
            .frame = ++file->frame,
            .link_type = file->link_type,
        };
        source_step(source, record);
    }
    if (n == 0)
        capture_note_trouble(capture, source, file->frame);
    batch->count = n;
    return n > 0 ? CAPTURE_PACKETS : CAPTURE_END;
}

static void pcap_file_close(struct capture *capture)
{
    struct pcap_file *file = capture->state;
    source_close(&file->source);
    free(file);
}

static struct block *pcap_file_block(struct capture *capture)
{
    return ((struct pcap_file *)capture->state)->source.block;
}

static const struct capture_ops pcap_file_ops = { pcap_read, pcap_file_close, pcap_file_block };

bool pcap_file_open(struct capture *capture, struct source *source, struct err *err)
{
    const uint8_t *header = source_need(source, FILE_HEADER_BYTES);
    if (header == NULL)
        return err_set(err, "%s: cut short: %zu of the %d bytes of a pcap file header",
                       capture->info.file, source_left(source), FILE_HEADER_BYTES);
    bool big_endian = false;
    const struct variant *variant = find_variant(header, &big_endian);
    uint16_t major = bytes_u16(header + 4, big_endian), minor = bytes_u16(header + 6, big_endian);
    if (variant == NULL || major != 2)
        return err_set(err, "%s: pcap version %u.%u is not known (only 2.x)", capture->info.file,
                       major, minor);
    struct pcap_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return err_no_memory(err);
    *file = (struct pcap_file){
        .big_endian = big_endian,
        .lengths_may_be_swapped = minor < 3,
        .ns_per_unit = variant->ns_per_unit,
        .header_bytes = RECORD_HEADER_BYTES + variant->extra,
        /* The upper 16 bits hold the frame check sequence's length and reserved bits. */
        .link_type = (uint16_t)bytes_u32(header + 20, big_endian),
    };
    source_step(source, FILE_HEADER_BYTES);
    file->source = *source;
    source_may_pause(&file->source);
    capture->state = file;
    capture->ops = &pcap_file_ops;
    capture->info.format = "pcap";
    capture_note_link_type(capture, file->link_type);
    return true;
}
