/*
 * unpack - a source that reads another one through a decompressor. Private to the floor.
 */
#ifndef HANGUP_CAPTURE_UNPACK_H
#define HANGUP_CAPTURE_UNPACK_H

#include "capture/source.h"

/* Compressed files in compressed files: deeper ones are nobody's captures. */
#define UNPACK_MOST_LAYERS 4

/* What the source's first bytes are packed with ("gzip", "zstd", ...); NULL: nothing that is known. */
const char *unpack_recognise(struct source *source);

/* From now on the source gives the bytes unpacked; concatenated members are one stream. Where the packed bytes are damaged or end
 * early, it ends there, with source->error. false: this build cannot (err), or no memory. */
bool unpack_push(struct source *source, const char *packed_with, struct err *err) WARN_UNUSED;

#endif
