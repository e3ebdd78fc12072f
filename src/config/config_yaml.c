#include "config/config_yaml.h"

#include <yaml.h>

#include "base/buf.h"
#include "base/text.h"

struct walk {
    const char *name;
    struct arena *arena;
    yaml_entry_fn *each;
    void *arg;
    yaml_parser_t parser;
    struct yaml_entry entry; /* path and depth: where we are */
    bool in_document;
    bool in_mapping; /* the root has begun */
    bool has_key;    /* entry's last key waits for its value */
    bool in_list;
    const char **values;
    size_t value_count;
    size_t value_capacity;
    const char **seen; /* paths of all keys, to find those that come twice */
    size_t seen_count;
    size_t seen_capacity;
};

static enum err_code error_at(const struct walk *walk, const yaml_mark_t *mark, struct err *err,
                              const char *message)
{
    return err_set(err, ERR_CONFIG, "%s:%zu:%zu: %s", walk->name, mark->line + 1, mark->column + 1,
                   message);
}

/* The scalar's text; an error where it holds a zero byte, which C strings cannot. */
static enum err_code scalar_text(struct walk *walk, const yaml_event_t *event,
                                 const char **ret_text, struct err *err)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t size = event->data.scalar.length;

    if (memchr(text, '\0', size))
        return error_at(walk, &event->start_mark, err, "a value must not hold a zero byte");
    *ret_text = arena_strndup(walk->arena, text, size);
    return ERR_OK;
}

static bool is_null(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;

    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text_equal(text, "") || text_equal(text, "~") || text_equal(text, "null"));
}

static enum err_code remember(struct walk *walk, const yaml_mark_t *mark, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf path = {0};
    struct yaml_entry *entry = &walk->entry;

    for (size_t i = 0; i < entry->depth; i++)
        buf_addf(&path, "%s\n", entry->path[i]);
    for (size_t i = 0; i < walk->seen_count; i++)
        if (text_equal(walk->seen[i], buf_text(&path)))
            return err_set(err, ERR_CONFIG, "%s:%zu:%zu: key '%s' comes twice", walk->name,
                           mark->line + 1, mark->column + 1, entry->path[entry->depth - 1]);
    if (walk->seen_count == YAML_KEYS_MAX)
        return error_at(walk, mark, err, "too many keys");
    walk->seen =
        mem_grow(walk->seen, &walk->seen_capacity, walk->seen_count + 1, sizeof *walk->seen);
    walk->seen[walk->seen_count++] = arena_strdup(walk->arena, buf_text(&path));
    return ERR_OK;
}

static enum err_code on_key(struct walk *walk, const yaml_event_t *event, struct err *err)
{
    struct yaml_entry *entry = &walk->entry;

    if (entry->depth == YAML_DEPTH_MAX)
        return error_at(walk, &event->start_mark, err, "nested too deep");
    TRY(scalar_text(walk, event, &entry->path[entry->depth], err));
    entry->depth++;
    entry->line = (int)event->start_mark.line + 1;
    entry->column = (int)event->start_mark.column + 1;
    walk->has_key = true;
    return remember(walk, &event->start_mark, err);
}

static enum err_code report(struct walk *walk, enum yaml_kind kind, struct err *err)
{
    struct yaml_entry *entry = &walk->entry;

    entry->kind = kind;
    entry->values = NULL;
    if (kind == YAML_SCALAR || kind == YAML_LIST) {
        const char **values = arena_alloc(walk->arena, (walk->value_count + 1) * sizeof *values);
        if (walk->value_count)
            memcpy(values, walk->values, walk->value_count * sizeof *values);
        entry->values = values;
    }
    walk->value_count = 0;
    walk->has_key = false;
    TRY(walk->each(walk->arg, entry, err));
    if (kind != YAML_MAPPING)
        entry->depth--;
    return ERR_OK;
}

static void add_value(struct walk *walk, const char *text)
{
    walk->values =
        mem_grow(walk->values, &walk->value_capacity, walk->value_count + 1, sizeof *walk->values);
    walk->values[walk->value_count++] = text;
}

static enum err_code on_scalar(struct walk *walk, const yaml_event_t *event, struct err *err)
{
    const char *text = NULL;

    if (!walk->in_mapping) {
        if (is_null(event)) /* a file of comments */
            return ERR_OK;
        return error_at(walk, &event->start_mark, err, "the file must be a mapping: 'key: value'");
    }
    if (!walk->has_key && !walk->in_list)
        return on_key(walk, event, err);
    TRY(scalar_text(walk, event, &text, err));
    if (walk->in_list) {
        if (is_null(event))
            return error_at(walk, &event->start_mark, err, "an item of the list is empty");
        add_value(walk, text);
        return ERR_OK;
    }
    walk->entry.value_line = (int)event->start_mark.line + 1;
    walk->entry.value_column = (int)event->start_mark.column + 1;
    if (is_null(event))
        return report(walk, YAML_EMPTY, err);
    add_value(walk, text);
    return report(walk, YAML_SCALAR, err);
}

static enum err_code on_mapping(struct walk *walk, const yaml_event_t *event, struct err *err)
{
    if (walk->in_list)
        return error_at(walk, &event->start_mark, err, "a list holds plain values only");
    if (!walk->in_mapping) {
        walk->in_mapping = true;
        return ERR_OK;
    }
    if (!walk->has_key)
        return error_at(walk, &event->start_mark, err, "a key must be plain text");
    return report(walk, YAML_MAPPING, err);
}

static enum err_code on_list(struct walk *walk, const yaml_event_t *event, struct err *err)
{
    if (!walk->in_mapping)
        return error_at(walk, &event->start_mark, err, "the file must be a mapping: 'key: value'");
    if (walk->in_list)
        return error_at(walk, &event->start_mark, err, "a list holds plain values only");
    if (!walk->has_key)
        return error_at(walk, &event->start_mark, err, "a key must be plain text");
    walk->entry.value_line = (int)event->start_mark.line + 1;
    walk->entry.value_column = (int)event->start_mark.column + 1;
    walk->in_list = true;
    return ERR_OK;
}

static enum err_code check_plain(struct walk *walk, const yaml_event_t *event, struct err *err)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;

    if (event->type == YAML_ALIAS_EVENT) {
        return error_at(walk, &event->start_mark, err, "aliases ('*name') are not supported");
    } else if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor)
        return error_at(walk, &event->start_mark, err, "anchors ('&name') are not supported");
    if (tag)
        return error_at(walk, &event->start_mark, err, "tags ('!name') are not supported");
    return ERR_OK;
}

static enum err_code on_event(struct walk *walk, const yaml_event_t *event, struct err *err)
{
    TRY(check_plain(walk, event, err));
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (walk->in_document)
            return error_at(walk, &event->start_mark, err, "the file must hold one document");
        walk->in_document = true;
        return ERR_OK;
    case YAML_SCALAR_EVENT:
        return on_scalar(walk, event, err);
    case YAML_MAPPING_START_EVENT:
        return on_mapping(walk, event, err);
    case YAML_MAPPING_END_EVENT:
        if (walk->entry.depth)
            walk->entry.depth--;
        return ERR_OK;
    case YAML_SEQUENCE_START_EVENT:
        return on_list(walk, event, err);
    case YAML_SEQUENCE_END_EVENT:
        walk->in_list = false;
        return report(walk, YAML_LIST, err);
    default:
        return ERR_OK;
    }
}

static enum err_code walk_events(struct walk *walk, struct err *err)
{
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&walk->parser, &event)) {
            const char *problem = walk->parser.problem ? walk->parser.problem : "cannot be read";
            return error_at(walk, &walk->parser.problem_mark, err, problem);
        }
        more = event.type != YAML_STREAM_END_EVENT;
        enum err_code code = on_event(walk, &event, err);
        yaml_event_delete(&event);
        TRY(code);
    }
    return ERR_OK;
}

enum err_code config_yaml_parse(const char *name, const char *text, size_t size,
                                struct arena *arena, yaml_entry_fn *each, void *arg,
                                struct err *err)
{
    struct walk walk = {.name = name, .arena = arena, .each = each, .arg = arg};

    walk.entry.file = name;
    if (!yaml_parser_initialize(&walk.parser))
        return err_set(err, ERR_INTERNAL, "the YAML parser does not start");
    yaml_parser_set_input_string(&walk.parser, (const unsigned char *)text, size);
    yaml_parser_set_encoding(&walk.parser, YAML_UTF8_ENCODING);
    enum err_code code = walk_events(&walk, err);
    yaml_parser_delete(&walk.parser);
    free(walk.values);
    free(walk.seen);
    return code;
}
