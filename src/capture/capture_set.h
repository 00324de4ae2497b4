/*
 * capture_set - several captures as one, in time order.
 *
 * One capture alone keeps the order of its file, whatever its clock did. Of several, the packet
 * with the earliest time comes next; equal times come in the order of the command line. A file
 * whose first packet is far off is closed again until its turn, so that hundreds of rotated
 * files cost neither descriptors nor buffers.
 */
#ifndef HANGUP_CAPTURE_CAPTURE_SET_H
#define HANGUP_CAPTURE_CAPTURE_SET_H

#include "capture/capture.h"

struct capture_set;

/* Opens and checks every file. NULL: err names the first that cannot be read. The array's strings, and `secrets`, must outlive
 * the set. secrets NULL: nobody takes what the files carry. */
struct capture_set *capture_set_open(const char *const *paths, size_t count, const struct opener *opener,
                                     const struct capture_secrets *secrets, struct err *err) WARN_UNUSED;

/* A set of one capture that is open already; takes it over. */
struct capture_set *capture_set_of(struct capture *capture, struct err *err) WARN_UNUSED;

/* The next packets, all with packet.capture set. Valid until the next call. See capture_ops.read. */
enum capture_event capture_set_read(struct capture_set *set, struct capture_batch *batch, struct err *err) WARN_UNUSED;

/* The block with the bytes of the packets that the last read gave, see capture_block. */
struct block *capture_set_block(const struct capture_set *set);

/* Do all of them read into blocks? */
bool capture_set_keeps_bytes(const struct capture_set *set);

/* May any of them carry secrets of TLS? */
bool capture_set_may_carry_secrets(const struct capture_set *set);

/* Are all of them regular files, which can be read again? *bytes: their sizes together. */
bool capture_set_is_files(const struct capture_set *set, uint64_t *bytes);

/* Begins anew with the first packets. Only for files. */
bool capture_set_rewind(struct capture_set *set, struct err *err) WARN_UNUSED;

/* Reading ends here, for that reason: captures that were not read to their end broke off. */
void capture_set_break(struct capture_set *set, const char *why);

size_t capture_set_count(const struct capture_set *set);
const struct capture_info *capture_set_info(const struct capture_set *set, size_t index);
void capture_set_close(struct capture_set *set);

#endif
