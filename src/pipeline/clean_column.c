/* One column of a clean table: its type, and SQL that takes a value only when it is exactly of that
 * type. DuckDB's casts are generous ('1.239' becomes 1.24, '2024/1/5' a date, 'infinity' one too),
 * so each is held against the text. */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "pipeline/clean.h"
#include "pipeline/types.h"

/* What `-- type: column word` may say; decimal(p,s) besides. */
static const struct stated_type {
    const char *word;
    const char *lake;
    const char *warehouse;
} stated_types[] = {
    {"text", "VARCHAR", NULL},      {"date", "DATE", NULL},       {"timestamp", "TIMESTAMP", NULL},
    {"smallint", "SMALLINT", NULL}, {"integer", "INTEGER", NULL}, {"bigint", "BIGINT", NULL},
    {"boolean", "BOOLEAN", NULL},   {"double", "DOUBLE", NULL},   {"time", "VARCHAR", "time"},
    {"uuid", "VARCHAR", "uuid"},    {"json", "VARCHAR", "json"},  {"jsonb", "VARCHAR", "jsonb"},
};

/* "decimal(10, 2)" or "numeric(10,2)"; 0 when it is neither. */
static int stated_decimal(const char *word, int *ret_scale)
{
    size_t size = strcspn(word, "(");
    int64_t precision, scale;
    char digits[2][8] = {{0}};
    if ((strncmp(word, "decimal", size) != 0 && strncmp(word, "numeric", size) != 0) || size != 7)
        return 0;
    const char *at = word + size;
    for (int i = 0; i < 2; i++) {
        at += strspn(at, " (,");
        size_t count = strspn(at, "0123456789");
        if (count == 0 || count >= sizeof digits[0])
            return 0;
        memcpy(digits[i], at, count);
        at += count;
    }
    if (!text_equal(at, ")") || !text_to_i64(digits[0], &precision) ||
        !text_to_i64(digits[1], &scale) || precision < 1 || precision > 38 || scale > precision)
        return 0;
    *ret_scale = (int)scale;
    return (int)precision;
}

static enum err_code stated(const struct clean_model *model, const struct model_column *directive,
                            struct arena *arena, struct processed_column *column, struct err *err)
{
    int scale = 0;
    int precision = stated_decimal(directive->text, &scale);
    if (precision) {
        column->type = arena_printf(arena, "DECIMAL(%d,%d)", precision, scale);
        return ERR_OK;
    }
    for (size_t i = 0; i < COUNT_OF(stated_types); i++)
        if (strcasecmp(stated_types[i].word, directive->text) == 0) {
            column->type = stated_types[i].lake;
            column->warehouse_type = stated_types[i].warehouse;
            return ERR_OK;
        }
    (void)err_set(err, ERR_CONFIG, "%s:%d: unknown type '%s'", model->what, directive->line,
                  directive->text);
    return err_hint(err, "text, date, timestamp, smallint, integer, bigint, boolean, double, "
                         "decimal(p,s), time, uuid, json, jsonb");
}

enum err_code clean_column_type(const struct record_column *column, const struct clean_model *model,
                                struct arena *arena, struct processed_column *ret_column,
                                struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf type = {0};
    struct processed_column typed = {
        .name = column->lake_name, .not_null = column->not_null, .comment = column->comment};
    type_lake(column->type, column->typmod, &type);
    typed.type = arena_strdup(arena, type.data);
    typed.warehouse_type = type_warehouse(column->type);
    const struct model_column *directive =
        model ? model_column_find(model->types, model->type_count, column->lake_name) : NULL;
    if (directive) {
        typed.warehouse_type = NULL;
        TRY(stated(model, directive, arena, &typed, err));
    }
    *ret_column = typed;
    return ERR_OK;
}

/* Types that read_json makes itself without loss, from what ingest writes for them. */
static bool is_native(const char *type)
{
    static const char *const native[] = {"SMALLINT", "INTEGER", "BIGINT",
                                         "FLOAT",    "DOUBLE",  "BOOLEAN"};
    for (size_t i = 0; i < COUNT_OF(native); i++)
        if (text_equal(native[i], type))
            return true;
    return false;
}

/* What a text must look like, for types that a directive states: their texts come from people. */
static const char *stated_rule(const char *type, const char *raw, const char *typed,
                               struct arena *arena)
{
    int scale = 0;
    if (text_equal(type, "DATE"))
        return arena_printf(arena, "%s is null or (strlen(%s) = 10 and cast(%s as varchar) = %s)",
                            raw, raw, typed, raw);
    if (text_starts(type, "TIMESTAMP"))
        return arena_printf(
            arena,
            "%s is null or (strlen(%s) in (19, 23, 26) and "
            "starts_with(strftime(cast(%s as timestamp), '%%Y-%%m-%%d %%H:%%M:%%S.%%f'), %s))",
            raw, raw, typed, raw);
    if (text_equal(type, "BOOLEAN"))
        return arena_printf(arena, "%s is null or %s in ('true', 'false', 't', 'f')", raw, raw);
    if (text_equal(type, "DOUBLE") || text_equal(type, "FLOAT"))
        return arena_printf(arena, "%s is null or %s is not null", raw, typed);
    if (text_equal(type, "BLOB"))
        return arena_printf(arena, "%s is null or (starts_with(%s, '\\x') and %s is not null)", raw,
                            raw, typed);
    char *decimal = arena_strdup(arena, type);
    for (char *c = decimal; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    if (stated_decimal(decimal, &scale))
        return arena_printf(arena,
                            scale ? "%s is null or (%s is not null and "
                                    "regexp_full_match(%s, '-?[0-9]+([.][0-9]{1,%d})?'))"
                                  : "%s is null or (%s is not null and "
                                    "regexp_full_match(%s, '-?[0-9]+'))",
                            raw, typed, raw, scale);
    return arena_printf(arena,
                        "%s is null or (%s is not null and regexp_full_match(%s, '-?[0-9]+'))", raw,
                        typed, raw);
}

/* PostgreSQL's own texts have one form each: length or equality tells them from what only looks
 * alike (BC, infinity, years of five digits). */
static const char *catalog_rule(const char *type, const char *raw, const char *typed,
                                struct arena *arena)
{
    int precision = 0, scale = 0;
    if (text_equal(type, "DATE"))
        return arena_printf(arena, "%s is null or (strlen(%s) = 10 and %s is not null)", raw, raw,
                            typed);
    if (text_starts(type, "TIMESTAMP"))
        return arena_printf(arena, "%s is null or (strlen(%s) = 26 and %s is not null)", raw, raw,
                            typed);
    if (text_equal(type, "BLOB"))
        return arena_printf(arena, "%s is null or (starts_with(%s, '\\x') and %s is not null)", raw,
                            raw, typed);
    char *decimal = arena_printf(arena, "decimal%s", type + strcspn(type, "("));
    precision = stated_decimal(decimal, &scale);
    if (precision > scale)
        return arena_printf(arena, "%s is not distinct from cast(%s as varchar)", raw, typed);
    /* DuckDB prints .12 where there is no place before the point */
    return arena_printf(arena,
                        "%s is null or (%s is not null and "
                        "regexp_full_match(%s, '-?0[.][0-9]{%d}'))",
                        raw, typed, raw, scale);
}

static const char *typed_value(const char *type, const char *raw, struct arena *arena)
{
    if (text_equal(type, "TIMESTAMP WITH TIME ZONE")) /* the text is UTC, and so is the session */
        return arena_printf(arena, "cast(try_cast(%s as timestamp) as timestamptz)", raw);
    if (text_equal(type, "BLOB"))
        return arena_printf(arena, "try(unhex(substr(%s, 3)))", raw);
    return arena_printf(arena, "try_cast(%s as %s)", raw, type);
}

void clean_column_read(const struct processed_column *target, const struct record_column *column,
                       bool is_trimmed, const char *raw, const char *typed, struct arena *arena,
                       struct clean_column *ret_column)
{
    CLEANUP_IN_PLACE(buf_release) struct buf source_type = {0};
    struct clean_column made = {.json_type = "VARCHAR", .typed = raw};
    if (!column) {
        made.typed = arena_printf(arena, "cast(null as %s)", target->type);
        *ret_column = made;
        return;
    }
    type_lake(column->type, column->typmod, &source_type);
    bool same = text_equal(source_type.data, target->type);
    made.json_name = column->lake_name;
    if (same && is_native(target->type)) {
        made.json_type = target->type;
    } else if (!text_equal(target->type, "VARCHAR")) {
        made.typed = typed_value(target->type, raw, arena);
        made.is_good = same ? catalog_rule(target->type, raw, typed, arena)
                            : stated_rule(target->type, raw, typed, arena);
    } else if (is_trimmed) {
        made.typed = arena_printf(arena, "trim(%s)", raw);
    }
    *ret_column = made;
}
