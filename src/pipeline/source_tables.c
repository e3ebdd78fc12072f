#include "pipeline/source_tables.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "pipeline/object_names.h"
#include "pipeline/source_query.h"
#include "pipeline/types.h"

enum {
    PAGE_BYTES = 8192,
    ROW_BYTES_GUESS = 128
};

struct making {
    const struct source_plan_options *options;
    const struct catalog *catalog;
    struct arena *arena;
    struct source_plan plan;
};

/* --- patterns --- */

/* '*' stands for any text, everything else for itself. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

static bool matches_table(const struct making *making, const char *pattern,
                          const struct catalog_table *table)
{
    return matches(pattern, table->name) ||
           matches(pattern, arena_printf(making->arena, "%s.%s", table->schema, table->name));
}

static bool in_list(const struct making *making, const char *const *list,
                    const struct catalog_table *table, bool exactly)
{
    for (; list && *list; list++)
        if ((!exactly || !strchr(*list, '*')) && matches_table(making, *list, table))
            return true;
    return false;
}

static bool is_chosen(const struct making *making, const struct catalog_table *table)
{
    const struct ingest_options *ingest = making->options->ingest;
    bool plain = table->kind == 'r' || table->kind == 'p';

    if (in_list(making, ingest->exclude, table, false))
        return false;
    if (!ingest->include)
        return plain;
    return in_list(making, ingest->include, table, !plain);
}

/* A name without wildcard that fits nothing is a mistake, or a table that went away. */
static enum err_code check_included(const struct making *making, struct err *err)
{
    const char *const *list = making->options->ingest->include;

    for (; list && *list; list++) {
        if (strchr(*list, '*'))
            continue;
        bool found = false;
        for (size_t i = 0; i < making->catalog->count && !found; i++)
            found = matches_table(making, *list, &making->catalog->tables[i]);
        if (found)
            continue;
        (void)err_set(err, ERR_NOT_FOUND, "table '%s' does not exist in the source", *list);
        return err_hint(err, "correct source.include, or check that the role may see its schema");
    }
    return ERR_OK;
}

static const struct ingest_table_options *options_of(const struct making *making,
                                                     const struct catalog_table *table)
{
    const struct ingest_options *ingest = making->options->ingest;

    for (size_t i = 0; i < ingest->table_count; i++)
        if (matches_table(making, ingest->tables[i].table, table))
            return &ingest->tables[i];
    return NULL;
}

/* --- rights --- */

static enum err_code check_rights(const struct catalog_table *table, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf name = {0};

    pg_qualified(&name, table->schema, table->name);
    if (!table->can_select) {
        (void)err_set(err, ERR_DENIED, "table '%s.%s' may not be read", table->schema, table->name);
        return err_hint(err,
                        "grant usage on its schema and select on %s to the role, or list the "
                        "table under source.exclude",
                        name.data);
    }
    if (table->row_security) {
        (void)err_set(err, ERR_DENIED, "row security would hide rows of table '%s.%s'",
                      table->schema, table->name);
        return err_hint(err, "alter role … bypassrls, or list the table under source.exclude");
    }
    return ERR_OK;
}

/* --- columns --- */

static bool is_named(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (text_equal(*list, name))
            return true;
    return false;
}

static enum err_code check_named_columns(const struct catalog_table *table, const char *const *list,
                                         struct err *err)
{
    for (; list && *list; list++) {
        bool found = false;
        for (size_t i = 0; i < table->column_count && !found; i++)
            found = text_equal(table->columns[i].name, *list);
        if (!found)
            return err_set(err, ERR_CONFIG, "table '%s.%s' has no column '%s' to leave out or hash",
                           table->schema, table->name, *list);
    }
    return ERR_OK;
}

static bool is_reserved(const char *name)
{
    static const char *const names[] = {"_batch_id", "_captured_at", "_deleted", "_key"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

static bool is_taken(const struct record_table *record, const char *lake_name)
{
    for (size_t i = 0; i < record->column_count; i++)
        if (record->columns[i].lake_name &&
            strcasecmp(record->columns[i].lake_name, lake_name) == 0)
            return true;
    return false;
}

static const char *old_lake_name(const struct record_table *old, const struct record_column *column)
{
    for (size_t i = 0; old && i < old->column_count; i++)
        if (old->columns[i].number == column->number &&
            text_equal(old->columns[i].name, column->name))
            return old->columns[i].lake_name;
    return NULL;
}

/* Names that an earlier batch gave stay; new ones make way. */
/* "name_2", which must be a name in PostgreSQL again: whole characters, 63 bytes at most. */
static const char *add_number(struct arena *arena, const char *name, unsigned number)
{
    char suffix[16];
    size_t keep = strlen(name);
    size_t room = TABLE_NAME_MAX - 1 - (size_t)snprintf(suffix, sizeof suffix, "_%u", number);

    if (keep > room)
        for (keep = room; keep > 0 && ((unsigned char)name[keep] & 0xc0) == 0x80; keep--)
            ;
    return arena_printf(arena, "%.*s%s", (int)keep, name, suffix);
}

static void name_columns(struct record_table *record, const struct record_table *old,
                         struct arena *arena)
{
    for (size_t i = 0; i < record->column_count; i++)
        if (!record->columns[i].lake_name)
            record->columns[i].lake_name = old_lake_name(old, &record->columns[i]);
    for (size_t i = 0; i < record->column_count; i++) {
        struct record_column *column = &record->columns[i];
        if (column->lake_name)
            continue;
        const char *name = column->name;
        for (unsigned n = 2; is_taken(record, name) || is_reserved(name); n++)
            name = add_number(arena, column->name, n);
        column->lake_name = name;
    }
}

static enum err_code choose_columns(const struct making *making, struct source_table *table,
                                    const struct record_table *old, struct err *err)
{
    const struct catalog_table *catalog = table->catalog;
    const char *const *excluded = table->options ? table->options->exclude_columns : NULL;
    const char *const *hashed = table->options ? table->options->hash_columns : NULL;
    struct record_table *record = &table->record;

    TRY(check_named_columns(catalog, excluded, err));
    TRY(check_named_columns(catalog, hashed, err));
    record->columns =
        arena_alloc(making->arena, (catalog->column_count + 1) * sizeof *record->columns);
    if (table->keyless)
        record->columns[record->column_count++] = (struct record_column){
            .name = "_key", .lake_name = "_key", .type = "text", .typmod = -1, .not_null = true};
    table->stable = true;
    for (size_t i = 0; i < catalog->column_count; i++) {
        const struct catalog_column *column = &catalog->columns[i];
        if (is_named(excluded, column->name))
            continue;
        bool hash = is_named(hashed, column->name);
        table->stable = table->stable && type_text_is_stable(column->type);
        record->columns[record->column_count++] = (struct record_column){
            .name = column->name,
            .number = column->number,
            .type = hash ? "hashed" : column->type,
            .typmod = hash ? -1 : column->typmod,
            .not_null = column->not_null,
            .comment = column->comment,
        };
    }
    name_columns(record, old, making->arena);
    return ERR_OK;
}

/* --- key --- */

static bool is_integer(const char *type)
{
    return text_equal(type, "int2") || text_equal(type, "int4") || text_equal(type, "int8");
}

static enum err_code find_field(const struct source_table *table, const char *name,
                                size_t *ret_field, struct err *err)
{
    for (size_t i = 0; i < table->record.column_count; i++) {
        if (text_equal(table->record.columns[i].name, name)) {
            *ret_field = i;
            return ERR_OK;
        }
    }
    (void)err_set(err, ERR_CONFIG,
                  "column '%s' of table '%s' is part of its key and cannot be left out", name,
                  table->record.name);
    return err_hint(err, "take it out of exclude_columns; hash_columns keeps rows apart");
}

static enum err_code choose_key(const struct making *making, struct source_table *table,
                                struct err *err)
{
    static const char *const made[] = {"_key"};
    const struct catalog_table *catalog = table->catalog;
    const char *const *key = table->keyless ? made : (const char *const *)catalog->key;
    size_t count = table->keyless ? 1 : catalog->key_count;
    size_t *fields = arena_alloc(making->arena, 2 * count * sizeof *fields);
    int *numbers = arena_alloc(making->arena, table->record.column_count * sizeof *numbers);

    table->record.key = arena_alloc(making->arena, count * sizeof *table->record.key);
    table->record.key_count = count;
    table->key_columns = arena_alloc(making->arena, count * sizeof *table->key_columns);
    for (size_t i = 0; i < count; i++) {
        TRY(find_field(table, key[i], &fields[i], err));
        table->key_columns[i] = table->record.columns[fields[i]];
        table->record.key[i] = table->key_columns[i].lake_name;
        fields[count + i] = i;
    }
    for (size_t i = 0; i < table->record.column_count; i++)
        numbers[i] = table->record.columns[i].number;
    table->form = count == 1 && is_integer(table->key_columns[0].type) ? KEY_INT8 : KEY_TEXT;
    table->rows = (struct row_layout){.column_count = table->record.column_count,
                                      .numbers = numbers,
                                      .form = table->form,
                                      .key_fields = fields,
                                      .key_count = count,
                                      .keyless = table->keyless};
    table->keys = (struct row_layout){.column_count = count,
                                      .numbers = numbers,
                                      .form = table->form,
                                      .key_fields = fields + count,
                                      .key_count = count,
                                      .keyless = table->keyless};
    return ERR_OK;
}

/* --- tables --- */

static const struct record_table *old_table(const struct record *last,
                                            const struct catalog_table *table)
{
    for (size_t i = 0; last && i < last->table_count; i++)
        if (text_equal(last->tables[i].schema, table->schema) &&
            text_equal(last->tables[i].relation, table->name))
            return &last->tables[i];
    return NULL;
}

static bool table_name_taken(const struct making *making, const char *name)
{
    const struct record *last = making->options->last;

    for (size_t i = 0; i < making->plan.count; i++)
        if (strcasecmp(making->plan.tables[i].record.name, name) == 0)
            return true;
    for (size_t i = 0; last && i < last->table_count; i++)
        if (strcasecmp(last->tables[i].name, name) == 0)
            return true;
    return false;
}

static const char *name_table(const struct making *making, const struct catalog_table *table,
                              const struct record_table *old)
{
    char name[TABLE_NAME_MAX];

    if (old)
        return arena_strdup(making->arena, old->name);
    object_table_name(table->schema, table->name, name);
    const char *free_name = name;
    for (unsigned n = 2; table_name_taken(making, free_name); n++)
        free_name = add_number(making->arena, name, n);
    return arena_strdup(making->arena, free_name);
}

/* What is left out or hashed decides what content means, as the catalog does. */
static const char *shape_of(const struct making *making, const struct source_table *table)
{
    char hex[SHA256_HEX_SIZE];

    if (!table->options || (!table->options->exclude_columns && !table->options->hash_columns))
        return table->catalog->shape;
    sha256_of(table->columns, strlen(table->columns), hex);
    return arena_printf(making->arena, "%s-%.8s", table->catalog->shape, hex);
}

const char *source_table_cursor(const struct source_table *table)
{
    return table->options ? table->options->cursor : NULL;
}

static enum err_code check_cursor(const struct source_table *table, struct err *err)
{
    const char *name = source_table_cursor(table), *type = NULL;

    if (!name)
        return ERR_OK;
    for (size_t i = 0; i < table->catalog->column_count; i++)
        if (text_equal(table->catalog->columns[i].name, name))
            type = table->catalog->columns[i].type;
    if (table->keyless)
        (void)err_set(err, ERR_CONFIG, "tables.%s.cursor: the table has no key, it is read whole",
                      table->options->table);
    else if (!type)
        (void)err_set(err, ERR_CONFIG, "tables.%s.cursor: there is no column '%s'",
                      table->options->table, name);
    else if (!text_equal(type, "timestamp") && !text_equal(type, "timestamptz"))
        (void)err_set(err, ERR_CONFIG, "tables.%s.cursor: column '%s' is of type %s",
                      table->options->table, name, type);
    else
        return ERR_OK;
    return err_hint(err, "name a timestamp column with an index that every write sets, as "
                         "'last_updated', or leave the cursor out");
}

static enum err_code make_table(struct making *making, const struct catalog_table *catalog,
                                struct err *err)
{
    const struct record_table *old = old_table(making->options->last, catalog);
    struct source_table *table = &making->plan.tables[making->plan.count];
    bool plain = catalog->kind == 'r' || catalog->kind == 'p';

    TRY(check_rights(catalog, err));
    *table = (struct source_table){
        .catalog = catalog,
        .options = options_of(making, catalog),
        .keyless = !plain || catalog->key_count == 0,
        .record = {.name = name_table(making, catalog, old),
                   .schema = catalog->schema,
                   .relation = catalog->name,
                   .comment = catalog->comment},
    };
    TRY(choose_columns(making, table, old, err));
    TRY(choose_key(making, table, err));
    TRY(check_cursor(table, err));
    source_query_build(table, making->options->utf8, making->arena);
    table->record.shape = shape_of(making, table);
    table->size_bytes = (uint64_t)catalog->pages * PAGE_BYTES;
    if (table->size_bytes == 0 && catalog->estimated_rows > 0)
        table->size_bytes = (uint64_t)catalog->estimated_rows * ROW_BYTES_GUESS;
    making->plan.count++;
    return ERR_OK;
}

/* --- references --- */

static const struct source_table *find_planned(const struct source_plan *plan, const char *schema,
                                               const char *relation)
{
    for (size_t i = 0; i < plan->count; i++)
        if (text_equal(plan->tables[i].catalog->schema, schema) &&
            text_equal(plan->tables[i].catalog->name, relation))
            return &plan->tables[i];
    return NULL;
}

static const char *lake_name_of(const struct source_table *table, const char *column)
{
    for (size_t i = 0; i < table->record.column_count; i++)
        if (text_equal(table->record.columns[i].name, column))
            return table->record.columns[i].lake_name;
    return NULL;
}

/* False when one side is not captured. */
static bool make_reference(const struct making *making, const struct source_table *table,
                           const struct catalog_reference *reference, struct record_reference *ret)
{
    const struct source_table *target =
        find_planned(&making->plan, reference->target_schema, reference->target_relation);
    size_t size = reference->count * sizeof(char *);

    if (!target)
        return false;
    *ret = (struct record_reference){.columns = arena_alloc(making->arena, size),
                                     .target_columns = arena_alloc(making->arena, size),
                                     .table = target->record.name,
                                     .count = reference->count};
    for (size_t i = 0; i < reference->count; i++) {
        ret->columns[i] = lake_name_of(table, reference->columns[i]);
        ret->target_columns[i] = lake_name_of(target, reference->target_columns[i]);
        if (!ret->columns[i] || !ret->target_columns[i])
            return false;
    }
    return true;
}

static void make_references(const struct making *making, struct source_table *table)
{
    const struct catalog_table *catalog = table->catalog;
    struct record_table *record = &table->record;

    record->references =
        arena_alloc(making->arena, (catalog->reference_count + 1) * sizeof *record->references);
    for (size_t i = 0; i < catalog->reference_count; i++)
        if (make_reference(making, table, &catalog->references[i],
                           &record->references[record->reference_count]))
            record->reference_count++;
}

/* --- plan --- */

static int by_name(const void *a, const void *b)
{
    const struct source_table *x = a, *y = b;
    return strcmp(x->record.name, y->record.name);
}

void source_plan_warn(const struct source_plan *plan, const struct ingest_options *ingest)
{
    for (size_t i = 0; i < ingest->table_count; i++) {
        bool used = false;
        for (size_t t = 0; t < plan->count && !used; t++)
            used = plan->tables[t].options == &ingest->tables[i];
        if (!used)
            log_warn("tables.%s is configured, but no such table is captured",
                     ingest->tables[i].table);
    }
}

enum err_code source_plan_make(const struct source_plan_options *options,
                               const struct catalog *catalog, struct arena *arena,
                               struct source_plan *ret_plan, struct err *err)
{
    struct making making = {.options = options, .catalog = catalog, .arena = arena};

    making.plan.tables = arena_alloc(arena, (catalog->count + 1) * sizeof *making.plan.tables);
    TRY(check_included(&making, err));
    for (size_t i = 0; i < catalog->count; i++)
        if (is_chosen(&making, &catalog->tables[i]))
            TRY(make_table(&making, &catalog->tables[i], err));
    if (making.plan.count == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "the source has no table to capture");
        return err_hint(err,
                        "check the database's name, source.include and source.exclude, and that "
                        "the role may use the schemas");
    }
    for (size_t i = 0; i < making.plan.count; i++)
        make_references(&making, &making.plan.tables[i]);
    qsort(making.plan.tables, making.plan.count, sizeof *making.plan.tables, by_name);
    *ret_plan = making.plan;
    return ERR_OK;
}

bool source_plan_equal(const struct source_plan *a, const struct source_plan *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!text_equal(a->tables[i].record.name, b->tables[i].record.name) ||
            !text_equal(a->tables[i].record.shape, b->tables[i].record.shape) ||
            !text_equal(a->tables[i].columns, b->tables[i].columns) ||
            !text_equal(a->tables[i].from, b->tables[i].from))
            return false;
    return true;
}

void source_plan_lock(const struct source_plan *plan, struct buf *sql)
{
    for (size_t i = 0; i < plan->count; i++) {
        char kind = plan->tables[i].catalog->kind;
        if (kind == 'm' || kind == 'f')
            continue; /* cannot be locked */
        buf_add_text(sql, sql->size ? ", " : "lock table ");
        buf_add_text(sql, plan->tables[i].from);
    }
    if (sql->size)
        buf_add_text(sql, " in access share mode");
}
