/* Completion for bash, zsh and fish, from the same tables as everything else. */
#include "base/text.h"
#include "cli/help.h"

static void add_names(struct buf *out, const struct command_option *options)
{
    for (; options && options->name; options++)
        buf_addf(out, " %s", options->name);
}

static void add_flags(struct buf *out)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        char flag[OPTION_NAME_MAX];
        option_flag((enum option)i, flag);
        buf_addf(out, " %s", flag);
    }
}

static void add_commands(struct buf *out)
{
    for (size_t i = 0; i < command_count; i++)
        buf_addf(out, " %s", commands[i].name);
}

static void bash(struct buf *out)
{
    buf_add_text(out, "_tote() {\n"
                      "    local current=${COMP_WORDS[COMP_CWORD]} command= words= word\n"
                      "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                      "        case $word in\n        ");
    for (size_t i = 0; i < command_count; i++)
        buf_addf(out, "%s%s", i ? " | " : "", commands[i].name);
    buf_add_text(out,
                 ") command=$word; break ;;\n        esac\n    done\n"
                 "    case ${COMP_WORDS[COMP_CWORD-1]} in\n"
                 "    -C | --dir | --config | --models | --work-dir | --lake-*)\n"
                 "        COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
                 "    --completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$current\")); "
                 "return ;;\n    esac\n    words=\"");
    add_names(out, global_options);
    buf_add_text(out, "\"\n    case $command in\n    '') words+=\"");
    add_commands(out);
    buf_add_text(out, "\" ;;\n    help) words+=\"");
    add_commands(out);
    add_names(out, command_find("help")->options);
    buf_add_text(out, "\" ;;\n");
    for (size_t i = 0; i < command_count; i++) {
        if (text_equal(commands[i].name, "help"))
            continue;
        buf_addf(out, "    %s) words+=\"", commands[i].name);
        add_names(out, commands[i].options);
        if (commands[i].configured)
            add_flags(out);
        buf_add_text(out, "\" ;;\n");
    }
    buf_add_text(out, "    esac\n"
                      "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}\n"
                      "complete -o default -F _tote tote\n");
}

/* In single quotes of a shell; the texts hold no backslash. */
static void quoted(struct buf *out, const char *text, bool zsh)
{
    for (; *text; text++) {
        if (*text == '\'')
            buf_add_text(out, "'\\''");
        else if (zsh && (*text == '[' || *text == ']' || *text == ':'))
            buf_addf(out, "\\%c", *text);
        else
            buf_add_char(out, *text);
    }
}

static void zsh_option(struct buf *out, const char *name, const char *placeholder, const char *doc)
{
    buf_addf(out, "        '%s[", name);
    quoted(out, doc, true);
    buf_add_char(out, ']');
    if (placeholder) {
        bool file = text_equal(placeholder, "DIR") || text_equal(placeholder, "FILE");
        bool choice = strchr(placeholder, '|') != NULL;
        buf_add_text(out, ":value:");
        if (choice) {
            buf_add_char(out, '(');
            for (const char *c = placeholder; *c; c++)
                buf_add_char(out, *c == '|' ? ' ' : *c);
            buf_add_char(out, ')');
        } else if (file) {
            buf_add_text(out, "_files");
        }
    }
    buf_add_text(out, "'\n");
}

static void zsh(struct buf *out)
{
    buf_add_text(out, "#compdef tote\n_tote() {\n    local -a commands options\n    commands=(\n");
    for (size_t i = 0; i < command_count; i++) {
        buf_addf(out, "        '%s:", commands[i].name);
        quoted(out, commands[i].summary, true);
        buf_add_text(out, "'\n");
    }
    buf_add_text(out, "    )\n    options=(\n");
    for (const struct command_option *o = global_options; o->name; o++)
        zsh_option(out, o->name, o->placeholder, o->doc);
    buf_add_text(out, "    )\n    case ${words[(r)(");
    for (size_t i = 0; i < command_count; i++)
        buf_addf(out, "%s%s", i ? "|" : "", commands[i].name);
    buf_add_text(out, ")]} in\n");
    for (size_t i = 0; i < command_count; i++) {
        buf_addf(out, "    %s) options+=(\n", commands[i].name);
        for (const struct command_option *o = commands[i].options; o && o->name; o++)
            zsh_option(out, o->name, o->placeholder, o->doc);
        for (int k = 0; commands[i].configured && k < OPTION_COUNT; k++) {
            char flag[OPTION_NAME_MAX];
            option_flag((enum option)k, flag);
            zsh_option(out, flag, option_placeholder((enum option)k),
                       option_info((enum option)k)->doc);
        }
        buf_add_text(out, "    ) ;;\n");
    }
    buf_add_text(
        out, "    esac\n"
             "    _arguments -s $options '1:command:{_describe command commands}' '*::argument:'\n"
             "}\n_tote \"$@\"\n");
}

static void fish_option(struct buf *out, const char *command, const char *name,
                        const char *placeholder, const char *doc)
{
    buf_add_text(out, "complete -c tote");
    if (command)
        buf_addf(out, " -n '__fish_seen_subcommand_from %s'", command);
    if (text_starts(name, "--"))
        buf_addf(out, " -l %s", name + 2);
    else
        buf_addf(out, " -s %s", name + 1);
    if (placeholder && strchr(placeholder, '|')) {
        buf_add_text(out, " -x -a '");
        for (const char *c = placeholder; *c; c++)
            buf_add_char(out, *c == '|' ? ' ' : *c);
        buf_add_char(out, '\'');
    } else if (placeholder) {
        bool file = text_equal(placeholder, "DIR") || text_equal(placeholder, "FILE");
        buf_add_text(out, file ? " -r -F" : " -x");
    }
    buf_add_text(out, " -d '");
    quoted(out, doc, false);
    buf_add_text(out, "'\n");
}

static void fish(struct buf *out)
{
    buf_add_text(out, "complete -c tote -f\n");
    for (size_t i = 0; i < command_count; i++) {
        buf_addf(out, "complete -c tote -n __fish_use_subcommand -a %s -d '", commands[i].name);
        quoted(out, commands[i].summary, false);
        buf_add_text(out, "'\n");
    }
    for (const struct command_option *o = global_options; o->name; o++)
        fish_option(out, NULL, o->name, o->placeholder, o->doc);
    for (size_t i = 0; i < command_count; i++) {
        for (const struct command_option *o = commands[i].options; o && o->name; o++)
            fish_option(out, commands[i].name, o->name, o->placeholder, o->doc);
        for (int k = 0; commands[i].configured && k < OPTION_COUNT; k++) {
            char flag[OPTION_NAME_MAX];
            option_flag((enum option)k, flag);
            fish_option(out, commands[i].name, flag, option_placeholder((enum option)k),
                        option_info((enum option)k)->doc);
        }
    }
}

bool completion_print(const char *shell, struct buf *out)
{
    if (text_equal(shell, "bash"))
        bash(out);
    else if (text_equal(shell, "zsh"))
        zsh(out);
    else if (text_equal(shell, "fish"))
        fish(out);
    else
        return false;
    return true;
}
