#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

static void print_wrapped(const char *text, int indent)
{
    int column = indent;
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        if (column > indent && column + (int)length >= 80) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        printf("%s%.*s", column > indent ? " " : "", (int)length, text);
        column += (int)length + 1;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

int run_fields(const struct options *options, const struct cli_signals *signals)
{
    (void)options, (void)signals;
    size_t count;
    const struct field *fields = fields_all(&count);
    for (int scope = SCOPE_CONNECTION; scope <= SCOPE_GROUP; scope++) {
        printf("%sFacts about one %s\n", scope > 0 ? "\n" : "", scope_name((enum scope)scope));
        for (size_t i = 0; i < count; i++) {
            if (fields[i].scope != (enum scope)scope)
                continue;
            printf("  %-26s %-9s ", fields[i].name, value_type_name(fields[i].type));
            /* What is the rule in a scope is not said of each. */
            bool early = fields[i].known == KNOWN_EARLY;
            bool remark = scope != SCOPE_GROUP && early != (scope == SCOPE_EXCHANGE);
            char text[512];
            snprintf(text, sizeof text, "%s%s", fields[i].meaning,
                     !remark ? "" : early ? " [known before the close]" : " [known at the close]");
            print_wrapped(text, 39);
        }
    }
    puts("\nEvents that a rule may name as evidence");
    for (int id = 0; id < MARKS; id++)
        printf("  %-26s %s\n", mark_name((enum mark_id)id), mark_text((enum mark_id)id));
    return EXIT_ANALYSED;
}
