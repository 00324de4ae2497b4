#include "conversation/http2_headers.h"

#include <nghttp2/nghttp2.h>

/* RFC 7541 section 4.1: what an entry takes besides its name and value; RFC 9113 section 6.5.2: the table's default. */
enum { ENTRY_BYTES = 32, DEFAULT_TABLE_BYTES = 4096, MOST_TABLE_BYTES = 65536 };

static uint32_t table_bytes(const struct http2_headers *h)
{
    uint32_t bytes = h->wanted_bytes < DEFAULT_TABLE_BYTES ? DEFAULT_TABLE_BYTES : h->wanted_bytes;
    return bytes < MOST_TABLE_BYTES ? bytes : MOST_TABLE_BYTES;
}

/* Literals with an empty name and value, each of which becomes an entry (RFC 7541 section 6.2.1). false: no memory. */
static bool fill(nghttp2_hd_inflater *inflater, uint32_t bytes)
{
    static const uint8_t empty[] = { 0x40, 0x00, 0x00 };
    for (uint32_t i = 0; i < bytes / ENTRY_BYTES; i++) {
        const uint8_t *at = empty;
        size_t left = sizeof empty;
        int flags = 0;
        do {
            nghttp2_nv field;
            ssize_t taken = nghttp2_hd_inflate_hd2(inflater, &field, &flags, at, left, 1);
            if (taken < 0)
                return false;
            at += taken;
            left -= (size_t)taken;
        } while (!(flags & NGHTTP2_HD_INFLATE_FINAL));
        nghttp2_hd_inflate_end_headers(inflater);
    }
    return true;
}

/* Gaps come now and then; who makes a block unreadable again and again is an attacker. */
#define MOST_STRANGERS 64

/* A block begins. Smaller tables are announced in it (RFC 7541 section 4.2), which the inflater follows by itself. */
static bool begin(struct http2_headers *h, uint32_t *left)
{
    if (h->stranger)
        http2_headers_free(h, left);
    bool is_new = h->inflater == NULL;
    if (is_new) {
        h->broken = *left == 0 || h->dead || h->strangers == MOST_STRANGERS;
        if (h->broken)
            return true;
        if (nghttp2_hd_inflate_new(&h->inflater) != 0)
            return false;
        --*left;
        h->table_bytes = DEFAULT_TABLE_BYTES;
    }
    if (table_bytes(h) > h->table_bytes) {
        h->table_bytes = table_bytes(h);
        if (nghttp2_hd_inflate_change_table_size(h->inflater, h->table_bytes) == NGHTTP2_ERR_NOMEM)
            return false;
    }
    h->strangers += is_new && h->stranger;
    if (is_new && h->stranger && !fill(h->inflater, h->table_bytes))
        return false;
    h->broken = h->stranger = false;
    return true;
}

bool http2_headers_feed(struct http2_headers *h, uint32_t *left, const uint8_t *bytes, size_t length, bool ends, http2_on_field *on_field,
                        void *context)
{
    if (h->block_bytes == 0 && !begin(h, left))
        return false;
    h->block_bytes += (uint32_t)length;
    h->broken |= h->block_bytes > HTTP2_BLOCK_BYTES;
    while (!h->broken) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t taken = nghttp2_hd_inflate_hd2(h->inflater, &field, &flags, bytes, length, ends);
        if (taken == NGHTTP2_ERR_NOMEM)
            return false;
        if (taken < 0) {
            h->broken = true;
            h->dead |= h->strangers == 0;
            break;
        }
        bytes += taken;
        length -= (size_t)taken;
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            on_field(context, (const char *)field.name, field.namelen, (const char *)field.value, field.valuelen);
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            nghttp2_hd_inflate_end_headers(h->inflater);
        if (flags & NGHTTP2_HD_INFLATE_FINAL || (!(flags & NGHTTP2_HD_INFLATE_EMIT) && length == 0))
            break;
    }
    if (ends) {
        h->stranger |= h->broken;
        h->broken = false;
        h->block_bytes = 0;
    }
    return true;
}

void http2_headers_miss(struct http2_headers *h, bool all)
{
    h->stranger = true;
    h->broken = !all;
    h->block_bytes = all ? 0 : h->block_bytes + 1; /* so that what is left of it begins none */
}

void http2_headers_free(struct http2_headers *h, uint32_t *left)
{
    if (h->inflater == NULL)
        return;
    nghttp2_hd_inflate_del(h->inflater);
    h->inflater = NULL;
    ++*left;
}
