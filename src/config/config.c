#include "config/config.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config_yaml.h"
#include "config/dotenv.h"
#include "config/url_secret.h"

struct value {
    enum config_origin origin;
    int line;          /* of tote.yaml */
    const char *shown; /* as written: for messages and `tote config` */
    const char *text;
    const char *const *list;
    int64_t number;
};

struct config {
    struct arena *arena;
    const char *file;
    const char *directory;
    struct dotenv *dotenv;
    struct value values[OPTION_COUNT];
    struct config_table *tables;
    size_t table_count;
    size_t table_capacity;
};

static const char *const table_keys[] = {"cursor", "cursor_overlap", "compare_every",
                                         "exclude_columns", "hash_columns"};

/* "duckdb:./x" and "./x" as absolute paths; everything else as it is. */
static const char *absolute(const struct config *config, enum option_type type, const char *text)
{
    struct arena *arena = config->arena;

    if (type == OPTION_TYPE_URL && text_starts(text, "duckdb:") && !text_equal(text, "duckdb:"))
        return arena_printf(arena, "duckdb:%s", file_resolve(arena, config->directory, text + 7));
    if (type == OPTION_TYPE_PATH || type == OPTION_TYPE_FILE ||
        (type == OPTION_TYPE_STORE && !strstr(text, "://")))
        return file_resolve(arena, config->directory, text);
    return text;
}

static const char *const *split_list(struct arena *arena, const char *text)
{
    size_t count = 1, used = 0;

    for (const char *c = text; *c; c++)
        count += *c == ',';
    const char **items = arena_alloc(arena, (count + 1) * sizeof *items);
    while (*text) {
        size_t before = strspn(text, " "), size = strcspn(text, ",");
        size_t end = size;
        while (end > before && text[end - 1] == ' ')
            end--;
        if (end > before)
            items[used++] = arena_strndup(arena, text + before, end - before);
        text += size + (text[size] == ',');
    }
    return items;
}

static const char *join_list(struct arena *arena, const char *const *items)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};

    for (size_t i = 0; items[i]; i++)
        buf_addf(&text, "%s%s", i ? "," : "", items[i]);
    return arena_strdup(arena, buf_text(&text));
}

/* Where app/ resolves references to secret managers; elsewhere nobody shall take one for a value.
 */
static enum err_code check_reference(const struct option_info *info, const char *text,
                                     struct err *err)
{
    if (!text_starts(text, "secret:") && !text_starts(text, "ssm:"))
        return ERR_OK;
    if (info->type == OPTION_TYPE_URL || text_ends(info->name, ".token"))
        return ERR_OK;
    err_set(err, ERR_CONFIG, "a reference to a secret manager is not possible here");
    return err_hint(err, "put the value itself there, or write ${NAME} and set that variable");
}

/* The error of a wrong value, without secrets: a message cuts it off, perhaps within one. */
static enum err_code redacted_check(const struct config *config, enum option option,
                                    const char *text, struct err *err)
{
    struct err again = {0};
    int64_t number;

    if (option_check(option, redact_copy(config->arena, text), &number, &again) != ERR_OK)
        *err = again;
    return err->code;
}

/* `list` is NULL unless the text came as a list already. */
static enum err_code set_value(struct config *config, enum option option, struct value value,
                               const char *const *list, struct err *err)
{
    const struct option_info *info = option_info(option);

    if (info->type == OPTION_TYPE_SECRET)
        redact_register(value.shown);
    else if (info->type == OPTION_TYPE_URL)
        (void)url_secret_register(value.shown);
    else
        url_secret_register_stray(value.shown);
    TRY(check_reference(info, value.shown, err));
    /* A value may be the word that is somebody's password: only the message must not show it. */
    if (option_check(option, value.shown, &value.number, err) != ERR_OK)
        return redacted_check(config, option, value.shown, err);
    value.text = absolute(config, info->type, value.shown);
    if (info->type == OPTION_TYPE_LIST)
        value.list = list ? list : split_list(config->arena, value.shown);
    config->values[option] = value;
    return ERR_OK;
}

/* --- the file --- */

/* "tote.yaml:3:5: 'source.url': " before the message of a value's error. */
static enum err_code wrap_value(const struct yaml_entry *entry, const char *name, struct err *err)
{
    return err_wrap(err, "%s:%d:%d: '%s'", entry->file, entry->value_line, entry->value_column,
                    name);
}

static enum err_code unknown_key(struct arena *arena, const struct yaml_entry *entry,
                                 const char *const *candidates, size_t count, struct err *err)
{
    const char *key = entry->path[entry->depth - 1];
    const char *close = text_closest(key, candidates, count);

    url_secret_register_stray(key);
    err_set(err, ERR_CONFIG, "%s:%d:%d: unknown key '%.80s'", entry->file, entry->line,
            entry->column, redact_copy(arena, key));
    if (close)
        return err_hint(err, "did you mean '%s'?", close);
    return err_hint(err, "docs/reference/configuration.md, or `tote help config`, lists all keys");
}

/* Keys that may stand below `prefix` ("" or "source."); each once. */
static size_t keys_below(struct arena *arena, const char *prefix, const char **ret_keys)
{
    size_t count = 0, skip = strlen(prefix);

    for (int i = 0; i < OPTION_COUNT; i++) {
        const char *name = option_info((enum option)i)->name;
        if (!text_starts(name, prefix))
            continue;
        const char *key = arena_strndup(arena, name + skip, strcspn(name + skip, "."));
        bool known = false;
        for (size_t k = 0; k < count; k++)
            known = known || text_equal(ret_keys[k], key);
        if (!known)
            ret_keys[count++] = key;
    }
    if (!*prefix)
        ret_keys[count++] = "tables";
    return count;
}

static enum err_code expand_values(struct config *config, const struct yaml_entry *entry,
                                   const char *name, const char *const **ret_values,
                                   struct err *err)
{
    size_t count = 0;

    while (entry->values[count])
        count++;
    const char **values = arena_alloc(config->arena, (count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++)
        if (dotenv_expand(config->dotenv, entry->values[i], config->arena, &values[i], err))
            return wrap_value(entry, name, err);
    *ret_values = values;
    return ERR_OK;
}

/* The value is a list where `list` is wanted, else a scalar. */
static enum err_code check_kind(const struct yaml_entry *entry, const char *name, bool list,
                                struct err *err)
{
    if (entry->kind == YAML_EMPTY)
        return err_set(err, ERR_CONFIG, "%s:%d:%d: '%s' has no value", entry->file, entry->line,
                       entry->column, name);
    if (list && entry->kind != YAML_LIST)
        return err_set(err, ERR_CONFIG, "%s:%d:%d: '%s' must be a list: [a, b]", entry->file,
                       entry->line, entry->column, name);
    if (!list && entry->kind != YAML_SCALAR)
        return err_set(err, ERR_CONFIG, "%s:%d:%d: '%s' must be one value", entry->file,
                       entry->line, entry->column, name);
    return ERR_OK;
}

static enum err_code file_option(struct config *config, const struct yaml_entry *entry,
                                 enum option option, struct err *err)
{
    const struct option_info *info = option_info(option);
    bool list = info->type == OPTION_TYPE_LIST;
    const char *const *values;

    TRY(check_kind(entry, info->name, list, err));
    TRY(expand_values(config, entry, info->name, &values, err));
    struct value value = {
        .origin = CONFIG_FILE,
        .line = entry->line,
        .shown = list ? join_list(config->arena, values) : values[0],
    };
    if (set_value(config, option, value, list ? values : NULL, err))
        return wrap_value(entry, info->name, err);
    return ERR_OK;
}

static struct config_table *file_table(struct config *config, const char *name)
{
    for (size_t i = 0; i < config->table_count; i++)
        if (text_equal(config->tables[i].name, name))
            return &config->tables[i];
    config->tables = mem_grow(config->tables, &config->table_capacity, config->table_count + 1,
                              sizeof *config->tables);
    struct config_table *table = &config->tables[config->table_count++];
    *table = (struct config_table){.name = name, .cursor_overlap_us = -1, .compare_every_us = -1};
    return table;
}

/* tables.<table>.<key> */
static enum err_code file_table_key(struct config *config, const struct yaml_entry *entry,
                                    struct err *err)
{
    struct arena *arena = config->arena;
    const char *key = entry->path[2];
    struct config_table *table = file_table(config, entry->path[1]);
    const char *name = arena_printf(arena, "tables.%s.%s", table->name, key);
    const char *const *values;
    bool known = false;

    for (size_t i = 0; i < COUNT_OF(table_keys); i++)
        known = known || text_equal(key, table_keys[i]);
    if (!known)
        return unknown_key(arena, entry, table_keys, COUNT_OF(table_keys), err);
    TRY(check_kind(entry, name, text_ends(key, "_columns"), err));
    TRY(expand_values(config, entry, name, &values, err));
    if (text_equal(key, "exclude_columns"))
        table->exclude_columns = values;
    else if (text_equal(key, "hash_columns"))
        table->hash_columns = values;
    else if (text_equal(key, "cursor"))
        table->cursor = values[0];
    else if (duration_parse(values[0],
                            text_equal(key, "cursor_overlap") ? &table->cursor_overlap_us
                                                              : &table->compare_every_us,
                            err))
        return wrap_value(entry, name, err);
    return ERR_OK;
}

static enum err_code file_tables(struct config *config, const struct yaml_entry *entry,
                                 struct err *err)
{
    if (entry->depth == 3)
        return file_table_key(config, entry, err);
    if (entry->kind == YAML_MAPPING || (entry->kind == YAML_EMPTY && entry->depth == 1))
        return ERR_OK;
    err_set(err, ERR_CONFIG, "%s:%d:%d: '%s' must be a mapping", entry->file, entry->line,
            entry->column, entry->path[entry->depth - 1]);
    return err_hint(err, "as in 'tables: {staff: {hash_columns: [email_address]}}'");
}

static enum err_code on_entry(void *arg, const struct yaml_entry *entry, struct err *err)
{
    struct config *config = arg;
    const char *keys[OPTION_COUNT + 1];
    const char *prefix = "", *name = entry->path[0];

    if (text_equal(entry->path[0], "tables"))
        return file_tables(config, entry, err);
    for (size_t i = 1; i < entry->depth; i++) {
        prefix = arena_printf(config->arena, "%s.", name);
        name = arena_printf(config->arena, "%s%s", prefix, entry->path[i]);
    }
    for (int i = 0; i < OPTION_COUNT; i++)
        if (text_equal(option_info((enum option)i)->name, name))
            return file_option(config, entry, (enum option)i, err);

    size_t count = keys_below(config->arena, prefix, keys);
    for (size_t i = 0; i < count; i++) {
        if (!text_equal(keys[i], entry->path[entry->depth - 1]))
            continue;
        /* A section: everything in it may be left out. */
        if (entry->kind == YAML_MAPPING || entry->kind == YAML_EMPTY)
            return ERR_OK;
        return err_set(err, ERR_CONFIG, "%s:%d:%d: '%s' must be a mapping", entry->file,
                       entry->line, entry->column, name);
    }
    return unknown_key(config->arena, entry, keys, count, err);
}

/* --- where the others come from --- */

static enum err_code set_variable(struct config *config, enum option option, const char *text,
                                  enum config_origin origin, struct err *err)
{
    char variable[OPTION_NAME_MAX];

    option_variable(option, variable);
    /* An empty variable is as good as none: that is how a shell script takes one away. */
    if (!text || !*text)
        return ERR_OK;
    struct value value = {.origin = origin, .shown = arena_strdup(config->arena, text)};
    if (set_value(config, option, value, NULL, err))
        return err_wrap(err, origin == CONFIG_DOTENV ? ".env: '%s'" : "'%s'", variable);
    return ERR_OK;
}

static enum err_code set_all(struct config *config, const struct config_request *request,
                             struct err *err)
{
    char name[OPTION_NAME_MAX];

    for (int i = 0; i < OPTION_COUNT; i++) {
        enum option option = (enum option)i;
        const struct option_info *info = option_info(option);
        option_variable(option, name);
        if (info->fallback && !config->values[i].origin) {
            struct value value = {.origin = CONFIG_DEFAULT, .shown = info->fallback};
            TRY(set_value(config, option, value, NULL, err));
        }
        TRY(set_variable(config, option, dotenv_get(config->dotenv, name), CONFIG_DOTENV, err));
        TRY(set_variable(config, option, getenv(name), CONFIG_ENVIRONMENT, err));
    }
    for (size_t i = 0; i < request->flag_count; i++) {
        struct value value = {.origin = CONFIG_FLAG,
                              .shown = arena_strdup(config->arena, request->flags[i].value)};
        option_flag(request->flags[i].option, name);
        if (set_value(config, request->flags[i].option, value, NULL, err))
            return err_wrap(err, "'%s'", name);
    }
    return ERR_OK;
}

static enum err_code read_dotenv(struct config *config, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    const char *path = file_resolve(config->arena, config->directory, ".env");

    if (!file_exists(path))
        return ERR_OK;
    TRY(file_read(path, CONFIG_FILE_LIMIT, &text, err));
    if (memchr(buf_text(&text), '\0', text.size))
        return err_set(err, ERR_CONFIG, "'%s' holds a zero byte", path);
    return dotenv_parse(".env", buf_text(&text) + text_mark_size(buf_text(&text)), config->arena,
                        &config->dotenv, err);
}

static enum err_code read_file(struct config *config, const char *name, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};

    if (!config->file)
        return ERR_OK;
    TRY(file_read(config->file, CONFIG_FILE_LIMIT, &text, err));
    size_t mark = text_mark_size(buf_text(&text));
    return config_yaml_parse(name, buf_text(&text) + mark, text.size - mark, config->arena,
                             on_entry, config, err);
}

/* Folder and file; file NULL where there is none. */
static enum err_code find_file(struct config *config, const struct config_request *request,
                               struct err *err)
{
    CLEANUP(free) char *here = getcwd(NULL, 0);

    if (!here)
        return err_sys(err, ERR_IO, "the current folder cannot be found");
    char *path = file_resolve(config->arena, here, request->file ? request->file : "tote.yaml");
    if (!file_exists(path) && !request->file) {
        config->directory = arena_strdup(config->arena, here);
        return ERR_OK;
    }
    config->file = path;
    config->directory = arena_strndup(config->arena, path, (size_t)(strrchr(path, '/') - path));
    if (!*config->directory)
        config->directory = "/";
    return ERR_OK;
}

static enum err_code check_whole(const struct config *config, bool one_step, struct err *err)
{
    const char *ingestion = config_text(config, OPTION_LAKE_INGESTION);
    const char *processed = config_text(config, OPTION_LAKE_PROCESSED);

    if (!config->file && !one_step && (!ingestion || !processed)) {
        err_set(err, ERR_NOT_FOUND, "no tote.yaml in '%s'", config->directory);
        return err_hint(err,
                        "make one with `tote init --source URL`, or name a folder with -C DIR");
    }
    if (ingestion && processed && text_equal(ingestion, processed)) {
        err_set(err, ERR_CONFIG, "'lake.ingestion' and 'lake.processed' are the same folder");
        return err_hint(err, "give each its own, as in ./lake/ingestion and ./lake/processed");
    }
    const char *collector = config_text(config, OPTION_TELEMETRY_OTLP_ENDPOINT);
    if (collector && !text_starts(collector, "http://") && !text_starts(collector, "https://")) {
        (void)err_set(err, ERR_CONFIG,
                      "'telemetry.otlp_endpoint' begins neither with http:// nor with "
                      "https://");
        return err_hint(err, "the collector's address for OTLP/HTTP, as in http://localhost:4318");
    }
    for (size_t i = 0; i < config->table_count; i++)
        for (const char *const *hashed = config->tables[i].hash_columns; hashed && *hashed;
             hashed++)
            for (const char *const *out = config->tables[i].exclude_columns; out && *out; out++)
                if (text_equal(*hashed, *out))
                    return err_set(err, ERR_CONFIG,
                                   "'tables.%s': column '%s' is both excluded and hashed",
                                   config->tables[i].name, *out);
    return ERR_OK;
}

static enum err_code load(struct config *config, const struct config_request *request,
                          struct err *err)
{
    const char *password = getenv("PGPASSWORD");

    if (password && *password)
        redact_register(password);
    TRY(find_file(config, request, err));
    TRY(read_dotenv(config, err));
    TRY(read_file(config, request->file ? request->file : "tote.yaml", err));
    TRY(set_all(config, request, err));
    return check_whole(config, request->one_step, err);
}

enum err_code config_load(const struct config_request *request, struct config **ret_config,
                          struct err *err)
{
    CLEANUP(config_free) struct config *config = mem_zalloc(1, sizeof *config);

    config->arena = arena_new(0);
    TRY(load(config, request, err));
    *ret_config = STEAL(config);
    return ERR_OK;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    free(config->tables);
    arena_free(config->arena);
    free(config);
}

/* --- what it says --- */

const char *config_text(const struct config *config, enum option option)
{
    return config->values[option].text;
}

int64_t config_number(const struct config *config, enum option option)
{
    return config->values[option].number;
}

const char *const *config_list(const struct config *config, enum option option)
{
    return config->values[option].list;
}

const struct config_table *config_tables(const struct config *config, size_t *ret_count)
{
    *ret_count = config->table_count;
    return config->tables;
}

enum config_origin config_origin(const struct config *config, enum option option)
{
    return config->values[option].origin;
}

const char *config_file(const struct config *config)
{
    return config->file;
}

const char *config_directory(const struct config *config)
{
    return config->directory;
}

enum err_code config_require(const struct config *config, enum option option, struct err *err)
{
    const struct option_info *info = option_info(option);
    char flag[OPTION_NAME_MAX], variable[OPTION_NAME_MAX];

    if (config->values[option].origin != CONFIG_UNSET)
        return ERR_OK;
    option_flag(option, flag);
    option_variable(option, variable);
    err_set(err, ERR_CONFIG, "'%s' is not set", info->name);
    return err_hint(err, "set it in tote.yaml, by %s or by %s", flag, variable);
}

static const char *origin_text(const struct config *config, enum option option, struct arena *arena)
{
    const struct value *value = &config->values[option];
    char name[OPTION_NAME_MAX];

    switch (value->origin) {
    case CONFIG_UNSET:
        return "not set";
    case CONFIG_DEFAULT:
        return "default";
    case CONFIG_FILE:
        return arena_printf(arena, "%s:%d", strrchr(config->file, '/') + 1, value->line);
    case CONFIG_DOTENV:
        return ".env";
    case CONFIG_ENVIRONMENT:
        option_variable(option, name);
        return arena_strdup(arena, name);
    case CONFIG_FLAG:
        option_flag(option, name);
        return arena_strdup(arena, name);
    }
    return "";
}

/* The value as it may be shown; NULL: not set. */
static const char *shown(const struct config *config, enum option option, struct arena *arena)
{
    const struct value *value = &config->values[option];
    enum option_type type = option_info(option)->type;

    if (!value->origin)
        return NULL;
    if (type == OPTION_TYPE_SECRET)
        return "***";
    if (type == OPTION_TYPE_URL)
        return redact_url(arena, value->text);
    return redact_copy(arena, value->text);
}

static void print_table(const struct config_table *table, struct buf *out, struct arena *arena)
{
    if (table->cursor)
        buf_addf(out, "tables.%s.cursor = %s\n", table->name, table->cursor);
    if (table->cursor_overlap_us >= 0)
        buf_addf(out, "tables.%s.cursor_overlap = %llds\n", table->name,
                 (long long)(table->cursor_overlap_us / 1000000));
    if (table->compare_every_us >= 0)
        buf_addf(out, "tables.%s.compare_every = %llds\n", table->name,
                 (long long)(table->compare_every_us / 1000000));
    if (table->exclude_columns)
        buf_addf(out, "tables.%s.exclude_columns = %s\n", table->name,
                 join_list(arena, table->exclude_columns));
    if (table->hash_columns)
        buf_addf(out, "tables.%s.hash_columns = %s\n", table->name,
                 join_list(arena, table->hash_columns));
}

void config_print(const struct config *config, struct buf *out)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);

    for (int i = 0; i < OPTION_COUNT; i++) {
        const char *value = shown(config, (enum option)i, scratch);
        buf_addf(out, "%-26s %-48s %s\n", option_info((enum option)i)->name, value ? value : "-",
                 origin_text(config, (enum option)i, scratch));
    }
    for (size_t i = 0; i < config->table_count; i++)
        print_table(&config->tables[i], out, scratch);
}

static void json_list(struct json_writer *json, const char *name, const char *const *items,
                      struct arena *arena)
{
    if (!items)
        return;
    json_array_begin(json, name);
    for (; *items; items++)
        json_text(json, NULL, redact_copy(arena, *items));
    json_array_end(json);
}

static void print_table_json(const struct config_table *table, struct json_writer *json,
                             struct arena *arena)
{
    json_object_begin(json, table->name);
    if (table->cursor)
        json_text(json, "cursor", table->cursor);
    if (table->cursor_overlap_us >= 0)
        json_double(json, "cursor_overlap_seconds", (double)table->cursor_overlap_us / 1e6);
    if (table->compare_every_us >= 0)
        json_double(json, "compare_every_seconds", (double)table->compare_every_us / 1e6);
    json_list(json, "exclude_columns", table->exclude_columns, arena);
    json_list(json, "hash_columns", table->hash_columns, arena);
    json_object_end(json);
}

void config_print_json(const struct config *config, struct json_writer *json)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);

    json_text(json, "file", config->file);
    json_array_begin(json, "options");
    for (int i = 0; i < OPTION_COUNT; i++) {
        json_object_begin(json, NULL);
        json_text(json, "name", option_info((enum option)i)->name);
        if (config->values[i].list && config->values[i].origin)
            json_list(json, "value", config->values[i].list, scratch);
        else
            json_text(json, "value", shown(config, (enum option)i, scratch));
        json_text(json, "origin", origin_text(config, (enum option)i, scratch));
        json_object_end(json);
    }
    json_array_end(json);
    json_object_begin(json, "tables");
    for (size_t i = 0; i < config->table_count; i++)
        print_table_json(&config->tables[i], json, scratch);
    json_object_end(json);
}
