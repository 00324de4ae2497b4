/*
 * fuzz_capture - any bytes as a capture file, through the whole program up to both reports. Three threads must
 * report what one does.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both reports, one behind the other; NULL: the file was refused. */
static char *reports(const char *path, const struct rules *rules, size_t threads)
{
    const struct analysis_options options = { .threads = threads, .threads_always = true };
    const struct report_options report = { .max_connections = -1 };
    struct err err = { "" };
    struct capture_set *set = capture_set_open(&path, 1, &err);
    struct analysis *analysis = set != NULL ? analysis_run(set, rules, &options, NULL, &err) : NULL;
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
    char path[] = "/dev/shm/hangup-fuzz-XXXXXX";
    int fd = mkstemp(path);
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
