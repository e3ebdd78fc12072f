/* tote sweep: removes what killed attempts left in the lake. */
#include "app/app.h"
#include "base/clock.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "pipeline/sweep.h"

enum {
    FLUSH_BYTES = 64 << 10
};
#define GRACE_US (INT64_C(24) * 3600 * 1000000)

/* With --dry-run: the objects, as they are found. */
struct listing {
    struct call *call;
    struct json_writer json;
};

static enum err_code list_one(void *arg, const struct sweep_store *store, const char *key,
                              uint64_t bytes, struct err *err)
{
    struct listing *listing = arg;
    struct call *call = listing->call;

    if (call->json) {
        json_object_begin(&listing->json, NULL);
        json_text(&listing->json, "store", store->name);
        json_text(&listing->json, "key", key);
        json_uint(&listing->json, "bytes", bytes);
        json_object_end(&listing->json);
    } else {
        buf_addf(call->out, "%s/%s\n", store->name, key);
    }
    return call->out->size < FLUSH_BYTES ? ERR_OK : output_flush(call->out, err);
}

static void print_counts(const struct sweep *sweep, struct arena *arena, struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(sweep->stores); i++) {
        const struct sweep_store *store = &sweep->stores[i];
        buf_addf(out, "%-10s %s, %s %s\n", store->name,
                 output_count(arena, store->objects, "object"),
                 output_count(arena, store->bytes, "byte"),
                 sweep->dry_run ? "would be removed" : "removed");
    }
}

static void json_counts(const struct sweep *sweep, struct json_writer *json)
{
    json_array_begin(json, "stores");
    for (size_t i = 0; i < COUNT_OF(sweep->stores); i++) {
        const struct sweep_store *store = &sweep->stores[i];
        json_object_begin(json, NULL);
        json_text(json, "store", store->name);
        json_uint(json, "head", store->head);
        json_uint(json, "named", store->named);
        json_uint(json, "objects", store->objects);
        json_uint(json, "bytes", store->bytes);
        json_object_end(json);
    }
    json_array_end(json);
}

static enum err_code sweep_all(struct app *app, struct sweep *sweep, struct err *err)
{
    struct store *ingestion, *processed;

    TRY(app_ingestion(app, &ingestion, err));
    TRY(app_processed(app, &processed, err));
    TRY(sweep_ingestion(sweep, ingestion, err));
    return sweep_processed(sweep, processed, err);
}

enum err_code command_sweep(struct call *call, struct err *err)
{
    CLEANUP(app_free) struct app *app = app_new(call->config);
    const char *grace = call_value(call, "--grace");
    struct listing listing = {.call = call};
    struct sweep sweep = {
        .now_us = clock_now_us(),
        .grace_us = GRACE_US,
        .dry_run = call_value(call, "--dry-run") != NULL,
        .arg = &listing,
    };

    if (grace && duration_parse(grace, &sweep.grace_us, err) != ERR_OK) {
        err->code = ERR_USAGE;
        return err_wrap(err, "'--grace'");
    }
    sweep.found = sweep.dry_run ? list_one : NULL;
    if (call->json) {
        output_json_begin(&listing.json, call->out, true);
        json_bool(&listing.json, "dry_run", sweep.dry_run);
        output_json_seconds(&listing.json, "grace_seconds", sweep.grace_us);
        json_array_begin(&listing.json, "would_be_removed");
    }
    progress_begin("sweep", 0);
    enum err_code code = sweep_all(app, &sweep, err);
    progress_end();
    TRY(code);
    if (!call->json) {
        print_counts(&sweep, call->arena, call->out);
        return ERR_OK;
    }
    json_array_end(&listing.json);
    json_counts(&sweep, &listing.json);
    output_json_end(&listing.json);
    return ERR_OK;
}
