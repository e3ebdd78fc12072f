#include "app/publish_copy.h"

#include "base/cancel.h"
#include "base/log.h"
#include "pipeline/batch_log.h"
#include "pipeline/load.h"
#include "pipeline/report_first.h"
#include "sql.h"

static bool take_none(void *arg, size_t column_count, const char *const *names,
                      const struct span *cells)
{
    bool *none = arg;

    (void)column_count, (void)names;
    *none = cells[0].data && cells[0].size == 1 && *cells[0].data == '0';
    return false;
}

/* Whether all that reports can ask of the warehouse is what load put there. */
static enum err_code is_from_lake(struct app *app, const struct report_state *state,
                                  struct warehouse *warehouse, bool *ret_from_lake, struct err *err)
{
    struct store *processed;
    uint64_t head;
    bool large = false, all_ours = false;

    *ret_from_lake = false;
    TRY(warehouse_is_large(warehouse, &large, err));
    if (!large || state->has_rates)
        return ERR_OK;
    TRY(warehouse_query(warehouse, sql_publish_foreign, NULL, 0, take_none, &all_ours, err));
    TRY(app_processed(app, &processed, err));
    TRY(batch_log_head(processed, &head, err));
    *ret_from_lake = all_ours && head == state->batch;
    return ERR_OK;
}

static enum err_code fill(struct app *app, const struct report_set *reports, struct arena *arena,
                          struct report_state *state, struct warehouse **copy, struct err *err)
{
    struct load_options options = {0};
    struct step_report report = {.arena = arena};
    struct report_state copied;
    struct store *processed;

    TRY(app_work_dir(app, &options.work_dir, err));
    TRY(app_processed(app, &processed, err));
    TRY(app_warehouse_copy(app, arena_printf(arena, "%s/publish.duckdb", options.work_dir), copy,
                           err));
    TRY(load_run(processed, *copy, &options, &report, err));
    TRY(report_state_read(reports, *copy, arena, &copied, err));
    if (report_state_version(&copied) != report_state_version(state) ||
        copied.captured_us != state->captured_us)
        return err_set(err, ERR_CONFLICT,
                       "the lake's newest batch is another than the warehouse's");
    *state = copied;
    return ERR_OK;
}

enum err_code publish_copy_open(struct app *app, const struct report_set *reports,
                                struct warehouse *warehouse, struct arena *arena,
                                struct report_state *state, struct warehouse **ret_copy,
                                struct err *err)
{
    struct warehouse *copy = NULL;
    bool from_lake;

    *ret_copy = NULL;
    enum err_code code = is_from_lake(app, state, warehouse, &from_lake, err);
    if (!code && !from_lake)
        return ERR_OK;
    if (!code)
        code = fill(app, reports, arena, state, &copy, err);
    if (!code) {
        log_debug("publishing from a copy of the star");
        *ret_copy = copy;
        return ERR_OK;
    }
    warehouse_close(copy);
    log_warn("publishing takes longer, for the star could not be copied: %s", err->message);
    return cancel_check(err);
}
