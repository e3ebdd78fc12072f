#include "config/dotenv.h"

#include "base/text.h"

struct variable {
    const char *name;
    const char *value;
};

struct dotenv {
    struct variable *variables;
    size_t count;
};

static const char name_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

static size_t name_size(const char *text)
{
    return *text >= '0' && *text <= '9' ? 0 : strspn(text, name_bytes);
}

/* The value in double quotes at *at, which moves behind it; false when the quote does not end. */
static bool double_quoted(const char **at, struct buf *value)
{
    const char *c = *at + 1;

    for (; *c && *c != '\n' && *c != '"'; c++) {
        if (*c == '\\' && c[1] && c[1] != '\n') {
            c++;
            buf_add_char(value, *c == 'n' ? '\n' : *c == 't' ? '\t' : *c);
        } else {
            buf_add_char(value, *c);
        }
    }
    *at = c + (*c == '"');
    return *c == '"';
}

static bool single_quoted(const char **at, struct buf *value)
{
    size_t size = strcspn(*at + 1, "'\n");
    bool ends = (*at)[1 + size] == '\'';

    buf_add(value, *at + 1, size);
    *at += 1 + size + ends;
    return ends;
}

static void unquoted(const char **at, struct buf *value)
{
    size_t size = strcspn(*at, "\r\n"), whole = size;

    for (size_t i = 0; i + 1 < size; i++)
        if ((*at)[i] == ' ' && (*at)[i + 1] == '#')
            size = i;
    while (size && strchr(" \t", (*at)[size - 1]))
        size--;
    buf_add(value, *at, size);
    *at += whole;
}

/* One line; *at moves to its end.  A line without variable leaves the name NULL. */
static enum err_code parse_line(const char **at, struct arena *arena, struct variable *ret_variable,
                                const char *where, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf value = {0};
    bool ends = true;

    *at += strspn(*at, " \t\r");
    if (!**at || **at == '\n' || **at == '#') {
        *at += strcspn(*at, "\n");
        return ERR_OK;
    }
    if (text_starts(*at, "export "))
        *at += 7 + strspn(*at + 7, " \t");
    size_t size = name_size(*at);
    if (!size || (*at)[size] != '=') {
        err_set(err, ERR_CONFIG, "%s: expected NAME=VALUE", where);
        return err_hint(err, "names are letters, digits and '_', directly followed by '='");
    }
    const char *name = arena_strndup(arena, *at, size);
    *at += size + 1;
    *at += strspn(*at, " \t");
    if (**at == '"')
        ends = double_quoted(at, &value);
    else if (**at == '\'')
        ends = single_quoted(at, &value);
    else
        unquoted(at, &value);
    if (!ends)
        return err_set(err, ERR_CONFIG, "%s: the quote of '%s' does not end", where, name);
    *at += strspn(*at, " \t\r");
    if (**at && **at != '\n' && **at != '#')
        return err_set(err, ERR_CONFIG, "%s: text after the quoted value of '%s'", where, name);
    *at += strcspn(*at, "\n");
    *ret_variable = (struct variable){name, arena_strdup(arena, buf_text(&value))};
    return ERR_OK;
}

enum err_code dotenv_parse(const char *name, const char *text, struct arena *arena,
                           struct dotenv **ret_dotenv, struct err *err)
{
    struct dotenv *dotenv = arena_alloc(arena, sizeof *dotenv);
    size_t lines = 1;

    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    dotenv->variables = arena_alloc(arena, lines * sizeof *dotenv->variables);
    for (size_t line = 1; *text; line++) {
        struct variable variable = {0};
        TRY(parse_line(&text, arena, &variable, arena_printf(arena, "%s:%zu", name, line), err));
        if (variable.name)
            dotenv->variables[dotenv->count++] = variable;
        text += *text == '\n';
    }
    *ret_dotenv = dotenv;
    return ERR_OK;
}

const char *dotenv_get(const struct dotenv *dotenv, const char *name)
{
    /* The last one wins, as in a shell. */
    for (size_t i = dotenv ? dotenv->count : 0; i > 0; i--)
        if (text_equal(dotenv->variables[i - 1].name, name))
            return dotenv->variables[i - 1].value;
    return NULL;
}

static enum err_code expand_one(const struct dotenv *dotenv, const char **at, struct arena *arena,
                                struct buf *out, struct err *err)
{
    size_t size = name_size(*at + 2);

    if (!size || (*at)[2 + size] != '}') {
        err_set(err, ERR_CONFIG, "'${' without a name and '}' after it");
        return err_hint(err, "write ${NAME}, or $$ for a dollar sign");
    }
    const char *name = arena_strndup(arena, *at + 2, size);
    const char *value = getenv(name);
    if (!value)
        value = dotenv_get(dotenv, name);
    if (!value) {
        err_set(err, ERR_CONFIG, "variable '%s' is not defined", name);
        return err_hint(err, "set %s in the environment, or in .env beside tote.yaml", name);
    }
    buf_add_text(out, value);
    *at += 3 + size;
    return ERR_OK;
}

enum err_code dotenv_expand(const struct dotenv *dotenv, const char *text, struct arena *arena,
                            const char **ret_text, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};

    while (*text) {
        if (text[0] == '$' && text[1] == '{') {
            TRY(expand_one(dotenv, &text, arena, &out, err));
            continue;
        }
        if (text[0] == '$' && text[1] == '$')
            text++;
        buf_add_char(&out, *text++);
    }
    *ret_text = arena_strdup(arena, buf_text(&out));
    return ERR_OK;
}
