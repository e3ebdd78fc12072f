#include "cli/arguments.h"

#include "base/log.h"
#include "base/text.h"
#include "config/url_secret.h"

struct arguments {
    char **at; /* the next word; NULL after the last */
    struct call *call;
    bool only_arguments; /* after "--" */
};

/* One word split at '='. */
struct word {
    const char *name;
    char *value; /* in argv, or NULL */
};

static const struct {
    const char *shortly;
    const char *name;
} short_names[] = {{"-q", "--quiet"}, {"-v", "--verbose"}, {"-h", "--help"}, {"-V", "--version"}};

/* Overwrites a secret where the process list would show it; returns the copy. */
static const char *take_secret(struct arguments *arguments, const char *name, char *value,
                               bool whole)
{
    const char *copy = arena_strdup(arguments->call->arena, value);

    if (whole)
        redact_register(value);
    if (url_secret_register(value) || whole) {
        memset(value, '*', strlen(value));
        log_warn(
            "a password in '%s' may be seen by others on this machine until it is wiped; put it "
            "into .env or a TOTE_* variable",
            name);
    }
    return copy;
}

static enum err_code take_value(struct arguments *arguments, const struct word *word,
                                const struct command_option *option, const char **ret_value,
                                struct err *err)
{
    char *value = word->value;

    if (!option->placeholder) {
        if (value)
            return err_set(err, ERR_USAGE, "option '%s' takes no value", word->name);
        *ret_value = "";
        return ERR_OK;
    }
    if (!value && *arguments->at && (!option->value_optional || **arguments->at != '-'))
        value = *arguments->at++;
    if (!value && !option->value_optional) {
        err_set(err, ERR_USAGE, "option '%s' needs a value", word->name);
        return err_hint(err, "%s %s", word->name, option->placeholder);
    }
    *ret_value = !value           ? ""
                 : option->secret ? take_secret(arguments, word->name, value, option->wholly_secret)
                                  : value;
    return ERR_OK;
}

static const struct command_option *find(const struct command_option *options, const char *name)
{
    for (; options && options->name; options++)
        if (text_equal(options->name, name))
            return options;
    return NULL;
}

static enum err_code set_global(struct call *call, const char *name, const char *value,
                                struct err *err)
{
    if (text_equal(name, "-C")) {
        if (call->directory)
            return err_set(err, ERR_USAGE, "'-C' comes twice");
        call->directory = value;
    } else if (text_equal(name, "--config")) {
        call->request.file = value;
    } else if (text_equal(name, "--json")) {
        call->json = true;
    } else if (text_equal(name, "--quiet")) {
        call->quiet = true;
    } else if (text_equal(name, "--verbose")) {
        call->verbose = true;
    } else if (text_equal(name, "--no-progress")) {
        call->no_progress = true;
    } else if (text_equal(name, "--help")) {
        call->help = true;
    } else {
        call->version = true;
    }
    return ERR_OK;
}

static enum err_code add_flag(struct arguments *arguments, const struct word *word,
                              enum option option, struct err *err)
{
    struct call *call = arguments->call;
    const struct command_option shape = {
        .name = word->name,
        .placeholder = option_placeholder(option),
        .secret = option_info(option)->type == OPTION_TYPE_URL ||
                  option_info(option)->type == OPTION_TYPE_SECRET,
        .wholly_secret = option_info(option)->type == OPTION_TYPE_SECRET,
    };
    const char *value;

    TRY(take_value(arguments, word, &shape, &value, err));
    /* As many as there are options: a repeated one takes the place of the earlier. */
    if (!call->flags)
        call->flags = arena_alloc(call->arena, OPTION_COUNT * sizeof *call->flags);
    size_t place = 0;
    while (place < call->request.flag_count && call->flags[place].option != option)
        place++;
    call->flags[place] = (struct config_flag){option, value};
    if (place == call->request.flag_count)
        call->request.flag_count++;
    call->request.flags = call->flags;
    return ERR_OK;
}

static enum err_code unknown_option(const struct call *call, const char *name, struct err *err)
{
    const char *candidates[OPTION_COUNT + 32];
    char flags[OPTION_COUNT][OPTION_NAME_MAX];
    size_t count = 0;
    const struct command_option *own = call->command ? call->command->options : NULL;

    for (const struct command_option *o = global_options; o->name; o++)
        candidates[count++] = o->name;
    for (; own && own->name; own++)
        candidates[count++] = own->name;
    for (int i = 0; i < OPTION_COUNT; i++) {
        option_flag((enum option)i, flags[i]);
        candidates[count++] = flags[i];
    }
    const char *close = text_closest(name, candidates, count);
    err_set(err, ERR_USAGE, "unknown option '%.80s'", redact_copy(call->arena, name));
    if (close)
        return err_hint(err, "did you mean '%s'?", close);
    return call->command ? err_hint(err, "`tote help %s` lists the options", call->command->name)
                         : err_hint(err, "`tote help` lists commands and options");
}

static enum err_code take_option(struct arguments *arguments, char *text, struct err *err)
{
    struct call *call = arguments->call;
    char *equals = text_starts(text, "--") ? strchr(text, '=') : NULL;
    struct word word = {
        .name = equals ? arena_strndup(call->arena, text, (size_t)(equals - text)) : text,
        .value = equals ? equals + 1 : NULL,
    };
    const struct command_option *own = call->command ? call->command->options : NULL;
    const struct command_option *option;
    const char *value;

    for (size_t i = 0; i < COUNT_OF(short_names); i++)
        if (text_equal(word.name, short_names[i].shortly))
            word.name = short_names[i].name;
    if ((option = find(own, word.name))) {
        TRY(take_value(arguments, &word, option, &value, err));
        call->values[option - own] = value;
        return ERR_OK;
    }
    if ((option = find(global_options, word.name))) {
        TRY(take_value(arguments, &word, option, &value, err));
        return set_global(call, option->name, value, err);
    }
    for (int i = 0; i < OPTION_COUNT; i++) {
        char flag[OPTION_NAME_MAX];
        option_flag((enum option)i, flag);
        if (text_equal(word.name, flag) && (!call->command || call->command->configured))
            return add_flag(arguments, &word, (enum option)i, err);
    }
    return unknown_option(call, word.name, err);
}

static enum err_code take_command(struct call *call, const char *name, struct err *err)
{
    const char *names[32];

    call->command = command_find(name);
    if (call->command)
        return ERR_OK;
    for (size_t i = 0; i < command_count && i < COUNT_OF(names); i++)
        names[i] = commands[i].name;
    const char *close = text_closest(name, names, command_count);
    err_set(err, ERR_USAGE, "unknown command '%.80s'", redact_copy(call->arena, name));
    if (close)
        return err_hint(err, "did you mean '%s'?", close);
    return err_hint(err, "`tote help` lists the commands");
}

static enum err_code take_word(struct arguments *arguments, struct err *err)
{
    struct call *call = arguments->call;
    char *text = *arguments->at++;

    if (!arguments->only_arguments && text_equal(text, "--")) {
        arguments->only_arguments = true;
        return ERR_OK;
    }
    if (!arguments->only_arguments && text[0] == '-' && text[1])
        return take_option(arguments, text, err);
    if (!call->command)
        return take_command(call, text, err);
    if (call->argument_count == call->command->arguments_most) {
        err_set(err, ERR_USAGE, "'%s' takes no argument '%.80s'", call->command->name,
                redact_copy(call->arena, text));
        return err_hint(err, "`tote help %s` shows how it is used", call->command->name);
    }
    call->arguments[call->argument_count++] = text;
    return ERR_OK;
}

enum err_code arguments_parse(int argc, char **argv, struct call *call, struct err *err)
{
    struct arguments arguments = {.at = argv + (argc > 0), .call = call};

    /* A URL in the wrong place holds a password all the same. */
    for (char **word = arguments.at; *word; word++)
        url_secret_register_stray(*word);
    while (*arguments.at)
        TRY(take_word(&arguments, err));
    if (call->help || call->version)
        return ERR_OK;
    if (!call->command) {
        err_set(err, ERR_USAGE, "no command");
        return err_hint(err, "`tote help` lists the commands");
    }
    if (call->argument_count < call->command->arguments_least) {
        err_set(err, ERR_USAGE, "'%s' needs an argument: %s", call->command->name,
                call->command->arguments);
        return err_hint(err, "`tote help %s` shows how it is used", call->command->name);
    }
    return ERR_OK;
}
