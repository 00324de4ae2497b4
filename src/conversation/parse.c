#include "conversation/parse.h"

#include <string.h>

#include "conversation/detect.h"

/* ---- llhttp's callbacks: parser->data is the feeding --------------------------------------- */

static int on_target(llhttp_t *parser, const char *at, size_t length)
{
    const struct feeding *f = parser->data;
    if (f->stream->parse->head != NULL)
        target_add(&f->stream->parse->head->target, at, length, f->memory->show_query);
    return 0;
}

static int on_target_complete(llhttp_t *parser)
{
    const struct feeding *f = parser->data;
    if (f->stream->parse->head != NULL && f->stream->exchange != NULL)
        target_take(&f->stream->parse->head->target, f->stream->exchange, f->memory);
    return 0;
}

static int on_field_name(llhttp_t *parser, const char *at, size_t length)
{
    const struct feeding *f = parser->data;
    if (f->stream->parse->head != NULL)
        head_add_name(f->stream->parse->head, at, length);
    return 0;
}

static int on_field_name_complete(llhttp_t *parser)
{
    const struct feeding *f = parser->data;
    if (f->stream->parse->head != NULL)
        head_end_name(f->stream->parse->head);
    return 0;
}

static int on_field_value(llhttp_t *parser, const char *at, size_t length)
{
    const struct feeding *f = parser->data;
    if (f->stream->parse->head != NULL)
        head_add_value(f->stream->parse->head, at, length);
    return 0;
}

static int on_field_complete(llhttp_t *parser)
{
    const struct feeding *f = parser->data;
    struct conversation_stream *stream = f->stream;
    if (stream->parse->head != NULL && stream->exchange != NULL)
        head_take_added(stream->parse->head, stream->is_request, stream->exchange, f->talk,
                        f->memory);
    return 0;
}

static int on_head_complete(llhttp_t *parser)
{
    const struct feeding *f = parser->data;
    struct conversation_stream *stream = f->stream;
    const struct http_framing framing = {
        .content_length = parser->content_length,
        .flags = parser->flags,
        .status = parser->status_code,
        .method = stream->parse->own_method != NULL ? HTTP_METHOD_OWN : parser->method,
        .http_1_0 = parser->http_major == 1 && parser->http_minor == 0,
    };
    stream->parse->head_done = true;
    if (stream->parse->head != NULL)
        slab_give(&f->memory->heads, stream->parse->head);
    stream->parse->head = NULL;
    if (stream->exchange == NULL)
        return HTTP_BODY_AS_FRAMED;
    stream->parse->interim = !stream->is_request && framing_is_interim(&framing);
    if (stream->parse->own_method != NULL)
        stream->exchange->own_method = stream->parse->own_method;
    return framing_head(&framing, stream->is_request, stream->exchange, f->chunk);
}

static int on_chunk_header(llhttp_t *parser)
{
    struct http_parse *parse = ((const struct feeding *)parser->data)->stream->parse;
    parse->chunk_left = parser->content_length;
    parse->in_chunk = parse->chunk_left > 0;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    (void)at;
    const struct feeding *f = parser->data;
    const struct conversation_stream *stream = f->stream;
    struct http_parse *parse = stream->parse;
    if (parse->in_chunk) {
        parse->chunk_left -= length < parse->chunk_left ? length : parse->chunk_left;
        parse->in_chunk = parse->chunk_left > 0;
    }
    if (stream->exchange != NULL)
        framing_body(stream->exchange, stream->is_request, length, f->chunk);
    return 0;
}

/* Stops the parser behind each message: every message gets a fresh one. */
static int on_message_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static llhttp_settings_t parser_settings(void)
{
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_url = on_target;
    settings.on_url_complete = on_target_complete;
    settings.on_header_field = on_field_name;
    settings.on_header_field_complete = on_field_name_complete;
    settings.on_header_value = on_field_value;
    settings.on_header_value_complete = on_field_complete;
    settings.on_headers_complete = on_head_complete;
    settings.on_chunk_header = on_chunk_header;
    settings.on_body = on_body;
    settings.on_message_complete = on_message_complete;
    return settings;
}

/* ---- messages -------------------------------------------------------------------------- */

/* An observer reads what others accept; refusing is the endpoints' business. */
static void parser_init(llhttp_t *parser, llhttp_type_t type, const llhttp_settings_t *settings)
{
    llhttp_init(parser, type, settings);
    llhttp_set_lenient_headers(parser, 1);
    llhttp_set_lenient_chunked_length(parser, 1);
    llhttp_set_lenient_keep_alive(parser, 1);
    llhttp_set_lenient_transfer_encoding(parser, 1);
}

void parse_memory_init(struct conversation_memory *memory)
{
    static const char *const starts[] = { "HTTP/1.1 200 OK\r\n", "POST / HTTP/1.1\r\n" };
    static const char rest[] = "Transfer-Encoding: chunked\r\n\r\n";
    slab_init(&memory->parses, sizeof(struct http_parse));
    slab_init(&memory->heads, sizeof(struct http_head));
    memory->settings = parser_settings();
    llhttp_settings_t deaf;
    llhttp_settings_init(&deaf);
    for (int request = 0; request < 2; request++) {
        llhttp_type_t type = request ? HTTP_REQUEST : HTTP_RESPONSE;
        parser_init(&memory->fresh[request], type, &memory->settings);
        llhttp_t *chunked = &memory->chunked[request]; /* reads a head, and waits for its body */
        parser_init(chunked, type, &deaf);
        llhttp_execute(chunked, starts[request], strlen(starts[request]));
        llhttp_execute(chunked, rest, sizeof rest - 1);
        chunked->settings = &memory->settings;
    }
}

static struct http_parse *new_parse(struct conversation_memory *memory, const llhttp_t *parser)
{
    struct http_parse *parse = slab_take(&memory->parses);
    if (parse != NULL)
        parse->parser = *parser;
    else
        memory->failed = true;
    return parse;
}

struct http_parse *parse_new(struct conversation_memory *memory, bool is_request)
{
    struct http_parse *parse = new_parse(memory, &memory->fresh[is_request]);
    if (parse == NULL)
        return NULL;
    parse->in_method = is_request;
    if ((parse->head = slab_take(&memory->heads)) != NULL)
        return parse;
    memory->failed = true;
    parse_give(memory, parse);
    return NULL;
}

struct http_parse *parse_new_chunked(struct conversation_memory *memory, bool is_request)
{
    struct http_parse *parse = new_parse(memory, &memory->chunked[is_request]);
    if (parse != NULL)
        parse->head_done = true;
    return parse;
}

void parse_give(struct conversation_memory *memory, struct http_parse *parse)
{
    if (parse->head != NULL)
        slab_give(&memory->heads, parse->head);
    slab_give(&memory->parses, parse);
}

/* llhttp knows some fifty methods and refuses all others, though any token is one (RFC 9110 section 9.1). So the
 * token is read here, and llhttp is told PUT where it does not know it (after POST it takes RTSP as well): where a
 * request's body ends does not depend on the method (RFC 9112 section 6.3). */
static llhttp_errno_t give_method(const struct feeding *f, struct http_parse *parse)
{
    static const char *const listed[] = {
#define METHOD(number, name, string) #string,
        HTTP_METHOD_MAP(METHOD)
#undef METHOD
    };
    struct http_head *head = parse->head;
    const char *told = NULL;
    for (size_t i = 0; i < sizeof listed / sizeof *listed && told == NULL; i++)
        if (strlen(listed[i]) == head->method_length && memcmp(listed[i], head->method, head->method_length) == 0)
            told = listed[i];
    if (told == NULL) {
        told = "PUT";
        parse->own_method = intern_text(&f->memory->names, head->method, head->method_length);
        f->memory->failed |= parse->own_method == NULL;
    }
    parse->in_method = false;
    llhttp_errno_t result = llhttp_execute(&parse->parser, told, strlen(told));
    return result == HPE_OK ? llhttp_execute(&parse->parser, " ", 1) : result;
}

/* Takes the method off the bytes, and the space behind it when that is there. */
static llhttp_errno_t read_method(const struct feeding *f, const uint8_t **bytes, size_t *length)
{
    struct http_parse *parse = f->stream->parse;
    struct http_head *head = parse->head;
    while (parse->in_method && *length > 0) {
        uint8_t byte = *(*bytes)++;
        --*length;
        if (byte == ' ' && head->method_length > 0)
            return give_method(f, parse);
        if (!detect_is_token(byte) || head->method_length == HTTP_METHOD_BYTES)
            return HPE_INVALID_METHOD;
        head->method[head->method_length++] = (char)byte;
    }
    return HPE_OK;
}

bool parse_feed(struct feeding *f, const uint8_t *bytes, size_t *length)
{
    llhttp_t *parser = &f->stream->parse->parser;
    const uint8_t *rest = bytes;
    size_t rest_length = *length;
    parser->data = f;
    llhttp_errno_t result = read_method(f, &rest, &rest_length);
    if (result == HPE_OK && rest_length > 0)
        result = llhttp_execute(parser, (const char *)rest, rest_length);
    parser->data = NULL;
    if (result == HPE_PAUSED || result == HPE_PAUSED_UPGRADE) /* an upgrade that was only asked for */
        *length = (size_t)(llhttp_get_error_pos(parser) - (const char *)bytes); /* is no upgrade */
    return result == HPE_OK || parse_ended(f->stream->parse);
}

bool parse_ended(const struct http_parse *parse)
{
    llhttp_errno_t result = llhttp_get_errno(&parse->parser);
    return result == HPE_PAUSED || result == HPE_PAUSED_UPGRADE;
}

uint64_t parse_body_left(const struct http_parse *parse, bool until_close, uint32_t gap)
{
    const llhttp_t *parser = &parse->parser;
    if (!parse->head_done)
        return 0;
    if (parse->in_chunk) /* behind its end comes what has to be read */
        return gap <= parse->chunk_left ? parse->chunk_left : 0;
    if (until_close)
        return UINT64_MAX;
    bool counted = !(parser->flags & F_CHUNKED) && parser->flags & F_CONTENT_LENGTH;
    return counted ? parser->content_length : 0;
}

/* llhttp only counts body bytes: all but the last are taken off its count, and any byte stands for the last,
 * which may end the message. */
void parse_bridge(struct feeding *f, uint64_t length, bool until_close)
{
    struct conversation_stream *stream = f->stream;
    struct http_parse *parse = stream->parse;
    uint64_t skipped = length - 1;
    size_t last = 1;
    if (parse->in_chunk || !until_close)
        parse->parser.content_length -= skipped;
    if (parse->in_chunk)
        parse->chunk_left -= skipped;
    if (!stream->is_request && stream->exchange != NULL)
        stream->exchange->response_body_seen += skipped;
    parse_feed(f, (const uint8_t *)"x", &last);
}
