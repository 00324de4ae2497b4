#include "capture/capture.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/formats.h"
#include "capture/unpack.h"

/* Files that people hand over by mistake, and what to do with them. */
static const struct {
    const char *magic;
    size_t length;
    const char *what;
} other_files[] = {
    { "snoop\0\0\0", 8, "is a snoop capture; convert it first: editcap -F pcapng FILE OUT" },
    { "RTSS", 4, "is a Network Monitor capture; convert it first: editcap -F pcapng FILE OUT" },
    { "GMBU", 4, "is a Network Monitor capture; convert it first: editcap -F pcapng FILE OUT" },
    { "TRSNIFF", 7, "is a Sniffer capture; convert it first: editcap -F pcapng FILE OUT" },
    { "{", 1, "is not a capture file (it looks like JSON)" },
};

static bool not_a_capture(const char *name, const uint8_t *start, size_t length, struct err *err)
{
    for (size_t i = 0; i < sizeof other_files / sizeof *other_files; i++)
        if (length >= other_files[i].length &&
            memcmp(start, other_files[i].magic, other_files[i].length) == 0)
            return err_set(err, "%s: %s", name, other_files[i].what);
    return err_set(err, "%s: is not a capture file (neither pcap nor pcapng)", name);
}

/* The formats, told by the file's first bytes. */
static const struct format {
    bool (*recognises)(const uint8_t magic[4]);
    bool (*open)(struct capture *capture, struct source *source, struct err *err);
} formats[] = {
    { pcap_file_recognises, pcap_file_open },
    { pcapng_recognises, pcapng_open },
};

/* Takes compressions off, as many as lie over each other. */
static bool unpack(struct capture *capture, struct source *source, const char *name, struct err *err)
{
    const char *packed_with;
    for (int layers = 0; (packed_with = unpack_recognise(source)) != NULL; layers++) {
        struct err why = { 0 };
        if (layers == UNPACK_MOST_LAYERS)
            return err_set(err, "%s: is packed more than %d times", name, UNPACK_MOST_LAYERS);
        if (!unpack_push(source, packed_with, &why))
            return err_set(err, "%s: %s", name, why.text);
        capture->info.packed_with = packed_with;
    }
    return true;
}

static bool open_format(struct capture *capture, struct source *source, struct err *err)
{
    const char *name =
        strcmp(capture->info.file, "-") == 0 ? "standard input" : capture->info.file;
    if (conv_recognises(capture->info.file)) /* by its name: any text may be one */
        return conv_file_open(capture, source, err);
    if (!unpack(capture, source, name, err))
        return false;
    const uint8_t *magic = source_need(source, 4);
    if (source->error[0] != '\0')
        return err_set(err, "%s: cannot read: %s", name, source->error);
    if (magic == NULL && source_left(source) == 0)
        return err_set(err, "%s: is empty", name);
    for (size_t i = 0; magic != NULL && i < sizeof formats / sizeof *formats; i++)
        if (formats[i].recognises(magic))
            return formats[i].open(capture, source, err);
    source_need(source, 8);
    return not_a_capture(name, source->buffer + source->start, source_left(source), err);
}

struct capture *capture_open(const char *path, const struct opener *opener, struct err *err)
{
    struct source source;
    if (!source_open(&source, path, opener, err))
        return NULL;
    struct capture *capture = calloc(1, sizeof *capture);
    if (capture == NULL) {
        err_no_memory(err);
    } else {
        capture->info.file = path;
        capture->file_bytes = source_file_bytes(&source);
        capture->info.dropped_packets = -1;
        if (open_format(capture, &source, err))
            return capture;
        free(capture);
    }
    source_close(&source);
    return NULL;
}

static void account_for(struct capture_info *info, struct packet *p)
{
    if (p->ts_ns > CAPTURE_MAX_TIME_NS)
        p->ts_ns = CAPTURE_MAX_TIME_NS;
    if (p->ts_ns < CAPTURE_MIN_TIME_NS)
        p->ts_ns = CAPTURE_MIN_TIME_NS;
    bool first = info->packets == info->untimed_packets;
    if (!p->untimed && (first || p->ts_ns < info->first_ns))
        info->first_ns = p->ts_ns;
    if (!p->untimed && (first || p->ts_ns > info->last_ns))
        info->last_ns = p->ts_ns;
    info->packets++;
    info->untimed_packets += p->untimed;
    info->bytes += p->len;
    info->truncated_packets += p->caplen < p->len;
}

enum capture_event capture_read(struct capture *capture, struct capture_batch *batch, struct err *err)
{
    batch->count = 0;
    if (capture->info.error[0] != '\0')
        return CAPTURE_END;
    enum capture_event event = capture->ops->read(capture, batch, err);
    for (size_t i = 0; event == CAPTURE_PACKETS && i < batch->count; i++)
        account_for(&capture->info, &batch->packets[i]);
    return event;
}

struct block *capture_block(struct capture *capture)
{
    return capture->ops->block != NULL ? capture->ops->block(capture) : NULL;
}

void capture_close(struct capture *capture)
{
    if (capture == NULL)
        return;
    capture->ops->close(capture);
    free(capture);
}

void capture_note_link_type(struct capture *capture, uint16_t link_type)
{
    struct capture_info *info = &capture->info;
    for (unsigned i = 0; i < info->link_type_count; i++)
        if (info->link_types[i] == link_type)
            return;
    if (info->link_type_count < CAPTURE_MAX_LINK_TYPES)
        info->link_types[info->link_type_count++] = link_type;
}

void capture_break(struct capture *capture, const char *format, ...)
{
    if (capture->info.error[0] != '\0')
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(capture->info.error, sizeof capture->info.error, format, args);
    va_end(args);
}

void capture_note_trouble(struct capture *capture, const struct source *source, uint32_t frame)
{
    if (source->error[0] == '\0')
        return;
    capture->info.error[0] = '\0';
    capture_break(capture, "cannot read on after packet %" PRIu32 ": %s", frame, source->error);
}
