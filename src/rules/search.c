#include "rules/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "lang/template.h"

/* Of a text that somebody pastes; a line of a log is shorter. */
#define TOKENS_MAX 1024

/* How much of a seen_as line (or of the text) must be there, by weight; scattered words count half. */
#define LINE_SHARE 0.65
#define TEXT_SHARE 0.6
/* Names and causes are not what people see: they must speak of most of the text, and count less. */
#define CAUSE_SHARE 0.75
#define NAME_FACTOR 0.6
#define CAUSE_FACTOR 0.3

/* ---- tokens ---------------------------------------------------------------------------------- */

/* A token's first byte is its kind, so that tokens compare as strings; words are in lower case. */
enum kind { KIND_WORD = 'w', KIND_NUMBER = 'n', KIND_FLAG = 'f' };

struct tokens {
    const char **items;
    size_t count, capacity;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

/* Bytes above ASCII are letters of some language. */
static bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || (unsigned char)c >= 0x80;
}

/* HAProxy's four letters: who ended it, when, and two about cookies, which are often '-' (its manual,
 * section 8.5). What happened stands in the first two. */
static bool is_session_state(const char *text, size_t length)
{
    return length == 4 && strchr("CSPLRIDUKcs", text[0]) != NULL &&
           strchr("RQCHDLT", text[1]) != NULL && strchr("NIDVEOU-", text[2]) != NULL &&
           strchr("NIDUPR-", text[3]) != NULL;
}

static bool add_token(struct arena *arena, struct tokens *tokens, enum kind kind, const char *text,
                      size_t length)
{
    if (tokens->count == TOKENS_MAX)
        return true;
    char *token = arena_alloc(arena, length + 2);
    if (token == NULL || !VEC_ROOM(tokens))
        return false;
    token[0] = (char)kind;
    for (size_t i = 0; i < length; i++) {
        bool lower = kind == KIND_WORD && is_upper(text[i]);
        token[i + 1] = (char)(lower ? text[i] - 'A' + 'a' : text[i]);
    }
    tokens->items[tokens->count++] = token;
    return true;
}

/* Numbers count where they stand alone: "499", "(52)", "status=502"; not in dates, addresses and sizes. */
static bool stands_alone(const char *chunk, size_t chunk_length, const char *run, size_t length)
{
    size_t numbers = 0;
    for (size_t i = 0; i < chunk_length; i++)
        numbers += is_digit(chunk[i]) && (i == 0 || !is_digit(chunk[i - 1]));
    const char *end = chunk + chunk_length;
    return numbers == 1 && (run == chunk || strchr("=([\"':", run[-1]) != NULL) &&
           (run + length == end || strchr(")],;:\"'", run[length]) != NULL);
}

static bool add_run(struct arena *arena, struct tokens *tokens, const char *chunk, size_t chunk_length,
                    const char *run, size_t length)
{
    size_t digits = 0, upper = 0;
    for (size_t i = 0; i < length; i++) {
        digits += is_digit(run[i]);
        upper += is_upper(run[i]);
    }
    if (digits == length)
        return !stands_alone(chunk, chunk_length, run, length) ||
               add_token(arena, tokens, KIND_NUMBER, run, length);
    if (length == 2 && upper == 2)
        return add_token(arena, tokens, KIND_FLAG, run, length);
    return add_token(arena, tokens, KIND_WORD, run, length);
}

/* A piece of text between white space. */
static bool add_chunk(struct arena *arena, struct tokens *tokens, const char *chunk, size_t length)
{
    size_t from = 0, to = length;
    while (from < to && strchr("\"'([{,;", chunk[from]) != NULL)
        from++;
    while (to > from && strchr("\"')]},;:", chunk[to - 1]) != NULL)
        to--;
    if (is_session_state(chunk + from, to - from))
        return add_token(arena, tokens, KIND_FLAG, chunk + from, 2);
    for (size_t i = from; i + 2 < to; i++)
        if (memcmp(chunk + i, "://", 3) == 0)
            return true; /* a URL says nothing about errors, nor does a path */
    if (from < to && chunk[from] == '/')
        return true;
    for (size_t i = from; i < to;) {
        size_t run = i;
        while (i < to && is_word(chunk[i]))
            i++;
        if (i > run && !add_run(arena, tokens, chunk, length, chunk + run, i - run))
            return false;
        i += i == run;
    }
    return true;
}

static bool tokenize(struct arena *arena, const char *text, struct tokens *tokens)
{
    static const char space[] = " \t\r\n\v\f";
    while (*text != '\0') {
        text += strspn(text, space);
        size_t length = strcspn(text, space);
        if (!add_chunk(arena, tokens, text, length))
            return false;
        text += length;
    }
    return true;
}

/* ---- what the rules say ---------------------------------------------------------------------- */

/* One line to compare with. */
struct line {
    const char *text;
    struct tokens tokens;
};

struct entry {
    const struct rule *rule;
    struct line *seen_as;
    size_t seen_as_count;
    struct line name, id, cause;
};

struct word {
    const char *token;
    size_t rule;
};

struct weighed {
    const char *token;
    double weight;
};

struct index {
    struct arena arena;
    struct entry *entries;
    size_t count;
    struct {
        struct word *items;
        size_t count, capacity;
    } words;                 /* sorted; each once a rule */
    struct tokens text;
    struct {
        struct weighed *items;
        size_t count, capacity;
    } said;                  /* the text's tokens, each once */
    double all_said;
};

static bool fill_line(struct index *index, size_t rule, struct line *line, const char *text)
{
    line->text = text;
    if (!tokenize(&index->arena, text, &line->tokens))
        return false;
    for (size_t i = 0; i < line->tokens.count; i++) {
        if (!VEC_ROOM(&index->words))
            return false;
        index->words.items[index->words.count++] = (struct word){ line->tokens.items[i], rule };
    }
    return true;
}

/* May the rule be behind the message? */
static bool is_behind(const struct rule *rule, const struct message *message)
{
    const struct text_list *id = message->rules;
    while (id != NULL && strcmp(id->text, rule->id) != 0)
        id = id->next;
    return id != NULL;
}

static bool fill_entry(struct index *index, size_t n, const struct rule *rule, const struct message *messages)
{
    struct entry *e = &index->entries[n];
    e->rule = rule;
    for (const struct text_list *s = rule->seen_as; s != NULL; s = s->next)
        e->seen_as_count++;
    for (const struct message *m = messages; m != NULL; m = m->next)
        e->seen_as_count += is_behind(rule, m);
    e->seen_as = arena_alloc(&index->arena, (e->seen_as_count + 1) * sizeof *e->seen_as);
    if (e->seen_as == NULL)
        return false;
    size_t i = 0;
    for (const struct text_list *s = rule->seen_as; s != NULL; s = s->next)
        if (!fill_line(index, n, &e->seen_as[i++], s->text))
            return false;
    for (const struct message *m = messages; m != NULL; m = m->next)
        if (is_behind(rule, m) && !fill_line(index, n, &e->seen_as[i++], m->text))
            return false;
    struct strbuf cause = { 0 };
    for (const struct choice *c = rule->cause; c != NULL; c = c->next) {
        template_literals(c->text, &cause);
        strbuf_addc(&cause, ' ');
    }
    const char *copy = cause.failed ? NULL : arena_strdup(&index->arena, strbuf_text(&cause));
    strbuf_free(&cause);
    return copy != NULL && fill_line(index, n, &e->name, rule->name) &&
           fill_line(index, n, &e->id, rule->id) && fill_line(index, n, &e->cause, copy);
}

static int by_token_and_rule(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    int order = strcmp(x->token, y->token);
    return order != 0 ? order : (x->rule > y->rule) - (x->rule < y->rule);
}

static bool fill_index(struct index *index, const struct rules *rules, const char *text)
{
    index->entries = arena_alloc(&index->arena, (rules->count + 1) * sizeof *index->entries);
    if (index->entries == NULL)
        return false;
    for (; index->count < rules->count; index->count++)
        if (!fill_entry(index, index->count, rules->items[index->count], rules->messages))
            return false;
    struct word *w = index->words.items;
    size_t kept = 0;
    if (index->words.count > 0)
        qsort(w, index->words.count, sizeof *w, by_token_and_rule);
    for (size_t i = 0; i < index->words.count; i++)
        if (i == 0 || by_token_and_rule(&w[i], &w[kept - 1]) != 0)
            w[kept++] = w[i];
    index->words.count = kept;
    return tokenize(&index->arena, text, &index->text);
}

static void free_index(struct index *index)
{
    for (size_t i = 0; i < index->count; i++) {
        struct entry *e = &index->entries[i];
        for (size_t s = 0; s < e->seen_as_count; s++)
            free(e->seen_as[s].tokens.items);
        free(e->name.tokens.items);
        free(e->id.tokens.items);
        free(e->cause.tokens.items);
    }
    free(index->words.items);
    free(index->text.items);
    free(index->said.items);
    arena_free(&index->arena);
}

/* ---- weighing -------------------------------------------------------------------------------- */

/* The first word that is not before this one. */
static size_t lower_bound(const struct index *index, const char *token)
{
    size_t low = 0, high = index->words.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(index->words.items[middle].token, token) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The rarer over the rules, the heavier; what no rule says is heaviest, for the text is about that. */
static double weight(const struct index *index, const char *token)
{
    size_t rules = 0;
    for (size_t i = lower_bound(index, token);
         i < index->words.count && strcmp(index->words.items[i].token, token) == 0; i++)
        rules++;
    return log((double)(index->count + 1) / (rules > 0 ? (double)rules : 0.5));
}

static bool weigh_text(struct index *index)
{
    for (size_t i = 0; i < index->text.count; i++) {
        const char *token = index->text.items[i];
        size_t before = 0;
        while (before < index->said.count && strcmp(index->said.items[before].token, token) != 0)
            before++;
        if (before < index->said.count)
            continue;
        if (!VEC_ROOM(&index->said))
            return false;
        double w = weight(index, token);
        index->said.items[index->said.count++] = (struct weighed){ token, w };
        index->all_said += w;
    }
    return true;
}

static bool has(const struct tokens *tokens, const char *token)
{
    for (size_t i = 0; i < tokens->count; i++)
        if (strcmp(tokens->items[i], token) == 0)
            return true;
    return false;
}

static bool has_pair(const struct tokens *tokens, const char *first, const char *second)
{
    for (size_t i = 0; i + 1 < tokens->count; i++)
        if (strcmp(tokens->items[i], first) == 0 && strcmp(tokens->items[i + 1], second) == 0)
            return true;
    return false;
}

struct agreement {
    double common;      /* weight of what both say */
    double of_line;     /* its share of the line; scattered words count half */
    double of_text;     /* its share of the text */
};

/* Flags are exact: a line with one speaks of nothing else. */
static bool lacks_flag(const struct tokens *line, const struct tokens *text)
{
    for (size_t i = 0; i < line->count; i++)
        if (line->items[i][0] == KIND_FLAG && !has(text, line->items[i]))
            return true;
    return false;
}

static bool has_flag(const struct tokens *line)
{
    for (size_t i = 0; i < line->count; i++)
        if (line->items[i][0] == KIND_FLAG)
            return true;
    return false;
}

/* Share of the line's neighbours that are neighbours in the text as well. */
static double togetherness(const struct tokens *line, const struct tokens *text)
{
    size_t pairs = 0;
    for (size_t i = 1; i < line->count; i++)
        pairs += has_pair(text, line->items[i - 1], line->items[i]);
    return line->count > 1 ? (double)pairs / (double)(line->count - 1) : 1;
}

static struct agreement compare(const struct index *index, const struct tokens *line)
{
    struct agreement a = { 0, 0, 0 };
    double all = 0, there = 0;
    for (size_t i = 0; i < line->count; i++) {
        const char *token = line->items[i];
        /* Beside words a number says less: "(104: Connection reset by peer)". */
        bool beside = token[0] == KIND_NUMBER && line->count > 1;
        double w = weight(index, token) * (beside ? 0.5 : 1);
        all += w;
        there += has(&index->text, token) ? w : 0;
    }
    for (size_t i = 0; i < index->said.count; i++)
        if (has(line, index->said.items[i].token))
            a.common += index->said.items[i].weight;
    a.of_line = all > 0 ? there / all * (0.5 + 0.5 * togetherness(line, &index->text)) : 0;
    a.of_text = index->all_said > 0 ? a.common / index->all_said : 0;
    return a;
}

/* What people see. */
static double line_score(const struct index *index, const struct tokens *line)
{
    if (lacks_flag(line, &index->text))
        return 0;
    struct agreement a = compare(index, line);
    if (has_flag(line)) /* whose flag it is need not be said */
        a.of_line = 1;
    if (a.of_line < LINE_SHARE && a.of_text < TEXT_SHARE)
        return 0;
    return a.common * (a.of_line + a.of_text);
}

/* What the rule says of itself: only where it speaks of most of the text. */
static double other_score(const struct index *index, const struct tokens *line, double share,
                          double factor)
{
    struct agreement a = compare(index, line);
    return a.of_text < share ? 0 : a.common * a.of_text * factor;
}

static struct rule_match match_entry(const struct index *index, const struct entry *e)
{
    struct rule_match m = { e->rule, NULL, 0 };
    for (size_t i = 0; i < e->seen_as_count; i++) {
        double score = line_score(index, &e->seen_as[i].tokens);
        if (score > m.score) {
            m.score = score;
            m.seen_as = e->seen_as[i].text;
        }
    }
    /* The rest only adds to it; where nothing else speaks of the text, it has to do. */
    m.score += other_score(index, &e->name.tokens, TEXT_SHARE, NAME_FACTOR);
    m.score += other_score(index, &e->id.tokens, TEXT_SHARE, NAME_FACTOR);
    m.score += other_score(index, &e->cause.tokens, CAUSE_SHARE, CAUSE_FACTOR);
    return m;
}

/* Best first; then the more severe, then by id: a library's qsort must not decide. */
static int best_first(const void *a, const void *b)
{
    const struct rule_match *x = a, *y = b;
    if (fabs(x->score - y->score) > 1e-9)
        return x->score < y->score ? 1 : -1;
    if (x->rule->severity != y->rule->severity)
        return (int)y->rule->severity - (int)x->rule->severity;
    return strcmp(x->rule->id, y->rule->id);
}

bool rules_search(const struct rules *rules, const char *text, struct rule_matches *matches,
                  struct err *err)
{
    struct index index = { .count = 0 };
    bool ok = fill_index(&index, rules, text) && weigh_text(&index);
    for (size_t i = 0; ok && i < index.count; i++) {
        struct rule_match m = match_entry(&index, &index.entries[i]);
        if (m.score <= 0)
            continue;
        ok = VEC_ROOM(matches);
        if (ok)
            matches->items[matches->count++] = m;
    }
    if (ok && matches->count > 0)
        qsort(matches->items, matches->count, sizeof *matches->items, best_first);
    free_index(&index);
    return ok || err_no_memory(err);
}
