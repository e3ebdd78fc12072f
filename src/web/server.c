#include "web/server.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "web/answers.h"
#include "web/connections.h"
#include "web/kept.h"
#include "web/request.h"
#include "web/watcher.h"

enum {
    CACHE_BYTES = 64 << 20,
    CONNECTIONS_MAX = 1200,
    DESCRIPTORS_WANTED = CONNECTIONS_MAX + 256,
    REQUEST_BYTES = 24 << 10, /* of a request's line and headers, and what MHD needs itself */
    SILENCE_SECONDS = 30,
    SERVER_READERS = 4, /* connections to a PostgreSQL warehouse */
    FILE_READERS = 1,   /* a DuckDB file is opened once in a process: duck_hold.c */
    PEM_BYTES_MAX = 1 << 20,
};

static struct web *web_new(const struct config *config)
{
    struct web *web = mem_zalloc(1, sizeof *web);

    web->config = config;
    (void)snprintf(web->title, sizeof web->title, "%s",
                   config_text(config, OPTION_PAGE_TITLE) ? config_text(config, OPTION_PAGE_TITLE)
                                                          : "");
    web->arena = arena_new(0);
    web->cache = cache_new(CACHE_BYTES);
    web->events = events_new();
    pthread_mutex_init(&web->lock, NULL);
    pthread_mutex_init(&web->look, NULL);
    return web;
}

static void web_free(struct web *web)
{
    if (!web)
        return;
    document_release(web->catalogue);
    cache_free(web->cache);
    events_free(web->events);
    arena_free(web->counts_arena);
    arena_free(web->arena);
    pthread_mutex_destroy(&web->lock);
    pthread_mutex_destroy(&web->look);
    free(web);
}
DEFINE_CLEANUP(struct web *, web_free)

/* --- TLS --- */

struct tls {
    struct buf certificate, key;
};

static void tls_release(struct tls *tls)
{
    if (tls->key.data)
        explicit_bzero(tls->key.data, tls->key.size);
    buf_release(&tls->certificate);
    buf_release(&tls->key);
}

static enum err_code read_tls(const struct config *config, struct tls *tls, struct err *err)
{
    const char *certificate = config_text(config, OPTION_SERVE_CERTIFICATE);
    const char *key = config_text(config, OPTION_SERVE_KEY);

    if (!certificate && !key)
        return ERR_OK;
    if (!certificate || !key)
        return err_set(err, ERR_CONFIG, "'%s' needs '%s' beside it",
                       certificate ? "serve.certificate" : "serve.key",
                       certificate ? "serve.key" : "serve.certificate");
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return err_set(err, ERR_CONFIG, "this libmicrohttpd speaks no TLS");
    TRY(file_read(certificate, PEM_BYTES_MAX, &tls->certificate, err));
    return file_read(key, PEM_BYTES_MAX, &tls->key, err);
}

/* --- the daemon --- */

static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= DESCRIPTORS_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* libmicrohttpd's own talk is of readers that left. */
static void ignore_talk(void *cls, const char *format, va_list args)
{
    (void)cls, (void)format, (void)args;
}

static struct MHD_Daemon *start_daemon(struct web *web, const struct tls *tls)
{
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_SOCK_ADDR, 0, &web->guard.address},
        {MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_SECONDS, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_BYTES, NULL},
        {MHD_OPTION_LISTENING_ADDRESS_REUSE, 1, NULL},
        {tls->key.size ? MHD_OPTION_HTTPS_MEM_KEY : MHD_OPTION_END, 0, tls->key.data},
        {tls->key.size ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, tls->certificate.data},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags = MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_ERROR_LOG | (tls->key.size ? MHD_USE_TLS : 0u) |
                     (web->guard.address.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0u);

    return MHD_start_daemon(flags, (uint16_t)web->guard.port, NULL, NULL, request_handle, web,
                            MHD_OPTION_EXTERNAL_LOGGER, ignore_talk, NULL,
                            MHD_OPTION_NOTIFY_COMPLETED, request_completed, web,
                            MHD_OPTION_NOTIFY_CONNECTION, connections_notify, web, MHD_OPTION_ARRAY,
                            options, MHD_OPTION_END);
}

/* --- the workers --- */

struct pool {
    struct reader *readers[SERVER_READERS];
    size_t count;
};

static struct jobs *start_pool(struct web *web, size_t count, struct pool *pool, struct err *err)
{
    struct jobs_worker workers[SERVER_READERS];

    for (pool->count = 0; pool->count < count; pool->count++) {
        pool->readers[pool->count] = reader_new(web);
        workers[pool->count] = (struct jobs_worker){pool->readers[pool->count], reader_rest};
    }
    return jobs_start(workers, count, err);
}

static void free_pool(struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++)
        reader_free(pool->readers[i]);
}

static void announce(const struct web *web, struct MHD_Daemon *daemon, bool tls)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    const char *shown = web->guard.shown;

    log_info("the dashboard is at %s://%.*s:%u/", tls ? "https" : "http",
             (int)(strrchr(shown, ':') - shown), shown, info ? info->port : web->guard.port);
}

static void watch(struct web *web)
{
    CLEANUP(watcher_free) struct watcher *watcher = watcher_new(web);

    while (!cancel_requested()) {
        watcher_look(watcher);
        clock_sleep_us(WATCHER_TICK_US);
    }
}

/* Everybody who sleeps must be woken before the daemon can end. */
static void stop(struct web *web, struct MHD_Daemon *daemon)
{
    if (daemon)
        (void)MHD_quiesce_daemon(daemon);
    events_end(web->events);
    jobs_stop(web->warehouse_jobs, request_refusal);
    jobs_stop(web->lake_jobs, request_refusal);
    if (daemon)
        MHD_stop_daemon(daemon);
    /* until then a reader who is still connected may ask, and is refused */
    jobs_free(web->warehouse_jobs);
    jobs_free(web->lake_jobs);
}

static enum err_code serve(struct web *web, const struct tls *tls, struct err *err)
{
    const char *url = config_text(web->config, OPTION_WAREHOUSE_URL);
    struct pool warehouse = {0}, lake = {0};
    size_t readers = text_starts(url, "duckdb:") ? FILE_READERS : SERVER_READERS;
    enum err_code code = ERR_OK;
    struct MHD_Daemon *daemon = NULL;

    web->warehouse_jobs = start_pool(web, readers, &warehouse, err);
    web->lake_jobs = web->warehouse_jobs ? start_pool(web, 1, &lake, err) : NULL;
    if (!web->lake_jobs) {
        code = err->code;
    } else {
        daemon = start_daemon(web, tls);
        if (!daemon) {
            code = err_sys(err, ERR_IO, "listening on '%s'", web->guard.shown);
            (void)err_hint(
                err, "is another program listening there? Name another port by --serve-listen");
        } else {
            announce(web, daemon, tls->key.size > 0);
            watch(web);
        }
    }
    stop(web, daemon);
    free_pool(&warehouse);
    free_pool(&lake);
    return code;
}

enum err_code server_run(const struct config *config, const char *listen, struct err *err)
{
    CLEANUP(web_free) struct web *web = web_new(config);
    CLEANUP_IN_PLACE(tls_release) struct tls tls = {0};

    TRY(config_require(config, OPTION_WAREHOUSE_URL, err));
    TRY(config_require(config, OPTION_LAKE_INGESTION, err));
    TRY(config_require(config, OPTION_LAKE_PROCESSED, err));
    TRY(guard_init(config, listen, &web->guard, err));
    TRY(read_tls(config, &tls, err));
    TRY(report_set_read(config_text(config, OPTION_MODELS), web->arena, &web->reports, err));
    web->catalogue = document_new(200, "application/json");
    report_catalogue_json(web->reports, &web->catalogue->body);
    document_seal(web->catalogue);
    kept_read(web);
    raise_descriptors();
    return serve(web, &tls, err);
}
