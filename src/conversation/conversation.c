#include "conversation/conversation.h"

#include <string.h>

#include "conversation/exchanges.h"
#include "conversation/parse.h"
#include "conversation/protocol.h"
#include "conversation/request_line.h"

const char *const protocol_names[] = {
#define VALUE(id, name, ops) [id] = name,
#include "conversation/protocols.def"
#undef VALUE
    NULL,
};

static const struct protocol_ops *const protocols[] = {
#define VALUE(id, name, ops) [id] = &ops,
#include "conversation/protocols.def"
#undef VALUE
};

#define PROTOCOLS (sizeof protocols / sizeof *protocols)

static const struct protocol_ops *ops_of(const struct conversation *talk)
{
    return protocols[talk->protocol];
}

/* From the last row on: HTTP/2 begins with what could be a request of HTTP/1. */
enum protocol protocol_recognise(const uint8_t *bytes, size_t length)
{
    for (size_t i = PROTOCOLS; i-- > 0;)
        if (protocols[i]->recognises != NULL && protocols[i]->recognises(bytes, length))
            return (enum protocol)i;
    return PROTOCOL_OPAQUE;
}

void conversation_memory_init(struct conversation_memory *memory, bool show_query, size_t parts)
{
    slab_init(&memory->exchanges, sizeof(struct exchange));
    slab_init(&memory->starts, sizeof(struct http_start));
    parse_memory_init(memory);
    text_pool_init(&memory->texts);
    intern_init(&memory->names, INTERN_MAX_TEXTS / parts);
    memory->show_query = show_query;
}

void conversation_memory_free(struct conversation_memory *memory)
{
    slab_free(&memory->exchanges);
    slab_free(&memory->parses);
    slab_free(&memory->heads);
    slab_free(&memory->starts);
    text_pool_free(&memory->texts);
    intern_free(&memory->names);
}

void conversation_init(struct conversation *talk, int client, bool mid_stream)
{
    talk->client = (int8_t)client;
    talk->mid_stream = mid_stream;
    talk->server_software = talk->client_software = "";
}

void conversation_become(struct conversation *talk, struct conversation_memory *memory, enum protocol protocol)
{
    for (int i = 0; i < 2; i++)
        start_drop(&talk->stream[i], memory);
    talk->protocol = (uint8_t)protocol;
    talk->stream[0].mode = talk->stream[1].mode = MODE_OPAQUE;
}

void conversation_input(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                        const struct tcp_chunk *chunk)
{
    const uint8_t before = talk->protocol;
    protocols[before]->input(talk, memory, from, chunk);
    if (talk->protocol != before && protocols[talk->protocol]->input != protocols[before]->input)
        protocols[talk->protocol]->input(talk, memory, from, chunk);
}

void conversation_fin(struct conversation *talk, struct conversation_memory *memory, unsigned from)
{
    const struct protocol_ops *ops = ops_of(talk);
    if (ops->finish != NULL)
        ops->finish(talk, memory, from);
}

void conversation_over(struct conversation *talk, struct conversation_memory *memory)
{
    for (int i = 0; i < 2 && talk->protocol == PROTOCOL_NONE; i++)
        if (talk->stream[i].mode == MODE_START && talk->stream[i].start != NULL)
            conversation_become(talk, memory, PROTOCOL_OPAQUE);
}

void conversation_free(struct conversation *talk, struct conversation_memory *memory)
{
    while (talk->first != NULL) {
        struct exchange *next = talk->first->next;
        exchange_give(memory, talk->first);
        talk->first = next;
    }
    if (talk->done != NULL)
        exchange_give(memory, talk->done);
    const struct protocol_ops *ops = ops_of(talk);
    if (ops->drop != NULL)
        ops->drop(talk, memory);
}

/* ---- what others may know ------------------------------------------------------------------------ */

bool conversation_is_framed(const struct conversation *talk)
{
    return ops_of(talk)->framed;
}

bool conversation_is_tunnel(const struct conversation *talk)
{
    return talk->stream[0].mode == MODE_TUNNEL;
}

bool conversation_reads(const struct conversation *talk, unsigned end)
{
    return ops_of(talk)->framed && talk->stream[end].mode == MODE_MESSAGES;
}

bool conversation_had_gap(const struct conversation *talk, unsigned end)
{
    return talk->stream[end].lost_bytes;
}

bool conversation_is_lost(const struct conversation *talk, unsigned end)
{
    return talk->stream[end].lost_bytes || talk->stream[end].mode == MODE_LOST;
}

struct tls_outcome conversation_tls(const struct conversation *talk, unsigned client, bool missing)
{
    static const struct tls_outcome none = { .alert_by = -1 };
    if (talk->protocol != PROTOCOL_TLS)
        return none;
    /* Before a handshake in mid-stream something else went by: a proxy's CONNECT, STARTTLS. */
    missing |= talk->stream[0].lost_bytes || talk->stream[1].lost_bytes;
    return tls_outcome(&talk->stream[client].tls, &talk->stream[!client].tls, missing);
}

/* ---- methods of HTTP -------------------------------------------------------------------------------- */

const char *http_method_name(uint8_t method)
{
    return method == HTTP_METHOD_OWN ? NULL : llhttp_method_name((llhttp_method_t)method);
}

const char *exchange_method(const struct exchange *x)
{
    return x->method == HTTP_METHOD_OWN ? x->own_method : http_method_name(x->method);
}

bool http_method_is_idempotent(uint8_t method)
{
    switch (method) {
    case HTTP_GET:
    case HTTP_HEAD:
    case HTTP_PUT:
    case HTTP_DELETE:
    case HTTP_OPTIONS:
    case HTTP_TRACE:
        return true;
    }
    return false;
}
