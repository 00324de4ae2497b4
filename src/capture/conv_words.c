#include "capture/conv_words.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "base/text.h"

void conv_skip_space(const char **p)
{
    while (**p == ' ' || **p == '\t')
        ++*p;
}

bool conv_at_end(const char **p)
{
    conv_skip_space(p);
    return **p == '\0' || **p == '#';
}

bool conv_take(const char **p, const char *word)
{
    conv_skip_space(p);
    size_t length = strlen(word);
    if (strncmp(*p, word, length) != 0 || (isalnum((unsigned char)word[length - 1]) &&
                                           (isalnum((unsigned char)(*p)[length]))))
        return false;
    *p += length;
    return true;
}

bool conv_take_number(const char **p, uint64_t *number)
{
    if (!isdigit((unsigned char)**p))
        return false;
    *number = 0;
    while (isdigit((unsigned char)**p))
        *number = *number * 10 + (uint64_t)(*(*p)++ - '0');
    return true;
}

/* Seconds with up to nine decimals. */
bool conv_take_seconds(const char **p, int64_t *ns)
{
    uint64_t seconds;
    conv_skip_space(p);
    if (!conv_take_number(p, &seconds) || seconds > 1000000000)
        return false;
    *ns = (int64_t)seconds * NS_PER_S;
    if (**p != '.')
        return true;
    ++*p;
    for (int64_t unit = NS_PER_S / 10; isdigit((unsigned char)**p); unit /= 10)
        *ns += unit * (*(*p)++ - '0');
    return true;
}

/* 10.0.0.1:80, [2001:db8::1]:80 */
bool conv_take_endpoint(const char **p, uint8_t address[16], bool *ipv6, uint16_t *port)
{
    char text[INET6_ADDRSTRLEN];
    uint64_t n;
    conv_skip_space(p);
    *ipv6 = **p == '[';
    *p += *ipv6;
    size_t length = strcspn(*p, *ipv6 ? "]" : ": \t");
    if (length >= sizeof text || (*p)[length] == '\0')
        return false;
    memcpy(text, *p, length);
    text[length] = '\0';
    *p += length + *ipv6;
    if (inet_pton(*ipv6 ? AF_INET6 : AF_INET, text, address) != 1 || *(*p)++ != ':')
        return false;
    if (!conv_take_number(p, &n) || n > UINT16_MAX)
        return false;
    *port = (uint16_t)n;
    return true;
}

/* Two numbers of 32 bits. */
bool conv_take_pair(const char **p, char between, uint64_t *a, uint64_t *b)
{
    return conv_take_number(p, a) && *(*p)++ == between && conv_take_number(p, b) && *a <= UINT32_MAX && *b <= UINT32_MAX;
}

bool conv_take_flags(const char **p, unsigned *flags)
{
    static const char letters[] = "FSRP.";
    const char *start = *p;
    while (**p != '\0' && strchr(letters, **p) != NULL)
        *flags |= 1u << (strchr(letters, *(*p)++) - letters);
    return *p > start && (conv_at_end(p) || (*p)[-1] == ' ' || (*p)[-1] == '\t');
}
