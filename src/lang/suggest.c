#include "lang/suggest.h"

#include <stdint.h>
#include <string.h>

/* Edit distance of short words (Levenshtein), for "did you mean". */
static size_t distance(const char *a, size_t a_length, const char *b)
{
    size_t row[64];
    size_t b_length = strlen(b);
    if (b_length >= 64 || a_length >= 64)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[b_length];
}

const char *suggest(const char *word, size_t length, size_t count,
                    const char *(*names)(const void *context, size_t i), const void *context)
{
    const char *nearest = NULL;
    size_t best = length / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        const char *name = names(context, i);
        size_t d = distance(word, length, name);
        if (d <= best) {
            best = d;
            nearest = name;
        }
    }
    return nearest;
}
