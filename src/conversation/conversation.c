#include "conversation/conversation.h"

#include <string.h>

#include "conversation/exchanges.h"
#include "conversation/parse.h"
#include "conversation/protocol.h"
#include "conversation/proxy_header.h"
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
    talk->server_software = talk->client_software = talk->proxied_client = "";
}

void conversation_become(struct conversation *talk, struct conversation_memory *memory, enum protocol protocol)
{
    for (int i = 0; i < 2; i++)
        start_drop(&talk->stream[i], memory);
    talk->protocol = (uint8_t)protocol;
    talk->stream[0].mode = talk->stream[1].mode = MODE_OPAQUE;
}

/* What a proxy says of its client before that one's first byte is taken off, whatever is spoken. */
static bool take_proxy_header(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                              const struct tcp_chunk *chunk, struct tcp_chunk *rest)
{
    struct strbuf client = { 0 };
    if (talk->protocol != PROTOCOL_NONE || talk->mid_stream || chunk->bytes == NULL || talk->client != (int)from ||
        talk->stream[from].mode != MODE_START || talk->stream[from].start != NULL)
        return false;
    size_t taken = proxy_header_read(chunk->bytes, chunk->length, &client);
    if (client.length > 0 && talk->proxied_client[0] == '\0') {
        const char *text = text_pool_take(&memory->texts, strbuf_text(&client));
        memory->failed |= text == NULL;
        talk->proxied_client = text != NULL ? text : "";
    }
    strbuf_free(&client);
    *rest = *chunk;
    rest->bytes += taken;
    rest->length -= (uint32_t)taken;
    rest->seq += (uint32_t)taken;
    return taken > 0;
}

void conversation_input(struct conversation *talk, struct conversation_memory *memory, unsigned from,
                        const struct tcp_chunk *chunk)
{
    struct tcp_chunk rest;
    if (take_proxy_header(talk, memory, from, chunk, &rest)) {
        if (rest.length == 0)
            return;
        chunk = &rest;
    }
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
        if ((talk->stream[i].mode == MODE_START && talk->stream[i].start != NULL) || talk->stream[i].not_understood)
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
    text_pool_give(&memory->texts, talk->proxied_client);
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
