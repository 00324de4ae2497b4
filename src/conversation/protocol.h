/*
 * protocol - what a protocol implements, and the table of them. Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_PROTOCOL_H
#define HANGUP_CONVERSATION_PROTOCOL_H

#include "conversation/conversation.h"

struct protocol_ops {
    /* Do the first bytes of an end look like this? NULL: nothing does. */
    bool (*recognises)(const uint8_t *bytes, size_t length);
    /* The next bytes, or gap, of one end; a protocol that takes over from another gets the chunk that it was recognised
     * by. */
    void (*input)(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                  const struct tcp_chunk *chunk);
    /* The end has sent its FIN. NULL: that says nothing. */
    void (*finish)(struct conversation *talk, struct conversation_memory *memory, unsigned from);
    /* Gives back what its streams hold. NULL: nothing. */
    void (*drop)(struct conversation *talk, struct conversation_memory *memory);
    /* Bytes of that end are missing, and nobody knows how many. NULL: its thread cannot be lost. */
    void (*lose)(struct conversation *talk, struct conversation_memory *memory, unsigned from);
    bool framed;   /* exchanges are read */
    bool inferred; /* exchanges come from turns (turns.h) */
};

/* The table is protocols.def; each row is implemented in a file of its own. */
#define VALUE(id, name, ops) extern const struct protocol_ops ops;
#include "conversation/protocols.def"
#undef VALUE

/* Which one the first bytes are; OPAQUE: none that is known. */
enum protocol protocol_recognise(const uint8_t *bytes, size_t length);

/* What TLS carries, where it is opened: as conversation_input of text in the clear. */
void conversation_read(struct conversation *talk, struct conversation_memory *memory, unsigned from, const struct tcp_chunk *chunk);

/* See struct protocol_ops. */
void conversation_lose(struct conversation *talk, struct conversation_memory *memory, unsigned from);
void conversation_drop(struct conversation *talk, struct conversation_memory *memory);

/* From now on it is this one. */
void conversation_become(struct conversation *talk, struct conversation_memory *memory, enum protocol protocol);

#endif
