#include "pipeline/change_log.h"

#include <inttypes.h>
#include <string.h>

void row_output_init(struct row_output *output, struct object_set *set,
                     const struct record_column *columns, size_t count)
{
    output->json = row_json_new(columns, count);
    output->writer = object_writer_new(set);
}

void row_output_release(struct row_output *output)
{
    row_json_free(output->json);
    object_writer_free(output->writer);
    *output = (struct row_output){0};
}

enum err_code row_output_put(struct row_output *output, const struct span *fields, size_t size,
                             struct err *err)
{
    char *room = NULL;

    TRY(object_writer_reserve(output->writer, row_json_limit(output->json, size), &room, err));
    char *end = row_json_put(output->json, fields, room);
    object_writer_advance(output->writer, (size_t)(end - room));
    return ERR_OK;
}

void change_log_init(struct change_log *log, struct table_capture *capture)
{
    const struct source_table *source = capture->source;

    *log = (struct change_log){.capture = capture};
    row_output_init(&log->rows, capture->objects, source->record.columns,
                    source->record.column_count);
    row_output_init(&log->keys, capture->deleted, source->key_columns, source->record.key_count);
    log->entries =
        run_sorter_new(source->form, capture->batch->work_dir, capture_sorter_bytes(capture));
    log->key_fields = mem_zalloc(source->record.key_count, sizeof *log->key_fields);
}

void change_log_release(struct change_log *log)
{
    row_output_release(&log->rows);
    row_output_release(&log->keys);
    run_sorter_free(log->entries);
    free(log->deleted_from);
    free(log->key_fields);
    buf_release(&log->key_text);
    *log = (struct change_log){0};
}

static enum err_code add_entry(struct change_log *log, const struct source_row *row, uint64_t batch,
                               struct err *err)
{
    struct index_entry entry = {
        .key = row->key, .xmin = row->xmin, .content = row->content, .batch = batch};
    return run_sorter_add(log->entries, &entry, err);
}

enum err_code change_log_put(struct change_log *log, const struct source_row *row, struct err *err)
{
    log->changed++;
    TRY(row_output_put(&log->rows, row->fields, row->size, err));
    return add_entry(log, row, log->capture->batch->batch, err);
}

enum err_code change_log_renew(struct change_log *log, const struct source_row *row, uint64_t batch,
                               struct err *err)
{
    log->renewed++;
    return add_entry(log, row, batch, err);
}

/* The key's columns as COPY would write them; returns their size. */
static size_t key_as_fields(struct change_log *log, const struct key *key)
{
    size_t count = log->capture->source->record.key_count;

    buf_clear(&log->key_text);
    if (key->form == KEY_INT8) {
        buf_addf(&log->key_text, "%" PRId64, key->number);
        log->key_fields[0] = (struct span){log->key_text.data, log->key_text.size};
        return log->key_text.size;
    }
    /* Escaping grows each byte to two at most: with this room nothing moves while fields point to
     * it. */
    (void)buf_reserve(&log->key_text, 2 * key->text.size + 1);
    const char *at = key->text.data, *end = key->text.data + key->text.size;
    for (size_t i = 0; i < count; i++) {
        const char *zero = i + 1 < count && at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;
        size_t size = (size_t)((zero ? zero : end) - at);
        size_t start = log->key_text.size;
        copy_escape(&log->key_text, (struct span){at, size});
        log->key_fields[i] = (struct span){log->key_text.data + start, log->key_text.size - start};
        at += size + (zero ? 1 : 0);
    }
    return log->key_text.size;
}

static void note_source(struct change_log *log, uint64_t batch)
{
    size_t low = 0, high = log->from_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->deleted_from[middle] < batch)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < log->from_count && log->deleted_from[low] == batch)
        return;
    log->deleted_from = mem_grow(log->deleted_from, &log->from_capacity, log->from_count + 1,
                                 sizeof *log->deleted_from);
    memmove(log->deleted_from + low + 1, log->deleted_from + low,
            (log->from_count - low) * sizeof *log->deleted_from);
    log->deleted_from[low] = batch;
    log->from_count++;
}

enum err_code change_log_delete(struct change_log *log, const struct index_entry *entry,
                                struct err *err)
{
    struct index_entry removed = *entry;

    removed.removed = true;
    log->deleted++;
    note_source(log, entry->batch);
    size_t size = key_as_fields(log, &entry->key);
    TRY(row_output_put(&log->keys, log->key_fields, size, err));
    return run_sorter_add(log->entries, &removed, err);
}

enum err_code change_log_finish(struct change_log *log, struct fingerprint *fingerprint,
                                struct err *err)
{
    struct record_table *record = &log->capture->record;
    struct arena *arena = log->capture->arena;

    TRY(object_writer_finish(log->rows.writer, err));
    TRY(object_writer_finish(log->keys.writer, err));
    record->changed = log->changed;
    record->deleted = log->deleted;
    record->deleted_from = arena_alloc(arena, (log->from_count + 1) * sizeof *record->deleted_from);
    record->deleted_from_count = log->from_count;
    if (log->from_count)
        memcpy(record->deleted_from, log->deleted_from,
               log->from_count * sizeof *record->deleted_from);
    capture_list_objects(log->capture);
    if (log->changed || log->deleted || log->renewed)
        return capture_write_state(log->capture, log->entries, fingerprint, err);
    if (log->capture->old) {
        capture_carry_over(log->capture);
        return ERR_OK;
    }
    return capture_write_fingerprint(log->capture, fingerprint, err);
}
