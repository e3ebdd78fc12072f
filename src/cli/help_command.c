/* tote help. */
#include "app/metrics.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/help.h"
#include "pipeline/types.h"

static enum err_code markdown(const char *page, struct buf *out, struct err *err)
{
    if (text_equal(page, "commands"))
        help_print_commands(out);
    else if (text_equal(page, "configuration"))
        options_print_markdown(out);
    else if (text_equal(page, "exit-statuses"))
        help_print_exit_statuses(out);
    else if (text_equal(page, "metrics"))
        metrics_print_markdown(out);
    else if (text_equal(page, "types"))
        types_print_markdown(out);
    else
        return err_set(err, ERR_USAGE,
                       "no page '%s': commands, configuration, exit-statuses, metrics or types",
                       page);
    return ERR_OK;
}

enum err_code command_help(struct call *call, struct err *err)
{
    const char *shell = call_value(call, "--completion");
    const char *page = call_value(call, "--markdown");
    const struct command *command = NULL;

    if (call_value(call, "--man")) {
        help_print_man(call->out);
        return ERR_OK;
    }
    if (page)
        return markdown(page, call->out, err);
    if (shell) {
        if (!completion_print(shell, call->out))
            return err_set(err, ERR_USAGE, "no completion for '%s': bash, zsh or fish", shell);
        return ERR_OK;
    }
    if (call->argument_count) {
        command = command_find(call->arguments[0]);
        if (!command) {
            const char *names[32];
            for (size_t i = 0; i < command_count && i < COUNT_OF(names); i++)
                names[i] = commands[i].name;
            const char *close = text_closest(call->arguments[0], names, command_count);
            err_set(err, ERR_USAGE, "unknown command '%.80s'",
                    redact_copy(call->arena, call->arguments[0]));
            return close ? err_hint(err, "did you mean '%s'?", close)
                         : err_hint(err, "`tote help` lists the commands");
        }
    }
    help_print(command, call->out);
    return ERR_OK;
}
