#include "app/telemetry.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include "app/openlineage.h"
#include "app/otlp.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"

static const char *const step_names[] = {"ingest", "process", "load"};

bool telemetry_is_yield(enum err_code code)
{
    return code == ERR_CONFLICT || code == ERR_CANCELLED;
}

/* RFC 9562, 5.7: 48 bits of milliseconds, then random bits around version and variant. */
static void uuid_v7(int64_t now_us, char ret_text[static 37])
{
    uint64_t ms = (uint64_t)now_us / 1000;
    uint64_t a = random_u64(), b = random_u64();

    (void)snprintf(ret_text, 37,
                   "%08" PRIx64 "-%04" PRIx64 "-7%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
                   ms >> 16 & 0xffffffff, ms & 0xffff, a & 0xfff, 0x8000 | (b >> 48 & 0x3fff),
                   b & UINT64_C(0xffffffffffff));
}

/* --- log --- */

static void log_batch(const char *step, const struct step_batch *batch)
{
    struct log_event whole = {
        .step = step, .batch = batch->batch, .counted = true, .duration_us = batch->duration_us};

    for (size_t i = 0; i < batch->table_count; i++) {
        const struct step_table *table = &batch->tables[i];
        const struct log_event one = {
            .step = step,
            .batch = batch->batch,
            .table = table->table,
            .counted = true,
            .rows = table->rows,
            .deleted = table->deleted,
            .quarantined = table->quarantined,
            .bytes = table->bytes,
            .duration_us = table->duration_us,
        };
        log_event(&one, "%s batch %" PRIu64 ": table %s", step, batch->batch, table->table);
        whole.rows += table->rows;
        whole.deleted += table->deleted;
        whole.quarantined += table->quarantined;
        whole.bytes += table->bytes;
    }
    log_event(&whole, "%s batch %" PRIu64 " committed", step, batch->batch);
}

static void log_run(const struct telemetry_run *run, const struct step_report *report,
                    enum err_code code)
{
    struct log_event event = {
        .step = run->name, .batch = report->head, .duration_us = clock_now_us() - run->started_us};

    for (size_t i = 0; i < report->batch_count; i++)
        log_batch(run->name, &report->batches[i]);
    if (code) {
        event.code = err_name(code);
        log_event(&event, "%s %s", run->name, telemetry_is_yield(code) ? "gave way" : "failed");
    } else if (!report->batch_count) {
        log_event(&event, "%s: nothing to do", run->name);
    }
}

/* --- what every step calls --- */

/* Said once, and again only after it has worked in between: a collector that is away would fill the
 * log otherwise. */
static void note(atomic_bool *warned, const char *what, enum err_code code, const struct err *err)
{
    if (!code)
        atomic_store(warned, false);
    else if (code != ERR_CANCELLED && !atomic_exchange(warned, true))
        log_warn("%s: %s", what, err->message);
}

void telemetry_begin(struct app *app, enum telemetry_step step, struct telemetry_run *ret_run)
{
    static atomic_bool warned;
    struct err err = {0};

    *ret_run = (struct telemetry_run){
        .app = app, .step = step, .name = step_names[step], .started_us = clock_now_us()};
    uuid_v7(ret_run->started_us, ret_run->id);
    if (config_text(app_config(app), OPTION_TELEMETRY_OPENLINEAGE))
        note(&warned, "OpenLineage events are not written", openlineage_begin(ret_run, &err), &err);
}

void telemetry_end(const struct telemetry_run *run, const struct step_report *report,
                   enum err_code code, const struct err *err)
{
    static atomic_bool lineage_warned, otlp_warned;
    const struct config *config = app_config(run->app);
    const struct err none = {0};
    struct err own = {0};
    enum err_code told;

    log_run(run, report, code);
    if (config_text(config, OPTION_TELEMETRY_OPENLINEAGE)) {
        told = openlineage_end(run, report, code, code ? err : &none, &own);
        note(&lineage_warned, "OpenLineage events are not written", told, &own);
    }
    if (config_text(config, OPTION_TELEMETRY_OTLP_ENDPOINT)) {
        told = otlp_export(run, report, code, code ? err : &none, &own);
        note(&otlp_warned, "spans are not sent", told, &own);
    }
}
