#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "warehouse/postgres_priv.h"

/* DuckDB's name of a type, PostgreSQL's as format_type() prints it, and how it is copied. */
static const struct {
    const char *name;
    const char *type;
    enum copy_kind kind;
} types[] = {
    {"BOOLEAN", "boolean", COPY_BOOL},
    {"TINYINT", "smallint", COPY_INT2},
    {"SMALLINT", "smallint", COPY_INT2},
    {"INTEGER", "integer", COPY_INT4},
    {"BIGINT", "bigint", COPY_INT8},
    {"UTINYINT", "smallint", COPY_INT2},
    {"USMALLINT", "integer", COPY_INT4},
    {"UINTEGER", "bigint", COPY_INT8},
    {"UBIGINT", "numeric(20,0)", COPY_NUMERIC},
    {"HUGEINT", "numeric(39,0)", COPY_NUMERIC},
    {"FLOAT", "real", COPY_FLOAT4},
    {"DOUBLE", "double precision", COPY_FLOAT8},
    {"VARCHAR", "character varying", COPY_TEXT},
    {"JSON", "json", COPY_TEXT},
    {"BLOB", "bytea", COPY_BYTEA},
    {"DATE", "date", COPY_DATE},
    {"TIME", "time without time zone", COPY_TIME},
    {"TIMESTAMP", "timestamp without time zone", COPY_TIMESTAMP},
    {"TIMESTAMP WITH TIME ZONE", "timestamp with time zone", COPY_TIMESTAMP},
    {"TIMESTAMPTZ", "timestamp with time zone", COPY_TIMESTAMP},
    {"INTERVAL", "interval", COPY_INTERVAL},
    {"UUID", "uuid", COPY_UUID},
};

/* What stands as text in the file. */
static const struct {
    const char *name;
    const char *type;
    enum copy_kind kind;
} text_types[] = {
    {"time", "time without time zone", COPY_TIME},
    {"uuid", "uuid", COPY_UUID},
    {"json", "json", COPY_TEXT},
    {"jsonb", "jsonb", COPY_JSONB},
};

enum err_code target_type_of(const struct warehouse_column *column, struct arena *arena,
                             struct target_column *ret_column, struct err *err)
{
    int precision, scale;
    int used = 0;

    if (column->warehouse_type) {
        for (size_t i = 0; i < COUNT_OF(text_types); i++) {
            if (text_equal(column->warehouse_type, text_types[i].name)) {
                ret_column->type = text_types[i].type;
                ret_column->kind = text_types[i].kind;
                ret_column->json = text_equal(text_types[i].name, "json");
                return ERR_OK;
            }
        }
    }
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (strcasecmp(column->type, types[i].name) == 0) {
            ret_column->type = types[i].type;
            ret_column->kind = types[i].kind;
            ret_column->json = text_equal(types[i].type, "json");
            return ERR_OK;
        }
    }
    if (sscanf(column->type, "DECIMAL(%d,%d)%n", &precision, &scale, &used) == 2 && used > 0) {
        ret_column->type = arena_printf(arena, "numeric(%d,%d)", precision, scale);
        ret_column->kind = COPY_NUMERIC;
        return ERR_OK;
    }
    (void)err_set(err, ERR_CONFIG,
                  "column '%s' has the type %s, which no type of PostgreSQL stands for",
                  column->name, column->type);
    return err_hint(err, "cast it in the model, for example to varchar");
}

static bool is_text(const char *type)
{
    return text_equal(type, "text") || text_starts(type, "character varying");
}

static bool is_numeric(const char *type, int *precision, int *scale)
{
    return sscanf(type, "numeric(%d,%d)", precision, scale) == 2;
}

bool target_type_fits(const char *wanted, const char *present)
{
    int precision, scale, has_precision, has_scale;

    if (text_equal(wanted, present) || (is_text(wanted) && is_text(present)))
        return true;
    if (!is_numeric(wanted, &precision, &scale))
        return false;
    if (text_equal(present, "numeric"))
        return true;
    return is_numeric(present, &has_precision, &has_scale) && has_scale == scale &&
           has_precision >= precision;
}
