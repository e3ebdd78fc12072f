/* warehouse/warehouse_driver.h - what a driver supplies.  Included by warehouse/ only. */
#ifndef WAREHOUSE_WAREHOUSE_DRIVER_H
#define WAREHOUSE_WAREHOUSE_DRIVER_H

#include "warehouse/warehouse.h"

struct warehouse_ops {
    const char *scheme;
    void (*close)(struct warehouse *);
    enum err_code (*ledger_head)(struct warehouse *, const char *lake, struct arena *, uint64_t *,
                                 const char **, struct err *);
    enum err_code (*begin)(struct warehouse *, const struct warehouse_batch *, struct err *);
    enum err_code (*define)(struct warehouse *, const struct warehouse_table *, size_t,
                            struct err *);
    enum err_code (*load)(struct warehouse *, const struct warehouse_table *,
                          const char *const *paths, size_t path_count, uint64_t row_count,
                          struct warehouse_load_result *, struct err *);
    enum err_code (*commit)(struct warehouse *, struct err *);
    void (*rollback)(struct warehouse *);
    enum err_code (*maintain)(struct warehouse *, unsigned *ret_done, struct err *);
    enum err_code (*prepare)(struct warehouse *, const char *name, const char *select,
                             const char *looked_up, struct err *);
    enum err_code (*query)(struct warehouse *, const char *sql, const char *const *params,
                           size_t param_count, warehouse_row_fn *, void *arg, struct err *);
    enum err_code (*is_large)(struct warehouse *, bool *ret_large, struct err *);
    /* All three, or none: nothing is left there. */
    enum err_code (*claim_answers)(struct warehouse *, const char *origin, const char *version,
                                   bool *ret_claimed, struct err *);
    enum err_code (*leave_answers)(struct warehouse *, const char *origin, const char *version,
                                   const char *text, struct err *);
    enum err_code (*find_answers)(struct warehouse *, const char *origin, struct buf *ret_text,
                                  struct err *);
};

/* First member of every driver's own struct. */
struct warehouse {
    const struct warehouse_ops *ops;
    bool in_transaction;
    char url[512];
};

#define WAREHOUSE_DRIVER(type, base) ((type *)(void *)(base))

CHECKED enum err_code postgres_warehouse_open(const struct warehouse_config *,
                                              struct warehouse **ret_warehouse, struct err *);
CHECKED enum err_code duckdb_warehouse_open(const struct warehouse_config *,
                                            struct warehouse **ret_warehouse, struct err *);

#endif
