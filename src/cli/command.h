/* cli/command.h - what a command is: a row of the table in commands.c, from which come parsing,
 * help, the manual page, shell completion and docs/reference/commands.md. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "config/config.h"

enum {
    COMMAND_OPTIONS_MAX = 24,
    COMMAND_ARGUMENTS_MAX = 100
};

struct command_option {
    const char *name;        /* "--every"; NULL ends the list */
    const char *placeholder; /* of its value; NULL: takes none */
    bool value_optional;
    bool secret; /* a URL: wiped from the process list when it holds a password */
    const char *doc;
    bool wholly_secret; /* with `secret`: not only a password in it */
};

struct call;
typedef enum err_code command_fn(struct call *call, struct err *err);

struct command {
    const char *name;
    const char *arguments; /* "[COMMAND]", "SQL", or "" */
    unsigned arguments_least;
    unsigned arguments_most;
    bool configured; /* reads tote.yaml, and takes every option of it as a flag */
    const char *summary;
    const char *details;                  /* a paragraph */
    const struct command_option *options; /* or NULL */
    command_fn *run;
};

/* What the user asked for.  Everything lives in the arena or in argv. */
struct call {
    struct arena *arena;
    const struct command *command;
    const char *arguments[COMMAND_ARGUMENTS_MAX];
    unsigned argument_count;
    const char *values[COMMAND_OPTIONS_MAX]; /* by place in command->options; NULL: not given, "":
                                                given without value */
    const char *directory;                   /* -C */
    struct config_request request;
    struct config_flag *flags; /* what request.flags points to */
    size_t flag_capacity;
    bool json;
    bool quiet;
    bool verbose;
    bool no_progress;
    bool help;
    bool version;
    struct config *config; /* loaded before a configured command runs */
    struct buf *out; /* the data for stdout; written when the command ends, or by output_flush */
};

extern const struct command commands[];
extern const size_t command_count;
/* Options of the program itself, before or after the command. */
extern const struct command_option global_options[];

const struct command *command_find(const char *name); /* NULL when there is none */
/* The value of an option of the call's command: NULL not given, "" without value. */
const char *call_value(const struct call *call, const char *name);

command_fn command_init, command_doctor, command_run, command_ingest, command_process, command_load,
    command_status, command_history, command_query, command_report, command_serve, command_publish,
    command_verify, command_reconcile, command_replay, command_sweep, command_config,
    command_version, command_help;

#endif
