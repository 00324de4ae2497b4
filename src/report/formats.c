#include "report/report.h"

static const struct report_format formats[] = {
    { "text", report_text },
    { "json", report_json },
};

const struct report_format *report_formats(size_t *count)
{
    *count = sizeof formats / sizeof *formats;
    return formats;
}
