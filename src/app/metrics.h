/* app/metrics.h - the numbers that tell whether the pipeline is healthy, under the names that every
 * exporter shares: metrics.def.
 *
 * A set is filled either from what the logs and the warehouse say now (metrics_read, for
 * Prometheus) or from what one run of a step did (metrics_of_run, for EMF lines), and printed by
 * whoever exports it.  Reading costs a handful of small objects, however long the lake is. */
#ifndef APP_METRICS_H
#define APP_METRICS_H

#include "app/app.h"

enum metric {
#define METRIC(id, ...) METRIC_##id,
#include "app/metrics.def"
#undef METRIC
    METRIC_COUNT
};

struct metric_info {
    const char *name;   /* in Prometheus; NULL: not there */
    const char *kind;   /* "gauge" or "counter" */
    const char *unit;   /* for people */
    const char *labels; /* of Prometheus, comma-separated: "step,table" */
    const char *emf;    /* in CloudWatch; NULL: not there */
    const char *emf_unit;
    const char *help;
};

struct metric_sample {
    enum metric metric;
    const char *step;  /* also the version of BUILD_INFO; NULL: no such label */
    const char *table; /* NULL: no such label */
    double value;      /* in the unit of Prometheus; metric_emf_value() for EMF */
};

/* Begins as {.arena = …}; everything in it lives in the arena. */
struct metric_set {
    struct arena *arena;
    struct metric_sample *samples;
    size_t count;
    size_t capacity;
};

const struct metric_info *metric_info(enum metric metric);
void metric_add(struct metric_set *set, enum metric metric, const char *step, const char *table,
                double value);

/* What the logs say of ingest and process, and the ledger of load.  `warehouse` may be NULL:
 * nothing is said of load then (METRIC_WAREHOUSE_UP is the caller's, who knows why it is NULL). */
CHECKED enum err_code metrics_read(struct app *app, struct warehouse *warehouse,
                                   struct metric_set *set, struct err *err);
/* What one run of a step did: the metrics that have a name in EMF, one sample each, summed over
 * tables.  Freshness is left out while the step has no batch. */
void metrics_of_run(const char *step, const struct step_report *report, enum err_code code,
                    int64_t now_us, struct metric_set *set);
/* A sample's value in the unit of EMF. */
double metric_emf_value(const struct metric_sample *sample);

/* The text format 0.0.4 of Prometheus; every metric once, its samples together. */
void metrics_print_prometheus(const struct metric_set *set, struct buf *out);
/* docs/reference/metrics.md. */
void metrics_print_markdown(struct buf *out);

#endif
