#include "cli/cli.h"

#include <unistd.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/arguments.h"
#include "cli/help.h"
#include "cli/output.h"

/* Errors of the configuration itself must come out in the format that was asked for. */
static void configure_log_early(const struct call *call)
{
    const char *format = getenv("TOTE_LOG_FORMAT");

    for (size_t i = 0; i < call->request.flag_count; i++)
        if (call->flags[i].option == OPTION_LOG_FORMAT)
            format = call->flags[i].value;
    log_configure(call->quiet ? LOG_WARN : LOG_INFO,
                  format && text_equal(format, "json") ? LOG_JSON : LOG_TEXT);
}

/* The order of the choices in options.def is that of the enums. */
static void configure_log(const struct call *call)
{
    enum log_level level = (enum log_level)config_number(call->config, OPTION_LOG_LEVEL);

    if (call->quiet && level < LOG_WARN)
        level = LOG_WARN;
    log_configure(level, (enum log_format)config_number(call->config, OPTION_LOG_FORMAT));
}

static enum err_code change_directory(const struct call *call, struct err *err)
{
    if (!call->directory || chdir(call->directory) == 0)
        return ERR_OK;
    return err_sys(err, ERR_NOT_FOUND, "folder '%s' cannot be entered", call->directory);
}

static enum err_code run_command(struct call *call, struct err *err)
{
    if (call->version && !call->help)
        return command_version(call, err);
    if (call->help) {
        help_print(call->command, call->out);
        return ERR_OK;
    }
    TRY(change_directory(call, err));
    if (call->command->configured) {
        TRY(config_load(&call->request, &call->config, err));
        configure_log(call);
    }
    progress_configure(!call->quiet && !call->no_progress);
    return call->command->run(call, err);
}

static enum err_code run(int argc, char **argv, struct call *call, struct err *err)
{
    TRY(arguments_parse(argc, argv, call, err));
    configure_log_early(call);
    enum err_code code = run_command(call, err);
    progress_end();
    struct err flush_err;
    enum err_code flushed = output_flush(call->out, &flush_err);
    if (flushed && !code) {
        *err = flush_err;
        return flushed;
    }
    return code;
}

int cli_main(int argc, char **argv)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    struct call call = {.arena = arena, .out = &out};
    struct err err = {0};

    file_hold_standard();
    cancel_install();
    enum err_code code = run(argc, argv, &call, &err);
    if (code)
        log_error(&err);
    config_free(call.config);
    return code ? err_exit_status(code) : 0;
}
