/* opaque - what nobody recognises. */
#include "conversation/protocol.h"

static void ignore(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                   const struct tcp_chunk *chunk)
{
    (void)talk, (void)memory, (void)from, (void)chunk;
}

const struct protocol_ops opaque_ops = { NULL, ignore, NULL, NULL, false };
