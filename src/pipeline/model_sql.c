#include "pipeline/model_sql.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

struct scanner {
    const char *what;
    const char *text;
    const char *start; /* of the token under way */
    const char *at;
    int line;
    struct arena *arena;
    struct sql_token *tokens;
    size_t count;
    size_t capacity;
};

static bool is_word_start(char c)
{
    return isalpha((unsigned char)c) || c == '_' || (c & 0x80);
}

static bool is_word_part(char c)
{
    return is_word_start(c) || isdigit((unsigned char)c) || c == '$';
}

static void add_token(struct scanner *scanner, enum sql_token_kind kind, const char *text, int line)
{
    if (scanner->count == scanner->capacity) {
        size_t capacity = scanner->capacity ? scanner->capacity * 2 : 256;
        struct sql_token *larger = arena_alloc(scanner->arena, capacity * sizeof *larger);
        if (scanner->count)
            memcpy(larger, scanner->tokens, scanner->count * sizeof *larger);
        scanner->tokens = larger;
        scanner->capacity = capacity;
    }
    scanner->tokens[scanner->count++] =
        (struct sql_token){kind, text, line, (size_t)(scanner->start - scanner->text)};
}

static enum err_code skip_block_comment(struct scanner *scanner, struct err *err)
{
    int line = scanner->line;
    for (scanner->at += 2; !text_starts(scanner->at, "*/"); scanner->at++) {
        if (!*scanner->at)
            return err_set(err, ERR_CONFIG, "%s:%d: a comment has no end", scanner->what, line);
        scanner->line += *scanner->at == '\n';
    }
    scanner->at += 2;
    return ERR_OK;
}

/* Bytes up to the closing quote, with doubled quotes counted twice; to the end where there is none.
 */
static size_t quoted_size(const char *text, char quote)
{
    size_t size = 0;
    while (text[size] && (text[size] != quote || text[++size] == quote))
        size++;
    return size;
}

/* A string or a quoted name; a doubled quote stands for one. */
static enum err_code scan_quoted(struct scanner *scanner, struct err *err)
{
    char quote = *scanner->at++;
    int line = scanner->line;
    char *text = arena_alloc(scanner->arena, quoted_size(scanner->at, quote) + 1);
    size_t size = 0;
    for (;; scanner->at++) {
        if (!*scanner->at)
            return err_set(err, ERR_CONFIG, "%s:%d: a %s has no closing quote", scanner->what, line,
                           quote == '"' ? "quoted name" : "literal");
        if (*scanner->at == quote && *++scanner->at != quote)
            break;
        scanner->line += *scanner->at == '\n';
        text[size++] = *scanner->at;
    }
    text[size] = '\0';
    add_token(scanner, quote == '"' ? SQL_QUOTED : SQL_STRING, text, line);
    return ERR_OK;
}

static void scan_word(struct scanner *scanner)
{
    const char *start = scanner->at;
    while (is_word_part(*scanner->at))
        scanner->at++;
    char *word = arena_strndup(scanner->arena, start, (size_t)(scanner->at - start));
    for (char *c = word; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    add_token(scanner, SQL_WORD, word, scanner->line);
}

static void scan_number(struct scanner *scanner)
{
    const char *start = scanner->at;
    while (isalnum((unsigned char)*scanner->at) || *scanner->at == '.')
        scanner->at++;
    add_token(scanner, SQL_NUMBER,
              arena_strndup(scanner->arena, start, (size_t)(scanner->at - start)), scanner->line);
}

static void scan_symbol(struct scanner *scanner)
{
    static const char *const pairs[] = {"::", "||", "<>", "!=", "<=", ">=", "->", "//", "=>", ":="};
    size_t size = 1;
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        if (text_starts(scanner->at, pairs[i]))
            size = 2;
    add_token(scanner, SQL_SYMBOL, arena_strndup(scanner->arena, scanner->at, size), scanner->line);
    scanner->at += size;
}

enum err_code model_sql_read(const char *what, const char *text, struct arena *arena,
                             struct sql_tokens *ret_tokens, struct err *err)
{
    struct scanner scanner = {
        .what = what, .text = text, .start = text, .at = text, .line = 1, .arena = arena};
    while (*scanner.at) {
        char c = *scanner.at;
        scanner.start = scanner.at;
        if (text_starts(scanner.at, "--")) {
            scanner.at += strcspn(scanner.at, "\n");
        } else if (text_starts(scanner.at, "/*")) {
            TRY(skip_block_comment(&scanner, err));
        } else if (isspace((unsigned char)c)) {
            scanner.line += c == '\n';
            scanner.at++;
        } else if (c == '\'' || c == '"') {
            TRY(scan_quoted(&scanner, err));
        } else if (is_word_start(c)) {
            scan_word(&scanner);
        } else if (isdigit((unsigned char)c)) {
            scan_number(&scanner);
        } else {
            scan_symbol(&scanner);
        }
    }
    add_token(&scanner, SQL_END, "", scanner.line);
    *ret_tokens = (struct sql_tokens){what, scanner.tokens, scanner.count - 1};
    return ERR_OK;
}

static bool is_symbol(const struct sql_token *token, const char *symbol)
{
    return token->kind == SQL_SYMBOL && text_equal(token->text, symbol);
}

static bool is_word(const struct sql_token *token, const char *word)
{
    return token->kind == SQL_WORD && text_equal(token->text, word);
}

static bool is_name(const struct sql_token *token)
{
    return token->kind == SQL_WORD || token->kind == SQL_QUOTED;
}

/* Words and symbols outside the subset, and what to write instead. */
struct banned {
    const char *text;
    const char *instead;
};

static const struct banned banned_words[] = {
    {"qualify", "use row_number() in a subquery"},
    {"try_cast", "casts that can fail stand in models/clean/<table>.sql"},
    {"exclude", "list the columns"},
    {"pivot", "use case expressions"},
    {"unpivot", "use union all"},
    {"ilike", "use lower(…) like"},
    {"asof", "use row_number() in a subquery"},
    {"recursive", "use a cross join of digits"},
};

static const struct banned banned_functions[] = {
    {"generate_series", "use a cross join of digits"},
    {"sequence", "use a cross join of digits"},
    {"range", "use a cross join of digits"},
    {"dayname", "use days since a Monday modulo 7"},
    {"monthname", "use case on extract(month from …)"},
    {"isodow", "use days since a Monday modulo 7"},
    {"dayofweek", "use days since a Monday modulo 7"},
    {"weekday", "use days since a Monday modulo 7"},
    {"strftime", "timestamps are text of 26 characters: use substr"},
    {"strptime", "timestamps are text of 26 characters: use substr"},
    {"date_format", "timestamps are text of 26 characters: use substr"},
    {"epoch", "use date arithmetic"},
    {"hash", "engines hash differently: compare the values"},
    {"md5", "engines hash differently: compare the values"},
    {"sha1", "engines hash differently: compare the values"},
    {"sha256", "engines hash differently: compare the values"},
    {"xxhash64", "engines hash differently: compare the values"},
    {"crc32", "engines hash differently: compare the values"},
    {"random", "a model gives the same rows each time"},
    {"rand", "a model gives the same rows each time"},
    {"uuid", "a model gives the same rows each time"},
    {"gen_random_uuid", "a model gives the same rows each time"},
    {"now", "a model depends on its rows, never on the clock"},
    {"today", "a model depends on its rows, never on the clock"},
    {"read_csv", "a model reads changes, source, history and seed only"},
    {"read_json", "a model reads changes, source, history and seed only"},
    {"read_parquet", "a model reads changes, source, history and seed only"},
    {"read_text", "a model reads changes, source, history and seed only"},
};

/* Only without parentheses after them do these stand for the clock. */
static const struct banned banned_instants[] = {
    {"current_date", "a model depends on its rows, never on the clock"},
    {"current_timestamp", "a model depends on its rows, never on the clock"},
    {"current_time", "a model depends on its rows, never on the clock"},
    {"localtimestamp", "a model depends on its rows, never on the clock"},
};

static const struct banned banned_symbols[] = {
    {"::", "write cast(x as type)"},
    {"//", "write cast(a / b as integer)"},
    {"[", "lists are not portable"},
    {"{", "structs are not portable"},
    {":=", "named arguments are not portable"},
    {"=>", "named arguments are not portable"},
    {"->", "functions of functions are not portable"},
    {"`", "quote names with \""},
    {"\\", "write it without a backslash"},
};

static const char *const banned_cast_types[] = {"varchar",     "text", "char",      "string",
                                                "timestamp",   "time", "character", "bpchar",
                                                "timestamptz", "json"};

static const struct banned *find_banned(const struct banned *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(list[i].text, text))
            return &list[i];
    return NULL;
}

static enum err_code not_portable(const struct sql_tokens *tokens, const struct sql_token *token,
                                  const char *instead, struct err *err)
{
    (void)err_set(err, ERR_CONFIG, "%s:%d: '%s' is outside the portable subset of SQL",
                  tokens->what, token->line, token->text);
    return err_hint(err, "%s", instead);
}

static enum err_code check_token(const struct sql_tokens *tokens, size_t i, struct err *err)
{
    const struct sql_token *token = &tokens->tokens[i];
    const struct banned *found = NULL;
    bool qualified = i > 0 && is_symbol(token - 1, ".");
    if (token->kind == SQL_SYMBOL)
        found = find_banned(banned_symbols, COUNT_OF(banned_symbols), token->text);
    else if (token->kind == SQL_WORD && !qualified && is_symbol(token + 1, "("))
        found = find_banned(banned_functions, COUNT_OF(banned_functions), token->text);
    else if (token->kind == SQL_WORD && !qualified)
        found = find_banned(banned_instants, COUNT_OF(banned_instants), token->text);
    if (!found && token->kind == SQL_WORD && !qualified)
        found = find_banned(banned_words, COUNT_OF(banned_words), token->text);
    if (found)
        return not_portable(tokens, token, found->instead, err);
    if (token->kind == SQL_STRING && strchr(token->text, '\\'))
        return not_portable(tokens, token, "engines read a backslash in a literal differently",
                            err);
    if (is_word(token, "isodow"))
        return not_portable(tokens, token, "use days since a Monday modulo 7", err);
    return ERR_OK;
}

/* The type of the cast whose '(' is at `open`: the token after its own `as`. */
static const struct sql_token *cast_type(const struct sql_tokens *tokens, size_t open)
{
    int depth = 0;
    for (size_t i = open; i < tokens->count; i++) {
        const struct sql_token *token = &tokens->tokens[i];
        if (is_symbol(token, "("))
            depth++;
        else if (is_symbol(token, ")") && --depth == 0)
            break;
        else if (depth == 1 && is_word(token, "as"))
            return token + 1;
    }
    return NULL;
}

static enum err_code check_cast(const struct sql_tokens *tokens, size_t i, struct err *err)
{
    if (!is_word(&tokens->tokens[i], "cast") || !is_symbol(&tokens->tokens[i + 1], "("))
        return ERR_OK;
    const struct sql_token *type = cast_type(tokens, i + 1);
    for (size_t t = 0; type && t < COUNT_OF(banned_cast_types); t++)
        if (is_word(type, banned_cast_types[t]))
            return not_portable(
                tokens, type,
                "engines print values differently: a model casts nothing to text or "
                "timestamp",
                err);
    return ERR_OK;
}

enum err_code model_sql_check(const struct sql_tokens *tokens, struct err *err)
{
    for (size_t i = 0; i < tokens->count; i++) {
        TRY(check_token(tokens, i, err));
        TRY(check_cast(tokens, i, err));
    }
    return ERR_OK;
}

static bool is_schema(const struct sql_token *token)
{
    static const char *const schemas[] = {"changes", "source", "history", "seed"};
    for (size_t i = 0; i < COUNT_OF(schemas); i++)
        if (is_name(token) && text_equal(token->text, schemas[i]))
            return true;
    return false;
}

/* After from, join or a comma: elsewhere the word may be an alias. */
static bool begins_table(const struct sql_tokens *tokens, size_t i)
{
    if (i == 0 || !is_schema(&tokens->tokens[i]) || !is_symbol(&tokens->tokens[i + 1], ".") ||
        !is_name(&tokens->tokens[i + 2]))
        return false;
    const struct sql_token *before = &tokens->tokens[i - 1];
    return is_word(before, "from") || is_word(before, "join") || is_symbol(before, ",");
}

void model_sql_inputs(const struct sql_tokens *tokens, struct arena *arena,
                      struct model_input **ret_inputs, size_t *ret_count)
{
    struct model_input *inputs = arena_alloc(arena, (tokens->count + 1) * sizeof *inputs);
    size_t count = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        if (!begins_table(tokens, i))
            continue;
        struct model_input input = {tokens->tokens[i].text, tokens->tokens[i + 2].text,
                                    tokens->tokens[i].line};
        bool known = false;
        for (size_t k = 0; k < count; k++)
            known |= text_equal(inputs[k].schema, input.schema) &&
                     text_equal(inputs[k].table, input.table);
        if (!known)
            inputs[count++] = input;
    }
    *ret_inputs = inputs;
    *ret_count = count;
}

/* Nothing that makes more or fewer rows than one for each row of one table, where aside. */
static bool is_one_select(const struct sql_tokens *tokens, size_t *ret_from)
{
    static const char *const others[] = {"with",      "join",     "group",  "union",
                                         "intersect", "except",   "limit",  "over",
                                         "order",     "distinct", "unnest", "lateral"};
    size_t selects = 0, froms = 0;
    int depth = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        const struct sql_token *token = &tokens->tokens[i];
        depth += is_symbol(token, "(") - is_symbol(token, ")");
        selects += is_word(token, "select");
        if (is_word(token, "from") && depth == 0) { /* not extract(… from …) */
            froms++;
            *ret_from = i;
        }
        for (size_t k = 0; k < COUNT_OF(others); k++)
            if (is_word(token, others[k]))
                return false;
    }
    return selects == 1 && froms == 1 && is_word(&tokens->tokens[0], "select");
}

/* `name`, `alias.name`, each with or without `[as] output`; count tokens from first. */
static bool plain_item(const struct sql_token *first, size_t count, struct plain_column *ret_column)
{
    if (count >= 3 && is_symbol(first + 1, ".")) {
        first += 2;
        count -= 2;
    }
    if (count == 0 || !is_name(first))
        return false;
    ret_column->column = first->text;
    ret_column->output = first->text;
    if (count == 1)
        return true;
    if (count == 3 && is_word(first + 1, "as") && is_name(first + 2))
        ret_column->output = first[2].text;
    else if (count == 2 && is_name(first + 1))
        ret_column->output = first[1].text;
    else
        return false;
    return true;
}

static bool has_one_table(const struct sql_tokens *tokens, size_t from)
{
    if (!begins_table(tokens, from + 1))
        return false;
    for (size_t i = from + 4; i < tokens->count && !is_word(&tokens->tokens[i], "where"); i++)
        if (!is_name(&tokens->tokens[i]) && !is_symbol(&tokens->tokens[i], ";"))
            return false;
    return true;
}

bool model_sql_plain(const struct sql_tokens *tokens, struct arena *arena,
                     struct plain_column **ret_columns, size_t *ret_count)
{
    size_t from = 0;
    if (tokens->count == 0 || !is_one_select(tokens, &from) || !has_one_table(tokens, from))
        return false;
    struct plain_column *columns = arena_alloc(arena, (from + 1) * sizeof *columns);
    size_t count = 0, start = 1;
    int depth = 0;
    for (size_t i = 1; i <= from; i++) {
        depth += is_symbol(&tokens->tokens[i], "(") - is_symbol(&tokens->tokens[i], ")");
        if (i != from && (depth > 0 || !is_symbol(&tokens->tokens[i], ",")))
            continue;
        if (plain_item(&tokens->tokens[start], i - start, &columns[count]))
            count++;
        start = i + 1;
    }
    *ret_columns = columns;
    *ret_count = count;
    return true;
}
