/* pg/pg_priv.h - what the files of pg/ share about a connection.  Included by pg/ only. */
#ifndef PG_PG_PRIV_H
#define PG_PG_PRIV_H

#include <libpq-fe.h>

#include "pg/pg.h"

enum pg_state {
    PG_IDLE,
    PG_BUSY, /* results of a statement are to come */
    PG_COPY_OUT,
    PG_COPY_IN,
};

struct pg {
    PGconn *connection;
    enum pg_state state;
    enum err_code blame;
    char role[32];
    char where[320];
    char *copy_row; /* PQfreemem() */
};

struct pg_rows {
    PGresult *result;
};

static inline void pg_result_clear_p(PGresult **result)
{
    PQclear(*result);
}

/* Raises what the server said about a statement. */
enum err_code pg_result_error(const struct pg *pg, const PGresult *result, struct err *err);
/* Raises the connection's own trouble: lost, or out of step. */
enum err_code pg_connection_error(struct pg *pg, struct err *err);
/* Raises why no connection came about. */
enum err_code pg_connect_error(const struct pg *pg, struct err *err);

/* Waits until the socket is readable (or, with `write`, writable as well), the program is cancelled
 * or the deadline (monotonic; 0: none) has come. */
CHECKED enum err_code pg_wait(struct pg *pg, bool write, int64_t deadline_us, struct err *err);
/* Hands everything that libpq buffers to the kernel. */
CHECKED enum err_code pg_flush(struct pg *pg, struct err *err);
/* The next result of the statement under way, NULL after the last. */
CHECKED enum err_code pg_next_result(struct pg *pg, PGresult **ret_result, struct err *err);
/* Checks that a statement may begin: not cancelled, nothing left over. */
CHECKED enum err_code pg_ready(struct pg *pg, const char *what, struct err *err);
/* Sends a statement and leaves the connection busy. */
CHECKED enum err_code pg_send(struct pg *pg, const char *sql, const char *const *params,
                              size_t param_count, struct err *err);
/* Takes all results that are left and throws them away; returns the first error among them. */
CHECKED enum err_code pg_finish(struct pg *pg, struct err *err);

#endif
