#include "web/web_metrics.h"

#include "app/metrics.h"
#include "base/log.h"
#include "base/text.h"

static void print_head(struct buf *out, const char *name, const char *kind, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void print_number(struct buf *out, const char *name, const char *kind, const char *help,
                         double value)
{
    print_head(out, name, kind, help);
    buf_addf(out, "%s %.15g\n", name, value);
}

static void print_server(struct web *web, struct buf *out)
{
    struct web_counters *counters = &web->counters;

    print_head(out, "tote_serve_answers_total", "counter", "Answers, by hundreds of their status.");
    for (size_t i = 1; i < COUNT_OF(counters->answers); i++)
        buf_addf(out, "tote_serve_answers_total{status=\"%zuxx\"} %llu\n", i,
                 (unsigned long long)atomic_load(&counters->answers[i]));
    print_number(out, "tote_serve_answer_bytes_total", "counter", "Bytes of answers' bodies.",
                 (double)atomic_load(&counters->bytes));
    print_number(out, "tote_serve_cached_answers_total", "counter",
                 "Reports that were answered from memory.", (double)atomic_load(&counters->cached));
    print_number(out, "tote_serve_queries_total", "counter", "Reports asked of the warehouse.",
                 (double)atomic_load(&counters->queries));
    print_number(out, "tote_serve_query_seconds_total", "counter", "Time that those took.",
                 (double)atomic_load(&counters->busy_us) / 1e6);
    print_number(out, "tote_serve_waiting_jobs", "gauge", "Questions that wait for a worker.",
                 (double)(jobs_waiting(web->warehouse_jobs) + jobs_waiting(web->lake_jobs)));
    print_number(out, "tote_serve_connections", "gauge", "Connections that are open.",
                 (double)atomic_load(&counters->connections));
    print_number(out, "tote_serve_cut_off_connections_total", "counter",
                 "Connections closed because their request did not come in time.",
                 (double)atomic_load(&counters->cut_off));
    print_number(out, "tote_serve_listeners", "gauge", "Pages that listen to events.",
                 (double)events_listeners(web->events));
}

/* The warehouse is not opened for this: what it held when it was looked at last is known. */
static void print_load(struct web *web, struct metric_set *set)
{
    struct loaded loaded = web_loaded(web);

    if (loaded.version)
        metric_add(set, METRIC_WAREHOUSE_UP, NULL, NULL, 1);
}

void web_metrics_print(struct web *web, struct app *app, struct buf *out)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct metric_set set = {.arena = arena};
    struct err err;

    if (metrics_read(app, NULL, &set, &err))
        log_warn("metrics: %s", err.message);
    print_load(web, &set);
    metrics_print_prometheus(&set, out);
    print_server(web, out);
}
