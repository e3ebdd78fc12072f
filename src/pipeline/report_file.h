/* pipeline/report_file.h - one report's file: its header of directives.  For report.c. */
#ifndef PIPELINE_REPORT_FILE_H
#define PIPELINE_REPORT_FILE_H

#include "pipeline/report_sql.h"

/* Reads the header into both; `report` is NULL for a set.  The texts live in the arena. */
CHECKED enum err_code report_file_parse(const char *text, struct arena *arena,
                                        struct report_source *source, struct report *report,
                                        struct err *err);

#endif
