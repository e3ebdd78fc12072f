#include "pipeline/views.h"

#include <inttypes.h>

#include "base/text.h"

enum err_code views_open(struct duck *duck, struct err *err)
{
    return duck_exec(duck,
                     "create schema if not exists changes; create schema if not exists source; "
                     "create schema if not exists history; create schema if not exists seed",
                     NULL, err);
}

/* Of all ways that were measured the cheapest: print, which drops zeros at the end, and fill up. */
static void add_timestamp_text(const char *name, bool zoned, struct buf *sql)
{
    CLEANUP_IN_PLACE(buf_release) struct buf value = {0};
    buf_add_text(&value, zoned ? "cast(cast(" : "cast(");
    duck_ident(&value, name);
    buf_add_text(&value, zoned ? " as timestamp) as varchar)" : " as varchar)");
    buf_addf(sql, "left(%s || case when strlen(%s) = 19 then '.000000' else '000000' end, 26) as ",
             value.data, value.data);
    duck_ident(sql, name);
}

static void add_columns(const struct lake_table *table, bool typed, struct buf *sql)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct processed_column *column = &table->columns[i];
        if (!typed && text_starts(column->type, "TIMESTAMP"))
            add_timestamp_text(column->name, !text_equal(column->type, "TIMESTAMP"), sql);
        else
            duck_ident(sql, column->name);
        buf_add_text(sql, ", ");
    }
    buf_add_text(sql, "_batch_id, ");
    add_timestamp_text("_captured_at", true, sql);
    buf_add_text(sql, ", _deleted");
}

static bool has_several_batches(const struct lake_table *table, uint64_t up_to)
{
    uint64_t first = 0;
    for (size_t i = 0; i < table->file_count; i++) {
        const struct lake_file *file = table->files[i];
        if (!file->in_table || file->is_removed || file->batch > up_to)
            continue;
        if (file->batch == 0 || (first && file->batch != first))
            return true;
        first = file->batch;
    }
    return false;
}

static void add_latest(const struct lake *lake, const struct lake_table *table, struct buf *sql)
{
    const struct lake_choice choice = {.part = LAKE_UP_TO, .batch = lake->row_batch};
    if (!has_several_batches(table, lake->row_batch) || table->key_count == 0) {
        lake_relation(table, &choice, sql);
        return;
    }
    buf_add_text(sql, "(select * from (select *, row_number() over (partition by ");
    for (size_t i = 0; i < table->key_count; i++) {
        buf_add_text(sql, i ? ", " : "");
        duck_ident(sql, table->key[i]);
    }
    buf_add_text(sql, " order by _batch_id desc) as \"?n\" from ");
    lake_relation(table, &choice, sql);
    buf_add_text(sql, ") where \"?n\" = 1)");
}

enum err_code view_make(struct lake *lake, const char *schema, struct lake_table *table,
                        struct view_choice shown, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    const enum view_rows rows = shown.rows;
    struct lake_choice choice = {.part = LAKE_BATCH, .batch = lake->row_batch};
    if (rows != VIEW_LIVE && rows != VIEW_DELETED)
        TRY(lake_load_files(lake, table, err));
    buf_addf(&sql, "create or replace view %s.", schema);
    duck_ident(&sql, table->name);
    buf_add_text(&sql, " as select ");
    add_columns(table, shown.typed, &sql);
    buf_add_text(&sql, " from ");
    if (rows == VIEW_LATEST || rows == VIEW_LATEST_ANY) {
        add_latest(lake, table, &sql);
    } else {
        if (rows == VIEW_HISTORY)
            choice.part = LAKE_UP_TO;
        lake_relation(table, &choice, &sql);
    }
    if (rows == VIEW_LIVE || rows == VIEW_LATEST)
        buf_add_text(&sql, " where not _deleted");
    else if (rows == VIEW_DELETED)
        buf_add_text(&sql, " where _deleted");
    if (duck_exec(lake->duck, sql.data, NULL, err) != ERR_OK)
        return err_wrap(err, "preparing %s.%s", schema, table->name);
    return ERR_OK;
}

enum err_code view_seed(struct lake *lake, const char *name, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    const struct seed *seed = model_find_seed(lake->models, name);
    if (!seed)
        return err_set(err, ERR_CONFIG, "there is no seed '%s'", name);
    buf_add_text(&sql, "create table if not exists seed.");
    duck_ident(&sql, seed->name);
    buf_add_text(&sql, " as select * from read_csv(");
    duck_literal(&sql, seed->path);
    buf_add_text(&sql, ", header = true, all_varchar = true, auto_detect = true, delim = ',', "
                       "quote = '\"', escape = '\"')");
    if (duck_exec(lake->duck, sql.data, NULL, err) != ERR_OK) {
        (void)err_wrap(err, "reading models/seeds/%s.csv", seed->name);
        err->code = ERR_CONFIG;
        return err->code;
    }
    return ERR_OK;
}
