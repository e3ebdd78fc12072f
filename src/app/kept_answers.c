#include "app/kept_answers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/version.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/text.h"
#include "pipeline/report_first.h"

enum {
    FORMAT = 1,
    LINE_LIMIT_BYTES = 64 << 10,
};

void kept_answers_origin(const struct config *config, const struct report_set *reports,
                         const char *place, char ret_hex[static SHA256_HEX_SIZE])
{
    const char *schema = config_text(config, OPTION_WAREHOUSE_SCHEMA);
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};

    buf_addf(&text, "%s\n%s\n%s\n%s", TOTE_VERSION, reports->digest, place, schema ? schema : "");
    sha256_of(text.data, text.size, ret_hex);
}

/* --- writing --- */

void kept_answers_begin(const char *origin, const struct kept_head *head, struct buf *ret_text)
{
    struct json_writer json;
    char version[24];

    (void)snprintf(version, sizeof version, "%" PRIu64, head->version);
    json_begin(&json, ret_text, false);
    json_object_begin(&json, NULL);
    json_int(&json, "format", FORMAT);
    json_text(&json, "origin", origin);
    json_text(&json, "version", version);
    json_uint(&json, "batch", head->batch);
    json_int(&json, "captured_us", head->captured_us);
    json_bool(&json, "has_rates", head->has_rates);
    json_text(&json, "title", head->title);
    json_object_end(&json);
    buf_add_char(ret_text, '\n');
}

void kept_answers_add(const char *key, const struct buf *document, struct buf *ret_text)
{
    struct json_writer json;

    json_begin(&json, ret_text, false);
    json_object_begin(&json, NULL);
    json_text(&json, "key", key);
    json_uint(&json, "bytes", document->size);
    json_object_end(&json);
    buf_add_char(ret_text, '\n');
    buf_add(ret_text, document->data, document->size);
    buf_add_char(ret_text, '\n');
}

void kept_answers_end(struct buf *ret_text)
{
    buf_add_text(ret_text, "{}\n");
}

/* --- reading --- */

struct reading {
    const char *at, *end;
};

/* The next line, which is a JSON object; NULL: there is none. */
static struct json_doc *read_line(struct reading *reading)
{
    size_t left = (size_t)(reading->end - reading->at);
    const char *end = left ? memchr(reading->at, '\n', left) : NULL;
    struct json_doc *doc = NULL;
    struct err ignored;

    if (!end || end - reading->at > LINE_LIMIT_BYTES ||
        json_parse("kept answers", reading->at, (size_t)(end - reading->at), &doc, &ignored))
        return NULL;
    reading->at = end + 1;
    return doc;
}

static bool read_head(struct reading *reading, const char *origin, struct arena *arena,
                      struct kept_head *ret_head)
{
    CLEANUP(json_doc_free) struct json_doc *doc = read_line(reading);

    if (!doc)
        return false;
    const struct json_value *head = json_root(doc);
    if (json_opt_int(head, "format", 0) != FORMAT ||
        !text_equal(json_opt_text(head, "origin", ""), origin) ||
        !text_to_u64(json_opt_text(head, "version", ""), &ret_head->version))
        return false;
    ret_head->batch = (uint64_t)json_opt_int(head, "batch", 0);
    ret_head->captured_us = json_opt_int(head, "captured_us", 0);
    ret_head->has_rates = json_opt_bool(head, "has_rates", false);
    ret_head->title = arena_strdup(arena, json_opt_text(head, "title", ""));
    return true;
}

/* One answer, or with *ret_last the line that ends all.  False: damaged. */
static bool read_answer(struct reading *reading, struct buf *ret_key, struct span *ret_document,
                        bool *ret_last)
{
    CLEANUP(json_doc_free) struct json_doc *doc = read_line(reading);

    if (!doc)
        return false;
    const char *key = json_opt_text(json_root(doc), "key", NULL);
    int64_t size = json_opt_int(json_root(doc), "bytes", -1);
    *ret_last = !key;
    if (!key)
        return true;
    if (!report_is_answer_key(key) || size < 0 || size >= reading->end - reading->at)
        return false;
    buf_clear(ret_key);
    buf_add_text(ret_key, key);
    *ret_document = (struct span){.data = reading->at, .size = (size_t)size};
    reading->at += size + 1;
    return true;
}

bool kept_answers_read(struct span text, const char *origin, struct arena *arena,
                       struct kept_head *ret_head, kept_answer_fn *each, void *arg)
{
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    struct reading reading = {text.data, text.data + text.size};
    struct kept_head head = {0};
    struct span document;
    bool last = false;

    if (!text.size || !read_head(&reading, origin, arena, &head))
        return false;
    const struct reading answers = reading;
    while (!last)
        if (!read_answer(&reading, &key, &document, &last))
            return false;
    reading = answers;
    *ret_head = head;
    while (read_answer(&reading, &key, &document, &last) && !last)
        each(arg, &head, buf_text(&key), document);
    return true;
}
