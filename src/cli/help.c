#include "cli/help.h"

#include <ctype.h>

#include "app/version.h"
#include "base/text.h"

enum {
    HELP_WIDTH = 80,
    HELP_INDENT = 28
};

/* `text` in lines of HELP_WIDTH, each but the first indented. */
static void wrap(struct buf *out, size_t indent, const char *text)
{
    size_t column = indent;

    while (*text) {
        size_t size = strcspn(text, " ");
        if (column > indent && column + 1 + size > HELP_WIDTH) {
            buf_addf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            buf_add_char(out, ' ');
            column++;
        }
        buf_add(out, text, size);
        column += size;
        text += size + (text[size] == ' ');
    }
    buf_add_char(out, '\n');
}

static void entry(struct buf *out, const char *name, const char *text)
{
    if (strlen(name) + 4 > HELP_INDENT)
        buf_addf(out, "  %s\n%*s", name, HELP_INDENT, "");
    else
        buf_addf(out, "  %-*s", HELP_INDENT - 2, name);
    wrap(out, HELP_INDENT, text);
}

/* "--every [DURATION]" */
static const char *usage_of(const struct command_option *option, struct arena *arena)
{
    if (!option->placeholder)
        return option->name;
    return arena_printf(arena, option->value_optional ? "%s [%s]" : "%s %s", option->name,
                        option->placeholder);
}

/* The short name that arguments.c knows, as in "-q, --quiet". */
static const char *with_short_name(const struct command_option *option, struct arena *arena)
{
    const char *usage = usage_of(option, arena);

    if (text_equal(option->name, "--quiet"))
        return arena_printf(arena, "-q, %s", usage);
    if (text_equal(option->name, "--verbose"))
        return arena_printf(arena, "-v, %s", usage);
    if (text_equal(option->name, "--help"))
        return arena_printf(arena, "-h, %s", usage);
    if (text_equal(option->name, "--version"))
        return arena_printf(arena, "-V, %s", usage);
    return usage;
}

static const char *option_usage(enum option option, struct arena *arena)
{
    char flag[OPTION_NAME_MAX];

    option_flag(option, flag);
    return arena_printf(arena, "%s %s", flag, option_placeholder(option));
}

static void print_program(struct buf *out, struct arena *arena)
{
    buf_add_text(out,
                 "tote copies what changes in a PostgreSQL database into JSON objects, turns them\n"
                 "into a star schema in Parquet, and loads that into a warehouse.\n\n"
                 "usage: tote [-C DIR] COMMAND [OPTIONS]\n\ncommands:\n");
    for (size_t i = 0; i < command_count; i++)
        entry(out, commands[i].name, commands[i].summary);
    buf_add_text(out, "\noptions:\n");
    for (const struct command_option *option = global_options; option->name; option++)
        entry(out, with_short_name(option, arena), option->doc);
    buf_add_text(out, "\nEvery option of tote.yaml is a flag too: source.url is --source-url, or\n"
                      "TOTE_SOURCE_URL in the environment. `tote help COMMAND` says more.\n");
}

static void print_command(const struct command *command, struct buf *out, struct arena *arena)
{
    buf_addf(out, "tote %s - %s\n\nusage: tote [-C DIR] %s", command->name, command->summary,
             command->name);
    buf_addf(out, "%s%s [OPTIONS]\n", *command->arguments ? " " : "", command->arguments);
    if (*command->details) {
        buf_add_char(out, '\n');
        wrap(out, 0, command->details);
    }
    buf_add_text(out, "\noptions:\n");
    for (const struct command_option *o = command->options; o && o->name; o++)
        entry(out, usage_of(o, arena), o->doc);
    for (const struct command_option *o = global_options; o->name; o++)
        entry(out, with_short_name(o, arena), o->doc);
    if (!command->configured)
        return;
    buf_add_text(out,
                 "\nconfiguration (flag; as a key in tote.yaml; as TOTE_* in the environment):\n");
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_info *info = option_info((enum option)i);
        const char *doc =
            info->fallback ? arena_printf(arena, "%s (%s)", info->doc, info->fallback) : info->doc;
        entry(out, option_usage((enum option)i, arena), doc);
    }
}

void help_print(const struct command *command, struct buf *out)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);

    if (command)
        print_command(command, out, arena);
    else
        print_program(out, arena);
}

/* --- the manual page --- */

/* roff takes '\' as its escape, '-' as a hyphen, and '.' or ''' at the start of a line as a
 * request. */
static void roff(struct buf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        buf_add_text(out, "\\&");
    for (; *text; text++) {
        if (*text == '\\')
            buf_add_text(out, "\\e");
        else if (*text == '-')
            buf_add_text(out, "\\-");
        else if (*text != '`')
            buf_add_char(out, *text);
    }
    buf_add_char(out, '\n');
}

static void roff_entry(struct buf *out, const char *name, const char *text)
{
    buf_add_text(out, ".TP\n.B ");
    roff(out, name);
    roff(out, text);
}

static void man_command(struct buf *out, const struct command *command, struct arena *arena)
{
    roff_entry(out, arena_printf(arena, "%s %s", command->name, command->arguments),
               arena_printf(arena, "%c%s. %s", toupper((unsigned char)command->summary[0]),
                            command->summary + 1, command->details));
    if (!command->options)
        return;
    buf_add_text(out, ".RS\n");
    for (const struct command_option *option = command->options; option->name; option++)
        roff_entry(out, usage_of(option, arena), option->doc);
    buf_add_text(out, ".RE\n");
}

void help_print_man(struct buf *out)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);

    buf_addf(out, ".TH TOTE 1 \"\" \"tote %s\"\n.SH NAME\n", TOTE_VERSION);
    buf_add_text(out, "tote \\- from a PostgreSQL database to a loaded star schema\n"
                      ".SH SYNOPSIS\n.B tote\n[\\-C DIR] COMMAND [OPTIONS]\n.SH COMMANDS\n");
    for (size_t i = 0; i < command_count; i++)
        man_command(out, &commands[i], arena);
    buf_add_text(out, ".SH OPTIONS\n");
    for (const struct command_option *option = global_options; option->name; option++)
        roff_entry(out, with_short_name(option, arena), option->doc);
    buf_add_text(out, ".SH CONFIGURATION\nKeys of tote.yaml. The flag of\n.B source.url\nis\n"
                      ".BR \\-\\-source\\-url ,\nits variable\n.BR TOTE_SOURCE_URL .\n"
                      "Order: flag, environment, .env beside tote.yaml, tote.yaml, default.\n");
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_info *info = option_info((enum option)i);
        roff_entry(out, info->name,
                   info->fallback
                       ? arena_printf(arena, "%s. Default: %s.", info->doc, info->fallback)
                       : arena_printf(arena, "%s.", info->doc));
    }
    buf_add_text(out, ".SH EXIT STATUS\n");
    roff_entry(out, "0", "everything went well");
    for (int code = ERR_OK + 1; code < ERR_CODE_COUNT; code++)
        roff_entry(out, arena_printf(arena, "%d", err_exit_status((enum err_code)code)),
                   err_text((enum err_code)code));
}

/* --- docs/reference --- */

static void markdown_options(struct buf *out, const struct command_option *options,
                             struct arena *arena)
{
    buf_add_text(out, "\n| option | |\n|---|---|\n");
    for (; options->name; options++) {
        const char *usage = with_short_name(options, arena);
        buf_addf(out, "| `%s` | %s |\n", usage, options->doc);
    }
}

void help_print_commands(struct buf *out)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);

    buf_add_text(
        out, "# Commands\n\n"
             "<!-- printed by `tote help --markdown commands`; a test compares -->\n\n"
             "`tote [-C DIR] COMMAND [OPTIONS]`. Data goes to standard output, talk to standard\n"
             "error. With `--json`, data is one document whose member `schema` is 1. Options may\n"
             "stand before or after the command; commands that read tote.yaml take every key of\n"
             "[the configuration](configuration.md) as a flag. What exit statuses mean:\n"
             "[exit-statuses.md](exit-statuses.md).\n"
             "\n`tote help --man` prints the manual page, `tote help --completion bash` (or zsh,\n"
             "fish) completion for a shell.\n");
    markdown_options(out, global_options, arena);
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        buf_addf(out, "\n## `tote %s%s%s`\n\n%c%s.\n", command->name,
                 *command->arguments ? " " : "", command->arguments,
                 toupper((unsigned char)command->summary[0]), command->summary + 1);
        if (*command->details) {
            buf_add_char(out, '\n');
            wrap(out, 0, command->details);
        }
        if (command->options)
            markdown_options(out, command->options, arena);
    }
}

void help_print_exit_statuses(struct buf *out)
{
    buf_add_text(out,
                 "# Exit statuses\n\n"
                 "<!-- printed by `tote help --markdown exit-statuses`; a test compares -->\n\n"
                 "A number never changes its meaning. What may be tried again without changing\n"
                 "anything is marked; `tote run --every` goes on after every error.\n\n"
                 "| status | name | meaning | worth a retry |\n|---|---|---|---|\n"
                 "| 0 | OK | everything went well | |\n");
    for (int code = ERR_OK + 1; code < ERR_CODE_COUNT; code++) {
        struct err err = {.code = (enum err_code)code};
        buf_addf(out, "| %d | %s | %s | %s |\n", err_exit_status(err.code), err_name(err.code),
                 err_text(err.code), err_retryable(&err) ? "yes" : "");
    }
}
