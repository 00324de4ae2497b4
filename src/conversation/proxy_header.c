#include "conversation/proxy_header.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define V1_MOST_BYTES 107
#define V2_FIXED_BYTES 16

static const uint8_t v2_signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

static void add_endpoint(struct strbuf *out, int family, const void *address, unsigned port)
{
    char text[INET6_ADDRSTRLEN];
    if (inet_ntop(family, address, text, sizeof text) != NULL)
        strbuf_addf(out, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

/* "PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n" */
static size_t read_v1(const uint8_t *bytes, size_t length, struct strbuf *client)
{
    static const char begin[] = "PROXY ";
    size_t most = length < V1_MOST_BYTES ? length : V1_MOST_BYTES;
    if (memcmp(bytes, begin, length < sizeof begin - 1 ? length : sizeof begin - 1) != 0)
        return 0;
    const uint8_t *end = memchr(bytes, '\n', most);
    if (end == NULL && length < V1_MOST_BYTES)
        return PROXY_HEADER_PARTIAL;
    if (end == NULL || end[-1] != '\r')
        return 0;
    char line[V1_MOST_BYTES + 1], family[8], source[64], destination[64];
    unsigned port;
    size_t text = (size_t)(end - bytes) - 1;
    memcpy(line, bytes, text);
    line[text] = '\0';
    uint8_t address[16];
    if (sscanf(line, "PROXY %7s %63s %63s %5u", family, source, destination, &port) == 4 && port <= UINT16_MAX) {
        int af = strcmp(family, "TCP6") == 0 ? AF_INET6 : AF_INET;
        if (inet_pton(af, source, address) == 1) /* as it is written everywhere else */
            add_endpoint(client, af, address, port);
    } else if (strncmp(line, "PROXY UNKNOWN", 13) != 0) {
        return 0;
    }
    return (size_t)(end - bytes) + 1;
}

static size_t read_v2(const uint8_t *bytes, size_t length, struct strbuf *client)
{
    if (memcmp(bytes, v2_signature, length < sizeof v2_signature ? length : sizeof v2_signature) != 0 ||
        (length > sizeof v2_signature && bytes[12] >> 4 != 2))
        return 0;
    if (length < V2_FIXED_BYTES)
        return PROXY_HEADER_PARTIAL;
    size_t more = (size_t)bytes[14] << 8 | bytes[15];
    const uint8_t *p = bytes + V2_FIXED_BYTES;
    if (length < V2_FIXED_BYTES + more)
        return PROXY_HEADER_PARTIAL;
    if ((bytes[12] & 15) == 1 && bytes[13] == 0x11 && more >= 12)
        add_endpoint(client, AF_INET, p, (unsigned)p[8] << 8 | p[9]);
    else if ((bytes[12] & 15) == 1 && bytes[13] == 0x21 && more >= 36)
        add_endpoint(client, AF_INET6, p, (unsigned)p[32] << 8 | p[33]);
    return V2_FIXED_BYTES + more;
}

size_t proxy_header_read(const uint8_t *bytes, size_t length, struct strbuf *client)
{
    size_t v1 = read_v1(bytes, length, client);
    return v1 > 0 ? v1 : read_v2(bytes, length, client);
}
