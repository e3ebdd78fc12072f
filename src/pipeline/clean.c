#include "pipeline/clean.h"

#include <inttypes.h>
#include <string.h>

#include "base/digest.h"
#include "base/text.h"
#include "base/workers.h"
#include "pipeline/clean_reading.h"

enum {
    ROW_BYTES = 4 << 20,
    ROW_BYTES_STEP = 8,
    ROW_BYTES_MAX = 256 << 20
};

/* --- objects --- */

struct object_tasks {
    const struct record_object *objects;
    const char *const *paths;
    uint64_t batch;
};

static enum err_code verify_one(void *arg, unsigned worker, size_t index, struct err *err)
{
    const struct object_tasks *tasks = arg;
    const struct record_object *object = &tasks->objects[index];
    char sha256[SHA256_HEX_SIZE];
    (void)worker;
    TRY(sha256_of_file(tasks->paths[index], sha256, err));
    if (text_equal(sha256, object->sha256))
        return ERR_OK;
    (void)err_set(err, ERR_DATA,
                  "object '%s' is not what the record of batch %" PRIu64 " says: its "
                  "SHA-256 differs",
                  object->key, tasks->batch);
    return err_hint(err,
                    "the object was changed or cut short after it was written: restore it from "
                    "the bucket's versions or a backup");
}

/* Local files of the objects, each as it was when its record was written. */
enum err_code clean_fetch_objects(struct lake *lake, const struct record_object *objects,
                                  size_t count, const char *const **ret_paths, struct err *err)
{
    const char **paths = arena_alloc(lake->arena, (count + 1) * sizeof *paths);
    for (size_t i = 0; i < count; i++) {
        enum err_code code = store_local_copy(lake->ingestion, objects[i].key, lake->work_dir,
                                              lake->arena, &paths[i], err);
        if (code == ERR_NOT_FOUND) {
            (void)err_set(err, ERR_DATA,
                          "object '%s' is gone, which the record of batch %" PRIu64 " names",
                          objects[i].key, lake->row_batch);
            return err_hint(err, "restore it from the bucket's versions or a backup");
        }
        TRY(code);
    }
    struct object_tasks tasks = {.objects = objects, .paths = paths, .batch = lake->row_batch};
    TRY(workers_run(lake->threads, count, verify_one, &tasks, err));
    *ret_paths = paths;
    return ERR_OK;
}

/* --- rows --- */

static enum err_code write_good(struct reading *reading, struct lake_file **ret_file,
                                struct err *err)
{
    for (;;) {
        CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
        reading_good_rows_sql(reading, &sql);
        enum err_code code = lake_write(reading->lake, reading->table, sql.data, ret_file, err);
        if (code == ERR_OK || reading->row_bytes >= ROW_BYTES_MAX ||
            !strstr(err->message, "maximum_object_size"))
            return code;
        reading->row_bytes *= ROW_BYTES_STEP; /* memory for longer lines only when there is need */
    }
}

static enum err_code write_bad(struct reading *reading, uint64_t expected, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct lake_file *file;
    reading_bad_rows_sql(reading, &sql);
    TRY(lake_write(reading->lake, reading->table, sql.data, &file, err));
    uint64_t rows = file ? file->file.rows : 0;
    if (file) {
        file->is_quarantine = true;
        file->in_table = false;
    }
    reading->table->quarantined += rows;
    if (rows == expected)
        return ERR_OK;
    return err_set(err, ERR_DATA,
                   "the objects of table '%s' hold other rows than the record of batch %" PRIu64
                   " says",
                   reading->table->name, reading->lake->row_batch);
}

static enum err_code clean_live(struct reading *reading, struct lake_file **ret_file,
                                struct err *err)
{
    const struct record_table *source = reading->source;
    struct lake_file *file;
    uint64_t expected = 0;
    *ret_file = NULL;
    if (source->object_count == 0)
        return ERR_OK;
    for (size_t i = 0; i < source->object_count; i++)
        expected += source->objects[i].rows;
    reading->path_count = source->object_count;
    TRY(clean_fetch_objects(reading->lake, source->objects, source->object_count, &reading->paths,
                            err));
    TRY(write_good(reading, &file, err));
    uint64_t good = file ? file->file.rows : 0;
    reading->table->rows += good;
    if (file)
        file->for_load = true;
    *ret_file = file;
    return good == expected ? ERR_OK : write_bad(reading, expected - good, err);
}

enum err_code clean_batch(struct lake *lake, struct lake_table *table,
                          const struct clean_model *model, const struct record_table *source,
                          struct err *err)
{
    struct reading reading = {
        .lake = lake, .table = table, .model = model, .source = source, .row_bytes = ROW_BYTES};
    reading_read_columns(&reading);
    TRY(reading_check_conditions(&reading, err));
    struct lake_file *live;
    enum err_code code = clean_live(&reading, &live, err);
    if (code == ERR_OK)
        code = clean_deleted(&reading, err);
    if (code == ERR_OK && table->is_replaced && source == table->source)
        code = clean_replaced(&reading, live, err);
    if (code != ERR_OK)
        return err_wrap(err, "cleaning table '%s' of batch %" PRIu64, table->name, lake->row_batch);
    return ERR_OK;
}
