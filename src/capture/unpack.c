#include "capture/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBARCHIVE
#include <archive.h>
#endif

static const struct packing {
    const char *name, *magic;
    size_t length;
#ifdef HAVE_LIBARCHIVE
    int (*filter)(struct archive *archive);
#endif
    const char *program;
} packings[] = {
#ifdef HAVE_LIBARCHIVE
#define PACKING(name, magic, length, filter, program) { name, magic, length, filter, program },
#else
#define PACKING(name, magic, length, filter, program) { name, magic, length, program },
#endif
#include "capture/packings.def"
#undef PACKING
};

#define PACKINGS (sizeof packings / sizeof *packings)

const char *unpack_recognise(struct source *source)
{
    for (size_t i = 0; i < PACKINGS; i++) {
        const uint8_t *start = source_need(source, packings[i].length);
        if (start != NULL && memcmp(start, packings[i].magic, packings[i].length) == 0)
            return packings[i].name;
    }
    return NULL;
}

static const struct packing *packing_of(const char *name)
{
    size_t i = 0;
    while (i + 1 < PACKINGS && strcmp(packings[i].name, name) != 0)
        i++;
    return &packings[i];
}

static bool cannot(const struct packing *packing, struct err *err)
{
    return err_set(err, "is packed with %s, which this build does not read; unpack it first: %s FILE | hangup -",
                   packing->name, packing->program);
}

#ifdef HAVE_LIBARCHIVE

struct unpacker {
    struct source packed;
    struct archive *archive;
    size_t lent; /* bytes of `packed` that libarchive looks at */
    const uint8_t *unpacked; /* libarchive's */
    size_t left;             /* bytes there */
};

/* libarchive asks for packed bytes: as many as are there. */
static la_ssize_t give_packed(struct archive *archive, void *context, const void **bytes)
{
    struct unpacker *unpacker = context;
    source_step(&unpacker->packed, unpacker->lent);
    *bytes = source_need(&unpacker->packed, 1);
    unpacker->lent = source_left(&unpacker->packed);
    if (unpacker->packed.error[0] == '\0')
        return (la_ssize_t)unpacker->lent;
    archive_set_error(archive, EIO, "%s", unpacker->packed.error);
    return ARCHIVE_FATAL;
}

static const char *why_of(struct archive *archive)
{
    const char *why = archive_error_string(archive);
    return why != NULL ? why : "nothing comes out of it";
}

/* Block by block: what came out before a damage is not lost. */
static size_t read_unpacked(struct source *source, uint8_t *bytes, size_t room)
{
    struct unpacker *unpacker = source->state;
    while (unpacker->left == 0) {
        const void *block;
        la_int64_t offset;
        int status = archive_read_data_block(unpacker->archive, &block, &unpacker->left, &offset);
        if (status == ARCHIVE_EOF)
            return 0;
        if (status != ARCHIVE_OK) {
            snprintf(source->error, sizeof source->error, "what is packed is damaged or cut short (%s)",
                     why_of(unpacker->archive));
            return unpacker->left = 0;
        }
        unpacker->unpacked = block;
    }
    size_t n = unpacker->left < room ? unpacker->left : room;
    memcpy(bytes, unpacker->unpacked, n);
    unpacker->unpacked += n;
    unpacker->left -= n;
    return n;
}

static void close_unpacker(struct source *source)
{
    struct unpacker *unpacker = source->state;
    if (unpacker == NULL)
        return;
    archive_read_free(unpacker->archive);
    source_close(&unpacker->packed);
    free(unpacker);
    source->state = NULL;
}

static const struct source_ops unpacker_ops = { read_unpacked, close_unpacker };

/* A filter that libarchive was built without would start a program: ARCHIVE_WARN. */
static bool open_archive(struct unpacker *unpacker, const struct packing *packing, struct err *err)
{
    struct archive *archive = unpacker->archive = archive_read_new();
    struct archive_entry *entry;
    if (archive == NULL)
        return err_no_memory(err);
    if (packing->filter(archive) != ARCHIVE_OK)
        return cannot(packing, err);
    if (archive_read_support_format_raw(archive) != ARCHIVE_OK ||
        archive_read_open2(archive, unpacker, NULL, give_packed, NULL, NULL) != ARCHIVE_OK ||
        archive_read_next_header(archive, &entry) != ARCHIVE_OK)
        return err_set(err, "is packed with %s, and damaged or cut short (%s)", packing->name, why_of(archive));
    return true;
}

bool unpack_push(struct source *source, const char *packed_with, struct err *err)
{
    struct unpacker *unpacker = calloc(1, sizeof *unpacker);
    struct source unpacked;
    if (unpacker == NULL)
        return err_no_memory(err);
    unpacker->packed = *source;
    bool ok = open_archive(unpacker, packing_of(packed_with), err) &&
              source_stack(&unpacked, &unpacker_ops, unpacker, err);
    *source = ok ? unpacked : unpacker->packed; /* the caller closes what it has */
    if (!ok) {
        archive_read_free(unpacker->archive);
        free(unpacker);
    }
    return ok;
}

#else

bool unpack_push(struct source *source, const char *packed_with, struct err *err)
{
    (void)source;
    return cannot(packing_of(packed_with), err);
}

#endif
