/*
 * fuzz_rule - any bytes as a rule file; what compiles is tried on its own cases, and any bytes as a
 * conversation.
 */
#include <stdint.h>
#include <string.h>

#include "cli/case_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = { "" };
    struct rules rules = { 0 };
    struct strbuf why = { 0 };
    if (rules_add(&rules, "fuzz.yaml", (const char *)data, size, &err) && rules.count > 0) {
        rules_link(&rules);
        for (int kind = 0; kind < CASE_KINDS; kind++)
            for (const struct rule_case *c = rules.items[0]->cases[kind]; c != NULL; c = c->next) {
                const struct case_expectation expectation = { rules.items[0]->id,
                                                              (enum case_kind)kind };
                if (strstr(c->conversation, "repeat") == NULL) /* large by design */
                    case_test(&rules, "case", c->conversation, strlen(c->conversation),
                              &expectation, &why);
            }
    }
    rules_free(&rules);
    strbuf_free(&why);
    return 0;
}
