#include "report/community_id.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <string.h>

void community_id(const struct tcp_tuple *tuple, char id[COMMUNITY_ID_BYTES])
{
    size_t length = tuple->ipv6 ? 16 : 4;
    int order = memcmp(tuple->address[0].bytes, tuple->address[1].bytes, length);
    unsigned low = order < 0 || (order == 0 && tuple->port[0] <= tuple->port[1]) ? 0 : 1;
    const uint8_t seed[2] = { 0, 0 }, protocol[2] = { 6, 0 }; /* TCP, padding */
    const uint8_t ports[4] = {
        (uint8_t)(tuple->port[low] >> 8),
        (uint8_t)tuple->port[low],
        (uint8_t)(tuple->port[!low] >> 8),
        (uint8_t)tuple->port[!low],
    };
    struct sha1_ctx sha1;
    uint8_t digest[SHA1_DIGEST_SIZE];
    sha1_init(&sha1);
    sha1_update(&sha1, sizeof seed, seed);
    sha1_update(&sha1, length, tuple->address[low].bytes);
    sha1_update(&sha1, length, tuple->address[!low].bytes);
    sha1_update(&sha1, sizeof protocol, protocol);
    sha1_update(&sha1, sizeof ports, ports);
    sha1_digest(&sha1, sizeof digest, digest);
    memcpy(id, "1:", 2);
    base64_encode_raw(id + 2, sizeof digest, digest);
    id[2 + BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE)] = '\0';
}
