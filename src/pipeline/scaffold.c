#include "pipeline/scaffold.h"

#include <ctype.h>
#include <errno.h>

#include "base/file.h"
#include "base/text.h"

enum {
    FILE_LIMIT = 1 << 20
};

struct writing {
    const struct scaffold_options *options;
    struct arena *arena;
    struct catalog catalog;
    struct source_plan plan;
    const char **exclude; /* everything that is left out: for tote.yaml */
    size_t exclude_count;
    struct scaffold result;
};

/* Tables in which migration tools keep their own state. */
static const char *const migration_tables[] = {
    "_prisma_migrations",    "__drizzle_migrations",  "schema_migrations",
    "ar_internal_metadata",  "flyway_schema_history", "databasechangelog",
    "databasechangeloglock", "django_migrations",     "alembic_version",
    "knex_migrations",       "knex_migrations_lock",  "__EFMigrationsHistory",
    "goose_db_version",      "sqlx_migrations",       "_sqlx_migrations",
};

static bool is_migration(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(migration_tables); i++)
        if (text_equal(migration_tables[i], name))
            return true;
    return false;
}

static const char *pattern_of(const struct writing *writing, const struct catalog_table *table)
{
    if (text_equal(table->schema, "public"))
        return table->name;
    return arena_printf(writing->arena, "%s.%s", table->schema, table->name);
}

/* --- what there is --- */

static enum err_code look(struct writing *writing, struct err *err)
{
    CLEANUP(pg_close) struct pg *pg = NULL;
    struct pg_options options = {
        .url = writing->options->source_url, .role = "source", .blame = ERR_SOURCE};

    TRY(pg_open(&options, &pg, err));
    writing->result.database = arena_strdup(writing->arena, pg_database(pg));
    return catalog_read(pg, writing->arena, &writing->catalog, err);
}

static enum err_code plan(struct writing *writing, struct err *err)
{
    struct arena *arena = writing->arena;
    size_t size = (writing->catalog.count + 1) * sizeof(char *), denied = 0, keyless = 0;

    writing->exclude = arena_alloc(arena, size);
    writing->result.excluded = arena_alloc(arena, size);
    writing->result.keyless = arena_alloc(arena, size);
    for (size_t i = 0; i < writing->catalog.count; i++) {
        const struct catalog_table *table = &writing->catalog.tables[i];
        bool readable = table->can_select && !table->row_security;
        if (table->kind != 'r' && table->kind != 'p')
            continue;
        if (is_migration(table->name) || !readable)
            writing->exclude[writing->exclude_count++] = pattern_of(writing, table);
        if (!readable)
            writing->result.excluded[denied++] = pattern_of(writing, table);
    }
    struct ingest_options ingest = {.exclude = writing->exclude};
    struct source_plan_options options = {.ingest = &ingest, .utf8 = true};
    TRY(source_plan_make(&options, &writing->catalog, arena, &writing->plan, err));
    writing->result.table_count = writing->plan.count;
    for (size_t i = 0; i < writing->plan.count; i++)
        if (writing->plan.tables[i].keyless)
            writing->result.keyless[keyless++] = writing->plan.tables[i].record.name;
    return ERR_OK;
}

/* --- files --- */

static const char *path_of(const struct writing *writing, const char *name)
{
    return file_resolve(writing->arena, writing->options->directory, name);
}

static void note(struct writing *writing, const char *name, bool kept)
{
    writing->result.files[writing->result.file_count++] =
        (struct scaffold_file){arena_strdup(writing->arena, name), kept};
}

static enum err_code put(struct writing *writing, const char *name, const struct buf *text,
                         struct err *err)
{
    const char *path = path_of(writing, name);
    bool kept = file_exists(path) && !writing->options->force;

    if (!kept)
        TRY(file_write_atomic(path, buf_text(text), text->size, 0644, err));
    note(writing, name, kept);
    return ERR_OK;
}

/* In double quotes where YAML or our ${} would read something else in it. */
static void yaml_text(struct buf *out, const char *text)
{
    size_t plain =
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:-");
    /* A ':' may stand inside; what looks like null or begins like an indicator is quoted as well.
     */
    if (plain && !text[plain] && (isalpha((unsigned char)*text) || *text == '_' || *text == '.') &&
        !text_equal(text, "null") && !text_ends(text, ":")) {
        buf_add_text(out, text);
        return;
    }
    buf_add_char(out, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c == '$')
            buf_add_text(out, "$$");
        else if (c < ' ' || c == 0x7f)
            buf_addf(out, "\\x%02x", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

static bool warehouse_is_file(const struct scaffold_options *options)
{
    return !options->warehouse_url || text_starts(options->warehouse_url, "duckdb:");
}

static enum err_code put_yaml(struct writing *writing, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf yaml = {0};
    const struct scaffold_options *options = writing->options;

    buf_add_text(&yaml, "# `tote help config` lists every key; `tote config` shows what holds.\n"
                        "source:\n  url: ${TOTE_SOURCE_URL}   # in .env\n");
    if (writing->exclude_count)
        buf_add_text(&yaml, "  exclude:\n");
    for (size_t i = 0; i < writing->exclude_count; i++) {
        buf_add_text(&yaml, "    - ");
        yaml_text(&yaml, writing->exclude[i]);
        for (const char **denied = writing->result.excluded; *denied; denied++)
            if (text_equal(*denied, writing->exclude[i]))
                buf_add_text(&yaml, "   # the role may not read it");
        buf_add_char(&yaml, '\n');
    }
    buf_add_text(&yaml, "lake:\n  ingestion: ./lake/ingestion\n  processed: ./lake/processed\n"
                        "warehouse:\n  url: ");
    if (!options->warehouse_url)
        buf_add_text(&yaml, "duckdb:./warehouse.duckdb");
    else if (warehouse_is_file(options))
        yaml_text(&yaml, options->warehouse_url);
    else
        buf_add_text(&yaml, "${TOTE_WAREHOUSE_URL}   # in .env");
    buf_add_text(&yaml, "\nmodels: ./models\n");
    return put(writing, "tote.yaml", &yaml, err);
}

static void dotenv_line(struct buf *out, const char *name, const char *value)
{
    bool single = !strpbrk(value, "'\r\n");

    buf_addf(out, "%s=%c", name, single ? '\'' : '"');
    for (; *value; value++) {
        if (!single && (*value == '"' || *value == '\\'))
            buf_add_char(out, '\\');
        buf_add_char(out, *value);
    }
    buf_addf(out, "%c\n", single ? '\'' : '"');
}

/* Copies `old` without the lines that define `name`; false when there were none. */
static bool without_variable(const char *old, const char *name, struct buf *out)
{
    bool found = false;
    size_t length = strlen(name);

    while (*old) {
        size_t size = strcspn(old, "\n");
        const char *start = old + strspn(old, " \t");
        if (text_starts(start, "export "))
            start += strlen("export ");
        bool defines = text_starts(start, name) && start[length] == '=';
        found = found || defines;
        if (!defines) {
            buf_add(out, old, size);
            buf_add_char(out, '\n');
        }
        old += size + (old[size] == '\n');
    }
    return found;
}

static bool set_variable(const struct writing *writing, struct buf *text, const char *name,
                         const char *value)
{
    CLEANUP_IN_PLACE(buf_release) struct buf kept = {0};
    bool there = without_variable(buf_text(text), name, &kept);

    if (there && !writing->options->force)
        return false;
    buf_clear(text);
    buf_add(text, kept.data, kept.size);
    dotenv_line(text, name, value);
    return true;
}

static enum err_code put_dotenv(struct writing *writing, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    const struct scaffold_options *options = writing->options;
    const char *path = path_of(writing, ".env");

    if (file_exists(path))
        TRY(file_read(path, FILE_LIMIT, &text, err));
    bool changed = set_variable(writing, &text, "TOTE_SOURCE_URL", options->source_url);
    if (!warehouse_is_file(options))
        changed =
            set_variable(writing, &text, "TOTE_WAREHOUSE_URL", options->warehouse_url) || changed;
    if (changed)
        TRY(file_write_atomic(path, buf_text(&text), text.size, 0600, err));
    note(writing, ".env", !changed);
    return ERR_OK;
}

static enum err_code put_gitignore(struct writing *writing, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};

    buf_add_text(&text, ".env\n.tote-answers\n/lake/\n*.duckdb\n*.duckdb.wal\n");
    return put(writing, ".gitignore", &text, err);
}

static enum err_code put_models(struct writing *writing, struct err *err)
{
    TRY(file_make_dirs(path_of(writing, "models"), err));
    for (size_t i = 0; i < writing->plan.count; i++) {
        CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
        const struct record_table *table = &writing->plan.tables[i].record;
        scaffold_model(table, &writing->plan, &text);
        TRY(put(writing, arena_printf(writing->arena, "models/%s.sql", table->name), &text, err));
    }
    return ERR_OK;
}

enum err_code scaffold_write(const struct scaffold_options *options, struct arena *arena,
                             struct scaffold *ret_scaffold, struct err *err)
{
    struct writing writing = {.options = options, .arena = arena};

    TRY(look(&writing, err));
    TRY(plan(&writing, err));
    writing.result.files =
        arena_alloc(arena, (writing.plan.count + 3) * sizeof *writing.result.files);
    TRY(file_make_dirs(options->directory, err));
    TRY(put_yaml(&writing, err));
    TRY(put_dotenv(&writing, err));
    TRY(put_gitignore(&writing, err));
    TRY(put_models(&writing, err));
    *ret_scaffold = writing.result;
    return ERR_OK;
}
