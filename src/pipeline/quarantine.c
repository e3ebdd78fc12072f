#include "pipeline/quarantine.h"

#include "base/text.h"
#include "duck/duck.h"

struct collecting {
    struct quarantine_summary *summary;
    struct arena *arena;
    uint64_t batch;
};

static const char *text_of(struct arena *arena, const struct span *cell)
{
    return cell->data ? arena_strndup(arena, cell->data, cell->size) : "";
}

static bool take_reason(void *arg, size_t column_count, const char *const *names,
                        const struct span *cells)
{
    struct collecting *collecting = arg;
    struct quarantine_summary *summary = collecting->summary;
    struct quarantine_reason reason = {
        .batch = collecting->batch,
        .table = text_of(collecting->arena, &cells[0]),
        .reason = text_of(collecting->arena, &cells[1]),
        .keys = text_of(collecting->arena, &cells[3]),
    };

    (void)column_count, (void)names;
    (void)text_to_u64(text_of(collecting->arena, &cells[2]), &reason.rows);
    summary->reasons[summary->count++] = reason;
    return summary->count < QUARANTINE_REASONS_MAX;
}

static const char *folder_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash > path ? arena_strndup(arena, path, (size_t)(slash - path)) : "/";
}

enum err_code quarantine_summarize(struct store *processed, const struct processed_record *record,
                                   const char *work_dir, struct arena *arena,
                                   struct quarantine_summary *summary, struct err *err)
{
    CLEANUP(duck_close) struct duck *duck = NULL;
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct collecting collecting = {summary, arena, record->batch};
    const char *folders[QUARANTINE_OBJECTS_MAX + 1] = {NULL};
    size_t count = record->quarantine_count;

    if (!count || summary->count == QUARANTINE_REASONS_MAX)
        return ERR_OK;
    count = count < QUARANTINE_OBJECTS_MAX ? count : QUARANTINE_OBJECTS_MAX;
    buf_add_text(&sql, "select \"table\", reason, count(*) as n, "
                       "cast(to_json(list(key order by key)[1:3]) as varchar) from read_parquet([");
    for (size_t i = 0; i < count; i++) {
        const char *path;
        TRY(store_local_copy(processed, record->quarantine[i].key, work_dir, arena, &path, err));
        folders[i] = folder_of(arena, path);
        buf_add_text(&sql, i ? ", " : "");
        duck_literal(&sql, path);
    }
    buf_add_text(&sql, "], union_by_name = true) group by all order by n desc, 1, 2");
    const struct duck_options options = {.allowed_dirs = folders, .threads = 1};
    TRY(duck_open(&options, &duck, err));
    return duck_query_each(duck, buf_text(&sql), NULL, 0, take_reason, &collecting, err);
}
