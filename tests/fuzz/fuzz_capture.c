/*
 * fuzz_capture - any bytes as a capture file, through the whole program up to both reports. Three threads must
 * report what one does. What begins as a text does is a conversation: so texts of records are reached, too, which nobody
 * can change within a capture unless he seals them anew.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void no_matter(void)
{
}

/* Both reports, one behind the other; NULL: the file was refused. */
static char *reports(const char *path, const struct rules *rules, size_t threads)
{
    const struct report_options report = { .max_connections = -1 };
    struct err err = { "" };
    struct secrets secrets;
    if (!secrets_open(&secrets, NULL, NULL, false, 1, no_matter, &err))
        abort();
    const struct analysis_options options = { .threads = threads, .threads_always = true, .secrets = &secrets,
                                              .tracker.talks.key_log = secrets.log };
    struct capture_set *set = capture_set_open(&path, 1, NULL, &secrets.captures, &err);
    struct analysis *analysis = set != NULL ? analysis_run(set, rules, &options, NULL, &err) : NULL;
    secrets_close(&secrets);
    if (analysis == NULL)
        return NULL;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        abort();
    report_text(analysis, &report, out);
    report_json(analysis, &report, out);
    fclose(out);
    analysis_free(analysis);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char suffix[] = ".conv";
    char path[] = "/dev/shm/hangup-fuzz-XXXXXX.conv";
    bool text = size > 0 && data[0] != 0 && strchr("#\nacekmr", data[0]) != NULL;
    if (!text)
        path[sizeof path - sizeof suffix] = '\0';
    int fd = mkstemps(path, text ? (int)strlen(suffix) : 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
    struct err err = { "" };
    static struct rules rules; /* compiled once: it is the capture that is fuzzed */
    if (rules.count == 0) {
        if (!rules_add_builtin(&rules, true, &err))
            abort();
        rules_link(&rules);
    }
    char *one = reports(path, &rules, 1), *three = reports(path, &rules, 3);
    if ((one == NULL) != (three == NULL) || (one != NULL && strcmp(one, three) != 0))
        abort();
    free(one);
    free(three);
    unlink(path);
    return 0;
}
