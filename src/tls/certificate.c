#include "tls/certificate.h"

#include "base/text.h"

const char *const certificate_names[] = {
#define VALUE(id, name) [id] = name,
#include "tls/certificate.def"
#undef VALUE
    NULL,
};

#ifdef HAVE_LIBCRYPTO

#include <openssl/x509v3.h>
#include <string.h>

/* One more name, if there is room for it and for the dots of others. What is no letter, digit, or one of -._* is none. */
static void add_name(char names[CERTIFICATE_NAMES_BYTES], const unsigned char *name, size_t length)
{
    static const char comma[] = ", ", more[] = ", ...";
    size_t have = strlen(names), front = have > 0 ? strlen(comma) : 0;
    bool fits = have + front + length + strlen(more) < CERTIFICATE_NAMES_BYTES;
    bool has_more = have >= strlen(more) && strcmp(names + have - strlen(more), more) == 0;
    if (has_more || length == 0)
        return;
    if (!fits) {
        memcpy(names + have, more, sizeof more);
        return;
    }
    memcpy(names + have, comma, front);
    have += front;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = name[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-._*", c) != NULL);
        names[have++] = plain ? (char)c : '?';
    }
    names[have] = '\0';
}

/* Of its subjectAltName; the subject's common name counts where there is none (RFC 6125 section 6.4.4). */
static void list_names(X509 *x, char names[CERTIFICATE_NAMES_BYTES])
{
    names[0] = '\0';
    GENERAL_NAMES *alternatives = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(alternatives, i);
        if (name->type == GEN_DNS)
            add_name(names, ASN1_STRING_get0_data(name->d.dNSName), (size_t)ASN1_STRING_length(name->d.dNSName));
    }
    GENERAL_NAMES_free(alternatives);
    char common[CERTIFICATE_NAMES_BYTES];
    int length = names[0] == '\0' ? X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, common, sizeof common) : 0;
    if (length > 0)
        add_name(names, (const unsigned char *)common, strlen(common));
}

enum certificate certificate_read(const uint8_t *der, size_t length, const char *name, int64_t now_ns, char names[CERTIFICATE_NAMES_BYTES])
{
    names[0] = '\0';
    X509 *x = d2i_X509(NULL, &der, (long)length);
    if (x == NULL)
        return CERTIFICATE_NOT_READ;
    time_t now = (time_t)(now_ns / NS_PER_S);
    list_names(x, names);
    /* 0: the time cannot be read */
    int begins = X509_cmp_time(X509_get0_notBefore(x), &now), ends = X509_cmp_time(X509_get0_notAfter(x), &now);
    int names_it = name[0] != '\0' ? X509_check_host(x, name, strlen(name), 0, NULL) : 1;
    if (names_it == 0) /* an address is no name (RFC 6066 section 3), but some ask for it */
        names_it = X509_check_ip_asc(x, name, 0) == 1;
    X509_free(x);
    return begins == 0 || ends == 0 || names_it < 0 ? CERTIFICATE_NOT_READ
           : ends < 0                               ? CERTIFICATE_EXPIRED
           : begins > 0                             ? CERTIFICATE_NOT_YET_VALID
           : names_it == 0                          ? CERTIFICATE_OTHER_NAME
                                                    : CERTIFICATE_FITS;
}

#else

enum certificate certificate_read(const uint8_t *der, size_t length, const char *name, int64_t now_ns, char names[CERTIFICATE_NAMES_BYTES])
{
    (void)der, (void)length, (void)name, (void)now_ns;
    names[0] = '\0';
    return CERTIFICATE_NOT_READ;
}

#endif
