/*
 * Segmentation must not matter: every conversation of tests/cases is analysed again with its payload
 * cut at every byte, and the findings must stay the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/analysis.h"

#define MAX_PACKETS 4096
#define MAX_CUTS 400

struct memory {
    struct packet packets[MAX_PACKETS];
    size_t count, next;
};

static enum capture_event memory_read(struct capture *capture, struct capture_batch *batch, struct err *err)
{
    (void)err;
    struct memory *memory = capture->state;
    while (batch->count < batch->max && memory->next < memory->count)
        batch->packets[batch->count++] = memory->packets[memory->next++];
    return batch->count > 0 ? CAPTURE_PACKETS : CAPTURE_END;
}

static void memory_close(struct capture *capture)
{
    struct memory *memory = capture->state;
    for (size_t i = 0; i < memory->count; i++)
        free((void *)memory->packets[i].data);
    free(memory);
}

static const struct capture_ops memory_ops = { memory_read, memory_close, NULL };

static size_t ip_bytes(const struct packet *packet)
{
    return packet->data[0] >> 4 == 6 ? 40 : 20;
}

static void add(struct memory *memory, const struct packet *packet, size_t from, size_t to,
                size_t header)
{
    /* Headers, then payload bytes [from, to). */
    assert_true(memory->count < MAX_PACKETS);
    size_t length = header + (to - from);
    uint8_t *data = malloc(length);
    assert_non_null(data);
    memcpy(data, packet->data, header);
    memcpy(data + header, packet->data + header + from, to - from);
    bool ipv6 = data[0] >> 4 == 6;
    uint8_t *of_length = data + (ipv6 ? 4 : 2), *tcp = data + ip_bytes(packet);
    size_t told = ipv6 ? length - 40 : length;
    of_length[0] = (uint8_t)(told >> 8);
    of_length[1] = (uint8_t)told;
    uint32_t seq = (uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7];
    seq += (uint32_t)from;
    for (int i = 0; i < 4; i++)
        tcp[4 + i] = (uint8_t)(seq >> (24 - 8 * i));
    if (header + to < packet->caplen)
        tcp[13] &= (uint8_t)~0x01; /* the FIN stays on the last part */
    struct packet *out = &memory->packets[memory->count++];
    *out = *packet;
    out->data = data;
    out->caplen = out->len = (uint32_t)length;
    out->frame = (uint32_t)memory->count;
}

/* The conversation with every payload cut after `cut` bytes; 0: as it is. */
static struct capture *recut(const char *path, size_t cut, const struct capture_secrets *secrets)
{
    struct err err = { "" };
    struct capture *original = capture_open(path, NULL, &err);
    if (original == NULL)
        fail_msg("%s", err.text);
    original->secrets = secrets;
    struct capture *capture = calloc(1, sizeof *capture);
    struct memory *memory = calloc(1, sizeof *memory);
    assert_true(capture != NULL && memory != NULL);
    capture->ops = &memory_ops;
    capture->state = memory;
    capture->info = (struct capture_info){ .file = path, .format = "conv", .dropped_packets = -1 };
    struct packet packet;
    struct capture_batch batch = { .packets = &packet, .max = 1 };
    while (capture_read(original, &batch, &err) == CAPTURE_PACKETS) {
        size_t ip = ip_bytes(&packet), header = ip + (size_t)(packet.data[ip + 12] >> 4) * 4;
        size_t payload = packet.caplen - header;
        bool whole = cut == 0 || cut >= payload || packet.caplen < packet.len;
        add(memory, &packet, 0, whole ? payload : cut, header);
        if (!whole)
            add(memory, &packet, cut, payload, header);
    }
    capture_close(original);
    return capture;
}

static void no_matter(void)
{
}

/* What is found in the conversation that is cut so, and on how many connections keys were used. */
static void findings(const char *path, size_t cut, const struct rules *rules, char *text, size_t size)
{
    struct err err = { "" };
    struct secrets secrets;
    assert_true(secrets_open(&secrets, NULL, NULL, false, 1, no_matter, &err));
    const struct analysis_options options = { .tracker.talks.key_log = secrets.log, .secrets = &secrets };
    struct capture_set *set = capture_set_of(recut(path, cut, &secrets.captures), &err);
    struct analysis *analysis = analysis_run(set, rules, &options, NULL, &err);
    if (analysis == NULL)
        fail_msg("%s", err.text);
    size_t count, used = 0;
    const struct finding *found = engine_findings(analysis->run->engine, &count);
    used = (size_t)snprintf(text, size, "keys=%d ", (int)tracker_counts(analysis->run->tracker)->tls_keys[TLS_KEYS_USED]);
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, size - used, "%s=%zu ", found[i].rule->id, found[i].count);
    analysis_free(analysis);
    secrets_close(&secrets);
}

static void cuts_do_not_matter(void **state)
{
    (void)state;
    const char *list = getenv("HANGUP_CONVERSATIONS");
    assert_non_null(list); /* the paths, separated by spaces; the Makefile gives them */
    char *copy = strdup(list), *rest = NULL;
    struct rules rules = { 0 };
    struct err err = { "" };
    assert_true(rules_add_builtin(&rules, true, &err));
    rules_link(&rules);
    size_t tried = 0;
    for (char *path = strtok_r(copy, " ", &rest); path != NULL;
         path = strtok_r(NULL, " ", &rest)) {
        char expected[512], found[512];
        findings(path, 0, &rules, expected, sizeof expected);
        if (strstr(expected, "mtu-black-hole") != NULL) /* the sizes of segments are its evidence */
            continue;
        if (strstr(path, "/http2/mid-stream") != NULL || strstr(path, "/http2/upgrade") != NULL) /* frames are found where a segment
                                                                                                     begins with some */
            continue;
        for (size_t cut = 1; cut < MAX_CUTS; cut++, tried++) {
            findings(path, cut, &rules, found, sizeof found);
            if (strcmp(expected, found) != 0)
                fail_msg("%s, cut after %zu bytes: %s instead of %s", path, cut, found, expected);
        }
    }
    assert_true(tried > 0);
    rules_free(&rules);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(cuts_do_not_matter) };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
