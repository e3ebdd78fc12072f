#include "pg/pg.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "pg/pg_priv.h"

enum {
    OLDEST_SERVER = 130000
};
static const int64_t CONNECT_TIMEOUT_US = 10 * 1000000;

/* --- waiting --- */

static void *ask_to_stop(void *cancel)
{
    char why[256];

    (void)PQcancel(cancel, why, sizeof why);
    PQfreeCancel(cancel);
    return NULL;
}

/* Asks the server to stop, until `deadline_us`.  PQcancel() connects anew and blocks, for minutes
 * where the network is dead; so it does that in a thread of its own, which is left to itself when
 * it takes too long.  (The asynchronous way of libpq 17 is in no Debian that this is built on.) */
static void stop_statement(struct pg *pg, int64_t deadline_us)
{
    PGcancel *cancel = PQgetCancel(pg->connection);
    struct timespec until = {.tv_sec = deadline_us / 1000000,
                             .tv_nsec = (long)(deadline_us % 1000000) * 1000};
    pthread_t thread;

    if (!cancel)
        return;
    if (pthread_create(&thread, NULL, ask_to_stop, cancel) != 0)
        PQfreeCancel(cancel);
    else if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) != 0)
        (void)pthread_detach(thread);
}

static enum err_code cancelled(struct pg *pg, struct err *err)
{
    if (pg->state != PG_IDLE)
        pg_abandon(pg);
    return cancel_check(err);
}

enum err_code pg_wait(struct pg *pg, bool write, int64_t deadline_us, struct err *err)
{
    struct pollfd fds[] = {
        {.fd = PQsocket(pg->connection), .events = (short)(POLLIN | (write ? POLLOUT : 0))},
        {.fd = cancel_fd(), .events = POLLIN},
    };
    int timeout_ms = -1;

    if (deadline_us) {
        int64_t left_us = deadline_us - clock_monotonic_us();
        timeout_ms = left_us <= 0 ? 0 : (int)(left_us / 1000 + 1);
    }
    int ready = poll(fds, COUNT_OF(fds), timeout_ms);
    if (fds[1].revents && cancel_requested())
        return cancelled(pg, err);
    if (ready == 0)
        return err_set(err, ERR_TIMEOUT, "the %s at %s did not answer in time", pg->role,
                       pg->where);
    return ERR_OK; /* EINTR too: the caller asks libpq and comes back */
}

enum err_code pg_flush(struct pg *pg, struct err *err)
{
    for (;;) {
        int left = PQflush(pg->connection);
        if (left == 0)
            return ERR_OK;
        if (left < 0)
            return pg_connection_error(pg, err);
        TRY(pg_wait(pg, true, 0, err));
        /* The server may be unable to read on until we have read what it says. */
        if (!PQconsumeInput(pg->connection))
            return pg_connection_error(pg, err);
    }
}

enum err_code pg_next_result(struct pg *pg, PGresult **ret_result, struct err *err)
{
    while (PQisBusy(pg->connection)) {
        TRY(pg_wait(pg, false, 0, err));
        if (!PQconsumeInput(pg->connection))
            break; /* PQgetResult() makes an error of it */
    }
    *ret_result = PQgetResult(pg->connection);
    if (!*ret_result)
        pg->state = PG_IDLE;
    return ERR_OK;
}

/* Takes what the server still sends, so that the connection can roll back; deaf to cancellation,
 * for this is what is done after one. */
void pg_abandon(struct pg *pg)
{
    int64_t deadline_us = clock_monotonic_us() + cancel_tidy_us();

    PQfreemem(pg->copy_row);
    pg->copy_row = NULL;
    if (pg->state == PG_IDLE || PQstatus(pg->connection) == CONNECTION_BAD)
        return;
    if (pg->state == PG_COPY_IN)
        (void)PQputCopyEnd(pg->connection, "given up");
    else
        stop_statement(pg, deadline_us);
    while (clock_monotonic_us() < deadline_us) {
        struct pollfd fd = {.fd = PQsocket(pg->connection), .events = POLLIN};
        bool flushing = PQflush(pg->connection) == 1;
        if (PQisBusy(pg->connection) || flushing) {
            fd.events = (short)(POLLIN | (flushing ? POLLOUT : 0));
            (void)poll(&fd, 1, 100);
            if (!PQconsumeInput(pg->connection))
                return;
            continue;
        }
        PGresult *result = PQgetResult(pg->connection);
        if (!result) {
            pg->state = PG_IDLE;
            return;
        }
        ExecStatusType status = PQresultStatus(result);
        PQclear(result);
        if (status == PGRES_COPY_OUT) {
            char *row = NULL;
            int size;
            while ((size = PQgetCopyData(pg->connection, &row, 1)) > 0)
                PQfreemem(row);
            if (size == 0) {
                (void)poll(&fd, 1, 100);
                if (!PQconsumeInput(pg->connection))
                    return;
            }
        } else if (status == PGRES_COPY_IN && PQputCopyEnd(pg->connection, "given up") < 0) {
            return;
        }
    }
}

/* --- opening --- */

static void quiet(void *arg, const PGresult *result)
{
    (void)arg, (void)result;
}

static void note_where(struct pg *pg)
{
    const char *host = PQhost(pg->connection);
    const char *port = PQport(pg->connection);
    const char *database = PQdb(pg->connection);

    (void)snprintf(pg->where, sizeof pg->where, "%s:%s/%s", host && *host ? host : "localhost",
                   port && *port ? port : "5432", database ? database : "");
}

/* The password must be known to the redactor before anything can print it. */
static enum err_code learn_secrets(const struct pg_options *options, int64_t *timeout_us,
                                   struct err *err)
{
    char *why = NULL; /* quotes the text, which may hold the password: never shown */
    PQconninfoOption *parsed = PQconninfoParse(options->url, &why);

    PQfreemem(why);
    if (!parsed) {
        (void)err_set(err, ERR_CONFIG,
                      "the url of the %s is neither a PostgreSQL URI nor a conninfo",
                      options->role);
        return err_hint(err,
                        "write it like postgresql://user:password@host:5432/database, with special "
                        "characters percent-encoded");
    }
    for (const PQconninfoOption *o = parsed; o->keyword; o++) {
        if (!o->val || !*o->val)
            continue;
        int64_t seconds;
        if (text_equal(o->keyword, "password") || text_equal(o->keyword, "sslpassword"))
            redact_register(o->val);
        else if (text_equal(o->keyword, "connect_timeout") && *timeout_us == 0 &&
                 text_to_i64(o->val, &seconds) && seconds > 0 && seconds < 86400)
            *timeout_us = seconds * 1000000;
    }
    PQconninfoFree(parsed);
    return ERR_OK;
}

static enum err_code await_connection(struct pg *pg, int64_t timeout_us, struct err *err)
{
    int64_t deadline_us = clock_monotonic_us() + timeout_us;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;

    while (want != PGRES_POLLING_OK) {
        if (want == PGRES_POLLING_FAILED)
            return pg_connect_error(pg, err);
        /* Not pg_wait(): reading and writing must be told apart here, a socket is writable early.
         */
        struct pollfd fds[] = {
            {.fd = PQsocket(pg->connection),
             .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT},
            {.fd = cancel_fd(), .events = POLLIN},
        };
        int64_t left_us = deadline_us - clock_monotonic_us();
        int ready = left_us > 0 ? poll(fds, COUNT_OF(fds), (int)(left_us / 1000 + 1)) : 0;
        TRY(cancel_check(err));
        if (ready == 0) {
            char waited[CLOCK_TEXT_MAX];
            clock_format_duration(timeout_us, waited);
            (void)err_set(err, ERR_UNAVAILABLE, "cannot connect to the %s at %s: no answer in %s",
                          pg->role, pg->where, waited);
            return err_hint(err,
                            "check that the server can be reached from here (address, firewall)");
        }
        want = PQconnectPoll(pg->connection);
    }
    return ERR_OK;
}

static enum err_code connect_now(struct pg *pg, const struct pg_options *options, struct err *err)
{
    int64_t timeout_us = options->connect_timeout_us;

    TRY(learn_secrets(options, &timeout_us, err));
    if (timeout_us == 0)
        timeout_us = CONNECT_TIMEOUT_US;
    /* Where time is short, "cannot be reached" is to be said before the time is up. */
    if (timeout_us > cancel_time_left_us() / 4 * 3)
        timeout_us = cancel_time_left_us() / 4 * 3;
    /* The kernel's own patience with a network that has died is two hours, or fifteen minutes where
     * something was sent; what stands before the url is what the url may change. */
    const char *const names[] = {"keepalives_idle",           "tcp_user_timeout", "dbname",
                                 "fallback_application_name", "client_encoding",  NULL};
    const char *const values[] = {"60", "120000", options->url, "tote", "UTF8", NULL};
    pg->connection = PQconnectStartParams(names, values, 1);
    if (!pg->connection)
        return err_set(err, ERR_INTERNAL, "libpq has no memory for a connection");
    (void)PQsetNoticeReceiver(pg->connection, quiet, NULL);
    note_where(pg);
    const char *password = PQpass(pg->connection); /* may come from PGPASSWORD or ~/.pgpass */
    if (password && *password)
        redact_register(password);
    if (PQstatus(pg->connection) == CONNECTION_BAD)
        return pg_connect_error(pg, err);
    TRY(await_connection(pg, timeout_us, err));
    note_where(pg); /* of several hosts, the one that answered */
    if (PQsetnonblocking(pg->connection, 1) != 0)
        return pg_connection_error(pg, err);
    int version = PQserverVersion(pg->connection);
    if (version < OLDEST_SERVER) {
        (void)err_set(err, pg->blame, "PostgreSQL %d is too old: the %s at %s", version / 10000,
                      pg->role, pg->where);
        return err_hint(err, "tote works with PostgreSQL 13 to 18");
    }
    return ERR_OK;
}

enum err_code pg_open(const struct pg_options *options, struct pg **ret_pg, struct err *err)
{
    CLEANUP(pg_close) struct pg *pg = mem_zalloc(1, sizeof *pg);

    pg->blame = options->blame ? options->blame : ERR_SOURCE;
    (void)snprintf(pg->role, sizeof pg->role, "%s", options->role ? options->role : "database");
    TRY(fault_before("pg", "connect", err));
    TRY(connect_now(pg, options, err));
    fault_after("pg");
    *ret_pg = STEAL(pg);
    return ERR_OK;
}

void pg_close(struct pg *pg)
{
    if (!pg)
        return;
    PQfreemem(pg->copy_row);
    PQfinish(pg->connection);
    free(pg);
}

int pg_server_version(const struct pg *pg)
{
    return PQserverVersion(pg->connection);
}

const char *pg_database(const struct pg *pg)
{
    return PQdb(pg->connection);
}

const char *pg_user(const struct pg *pg)
{
    const char *user = PQuser(pg->connection);
    return user ? user : "";
}

const char *pg_where(const struct pg *pg)
{
    return pg->where;
}

/* --- address --- */

/* The first of several hosts or ports. */
static const char *first_of(struct arena *arena, const char *list)
{
    return arena_strndup(arena, list, strcspn(list, ","));
}

enum err_code pg_address_of(const char *url, struct arena *arena, struct pg_address *ret_address,
                            struct err *err)
{
    struct pg_address address = {.host = "localhost", .port = "5432"};
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);

    if (!options) {
        PQfreemem(why); /* it may repeat the password */
        return err_set(err, ERR_CONFIG, "is neither a PostgreSQL URI nor a conninfo");
    }
    for (const PQconninfoOption *option = options; option->keyword; option++) {
        if (!option->val || !*option->val)
            continue;
        if (text_equal(option->keyword, "host") && *option->val != '/')
            address.host = first_of(arena, option->val);
        else if (text_equal(option->keyword, "port"))
            address.port = first_of(arena, option->val);
        else if (text_equal(option->keyword, "dbname"))
            address.database = arena_strdup(arena, option->val);
    }
    PQconninfoFree(options);
    *ret_address = address;
    return ERR_OK;
}
