/* The text of a mirror model. */
#include <strings.h>

#include "base/text.h"
#include "pipeline/scaffold.h"

/* Words that DuckDB, PostgreSQL, Trino or Spark do not take as a bare name. */
static const char reserved[] =
    " all alter analyse analyze and anti any array as asc asof asymmetric at authorization"
    " between binary both by case cast check collate collation column columns concurrently"
    " constraint create cross cube current_catalog current_date current_role"
    " current_schema current_time current_timestamp current_user deallocate default"
    " deferrable delete desc describe distinct do drop else end escape except execute"
    " exists extract false fetch for foreign freeze from full generated glob grant group"
    " grouping having ilike in initially inner insert intersect into is isnull join"
    " json_array json_exists json_object json_query json_table json_value lambda lateral"
    " leading left like limit listagg localtime localtimestamp map natural normalize not"
    " notnull null offset on only or order outer overlaps pivot pivot_longer pivot_wider"
    " placing positional prepare primary qualify recursive references returning right"
    " rollup select semi session_user show similar skip some struct summarize symmetric"
    " table tablesample then to trailing trim true try_cast uescape union unique unnest"
    " unpack unpivot user using values variadic verbose when where window with"
    " ";

static bool is_reserved(const char *name)
{
    CLEANUP_IN_PLACE(buf_release) struct buf word = {0};

    buf_addf(&word, " %s ", name);
    return strstr(reserved, buf_text(&word)) != NULL;
}

static bool is_plain(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return size && !name[size] && !(*name >= '0' && *name <= '9') && !is_reserved(name);
}

void scaffold_name(struct buf *out, const char *name)
{
    if (is_plain(name))
        buf_add_text(out, name);
    else
        pg_ident(out, name);
}

static bool has_column(const struct record_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcasecmp(table->columns[i].lake_name, name) == 0)
            return true;
    return false;
}

/* What the model calls a column: its own name, unless that is one which tote gives to columns of
 * its own in the star. */
static void add_output(struct buf *out, const struct record_table *table, const char *name)
{
    static const char *const owned[] = {"batch_id", "captured_at", "deleted"};
    CLEANUP_IN_PLACE(buf_release) struct buf other = {0};
    bool is_owned = false;

    for (size_t i = 0; i < COUNT_OF(owned); i++)
        is_owned = is_owned || strcasecmp(owned[i], name) == 0;
    buf_add_text(&other, name);
    for (unsigned n = 2; is_owned && (n == 2 || has_column(table, buf_text(&other))); n++) {
        buf_clear(&other);
        buf_addf(&other, "%s_%u", name, n);
    }
    scaffold_name(out, buf_text(&other));
}

static void add_outputs(struct buf *out, const struct record_table *table, const char *const *names,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_add_text(out, i ? ", " : "");
        add_output(out, table, names[i]);
    }
}

/* "deleted as deleted_2", or just the name. */
static void add_column(struct buf *out, const struct record_table *table, const char *name)
{
    CLEANUP_IN_PLACE(buf_release) struct buf column = {0}, output = {0};

    scaffold_name(&column, name);
    add_output(&output, table, name);
    buf_add_text(out, buf_text(&column));
    if (!text_equal(buf_text(&column), buf_text(&output)))
        buf_addf(out, " as %s", buf_text(&output));
}

/* What a directive can say: one line that no white space at its ends belongs to.  (Other comments
 * come from the source's catalog by themselves, as all do for columns that are taken as they are.)
 */
static bool is_sayable(const char *comment)
{
    for (const char *c = comment; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return *comment && *comment != ' ' && comment[strlen(comment) - 1] != ' ';
}

/* A colon right behind its first word would make a table's comment a column's. */
static bool looks_like_column_comment(const char *comment)
{
    return *comment == '"' || comment[strcspn(comment, ": \t")] == ':';
}

static const struct record_table *find_target(const struct source_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (text_equal(plan->tables[i].record.name, name))
            return &plan->tables[i].record;
    return NULL;
}

/* What the directive takes for granted when it names no columns of the target. */
static bool refers_to_key(const struct record_reference *reference,
                          const struct record_table *target)
{
    for (size_t i = 0; i < reference->count; i++)
        if (i >= target->key_count || !text_equal(reference->target_columns[i], target->key[i]))
            return false;
    return reference->count == target->key_count;
}

static void add_reference(struct buf *out, const struct record_table *table,
                          const struct record_reference *reference,
                          const struct record_table *target)
{
    bool several = reference->count > 1;

    buf_add_text(out, several ? "-- references: (" : "-- references: ");
    add_outputs(out, table, (const char *const *)reference->columns, reference->count);
    buf_add_text(out, several ? ") -> " : " -> ");
    scaffold_name(out, reference->table);
    if (!refers_to_key(reference, target)) {
        buf_add_char(out, '(');
        add_outputs(out, target, (const char *const *)reference->target_columns, reference->count);
        buf_add_char(out, ')');
    }
    buf_add_char(out, '\n');
}

void scaffold_model(const struct record_table *table, const struct source_plan *plan,
                    struct buf *out)
{
    buf_add_text(out, "-- kind: mirror\n-- key: ");
    add_outputs(out, table, (const char *const *)table->key, table->key_count);
    buf_add_text(out, "\n-- row-of: ");
    scaffold_name(out, table->name);
    buf_add_char(out, '\n');
    for (size_t i = 0; i < table->reference_count; i++)
        add_reference(out, table, &table->references[i],
                      find_target(plan, table->references[i].table));
    if (table->comment && is_sayable(table->comment) && !looks_like_column_comment(table->comment))
        buf_addf(out, "-- comment: %s\n", table->comment);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct record_column *column = &table->columns[i];
        if (!column->comment || !is_sayable(column->comment))
            continue;
        buf_add_text(out, "-- comment: ");
        add_output(out, table, column->lake_name);
        buf_addf(out, ": %s\n", column->comment);
    }
    buf_add_text(out, "select\n");
    for (size_t i = 0; i < table->column_count; i++) {
        buf_add_text(out, i ? ",\n    " : "    ");
        add_column(out, table, table->columns[i].lake_name);
    }
    buf_add_text(out, "\nfrom source.");
    scaffold_name(out, table->name);
    buf_add_char(out, '\n');
}
