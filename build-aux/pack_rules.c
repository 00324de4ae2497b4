/*
 * pack_rules - the shipped rule files -> a C table of their names, texts and YAML nodes (src/rules/builtin.h), on standard output: the
 * program reads no YAML when it starts.
 *
 *     pack_rules FILE...
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static bool fail(const char *path, const char *what)
{
    fprintf(stderr, "pack_rules: %s: %s\n", path, what);
    return false;
}

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        long length = ftell(file);
        rewind(file);
        text = length >= 0 ? malloc((size_t)length + 1) : NULL;
        if (text != NULL)
            text[fread(text, 1, (size_t)length, file)] = '\0';
    }
    if (file != NULL)
        fclose(file);
    return text;
}

static void put_text(const char *text, size_t length)
{
    putchar('"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n')
            fputs(i + 1 < length ? "\\n\"\n\"" : "\\n", stdout);
        else if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < ' ' || c > '~' || c == '?')
            printf("\\%03o", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void put_children(const yaml_document_t *document, size_t file)
{
    size_t number = 0;
    for (const yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++, number++) {
        if (node->type == YAML_SEQUENCE_NODE) {
            printf("static const yaml_node_item_t items_%zu_%zu[] = {", file, number);
            for (const yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++)
                printf(" %d,", *item);
            puts(" 0 };");
        } else if (node->type == YAML_MAPPING_NODE) {
            printf("static const yaml_node_pair_t pairs_%zu_%zu[] = {", file, number);
            for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++)
                printf(" { %d, %d },", pair->key, pair->value);
            puts(" { 0, 0 } };");
        }
    }
}

static void put_node(const yaml_node_t *node, size_t file, size_t number)
{
    const yaml_mark_t *at = &node->start_mark;
    printf("  { .start_mark = { %zu, %zu, %zu }, ", at->index, at->line, at->column);
    if (node->type == YAML_SCALAR_NODE) {
        fputs(".type = YAML_SCALAR_NODE, .data.scalar = { (yaml_char_t *)", stdout);
        put_text((const char *)node->data.scalar.value, node->data.scalar.length);
        printf(", %zu, (yaml_scalar_style_t)%d } },\n", node->data.scalar.length, (int)node->data.scalar.style);
        return;
    }
    bool mapping = node->type == YAML_MAPPING_NODE;
    size_t count = mapping ? (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start)
                           : (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    const char *kind = mapping ? "pairs" : "items";
    printf(".type = %s, .data.%s = { PART(%s, %s_%zu_%zu, %zu) } } },\n",
           mapping ? "YAML_MAPPING_NODE" : "YAML_SEQUENCE_NODE", mapping ? "mapping = { .pairs" : "sequence = { .items",
           mapping ? "yaml_node_pair_t" : "yaml_node_item_t", kind, file, number, count);
}

static bool put_nodes(const char *path, const char *text, size_t length, size_t file)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser))
        return fail(path, "no memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    bool ok = yaml_parser_load(&parser, &document) || fail(path, parser.problem != NULL ? parser.problem : "no YAML");
    if (ok) {
        put_children(&document, file);
        printf("static const yaml_node_t nodes_%zu[] = {\n", file);
        size_t count = (size_t)(document.nodes.top - document.nodes.start);
        for (size_t i = 0; i < count; i++)
            put_node(&document.nodes.start[i], file, i);
        puts("};");
        printf("#define nodes_of_%zu &document_%zu\n", file, file);
        printf("static const yaml_document_t document_%zu = { .nodes = { PART(yaml_node_t, nodes_%zu, %zu) } };\n", file, file, count);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return ok;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* In shipped rules, cases come last and make up two thirds of the text: an analysis needs none. */
static size_t length_without_cases(const char *text)
{
    const char *cases = strstr(text, "\ncases:\n");
    return cases != NULL ? (size_t)(cases + 1 - text) : strlen(text);
}

/* Messages of programs: read where somebody searches. */
static bool is_for_search(const char *text)
{
    return strncmp(text, "messages:", strlen("messages:")) == 0;
}

int main(int argc, char **argv)
{
    bool ok = true;
    puts("/* Made from rules/ by build-aux/pack_rules.c. */\n#include <stddef.h>\n#include \"rules/builtin.h\"\n"
         "/* Nobody writes to what the reader of documents gets. */\n"
         "#define PART(type, array, count) (type *)array, (type *)array + (count), (type *)array + (count)");
    for (int i = 1; i < argc && ok; i++) {
        char *text = read_all(argv[i]);
        ok = text != NULL || fail(argv[i], "cannot read");
        if (ok && is_for_search(text))
            printf("#define nodes_of_%d NULL\n", i);
        else
            ok = ok && put_nodes(argv[i], text, length_without_cases(text), (size_t)i);
        if (ok) {
            printf("static const char text_%d[] = ", i);
            put_text(text, strlen(text));
            puts(";");
        }
        free(text);
    }
    puts("const struct builtin_file builtin_rules[] = {");
    for (int i = 1; i < argc; i++)
        printf("  { \"%s\", text_%d, nodes_of_%d },\n", name_of(argv[i]), i, i);
    puts("  { NULL, NULL, NULL }\n};");
    return ok && fflush(stdout) == 0 ? 0 : 1;
}
