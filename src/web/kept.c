#include "web/kept.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/version.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/text.h"

enum {
    FORMAT = 1,
    FILE_LIMIT_BYTES = 96 << 20, /* more than the answers in memory may have */
    LINE_LIMIT_BYTES = 64 << 10,
};

static bool is_kept(const char *key)
{
    return text_equal(key, "filters") || text_starts(key, "report ");
}

/* What the answers were made by and of; a warehouse is named by its lake: others hold the same. */
static void name_origin(const struct web *web, char ret_hex[static SHA256_HEX_SIZE])
{
    const char *lake = config_text(web->config, OPTION_LAKE_INGESTION);
    const char *schema = config_text(web->config, OPTION_WAREHOUSE_SCHEMA);
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};

    buf_addf(&text, "%s\n%s\n%s\n%s", TOTE_VERSION, web->reports->digest, lake,
             schema ? schema : "");
    sha256_of(text.data, text.size, ret_hex);
}

/* --- writing --- */

struct writing {
    struct buf *out;
    uint64_t version;
};

static void write_answer(void *arg, const char *key, struct document *document)
{
    const struct writing *writing = arg;
    struct json_writer json;

    if (document->version != writing->version || document->status != 200 || !is_kept(key))
        return;
    json_begin(&json, writing->out, false);
    json_object_begin(&json, NULL);
    json_text(&json, "key", key);
    json_uint(&json, "bytes", document->body.size);
    json_object_end(&json);
    buf_add_char(writing->out, '\n');
    buf_add(writing->out, document->body.data, document->body.size);
    buf_add_char(writing->out, '\n');
}

static void write_head(struct web *web, const struct loaded *loaded, struct buf *out)
{
    char origin[SHA256_HEX_SIZE], version[24];
    struct json_writer json;

    name_origin(web, origin);
    (void)snprintf(version, sizeof version, "%" PRIu64, loaded->version);
    json_begin(&json, out, false);
    json_object_begin(&json, NULL);
    json_int(&json, "format", FORMAT);
    json_text(&json, "origin", origin);
    json_text(&json, "version", version);
    json_uint(&json, "batch", loaded->batch);
    json_int(&json, "captured_us", loaded->captured_us);
    json_bool(&json, "has_rates", loaded->has_rates);
    pthread_mutex_lock(&web->lock);
    json_text(&json, "title", web->title);
    pthread_mutex_unlock(&web->lock);
    json_object_end(&json);
    buf_add_char(out, '\n');
}

void kept_write(struct web *web)
{
    const char *path = config_text(web->config, OPTION_SERVE_ANSWERS);
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct loaded loaded = web_loaded(web);
    struct writing writing = {&text, loaded.version};
    struct err err;

    if (!path || !loaded.batch)
        return;
    write_head(web, &loaded, &text);
    cache_each(web->cache, write_answer, &writing);
    buf_add_text(&text, "{}\n"); /* all of it is there */
    if (file_write_atomic(path, text.data, text.size, 0600, &err))
        log_warn("the dashboard's answers are not kept for its next start: %s", err.message);
}

/* --- reading --- */

struct reading {
    const char *at, *end;
};

/* The next line, which is a JSON object; NULL: there is none. */
static struct json_doc *read_line(struct reading *reading)
{
    const char *end = memchr(reading->at, '\n', (size_t)(reading->end - reading->at));
    struct json_doc *doc = NULL;
    struct err ignored;

    if (!end || end - reading->at > LINE_LIMIT_BYTES ||
        json_parse("kept answers", reading->at, (size_t)(end - reading->at), &doc, &ignored))
        return NULL;
    reading->at = end + 1;
    return doc;
}

static bool read_head(const struct web *web, struct reading *reading, struct loaded *ret_loaded,
                      char *ret_title, size_t title_size)
{
    CLEANUP(json_doc_free) struct json_doc *doc = read_line(reading);
    char origin[SHA256_HEX_SIZE];

    if (!doc)
        return false;
    const struct json_value *head = json_root(doc);
    name_origin(web, origin);
    if (json_opt_int(head, "format", 0) != FORMAT ||
        !text_equal(json_opt_text(head, "origin", ""), origin) ||
        !text_to_u64(json_opt_text(head, "version", ""), &ret_loaded->version))
        return false;
    ret_loaded->batch = (uint64_t)json_opt_int(head, "batch", 0);
    ret_loaded->captured_us = json_opt_int(head, "captured_us", 0);
    ret_loaded->has_rates = json_opt_bool(head, "has_rates", false);
    (void)snprintf(ret_title, title_size, "%s", json_opt_text(head, "title", ""));
    return true;
}

/* Takes one answer into `cache`; *ret_last: it was the line that ends all.  False: damaged. */
static bool read_answer(struct reading *reading, struct cache *cache, uint64_t version,
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
    if (!is_kept(key) || size < 0 || size >= reading->end - reading->at)
        return false;
    CLEANUP(document_release) struct document *document = document_new(200, "application/json");
    buf_add(&document->body, reading->at, (size_t)size);
    document->version = version;
    document_seal(document);
    cache_put(cache, key, document);
    reading->at += size + 1;
    return true;
}

static void take_answer(void *arg, const char *key, struct document *document)
{
    cache_put(arg, key, document);
}

static bool may_be_there(const char *url)
{
    static const char scheme[] = "duckdb:";

    return !text_starts(url, scheme) || file_exists(url + strlen(scheme));
}

void kept_read(struct web *web)
{
    const char *path = config_text(web->config, OPTION_SERVE_ANSWERS);
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct loaded loaded = {0};
    struct err ignored;
    CLEANUP(cache_free) struct cache *answers = cache_new(FILE_LIMIT_BYTES);
    char title[sizeof web->title];
    bool last = false;

    if (!path || !may_be_there(config_text(web->config, OPTION_WAREHOUSE_URL)) ||
        file_read(path, FILE_LIMIT_BYTES, &text, &ignored))
        return;
    struct reading reading = {buf_text(&text), buf_text(&text) + text.size};
    if (!read_head(web, &reading, &loaded, title, sizeof title))
        return;
    while (!last)
        if (!read_answer(&reading, answers, loaded.version, &last))
            return;
    cache_each(answers, take_answer, web->cache);
    web->loaded = loaded;
    web->prepared = loaded.version;
    if (!*web->title)
        memcpy(web->title, title, sizeof title);
}
