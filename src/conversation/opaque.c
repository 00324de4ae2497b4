/* opaque - what nobody recognises. */
#include "conversation/protocol.h"

const struct protocol_ops opaque_ops = { NULL, NULL, NULL, NULL, false };
