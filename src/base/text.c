#include "base/text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

/* Days since 1970-01-01 to a civil date, after Howard Hinnant's "chrono-compatible low-level
 * date algorithms": no locale, no time zone, no libc time_t limits. */
static void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = (int64_t)yoe + era * 400 + (*month <= 2);
}

/* The parts of a moment, UTC. */
struct moment {
    int year;
    unsigned month, day;
    int seconds, nanos; /* of the day, of the second */
};

static struct moment moment_of(int64_t ts_ns)
{
    int64_t seconds = ts_ns / NS_PER_S;
    int64_t nanos = ts_ns % NS_PER_S;
    if (nanos < 0) {
        nanos += NS_PER_S;
        seconds--;
    }
    int64_t days = seconds / 86400;
    int64_t rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t year;
    unsigned month, day;
    civil_from_days(days, &year, &month, &day);
    if (year < 0)
        year = 0;
    if (year > 9999)
        year = 9999;
    return (struct moment){ (int)year, month, day, (int)rest, (int)nanos };
}

void text_time(struct strbuf *out, int64_t ts_ns)
{
    struct moment m = moment_of(ts_ns);
    strbuf_addf(out, "%04d-%02u-%02uT%02d:%02d:%02d.%09dZ", m.year, m.month, m.day, m.seconds / 3600, m.seconds / 60 % 60, m.seconds % 60,
                m.nanos);
}

void text_date_ms(struct strbuf *out, int64_t ts_ns)
{
    struct moment m = moment_of(ts_ns);
    strbuf_addf(out, "%04d-%02u-%02uT", m.year, m.month, m.day);
    text_clock_ms(out, ts_ns);
}

void text_clock_ms(struct strbuf *out, int64_t ts_ns)
{
    struct moment m = moment_of(ts_ns);
    strbuf_addf(out, "%02d:%02d:%02d.%03dZ", m.seconds / 3600, m.seconds / 60 % 60, m.seconds % 60, (int)(m.nanos / NS_PER_MS));
}

void text_duration(struct strbuf *out, int64_t ns)
{
    if (ns < 0) {
        strbuf_addc(out, '-');
        ns = ns == INT64_MIN ? INT64_MAX : -ns;
    }
    if (ns == 0)
        strbuf_adds(out, "0 s");
    else if (ns < 1000)
        strbuf_addf(out, "%" PRId64 " ns", ns);
    else if (ns < NS_PER_MS)
        strbuf_addf(out, "%" PRId64 " us", ns / 1000);
    else if (ns < 10 * NS_PER_MS)
        strbuf_addf(out, "%.2f ms", (double)ns / 1e6);
    else if (ns < 100 * NS_PER_MS)
        strbuf_addf(out, "%.1f ms", (double)ns / 1e6);
    else if (ns < NS_PER_S - NS_PER_MS / 2) /* what rounds to 1000 ms is a second */
        strbuf_addf(out, "%.0f ms", (double)ns / 1e6);
    else if (ns < 600 * NS_PER_S)
        strbuf_addf(out, "%.3f s", (double)ns / 1e9);
    else if (ns < 7200 * NS_PER_S)
        strbuf_addf(out, "%" PRId64 " min %" PRId64 " s", ns / NS_PER_S / 60, ns / NS_PER_S % 60);
    else if (ns < 48 * 3600 * NS_PER_S)
        strbuf_addf(out, "%" PRId64 " h %" PRId64 " min", ns / NS_PER_S / 3600,
                    ns / NS_PER_S / 60 % 60);
    else
        strbuf_addf(out, "%" PRId64 " days %" PRId64 " h", ns / NS_PER_S / 86400,
                    ns / NS_PER_S / 3600 % 24);
}

void text_count(struct strbuf *out, uint64_t n)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, n);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            strbuf_addc(out, ',');
        strbuf_addc(out, digits[i]);
    }
}

/* Length of the valid UTF-8 sequence at p (RFC 3629: no overlong forms, no surrogates), or 0. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3
               : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

size_t text_whole(const char *bytes, size_t length, size_t room)
{
    if (length <= room)
        return length;
    size_t end = room;
    while (end > 0 && room - end < 3 && ((unsigned char)bytes[end] & 0xc0) == 0x80)
        end--;
    return ((unsigned char)bytes[end] & 0xc0) == 0x80 ? room : end; /* that was no UTF-8 */
}

static uint32_t code_point(const unsigned char *p, size_t n)
{
    uint32_t code = n == 1 ? *p : *p & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        code = code << 6 | (p[i] & 0x3f);
    return code;
}

/* What nobody sees, or what changes the order of what is seen: Bidi_Control (UAX #9), Default_Ignorable_Code_Point (UAX #44), separators of
 * lines and paragraphs, noncharacters; of Unicode 15, as ranges that hold some unassigned ones, too. */
static bool is_invisible(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        { 0xad, 0xad },     { 0x34f, 0x34f },   { 0x61c, 0x61c },   { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
        { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0x3164, 0x3164 }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
        { 0xffa0, 0xffa0 }, { 0xfdd0, 0xfdef }, { 0xfff0, 0xfffb }, { 0x1bca0, 0x1bca3 },
        { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
    };
    for (size_t i = 0; code >= ranges[0].first && i < sizeof ranges / sizeof *ranges; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return (code & 0xfffe) == 0xfffe; /* the last two of each plane are noncharacters */
}

void text_untrusted(struct strbuf *out, const char *bytes, size_t length)
{
    const unsigned char *p = (const unsigned char *)bytes;
    for (size_t n; length > 0; p += n, length -= n) {
        n = utf8_length(p, length);
        uint32_t code = n > 0 ? code_point(p, n) : *p;
        if (n == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
            strbuf_addf(out, "\\x%02x", *p);
            n = 1;
        } else if (is_invisible(code)) {
            strbuf_addf(out, "\\u{%x}", (unsigned)code);
        } else if (code == '\\') {
            strbuf_adds(out, "\\\\");
        } else {
            strbuf_add(out, (const char *)p, n);
        }
    }
}

void text_utf8(struct strbuf *out, const char *bytes, size_t length)
{
    const unsigned char *p = (const unsigned char *)bytes;
    for (size_t n; length > 0; p += n, length -= n) {
        n = utf8_length(p, length);
        if (n > 0)
            strbuf_add(out, (const char *)p, n);
        else
            strbuf_adds(out, "\xef\xbf\xbd"); /* U+FFFD */
        n += n == 0;
    }
}

void text_endpoint(struct strbuf *out, const uint8_t address[16], uint16_t port, bool ipv6)
{
    char text[INET6_ADDRSTRLEN] = "?";
    inet_ntop(ipv6 ? AF_INET6 : AF_INET, address, text, sizeof text);
    strbuf_addf(out, ipv6 ? "[%s]:%u" : "%s:%u", text, port);
}
