#include "track/roles.h"

#include <string.h>

static bool hint_matches(const struct server_hint *hint, const struct tcp_tuple *tuple, int end)
{
    if (hint->port != 0 && hint->port != tuple->port[end])
        return false;
    if (!hint->has_address)
        return true;
    if (hint->ipv6 != tuple->ipv6)
        return false;
    unsigned bytes = hint->prefix / 8, bits = hint->prefix % 8;
    if (memcmp(hint->address.bytes, tuple->address[end].bytes, bytes) != 0)
        return false;
    return bits == 0 || ((hint->address.bytes[bytes] ^ tuple->address[end].bytes[bytes]) &
                         (0xff << (8 - bits))) == 0;
}

int role_hinted_client(const struct server_hint *hints, size_t count,
                       const struct tcp_tuple *tuple)
{
    for (size_t i = 0; i < count; i++)
        for (int end = 0; end < 2; end++)
            if (hint_matches(&hints[i], tuple, end))
                return !end;
    return -1;
}

int role_guessed_client(const struct tcp_tuple *tuple)
{
    return tuple->port[0] >= tuple->port[1] ? 0 : 1;
}
