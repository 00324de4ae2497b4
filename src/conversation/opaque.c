/* opaque - what nobody recognises: its exchanges are told by turns alone. */
#include "conversation/protocol.h"
#include "conversation/turns.h"

static void input(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                  const struct tcp_chunk *chunk)
{
    turns_input(talk, memory, from, chunk, false);
}

const struct protocol_ops opaque_ops = { .input = input, .inferred = true };
