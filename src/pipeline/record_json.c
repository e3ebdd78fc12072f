#include "pipeline/record_json.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline/batch_log.h"

/* How a record ends; the digits of the crc stand between these two. */
static const char before_crc[] = ",\n  \"crc\": \"";
static const char after_crc[] = "\"\n}";

enum {
    CRC_DIGITS = 16,
    ATTEMPT_DIGITS = RANDOM_ID_SIZE - 1,
    KEY_BYTES_MAX = 1024,
};

/* --- writing --- */

static void crc_of(const char *text, size_t size, char ret_hex[static CRC_DIGITS + 1])
{
    (void)snprintf(ret_hex, CRC_DIGITS + 1, "%016llx", (unsigned long long)XXH64(text, size, 0));
}

void record_begin(struct record_writer *writer, struct buf *out)
{
    writer->out = out;
    writer->start = out->size;
    json_begin(&writer->json, out, true);
    json_object_begin(&writer->json, NULL);
}

void record_end(struct record_writer *writer)
{
    char crc[CRC_DIGITS + 1];
    crc_of(writer->out->data + writer->start, writer->out->size - writer->start, crc);
    json_text(&writer->json, "crc", crc);
    json_object_end(&writer->json);
    buf_add_char(writer->out, '\n');
}

void record_put_time(struct json_writer *json, const char *name, int64_t at_us)
{
    char text[CLOCK_TEXT_MAX];
    clock_format(at_us, text);
    json_text(json, name, text);
}

void record_put_text(struct json_writer *json, const char *name, const char *text)
{
    if (text)
        json_text(json, name, text);
}

void record_put_names(struct json_writer *json, const char *name, const char *const *names,
                      size_t count)
{
    if (count == 0)
        return;
    json_array_begin(json, name);
    for (size_t i = 0; i < count; i++)
        json_text(json, NULL, names[i]);
    json_array_end(json);
}

void record_put_object(struct json_writer *json, const char *name,
                       const struct record_object *object)
{
    json_object_begin(json, name);
    json_text(json, "key", object->key);
    json_uint(json, "bytes", object->bytes);
    json_uint(json, "rows", object->rows);
    json_text(json, "sha256", object->sha256);
    json_object_end(json);
}

void record_put_objects(struct json_writer *json, const char *name,
                        const struct record_object *objects, size_t count)
{
    if (count == 0)
        return;
    json_array_begin(json, name);
    for (size_t i = 0; i < count; i++)
        record_put_object(json, NULL, &objects[i]);
    json_array_end(json);
}

void record_put_reference(struct json_writer *json, const struct record_reference *reference)
{
    json_object_begin(json, NULL);
    record_put_names(json, "columns", reference->columns, reference->count);
    json_text(json, "table", reference->table);
    record_put_names(json, "target_columns", reference->target_columns, reference->count);
    json_object_end(json);
}

/* --- opening --- */

void record_reader_release(struct record_reader *reader)
{
    json_doc_free(reader->doc);
    reader->doc = NULL;
}

enum err_code record_invalid(const struct record_reader *reader, struct err *err, const char *fmt,
                             ...)
{
    char detail[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    return err_set(err, ERR_DATA, "%s: %s", reader->what, detail);
}

static bool seal_holds(const char *text, size_t size)
{
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r' || text[size - 1] == ' '))
        size--;
    const size_t tail = sizeof before_crc - 1 + CRC_DIGITS + sizeof after_crc - 1;
    if (size < tail)
        return false;
    const char *at = text + size - tail;
    char crc[CRC_DIGITS + 1];
    crc_of(text, size - tail, crc);
    return memcmp(at, before_crc, sizeof before_crc - 1) == 0 &&
           memcmp(at + sizeof before_crc - 1, crc, CRC_DIGITS) == 0 &&
           memcmp(at + sizeof before_crc - 1 + CRC_DIGITS, after_crc, sizeof after_crc - 1) == 0;
}

enum err_code record_open(struct record_reader *reader, const char *text, size_t size,
                          struct err *err)
{
    static const char hint[] = "records are never edited: restore the object from a backup or from "
                               "an earlier version of the bucket";
    if (json_parse(reader->what, text, size, &reader->doc, err) != ERR_OK)
        return err_hint(err, "%s", hint);
    reader->root = json_root(reader->doc);
    /* before the seal, which another format may make otherwise */
    int64_t format = 0;
    if (json_get_int(reader->root, "format", &format, err) != ERR_OK)
        return err_hint(err, "%s", hint);
    if (format > reader->newest) {
        (void)record_invalid(reader, err, "format %lld, while this program reads up to %d",
                             (long long)format, reader->newest);
        return err_hint(err, "upgrade tote: a newer one wrote this record");
    }
    if (format < 1)
        return record_invalid(reader, err, "there is no format %lld", (long long)format);
    reader->format = (int)format;
    if (!seal_holds(text, size)) {
        (void)err_set(err, ERR_DATA, "%s was changed after it was written", reader->what);
        return err_hint(err, "%s", hint);
    }
    return ERR_OK;
}

/* --- members --- */

enum err_code record_get_text(const struct record_reader *reader, const struct json_value *from,
                              const char *name, const char **ret_text, struct err *err)
{
    const char *text = NULL;
    TRY(json_get_text(from, name, &text, err));
    if (*text == '\0')
        return record_invalid(reader, err, "'%s' is empty", name);
    *ret_text = arena_strdup(reader->arena, text);
    return ERR_OK;
}

enum err_code record_get_choice(const struct record_reader *reader, const struct json_value *from,
                                const char *name, const char *const *choices, const char **ret_text,
                                struct err *err)
{
    const char *text = NULL;
    TRY(json_get_text(from, name, &text, err));
    for (; *choices; choices++) {
        if (text_equal(text, *choices)) {
            *ret_text = *choices;
            return ERR_OK;
        }
    }
    return record_invalid(reader, err, "'%s' is '%s', which this program does not know", name,
                          text);
}

const char *record_opt_text(const struct record_reader *reader, const struct json_value *from,
                            const char *name)
{
    const char *text = json_opt_text(from, name, NULL);
    return text ? arena_strdup(reader->arena, text) : NULL;
}

enum err_code record_get_int(const struct record_reader *reader, const struct json_value *from,
                             const char *name, int64_t lowest, int64_t highest, int64_t *ret_value,
                             struct err *err)
{
    int64_t value = 0;
    TRY(json_get_int(from, name, &value, err));
    if (value < lowest || value > highest)
        return record_invalid(reader, err, "'%s' is %lld, which is out of range", name,
                              (long long)value);
    *ret_value = value;
    return ERR_OK;
}

enum err_code record_get_count(const struct record_reader *reader, const struct json_value *from,
                               const char *name, uint64_t *ret_value, struct err *err)
{
    int64_t value = 0;
    TRY(record_get_int(reader, from, name, 0, INT64_MAX, &value, err));
    *ret_value = (uint64_t)value;
    return ERR_OK;
}

enum err_code record_get_time(const struct record_reader *reader, const struct json_value *from,
                              const char *name, int64_t *ret_at_us, struct err *err)
{
    const char *text = NULL;
    TRY(json_get_text(from, name, &text, err));
    struct err why = {0};
    if (clock_parse(text, ret_at_us, &why) != ERR_OK)
        return record_invalid(reader, err, "'%s': %s", name, why.message);
    return ERR_OK;
}

static bool is_hex(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

enum err_code record_get_id(const struct record_reader *reader, const struct json_value *from,
                            const char *name, const char **ret_id, struct err *err)
{
    const char *id = NULL;
    TRY(json_get_text(from, name, &id, err));
    if (!is_hex(id, ATTEMPT_DIGITS))
        return record_invalid(reader, err, "'%s' is not %d hex digits", name, ATTEMPT_DIGITS);
    *ret_id = arena_strdup(reader->arena, id);
    return ERR_OK;
}

enum err_code record_get_list(const struct record_reader *reader, const struct json_value *from,
                              const char *name, const struct json_value **ret_list, struct err *err)
{
    (void)reader;
    const struct json_value *list = NULL;
    if (json_opt(from, name))
        TRY(json_get_array(from, name, &list, err));
    *ret_list = list;
    return ERR_OK;
}

enum err_code record_get_names(const struct record_reader *reader, const struct json_value *from,
                               const char *name, const char ***ret_names, size_t *ret_count,
                               struct err *err)
{
    const struct json_value *list = NULL;
    TRY(record_get_list(reader, from, name, &list, err));
    size_t count = json_array_count(list);
    const char **names = arena_alloc(reader->arena, (count + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_as_text(json_array_at(list, i));
        if (!text || *text == '\0')
            return record_invalid(reader, err, "'%s' is not a list of names", name);
        names[i] = arena_strdup(reader->arena, text);
    }
    *ret_names = names;
    *ret_count = count;
    return ERR_OK;
}

bool record_key_is_valid(const char *key)
{
    size_t size = strlen(key);
    if (size == 0 || size > KEY_BYTES_MAX)
        return false;
    for (;;) {
        size_t part = strcspn(key, "/");
        if (part == 0 || (part == 1 && key[0] == '.') || (part == 2 && memcmp(key, "..", 2) == 0))
            return false;
        if (key[part] == '\0')
            return true;
        key += part + 1;
    }
}

enum err_code record_get_object(const struct record_reader *reader, const struct json_value *from,
                                struct record_object *ret_object, struct err *err)
{
    struct record_object object = {0};
    TRY(record_get_text(reader, from, "key", &object.key, err));
    if (!record_key_is_valid(object.key))
        return record_invalid(reader, err, "'%s' is not the key of an object", object.key);
    TRY(record_get_count(reader, from, "bytes", &object.bytes, err));
    TRY(record_get_count(reader, from, "rows", &object.rows, err));
    TRY(record_get_text(reader, from, "sha256", &object.sha256, err));
    if (!is_hex(object.sha256, SHA256_HEX_SIZE - 1))
        return record_invalid(reader, err, "the sha256 of object '%s' is not 64 hex digits",
                              object.key);
    *ret_object = object;
    return ERR_OK;
}

enum err_code record_get_objects(const struct record_reader *reader, const struct json_value *from,
                                 const char *name, struct record_object **ret_objects,
                                 size_t *ret_count, struct err *err)
{
    const struct json_value *list = NULL;
    TRY(record_get_list(reader, from, name, &list, err));
    size_t count = json_array_count(list);
    struct record_object *objects = arena_alloc(reader->arena, (count + 1) * sizeof *objects);
    for (size_t i = 0; i < count; i++)
        TRY(record_get_object(reader, json_array_at(list, i), &objects[i], err));
    *ret_objects = objects;
    *ret_count = count;
    return ERR_OK;
}

/* --- checks between members --- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum err_code record_check_unique(const struct record_reader *reader, const char *noun,
                                  const char *const *names, size_t count, struct err *err)
{
    const char **sorted = arena_alloc(reader->arena, (count + 1) * sizeof *sorted);
    if (count > 0)
        memcpy(sorted, names, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 1; i < count; i++) {
        if (text_equal(sorted[i - 1], sorted[i]))
            return record_invalid(reader, err, "%s '%s' is there twice", noun, sorted[i]);
    }
    return ERR_OK;
}

static enum err_code check_columns(const struct record_reader *reader,
                                   const struct record_columns *columns, const char *const *names,
                                   size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < columns->count && !text_equal(names[i], columns->names[at]))
            at++;
        if (at == columns->count)
            return record_invalid(reader, err, "table '%s' has no column '%s'", columns->table,
                                  names[i]);
    }
    return ERR_OK;
}

enum err_code record_get_key(const struct record_reader *reader, const struct json_value *from,
                             const struct record_columns *columns, const char ***ret_names,
                             size_t *ret_count, struct err *err)
{
    TRY(record_get_names(reader, from, "key", ret_names, ret_count, err));
    TRY(record_check_unique(reader, "key column", *ret_names, *ret_count, err));
    return check_columns(reader, columns, *ret_names, *ret_count, err);
}

enum err_code record_get_reference(const struct record_reader *reader,
                                   const struct json_value *from,
                                   const struct record_columns *columns,
                                   struct record_reference *ret_reference, struct err *err)
{
    struct record_reference to = {0};
    size_t targets = 0;
    TRY(record_get_text(reader, from, "table", &to.table, err));
    TRY(record_get_names(reader, from, "columns", &to.columns, &to.count, err));
    TRY(record_get_names(reader, from, "target_columns", &to.target_columns, &targets, err));
    if (to.count == 0 || to.count != targets)
        return record_invalid(reader, err, "a reference of table '%s' to '%s' is lopsided",
                              columns->table, to.table);
    TRY(check_columns(reader, columns, to.columns, to.count, err));
    *ret_reference = to;
    return ERR_OK;
}

enum err_code record_fetch(struct store *store, uint64_t batch, struct arena *arena,
                           struct buf *ret_text, const char **ret_what, struct err *err)
{
    char key[64];
    batch_log_key(batch, key);
    TRY(batch_log_read(store, batch, ret_text, err));
    *ret_what = arena_printf(arena, "batch record '%s' in %s", key, store_url(store));
    return ERR_OK;
}

enum err_code record_check_batch(const struct record_reader *reader, uint64_t batch,
                                 uint64_t expected, struct err *err)
{
    if (expected == 0 || batch == expected)
        return ERR_OK;
    (void)record_invalid(reader, err, "it is the record of batch %llu", (unsigned long long)batch);
    return err_hint(err, "objects are never copied or renamed: restore the record of batch %llu",
                    (unsigned long long)expected);
}
