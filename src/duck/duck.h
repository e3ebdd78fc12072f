/* duck/duck.h - DuckDB in process, locked down.
 *
 * A database is opened with a memory limit, threads, a temporary folder and the folders it may
 * touch; external access is off, extensions cannot be installed or loaded, and the configuration is
 * locked. Sessions: preserve_insertion_order on, TimeZone UTC, errors without the query's text
 * where it may hold data.  Errors are ERR_TRANSFORM unless told otherwise; out of memory and disk
 * full name the setting to change.  Statements are interrupted when the program is cancelled.  One
 * thread at a time. */
#ifndef DUCK_DUCK_H
#define DUCK_DUCK_H

#include <duckdb.h>

#include "base/buf.h"

struct duck;

/* The catalog's name of a database that is a file, whatever the file is called. */
#define DUCK_FILE_CATALOG "tote_file"

struct duck_options {
    const char *path; /* database file, or NULL: in memory */
    bool read_only;
    uint64_t memory_bytes;           /* 0: 512 MiB */
    unsigned threads;                /* 0: as many as cores */
    const char *temp_dir;            /* for spilling; NULL: none (fails instead) */
    const char *const *allowed_dirs; /* NULL-terminated */
    enum err_code blame;             /* ERR_TRANSFORM or ERR_WAREHOUSE; 0: ERR_TRANSFORM */
    int64_t lock_wait_us;            /* how long to wait for another process that holds the file */
    int64_t statement_timeout_us;    /* of each duck_query with its rows; 0: none */
};

CHECKED enum err_code duck_open(const struct duck_options *options, struct duck **ret_duck,
                                struct err *err);
void duck_close(struct duck *duck);
DEFINE_CLEANUP(struct duck *, duck_close)
duckdb_connection duck_connection(struct duck *duck);

/* Runs one or several statements whose rows nobody wants. *ret_changed may be NULL. */
CHECKED enum err_code duck_exec(struct duck *duck, const char *sql, uint64_t *ret_changed,
                                struct err *err);

/* A result as a stream of chunks. */
struct duck_result;
CHECKED enum err_code duck_query(struct duck *duck, const char *sql, const char *const *params,
                                 size_t param_count, struct duck_result **ret_result,
                                 struct err *err);
void duck_result_free(struct duck_result *result);
DEFINE_CLEANUP(struct duck_result *, duck_result_free)
size_t duck_result_columns(const struct duck_result *result);
const char *duck_result_name(const struct duck_result *result, size_t column);
duckdb_logical_type duck_result_type(const struct duck_result *result,
                                     size_t column); /* borrowed */
/* NULL at the end; valid until the next call. */
CHECKED enum err_code duck_result_next(struct duck_result *result, duckdb_data_chunk *ret_chunk,
                                       struct err *err);

/* Small results as text.  Cells are NULL data for SQL null.  Return false to stop. */
typedef bool duck_row_fn(void *arg, size_t column_count, const char *const *names,
                         const struct span *cells);
CHECKED enum err_code duck_query_each(struct duck *duck, const char *sql, const char *const *params,
                                      size_t param_count, duck_row_fn *each, void *arg,
                                      struct err *err);
/* One number; ERR_INTERNAL when the result is not one row with one column. */
CHECKED enum err_code duck_query_i64(struct duck *duck, const char *sql, int64_t *ret_value,
                                     struct err *err);

void duck_ident(struct buf *sql, const char *name);   /* appends "name" */
void duck_literal(struct buf *sql, const char *text); /* appends 'text' */

#endif
