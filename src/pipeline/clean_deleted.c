/* Rows that the source no longer holds. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/clean_reading.h"

/* Column numbers of the key, in key order; columns of the key that the table lacks are left out. */
static size_t key_columns(const struct reading *reading, size_t *ret_numbers)
{
    size_t count = 0;
    for (size_t k = 0; k < reading->source->key_count; k++)
        for (size_t i = 0; i < reading->table->column_count; i++)
            if (reading->columns[i].json_name &&
                text_equal(reading->columns[i].json_name, reading->source->key[k]))
                ret_numbers[count++] = i;
    return count;
}

static void deleted_rows_sql(const struct reading *reading, const struct lake_choice *choice,
                             const size_t *key, size_t key_count, struct buf *sql)
{
    const struct lake_table *table = reading->table;
    CLEANUP_IN_PLACE(buf_release) struct buf names = {0};
    CLEANUP(free) char *wanted = mem_zalloc(table->column_count + 1, sizeof(bool));
    for (size_t k = 0; k < key_count; k++) {
        ((bool *)wanted)[key[k]] = true;
        buf_add_text(&names, k ? ", " : "");
        duck_ident(&names, table->columns[key[k]].name);
    }
    buf_add_text(sql, "select ");
    for (size_t i = 0; i < table->column_count; i++) {
        buf_add_text(sql, i ? ", " : "");
        duck_ident(sql, table->columns[i].name);
    }
    reading_add_stamp(reading->lake, true, sql);
    buf_addf(sql,
             " from (select *, row_number() over (partition by %s order by _batch_id desc) as "
             "\"?n\" from ",
             buf_text(&names));
    lake_relation(table, choice, sql);
    buf_add_text(sql, " as c join (select ");
    for (size_t k = 0; k < key_count; k++) {
        buf_addf(sql, "%s%s as ", k ? ", " : "", reading->columns[key[k]].typed);
        reading_add_typed_name(sql, key[k]);
    }
    buf_add_text(sql, " from ");
    reading_add_raw(reading, (const bool *)wanted, sql);
    buf_add_text(sql, ") as d on ");
    for (size_t k = 0; k < key_count; k++) {
        buf_add_text(sql, k ? " and c." : "c.");
        duck_ident(sql, table->columns[key[k]].name);
        buf_add_text(sql, " = d.");
        reading_add_typed_name(sql, key[k]);
    }
    buf_addf(sql, ") where \"?n\" = 1 and not _deleted order by %s", buf_text(&names));
}

static enum err_code write_deleted(struct reading *reading, const struct lake_choice *choice,
                                   struct lake_file **ret_file, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP(free) char *memory = mem_alloc((reading->source->key_count + 1) * sizeof(size_t));
    size_t *key = (size_t *)(void *)memory;
    size_t key_count = key_columns(reading, key);
    if (key_count == 0 || key_count != reading->source->key_count)
        return err_set(err, ERR_DATA,
                       "the record of batch %" PRIu64 " gives table '%s' no usable key",
                       reading->lake->row_batch, reading->table->name);
    deleted_rows_sql(reading, choice, key, key_count, &sql);
    return lake_write(reading->lake, reading->table, sql.data, ret_file, err);
}

/* The last content stands where the record says, or earlier when the last version was quarantined;
 * a key that never had clean content was never seen by anybody, and is not seen now. */
enum err_code clean_deleted(struct reading *reading, struct err *err)
{
    const struct record_table *source = reading->source;
    struct lake_table *table = reading->table;
    struct lake_choice choice = {.part = LAKE_LISTED,
                                 .listed = source->deleted_from,
                                 .listed_count = source->deleted_from_count};
    struct lake_file *file = NULL;
    if (source->deleted_object_count == 0)
        return ERR_OK;
    TRY(lake_load_files(reading->lake, table, err));
    reading->path_count = source->deleted_object_count;
    TRY(clean_fetch_objects(reading->lake, source->deleted_objects, source->deleted_object_count,
                            &reading->paths, err));
    if (source->deleted_from_count > 0)
        TRY(write_deleted(reading, &choice, &file, err));
    if (!file || file->file.rows < source->deleted) {
        if (file)
            lake_discard(reading->lake, table, file);
        choice = (struct lake_choice){.part = LAKE_UP_TO, .batch = reading->lake->row_batch};
        TRY(write_deleted(reading, &choice, &file, err));
    }
    table->deleted += file ? file->file.rows : 0;
    if (file)
        file->for_load = true;
    return ERR_OK;
}

static void replaced_rows_sql(const struct reading *reading, const struct lake_file *live,
                              struct buf *sql)
{
    const struct lake_table *table = reading->table;
    const struct lake_choice past = {.part = LAKE_UP_TO, .batch = reading->lake->row_batch - 1};
    CLEANUP_IN_PLACE(buf_release) struct buf names = {0};
    for (size_t i = 0; i < table->key_count; i++) {
        buf_add_text(&names, i ? ", " : "");
        duck_ident(&names, table->key[i]);
    }
    buf_add_text(sql, "select ");
    for (size_t i = 0; i < table->column_count; i++) {
        buf_add_text(sql, i ? ", " : "");
        duck_ident(sql, table->columns[i].name);
    }
    reading_add_stamp(reading->lake, true, sql);
    buf_addf(sql,
             " from (select *, row_number() over (partition by %s order by _batch_id desc) as "
             "\"?n\" from ",
             buf_text(&names));
    lake_relation(table, &past, sql);
    buf_add_text(sql, ") as c where \"?n\" = 1 and not _deleted");
    if (live) {
        buf_add_text(sql, " and not exists (select 1 from ");
        lake_file_relation(&live, 1, sql);
        buf_add_text(sql, " as l where ");
        for (size_t i = 0; i < table->key_count; i++) {
            buf_add_text(sql, i ? " and l." : "l.");
            duck_ident(sql, table->key[i]);
            buf_add_text(sql, " = c.");
            duck_ident(sql, table->key[i]);
        }
        buf_add_char(sql, ')');
    }
    buf_addf(sql, " order by %s", buf_text(&names));
}

/* A table that was dropped and made again, or that has another key now: ingest sent it whole, and
 * could not tell what is no longer there. */
enum err_code clean_replaced(struct reading *reading, const struct lake_file *live, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct lake_file *file;
    TRY(lake_load_files(reading->lake, reading->table, err));
    replaced_rows_sql(reading, live, &sql);
    TRY(lake_write(reading->lake, reading->table, sql.data, &file, err));
    if (file)
        file->for_load = true;
    reading->table->deleted += file ? file->file.rows : 0;
    return ERR_OK;
}
