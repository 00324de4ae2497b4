/*
 * fuzz_keylog - any bytes as a key log, in pieces of any size. Whole or in pieces, the same secrets are found.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tls/key_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct key_log *read_in_pieces(const uint8_t *data, size_t size, size_t piece)
{
    struct err err = { "" };
    struct key_log_text text = { 0 };
    struct key_log *log = key_log_new(&err);
    if (log == NULL)
        abort();
    for (size_t at = 0; at < size; at += piece)
        if (!key_log_add(log, &text, data + at, size - at < piece ? size - at : piece, KEY_PLACE_BEFORE_ALL))
            abort();
    if (!key_log_end(log, &text, KEY_PLACE_BEFORE_ALL))
        abort();
    return log;
}

static int digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct key_log *whole = read_in_pieces(data + 1, size - 1, size), *pieces = read_in_pieces(data + 1, size - 1, data[0] % 61u + 1);
    if (key_log_count(whole) != key_log_count(pieces) || key_log_refused(whole) != key_log_refused(pieces))
        abort();
    /* Whatever stands behind a space may be a random. */
    for (const uint8_t *p = data + 1; (p = memchr(p, ' ', (size_t)(data + size - p))) != NULL;) {
        uint8_t random[TLS_RANDOM_BYTES] = { 0 };
        p++;
        for (size_t i = 0; i < 2 * sizeof random && p + i < data + size; i++)
            random[i / 2] = (uint8_t)(random[i / 2] << 4 | digit(p[i]));
        for (int label = 0; label < 5; label++) {
            struct tls_secret a, b;
            bool found = key_log_find(whole, random, (enum tls_label)label, 0, KEY_PLACE_BEFORE_ALL, &a);
            if (found != key_log_find(pieces, random, (enum tls_label)label, 0, KEY_PLACE_BEFORE_ALL, &b) ||
                (found && (a.length != b.length || memcmp(a.bytes, b.bytes, a.length) != 0)))
                abort();
        }
    }
    key_log_free(whole);
    key_log_free(pieces);
    return 0;
}
