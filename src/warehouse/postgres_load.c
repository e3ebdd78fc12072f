#include <string.h>

#include "base/text.h"
#include "warehouse/postgres_priv.h"

enum {
    SEND_BYTES = 256 << 10
};
static const uint64_t READ_MEMORY_BYTES = (uint64_t)128 << 20;

void postgres_add_files(struct buf *sql, const char *const *paths, size_t path_count)
{
    buf_add_text(sql, "read_parquet([");
    for (size_t i = 0; i < path_count; i++) {
        if (i > 0)
            buf_add_text(sql, ", ");
        duck_literal(sql, paths[i]);
    }
    buf_add_text(sql, "])");
}

static enum err_code open_reader(struct postgres_warehouse *warehouse, struct err *err)
{
    const struct duck_options options = {
        .memory_bytes = warehouse->memory_bytes ? warehouse->memory_bytes : READ_MEMORY_BYTES,
        .threads = warehouse->threads,
        .temp_dir = warehouse->work_dir,
        .allowed_dirs = warehouse->read_dirs,
        .blame = ERR_WAREHOUSE,
    };

    return warehouse->duck ? ERR_OK : duck_open(&options, &warehouse->duck, err);
}

/* What libpq could not hand to the kernel goes out while the next rows are encoded: a buffer of our
 * own is enough, no thread is needed (the server takes ten times as long for a row as we do). */
static enum err_code send_rows(struct postgres_warehouse *warehouse, const struct copy_job *job,
                               struct duck_result *result, struct err *err)
{
    CLEANUP(copy_encoder_free)
    struct copy_encoder *encoder = copy_encoder_new(job->columns, job->column_count);
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    duckdb_data_chunk chunk;

    if (job->id_bytes)
        copy_encoder_number_rows(encoder, job->first_id, job->id_bytes);
    TRY(copy_encoder_bind(encoder, result, err));
    copy_encode_header(&out);
    for (;;) {
        TRY(duck_result_next(result, &chunk, err));
        if (!chunk)
            break;
        size_t size = duckdb_data_chunk_get_size(chunk);
        for (size_t from = 0; from < size;) {
            TRY(copy_encode_rows(encoder, chunk, &from, SEND_BYTES, &out, err));
            if (out.size >= SEND_BYTES) {
                TRY(pg_copy_in_put(warehouse->pg, out.data, out.size, err));
                buf_clear(&out);
            }
        }
    }
    copy_encode_trailer(&out);
    return pg_copy_in_put(warehouse->pg, out.data, out.size, err);
}

enum err_code postgres_copy(struct postgres_warehouse *warehouse, const struct copy_job *job,
                            uint64_t *ret_rows, struct err *err)
{
    CLEANUP(duck_result_free) struct duck_result *result = NULL;

    TRY(open_reader(warehouse, err));
    TRY(duck_query(warehouse->duck, job->query, NULL, 0, &result, err));
    TRY(pg_copy_in_begin(warehouse->pg, job->copy, err));
    enum err_code code = send_rows(warehouse, job, result, err);
    if (code != ERR_OK) {
        pg_abandon(warehouse->pg);
        return code;
    }
    return postgres_blame_data(pg_copy_in_end(warehouse->pg, ret_rows, err), err);
}

/* --- statements --- */

/* A load under way. */
struct loading {
    struct postgres_warehouse *warehouse;
    struct target *target;
    const char *const *paths;
    size_t path_count;
    bool has_deleted;            /* the file has the column _deleted */
    struct copy_column *columns; /* of the files, in the model's order; then _deleted when staged */
    struct warehouse_load_result result;
};

static void add_spellings(struct buf *sql, const char *prefix, const struct target *target)
{
    for (size_t i = 0; i < target->column_count; i++) {
        if (i > 0)
            buf_add_text(sql, ", ");
        buf_add_text(sql, prefix);
        pg_ident(sql, target->columns[i].spelling);
    }
}

static void write_query(const struct loading *loading, bool with_deleted, bool without_deleted_rows,
                        struct buf *sql)
{
    const struct target *target = loading->target;

    buf_add_text(sql, "select ");
    for (size_t i = 0; i < target->column_count; i++) {
        if (i > 0)
            buf_add_text(sql, ", ");
        duck_ident(sql, target->columns[i].name);
    }
    if (with_deleted)
        buf_add_text(sql, ", \"_deleted\"");
    buf_add_text(sql, " from ");
    postgres_add_files(sql, loading->paths, loading->path_count);
    if (without_deleted_rows)
        buf_add_text(sql, " where not \"_deleted\"");
}

static struct copy_column *copy_columns(const struct loading *loading)
{
    const struct target *target = loading->target;
    struct copy_column *columns =
        arena_alloc(loading->warehouse->batch_arena, (target->column_count + 1) * sizeof *columns);

    for (size_t i = 0; i < target->column_count; i++)
        columns[i] =
            (struct copy_column){.name = target->columns[i].name, .kind = target->columns[i].kind};
    columns[target->column_count] = (struct copy_column){.name = "_deleted", .kind = COPY_BOOL};
    return columns;
}

/* --- straight into the table --- */

static enum err_code copy_straight(struct loading *loading, struct err *err)
{
    struct postgres_warehouse *warehouse = loading->warehouse;
    struct target *target = loading->target;
    CLEANUP_IN_PLACE(buf_release) struct buf query = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf copy = {0};
    /* Numbers of our own spare the server its sequence; only where nobody else can be numbering. */
    bool numbered = target_is_fact(target) && target->record_id && target->owned && target->empty &&
                    target->sequence_ours;
    struct copy_job job = {.columns = loading->columns, .column_count = target->column_count};
    uint64_t rows;

    write_query(loading, false, loading->has_deleted, &query);
    buf_add_text(&copy, "copy ");
    target_add_qualified(warehouse, &copy, target);
    buf_add_text(&copy, " (");
    if (numbered) {
        pg_ident(&copy, target->record_id);
        buf_add_text(&copy, ", ");
        job.first_id = 1;
        job.id_bytes = target->record_id_bytes;
    }
    add_spellings(&copy, "", target);
    buf_add_text(&copy, ") from stdin (format binary");
    if (target->created && target->empty)
        buf_add_text(&copy, ", freeze");
    buf_add_text(&copy, ")");
    job.query = query.data;
    job.copy = copy.data;
    TRY(postgres_copy(warehouse, &job, &rows, err));
    if (numbered)
        target->last_id = (int64_t)rows;
    if (rows > 0)
        target->empty = false;
    loading->result.rows_inserted = rows;
    return ERR_OK;
}

/* --- by way of a temporary table --- */

/* Makes it, fills it, and appends its name to `stage`. */
static enum err_code copy_to_stage(struct loading *loading, bool numbered, struct buf *stage,
                                   struct err *err)
{
    struct postgres_warehouse *warehouse = loading->warehouse;
    const struct target *target = loading->target;
    CLEANUP_IN_PLACE(buf_release) struct buf query = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    size_t columns = target->column_count + (loading->has_deleted ? 1 : 0);
    struct copy_job job = {.columns = loading->columns, .column_count = columns};
    uint64_t rows;

    buf_addf(stage, "pg_temp.tote_stage_%zu", ++warehouse->temporary_count);
    buf_addf(&sql, "create temporary table tote_stage_%zu (", warehouse->temporary_count);
    for (size_t i = 0; i < target->column_count; i++) {
        pg_ident(&sql, target->columns[i].spelling);
        buf_addf(&sql, " %s, ", target->columns[i].type);
    }
    buf_add_text(&sql, "tote_deleted boolean, tote_record_id bigint");
    if (numbered) {
        buf_add_text(&sql, " default nextval(");
        pg_literal(&sql, target->sequence);
        buf_add_text(&sql, ")");
    }
    buf_add_text(&sql, ") on commit drop");
    TRY(pg_exec(warehouse->pg, sql.data, err));
    write_query(loading, loading->has_deleted, false, &query);
    buf_clear(&sql);
    buf_add_text(&sql, "copy ");
    buf_add_text(&sql, stage->data);
    buf_add_text(&sql, " (");
    add_spellings(&sql, "", target);
    buf_add_text(&sql, loading->has_deleted ? ", tote_deleted" : "");
    buf_add_text(&sql, ") from stdin (format binary)");
    job.query = query.data;
    job.copy = sql.data;
    TRY(postgres_copy(warehouse, &job, &rows, err));
    buf_clear(&sql);
    buf_add_text(&sql, "analyze ");
    buf_add_text(&sql, stage->data);
    return rows >= 1000 ? pg_exec(warehouse->pg, sql.data, err) : ERR_OK;
}

/* A fact whose versions stand in a side table: the same numbers go into both. */
static enum err_code load_with_side(struct loading *loading, struct err *err)
{
    struct postgres_warehouse *warehouse = loading->warehouse;
    struct target *target = loading->target;
    CLEANUP_IN_PLACE(buf_release) struct buf stage = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf names = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};

    if (!target->sequence) {
        (void)err_set(err, ERR_WAREHOUSE, "no sequence stands behind '%s' of table '%s'",
                      target->record_id, target->name);
        return err_hint(err, "add the columns batch_id, captured_at and deleted as its owner");
    }
    TRY(copy_to_stage(loading, true, &stage, err));
    pg_ident(&names, target->record_id);
    for (size_t i = 0; i < target->column_count; i++) {
        if (target->columns[i].missing)
            continue;
        buf_add_text(&names, ", ");
        pg_ident(&names, target->columns[i].spelling);
    }
    buf_add_text(&sql, "insert into ");
    pg_qualified(&sql, "tote", target->side);
    buf_add_text(&sql, " (record_id, batch_id, captured_at, deleted) "
                       "select tote_record_id, batch_id, captured_at, deleted from ");
    buf_add_text(&sql, stage.data);
    TRY(postgres_blame_data(pg_exec(warehouse->pg, sql.data, err), err));
    buf_clear(&sql);
    buf_add_text(&sql, "insert into ");
    target_add_qualified(warehouse, &sql, target);
    buf_addf(&sql, " (%s) %s select tote_record_id", names.data,
             target->record_id_always ? "overriding system value" : "");
    for (size_t i = 0; i < target->column_count; i++) {
        if (target->columns[i].missing)
            continue;
        buf_add_text(&sql, ", ");
        pg_ident(&sql, target->columns[i].spelling);
    }
    buf_addf(&sql, " from %s order by tote_record_id", stage.data);
    return postgres_blame_data(
        pg_exec_params(warehouse->pg, sql.data, NULL, 0, &loading->result.rows_inserted, err), err);
}

static bool is_key(const struct target *target, const struct target_column *column)
{
    for (size_t i = 0; i < target->key_count; i++) {
        if (text_equal(target->key[i], column->spelling))
            return true;
    }
    return false;
}

static void write_delete(const struct loading *loading, const char *stage, struct buf *sql)
{
    const struct target *target = loading->target;

    buf_add_text(sql, "delete from ");
    target_add_qualified(loading->warehouse, sql, target);
    buf_addf(sql, " t using %s s where s.tote_deleted", stage);
    for (size_t i = 0; i < target->key_count; i++) {
        buf_add_text(sql, " and t.");
        pg_ident(sql, target->key[i]);
        buf_add_text(sql, " = s.");
        pg_ident(sql, target->key[i]);
    }
}

/* json has no equality, its text has. */
static void add_comparable(struct buf *sql, const char *prefix, const struct target_column *column)
{
    buf_add_text(sql, prefix);
    pg_ident(sql, column->spelling);
    if (column->json)
        buf_add_text(sql, "::text");
}

/* Rows that are there already with the same content are left alone. */
static void write_upsert(const struct loading *loading, const char *stage, struct buf *sql)
{
    const struct target *target = loading->target;
    CLEANUP_IN_PLACE(buf_release) struct buf set = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf differs = {0};

    for (size_t i = 0; i < target->column_count; i++) {
        const struct target_column *column = &target->columns[i];
        if (is_key(target, column))
            continue;
        buf_add_text(&set, set.size ? ", " : "");
        pg_ident(&set, column->spelling);
        buf_add_text(&set, " = excluded.");
        pg_ident(&set, column->spelling);
        buf_add_text(&differs, differs.size ? " or " : "");
        add_comparable(&differs, "t.", column);
        buf_add_text(&differs, " is distinct from ");
        add_comparable(&differs, "excluded.", column);
    }
    buf_add_text(sql, "with changed as (insert into ");
    target_add_qualified(loading->warehouse, sql, target);
    buf_add_text(sql, " as t (");
    add_spellings(sql, "", target);
    buf_add_text(sql, ") select ");
    add_spellings(sql, "s.", target);
    buf_addf(sql, " from %s s where s.tote_deleted is not true on conflict (", stage);
    target_add_names(sql, "", target->key, target->key_count);
    if (set.size == 0)
        buf_add_text(sql, ") do nothing");
    else
        buf_addf(sql, ") do update set %s where %s", set.data, differs.data);
    /* xmax is zero in what was inserted, and holds the lock of what was updated */
    buf_add_text(sql, " returning t.xmax = 0 as inserted) select count(*) filter (where inserted), "
                      "count(*) filter (where not inserted) from changed");
}

static enum err_code merge(struct loading *loading, struct err *err)
{
    struct postgres_warehouse *warehouse = loading->warehouse;
    struct target *target = loading->target;
    CLEANUP_IN_PLACE(buf_release) struct buf stage = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;

    TRY(keys_build_now(warehouse, target, err));
    TRY(copy_to_stage(loading, false, &stage, err));
    if (loading->has_deleted) {
        write_delete(loading, stage.data, &sql);
        TRY(postgres_blame_data(
            pg_exec_params(warehouse->pg, sql.data, NULL, 0, &loading->result.rows_deleted, err),
            err));
        buf_clear(&sql);
    }
    write_upsert(loading, stage.data, &sql);
    enum err_code code = pg_query(warehouse->pg, sql.data, NULL, 0, &rows, err);
    if (code != ERR_OK && text_equal(err->sqlstate, "42P10")) {
        (void)err_set(err, ERR_WAREHOUSE,
                      "table '%s' has no primary key or unique constraint on its key",
                      target->name);
        return err_hint(err, "add a primary key as its owner");
    }
    TRY(postgres_blame_data(code, err));
    (void)text_to_u64(pg_rows_text(rows, 0, 0), &loading->result.rows_inserted);
    (void)text_to_u64(pg_rows_text(rows, 0, 1), &loading->result.rows_updated);
    target->empty = false;
    return ERR_OK;
}

/* --- all of it --- */

enum err_code postgres_load(struct warehouse *base, const struct warehouse_table *table,
                            const char *const *paths, size_t path_count, uint64_t row_count,
                            struct warehouse_load_result *ret_result, struct err *err)
{
    struct postgres_warehouse *warehouse = postgres_of(base);
    struct target *target = target_find(warehouse, table->name);

    if (!target)
        return err_set(err, ERR_INTERNAL, "table '%s' was not defined", table->name);
    struct loading loading = {
        .warehouse = warehouse,
        .target = target,
        .paths = paths,
        .path_count = path_count,
        .has_deleted = target->kind == WAREHOUSE_MIRROR,
    };
    loading.columns = copy_columns(&loading);
    TRY(keys_relax(warehouse, target, row_count, err));
    TRY(keys_collect(warehouse, target, paths, path_count, row_count, err));
    if (target->side)
        TRY(load_with_side(&loading, err));
    else if (target_is_fact(target) || target->empty || target->key_count == 0)
        TRY(copy_straight(&loading, err));
    else
        TRY(merge(&loading, err));
    target->rows += row_count;
    warehouse->total.rows_inserted += loading.result.rows_inserted;
    warehouse->total.rows_updated += loading.result.rows_updated;
    warehouse->total.rows_deleted += loading.result.rows_deleted;
    *ret_result = loading.result;
    return ERR_OK;
}
