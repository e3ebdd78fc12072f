/* config/config.h - what the program is to do and where: one value for each option of options.def,
 * with where it came from.
 *
 * A value comes from the first that has one: flag, TOTE_* of the environment, .env beside
 * tote.yaml, tote.yaml, default.  Paths are absolute when they come out of here.  Passwords are
 * registered for redaction as soon as they are read. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/json_write.h"
#include "config/option.h"

struct config;

enum config_origin {
    CONFIG_UNSET,
    CONFIG_DEFAULT,
    CONFIG_FILE,
    CONFIG_DOTENV,
    CONFIG_ENVIRONMENT,
    CONFIG_FLAG,
};

struct config_flag {
    enum option option;
    const char *value;
};

struct config_request {
    const char *file; /* --config; NULL: tote.yaml of the current folder */
    const struct config_flag *flags;
    size_t flag_count;
    bool one_step; /* for one step only: without tote.yaml, not both stores need be set */
};

/* tables.<name> of the file. */
struct config_table {
    const char *name;
    const char *cursor;                 /* or NULL */
    int64_t cursor_overlap_us;          /* -1: not set */
    int64_t compare_every_us;           /* -1: not set */
    const char *const *exclude_columns; /* NULL-terminated, or NULL */
    const char *const *hash_columns;    /* NULL-terminated, or NULL */
};

enum {
    CONFIG_FILE_LIMIT = 1 << 20
};

/* ERR_CONFIG with file, line and column; ERR_NOT_FOUND without a tote.yaml where one is needed. */
CHECKED enum err_code config_load(const struct config_request *request, struct config **ret_config,
                                  struct err *err);
void config_free(struct config *config);
DEFINE_CLEANUP(struct config *, config_free)

/* The accessor must fit the option's type.  NULL where the option is not set. */
const char *config_text(const struct config *config, enum option option);
int64_t config_number(const struct config *config, enum option option); /* us, bytes, N, choice */
const char *const *config_list(const struct config *config, enum option option);
const struct config_table *config_tables(const struct config *config, size_t *ret_count);
enum config_origin config_origin(const struct config *config, enum option option);
/* ERR_CONFIG that says how to set the option, when it is not set. */
CHECKED enum err_code config_require(const struct config *config, enum option option,
                                     struct err *err);
const char *config_file(const struct config *config); /* absolute; NULL: there is none */
const char *config_directory(const struct config *config);

/* Every option with value and origin, passwords masked. */
void config_print(const struct config *config, struct buf *out);
void config_print_json(const struct config *config, struct json_writer *json);

#endif
