#include "lambda/emf.h"

#include "app/metrics.h"
#include "base/json_write.h"

/* The samples that CloudWatch is told, in the order of the table. */
static void collect(const struct emf *emf, int64_t now_us, struct metric_set *set)
{
    if (emf->is_step)
        metrics_of_run(emf->step, &emf->report, ERR_OK, now_us, set);
    else
        metric_add(set, METRIC_ERRORS, emf->step, NULL, 0);
    for (size_t i = 0; i < set->count; i++)
        if (set->samples[i].metric == METRIC_ERRORS)
            set->samples[i].value = (double)emf->errors;
        else if (set->samples[i].metric == METRIC_DURATION) /* the invocation's, not the step's */
            set->samples[i].value = (double)emf->duration_us / 1e6;
    if (!emf->is_step)
        metric_add(set, METRIC_DURATION, emf->step, NULL, (double)emf->duration_us / 1e6);
}

static void metadata(struct json_writer *json, const struct metric_set *set, int64_t now_us)
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
    for (size_t i = 0; i < set->count; i++) {
        const struct metric_info *info = metric_info(set->samples[i].metric);
        json_object_begin(json, NULL);
        json_text(json, "Name", info->emf);
        json_text(json, "Unit", info->emf_unit);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
    json_array_end(json);
    json_object_end(json);
}

void emf_print(const struct emf *emf, struct arena *arena, int64_t now_us, struct buf *out)
{
    struct metric_set set = {.arena = arena};
    struct json_writer json;

    collect(emf, now_us, &set);
    json_begin(&json, out, false);
    json_object_begin(&json, NULL);
    metadata(&json, &set, now_us);
    json_text(&json, "environment", emf->environment);
    json_text(&json, "step", emf->step);
    if (emf->request_id)
        json_text(&json, "request_id", emf->request_id);
    for (size_t i = 0; i < set.count; i++)
        json_double(&json, metric_info(set.samples[i].metric)->emf,
                    metric_emf_value(&set.samples[i]));
    json_object_end(&json);
    buf_add_char(out, '\n');
}
