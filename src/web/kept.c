#include "web/kept.h"

#include <stdio.h>
#include <string.h>

#include "app/answers_left.h"
#include "app/kept_answers.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "pipeline/report_first.h"

enum {
    FILE_LIMIT_BYTES = 96 << 20, /* more than the answers in memory may have */
};

/* A warehouse is named by its lake: others hold the same. */
static void name_origin(const struct web *web, char ret_hex[static SHA256_HEX_SIZE])
{
    kept_answers_origin(web->config, web->reports, config_text(web->config, OPTION_LAKE_INGESTION),
                        ret_hex);
}

/* --- writing --- */

struct writing {
    struct buf *out;
    uint64_t version;
};

static void write_answer(void *arg, const char *key, struct document *document)
{
    const struct writing *writing = arg;

    if (document->version == writing->version && document->status == 200 &&
        report_is_answer_key(key))
        kept_answers_add(key, &document->body, writing->out);
}

void kept_write(struct web *web)
{
    const char *path = config_text(web->config, OPTION_SERVE_ANSWERS);
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct loaded loaded = web_loaded(web);
    struct writing writing = {&text, loaded.version};
    char origin[SHA256_HEX_SIZE], title[sizeof web->title];
    struct err err;

    if (!path || !loaded.batch)
        return;
    pthread_mutex_lock(&web->lock);
    memcpy(title, web->title, sizeof title);
    pthread_mutex_unlock(&web->lock);
    name_origin(web, origin);
    kept_answers_begin(origin,
                       &(struct kept_head){loaded.version, loaded.batch, loaded.captured_us,
                                           loaded.has_rates, title},
                       &text);
    cache_each(web->cache, write_answer, &writing);
    kept_answers_end(&text);
    if (file_write_atomic(path, text.data, text.size, 0600, &err))
        log_warn("the dashboard's answers are not kept for its next start: %s", err.message);
}

/* --- reading --- */

static void take_answer(void *arg, const struct kept_head *head, const char *key, struct span text)
{
    struct web *web = arg;
    CLEANUP(document_release) struct document *document = document_new(200, "application/json");

    buf_add(&document->body, text.data, text.size);
    document->version = head->version;
    document_seal(document);
    cache_put(web->cache, key, document);
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
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct kept_head head;
    struct err ignored;
    char origin[SHA256_HEX_SIZE];

    if (!path || !may_be_there(config_text(web->config, OPTION_WAREHOUSE_URL)) ||
        file_read(path, FILE_LIMIT_BYTES, &text, &ignored))
        return;
    name_origin(web, origin);
    if (!kept_answers_read((struct span){.data = text.data, .size = text.size}, origin, scratch,
                           &head, take_answer, web))
        return;
    web->loaded = (struct loaded){.version = head.version,
                                  .batch = head.batch,
                                  .captured_us = head.captured_us,
                                  .has_rates = head.has_rates};
    web->prepared = head.version;
    if (!*web->title)
        (void)snprintf(web->title, sizeof web->title, "%s", head.title);
}

/* Those of an earlier batch than what a server has are of no use to it. */
struct wanted {
    struct web *web;
    uint64_t version; /* of what the warehouse holds */
    bool has_any;
};

static void take_wanted(void *arg, const struct kept_head *head, const char *key, struct span text)
{
    const struct wanted *wanted = arg;

    if (!wanted->has_any || head->version == wanted->version)
        take_answer(wanted->web, head, key, text);
}

void kept_find(struct web *web, struct warehouse *warehouse, uint64_t version)
{
    struct wanted wanted = {web, version, web_loaded(web).version != 0};

    if (web_loaded(web).version != version)
        answers_left_find(web->config, web->reports, warehouse, take_wanted, &wanted);
}
