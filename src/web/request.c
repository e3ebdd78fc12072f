#include "web/request.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "web/answers.h"
#include "web/connections.h"
#include "web/reply.h"

enum {
    PATH_SHOWN = 160,
    RETRY_SECONDS = 2,
};

/* Lives from the request's headers to its end; a job that waits for it may write `document`. */
struct request {
    struct web *web;
    struct MHD_Connection *connection;
    char path[PATH_SHOWN];
    int64_t began_us;
    struct document *document; /* the answer, once it is there */
    struct reply reply;
    bool routed;
    bool asleep; /* a job has it: until it wakes, `document` is the worker's */
    const char *method;
    int status;
    size_t bytes;
};

/* --- answering --- */

static void answer_with(struct request *request, struct document *document)
{
    request->document = document;
}

static void refuse(struct request *request, int status, enum err_code code, const char *detail,
                   const char *hint)
{
    answer_with(request, problem_of(status, code, detail, hint));
}

struct document *request_refusal(void)
{
    return problem_of(503, ERR_UNAVAILABLE, "the server is ending", NULL);
}

/* On a worker's thread. */
static void job_is_done(void *arg, struct document *document)
{
    struct request *request = arg;

    request->document = document;
    MHD_resume_connection(request->connection);
}

/* The connection sleeps until the job is done. */
static void ask(struct request *request, struct jobs *jobs, struct job job)
{
    job.done = job_is_done;
    job.arg = request;
    MHD_suspend_connection(request->connection);
    request->asleep = true;
    if (jobs_add(jobs, job))
        return;
    request->asleep = false;
    request->reply.retry_after_s = RETRY_SECONDS;
    refuse(request, 429, ERR_UNAVAILABLE, "too many questions at once", NULL);
    MHD_resume_connection(request->connection);
}

/* --- routes --- */

struct query {
    struct request *request;
    struct report_filters filters;
    bool csv;
    size_t bytes;
    enum err_code code;
    struct err err;
};

static enum MHD_Result take_argument(void *arg, enum MHD_ValueKind kind, const char *name,
                                     size_t name_size, const char *value, size_t value_size)
{
    struct query *query = arg;

    (void)kind;
    value = value ? value : "";
    query->bytes += name_size + value_size;
    if (strlen(name) != name_size || strlen(value) != value_size ||
        query->bytes > REQUEST_QUERY_MAX)
        query->code =
            err_set(&query->err, ERR_USAGE, "the filters are too long or hold a NUL byte");
    else if (text_equal(name, "format") && (text_equal(value, "csv") || text_equal(value, "json")))
        query->csv = text_equal(value, "csv");
    else if (text_equal(name, "format"))
        query->code = err_set(&query->err, ERR_USAGE, "format: expected csv or json");
    else
        query->code = report_filters_set(&query->filters, name, value, &query->err);
    return query->code ? MHD_NO : MHD_YES;
}

static bool take_query(struct request *request, struct query *ret_query)
{
    *ret_query = (struct query){.request = request, .filters = report_filters_none()};
    (void)MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, take_argument,
                                      ret_query);
    if (ret_query->code)
        answer_with(request, problem_document(&ret_query->err, 400));
    return !ret_query->code;
}

static void route_report(struct request *request, const char *name)
{
    struct web *web = request->web;
    const struct report *report;
    struct query query;
    struct err err;

    if (report_find(web->reports, name, &report, &err)) {
        answer_with(request, problem_document(&err, 0));
        return;
    }
    if (!take_query(request, &query))
        return;
    struct job job = answer_report(report, &query.filters, query.csv);
    struct loaded loaded = web_loaded(web);
    struct document *known = cache_get(web->cache, job.key);
    request->reply.cache = REPLY_REVALIDATE;
    request->reply.attachment = query.csv ? report->name : NULL;
    if (!known || !loaded.version || (query.csv && known->version != loaded.version)) {
        document_release(known);
        ask(request, web->warehouse_jobs, job);
        return;
    }
    atomic_fetch_add(&web->counters.cached, 1);
    answer_with(request, known);
    if (known->version == loaded.version) {
        free(job.key);
        free(job.question);
        return;
    }
    /* What the last batch said is better than a wait: a fresh answer is made meanwhile. */
    request->reply.stale = true;
    job.background = true;
    (void)jobs_add(web->warehouse_jobs, job);
}

static void route_catalogue(struct request *request, const char *rest)
{
    (void)rest;
    request->reply.cache = REPLY_REVALIDATE;
    answer_with(request, document_hold(request->web->catalogue));
}

static void route_filters(struct request *request, const char *rest)
{
    struct web *web = request->web;
    struct loaded loaded = web_loaded(web);
    struct job job = answer_filters();
    struct document *known = cache_get(web->cache, job.key);

    (void)rest;
    request->reply.cache = REPLY_REVALIDATE;
    if (!known || !loaded.version) {
        document_release(known);
        ask(request, web->warehouse_jobs, job);
        return;
    }
    answer_with(request, known);
    if (known->version == loaded.version) {
        free(job.key);
        return;
    }
    job.background = true; /* those of the last batch do meanwhile */
    (void)jobs_add(web->warehouse_jobs, job);
}

static void route_latest(struct request *request, const char *rest)
{
    (void)rest;
    if (web_loaded(request->web).version)
        answer_with(request, latest_document(request->web));
    else
        ask(request, request->web->warehouse_jobs, answer_latest());
}

static void route_pipeline(struct request *request, const char *rest)
{
    (void)rest;
    ask(request, request->web->lake_jobs, answer_pipeline());
}

static void route_metrics(struct request *request, const char *rest)
{
    (void)rest;
    ask(request, request->web->lake_jobs, answer_metrics());
}

static void route_health(struct request *request, const char *rest)
{
    struct document *document = document_new(200, "text/plain; charset=utf-8");

    (void)rest;
    buf_add_text(&document->body, "ok\n");
    answer_with(request, document);
}

static const struct route {
    const char *path;
    bool is_prefix;
    bool is_open; /* for everybody: says nothing of the data */
    void (*take)(struct request *request, const char *rest);
} routes[] = {
    {"/latest.json", false, false, route_latest},
    {"/api/reports", false, false, route_catalogue},
    {"/api/reports/", true, false, route_report},
    {"/api/filters", false, false, route_filters},
    {"/api/pipeline", false, false, route_pipeline},
    {"/metrics", false, false, route_metrics},
    {"/healthz", false, true, route_health},
};

static const struct page_file *find_page(const char *url)
{
    const char *path = text_equal(url, "/") ? "index.html" : url + (*url == '/');

    for (size_t i = 0; i < page_file_count; i++)
        if (text_equal(page_files[i].path, path))
            return &page_files[i];
    return NULL;
}

/* --- who asks --- */

static const char *header(struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static bool lets_in(struct request *request)
{
    const struct guard *guard = &request->web->guard;
    const struct guard_papers papers = {
        .authorization = header(request, "Authorization"),
        .cookie =
            MHD_lookup_connection_value(request->connection, MHD_COOKIE_KIND, GUARD_COOKIE_NAME),
        .trusted_header = guard->trusted_header ? header(request, guard->trusted_header) : NULL,
    };

    return guard_lets_in(guard, &papers);
}

/* What is wrong with any request; false: it was answered. */
static bool is_welcome(struct request *request, const char *method, bool is_open)
{
    if (!guard_knows_host(&request->web->guard, header(request, "Host"))) {
        refuse(request, 421, ERR_DENIED, "this server is not known by that name",
               "name it in serve.hosts");
        return false;
    }
    if (!text_equal(method, "GET") && !text_equal(method, "HEAD")) {
        request->reply.allow = "GET, HEAD";
        refuse(request, 405, ERR_USAGE, "everything here is read by GET", NULL);
        return false;
    }
    if (!is_open && !lets_in(request)) {
        request->reply.ask_token = request->web->guard.token != NULL;
        refuse(request, 401, ERR_DENIED, "a token is needed",
               "open /?token=… once, or send it as Authorization: Bearer …");
        return false;
    }
    return true;
}

static enum MHD_Result listen_to_events(struct request *request)
{
    struct web *web = request->web;
    char hello[128];

    pthread_mutex_lock(&web->lock);
    (void)snprintf(hello, sizeof hello,
                   "{\"batch\":%llu,\"steps\":{\"ingest\":%llu,\"process\":%llu,\"load\":%llu}}",
                   (unsigned long long)web->loaded.batch, (unsigned long long)web->ingested,
                   (unsigned long long)web->processed, (unsigned long long)web->loaded.batch);
    pthread_mutex_unlock(&web->lock);
    struct MHD_Response *response = events_listen(web->events, request->connection, hello);
    if (!response) {
        request->reply.retry_after_s = 30;
        refuse(request, 503, ERR_UNAVAILABLE, "too many pages listen", NULL);
        return MHD_YES;
    }
    (void)MHD_set_connection_option(request->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    reply_guard(response, false);
    (void)MHD_add_response_header(response, "Content-Type", "text/event-stream");
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    request->status = MHD_HTTP_OK;
    enum MHD_Result result = MHD_queue_response(request->connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

/* The page itself, and its first opening with a token. */
static enum MHD_Result serve_page(struct request *request, const struct page_file *file)
{
    const struct guard *guard = &request->web->guard;
    const char *token =
        MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "token");

    if (token && guard_is_token(guard, token) && text_equal(file->path, "index.html")) {
        bool secure = config_text(request->web->config, OPTION_SERVE_CERTIFICATE) != NULL;
        return reply_cookie(request->connection, guard->cookie, secure, &request->status);
    }
    return reply_page(request->connection, file, &request->status, &request->bytes);
}

static enum MHD_Result send_answer(struct request *request)
{
    return reply_document(request->connection, request->document, &request->reply, &request->status,
                          &request->bytes);
}

/* Answers, or lets the connection sleep until a job has the answer. */
static enum MHD_Result route(struct request *request, const char *url, const char *method)
{
    const struct page_file *file = find_page(url);
    bool is_events = text_equal(url, "/api/events");

    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        const struct route *known = &routes[i];
        size_t size = strlen(known->path);
        if (known->is_prefix ? !text_starts(url, known->path) || !url[size]
                             : !text_equal(url, known->path))
            continue;
        if (is_welcome(request, method, known->is_open))
            known->take(request, url + size);
        return request->asleep ? MHD_YES : send_answer(request);
    }
    /* The page holds no data: it is what asks for the token. */
    if (!is_welcome(request, method, file != NULL))
        return send_answer(request);
    if (file)
        return serve_page(request, file);
    if (is_events) {
        enum MHD_Result result = listen_to_events(request);
        return request->document ? send_answer(request) : result;
    }
    refuse(request, 404, ERR_NOT_FOUND, "there is nothing here", NULL);
    return send_answer(request);
}

/* For the log, which outlives the connection's own text. */
static const char *request_method(const char *method)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (text_equal(method, known[i]))
            return known[i];
    return "other";
}

enum MHD_Result request_handle(void *cls, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload_data,
                               size_t *upload_data_size, void **con_cls)
{
    struct request *request = *con_cls;

    (void)version, (void)upload_data;
    if (!request) {
        request = mem_zalloc(1, sizeof *request);
        request->web = cls;
        request->connection = connection;
        request->began_us = clock_monotonic_us();
        request->method = request_method(method);
        (void)snprintf(request->path, sizeof request->path, "%s", url);
        *con_cls = request;
        connections_asked(connection);
        const char *length = header(request, "Content-Length");
        if ((length && !text_equal(length, "0")) || header(request, "Transfer-Encoding")) {
            request->routed = true;
            refuse(request, 413, ERR_USAGE, "nothing here takes a body", NULL);
            return send_answer(request);
        }
        return MHD_YES;
    }
    if (*upload_data_size) {
        *upload_data_size = 0;
        return MHD_YES;
    }
    if (request->routed)
        return request->document ? send_answer(request) : MHD_YES;
    request->routed = true;
    return route(request, url, method);
}

static void log_answer(const struct request *request)
{
    char safe[PATH_SHOWN];
    size_t size = 0;

    for (const char *at = request->path; *at && size + 1 < sizeof safe; at++)
        safe[size++] = *at > ' ' && *at <= '~' ? *at : '?';
    safe[size] = '\0';
    const struct log_request answer = {
        .method = request->method,
        .path = safe,
        .status = (unsigned)request->status,
        .bytes = request->bytes,
        .duration_us = clock_monotonic_us() - request->began_us,
    };
    log_request(&answer);
}

void request_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                       enum MHD_RequestTerminationCode toe)
{
    struct web *web = cls;
    struct request *request = *con_cls;

    (void)toe;
    connections_waits(connection);
    if (!request)
        return;
    size_t hundreds = (size_t)request->status / 100;
    if (hundreds < COUNT_OF(web->counters.answers))
        atomic_fetch_add(&web->counters.answers[hundreds], 1);
    atomic_fetch_add(&web->counters.bytes, request->bytes);
    log_answer(request);
    document_release(request->document);
    free(request);
    *con_cls = NULL;
}
