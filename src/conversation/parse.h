/*
 * parse - messages, read by llhttp. Private to the floor.
 */
#ifndef HANGUP_CONVERSATION_PARSE_H
#define HANGUP_CONVERSATION_PARSE_H

#include "conversation/framing.h"
#include "conversation/head.h"

/* The bytes that one call hands in. */
struct feeding {
    struct conversation *talk;
    struct conversation_memory *memory;
    struct conversation_stream *stream;
    const struct tcp_chunk *chunk;
    unsigned from;
};

/* A message while it is being read. */
struct http_parse {
    llhttp_t parser;
    struct http_head *head; /* NULL when it is complete */
    const char *own_method; /* of a request: a method that llhttp does not list; NULL: it does */
    uint64_t chunk_left;
    bool in_method;         /* at the start of a request: llhttp has not been given its method yet */
    bool head_done;
    bool interim;           /* a response that is 1xx */
    bool in_chunk;          /* within the data of a body chunk */
};

void parse_memory_init(struct conversation_memory *memory);

/* At the start of a message of the stream's kind. NULL: no memory. */
struct http_parse *parse_new(struct conversation_memory *memory, bool is_request);
/* At the start of a body in chunks; its head was read without it. */
struct http_parse *parse_new_chunked(struct conversation_memory *memory, bool is_request);
void parse_give(struct conversation_memory *memory, struct http_parse *parse);

/* The next bytes of the stream's message. Takes the bytes behind the message's end off *length. false: llhttp refuses them. */
bool parse_feed(struct feeding *feeding, const uint8_t *bytes, size_t *length);

bool parse_ended(const struct http_parse *parse);

/* Bytes that its body surely still has, if a gap of that length begins now; 0: it cannot be told. */
uint64_t parse_body_left(const struct http_parse *parse, bool until_close, uint32_t gap);

/* That many of them were not captured. */
void parse_bridge(struct feeding *feeding, uint64_t length, bool until_close);

#endif
