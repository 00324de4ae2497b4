/*
 * The registry promises when a fact is known. Every conversation of tests/cases is followed, and what is said of an
 * exchange when it is complete must still be said when its connection is over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/capture_set.h"
#include "track/tracker.h"
#include "lang/fields.h"

#define MAX_FIELDS 256

/* What was said of exchanges when they were complete, by where their requests lie. */
struct said {
    uint32_t seq, frame;
    int64_t values[MAX_FIELDS];
};

#define MAX_SAID 4096

struct seen {
    struct said said[MAX_SAID];
    size_t count;
    size_t compared;
    const char *path;
};

static bool is_asked(const struct field *field)
{
    return field->known == KNOWN_EARLY && field->scope != SCOPE_GROUP;
}

static enum interest on_exchange(void *context, const struct record *open, const struct exchange_facts *facts)
{
    struct seen *seen = context;
    const struct subject subject = { open, facts, NULL };
    size_t count;
    const struct field *fields = fields_all(&count);
    assert_true(count <= MAX_FIELDS && seen->count < MAX_SAID);
    struct said *said = &seen->said[seen->count++];
    *said = (struct said){ .seq = facts->exchange->response.seq, .frame = facts->exchange->response.first_frame };
    for (size_t i = 0; i < count; i++)
        if (is_asked(&fields[i]))
            said->values[i] = fields[i].get_integer(&subject);
    return INTEREST_NONE;
}

static const struct said *find_said(const struct seen *seen, const struct exchange *x)
{
    for (size_t i = 0; i < seen->count; i++)
        if (seen->said[i].seq == x->response.seq && seen->said[i].frame == x->response.first_frame)
            return &seen->said[i];
    return NULL;
}

static void on_connection(void *context, struct record *record)
{
    struct seen *seen = context;
    const struct exchange_record *last = record->exchange_list;
    if (last == NULL || last->place != EXCHANGE_LAST || !last->facts.exchange->settled)
        return;
    const struct said *said = find_said(seen, last->facts.exchange);
    assert_non_null(said);
    const struct subject subject = { record, &last->facts, NULL };
    size_t count;
    const struct field *fields = fields_all(&count);
    for (size_t i = 0; i < count; i++) {
        if (!is_asked(&fields[i]))
            continue;
        int64_t now = fields[i].get_integer(&subject);
        if (now != said->values[i] && now != NS_UNKNOWN) /* bytes that were lost since may hide it */
            fail_msg("%s: %s was %lld when the exchange was complete, and is %lld at the close", seen->path,
                     fields[i].name, (long long)said->values[i], (long long)now);
        seen->compared++;
    }
}

static void follow(struct seen *seen)
{
    struct err err = { "" };
    struct capture *capture = capture_open(seen->path, NULL, &err);
    if (capture == NULL)
        fail_msg("%s", err.text);
    struct capture_set *set = capture_set_of(capture, &err);
    struct tracker_sink sink = { on_exchange, on_connection, seen, true, true };
    struct tracker *tracker = tracker_new(&(struct tracker_options){ 0 }, &sink, &err);
    assert_true(set != NULL && tracker != NULL);
    struct intake intake;
    struct packet packets[64];
    struct capture_batch batch = { .packets = packets, .max = 64 };
    struct intake_segment segments[64];
    assert_true(intake_init(&intake, NULL));
    while (capture_set_read(set, &batch, &err) == CAPTURE_PACKETS) {
        size_t n = intake_packets(&intake, packets, batch.count, segments);
        tracker_begin(tracker, intake.first_ns);
        assert_true(tracker_segments(tracker, segments, n, &err));
    }
    assert_true(tracker_finish(tracker, intake.now_ns, &err));
    tracker_free(tracker);
    capture_set_close(set);
}

static void early_facts_stay(void **state)
{
    (void)state;
    static struct seen seen;
    const char *list = getenv("HANGUP_CONVERSATIONS");
    assert_non_null(list); /* the paths, separated by spaces; the Makefile gives them */
    char *copy = strdup(list), *rest = NULL;
    for (char *path = strtok_r(copy, " ", &rest); path != NULL; path = strtok_r(NULL, " ", &rest)) {
        seen.path = path;
        seen.count = 0;
        follow(&seen);
    }
    assert_true(seen.compared > 1000);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(early_facts_stay),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
