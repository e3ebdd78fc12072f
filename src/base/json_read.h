/* base/json_read.h - small JSON documents held whole (records, events), by jansson.
 *
 * A document is untrusted: sizes are limited, duplicate keys refused, and each accessor names the
 * path of what is missing or of the wrong kind ("tables[3].objects[0].bytes"). */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H

#include <stdint.h>

#include "base/mem.h"

struct json_doc;   /* owns everything that json_value points to */
struct json_value; /* borrowed from its document; opaque */

/* `what` names the document in errors ("record '_batches/…'").  ERR_DATA when malformed. */
CHECKED enum err_code json_parse(const char *what, const char *text, size_t size,
                                 struct json_doc **ret_doc, struct err *err);
void json_doc_free(struct json_doc *doc);
DEFINE_CLEANUP(struct json_doc *, json_doc_free)
const struct json_value *json_root(const struct json_doc *doc);

/* Required members: ERR_DATA when absent or of another kind.  Strings are valid as long as the doc.
 */
CHECKED enum err_code json_get_text(const struct json_value *object, const char *name,
                                    const char **ret_text, struct err *err);
CHECKED enum err_code json_get_int(const struct json_value *object, const char *name,
                                   int64_t *ret_value, struct err *err);
CHECKED enum err_code json_get_bool(const struct json_value *object, const char *name,
                                    bool *ret_value, struct err *err);
CHECKED enum err_code json_get_object(const struct json_value *object, const char *name,
                                      const struct json_value **ret_value, struct err *err);
CHECKED enum err_code json_get_array(const struct json_value *object, const char *name,
                                     const struct json_value **ret_value, struct err *err);
/* Optional ones: the default when absent or null (or of another kind). */
const char *json_opt_text(const struct json_value *object, const char *name, const char *otherwise);
int64_t json_opt_int(const struct json_value *object, const char *name, int64_t otherwise);
bool json_opt_bool(const struct json_value *object, const char *name, bool otherwise);
const struct json_value *json_opt(const struct json_value *object,
                                  const char *name); /* NULL: absent */

/* 0 for NULL.  (json_array_size is jansson's symbol: the same name would replace it inside
 * jansson.) */
size_t json_array_count(const struct json_value *array);
const struct json_value *json_array_at(const struct json_value *array, size_t index);
/* Value itself. NULL when it is not a string. */
const char *json_as_text(const struct json_value *value);
/* Members in the order of the document. NULL name ends it: for (i = 0; (name = json_member(o, i,
 * &v)); i++) */
const char *json_member(const struct json_value *object, size_t index,
                        const struct json_value **ret_value);

#endif
