/* lib/small_lake.h - a small ingestion bucket whose batches are written by hand, the models that
 * process it, and what came out.  Real stores, real DuckDB. */
#ifndef LIB_SMALL_LAKE_H
#define LIB_SMALL_LAKE_H

#include "base/file.h"
#include "duck/duck.h"
#include "pipeline/process.h"
#include "pipeline/processed_record.h"
#include "pipeline/record.h"

struct small_lake {
    struct arena *arena;
    struct work_dir *work;
    const char *dir;
    struct store *ingestion;
    struct store *processed;
    struct duck *duck;
    uint64_t batch;
    struct record_table tables[2];
    size_t table_count; /* that the source has */
};

/* Where the tables stand in `tables`. */
enum {
    KIND,
    ITEM
};

/* Rows of theirs, as ingest writes them. */
#define KINDS_1 "{\"kind_id\":1,\"label\":\"one\"}\n{\"kind_id\":2,\"label\":\"\"}\n"
#define ITEM_1                                                                         \
    "{\"item_id\":1,\"kind_id\":1,\"price\":\"99999999.99\",\"day\":\"2024-02-29\","   \
    "\"made\":\"2024-11-15 14:40:00.000000\",\"seen\":\"0001-01-01 00:00:00.000001\"," \
    "\"raw\":\"\\\\x00ff\",\"born\":\"9999-12-31\",\"ratio\":\"NaN\"}\n"
#define ITEM_2                                                                                   \
    "{\"item_id\":2,\"kind_id\":2,\"price\":\"-0.50\",\"day\":null,\"made\":null,\"seen\":null," \
    "\"raw\":\"\\\\x\",\"born\":null,\"ratio\":0.1}\n"

/* The model dim_pair as it is at first. */
#define DIM_PAIR                                    \
    "-- kind: dimension\n-- key: item_id\n"         \
    "select i.item_id, k.label from source.item i " \
    "join source.kind k on k.kind_id = i.kind_id\n"

/* What a batch brings. */
struct change {
    const char *kinds; /* lines of JSON, or NULL */
    const char *items;
    const char *deleted_items; /* keys */
    const char *deleted_kinds;
    uint64_t deleted_from;
};

int set_up(void **state);
int tear_down(void **state);
/* Writes models/<name>. */
void put_model(struct small_lake *fixture, const char *name, const char *text);
/* Commits one batch. */
void ingest(struct small_lake *fixture, struct change change);
struct record_object *put_object(struct small_lake *fixture, const char *table, const char *ending,
                                 const char *lines);
enum err_code run(struct small_lake *fixture, struct err *err);
void must_run(struct small_lake *fixture);
/* The newest record of the processed bucket; a table of it. */
struct processed_record *head(struct small_lake *fixture);
const struct processed_table *table_of(struct small_lake *fixture, const char *kind,
                                       const char *name);
/* Rows as text: "a|b\n". */
void expect_rows(struct small_lake *fixture, const char *sql, const char *expected);
/* `select` over the objects that load would read. */
void expect_objects(struct small_lake *fixture, const struct record_object *objects, size_t count,
                    const char *select, const char *rest, const char *expected);
void expect(struct small_lake *fixture, const char *kind, const char *name, const char *select,
            const char *expected);
void expect_quarantine(struct small_lake *fixture, const char *expected);

#endif
