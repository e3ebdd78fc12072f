/* app/pipeline_document.h - the pipeline's health as one JSON document: docs/reference/http-api.md,
 * api/pipeline.  Served by web/, written by publish. */
#ifndef APP_PIPELINE_DOCUMENT_H
#define APP_PIPELINE_DOCUMENT_H

#include "app/app.h"
#include "app/run_state.h"

/* Rows of the warehouse's tables; they cost a look at each. */
struct pipeline_counts {
    const char **models;
    int64_t *rows; /* -1: not known */
    size_t count;
};

struct pipeline_view {
    const struct pipeline_counts *counts; /* NULL: not known */
    bool loaded_known;                    /* false: the warehouse was not looked at yet */
    uint64_t loaded_batch;
    int64_t loaded_captured_us;
    struct run_state run;
    bool timeless; /* as of the newest snapshot: equal batches give equal documents */
};

enum {
    PIPELINE_BATCHES = 30
};

/* Counts the tables that the newest processed record names. */
CHECKED enum err_code pipeline_count_rows(struct app *app, struct warehouse *warehouse,
                                          struct arena *arena, struct pipeline_counts *ret_counts,
                                          struct err *err);

/* Reads the records of the newest batches; appends the document. */
CHECKED enum err_code pipeline_document(struct app *app, const struct pipeline_view *view,
                                        struct buf *ret_text, struct err *err);

#endif
