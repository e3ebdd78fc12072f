#include "app/metrics.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

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

static double seconds(int64_t duration_us)
{
    return duration_us > 0 ? (double)duration_us / 1e6 : 0;
}

/* --- what a run did --- */

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

/* --- Prometheus --- */

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

/* --- docs/reference --- */

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
