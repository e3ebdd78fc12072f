#include "config/option.h"

#include <ctype.h>
#include <stdio.h>

#include "base/text.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US    (86400 * SECOND_US)

static const struct option_info options[OPTION_COUNT] = {
#define OPTION(id, name, type, fallback, least, most, choices, doc) \
    [OPTION_##id] = {name, OPTION_TYPE_##type, fallback, least, most, choices, doc},
#include "config/options.def"
#undef OPTION
};

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit time_units[] = {
    {"us", 1},
    {"ms", 1000},
    {"s", SECOND_US},
    {"m", 60 * SECOND_US},
    {"min", 60 * SECOND_US},
    {"h", 3600 * SECOND_US},
    {"d", DAY_US},
};

static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"KB", 1000},
    {"MB", 1000 * 1000},
    {"GB", 1000 * 1000 * 1000},
    {"TB", INT64_C(1000) * 1000 * 1000 * 1000},
    {"KiB", 1 << 10},
    {"MiB", 1 << 20},
    {"GiB", 1 << 30},
    {"TiB", INT64_C(1) << 40},
};

const struct option_info *option_info(enum option option)
{
    return &options[option];
}

static void spell(const char *prefix, const char *name, bool capitals, char *ret)
{
    size_t used = strlen(prefix);

    memcpy(ret, prefix, used);
    for (; *name && used + 1 < OPTION_NAME_MAX; name++) {
        char c = *name;
        if (c == '.' || c == '_')
            c = capitals ? '_' : '-';
        ret[used++] = capitals ? (char)toupper((unsigned char)c) : c;
    }
    ret[used] = '\0';
}

void option_flag(enum option option, char ret_flag[static OPTION_NAME_MAX])
{
    spell("--", options[option].name, false, ret_flag);
}

void option_variable(enum option option, char ret_name[static OPTION_NAME_MAX])
{
    spell("TOTE_", options[option].name, true, ret_name);
}

const char *option_placeholder(enum option option)
{
    switch (options[option].type) {
    case OPTION_TYPE_TEXT:
    case OPTION_TYPE_SECRET:
        return "TEXT";
    case OPTION_TYPE_URL:
        return "URL";
    case OPTION_TYPE_FILE:
        return "FILE";
    case OPTION_TYPE_PATH:
    case OPTION_TYPE_STORE:
        return "DIR";
    case OPTION_TYPE_DURATION:
        return "DURATION";
    case OPTION_TYPE_SIZE:
        return "SIZE";
    case OPTION_TYPE_INTEGER:
        return "N";
    case OPTION_TYPE_CHOICE:
        return options[option].choices;
    case OPTION_TYPE_LIST:
        return "A,B";
    }
    return "";
}

/* Digits, then one of the units. */
static bool number_with_unit(const char *text, const struct unit *units, size_t count,
                             int64_t *ret_value)
{
    char digits[24];
    size_t size = strspn(text, "0123456789");
    int64_t value;

    if (size == 0 || size >= sizeof digits)
        return false;
    memcpy(digits, text, size);
    digits[size] = '\0';
    if (!text_to_i64(digits, &value))
        return false;
    text += size + strspn(text + size, " ");
    for (size_t i = 0; i < count; i++)
        if (text_equal(text, units[i].name))
            return !__builtin_mul_overflow(value, units[i].factor, ret_value);
    return false;
}

enum err_code duration_parse(const char *text, int64_t *ret_us, struct err *err)
{
    if (text_equal(text, "0")) {
        *ret_us = 0;
        return ERR_OK;
    }
    if (number_with_unit(text, time_units, COUNT_OF(time_units), ret_us))
        return ERR_OK;
    err_set(err, ERR_CONFIG, "'%.60s' is not a duration", text);
    return err_hint(err, "write a whole number and a unit: 500ms, 10s, 5m, 2h, 7d");
}

enum err_code size_parse(const char *text, int64_t *ret_bytes, struct err *err)
{
    if (number_with_unit(text, size_units, COUNT_OF(size_units), ret_bytes))
        return ERR_OK;
    err_set(err, ERR_CONFIG, "'%.60s' is not a size", text);
    return err_hint(err, "write a whole number and a unit: 512MB, 64MiB, 2GB");
}

static bool choice_find(const char *choices, const char *text, int64_t *ret_index)
{
    size_t size = strlen(text);

    for (int64_t i = 0;; i++) {
        size_t length = strcspn(choices, "|");
        if (length == size && memcmp(choices, text, size) == 0) {
            *ret_index = i;
            return true;
        }
        if (!choices[length])
            return false;
        choices += length + 1;
    }
}

/* A number of the option's unit, as a person would write it. */
static void print_limit(enum option_type type, int64_t value, char *ret, size_t ret_size)
{
    const struct unit *units = type == OPTION_TYPE_DURATION ? time_units : size_units;
    size_t count = type == OPTION_TYPE_DURATION ? COUNT_OF(time_units) : COUNT_OF(size_units);
    const struct unit *best = NULL;

    if (type != OPTION_TYPE_INTEGER)
        for (size_t i = 0; i < count; i++)
            if (value && value % units[i].factor == 0 && (!best || units[i].factor > best->factor))
                best = &units[i];
    (void)snprintf(ret, ret_size, "%lld%s", (long long)(best ? value / best->factor : value),
                   best ? best->name : "");
}

static enum err_code check_limits(const struct option_info *info, const char *text, int64_t value,
                                  struct err *err)
{
    char least[40], most[40];

    if (value >= info->least && value <= info->most)
        return ERR_OK;
    print_limit(info->type, info->least, least, sizeof least);
    print_limit(info->type, info->most, most, sizeof most);
    return err_set(err, ERR_CONFIG, "'%.60s' is not between %s and %s", text, least, most);
}

enum err_code option_check(enum option option, const char *text, int64_t *ret_number,
                           struct err *err)
{
    const struct option_info *info = &options[option];
    int64_t value = 0;

    switch (info->type) {
    case OPTION_TYPE_DURATION:
        TRY(duration_parse(text, &value, err));
        TRY(check_limits(info, text, value, err));
        break;
    case OPTION_TYPE_SIZE:
        TRY(size_parse(text, &value, err));
        TRY(check_limits(info, text, value, err));
        break;
    case OPTION_TYPE_INTEGER:
        if (!text_to_i64(text, &value))
            return err_set(err, ERR_CONFIG, "'%.60s' is not a whole number", text);
        TRY(check_limits(info, text, value, err));
        break;
    case OPTION_TYPE_CHOICE:
        if (!choice_find(info->choices, text, &value))
            return err_set(err, ERR_CONFIG, "'%.60s' is none of %s", text, info->choices);
        break;
    case OPTION_TYPE_TEXT:
    case OPTION_TYPE_SECRET:
    case OPTION_TYPE_URL:
    case OPTION_TYPE_PATH:
    case OPTION_TYPE_FILE:
    case OPTION_TYPE_STORE:
        if (!*text)
            return err_set(err, ERR_CONFIG, "is empty");
        break;
    case OPTION_TYPE_LIST:
        break;
    }
    *ret_number = value;
    return ERR_OK;
}

static const char *kind_of(enum option option)
{
    switch (options[option].type) {
    case OPTION_TYPE_TEXT:
        return "text";
    case OPTION_TYPE_URL:
        return "URL, may hold a password";
    case OPTION_TYPE_SECRET:
        return "text, a secret: never shown";
    case OPTION_TYPE_FILE:
        return "file";
    case OPTION_TYPE_PATH:
    case OPTION_TYPE_STORE:
        return "folder";
    case OPTION_TYPE_DURATION:
        return "duration";
    case OPTION_TYPE_SIZE:
        return "size";
    case OPTION_TYPE_INTEGER:
        return "number";
    case OPTION_TYPE_CHOICE:
        return "choice";
    case OPTION_TYPE_LIST:
        return "list";
    }
    return "";
}

static bool has_limits(const struct option_info *info)
{
    return info->type == OPTION_TYPE_DURATION || info->type == OPTION_TYPE_SIZE ||
           info->type == OPTION_TYPE_INTEGER;
}

static void print_option(struct buf *out, enum option option)
{
    const struct option_info *info = &options[option];
    char flag[OPTION_NAME_MAX], variable[OPTION_NAME_MAX], least[40], most[40];

    option_flag(option, flag);
    option_variable(option, variable);
    buf_addf(out, "\n### `%s`\n\n%c%s.\n\n", info->name, toupper((unsigned char)info->doc[0]),
             info->doc + 1);
    buf_addf(out, "- flag `%s`, variable `%s`\n- %s", flag, variable, kind_of(option));
    if (info->choices) {
        buf_add_text(out, ": `");
        for (const char *c = info->choices; *c; c++)
            buf_add_text(out, *c == '|' ? "`, `" : (const char[]){*c, '\0'});
        buf_add_char(out, '`');
    }
    if (has_limits(info)) {
        print_limit(info->type, info->least, least, sizeof least);
        print_limit(info->type, info->most, most, sizeof most);
        buf_addf(out, " from %s to %s", least, most);
    }
    if (info->fallback)
        buf_addf(out, "; default `%s`", info->fallback);
    buf_add_char(out, '\n');
}

static const char heading[] =
    "# Configuration\n"
    "\n"
    "<!-- printed by `tote help --markdown configuration`; a test compares -->\n"
    "\n"
    "`tote` reads `tote.yaml` in the current folder (`-C DIR` changes there first, `--config "
    "FILE`\n"
    "names another file). A value comes from the first of these that has one: flag, `TOTE_*` "
    "variable\n"
    "of the environment, the same in `.env` beside tote.yaml, tote.yaml, default. `tote config` "
    "shows\n"
    "what holds and where it came from.\n"
    "\n"
    "- `${NAME}` in a value of tote.yaml is replaced by the variable of the environment, else of\n"
    "  `.env`; `$$` is a dollar sign. A variable that is not defined is an error.\n"
    "- Unknown keys, keys that come twice, anchors, aliases and tags are errors, with line and "
    "column.\n"
    "- Relative paths are relative to the folder of tote.yaml, wherever they come from.\n"
    "- Durations: `500ms`, `10s`, `5m`, `2h`, `7d`. Sizes: `512MB` (10⁶), `64MiB` (2²⁰), bytes.\n"
    "- Lists are `[a, b]` in the file, `a,b` in flags and variables.\n"
    "- Without a tote.yaml, `lake.ingestion` and `lake.processed` must be given by flag or "
    "variable.\n"
    "\n"
    "```yaml\n"
    "source:\n"
    "  url: ${TOTE_SOURCE_URL}\n"
    "  exclude: [_prisma_migrations]\n"
    "lake:\n"
    "  ingestion: ./lake/ingestion\n"
    "  processed: ./lake/processed\n"
    "warehouse:\n"
    "  url: duckdb:./warehouse.duckdb\n"
    "models: ./models\n"
    "tables:\n"
    "  staff:\n"
    "    hash_columns: [email_address]\n"
    "```\n"
    "\n"
    "## Options\n";

static const char tables_section[] =
    "\n## Tables\n"
    "\n"
    "`tables.<table>` says what holds for one table (`name` or `schema.name`). Only in the file.\n"
    "\n"
    "| key | value | meaning |\n"
    "|---|---|---|\n"
    "| `cursor` | column | for a table too large to look through each time: between compares only "
    "rows with a recent value in this indexed timestamp column are read. What does not touch it, "
    "and "
    "deletions, arrive with the next compare |\n"
    "| `cursor_overlap` | duration | how much further back than the oldest open transaction a "
    "cursor "
    "reads (`1h`): for clocks that differ, and transactions that cannot be seen |\n"
    "| `compare_every` | duration | as `schedule.compare_every`, for this table; with a `cursor`: "
    "how "
    "often all of the table is compared by fingerprint (`1d`) |\n"
    "| `exclude_columns` | list | columns that never leave the source |\n"
    "| `hash_columns` | list | columns that leave it only as a hash |\n";

void options_print_markdown(struct buf *out)
{
    buf_add_text(out, heading);
    for (int i = 0; i < OPTION_COUNT; i++)
        print_option(out, (enum option)i);
    buf_add_text(out, tables_section);
}
