#include "rules/timers.h"

#include <string.h>
#include <strings.h>

#include "rules/rule.h"

/* Headers are read of so many connections; they hardly differ. */
#define MEMBERS_READ 256

/* A time may come so much before the timer's value: clocks of milliseconds, rounding. */
#define EARLY_NS (20 * NS_PER_MS)

/* tchar of RFC 9110 section 5.6.2, as far as product names use them. */
static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-_.", c) != NULL);
}

bool timers_names_product(const char *header, const char *product)
{
    size_t length = strlen(product);
    for (const char *p = header; *p != '\0'; p++)
        if (strncasecmp(p, product, length) == 0 && (p == header || !is_word(p[-1])) &&
            !is_word(p[length]))
            return true;
    return false;
}

static bool names_any(const char *header, const struct text_list *names)
{
    for (const struct text_list *p = names; p != NULL; p = p->next)
        if (timers_names_product(header, p->text))
            return true;
    return false;
}

/* What the closing end, or a proxy that is this end, says of itself; "": nothing. */
struct headers {
    const char *product, *via;
};

static struct headers headers_of(const struct record *record, enum close_by by)
{
    return by == BY_SERVER   ? (struct headers){ record->server_software, record->server_via }
           : by == BY_CLIENT ? (struct headers){ record->client_software, record->client_via }
                             : (struct headers){ "", "" };
}

static const char *product_header(enum close_by by)
{
    return by == BY_CLIENT ? "User-Agent" : "Server";
}

/* A Via header that is too long names nobody that is known. */
static bool via_known(const struct headers *headers)
{
    return strcmp(headers->via, "...") != 0;
}

/* The header that names the program, or NULL. A User-Agent that came through a proxy is the caller's. */
static const char *named_by(const struct headers *headers, const struct timer_program *program)
{
    bool own = program->by != BY_CLIENT || headers->via[0] == '\0' || program->proxies;
    if (own && names_any(headers->product, program->products))
        return product_header(program->by);
    return names_any(headers->via, program->via) ? "Via" : NULL;
}

/* The header that names another program at this end, where none names this one; or NULL. */
static const char *other_named_by(const struct timer *timers, const struct headers *headers,
                                  const struct timer_program *program)
{
    if (program->announces_via && headers->via[0] != '\0' && via_known(headers))
        return "Via";
    if (program->announces && headers->product[0] != '\0')
        return product_header(program->by);
    for (const struct timer *t = timers; t != NULL; t = t->next) {
        const char *by = t->program->by == program->by ? named_by(headers, t->program) : NULL;
        if (by != NULL)
            return by;
    }
    return NULL;
}

/* How well a program agrees with the headers, best first: they name it; they leave it open; it would have
 * said something; they name another, which may stand behind it; they name another. */
enum agreement { NAMED, OPEN, UNLIKELY, BEHIND, CONTRADICTED };

/* header: the one that names it (NAMED) or another (BEHIND). */
static enum agreement agreement(const struct timer *timers, const struct timer_program *program,
                                const struct member *members, size_t count, const char **header)
{
    const char *named = NULL, *other = NULL;
    bool silent = false, lacks_via = false, promised = false;
    struct headers before = { "", "" }; /* few programs make many connections */
    for (size_t i = 0; i < count && i < MEMBERS_READ; i++) {
        const struct record *r = members[i].record;
        struct headers headers = headers_of(r, program->by);
        bool spoke = (program->by == BY_SERVER ? r->exchanges : r->requests) > 0;
        silent |= program->announces && spoke && headers.product[0] == '\0';
        promised |= program->by == BY_SERVER && r->promised_s > 0;
        lacks_via |= program->announces_via && spoke && via_known(&headers) &&
                     !names_any(headers.via, program->via);
        if (strcmp(headers.product, before.product) == 0 && strcmp(headers.via, before.via) == 0)
            continue;
        before = headers;
        const char *by = named_by(&headers, program);
        if (by != NULL)
            named = by;
        else if ((by = other_named_by(timers, &headers, program)) != NULL)
            other = by;
    }
    if (promised && !program->promises && !program->proxies)
        return CONTRADICTED; /* what a server says of its connections is its own */
    *header = named != NULL ? named : other;
    if (named != NULL)
        return other == NULL ? NAMED : OPEN;
    if (other != NULL) /* a proxy that adds its Via does not pass on headers of others without it */
        return program->proxies && !lacks_via ? BEHIND : CONTRADICTED;
    return silent || lacks_via ? UNLIKELY : OPEN;
}

/* How far the deadline is from where the timer shows; negative: it does not fit. */
static int64_t distance(const struct timer *t, const struct deadline *d)
{
    int64_t wide = DEADLINE_TOLERANCE_NS + t->ns / DEADLINE_TOLERANCE_SHARE;
    if (wide > DEADLINE_TOLERANCE_MAX_NS)
        wide = DEADLINE_TOLERANCE_MAX_NS;
    int64_t value = d->coarse ? d->cluster.low_ns : d->cluster.median_ns;
    if (value < t->ns - EARLY_NS || value > t->ns + t->late_ns + wide)
        return -1;
    return value < t->ns ? t->ns - value : value - t->ns;
}

static bool starts_there(const struct timer *t, const struct deadline *d)
{
    return t->from >> d->from & 1 || (d->has_runner_up && t->from >> d->runner_up & 1);
}

/* Most of the connections ended as this timer ends them. */
static bool closes_so(const struct timer *t, const struct member *members, size_t count)
{
    size_t so = 0;
    for (size_t i = 0; i < count; i++)
        so += members[i].record->close_by == t->program->by &&
              t->phases >> members[i].record->close_phase & 1;
    return so * 2 > count;
}

struct fit {
    const struct timer *timer;
    const char *header; /* that names its program, or another; valid if NAMED or BEHIND */
    enum agreement agreement;
    int64_t distance;
};

static bool better(const struct fit *a, const struct fit *b)
{
    if (a->agreement != b->agreement)
        return a->agreement < b->agreement;
    /* Beyond the time within which one timer spreads; else the list's order decides. */
    return a->distance + DEADLINE_TOLERANCE_MAX_NS < b->distance;
}

size_t timers_fit(const struct timer *timers, const struct deadline *deadline,
                  const struct member *members, size_t count,
                  struct known_default found[KNOWN_DEFAULTS_MAX])
{
    struct fit best[KNOWN_DEFAULTS_MAX];
    size_t kept = 0;
    for (const struct timer *t = timers; t != NULL && deadline->found; t = t->next) {
        struct fit fit = { t, NULL, CONTRADICTED, distance(t, deadline) };
        if (fit.distance < 0 || !starts_there(t, deadline) || !closes_so(t, members, count))
            continue;
        fit.agreement = agreement(timers, t->program, members, count, &fit.header);
        if (fit.agreement == CONTRADICTED)
            continue;
        size_t at = kept;
        while (at > 0 && better(&fit, &best[at - 1]))
            at--;
        if (at == KNOWN_DEFAULTS_MAX)
            continue;
        kept += kept < KNOWN_DEFAULTS_MAX;
        memmove(best + at + 1, best + at, (kept - at - 1) * sizeof *best);
        best[at] = fit;
    }
    size_t count_found = 0;
    for (size_t i = 0; i < kept; i++) {
        const struct fit *fit = &best[i];
        bool named = fit->agreement == NAMED, behind = fit->agreement == BEHIND;
        if (fit->agreement == best[0].agreement || (behind && best[0].agreement == NAMED))
            found[count_found++] = (struct known_default){ fit->timer, named ? fit->header : NULL,
                                                           behind ? fit->header : NULL };
    }
    return count_found;
}
