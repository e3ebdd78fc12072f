/* What a model's rows must satisfy: one row a key, its checks, its references.  Everything is asked
 * of whole sets, over the columns concerned, and costs little when all is well. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "pipeline/star.h"

/* --- keys --- */

/* One row for each row of a table, the table's key among the columns of its own: nothing to ask. */
static bool keys_are_certain(struct lake *lake, const struct lake_table *table)
{
    const struct model *model = table->model;
    const struct lake_table *clean =
        model->is_plain ? lake_find_clean(lake, model->inputs[0].table) : NULL;
    if (!clean || clean->key_count == 0 || text_equal(model->inputs[0].schema, "history"))
        return false;
    for (size_t i = 0; i < clean->key_count; i++) {
        bool found = false;
        for (size_t k = 0; k < model->key_count; k++) {
            const char *column = model_plain_column(model, model->key[k]);
            found |= column && strcasecmp(column, clean->key[i]) == 0;
        }
        if (!found)
            return false;
    }
    for (size_t k = 0; k < model->key_count; k++) { /* the rest of the key must not be null */
        bool of_key = false;
        const char *column = model_plain_column(model, model->key[k]);
        for (size_t i = 0; column && i < clean->key_count; i++)
            of_key |= strcasecmp(column, clean->key[i]) == 0;
        if (!of_key)
            return false;
    }
    return true;
}

struct first_cell {
    struct arena *arena;
    const char *text;
};

static bool take_first(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells)
{
    struct first_cell *first = arg;
    (void)column_count, (void)names;
    first->text = cells[0].data ? arena_strndup(first->arena, cells[0].data, cells[0].size) : "";
    return false;
}

static void add_key_columns(const struct lake_table *table, struct buf *sql)
{
    for (size_t i = 0; i < table->key_count; i++) {
        buf_add_text(sql, i ? ", " : "");
        duck_ident(sql, table->key[i]);
    }
}

void star_key_json(const char *alias, const struct lake_table *table, struct buf *sql)
{
    buf_add_text(sql, "cast(json_object(");
    for (size_t i = 0; i < table->key_count; i++) {
        buf_add_text(sql, i ? ", " : "");
        duck_literal(sql, table->key[i]);
        buf_addf(sql, ", %s%s", alias ? alias : "", alias ? "." : "");
        duck_ident(sql, table->key[i]);
    }
    buf_add_text(sql, ") as varchar)");
}

/* One number of one row, without the second preparation that rows as text take. */
static enum err_code query_count(struct lake *lake, const char *sql, int64_t *ret_count,
                                 struct err *err)
{
    CLEANUP(duck_result_free) struct duck_result *result = NULL;
    duckdb_data_chunk chunk;
    TRY(duck_query(lake->duck, sql, NULL, 0, &result, err));
    TRY(duck_result_next(result, &chunk, err));
    if (!chunk || duckdb_data_chunk_get_size(chunk) != 1)
        return err_set(err, ERR_INTERNAL, "a query for one number gave something else");
    *ret_count = *(int64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0));
    return ERR_OK;
}

/* How many rows too many: those without a key, and those of a key that was there. */
static void count_surplus_sql(const struct lake_table *table, const struct lake_file *const *files,
                              size_t count, struct buf *sql)
{
    buf_add_text(sql, "select count(*) - count(distinct ");
    if (table->key_count > 1)
        buf_add_text(sql, "case when ");
    for (size_t i = 0; i < table->key_count && table->key_count > 1; i++) {
        buf_add_text(sql, i ? " and " : "");
        duck_ident(sql, table->key[i]);
        buf_add_text(sql, " is not null");
    }
    buf_add_text(sql, table->key_count > 1 ? " then row(" : "");
    add_key_columns(table, sql);
    buf_add_text(sql, table->key_count > 1 ? ") end) from " : ") from ");
    lake_file_relation(files, count, sql);
}

enum err_code star_check_keys(struct lake *lake, struct lake_table *table,
                              const struct lake_file *const *files, size_t count, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct first_cell first = {.arena = lake->arena};
    int64_t surplus = 0;
    if (keys_are_certain(lake, table))
        return ERR_OK;
    count_surplus_sql(table, files, count, &sql);
    TRY(query_count(lake, sql.data, &surplus, err));
    if (surplus == 0)
        return ERR_OK;
    buf_clear(&sql);
    buf_add_text(&sql, "select ");
    star_key_json(NULL, table, &sql);
    buf_add_text(&sql, " from ");
    lake_file_relation(files, count, &sql);
    buf_add_text(&sql, " group by ");
    add_key_columns(table, &sql);
    buf_add_text(&sql, " having count(*) > 1");
    for (size_t i = 0; i < table->key_count; i++) {
        buf_add_text(&sql, " or ");
        duck_ident(&sql, table->key[i]);
        buf_add_text(&sql, " is null");
    }
    buf_add_text(&sql, " order by all limit 1");
    TRY(duck_query_each(lake->duck, sql.data, NULL, 0, take_first, &first, err));
    if (!first.text)
        return ERR_OK;
    (void)err_set(err, ERR_TRANSFORM, "%s makes more than one row, or a row without a key, for %s",
                  table->model->what, first.text);
    return err_hint(err,
                    "the key must be unique in a batch and never null: look at the joins and the "
                    "'key' of the model");
}

/* --- checks and references --- */

struct rules {
    const struct lake_table *table;
    bool references; /* are asked */
    bool *asked;     /* of each reference */
};

static enum err_code choose_rules(struct lake *lake, const struct lake_table *table,
                                  struct rules *ret_rules, struct err *err)
{
    const struct model *model = table->model;
    struct rules rules = {.table = table, .references = model->reference_count > 0};
    rules.asked = arena_alloc(lake->arena, model->reference_count + 1);
    if (table->kind == LAKE_MIRROR) /* else every parent that the source has is here */
        rules.references &= lake->has_quarantine;
    for (size_t i = 0; i < model->reference_count && rules.references; i++) {
        struct lake_table *target = lake_find_model(lake, model->references[i].table);
        if (!target || target > table) /* in a ring of mirrors: not made yet */
            continue;
        TRY(lake_load_files(lake, target, err));
        rules.asked[i] = true;
    }
    *ret_rules = rules;
    return ERR_OK;
}

/* (select distinct columns from file where none is null) anti join target */
static void add_missing(struct lake *lake, const struct model_reference *reference,
                        const struct lake_file *file, struct buf *sql)
{
    const struct lake_choice all = {.part = LAKE_ALL};
    buf_add_text(sql, "(select distinct ");
    for (size_t i = 0; i < reference->count; i++) {
        buf_add_text(sql, i ? ", " : "");
        duck_ident(sql, reference->columns[i]);
        buf_addf(sql, " as k%zu", i);
    }
    buf_add_text(sql, " from ");
    lake_file_relation(&file, 1, sql);
    for (size_t i = 0; i < reference->count; i++) {
        buf_add_text(sql, i ? " and " : " where ");
        duck_ident(sql, reference->columns[i]);
        buf_add_text(sql, " is not null");
    }
    buf_add_text(sql, ") as d anti join ");
    lake_relation(lake_find_model(lake, reference->table), &all, sql);
    buf_add_text(sql, " as t on ");
    for (size_t i = 0; i < reference->count; i++) {
        buf_add_text(sql, i ? " and t." : "t.");
        duck_ident(sql, reference->target_columns[i]);
        buf_addf(sql, " = d.k%zu", i);
    }
}

static bool same_target(const struct model_reference *a, const struct model_reference *b)
{
    if (!text_equal(a->table, b->table) || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcasecmp(a->target_columns[i], b->target_columns[i]) != 0)
            return false;
    return true;
}

/* Keys of one target, from all references to it, that the target does not have. */
static void add_missing_of_target(struct lake *lake, const struct rules *rules, size_t first,
                                  const struct lake_file *file, struct buf *sql)
{
    const struct model *model = rules->table->model;
    const struct model_reference *target = &model->references[first];
    const struct lake_choice all = {.part = LAKE_ALL};
    buf_add_text(sql, "(select distinct * from (");
    for (size_t i = first; i < model->reference_count; i++) {
        const struct model_reference *reference = &model->references[i];
        if (!rules->asked[i] || !same_target(reference, target))
            continue;
        buf_add_text(sql, i == first ? "select distinct " : " union all select distinct ");
        for (size_t k = 0; k < reference->count; k++) {
            buf_add_text(sql, k ? ", " : "");
            duck_ident(sql, reference->columns[k]);
            buf_addf(sql, " as k%zu", k);
        }
        buf_add_text(sql, " from ");
        lake_file_relation(&file, 1, sql);
    }
    buf_add_char(sql, ')');
    for (size_t k = 0; k < target->count; k++)
        buf_addf(sql, "%s k%zu is not null", k ? " and" : " where", k);
    buf_add_text(sql, ") as d anti join ");
    lake_relation(lake_find_model(lake, target->table), &all, sql);
    buf_add_text(sql, " as t on ");
    for (size_t k = 0; k < target->count; k++) {
        buf_add_text(sql, k ? " and t." : "t.");
        duck_ident(sql, target->target_columns[k]);
        buf_addf(sql, " = d.k%zu", k);
    }
}

static bool is_first_of_target(const struct rules *rules, size_t index)
{
    const struct model *model = rules->table->model;
    for (size_t i = 0; i < index; i++)
        if (rules->asked[i] && same_target(&model->references[i], &model->references[index]))
            return false;
    return rules->asked[index];
}

/* A sum over a union: scalar subqueries side by side would be a join of them all to the optimizer.
 */
static void count_bad_sql(struct lake *lake, const struct rules *rules,
                          const struct lake_file *file, struct buf *sql)
{
    const struct model *model = rules->table->model;
    buf_add_text(sql, "select cast(sum(n) as bigint) from (select 0 as n");
    if (model->check_count > 0) {
        buf_add_text(sql, " union all select count(*) from ");
        lake_file_relation(&file, 1, sql);
        for (size_t i = 0; i < model->check_count; i++)
            buf_addf(sql, "%s(%s\n) is false", i ? " or " : " where ", model->checks[i].condition);
    }
    for (size_t i = 0; i < model->reference_count; i++) {
        if (!is_first_of_target(rules, i))
            continue;
        buf_add_text(sql, " union all select count(*) from ");
        add_missing_of_target(lake, rules, i, file, sql);
    }
    buf_add_char(sql, ')');
}

/* "a, b -> t" */
static void reference_text(const struct model_reference *reference, struct buf *text)
{
    buf_add_text(text, "reference: ");
    for (size_t i = 0; i < reference->count; i++)
        buf_addf(text, "%s%s", i ? ", " : "", reference->columns[i]);
    buf_addf(text, " -> %s", reference->table);
}

/* Every row of the file, in its order, with "?why": '' when it is good. */
static void judged_sql(struct lake *lake, const struct rules *rules, const struct lake_file *file,
                       struct buf *sql)
{
    const struct model *model = rules->table->model;
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    buf_add_text(sql, "select *, concat_ws('; '");
    for (size_t i = 0; i < model->check_count; i++) {
        buf_clear(&text);
        buf_addf(&text, "check: %s", model->checks[i].condition);
        buf_addf(sql, ", case when (%s\n) is false then ", model->checks[i].condition);
        duck_literal(sql, text.data);
        buf_add_text(sql, " end");
    }
    for (size_t i = 0; i < model->reference_count; i++) {
        const struct model_reference *reference = &model->references[i];
        if (!rules->asked[i])
            continue;
        buf_clear(&text);
        reference_text(reference, &text);
        buf_add_text(sql, ", case when (");
        for (size_t k = 0; k < reference->count; k++) {
            buf_add_text(sql, k ? ", " : "");
            duck_ident(sql, reference->columns[k]);
        }
        buf_add_text(sql, reference->count > 1 ? ") in (select (" : ") in (select ");
        for (size_t k = 0; k < reference->count; k++)
            buf_addf(sql, "%sd.k%zu", k ? ", " : "", k);
        buf_add_text(sql, reference->count > 1 ? ") from " : " from ");
        add_missing(lake, reference, file, sql);
        buf_add_text(sql, ") then ");
        duck_literal(sql, text.data);
        buf_add_text(sql, " end");
    }
    buf_add_text(sql, ") as \"?why\" from ");
    lake_file_relation(&file, 1, sql);
}

static enum err_code write_bad(struct lake *lake, struct lake_table *table,
                               const struct buf *judged, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct lake_file *bad;
    buf_add_text(&sql, "select 'star' as zone, ");
    duck_literal(&sql, table->name);
    buf_add_text(&sql, " as \"table\", ");
    star_key_json(NULL, table, &sql);
    buf_addf(&sql, " as key, \"?why\" as reason, %" PRIu64 "::bigint as batch, cast(json_object(",
             lake->row_batch);
    for (size_t i = 0; i < table->column_count; i++) {
        buf_add_text(&sql, i ? ", " : "");
        duck_literal(&sql, table->columns[i].name);
        buf_add_text(&sql, ", ");
        duck_ident(&sql, table->columns[i].name);
    }
    buf_addf(&sql, ") as varchar) as \"row\" from (%s) where \"?why\" <> ''", judged->data);
    TRY(lake_write(lake, table, sql.data, &bad, err));
    if (!bad)
        return err_set(err, ERR_INTERNAL, "%s: bad rows were counted and not found",
                       table->model->what);
    bad->is_quarantine = true;
    bad->in_table = false;
    table->quarantined += bad->file.rows;
    return ERR_OK;
}

static enum err_code split(struct lake *lake, struct lake_table *table, const struct rules *rules,
                           struct lake_file **file, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf judged = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct lake_file *good;
    judged_sql(lake, rules, *file, &judged);
    TRY(write_bad(lake, table, &judged, err));
    buf_addf(&sql, "select * exclude (\"?why\") from (%s) where \"?why\" = ''", judged.data);
    TRY(lake_write(lake, table, sql.data, &good, err));
    if (good) {
        good->for_load = (*file)->for_load;
        good->in_table = (*file)->in_table;
    }
    lake_discard(lake, table, *file);
    *file = good;
    return ERR_OK;
}

/* Again until nothing is bad: a row may refer to one of its own table that has just been taken out.
 */
enum err_code star_verify(struct lake *lake, struct lake_table *table, struct lake_file **file,
                          struct err *err)
{
    struct rules rules;
    if (table->model->check_count == 0 && table->model->reference_count == 0)
        return ERR_OK;
    TRY(choose_rules(lake, table, &rules, err));
    while (*file) {
        CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
        int64_t bad = 0;
        count_bad_sql(lake, &rules, *file, &sql);
        if (query_count(lake, sql.data, &bad, err) != ERR_OK)
            return err_wrap(err, "%s: checks and references", table->model->what);
        if (bad == 0)
            return ERR_OK;
        TRY(split(lake, table, &rules, file, err));
    }
    return ERR_OK;
}
