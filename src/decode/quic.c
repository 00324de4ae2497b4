/* quic - QUIC, by its invariants (RFC 8999) and the versions that are known: HTTP/3 is not TCP's, but part of a site's traffic. */
#include "decode/layers.h"

enum { HTTPS_PORT = 443, LONG_HEADER = 0x80, FIXED_BIT = 0x40 };

/* Connection ids have at most 20 bytes in all versions so far (RFC 9000 section 17.2). */
#define LONGEST_CONNECTION_ID 20

/* The shortest packet with a short header (RFC 9000 section 10.3: what is shorter would be known for a stateless reset). */
#define SHORTEST_PACKET 21

static enum decoded by_version(uint32_t version)
{
    static const struct {
        uint32_t value, mask;
        enum decoded kind;
    } versions[] = {
        { 0x00000001, 0xffffffff, DECODED_QUIC_1 },     /* RFC 9000 */
        { 0x6b3343cf, 0xffffffff, DECODED_QUIC_2 },     /* RFC 9369 */
        { 0xff000000, 0xffffff00, DECODED_QUIC_DRAFT }, /* draft-ietf-quic-transport */
        { 0x51303000, 0xfffff000, DECODED_QUIC_GOOGLE }, /* "Q0..", IANA QUIC Versions registry */
    };
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        if ((version & versions[i].mask) == versions[i].value)
            return versions[i].kind;
    return DECODED_NOT_TCP;
}

enum decoded decode_quic(struct cursor *c, uint16_t source, uint16_t destination)
{
    const size_t length = c->left;
    const uint8_t first = cursor_u8(c);
    if (first & LONG_HEADER) {
        uint32_t version = cursor_u32(c);
        bool plausible = cursor_u8(c) <= LONGEST_CONNECTION_ID && !c->overrun;
        return plausible ? by_version(version) : DECODED_NOT_TCP;
    }
    bool https = source == HTTPS_PORT || destination == HTTPS_PORT;
    return https && first & FIXED_BIT && length >= SHORTEST_PACKET ? DECODED_QUIC_SHORT : DECODED_NOT_TCP;
}
