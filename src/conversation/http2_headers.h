/*
 * http2_headers - header blocks of HTTP/2 (RFC 7541), read by libnghttp2's inflater. Private to the floor.
 *
 * An inflater that did not see the connection's start knows nothing of the dynamic table. It is filled with empty entries first: a
 * reference to one of those is a field whose name and value are not known, and later entries are at their places.
 */
#ifndef HANGUP_CONVERSATION_HTTP2_HEADERS_H
#define HANGUP_CONVERSATION_HTTP2_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A block that has more bytes is not read: nobody's is so long (nghttp2 and Go stop at 64 KiB and 1 MiB). */
#define HTTP2_BLOCK_BYTES 65536

struct nghttp2_hd_inflater;

/* So many directions of connections have one at once, each with a table of a few KiB; further ones are followed without their heads. */
#define HTTP2_MOST_INFLATERS 16384

/* One direction. All zero at its start. */
struct http2_headers {
    struct nghttp2_hd_inflater *inflater; /* NULL: none yet */
    uint32_t wanted_bytes, table_bytes;   /* SETTINGS_HEADER_TABLE_SIZE of the end that reads, and what the inflater knows of it;
                                             0: the default */
    uint32_t block_bytes;                 /* of the block that is being read */
    uint8_t strangers;                    /* how often it was filled with empty entries */
    bool dead;                            /* a block could not be read although nothing was missing: an error of the connection */
    bool stranger;                        /* entries of the table may be missing: the next block begins with an empty one */
    bool broken;                          /* the rest of this block is not read */
};

/* A field; names and values may hold any byte. */
typedef void http2_on_field(void *context, const char *name, size_t name_length, const char *value, size_t value_length);

/* The next bytes of a block; ends: its last ones. left: so many inflaters may still be made. false: no memory. */
bool http2_headers_feed(struct http2_headers *headers, uint32_t *left, const uint8_t *bytes, size_t length, bool ends,
                        http2_on_field *on_field, void *context);

/* Bytes of the block are missing; all: its end may be, and others. */
void http2_headers_miss(struct http2_headers *headers, bool all);

void http2_headers_free(struct http2_headers *headers, uint32_t *left);

#endif
