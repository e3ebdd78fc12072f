#include "pipeline/star.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/cancel.h"
#include "base/text.h"
#include "pipeline/views.h"

static struct lake_table *input_table(struct lake *lake, const struct model_input *input)
{
    return lake_find_clean(lake, input->table);
}

/* `rows` is what the table that gives the rows shows (changes.t, or the table of row-of); the
 * others show what is current, and when last contents are made into rows, the deleted as well. */
static enum err_code make_views(struct lake *lake, const struct model *model, enum view_rows rows,
                                struct err *err)
{
    enum view_rows others =
        rows == VIEW_DELETED || rows == VIEW_LATEST_ANY ? VIEW_LATEST_ANY : VIEW_LATEST;
    for (size_t i = 0; i < model->input_count; i++) {
        const struct model_input *input = &model->inputs[i];
        if (text_equal(input->schema, "seed")) {
            TRY(view_seed(lake, input->table, err));
            continue;
        }
        struct lake_table *clean = input_table(lake, input);
        bool is_rows = text_equal(input->schema, "changes") ||
                       (model->row_of && text_equal(input->schema, "source") &&
                        strcasecmp(input->table, model->row_of) == 0);
        enum view_rows shown = is_rows                                ? rows
                               : text_equal(input->schema, "history") ? VIEW_HISTORY
                                                                      : others;
        const struct view_choice choice = {shown, model->kind == MODEL_MIRROR};
        TRY(view_make(lake, input->schema, clean, choice, err));
    }
    return ERR_OK;
}

/* --- writing --- */

static void add_stamp(const struct lake *lake, const struct lake_table *table, bool deleted,
                      struct buf *sql)
{
    const char *truth = deleted ? "true" : "false";
    if (table->kind == LAKE_FACT) {
        buf_addf(sql, ", %" PRIu64 "::bigint as batch_id, ", lake->row_batch);
        lake_captured_sql(lake->row_captured_us, sql);
        buf_addf(sql, " as captured_at, %s as deleted", truth);
        return;
    }
    buf_addf(sql, ", %" PRIu64 "::bigint as _batch_id", lake->row_batch);
    if (table->kind == LAKE_MIRROR)
        buf_addf(sql, ", %s as _deleted", truth);
}

/* Rows that the table has already, just so, are no change. */
static void add_difference(const struct lake_table *table, struct buf *sql)
{
    const struct lake_choice all = {.part = LAKE_ALL};
    buf_add_text(sql, " where not exists (select 1 from ");
    lake_relation(table, &all, sql);
    buf_add_text(sql, " as l where ");
    for (size_t i = 0; i < table->key_count; i++) {
        buf_add_text(sql, i ? " and l." : "l.");
        duck_ident(sql, table->key[i]);
        buf_add_text(sql, " = m.");
        duck_ident(sql, table->key[i]);
    }
    for (size_t i = 0; i < table->column_count; i++) {
        buf_add_text(sql, " and l.");
        duck_ident(sql, table->columns[i].name);
        buf_add_text(sql, " is not distinct from m.");
        duck_ident(sql, table->columns[i].name);
    }
    buf_add_char(sql, ')');
}

/* Of the model's rows those that are held back: of a fact by key and batch, of others by key, whose
 * latest content it is. */
static void add_held(const struct lake *lake, const struct lake_table *table, bool only_differences,
                     struct buf *sql)
{
    buf_add_text(sql, only_differences ? " and " : " where ");
    star_key_json("m", table, sql);
    buf_add_text(sql, " in (select key from ");
    lake_file_relation(table->held, table->held_count, sql);
    if (table->kind == LAKE_FACT)
        buf_addf(sql, " where batch = %" PRIu64, lake->row_batch);
    buf_add_char(sql, ')');
}

struct writing {
    bool deleted;
    bool only_differences;
};

static enum err_code write_rows(struct lake *lake, struct lake_table *table, struct writing how,
                                struct lake_file **ret_file, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    buf_add_text(&sql, "select m.*");
    add_stamp(lake, table, how.deleted, &sql);
    buf_addf(&sql, " from (\n%s\n) as m", table->model->text);
    if (how.only_differences)
        add_difference(table, &sql);
    if (table->held_count > 0)
        add_held(lake, table, how.only_differences, &sql);
    if (lake_write(lake, table, sql.data, ret_file, err) != ERR_OK)
        return err_wrap(err, "%s", table->model->what);
    if (*ret_file)
        (*ret_file)->for_load = true;
    return ERR_OK;
}

/* --- facts --- */

static enum err_code fact_part(struct lake *lake, struct lake_table *table, bool deleted,
                               struct err *err)
{
    struct lake_file *file;
    TRY(make_views(lake, table->model, deleted ? VIEW_DELETED : VIEW_LIVE, err));
    if (table->column_count == 0)
        TRY(star_columns(lake, table, err));
    TRY(write_rows(lake, table, (struct writing){.deleted = deleted}, &file, err));
    if (file)
        TRY(star_check_keys(lake, table, (const struct lake_file *const *)&file, 1, err));
    if (file)
        TRY(star_verify(lake, table, &file, err));
    if (deleted)
        table->deleted += file ? file->file.rows : 0;
    else
        table->rows += file ? file->file.rows : 0;
    return ERR_OK;
}

static struct lake_table *fact_source(struct lake *lake, const struct model *model)
{
    for (size_t i = 0; i < model->input_count; i++)
        if (text_equal(model->inputs[i].schema, "changes"))
            return input_table(lake, &model->inputs[i]);
    return NULL;
}

struct past_batch {
    uint64_t batch;
    int64_t captured_us;
    bool has_deleted;
};

struct past {
    struct arena *arena;
    struct past_batch *list;
    size_t count;
    size_t capacity;
};

static bool take_past(void *arg, size_t column_count, const char *const *names,
                      const struct span *cells)
{
    struct past *past = arg;
    (void)column_count, (void)names;
    struct past_batch batch = {0};
    if (past->count == past->capacity) {
        size_t capacity = past->capacity ? past->capacity * 2 : 64;
        struct past_batch *larger = arena_alloc(past->arena, capacity * sizeof *larger);
        if (past->count)
            memcpy(larger, past->list, past->count * sizeof *larger);
        past->list = larger;
        past->capacity = capacity;
    }
    (void)text_to_u64(arena_strndup(past->arena, cells[0].data, cells[0].size), &batch.batch);
    (void)text_to_i64(arena_strndup(past->arena, cells[1].data, cells[1].size), &batch.captured_us);
    batch.has_deleted = cells[2].size == 4; /* true */
    past->list[past->count++] = batch;
    return true;
}

/* Every batch that the clean table knows, in order; when replaying those with rows held back. */
static enum err_code read_past(struct lake *lake, const struct lake_table *table,
                               struct lake_table *clean, struct past *past, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    const struct lake_choice all = {.part = LAKE_ALL};
    TRY(lake_load_files(lake, clean, err));
    buf_add_text(&sql, "select _batch_id, epoch_us(max(_captured_at)), bool_or(_deleted) from ");
    lake_relation(clean, &all, &sql);
    if (table->held_count > 0) {
        buf_add_text(&sql, " where _batch_id in (select batch from ");
        lake_file_relation(table->held, table->held_count, &sql);
        buf_add_char(&sql, ')');
    }
    buf_add_text(&sql, " group by 1 order by 1");
    return duck_query_each(lake->duck, sql.data, NULL, 0, take_past, past, err);
}

/* Each batch of history as it would have been made then. */
static enum err_code fact_anew(struct lake *lake, struct lake_table *table,
                               struct lake_table *clean, struct err *err)
{
    struct past past = {.arena = lake->arena};
    const uint64_t batch = lake->row_batch;
    const int64_t captured_us = lake->row_captured_us;
    TRY(read_past(lake, table, clean, &past, err));
    for (size_t i = 0; i < past.count; i++) {
        TRY(cancel_check(err));
        lake->row_batch = past.list[i].batch;
        lake->row_captured_us = past.list[i].captured_us;
        TRY(fact_part(lake, table, false, err));
        if (past.list[i].has_deleted)
            TRY(fact_part(lake, table, true, err));
    }
    lake->row_batch = batch;
    lake->row_captured_us = captured_us;
    if (past.count > 0 || table->held_count > 0)
        return ERR_OK;
    TRY(make_views(lake, table->model, VIEW_LIVE, err)); /* no row yet: the columns all the same */
    return star_columns(lake, table, err);
}

static enum err_code make_fact(struct lake *lake, struct lake_table *table, struct err *err)
{
    struct lake_table *clean = fact_source(lake, table->model);
    bool first = table->is_fresh && clean->is_fresh && lake->batch == 1;
    if (lake_is_whole(table) && !first)
        return fact_anew(lake, table, clean, err);
    TRY(fact_part(lake, table, false, err));
    return clean->deleted > 0 ? fact_part(lake, table, true, err) : ERR_OK;
}

/* --- dimensions, mirrors, calendars --- */

static enum err_code make_rows(struct lake *lake, struct lake_table *table, enum view_rows rows,
                               struct lake_file **ret_file, struct err *err)
{
    const struct model *model = table->model;
    bool deleted = rows == VIEW_DELETED;
    TRY(make_views(lake, model, rows, err));
    if (table->column_count == 0)
        TRY(star_columns(lake, table, err));
    TRY(write_rows(lake, table,
                   (struct writing){.deleted = deleted,
                                    .only_differences = !model->row_of || table->held_count > 0},
                   ret_file, err));
    if (!*ret_file)
        return ERR_OK;
    TRY(star_check_keys(lake, table, (const struct lake_file *const *)ret_file, 1, err));
    return deleted ? ERR_OK : star_verify(lake, table, ret_file, err);
}

static bool row_source_has_deletions(struct lake *lake, const struct model *model)
{
    const struct lake_table *clean = model->row_of ? lake_find_clean(lake, model->row_of) : NULL;
    return clean && clean->deleted > 0;
}

static enum err_code make_keyed(struct lake *lake, struct lake_table *table, struct err *err)
{
    const struct model *model = table->model;
    struct lake_file *upserts = NULL, *deletions = NULL;
    enum view_rows rows = VIEW_LATEST;
    TRY(lake_load_files(lake, table, err));
    bool whole = lake_is_whole(table);
    if (whole && table->kind != LAKE_MIRROR)
        rows = VIEW_LATEST_ANY; /* a dimension keeps what was deleted */
    else if (!whole && model->row_of)
        rows = VIEW_LIVE;
    TRY(make_rows(lake, table, rows, &upserts, err));
    if (table->kind == LAKE_MIRROR && !whole && row_source_has_deletions(lake, model))
        TRY(make_rows(lake, table, VIEW_DELETED, &deletions, err));
    table->rows = upserts ? upserts->file.rows : 0;
    table->deleted = deletions ? deletions->file.rows : 0;
    return star_merge(lake, table, upserts, deletions, err);
}

enum err_code star_make(struct lake *lake, struct lake_table *table, struct err *err)
{
    return table->kind == LAKE_FACT ? make_fact(lake, table, err) : make_keyed(lake, table, err);
}
