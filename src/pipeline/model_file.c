/* One model file: its header of directives. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/text.h"
#include "pipeline/model.h"

enum {
    LIST_MAX = 256
};

/* What a directive's value is parsed into; a model or a clean model. */
struct header {
    const char *what;
    int line;
    const char *value;
    struct arena *arena;
    struct model *model;       /* NULL in a clean model */
    struct clean_model *clean; /* NULL in a model */
    bool has_kind;
};

typedef enum err_code directive_fn(struct header *header, struct err *err);

static enum err_code bad_value(const struct header *header, const char *expected, struct err *err)
{
    (void)err_set(err, ERR_CONFIG, "%s:%d: '%s' is not what this directive takes", header->what,
                  header->line, header->value);
    return err_hint(err, "expected %s", expected);
}

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* A column's or table's name, bare or in double quotes.  NULL when there is none; *at moves behind
 * it. */
static const char *take_name(const struct header *header, const char **at)
{
    const char *start = skip_blanks(*at);
    if (*start == '"') {
        char *name = arena_alloc(header->arena, strlen(start));
        size_t size = 0;
        for (start++; *start; start++) {
            if (*start == '"' && *++start != '"')
                break;
            name[size++] = *start;
        }
        *at = start;
        return size ? name : NULL;
    }
    const char *end = start;
    while (isalnum((unsigned char)*end) || (*end & 0x80) || (*end && strchr("_$.%-", *end))) {
        if (text_starts(end, "->"))
            break;
        end++;
    }
    *at = end;
    return end > start ? arena_strndup(header->arena, start, (size_t)(end - start)) : NULL;
}

static bool take_symbol(const char **at, const char *symbol)
{
    const char *start = skip_blanks(*at);
    if (!text_starts(start, symbol))
        return false;
    *at = start + strlen(symbol);
    return true;
}

/* name, name, … ; 0 when there is none. */
static size_t take_names(const struct header *header, const char **at, const char ***ret_names)
{
    const char **names = arena_alloc(header->arena, LIST_MAX * sizeof *names);
    size_t count = 0;
    do {
        const char *name = take_name(header, at);
        if (!name || count == LIST_MAX)
            return 0;
        names[count++] = name;
    } while (take_symbol(at, ","));
    *ret_names = names;
    return count;
}

static bool at_end(const char *at)
{
    return *skip_blanks(at) == '\0';
}

/* Arena arrays grow by doubling when the count is a power of two. */
static void *grown(struct arena *arena, void *array, size_t count, size_t size)
{
    if (count & (count - 1))
        return array;
    void *larger = arena_alloc(arena, (count ? count * 2 : 1) * size);
    if (count)
        memcpy(larger, array, count * size);
    return larger;
}

static enum err_code take_kind(struct header *header, struct err *err)
{
    static const char *const kinds[] = {"fact", "dimension", "mirror", "calendar"};
    header->has_kind = true;
    if (header->clean)
        return text_equal(header->value, "clean") ? ERR_OK : bad_value(header, "'clean'", err);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (text_equal(header->value, kinds[i])) {
            header->model->kind = (enum model_kind)i;
            return ERR_OK;
        }
    return bad_value(header, "fact, dimension, mirror or calendar", err);
}

static enum err_code take_key(struct header *header, struct err *err)
{
    const char *at = header->value;
    header->model->key_count = take_names(header, &at, &header->model->key);
    if (!header->model->key_count || !at_end(at))
        return bad_value(header, "one or several columns, separated by commas", err);
    return ERR_OK;
}

/* `design_id -> dim_design`, `(a, b) -> t(x, y)` */
static enum err_code take_references(struct header *header, struct err *err)
{
    static const char expected[] =
        "'column -> table', 'column -> table(column)' or '(a, b) -> table(x, y)'";
    struct model *model = header->model;
    struct model_reference reference = {.line = header->line};
    const char *at = header->value;
    bool several = take_symbol(&at, "(");
    reference.count = take_names(header, &at, &reference.columns);
    if (!reference.count || (several && !take_symbol(&at, ")")) || !take_symbol(&at, "->"))
        return bad_value(header, expected, err);
    reference.table = take_name(header, &at);
    if (!reference.table)
        return bad_value(header, expected, err);
    if (take_symbol(&at, "(") &&
        (take_names(header, &at, &reference.target_columns) != reference.count ||
         !take_symbol(&at, ")")))
        return bad_value(header, expected, err);
    if (!at_end(at))
        return bad_value(header, expected, err);
    model->references =
        grown(header->arena, model->references, model->reference_count, sizeof *model->references);
    model->references[model->reference_count++] = reference;
    return ERR_OK;
}

static enum err_code take_check(struct header *header, struct err *err)
{
    struct model_check check = {header->value, header->line};
    struct model_check **checks = header->model ? &header->model->checks : &header->clean->checks;
    size_t *count = header->model ? &header->model->check_count : &header->clean->check_count;
    struct sql_tokens tokens;
    TRY(model_sql_read(header->what, header->value, header->arena, &tokens, err));
    if (tokens.count == 0)
        return bad_value(header, "a condition in SQL", err);
    *checks = grown(header->arena, *checks, *count, sizeof **checks);
    (*checks)[(*count)++] = check;
    return ERR_OK;
}

static void add_column(struct header *header, struct model_column **columns, size_t *count,
                       const char *name, const char *text)
{
    *columns = grown(header->arena, *columns, *count, sizeof **columns);
    (*columns)[(*count)++] = (struct model_column){name, text, header->line};
}

static enum err_code take_type(struct header *header, struct err *err)
{
    static const char *const warehouse_types[] = {"time", "uuid", "json", "jsonb"};
    const char *at = header->value;
    const char *name = take_name(header, &at);
    const char *type = skip_blanks(at);
    if (!name || !*type)
        return bad_value(header, "'column type'", err);
    if (header->clean) {
        add_column(header, &header->clean->types, &header->clean->type_count, name, type);
        return ERR_OK;
    }
    for (size_t i = 0; i < COUNT_OF(warehouse_types); i++)
        if (text_equal(type, warehouse_types[i])) {
            add_column(header, &header->model->types, &header->model->type_count, name, type);
            return ERR_OK;
        }
    return bad_value(
        header, "'column type' with time, uuid, json or jsonb: other types follow the SQL", err);
}

static enum err_code take_comment(struct header *header, struct err *err)
{
    (void)err;
    const char *at = header->value;
    const char *name = take_name(header, &at);
    if (name && *at == ':') {
        add_column(header, &header->model->comments, &header->model->comment_count, name,
                   skip_blanks(at + 1));
        return ERR_OK;
    }
    const char *before = header->model->comment;
    header->model->comment =
        before ? arena_printf(header->arena, "%s %s", before, header->value) : header->value;
    return ERR_OK;
}

static enum err_code take_one_name(struct header *header, const char **ret_name, struct err *err)
{
    const char *at = header->value;
    const char *name = take_name(header, &at);
    if (!name || !at_end(at))
        return bad_value(header, "one name", err);
    *ret_name = name;
    return ERR_OK;
}

static enum err_code take_row_of(struct header *header, struct err *err)
{
    return take_one_name(header, &header->model->row_of, err);
}

static enum err_code take_record_id(struct header *header, struct err *err)
{
    return take_one_name(header, &header->model->record_id, err);
}

static enum err_code take_trim(struct header *header, struct err *err)
{
    const char *at = header->value;
    header->clean->trim_count = take_names(header, &at, &header->clean->trimmed);
    if (!header->clean->trim_count || !at_end(at))
        return bad_value(header, "one or several columns, separated by commas", err);
    return ERR_OK;
}

enum {
    IN_MODEL = 1,
    IN_CLEAN = 2
};

static const struct directive {
    const char *word;
    int where;
    directive_fn *take;
} directives[] = {
    {"kind", IN_MODEL | IN_CLEAN, take_kind},
    {"key", IN_MODEL, take_key},
    {"references", IN_MODEL, take_references},
    {"check", IN_MODEL | IN_CLEAN, take_check},
    {"type", IN_MODEL | IN_CLEAN, take_type},
    {"comment", IN_MODEL, take_comment},
    {"row-of", IN_MODEL, take_row_of},
    {"record-id", IN_MODEL, take_record_id},
    {"trim", IN_CLEAN, take_trim},
};

static enum err_code unknown_directive(const struct header *header, const char *word,
                                       struct err *err)
{
    struct buf known = {0};
    int where = header->model ? IN_MODEL : IN_CLEAN;
    for (size_t i = 0; i < COUNT_OF(directives); i++)
        if (directives[i].where & where)
            buf_addf(&known, "%s%s", known.size ? ", " : "", directives[i].word);
    (void)err_set(err, ERR_CONFIG, "%s:%d: unknown directive '%s'", header->what, header->line,
                  word);
    (void)err_hint(err, "known here: %s; begin a plain comment with a capital letter",
                   buf_text(&known));
    buf_release(&known);
    return err->code;
}

/* `word: value` in lower case right behind the dashes is a directive; any other comment is a
 * comment. */
static enum err_code take_line(struct header *header, const char *line, struct err *err)
{
    const char *at = skip_blanks(line + 2);
    size_t size = strspn(at, "abcdefghijklmnopqrstuvwxyz-");
    if (size == 0 || at[size] != ':')
        return ERR_OK;
    const char *word = arena_strndup(header->arena, at, size);
    char *value = arena_strdup(header->arena, skip_blanks(at + size + 1));
    size_t end = strlen(value);
    while (end > 0 && isspace((unsigned char)value[end - 1]))
        value[--end] = '\0';
    header->value = value;
    for (size_t i = 0; i < COUNT_OF(directives); i++) {
        if (!text_equal(word, directives[i].word) ||
            !(directives[i].where & (header->model ? IN_MODEL : IN_CLEAN)))
            continue;
        if (!*value)
            return err_set(err, ERR_CONFIG, "%s:%d: directive '%s' has no value", header->what,
                           header->line, word);
        return directives[i].take(header, err);
    }
    return unknown_directive(header, word, err);
}

static enum err_code take_header(struct header *header, const char *text, struct err *err)
{
    for (const char *at = text; *at;) {
        size_t size = strcspn(at, "\n");
        const char *line = skip_blanks(arena_strndup(header->arena, at, size));
        header->line++;
        if (text_starts(line, "--"))
            TRY(take_line(header, line, err));
        else if (*line && *line != '\r')
            break;
        at += size + (at[size] == '\n');
    }
    if (!header->has_kind) {
        (void)err_set(err, ERR_CONFIG, "%s:1: the header names no kind", header->what);
        return err_hint(err, "begin the file with a line '-- kind: %s",
                        header->clean ? "clean'" : "fact' (or dimension, mirror, calendar)");
    }
    return ERR_OK;
}

/* The same words in other lines and spacing are the same model: what counts is directives and
 * tokens. */
static void hash_text(const char *text, const struct sql_tokens *tokens, struct arena *arena,
                      const char **ret_hash)
{
    char hex[SHA256_HEX_SIZE];
    CLEANUP_IN_PLACE(buf_release) struct buf normal = {0};
    for (const char *at = text; *at;) {
        size_t size = strcspn(at, "\n");
        const char *start = skip_blanks(at);
        if (text_starts(start, "--") && start < at + size) {
            size_t length = (size_t)(at + size - start);
            while (length > 0 && isspace((unsigned char)start[length - 1]))
                length--;
            buf_add(&normal, start, length);
            buf_add_char(&normal, '\n');
        }
        at += size + (at[size] == '\n');
    }
    for (size_t i = 0; i < tokens->count; i++)
        buf_addf(&normal, "%d%s\n", tokens->tokens[i].kind, tokens->tokens[i].text);
    sha256_of(buf_text(&normal), normal.size, hex);
    *ret_hash = arena_strndup(arena, hex, MODEL_HASH_DIGITS);
}

static enum err_code check_model(const struct model *model, struct err *err)
{
    if (model->key_count == 0) {
        (void)err_set(err, ERR_CONFIG, "%s:1: the header names no key", model->what);
        return err_hint(err, "add a line '-- key: column'");
    }
    if (model->record_id && model->kind != MODEL_FACT)
        return err_set(err, ERR_CONFIG, "%s:1: 'record-id' is for facts", model->what);
    if (model->row_of && model->kind != MODEL_DIMENSION && model->kind != MODEL_MIRROR)
        return err_set(err, ERR_CONFIG, "%s:1: 'row-of' is for dimensions and mirrors",
                       model->what);
    if (model->kind == MODEL_MIRROR && !model->row_of) {
        (void)err_set(err, ERR_CONFIG, "%s:1: a mirror needs the table that it mirrors",
                      model->what);
        return err_hint(err, "add a line '-- row-of: table'");
    }
    return ERR_OK;
}

/* Which schemas a kind may read, so that what it makes is right in every batch. */
static enum err_code check_inputs(const struct model *model, struct err *err)
{
    size_t changes = 0, row_of = 0;
    for (size_t i = 0; i < model->input_count; i++) {
        const struct model_input *input = &model->inputs[i];
        bool is_changes = text_equal(input->schema, "changes");
        changes += is_changes;
        row_of += model->row_of && text_equal(input->schema, "source") &&
                  strcasecmp(input->table, model->row_of) == 0;
        if (is_changes && model->kind != MODEL_FACT)
            return err_set(err, ERR_CONFIG, "%s:%d: a %s reads 'source', not 'changes'",
                           model->what, input->line, model_kind_name(model->kind));
        if (model->kind == MODEL_CALENDAR && !text_equal(input->schema, "seed"))
            return err_set(err, ERR_CONFIG, "%s:%d: a calendar reads no table", model->what,
                           input->line);
    }
    if (model->kind == MODEL_FACT && changes != 1) {
        (void)err_set(err, ERR_CONFIG, "%s: a fact reads exactly one table of the schema 'changes'",
                      model->what);
        return err_hint(err,
                        "select … from changes.<table>, joined with source.<table> where needed");
    }
    for (size_t i = 0; i < model->input_count && model->row_of; i++) {
        const struct model_input *input = &model->inputs[i];
        if (text_equal(input->schema, "seed") ||
            (text_equal(input->schema, "source") && strcasecmp(input->table, model->row_of) == 0))
            continue;
        (void)err_set(err, ERR_CONFIG, "%s:%d: a model with 'row-of: %s' reads source.%s alone",
                      model->what, input->line, model->row_of, model->row_of);
        return err_hint(err,
                        "it is made of the rows that changed: leave out 'row-of' when it joins");
    }
    if (model->row_of && !row_of)
        return err_set(err, ERR_CONFIG, "%s: 'row-of: %s', but the model does not read source.%s",
                       model->what, model->row_of, model->row_of);
    return ERR_OK;
}

/* Takes the ';' at the end away, which comments may follow; returns the text without it. */
static const char *drop_end(struct sql_tokens *tokens, const char *text, struct arena *arena)
{
    char *body = arena_strdup(arena, text);
    while (tokens->count > 0) {
        struct sql_token *last = &tokens->tokens[tokens->count - 1];
        if (last->kind != SQL_SYMBOL || !text_equal(last->text, ";"))
            break;
        body[last->start] = ' ';
        last->kind = SQL_END;
        tokens->count--;
    }
    size_t end = strlen(body);
    while (end > 0 && isspace((unsigned char)body[end - 1]))
        body[--end] = '\0';
    return body;
}

enum err_code model_parse(const char *name, const char *what, const char *text, struct arena *arena,
                          struct model *ret_model, struct err *err)
{
    struct sql_tokens tokens;
    struct model model = {.name = name, .what = what};
    struct header header = {.what = what, .arena = arena, .model = &model};
    TRY(take_header(&header, text, err));
    TRY(check_model(&model, err));
    TRY(model_sql_read(what, text, arena, &tokens, err));
    model.text = drop_end(&tokens, text, arena);
    if (tokens.count == 0)
        return err_set(err, ERR_CONFIG, "%s:%d: there is no select", what, header.line);
    TRY(model_sql_check(&tokens, err));
    for (size_t i = 0; i < tokens.count; i++)
        if (text_equal(tokens.tokens[i].text, ";") && tokens.tokens[i].kind == SQL_SYMBOL)
            return err_set(err, ERR_CONFIG, "%s:%d: a model is one select", what,
                           tokens.tokens[i].line);
    model_sql_inputs(&tokens, arena, &model.inputs, &model.input_count);
    TRY(check_inputs(&model, err));
    model.is_plain = model_sql_plain(&tokens, arena, &model.plain, &model.plain_count);
    hash_text(text, &tokens, arena, &model.hash);
    *ret_model = model;
    return ERR_OK;
}

enum err_code model_parse_clean(const char *table, const char *what, const char *text,
                                struct arena *arena, struct clean_model *ret_model, struct err *err)
{
    struct sql_tokens tokens;
    struct clean_model model = {.table = table, .what = what};
    struct header header = {.what = what, .arena = arena, .clean = &model};
    TRY(take_header(&header, text, err));
    TRY(model_sql_read(what, text, arena, &tokens, err));
    if (tokens.count > 0)
        return err_set(err, ERR_CONFIG, "%s:%d: a clean model has directives only", what,
                       tokens.tokens[0].line);
    hash_text(text, &tokens, arena, &model.hash);
    *ret_model = model;
    return ERR_OK;
}
