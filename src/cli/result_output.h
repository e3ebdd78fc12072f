/* cli/result_output.h - rows of the warehouse on standard output, as a table, CSV or JSON, written
 * as they come. */
#ifndef CLI_RESULT_OUTPUT_H
#define CLI_RESULT_OUTPUT_H

#include "cli/output.h"

enum result_output_format {
    RESULT_OUTPUT_TABLE,
    RESULT_OUTPUT_CSV,
    RESULT_OUTPUT_JSON
};

/* Begins as {.out = …, .format = …}; the rest is its own. */
struct result_output {
    struct buf *out;
    enum result_output_format format;
    struct json_writer json;
    struct text_table *table; /* rows not printed yet */
    bool *is_text;            /* by column: something else than a number was in it */
    size_t columns;
    uint64_t rows;
    struct err err;
    enum err_code code;
};

void result_output_release(struct result_output *output);
/* A warehouse_row_fn; arg is the output. */
bool result_output_add(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells);
/* What comes after the last row; or the error that writing met. */
CHECKED enum err_code result_output_end(struct result_output *output, struct err *err);

#endif
