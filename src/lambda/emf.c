#include "lambda/emf.h"

#include "base/json_write.h"

struct metric {
    const char *name;
    const char *unit;
    double value;
    bool said;
};

enum {
    METRICS = 7
};

void emf_count(struct emf *emf, const struct step_report *report)
{
    emf->has_counts = true;
    emf->batches += report->batch_count;
    emf->newest_us = report->head_captured_us;
    for (size_t i = 0; i < report->batch_count; i++)
        for (size_t k = 0; k < report->batches[i].table_count; k++) {
            const struct step_table *table = &report->batches[i].tables[k];
            emf->rows += table->rows;
            emf->deleted += table->deleted;
            emf->quarantined += table->quarantined;
        }
}

static void metadata(struct json_writer *json, const struct metric *metrics, int64_t now_us)
{
    json_object_begin(json, "_aws");
    json_int(json, "Timestamp", now_us / 1000);
    json_array_begin(json, "CloudWatchMetrics");
    json_object_begin(json, NULL);
    json_text(json, "Namespace", "tote");
    json_array_begin(json, "Dimensions");
    json_array_begin(json, NULL);
    json_text(json, NULL, "environment");
    json_text(json, NULL, "step");
    json_array_end(json);
    json_array_end(json);
    json_array_begin(json, "Metrics");
    for (size_t i = 0; i < METRICS; i++) {
        if (!metrics[i].said)
            continue;
        json_object_begin(json, NULL);
        json_text(json, "Name", metrics[i].name);
        json_text(json, "Unit", metrics[i].unit);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
    json_array_end(json);
    json_object_end(json);
}

void emf_print(const struct emf *emf, int64_t now_us, struct buf *out)
{
    const struct metric metrics[METRICS] = {
        {"rows", "Count", (double)emf->rows, emf->has_counts},
        {"deleted", "Count", (double)emf->deleted, emf->has_counts},
        {"quarantined", "Count", (double)emf->quarantined, emf->has_counts},
        {"batches", "Count", (double)emf->batches, emf->has_counts},
        {"errors", "Count", (double)emf->errors, true},
        {"duration_ms", "Milliseconds", (double)emf->duration_us / 1e3, true},
        {"freshness_seconds", "Seconds", (double)(now_us - emf->newest_us) / 1e6,
         emf->newest_us != 0},
    };
    struct json_writer json;

    json_begin(&json, out, false);
    json_object_begin(&json, NULL);
    metadata(&json, metrics, now_us);
    json_text(&json, "environment", emf->environment);
    json_text(&json, "step", emf->step);
    if (emf->request_id)
        json_text(&json, "request_id", emf->request_id);
    for (size_t i = 0; i < METRICS; i++)
        if (metrics[i].said)
            json_double(&json, metrics[i].name, metrics[i].value);
    json_object_end(&json);
    buf_add_char(out, '\n');
}
