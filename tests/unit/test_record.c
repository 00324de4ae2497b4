/*
 * Records as lines: judged when they are read back, they give the same findings; so do two halves of the connections,
 * judged apart and merged. With every conversation of tests/cases. And what is no record is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "capture/capture_set.h"
#include "facts/record_io.h"
#include "judge/engine.h"

/* Judges at once, and writes. */
struct tee {
    struct tracker_sink judge;
    FILE *lines;
};

static enum interest on_exchange(void *context, const struct record *open, const struct exchange_facts *facts)
{
    struct tee *tee = context;
    return tee->judge.exchange(tee->judge.context, open, facts);
}

static void on_connection(void *context, struct record *record)
{
    struct tee *tee = context;
    record->request = ""; /* told once the judge wants it */
    assert_true(record_write(record, tee->lines));
    tee->judge.connection(tee->judge.context, record);
}

/* What was found, but for what only the report knows. */
static void tell(struct engine *engine, struct strbuf *out)
{
    size_t count;
    const struct finding *findings = engine_findings(engine, &count);
    for (size_t i = 0; i < count; i++) {
        const struct finding *f = &findings[i];
        strbuf_addf(out, "%s %zu %s %s\n%s\n%s\n", f->rule->id, f->count, f->confidence, f->accountable, f->what, f->cause);
        for (size_t j = 0; j < f->fixes.count; j++)
            strbuf_addf(out, "- %s\n", f->fixes.items[j]);
    }
    const struct undecided *undecided = engine_undecided(engine, &count);
    for (size_t i = 0; i < count; i++)
        strbuf_addf(out, "undecided %s %llu %s\n", undecided[i].rule->id, (unsigned long long)undecided[i].connections,
                    undecided[i].because);
}

/* Judges the capture and writes its records; what was found is added to `out`. */
static void judge_capture(const char *path, const struct rules *rules, FILE *lines, struct strbuf *out)
{
    struct err err = { "" };
    struct capture *capture = capture_open(path, NULL, &err);
    if (capture == NULL)
        fail_msg("%s", err.text);
    struct capture_set *set = capture_set_of(capture, &err);
    struct engine *engine = engine_new(rules, &err);
    struct tee tee = { engine_sink(engine), lines };
    struct tracker_sink sink = { on_exchange, on_connection, &tee, tee.judge.usual_early, tee.judge.usual_at_close };
    struct tracker *tracker = tracker_new(&(struct tracker_options){ 0 }, &sink, &err);
    struct packet packets[64];
    struct capture_batch batch = { .packets = packets, .max = 64 };
    struct intake_segment segments[64];
    struct intake intake;
    assert_true(intake_init(&intake, NULL));
    while (capture_set_read(set, &batch, &err) == CAPTURE_PACKETS) {
        size_t n = intake_packets(&intake, packets, batch.count, segments);
        tracker_begin(tracker, intake.first_ns);
        assert_true(tracker_segments(tracker, segments, n, &err));
    }
    assert_true(tracker_finish(tracker, intake.now_ns, &err));
    assert_true(engine_finish(engine, &err));
    tell(engine, out);
    engine_free(engine);
    tracker_free(tracker);
    capture_set_close(set);
}

/* Reads lines and judges them by so many engines, which are merged. */
static void judge_lines(const char *text, const struct rules *rules, size_t parts, struct strbuf *out)
{
    struct err err = { "" };
    struct arena arena = { 0 };
    struct engine *engines[2] = { engine_new(rules, &err), parts > 1 ? engine_new(rules, &err) : NULL };
    for (const char *line = text, *end; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        struct record *record = record_read(line, (size_t)(end - line), &arena, &err);
        if (record == NULL)
            fail_msg("%s", err.text);
        struct tracker_sink sink = engine_sink(engines[record->id % 3 % parts]);
        sink.connection(sink.context, record);
    }
    if (parts > 1)
        assert_true(engine_merge(engines[0], engines[1], &err));
    assert_true(engine_finish(engines[0], &err));
    tell(engines[0], out);
    engine_free(engines[0]);
    engine_free(engines[1]);
    arena_free(&arena);
}

static void the_same_findings(void **state)
{
    (void)state;
    const char *list = getenv("HANGUP_CONVERSATIONS");
    assert_non_null(list); /* the paths, separated by spaces; the Makefile gives them */
    char *copy = strdup(list), *rest = NULL;
    struct rules rules = { 0 };
    struct err err = { "" };
    size_t compared = 0;
    const char *kept = getenv("HANGUP_RECORDS"); /* a file to add the lines to: schema.test reads it */
    FILE *keep = kept != NULL ? fopen(kept, "w") : NULL;
    assert_true(rules_add_builtin(&rules, false, &err));
    rules_link(&rules);
    for (char *path = strtok_r(copy, " ", &rest); path != NULL; path = strtok_r(NULL, " ", &rest)) {
        struct strbuf direct = { 0 };
        char *text = NULL;
        size_t size = 0;
        FILE *lines = open_memstream(&text, &size);
        judge_capture(path, &rules, lines, &direct);
        fclose(lines);
        if (keep != NULL)
            fwrite(text, 1, size, keep);
        for (size_t parts = 1; parts <= 2; parts++) {
            struct strbuf read = { 0 };
            judge_lines(text, &rules, parts, &read);
            if (strcmp(strbuf_text(&direct), strbuf_text(&read)) != 0)
                fail_msg("%s, %zu parts: %s\ninstead of\n%s", path, parts, strbuf_text(&read), strbuf_text(&direct));
            compared += read.length;
            strbuf_free(&read);
        }
        strbuf_free(&direct);
        free(text);
    }
    assert_true(compared > 10000);
    if (keep != NULL)
        fclose(keep);
    rules_free(&rules);
    free(copy);
}

static void no_records(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "", "{", "[]", "{}", "{\"schema\":\"hangup.record/2\"}", "{\"schema\":\"hangup.record/1\",\"history\":\"S\"}",
        "{\"schema\":\"hangup.record/1\",\"history\":\"SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS\"}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct arena arena = { 0 };
        struct err err = { "" };
        assert_null(record_read(lines[i], strlen(lines[i]), &arena, &err));
        assert_true(strncmp(err.text, "record: ", 8) == 0);
        arena_free(&arena);
    }
}

/* Each number of a record in turn is made too large, and is refused or harmless. */
static void wrong_numbers(void **state)
{
    (void)state;
    struct record record = { .history = "Sh", .server_software = "", .client_software = "", .server_via = "",
                             .client_via = "", .proxied_client = "", .server_name = "", .certificate_names = "", .request = "" };
    char *text = NULL;
    size_t size = 0;
    FILE *lines = open_memstream(&text, &size);
    assert_true(record_write(&record, lines));
    fclose(lines);
    size_t refused = 0, numbers = 0;
    struct strbuf wrong = { 0 };
    for (const char *at = text; (at = strpbrk(at, "0123456789")) != NULL; at += strspn(at, "0123456789")) {
        if (strchr(":[,-", at[-1]) == NULL)
            continue; /* within a name */
        strbuf_clear(&wrong);
        strbuf_add(&wrong, text, (size_t)(at - text));
        strbuf_adds(&wrong, "9999999999");
        strbuf_adds(&wrong, at + strspn(at, "0123456789"));
        struct arena arena = { 0 };
        struct err err = { "" };
        refused += record_read(strbuf_text(&wrong), wrong.length - 1, &arena, &err) == NULL;
        numbers++;
        arena_free(&arena);
    }
    assert_true(numbers > 80 && refused > 60); /* the others are of 64 bits */
    strbuf_free(&wrong);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_findings),
        cmocka_unit_test(no_records),
        cmocka_unit_test(wrong_numbers),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
