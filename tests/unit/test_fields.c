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

/* Of the exchange that was completed last, and its connection. */
struct seen {
    const struct connection *connection;
    const struct exchange *exchange;
    int64_t values[MAX_FIELDS];
    size_t compared;
    const char *path;
};

static bool is_asked(const struct field *field)
{
    return field->known == KNOWN_EARLY && field->scope != SCOPE_GROUP;
}

static void on_exchange(void *context, struct connection *c, const struct exchange *x)
{
    struct seen *seen = context;
    struct record open = { .client = (uint8_t)(c->talk.client < 0 ? 0 : c->talk.client) };
    struct exchange_facts facts;
    open.protocol = c->talk.protocol;
    open.open_seen = c->open_seen;
    open.rtt = connection_rtt(c, open.client);
    connection_exchange(c, &open, x, &facts);
    const struct subject subject = { &open, &facts, NULL };
    size_t count;
    const struct field *fields = fields_all(&count);
    assert_true(count <= MAX_FIELDS);
    seen->connection = c;
    seen->exchange = x;
    for (size_t i = 0; i < count; i++)
        if (is_asked(&fields[i]))
            seen->values[i] = fields[i].get_integer(&subject);
}

static void on_connection(void *context, struct connection *c, struct record *record)
{
    struct seen *seen = context;
    if (seen->connection != c || seen->exchange != c->talk.done || !c->talk.done->settled)
        return;
    struct exchange_facts facts;
    connection_exchange(c, record, c->talk.done, &facts);
    const struct subject subject = { record, &facts, NULL };
    size_t count;
    const struct field *fields = fields_all(&count);
    for (size_t i = 0; i < count; i++) {
        if (!is_asked(&fields[i]))
            continue;
        int64_t now = fields[i].get_integer(&subject);
        if (now != seen->values[i] && now != NS_UNKNOWN) /* bytes that were lost since may hide it */
            fail_msg("%s: %s was %lld when the exchange was complete, and is %lld at the close", seen->path,
                     fields[i].name, (long long)seen->values[i], (long long)now);
        seen->compared++;
    }
}

static void follow(struct seen *seen)
{
    struct err err = { "" };
    struct capture *capture = capture_open(seen->path, &err);
    if (capture == NULL)
        fail_msg("%s", err.text);
    struct capture_set *set = capture_set_of(capture, &err);
    struct tracker_sink sink = { on_exchange, on_connection, seen };
    struct tracker *tracker = tracker_new(&(struct tracker_options){ 0 }, &sink, &err);
    assert_true(set != NULL && tracker != NULL);
    struct intake intake;
    struct packet packets[64];
    struct capture_batch batch = { .packets = packets, .max = 64 };
    struct intake_segment segments[64];
    intake_init(&intake);
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
    struct seen seen = { 0 };
    const char *list = getenv("HANGUP_CONVERSATIONS");
    assert_non_null(list); /* the paths, separated by spaces; the Makefile gives them */
    char *copy = strdup(list), *rest = NULL;
    for (char *path = strtok_r(copy, " ", &rest); path != NULL; path = strtok_r(NULL, " ", &rest)) {
        seen.path = path;
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
