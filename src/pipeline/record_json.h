/* pipeline/record_json.h - what the records of both buckets have in common: how they are sealed,
 * and how their members are written, read and checked.  For record.c and processed_record.c only.
 *
 * The last member of a record is "crc", the XXH64 of all text before it: a record that was edited
 * or cut short is found out before anything in it is believed. */
#ifndef PIPELINE_RECORD_JSON_H
#define PIPELINE_RECORD_JSON_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "pipeline/record.h"

/* --- writing --- */

struct record_writer {
    struct json_writer json; /* the record, a member a line */
    struct buf *out;
    size_t start;
};

void record_begin(struct record_writer *writer, struct buf *out);
/* Writes the crc and ends the document. */
void record_end(struct record_writer *writer);
void record_put_time(struct json_writer *json, const char *name, int64_t at_us);
/* The rest write nothing for what is empty or NULL. */
void record_put_text(struct json_writer *json, const char *name, const char *text);
void record_put_names(struct json_writer *json, const char *name, const char *const *names,
                      size_t count);
void record_put_objects(struct json_writer *json, const char *name,
                        const struct record_object *objects, size_t count);
void record_put_object(struct json_writer *json, const char *name,
                       const struct record_object *object);
void record_put_reference(struct json_writer *json, const struct record_reference *reference);

/* --- reading: all results live in the arena --- */

struct record_reader {
    const char *what; /* "batch record '_batches/…'" */
    struct arena *arena;
    struct json_doc *doc;
    const struct json_value *root;
    int newest; /* format that is read */
    int format;
};

void record_reader_release(struct record_reader *reader);
/* Parses, and checks format and seal.  `arena`, `what` and `newest` are set by the caller. */
CHECKED enum err_code record_open(struct record_reader *reader, const char *text, size_t size,
                                  struct err *err);
/* Raises ERR_DATA "<what>: …". */
enum err_code record_invalid(const struct record_reader *reader, struct err *err, const char *fmt,
                             ...) PRINTF_LIKE(3, 4);

/* Required, not empty. */
CHECKED enum err_code record_get_text(const struct record_reader *reader,
                                      const struct json_value *from, const char *name,
                                      const char **ret_text, struct err *err);
/* As record_get_text; one of `choices`, a list that NULL ends. */
CHECKED enum err_code record_get_choice(const struct record_reader *reader,
                                        const struct json_value *from, const char *name,
                                        const char *const *choices, const char **ret_text,
                                        struct err *err);
/* NULL when absent. */
const char *record_opt_text(const struct record_reader *reader, const struct json_value *from,
                            const char *name);
CHECKED enum err_code record_get_int(const struct record_reader *reader,
                                     const struct json_value *from, const char *name,
                                     int64_t lowest, int64_t highest, int64_t *ret_value,
                                     struct err *err);
CHECKED enum err_code record_get_count(const struct record_reader *reader,
                                       const struct json_value *from, const char *name,
                                       uint64_t *ret_value, struct err *err);
CHECKED enum err_code record_get_time(const struct record_reader *reader,
                                      const struct json_value *from, const char *name,
                                      int64_t *ret_at_us, struct err *err);
/* 32 hex digits. */
CHECKED enum err_code record_get_id(const struct record_reader *reader,
                                    const struct json_value *from, const char *name,
                                    const char **ret_id, struct err *err);
/* An array; NULL when absent. */
CHECKED enum err_code record_get_list(const struct record_reader *reader,
                                      const struct json_value *from, const char *name,
                                      const struct json_value **ret_list, struct err *err);
CHECKED enum err_code record_get_names(const struct record_reader *reader,
                                       const struct json_value *from, const char *name,
                                       const char ***ret_names, size_t *ret_count, struct err *err);
CHECKED enum err_code record_get_objects(const struct record_reader *reader,
                                         const struct json_value *from, const char *name,
                                         struct record_object **ret_objects, size_t *ret_count,
                                         struct err *err);
CHECKED enum err_code record_get_object(const struct record_reader *reader,
                                        const struct json_value *from,
                                        struct record_object *ret_object, struct err *err);

/* No name is there twice.  `noun`: "table". */
CHECKED enum err_code record_check_unique(const struct record_reader *reader, const char *noun,
                                          const char *const *names, size_t count, struct err *err);
/* The columns of a table, which keys and references name. */
struct record_columns {
    const char *table;
    const char **names;
    size_t count;
};
/* "key": some of the columns, each once. */
CHECKED enum err_code record_get_key(const struct record_reader *reader,
                                     const struct json_value *from,
                                     const struct record_columns *columns, const char ***ret_names,
                                     size_t *ret_count, struct err *err);
CHECKED enum err_code record_get_reference(const struct record_reader *reader,
                                           const struct json_value *from,
                                           const struct record_columns *columns,
                                           struct record_reference *ret_reference, struct err *err);
/* A key that store.h allows. */
bool record_key_is_valid(const char *key);
/* Reads the text of a batch's record; *ret_what names it. */
struct store;
CHECKED enum err_code record_fetch(struct store *store, uint64_t batch, struct arena *arena,
                                   struct buf *ret_text, const char **ret_what, struct err *err);
/* The record is that of the batch under whose key it was read; 0: not read under a key. */
CHECKED enum err_code record_check_batch(const struct record_reader *reader, uint64_t batch,
                                         uint64_t expected, struct err *err);

#endif
