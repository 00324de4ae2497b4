/*
 * fuzz_capture - any bytes as a capture file, through the whole program up to both reports.
 */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/dev/shm/hangup-fuzz-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
    const char *const paths[] = { path };
    struct err err = { "" };
    static struct rules rules; /* compiled once: it is the capture that is fuzzed */
    if (rules.count == 0) {
        if (!rules_add_builtin(&rules, &err))
            abort();
        rules_link(&rules);
    }
    struct capture_set *set = capture_set_open(paths, 1, &err);
    const struct analysis_options options = { 0 };
    struct analysis *analysis =
        set != NULL ? analysis_run(set, &rules, &options, NULL, &err) : NULL;
    if (analysis != NULL) {
        const struct report_options report = { .max_connections = -1 };
        FILE *null = fopen("/dev/null", "w");
        report_text(analysis, &report, null);
        report_json(analysis, &report, null);
        fclose(null);
    }
    analysis_free(analysis);
    unlink(path);
    return 0;
}
