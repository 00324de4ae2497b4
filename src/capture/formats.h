/*
 * formats - the file formats, as capture_open tries them. Private to the floor.
 */
#ifndef HANGUP_CAPTURE_FORMATS_H
#define HANGUP_CAPTURE_FORMATS_H

#include "capture/capture.h"
#include "capture/source.h"

/* Each gets the source at its first byte and takes it over only on success.
 * `capture` has its info.file set. */

/* pcap: draft-ietf-opsawg-pcap; also the variant with patched records (magic a1b2cd34). */
bool pcap_file_recognises(const uint8_t magic[4]);
bool pcap_file_open(struct capture *capture, struct source *source, struct err *err);

/* pcapng: draft-ietf-opsawg-pcapng. */
bool pcapng_recognises(const uint8_t magic[4]);
bool pcapng_open(struct capture *capture, struct source *source, struct err *err);

/* conv: conversations as text, see capture/conv.h. */
bool conv_recognises(const char *path);
bool conv_file_open(struct capture *capture, struct source *source, struct err *err);

/* What looks cut short behind packet `frame` was not read: says why. Nothing where the source has no trouble. */
void capture_note_trouble(struct capture *capture, const struct source *source, uint32_t frame);

#endif
