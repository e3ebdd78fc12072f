/* pipeline/change_log.h - what a compare found: rows as JSON, deleted keys as JSON, and the entries
 * that the index gets. */
#ifndef PIPELINE_CHANGE_LOG_H
#define PIPELINE_CHANGE_LOG_H

#include "pipeline/capture.h"
#include "pipeline/row_json.h"

/* JSON lines of one kind, for one thread. */
struct row_output {
    struct row_json *json;
    struct object_writer *writer;
};
void row_output_init(struct row_output *output, struct object_set *set,
                     const struct record_column *columns, size_t count);
void row_output_release(struct row_output *output);
CHECKED enum err_code row_output_put(struct row_output *output, const struct span *fields,
                                     size_t size, struct err *err);

struct change_log {
    struct table_capture *capture;
    struct row_output rows;
    struct row_output keys;
    struct run_sorter *entries;
    uint64_t changed; /* new rows too */
    uint64_t deleted;
    uint64_t renewed;
    uint64_t *deleted_from; /* ascending */
    size_t from_count;
    size_t from_capacity;
    struct buf key_text;
    struct span *key_fields;
};
void change_log_init(struct change_log *log, struct table_capture *capture);
void change_log_release(struct change_log *log);
/* A new version of a row. */
CHECKED enum err_code change_log_put(struct change_log *log, const struct source_row *row,
                                     struct err *err);
/* Another xmin, the same content: only the index changes.  `batch` holds the last version. */
CHECKED enum err_code change_log_renew(struct change_log *log, const struct source_row *row,
                                       uint64_t batch, struct err *err);
CHECKED enum err_code change_log_delete(struct change_log *log, const struct index_entry *entry,
                                        struct err *err);
/* Finishes the objects, fills in the capture's record, and writes the next state. */
CHECKED enum err_code change_log_finish(struct change_log *log, struct fingerprint *fingerprint,
                                        struct err *err);

#endif
