/* config/option.h - the table of options and what their values may be. */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stdint.h>

#include "base/buf.h"

enum option {
#define OPTION(id, ...) OPTION_##id,
#include "config/options.def"
#undef OPTION
    OPTION_COUNT
};

enum option_type {
    OPTION_TYPE_TEXT,
    OPTION_TYPE_URL,  /* may hold a password; duckdb:PATH is relative to the folder of tote.yaml */
    OPTION_TYPE_PATH, /* relative to the folder of tote.yaml */
    OPTION_TYPE_FILE, /* the same, of a file */
    OPTION_TYPE_SECRET,   /* text that is never shown */
    OPTION_TYPE_STORE,    /* a path, or a URL of a store */
    OPTION_TYPE_DURATION, /* "500ms", "10s", "5m", "2h", "7d", "0" */
    OPTION_TYPE_SIZE,     /* "512MB", "64MiB", bytes */
    OPTION_TYPE_INTEGER,
    OPTION_TYPE_CHOICE,
    OPTION_TYPE_LIST, /* a sequence in the file, separated by commas elsewhere */
};

struct option_info {
    const char *name;
    enum option_type type;
    const char *fallback; /* NULL: not set */
    int64_t least;
    int64_t most;
    const char *choices; /* "text|json" */
    const char *doc;
};

enum {
    OPTION_NAME_MAX = 64
};

const struct option_info *option_info(enum option option);
void option_flag(enum option option, char ret_flag[static OPTION_NAME_MAX]); /* "--source-url" */
void option_variable(enum option option,
                     char ret_name[static OPTION_NAME_MAX]); /* "TOTE_SOURCE_URL" */
/* What stands for the value in help: "URL", "DURATION", "text|json". */
const char *option_placeholder(enum option option);

/* Values as text into numbers; ERR_CONFIG with what is wrong ("'5x' is not a duration"). */
CHECKED enum err_code duration_parse(const char *text, int64_t *ret_us, struct err *err);
CHECKED enum err_code size_parse(const char *text, int64_t *ret_bytes, struct err *err);
/* Checks a value against the option's type and limits.  *ret_number: microseconds, bytes, the
 * number, or the index of the choice. */
CHECKED enum err_code option_check(enum option option, const char *text, int64_t *ret_number,
                                   struct err *err);

/* docs/reference/configuration.md. */
void options_print_markdown(struct buf *out);

#endif
