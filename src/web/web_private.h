/* web/web_private.h - what the files of web/ share: the server's state.  Included by web/ only. */
#ifndef WEB_WEB_PRIVATE_H
#define WEB_WEB_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "app/app.h"
#include "app/pipeline_document.h"
#include "pipeline/report.h"
#include "web/document.h"
#include "web/events.h"
#include "web/guard.h"
#include "web/jobs.h"

/* What the warehouse held when it was looked at last. */
struct loaded {
    uint64_t version; /* another whenever its content is another; 0: not looked at yet */
    uint64_t batch;
    int64_t captured_us;
    bool has_rates;
    bool seen; /* by a reader, who also knows: */
    int64_t first_batch;
};

struct web_counters {
    atomic_uint_fast64_t answers[6]; /* by hundreds of the status */
    atomic_uint_fast64_t bytes;
    atomic_uint_fast64_t cached;  /* answered from memory */
    atomic_uint_fast64_t queries; /* that were made by asking the warehouse */
    atomic_uint_fast64_t busy_us; /* that queries took */
    atomic_uint_fast64_t connections;
    atomic_uint_fast64_t cut_off; /* connections that took too long to ask */
};

struct web {
    const struct config *config;
    struct arena *arena;
    struct guard guard;
    struct report_set *reports;
    struct document *catalogue;
    struct cache *cache;
    struct jobs *warehouse_jobs; /* what needs the warehouse */
    struct jobs *lake_jobs;      /* what needs the lake */
    struct events *events;
    struct web_counters counters;
    pthread_mutex_t look; /* held by who looks at what the warehouse holds */
    bool looked;          /* for what load left there; under look */
    pthread_mutex_t lock;
    struct loaded loaded; /* under lock, as what follows */
    uint64_t prepared; /* the version whose answers are made, or being made, before anybody asks */
    struct arena *counts_arena;
    struct pipeline_counts counts;
    struct run_state run; /* its texts are static */
    uint64_t ingested, processed;
    char title[128]; /* page.title, or the name of the database once it is known */
};

struct loaded web_loaded(struct web *web);

/* --- problem.c --- */
/* application/problem+json from an error; `status` 0: that of its code. */
struct document *problem_document(const struct err *err, int status);
struct document *problem_of(int status, enum err_code code, const char *detail, const char *hint);

#endif
