/* pg/pg.h - a connection to PostgreSQL 13 to 18, by libpq.
 *
 * Every wait can be cancelled (base/cancel.h) and ends by a deadline where one is set; a cancelled
 * statement is cancelled on the server too.  Errors carry the SQLSTATE, the server's message in one
 * line, and a hint; they never hold a password.  28xxx and 42501 become ERR_DENIED, 08xxx and 57P0x
 * ERR_UNAVAILABLE, 57014 ERR_TIMEOUT (or ERR_CANCELLED), 55P03 ERR_TIMEOUT, everything else the
 * connection's `blame` (ERR_SOURCE or ERR_WAREHOUSE).  One thread at a time.
 *
 * SQL text is a constant or built with pg_ident() and pg_literal(): `%s` inside SQL is a defect. */
#ifndef PG_PG_H
#define PG_PG_H

#include "base/buf.h"

struct pg;

struct pg_options {
    const char *url;            /* URI or conninfo; holds a secret */
    const char *role;           /* "source" or "warehouse": for messages */
    enum err_code blame;        /* ERR_SOURCE or ERR_WAREHOUSE */
    int64_t connect_timeout_us; /* 0: 10 s */
};

CHECKED enum err_code pg_open(const struct pg_options *options, struct pg **ret_pg,
                              struct err *err);
void pg_close(struct pg *pg);
DEFINE_CLEANUP(struct pg *, pg_close)
int pg_server_version(const struct pg *pg); /* 150018 */
const char *pg_database(const struct pg *pg);
const char *pg_user(const struct pg *pg);
const char *pg_where(const struct pg *pg); /* "host:port/database" for messages */

/* Where a URL or conninfo leads, without connecting: libpq's defaults where it says nothing. */
struct pg_address {
    const char *host; /* "localhost" for a socket of this machine */
    const char *port;
    const char *database; /* NULL: not said */
};
CHECKED enum err_code pg_address_of(const char *url, struct arena *arena,
                                    struct pg_address *ret_address, struct err *err);

/* Runs statements (one or several, simple protocol) whose rows nobody wants. */
CHECKED enum err_code pg_exec(struct pg *pg, const char *sql, struct err *err);
/* The same with one %-free statement and text parameters ($1…); NULL is SQL null. */
CHECKED enum err_code pg_exec_params(struct pg *pg, const char *sql, const char *const *params,
                                     size_t param_count, uint64_t *ret_affected, struct err *err);

/* A small result, held whole.  Cells are text. */
struct pg_rows;
CHECKED enum err_code pg_query(struct pg *pg, const char *sql, const char *const *params,
                               size_t param_count, struct pg_rows **ret_rows, struct err *err);
/* Several statements without parameters in one round trip: ret_rows[i] is the i-th result that has
 * rows. ERR_INTERNAL when there are not exactly `count` of them. */
CHECKED enum err_code pg_query_several(struct pg *pg, const char *sql, size_t count,
                                       struct pg_rows **ret_rows, struct err *err);
void pg_rows_free(struct pg_rows *rows);
DEFINE_CLEANUP(struct pg_rows *, pg_rows_free)
size_t pg_rows_count(const struct pg_rows *rows);
size_t pg_rows_columns(const struct pg_rows *rows);
const char *pg_rows_name(const struct pg_rows *rows, size_t column);
const char *pg_rows_text(const struct pg_rows *rows, size_t row,
                         size_t column);                                    /* NULL: SQL null */
size_t pg_rows_size(const struct pg_rows *rows, size_t row, size_t column); /* bytes of the cell */
/* A large result, a row at a time (single-row mode).  Return false to stop. */
typedef bool pg_row_fn(void *arg, const struct pg_rows *row);
CHECKED enum err_code pg_query_each(struct pg *pg, const char *sql, const char *const *params,
                                    size_t param_count, pg_row_fn *each, void *arg,
                                    struct err *err);

/* COPY … TO STDOUT.  Between begin and end nothing else may run on the connection. */
CHECKED enum err_code pg_copy_out_begin(struct pg *pg, const char *sql, struct err *err);
/* One row (text format: with its newline); data NULL at the end, after which the command's own
 * status has been checked too.  Valid until the next call. */
CHECKED enum err_code pg_copy_out_next(struct pg *pg, struct span *ret_row, struct err *err);
/* COPY … FROM STDIN. */
CHECKED enum err_code pg_copy_in_begin(struct pg *pg, const char *sql, struct err *err);
CHECKED enum err_code pg_copy_in_put(struct pg *pg, const void *data, size_t size, struct err *err);
CHECKED enum err_code pg_copy_in_end(struct pg *pg, uint64_t *ret_rows, struct err *err);

/* Gives up a COPY in either direction, or a statement, that is under way.  The transaction is
 * aborted, the connection can be used on (for a rollback) when it still stands. */
void pg_abandon(struct pg *pg);

/* Appends an identifier in double quotes / a literal in single quotes (E'' where it needs one). */
void pg_ident(struct buf *sql, const char *name);
void pg_literal(struct buf *sql, const char *text);
/* Appends "schema"."name". */
void pg_qualified(struct buf *sql, const char *schema, const char *name);

#endif
