#include "base/json_read.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* A record stays far below both; together they bound the memory that a hostile document can cost.
 */
enum {
    LIMIT_BYTES = 32 << 20,
    LIMIT_VALUES = 2 << 20
};

/* jansson's values know neither their parent nor their place, which errors must name. */
struct json_value {
    json_t *json;
    const struct json_doc *doc;
    const struct json_value *parent;
    const char *name; /* NULL: in an array, or the root */
    size_t index;
    struct json_value *children;
    size_t child_count;
    struct json_value *next; /* while the tree is built: values whose children are to be made */
};

struct json_doc {
    struct arena *arena;
    json_t *json;
    const char *what;
    struct json_value *root;
};

void json_doc_free(struct json_doc *doc)
{
    if (!doc)
        return;
    json_decref(doc->json);
    arena_free(doc->arena);
    free(doc);
}

const struct json_value *json_root(const struct json_doc *doc)
{
    return doc->root;
}

/* Gives `value` its children and returns how many.  Not recursive: the caller keeps a list. */
static size_t make_children(struct json_value *value)
{
    bool array = json_is_array(value->json);
    size_t count = array ? json_array_size(value->json) : json_object_size(value->json);

    if (!count)
        return 0;
    value->children = arena_alloc(value->doc->arena, count * sizeof *value->children);
    value->child_count = count;
    for (size_t i = 0; i < count; i++)
        value->children[i] = (struct json_value){.doc = value->doc, .parent = value, .index = i};
    if (array) {
        for (size_t i = 0; i < count; i++)
            value->children[i].json = json_array_get(value->json, i);
        return count;
    }
    json_t *object = value->json;
    struct json_value *child = value->children;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at), child++) {
        child->json = json_object_iter_value(at);
        child->name = json_object_iter_key(at);
    }
    return count;
}

static bool make_tree(struct json_doc *doc)
{
    size_t total = 0;

    doc->root = arena_alloc(doc->arena, sizeof *doc->root);
    *doc->root = (struct json_value){.json = doc->json, .doc = doc};
    for (struct json_value *value = doc->root, *last = value; value; value = value->next) {
        total += make_children(value);
        if (total > LIMIT_VALUES)
            return false;
        for (size_t i = 0; i < value->child_count; i++)
            if (json_is_array(value->children[i].json) || json_is_object(value->children[i].json)) {
                last->next = &value->children[i];
                last = last->next;
            }
    }
    return true;
}

enum err_code json_parse(const char *what, const char *text, size_t size, struct json_doc **ret_doc,
                         struct err *err)
{
    json_error_t reason;

    if (size > LIMIT_BYTES)
        return err_set(err, ERR_DATA, "%s: more than %d bytes of JSON", what, LIMIT_BYTES);
    CLEANUP(json_doc_free) struct json_doc *doc = mem_zalloc(1, sizeof *doc);
    doc->json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &reason);
    if (!doc->json)
        return err_set(err, ERR_DATA, "%s: line %d, column %d: %s", what, reason.line,
                       reason.column, reason.text);
    doc->arena = arena_new(0);
    doc->what = arena_strdup(doc->arena, what);
    if (!make_tree(doc))
        return err_set(err, ERR_DATA, "%s: more than %d values of JSON", what, LIMIT_VALUES);
    *ret_doc = STEAL(doc);
    return ERR_OK;
}

static const char *kind_of(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a fraction or exponent";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

enum {
    PATH_BYTES = 256
};

/* Puts text in front of what stands at `start`; false when there is no room. */
static bool put_before(char *path, size_t *start, const char *text)
{
    size_t size = strlen(text);

    if (size > *start)
        return false;
    *start -= size;
    memcpy(path + *start, text, size);
    return true;
}

/* "tables[3].objects[0].bytes", written from its end; a very long one loses its start. */
static const char *path_of(const struct json_value *object, const char *name, char path[PATH_BYTES])
{
    size_t start = PATH_BYTES - 1;
    const char *member = name;

    path[start] = '\0';
    bool room = put_before(path, &start, member);
    for (const struct json_value *value = object; room && value->parent; value = value->parent) {
        if (path[start] != '[')
            room = put_before(path, &start, ".");
        if (value->name) {
            room = room && put_before(path, &start, value->name);
        } else {
            char index[32];
            (void)snprintf(index, sizeof index, "[%zu]", value->index);
            room = room && put_before(path, &start, index);
        }
    }
    return path + start;
}

static const struct json_value *find(const struct json_value *object, const char *name)
{
    if (!object || !json_is_object(object->json))
        return NULL;
    for (size_t i = 0; i < object->child_count; i++)
        if (strcmp(object->children[i].name, name) == 0)
            return &object->children[i];
    return NULL;
}

static enum err_code wrong_kind(const struct json_value *object, const char *name,
                                const struct json_value *found, const char *wanted, struct err *err)
{
    char path[PATH_BYTES];

    if (!found)
        return err_set(err, ERR_DATA, "%s: '%s' is missing", object->doc->what,
                       path_of(object, name, path));
    return err_set(err, ERR_DATA, "%s: '%s' is %s, not %s", object->doc->what,
                   path_of(object, name, path), kind_of(found->json), wanted);
}

enum err_code json_get_text(const struct json_value *object, const char *name,
                            const char **ret_text, struct err *err)
{
    const struct json_value *found = find(object, name);

    if (!found || !json_is_string(found->json))
        return wrong_kind(object, name, found, "a string", err);
    *ret_text = json_string_value(found->json);
    return ERR_OK;
}

enum err_code json_get_int(const struct json_value *object, const char *name, int64_t *ret_value,
                           struct err *err)
{
    const struct json_value *found = find(object, name);

    if (!found || !json_is_integer(found->json))
        return wrong_kind(object, name, found, "an integer", err);
    *ret_value = json_integer_value(found->json);
    return ERR_OK;
}

enum err_code json_get_bool(const struct json_value *object, const char *name, bool *ret_value,
                            struct err *err)
{
    const struct json_value *found = find(object, name);

    if (!found || !json_is_boolean(found->json))
        return wrong_kind(object, name, found, "a boolean", err);
    *ret_value = json_is_true(found->json);
    return ERR_OK;
}

enum err_code json_get_object(const struct json_value *object, const char *name,
                              const struct json_value **ret_value, struct err *err)
{
    const struct json_value *found = find(object, name);

    if (!found || !json_is_object(found->json))
        return wrong_kind(object, name, found, "an object", err);
    *ret_value = found;
    return ERR_OK;
}

enum err_code json_get_array(const struct json_value *object, const char *name,
                             const struct json_value **ret_value, struct err *err)
{
    const struct json_value *found = find(object, name);

    if (!found || !json_is_array(found->json))
        return wrong_kind(object, name, found, "an array", err);
    *ret_value = found;
    return ERR_OK;
}

const char *json_opt_text(const struct json_value *object, const char *name, const char *otherwise)
{
    const struct json_value *found = find(object, name);
    return found && json_is_string(found->json) ? json_string_value(found->json) : otherwise;
}

int64_t json_opt_int(const struct json_value *object, const char *name, int64_t otherwise)
{
    const struct json_value *found = find(object, name);
    return found && json_is_integer(found->json) ? json_integer_value(found->json) : otherwise;
}

bool json_opt_bool(const struct json_value *object, const char *name, bool otherwise)
{
    const struct json_value *found = find(object, name);
    return found && json_is_boolean(found->json) ? json_is_true(found->json) : otherwise;
}

const struct json_value *json_opt(const struct json_value *object, const char *name)
{
    return find(object, name);
}

size_t json_array_count(const struct json_value *array)
{
    return array && json_is_array(array->json) ? array->child_count : 0;
}

const struct json_value *json_array_at(const struct json_value *array, size_t index)
{
    assert(index < json_array_count(array));
    return &array->children[index];
}

const char *json_as_text(const struct json_value *value)
{
    return value ? json_string_value(value->json) : NULL;
}

const char *json_member(const struct json_value *object, size_t index,
                        const struct json_value **ret_value)
{
    if (!object || !json_is_object(object->json) || index >= object->child_count)
        return NULL;
    *ret_value = &object->children[index];
    return object->children[index].name;
}
