#include "base/intern.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

bool intern_init(struct intern *intern, size_t max_texts)
{
    *intern = (struct intern){ .max_texts = max_texts };
    return siphash_draw_key(&intern->key);
}

static size_t home_of(const struct intern *intern, const char *text, size_t length, size_t capacity)
{
    uint64_t words[INTERN_MAX_BYTES / 8] = { 0 };
    memcpy(words, text, length);
    return (size_t)siphash(&intern->key, words, (length + 7) / 8, length) & (capacity - 1);
}

/* Where the text is, or the free slot that it belongs in. */
static const char **slot_of(const struct intern *intern, const char **slots, size_t capacity,
                            const char *text, size_t length)
{
    size_t i = home_of(intern, text, length, capacity);
    while (slots[i] != NULL &&
           (strncmp(slots[i], text, length) != 0 || slots[i][length] != '\0'))
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static bool grow(struct intern *intern)
{
    size_t capacity = intern->capacity == 0 ? 64 : intern->capacity * 2;
    const char **slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < intern->capacity; i++) {
        const char *text = intern->slots[i];
        if (text != NULL)
            *slot_of(intern, slots, capacity, text, strlen(text)) = text;
    }
    free(intern->slots);
    intern->slots = slots;
    intern->capacity = capacity;
    return true;
}

const char *intern_text(struct intern *intern, const char *text, size_t length)
{
    length = text_whole(text, length, INTERN_MAX_BYTES - 1);
    length = strnlen(text, length);
    if (length == 0)
        return "";
    if (intern->count * 2 >= intern->capacity && !grow(intern))
        return NULL;
    const char **slot = slot_of(intern, intern->slots, intern->capacity, text, length);
    if (*slot != NULL)
        return *slot;
    if (intern->count == intern->max_texts) {
        intern->full = true;
        return "...";
    }
    *slot = arena_strndup(&intern->texts, text, length);
    intern->count += *slot != NULL;
    return *slot;
}

void intern_free(struct intern *intern)
{
    arena_free(&intern->texts);
    free(intern->slots);
    *intern = (struct intern){ 0 };
}
