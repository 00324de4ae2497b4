#include "report/report.h"

static const struct report_format formats[] = {
#define FORMAT(name, function) { name, function },
#include "report/formats.def"
#undef FORMAT
};

const struct report_format *report_formats(size_t *count)
{
    *count = sizeof formats / sizeof *formats;
    return formats;
}
