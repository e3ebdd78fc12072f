#include "app/metrics.h"

#include <math.h>
#include <string.h>

#include "app/version.h"
#include "base/clock.h"
#include "base/text.h"
#include "pipeline/batch_log.h"
#include "pipeline/processed_record.h"
#include "pipeline/record.h"

static const struct metric_info infos[] = {
#define METRIC(id, ...) {__VA_ARGS__},
#include "app/metrics.def"
#undef METRIC
};

const struct metric_info *metric_info(enum metric metric)
{
    return &infos[metric];
}

void metric_add(struct metric_set *set, enum metric metric, const char *step, const char *table,
                double value)
{
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? 2 * set->capacity : 64;
        struct metric_sample *larger = arena_alloc(set->arena, capacity * sizeof *larger);
        if (set->count)
            memcpy(larger, set->samples, set->count * sizeof *larger);
        set->samples = larger;
        set->capacity = capacity;
    }
    set->samples[set->count++] =
        (struct metric_sample){.metric = metric, .step = step, .table = table, .value = value};
}

/* --- what stands in the logs --------------------------------------------------------------------
 */

static double seconds(int64_t duration_us)
{
    return duration_us > 0 ? (double)duration_us / 1e6 : 0;
}

static void add_step(struct metric_set *set, const char *step, uint64_t head, uint64_t wanted,
                     int64_t captured_us)
{
    metric_add(set, METRIC_BATCHES, step, NULL, (double)head);
    metric_add(set, METRIC_BATCHES_BEHIND, step, NULL, head < wanted ? (double)(wanted - head) : 0);
    if (head)
        metric_add(set, METRIC_FRESHNESS, step, NULL, seconds(clock_now_us() - captured_us));
}

static void add_table(struct metric_set *set, const char *step, const char *name, uint64_t rows,
                      uint64_t deleted)
{
    const char *table = arena_strdup(set->arena, name);

    metric_add(set, METRIC_ROWS, step, table, (double)rows);
    metric_add(set, METRIC_DELETED, step, table, (double)deleted);
}

static enum err_code read_ingestion(struct app *app, struct metric_set *set, uint64_t *ret_head,
                                    struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct store *ingestion;
    struct record *record;

    TRY(app_ingestion(app, &ingestion, err));
    TRY(batch_log_head(ingestion, ret_head, err));
    if (!*ret_head) {
        add_step(set, "ingest", 0, 0, 0);
        return ERR_OK;
    }
    TRY(record_read(ingestion, *ret_head, scratch, &record, err));
    add_step(set, "ingest", *ret_head, 0, record->captured_us);
    metric_add(set, METRIC_DURATION, "ingest", NULL, seconds(record->duration_us));
    for (size_t i = 0; i < record->table_count; i++) {
        const struct record_table *table = &record->tables[i];
        if (table->gone)
            continue;
        add_table(set, "ingest", table->name, table->changed, table->deleted);
        metric_add(set, METRIC_SOURCE_ROWS, NULL, arena_strdup(set->arena, table->name),
                   (double)table->rows);
    }
    return ERR_OK;
}

/* What a processed record says of the tables that models make, for the step that did it. */
static void add_models(struct metric_set *set, const char *step,
                       const struct processed_record *record)
{
    for (size_t i = 0; i < record->table_count; i++) {
        const struct processed_table *table = &record->tables[i];
        bool clean = text_equal(table->kind, "clean");
        const char *name = clean ? arena_printf(set->arena, "clean.%s", table->name) : table->name;
        if (!clean)
            add_table(set, step, name, table->rows, table->deleted);
        if (text_equal(step, "process"))
            metric_add(set, METRIC_QUARANTINED, step, arena_strdup(set->arena, name),
                       (double)table->quarantined);
    }
}

static enum err_code read_load(struct store *processed, struct warehouse *warehouse,
                               const char *lake, uint64_t wanted, struct metric_set *set,
                               struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct processed_record *record;
    const char *generation;
    uint64_t head;

    TRY(warehouse_ledger_head(warehouse, lake, scratch, &head, &generation, err));
    if (!head || head > wanted) {
        add_step(set, "load", 0, wanted, 0);
        return ERR_OK;
    }
    TRY(processed_record_read(processed, head, scratch, &record, err));
    add_step(set, "load", head, wanted, record->captured_us);
    add_models(set, "load", record);
    return ERR_OK;
}

enum err_code metrics_read(struct app *app, struct warehouse *warehouse, struct metric_set *set,
                           struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct store *processed;
    struct processed_record *record;
    uint64_t ingested = 0, head = 0;

    metric_add(set, METRIC_BUILD_INFO, TOTE_VERSION, NULL, 1);
    TRY(read_ingestion(app, set, &ingested, err));
    TRY(app_processed(app, &processed, err));
    TRY(batch_log_head(processed, &head, err));
    if (!head) {
        add_step(set, "process", 0, ingested, 0);
        return ERR_OK;
    }
    TRY(processed_record_read(processed, head, scratch, &record, err));
    add_step(set, "process", head, ingested, record->captured_us);
    metric_add(set, METRIC_DURATION, "process", NULL, seconds(record->duration_us));
    add_models(set, "process", record);
    return warehouse ? read_load(processed, warehouse, record->lake, head, set, err) : ERR_OK;
}

/* --- what a run did -----------------------------------------------------------------------------
 */

void metrics_of_run(const char *step, const struct step_report *report, enum err_code code,
                    int64_t now_us, struct metric_set *set)
{
    uint64_t rows = 0, deleted = 0, quarantined = 0;

    for (size_t i = 0; i < report->batch_count; i++)
        for (size_t k = 0; k < report->batches[i].table_count; k++) {
            const struct step_table *table = &report->batches[i].tables[k];
            rows += table->rows;
            deleted += table->deleted;
            quarantined += table->quarantined;
        }
    if (report->head)
        metric_add(set, METRIC_FRESHNESS, step, NULL, seconds(now_us - report->head_captured_us));
    metric_add(set, METRIC_BATCHES, step, NULL, (double)report->batch_count);
    metric_add(set, METRIC_ROWS, step, NULL, (double)rows);
    metric_add(set, METRIC_DELETED, step, NULL, (double)deleted);
    metric_add(set, METRIC_QUARANTINED, step, NULL, (double)quarantined);
    metric_add(set, METRIC_DURATION, step, NULL, seconds(report->duration_us));
    metric_add(set, METRIC_ERRORS, step, NULL, code == ERR_OK ? 0 : 1);
}

double metric_emf_value(const struct metric_sample *sample)
{
    const char *unit = infos[sample->metric].emf_unit;

    return unit && text_equal(unit, "Milliseconds") ? sample->value * 1000 : sample->value;
}

/* --- Prometheus ---------------------------------------------------------------------------------
 */

/* Prometheus, "Text-based format": backslash, quote and line feed are escaped in a label's value.
 */
static void add_label(struct buf *out, const char *name, size_t name_size, const char *value)
{
    buf_add(out, name, name_size);
    buf_add_text(out, "=\"");
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            buf_add_char(out, '\\');
        if (*value == '\n')
            buf_add_text(out, "\\n");
        else
            buf_add_char(out, *value);
    }
    buf_add_char(out, '"');
}

static void print_sample(const struct metric_sample *sample, struct buf *out)
{
    const struct metric_info *info = &infos[sample->metric];
    const char *label = info->labels;
    char mark = '{';

    buf_add_text(out, info->name);
    while (*label) {
        size_t size = strcspn(label, ",");
        const char *value = text_starts(label, "table") ? sample->table : sample->step;
        if (value) {
            buf_add_char(out, mark);
            add_label(out, label, size, value);
            mark = ',';
        }
        label += size + (label[size] == ',');
    }
    if (mark == ',')
        buf_add_char(out, '}');
    if (sample->value == floor(sample->value) && fabs(sample->value) < 1e15)
        buf_addf(out, " %.0f\n", sample->value);
    else
        buf_addf(out, " %.6f\n", sample->value);
}

void metrics_print_prometheus(const struct metric_set *set, struct buf *out)
{
    for (int metric = 0; metric < METRIC_COUNT; metric++) {
        const struct metric_info *info = &infos[metric];
        bool headed = false;
        for (size_t i = 0; info->name && i < set->count; i++) {
            if (set->samples[i].metric != (enum metric)metric)
                continue;
            if (!headed)
                buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help, info->name,
                         info->kind);
            headed = true;
            print_sample(&set->samples[i], out);
        }
    }
}

/* --- docs/reference -----------------------------------------------------------------------------
 */

static const char heading[] =
    "# Metrics\n"
    "\n"
    "<!-- printed by `tote help --markdown metrics`; a test compares -->\n"
    "\n"
    "One table of metrics for all who export them. `tote status --prometheus` prints the text "
    "format "
    "of\n"
    "Prometheus (for the textfile collector of node_exporter, or to look at); nothing of it costs "
    "more\n"
    "than reading the last record of each log. In CloudWatch (EMF lines of the Lambda functions) "
    "the\n"
    "namespace is `tote` and the dimensions are `environment` and `step`; sums are over all tables "
    "and\n"
    "batches of an invocation.\n"
    "\n"
    "`step` is `ingest`, `process` or `load`. `table` is a table of the source for ingest, else "
    "that "
    "of\n"
    "a model; `clean.<table>` where rows were quarantined before any model saw them.\n"
    "\n"
    "| Prometheus | kind | unit | labels | CloudWatch | meaning |\n"
    "|---|---|---|---|---|---|\n";

void metrics_print_markdown(struct buf *out)
{
    buf_add_text(out, heading);
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *info = &infos[i];
        if (info->name)
            buf_addf(out, "| `%s` | %s | %s | %s |", info->name, info->kind, info->unit,
                     info->labels);
        else
            buf_addf(out, "| | | %s | %s |", info->unit, info->labels);
        if (info->emf)
            buf_addf(out, " `%s` (%s) |", info->emf, info->emf_unit);
        else
            buf_add_text(out, " |");
        buf_addf(out, " %s |\n", info->help);
    }
    buf_add_text(out,
                 "\n`monitoring/` holds a Grafana dashboard and Prometheus alert rules over these "
                 "names.\n");
}
