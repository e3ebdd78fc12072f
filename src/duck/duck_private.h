/* duck/duck_private.h - what the files of duck/ share.  Included by duck/ only. */
#ifndef DUCK_DUCK_PRIVATE_H
#define DUCK_DUCK_PRIVATE_H

#include "duck/duck.h"

struct duck_watch;
struct duck_hold;

struct duck {
    struct duck_hold *hold; /* NULL: in memory */
    duckdb_database database;
    duckdb_connection connection;
    struct duck_watch *watch;
    enum err_code blame;
};

/* duck_error.c */

/* Raises DuckDB's message: its first paragraph without the query's text; the code by the kind of
 * error. */
enum err_code duck_error(const struct duck *duck, const char *message, struct err *err);
/* Is this what DuckDB says when another process has the file open? */
bool duck_error_is_lock(const char *message);
/* ERR_UNAVAILABLE naming the process, from such a message. */
enum err_code duck_error_locked(const char *path, const char *message, struct err *err);
/* The same for attaching: a file that is no database, of another version, not there. */
enum err_code duck_error_attach(const struct duck *duck, const char *path, const char *message,
                                struct err *err);

/* duck_watch.c: interrupts the connection's statement when the program is cancelled.  A thread that
 * sleeps in poll() costs nothing; executing task by task in the caller's thread would make DuckDB's
 * own threads wait for it. */
CHECKED enum err_code duck_watch_start(duckdb_connection connection, int64_t timeout_us,
                                       struct duck_watch **ret_watch, struct err *err);
void duck_watch_stop(struct duck_watch *watch);
/* From now on the statement under way has `timeout_us`; false: there is none under way any more. */
void duck_watch_time(struct duck_watch *watch, bool running);
/* True when the statement was interrupted because its time was over. */
bool duck_watch_timed_out(const struct duck_watch *watch);

/* duck_hold.c: one writer or many readers of a file within this process.  DuckDB's own lock (fcntl)
 * only works between processes; two instances on one file in one process would destroy it. */
CHECKED enum err_code duck_hold_take(const char *path, bool read_only, int64_t wait_us,
                                     struct duck_hold **ret_hold, struct err *err);
void duck_hold_release(struct duck_hold *hold);
DEFINE_CLEANUP(struct duck_hold *, duck_hold_release)

/* duck_query.c */
CHECKED enum err_code duck_prepare(struct duck *duck, const char *sql, const char *const *params,
                                   size_t param_count, duckdb_prepared_statement *ret_statement,
                                   struct err *err);

#endif
