/* config/config_yaml.h - the YAML that a tote.yaml may be written in: mappings, lists of scalars
 * and scalars, read by libyaml's events.  Anchors, aliases, tags, several documents and keys that
 * come twice are refused.  Every error begins with "<name>:<line>:<column>: ". */
#ifndef CONFIG_CONFIG_YAML_H
#define CONFIG_CONFIG_YAML_H

#include "base/mem.h"

enum {
    YAML_DEPTH_MAX = 4,
    YAML_KEYS_MAX = 2000
};

enum yaml_kind {
    YAML_MAPPING,
    YAML_SCALAR,
    YAML_LIST,
    YAML_EMPTY /* a key without a value */
};

/* A key and, unless its value is a mapping, its value. */
struct yaml_entry {
    const char *file;
    const char *path[YAML_DEPTH_MAX]; /* keys from the top; the last is this one */
    size_t depth;
    int line; /* of the key */
    int column;
    enum yaml_kind kind;
    const char *const *values; /* NULL-terminated: one for a scalar, any number for a list */
    int value_line;
    int value_column;
};

/* Called for each key in the order of the file, a mapping before its members. */
typedef enum err_code yaml_entry_fn(void *arg, const struct yaml_entry *entry, struct err *err);

/* Strings of entries live in the arena. */
CHECKED enum err_code config_yaml_parse(const char *name, const char *text, size_t size,
                                        struct arena *arena, yaml_entry_fn *each, void *arg,
                                        struct err *err);

#endif
