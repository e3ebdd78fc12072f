#include "app/publish.h"

#include <stdio.h>
#include <string.h>

#include "app/pipeline_document.h"
#include "app/publish_bundle.h"
#include "app/publish_copy.h"
#include "app/version.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/text.h"
#include "page.h"
#include "pipeline/batch_log.h"
#include "pipeline/record.h"

enum {
    POINTER_BYTES_MAX = 1 << 20,
    POINTER_ATTEMPTS = 5,
    HASH_DIGITS = 12,
};
static const char pointer_key[] = "latest.json";
static const char data_prefix[] = "data/";
static const int64_t keep_us = 3600 * INT64_C(1000000); /* pages that are open still read them */
/* A server's header says the same, and frame-ancestors, which a page cannot say of itself. */
static const char policy_meta[] =
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'\">\n";

struct publishing {
    struct app *app;
    struct store *store;
    struct warehouse *warehouse;
    struct report_set *reports;
    struct report_state state;
    struct report_choices *choices;
    struct arena *arena;
    struct bundle_set *bundles;
    const char *reports_key, *filters_key, *pipeline_key;
    const char *title;
    const char *filters;    /* publish.filters, as one text */
    struct buf old_pointer; /* empty: there is none */
    struct store_info seen; /* of the pointer, before the warehouse was read */
    bool pointed;           /* there was one */
    struct publish_report report;
};

/* Puts what has its hash in its name: when it is there, it is the same. */
static enum err_code put_once(struct publishing *publishing, const char *key, struct span bytes,
                              struct err *err)
{
    enum err_code code = store_put(publishing->store, key, bytes, STORE_IF_ABSENT, err);

    if (code == ERR_CONFLICT) {
        publishing->report.unchanged++;
        return ERR_OK;
    }
    if (!code) {
        publishing->report.written++;
        publishing->report.bytes += bytes.size;
    }
    return code;
}

static enum err_code put_document(struct publishing *publishing, const char *name,
                                  const struct buf *text, const char **ret_key, struct err *err)
{
    char hex[SHA256_HEX_SIZE];

    sha256_of(text->data, text->size, hex);
    *ret_key =
        arena_printf(publishing->arena, "%s%s.%.*s.json", data_prefix, name, HASH_DIGITS, hex);
    return put_once(publishing, *ret_key, (struct span){text->data, text->size}, err);
}

/* --- the page --- */

/* The policy comes before anything that it is about. */
static void published_index(const struct page_file *file, struct buf *text)
{
    const char *data = (const char *)file->data;
    const char *head = memmem(data, file->size, "<head>", 6);
    size_t before = head ? (size_t)(head - data) + 6 : 0;

    buf_add(text, data, before);
    if (head && !memmem(data, file->size, "Content-Security-Policy", 23)) {
        buf_add_char(text, '\n');
        buf_add_text(text, policy_meta);
    }
    buf_add(text, data + before, file->size - before);
}

/* The one name that does not change with its content: written anew only by another version. */
static enum err_code put_index(struct publishing *publishing, const struct page_file *file,
                               struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0}, there = {0};

    published_index(file, &text);
    struct span bytes = {text.data, text.size};
    enum err_code code = store_get(publishing->store, file->path, POINTER_BYTES_MAX, &there, err);
    if (code == ERR_NOT_FOUND)
        return put_once(publishing, file->path, bytes, err);
    if (code)
        return code;
    if (there.size == text.size && memcmp(there.data, text.data, text.size) == 0) {
        publishing->report.unchanged++;
        return ERR_OK;
    }
    TRY(store_put(publishing->store, file->path, bytes, STORE_ALWAYS, err));
    publishing->report.written++;
    publishing->report.bytes += text.size;
    return ERR_OK;
}

static enum err_code put_page(struct publishing *publishing, struct err *err)
{
    const struct page_file *index = NULL;

    for (size_t i = 0; i < page_file_count; i++) {
        const struct page_file *file = &page_files[i];
        if (text_equal(file->path, "index.html"))
            index = file;
        else
            TRY(put_once(publishing, file->path,
                         (struct span){(const char *)file->data, file->size}, err));
    }
    return put_index(publishing, index, err);
}

/* --- documents --- */

static enum err_code put_pipeline(struct publishing *publishing, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct pipeline_counts counts = {0};

    TRY(pipeline_count_rows(publishing->app, publishing->warehouse, publishing->arena, &counts,
                            err));
    const struct pipeline_view view = {
        .counts = &counts,
        .loaded_known = true,
        .loaded_batch = publishing->state.batch,
        .loaded_captured_us = publishing->state.captured_us,
        .timeless = true,
    };
    TRY(pipeline_document(publishing->app, &view, &text, err));
    return put_document(publishing, "pipeline", &text, &publishing->pipeline_key, err);
}

static enum err_code put_lists(struct publishing *publishing, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf catalogue = {0}, choices = {0};
    struct report_state timeless = publishing->state;

    report_catalogue_json(publishing->reports, &catalogue);
    TRY(put_document(publishing, "reports", &catalogue, &publishing->reports_key, err));
    timeless.batch = 0;
    report_choices_json(publishing->choices, &timeless, &choices);
    return put_document(publishing, "filters", &choices, &publishing->filters_key, err);
}

static enum err_code put_bundles(struct publishing *publishing, struct err *err)
{
    struct bundle_set *bundles = publishing->bundles;

    for (size_t i = 0; i < bundles->count; i++) {
        CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
        TRY(bundle_write(bundles, i, publishing->warehouse, &text, err));
        TRY(put_document(publishing, "bundle", &text, &bundles->bundles[i].object, err));
    }
    publishing->report.bundles = bundles->count;
    return ERR_OK;
}

/* --- the pointer --- */

static void write_features(struct json_writer *json)
{
    json_object_begin(json, "features");
    json_text(json, "filters", "listed");
    json_text(json, "drill", "newest");
    json_bool(json, "history", false);
    json_bool(json, "events", false);
    json_object_end(json);
}

static void write_pointer(const struct publishing *publishing, struct buf *text)
{
    const struct bundle_set *bundles = publishing->bundles;
    struct json_writer json;

    json_begin(&json, text, false);
    json_object_begin(&json, NULL);
    json_int(&json, "schema", 1);
    json_text(&json, "mode", "published");
    json_text(&json, "version", TOTE_VERSION);
    json_uint(&json, "batch", publishing->state.batch);
    json_text(&json, "generation", publishing->state.generation);
    json_time(&json, "captured_at", publishing->state.captured_us);
    json_time(&json, "published_at", clock_now_us());
    json_text(&json, "filters", publishing->filters);
    json_text(&json, "data", data_prefix);
    json_text(&json, "title", publishing->title);
    write_features(&json);
    json_object_begin(&json, "documents");
    json_text(&json, "reports", publishing->reports_key);
    json_text(&json, "filters", publishing->filters_key);
    json_text(&json, "pipeline", publishing->pipeline_key);
    json_object_end(&json);
    json_object_begin(&json, "bundles");
    for (size_t i = 0; i < bundles->count; i++)
        json_text(&json, bundles->bundles[i].key, bundles->bundles[i].object);
    json_object_end(&json);
    json_object_end(&json);
}

/* Must come before the warehouse is read: a pointer that is the same afterwards was made of what is
 * as old or older. */
static enum err_code see_pointer(struct publishing *publishing, struct err *err)
{
    enum err_code code = store_head(publishing->store, pointer_key, &publishing->seen, err);

    publishing->pointed = code == ERR_OK;
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

/* The pointer that is there now; *ret_doc NULL: none, or one that is damaged and is replaced. */
static enum err_code read_pointer(struct publishing *publishing, struct json_doc **ret_doc,
                                  struct err *err)
{
    struct buf *text = &publishing->old_pointer;
    struct err ignored;

    text->size = 0;
    enum err_code code = store_get(publishing->store, pointer_key, POINTER_BYTES_MAX, text, err);
    if (code == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(code);
    (void)!json_parse(pointer_key, text->data, text->size, ret_doc, &ignored);
    return ERR_OK;
}

/* What is published already: the batch, of these models, by this program with this page. */
static enum err_code look_at_pointer(struct publishing *publishing, bool *ret_same, struct err *err)
{
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;

    *ret_same = false;
    TRY(read_pointer(publishing, &doc, err));
    if (!doc)
        return ERR_OK;
    const struct json_value *root = json_root(doc);
    const struct json_value *documents = json_opt(root, "documents");
    *ret_same =
        (uint64_t)json_opt_int(root, "batch", -1) == publishing->state.batch &&
        text_equal(json_opt_text(root, "generation", ""), publishing->state.generation) &&
        text_equal(json_opt_text(root, "version", ""), TOTE_VERSION) &&
        text_equal(json_opt_text(root, "filters", ""), publishing->filters) &&
        text_equal(json_opt_text(root, "title", ""), publishing->title ? publishing->title : "") &&
        documents && text_equal(json_opt_text(documents, "reports", ""), publishing->reports_key) &&
        text_equal(json_opt_text(documents, "pipeline", ""), publishing->pipeline_key);
    return ERR_OK;
}

/* The one that was seen may be replaced, no other. */
static enum err_code move_pointer(struct publishing *publishing, const struct buf *text,
                                  struct err *err)
{
    struct span bytes = {text->data, text->size};

    if (publishing->pointed)
        return store_replace(publishing->store, pointer_key, bytes, publishing->seen.etag, err);
    return store_put(publishing->store, pointer_key, bytes, STORE_IF_ABSENT, err);
}

/* Another publisher was quicker.  When what it shows is at least as new, it is done; else ours
 * comes over it. */
static enum err_code put_pointer(struct publishing *publishing, const struct buf *text,
                                 bool *ret_overtaken, struct err *err)
{
    *ret_overtaken = false;
    for (int attempt = 1;; attempt++) {
        CLEANUP(json_doc_free) struct json_doc *doc = NULL;
        enum err_code code = move_pointer(publishing, text, err);
        if (code != ERR_CONFLICT || attempt == POINTER_ATTEMPTS)
            return code;
        TRY(see_pointer(publishing, err));
        TRY(read_pointer(publishing, &doc, err));
        int64_t batch = doc ? json_opt_int(json_root(doc), "batch", -1) : -1;
        *ret_overtaken = batch >= 0 && (uint64_t)batch >= publishing->state.batch;
        if (*ret_overtaken)
            return ERR_OK;
    }
}

/* --- what nobody reads any more --- */

struct sweep {
    const struct publishing *publishing;
    const struct buf *pointer;
    const char **keys;
    size_t count;
    int64_t before_us;
};

enum {
    SWEEP_MAX = 1000
};

static bool take_unused(void *arg, const char *key, const struct store_info *info)
{
    struct sweep *sweep = arg;
    const struct buf *old = &sweep->publishing->old_pointer;
    bool named = memmem(sweep->pointer->data, sweep->pointer->size, key, strlen(key)) ||
                 (old->size && memmem(old->data, old->size, key, strlen(key)));

    if (!named && info->modified_us < sweep->before_us)
        sweep->keys[sweep->count++] = arena_strdup(sweep->publishing->arena, key);
    return sweep->count < SWEEP_MAX;
}

/* The page is published by now: what cannot be removed is only said. */
static void sweep_documents(struct publishing *publishing, const struct buf *pointer)
{
    struct sweep sweep = {
        .publishing = publishing,
        .pointer = pointer,
        .keys = arena_alloc(publishing->arena, SWEEP_MAX * sizeof(char *)),
        .before_us = clock_now_us() - keep_us,
    };
    struct err err;
    enum err_code code =
        store_list(publishing->store, data_prefix, NULL, take_unused, &sweep, &err);

    for (size_t i = 0; i < sweep.count && !code; i++) {
        code = store_remove(publishing->store, sweep.keys[i], &err);
        publishing->report.removed += !code;
    }
    if (code)
        log_warn("old documents of the page were not removed: %s", err.message);
}

/* --- all of it --- */

static enum err_code read_warehouse(struct publishing *publishing, struct err *err)
{
    TRY(app_warehouse_open(publishing->app, true, &publishing->warehouse, err));
    enum err_code code = report_state_read(publishing->reports, publishing->warehouse,
                                           publishing->arena, &publishing->state, err);
    if (code && code != ERR_NOT_FOUND)
        return code;
    if (code || !publishing->state.batch) {
        err_set(err, ERR_UNAVAILABLE, "there is nothing to publish: the warehouse is empty");
        return err_hint(err, "`tote run` fills it");
    }
    return report_choices_read(publishing->reports, &publishing->state, publishing->warehouse,
                               publishing->arena, &publishing->choices, err);
}

static enum err_code use_copy(struct publishing *publishing, struct err *err)
{
    struct warehouse *copy;

    TRY(publish_copy_open(publishing->app, publishing->reports, publishing->warehouse,
                          publishing->arena, &publishing->state, &copy, err));
    if (!copy)
        return ERR_OK;
    warehouse_close(publishing->warehouse);
    publishing->warehouse = copy;
    return ERR_OK;
}

static enum err_code publish(struct publishing *publishing, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf pointer = {0};
    bool same, overtaken;

    TRY(see_pointer(publishing, err));
    TRY(read_warehouse(publishing, err));
    TRY(put_lists(publishing, err));
    TRY(put_pipeline(publishing, err));
    TRY(put_page(publishing, err));
    TRY(look_at_pointer(publishing, &same, err));
    publishing->report.batch = publishing->state.batch;
    publishing->report.up_to_date = same;
    if (same)
        return ERR_OK;
    const struct bundle_plan plan = {
        publishing->reports, &publishing->state, publishing->choices,
        config_list(app_config(publishing->app), OPTION_PUBLISH_FILTERS)};
    publishing->bundles = bundle_set_plan(&plan, publishing->arena);
    TRY(use_copy(publishing, err));
    TRY(report_prepare(publishing->reports, publishing->warehouse, &publishing->state, err));
    TRY(bundle_set_answer(publishing->bundles, publishing->warehouse, err));
    TRY(put_bundles(publishing, err));
    write_pointer(publishing, &pointer);
    TRY(put_pointer(publishing, &pointer, &overtaken, err));
    publishing->report.up_to_date = overtaken;
    if (overtaken)
        return ERR_OK;
    publishing->report.written++;
    publishing->report.bytes += pointer.size;
    sweep_documents(publishing, &pointer);
    return ERR_OK;
}

static enum err_code read_title(struct publishing *publishing, struct err *err)
{
    struct store *ingestion;
    struct record *record;
    uint64_t head;

    publishing->title = config_text(app_config(publishing->app), OPTION_PAGE_TITLE);
    if (publishing->title)
        return ERR_OK;
    TRY(app_ingestion(publishing->app, &ingestion, err));
    TRY(batch_log_head(ingestion, &head, err));
    if (!head)
        return ERR_OK;
    TRY(record_read(ingestion, head, publishing->arena, &record, err));
    publishing->title = record->database;
    return ERR_OK;
}

enum err_code app_publish(struct app *app, const char *to, struct publish_report *ret_report,
                          struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP(store_close) struct store *store = NULL;
    const struct config *config = app_config(app);
    struct publishing publishing = {.app = app, .arena = arena};
    int64_t begin_us = clock_monotonic_us();

    if (!to) {
        TRY(config_require(config, OPTION_PUBLISH_TO, err));
        to = config_text(config, OPTION_PUBLISH_TO);
    }
    TRY(report_set_read(config_text(config, OPTION_MODELS), arena, &publishing.reports, err));
    TRY(app_store_open(app, to, &store, err));
    publishing.store = store;
    publishing.filters = config_text(config, OPTION_PUBLISH_FILTERS);
    TRY(read_title(&publishing, err));
    enum err_code code = publish(&publishing, err);
    warehouse_close(publishing.warehouse);
    buf_release(&publishing.old_pointer);
    if (code)
        return err_wrap(err, "publishing to '%s'", store_url(store));
    publishing.report.duration_us = clock_monotonic_us() - begin_us;
    *ret_report = publishing.report;
    return ERR_OK;
}
