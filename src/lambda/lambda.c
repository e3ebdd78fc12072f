#include "lambda/lambda.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "lambda/runtime.h"

enum {
    NAMES_BYTES = 256,
    TRACE_BYTES = 128,
    RESERVE_SHARE = 5, /* of the time given: to roll back, tidy up and answer … */
    MEMORY_SHARE = 60  /* per cent of the function's memory for DuckDB, unless configured */
};
static const int64_t RESERVE_MAX_US = 3 * 1000000; /* … but no more than this */

/* What lives as long as the environment. */
struct lambda {
    const struct lambda_handler *handler;
    struct config *config;
    struct app *app; /* NULL: to be made anew */
    struct runtime *runtime;
};

/* --- start --- */

static enum err_code find_handler(const struct lambda_handler *const *handlers, size_t count,
                                  const struct lambda_handler **ret_handler, struct err *err)
{
    const char *wanted = getenv("_HANDLER");
    char names[NAMES_BYTES] = "";

    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(names);
        if (wanted && text_equal(wanted, handlers[i]->name)) {
            *ret_handler = handlers[i];
            return ERR_OK;
        }
        (void)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", handlers[i]->name);
    }
    (void)err_set(err, ERR_CONFIG, "handler '%.80s' is none of this function's",
                  wanted ? wanted : "");
    return err_hint(err,
                    "set the function's handler to one of %s; 'process', 'load' and 'publish' "
                    "are in the package with DuckDB",
                    names);
}

/* DuckDB must stay below the memory that the function has, or the function is killed. */
static void fit_memory(void)
{
    const char *given = getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
    uint64_t megabytes;
    char size[32];

    if (!given || !text_to_u64(given, &megabytes) || megabytes < 64 || megabytes > 1 << 20)
        return;
    uint64_t share = megabytes * MEMORY_SHARE / 100;
    (void)snprintf(size, sizeof size, "%lluMiB", (unsigned long long)(share < 64 ? 64 : share));
    (void)setenv("TOTE_PROCESS_MEMORY", size, false);
}

/* A function has no tote.yaml that config_require() could send its reader to. */
static enum err_code require(const struct config *config, enum option option, struct err *err)
{
    char variable[OPTION_NAME_MAX];

    if (config_origin(config, option) != CONFIG_UNSET)
        return ERR_OK;
    option_variable(option, variable);
    (void)err_set(err, ERR_CONFIG, "'%s' is not set", option_info(option)->name);
    return err_hint(err, "set %s in the function's environment", variable);
}

static enum err_code configure(struct lambda *lambda, struct err *err)
{
    const struct config_request request = {.one_step = true};

    fit_memory();
    TRY(config_load(&request, &lambda->config, err));
    /* For a collector of logs, unless somebody wants to read them himself. */
    enum log_format format =
        config_origin(lambda->config, OPTION_LOG_FORMAT) == CONFIG_DEFAULT
            ? LOG_JSON
            : (enum log_format)config_number(lambda->config, OPTION_LOG_FORMAT);
    log_configure((enum log_level)config_number(lambda->config, OPTION_LOG_LEVEL), format);
    for (unsigned i = 0; i < lambda->handler->need_count; i++)
        TRY(require(lambda->config, lambda->handler->needs[i], err));
    return ERR_OK;
}

static enum err_code start(struct lambda *lambda, const struct lambda_handler *const *handlers,
                           size_t count, struct err *err)
{
    TRY(find_handler(handlers, count, &lambda->handler, err));
    log_context(&(struct log_context){.step = lambda->handler->name});
    return configure(lambda, err);
}

/* --- one invocation --- */

/* "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=…;Sampled=1": the root is the trace's id. */
static void trace_id(const char *trace, char ret_id[TRACE_BYTES])
{
    const char *root = strstr(trace, "Root=");

    root = root ? root + strlen("Root=") : "";
    (void)snprintf(ret_id, TRACE_BYTES, "%.*s", (int)strcspn(root, ";"), root);
}

static void note_invocation(const struct lambda *lambda, const struct invocation *invocation)
{
    char id[TRACE_BYTES];

    trace_id(invocation->trace, id);
    log_context(&(struct log_context){
        .step = lambda->handler->name, .request_id = invocation->request_id, .trace_id = id});
    /* Where AWS's libraries look for it. */
    if (*invocation->trace)
        (void)setenv("_X_AMZN_TRACE_ID", invocation->trace, true);
    else
        (void)unsetenv("_X_AMZN_TRACE_ID");
}

static void set_deadline(const struct invocation *invocation)
{
    int64_t now_us = clock_monotonic_us(), left_us = invocation->deadline_us - now_us;
    int64_t reserve_us = left_us / RESERVE_SHARE;

    if (reserve_us > RESERVE_MAX_US)
        reserve_us = RESERVE_MAX_US;
    if (left_us > 0)
        cancel_deadline(invocation->deadline_us - reserve_us, reserve_us);
    else
        cancel_deadline(now_us, 0);
}

static enum err_code handle(struct lambda *lambda, struct span body, struct lambda_call *call,
                            struct err *err)
{
    const struct lambda_handler *handler = lambda->handler;
    struct event event;

    TRY(event_parse(body, call->arena, &event, err));
    if (!(handler->events & (unsigned)event.kind)) {
        (void)err_set(err, ERR_USAGE, "function '%s' takes no %s", handler->name,
                      event_kind_name(event.kind));
        return err_hint(err, "docs/reference/lambda.md lists the events of each function");
    }
    if ((event.full || event.accept_new_source) && !text_equal(handler->name, "ingest"))
        return err_set(err, ERR_USAGE, "function '%s' has no choices", handler->name);
    if (!lambda->app)
        lambda->app = app_new(lambda->config);
    call->app = lambda->app;
    call->event = &event;
    return handler->run(call, err);
}

/* The environment is frozen as soon as the answer is posted, so nothing is left for afterwards. */
static void tidy_up(struct lambda *lambda, enum err_code code)
{
    cancel_deadline(0, 0);
    if (code) {
        /* What broke in one invocation is not carried into the next. */
        app_free(lambda->app);
        lambda->app = NULL;
    } else if (lambda->app) {
        app_end_run(lambda->app);
    }
    (void)malloc_trim(0);
}

static void write_metrics(const struct lambda *lambda, const struct emf *metrics,
                          struct arena *arena)
{
    CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
    struct err ignored;

    if (!config_number(lambda->config, OPTION_METRICS_EMF))
        return;
    emf_print(metrics, arena, clock_now_us(), &line);
    (void)!file_write_all(STDOUT_FILENO, line.data, line.size, "standard output", &ignored);
}

static enum err_code serve(struct lambda *lambda, const struct invocation *invocation,
                           struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf answer = {0};
    struct emf metrics = {
        .environment = config_text(lambda->config, OPTION_ENVIRONMENT),
        .step = lambda->handler->name,
        .request_id = invocation->request_id,
    };
    struct lambda_call call = {.arena = arena, .answer = &answer, .metrics = &metrics};
    int64_t begun_us = clock_monotonic_us();
    struct err failure;

    note_invocation(lambda, invocation);
    set_deadline(invocation);
    enum err_code code = handle(lambda, invocation->event, &call, &failure);
    tidy_up(lambda, code);
    if (code) {
        log_error(&failure);
        metrics.errors++;
    }
    metrics.duration_us = clock_monotonic_us() - begun_us;
    write_metrics(lambda, &metrics, arena);
    code = code ? runtime_fail(lambda->runtime, invocation, &failure, err)
                : runtime_answer(lambda->runtime, invocation,
                                 (struct span){buf_text(&answer), answer.size}, err);
    log_context(&(struct log_context){.step = lambda->handler->name});
    return code;
}

/* --- life --- */

static enum err_code live(struct lambda *lambda, struct err *err)
{
    struct invocation invocation;

    for (;;) {
        TRY(runtime_next(lambda->runtime, &invocation, err));
        /* An answer that nobody wants, for it came too late, is no reason to end. */
        if (serve(lambda, &invocation, err))
            log_error(err);
    }
}

int lambda_main(const struct lambda_handler *const *handlers, size_t count)
{
    struct lambda lambda = {0};
    struct err err = {0}, ignored;

    cancel_install();
    log_configure(LOG_INFO, LOG_JSON);
    enum err_code code = runtime_open(&lambda.runtime, &err);
    if (code) {
        log_error(&err);
        return err_exit_status(code);
    }
    code = start(&lambda, handlers, count, &err);
    if (code) {
        log_error(&err);
        if (runtime_fail_init(lambda.runtime, &err, &ignored))
            log_error(&ignored);
    } else {
        code = live(&lambda, &err);
        if (code == ERR_CANCELLED)
            code = ERR_OK; /* that is how an environment ends */
        else
            log_error(&err);
    }
    app_free(lambda.app);
    config_free(lambda.config);
    runtime_close(lambda.runtime);
    return code ? err_exit_status(code) : 0;
}
