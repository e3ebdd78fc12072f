#include "pipeline/capture_resume.h"

#include <string.h>

#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "pipeline/ingest_decide.h"

enum {
    NOTES_MAX = 512,
    NOTE_LIMIT_BYTES = 4 << 20,
    NOTED_ABOVE_BYTES = 8 << 20, /* a range below this is as quickly read again */
};

struct resume_note {
    const char *key;
    unsigned range;
    unsigned ranges;
    uint64_t pages;
    const struct record *record;
};

/* Notes of one division, the newest first. */
struct capture_resume {
    struct resume_note *notes;
    size_t count;
};

/* --- names --- */

/* An attempt names its own objects only: the table's, the batch's, its own. */
static bool are_its_own(const struct table_capture *capture, const struct record *note)
{
    CLEANUP_IN_PLACE(buf_release) struct buf index = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf data = {0};
    struct object_names names = capture->names;
    const struct record_table *table = &note->tables[0];

    names.attempt = note->attempt;
    names.captured_us = note->captured_us;
    object_index_prefix(&names, &index);
    object_data_prefix(&names, &data);
    for (size_t i = 0; i < table->index_count; i++)
        if (!text_starts(table->index[i].key, index.data))
            return false;
    for (size_t i = 0; i < table->object_count; i++)
        if (!text_starts(table->objects[i].key, data.data))
            return false;
    return true;
}

/* --- finding --- */

static bool are_same_columns(const struct record_table *a, const struct record_table *b)
{
    if (a->column_count != b->column_count || a->key_count != b->key_count)
        return false;
    for (size_t i = 0; i < a->column_count; i++) {
        const struct record_column *x = &a->columns[i], *y = &b->columns[i];
        if (x->number != y->number || x->typmod != y->typmod || !text_equal(x->name, y->name) ||
            !text_equal(x->lake_name, y->lake_name) || !text_equal(x->type, y->type))
            return false;
    }
    for (size_t i = 0; i < a->key_count; i++)
        if (!text_equal(a->key[i], b->key[i]))
            return false;
    return true;
}

/* What is wrong with a note, or NULL. */
static const char *find_fault(const struct table_capture *capture, const struct record *note)
{
    const struct capture_batch *batch = capture->batch;
    const struct record_table *source = &capture->source->record, *table = &note->tables[0];

    if (!text_equal(note->kind, "part") || note->table_count != 1)
        return "it is no note";
    if (!text_equal(note->program, batch->program))
        return "another version of tote wrote it";
    if (note->batch != batch->batch || !text_equal(table->name, source->name))
        return "it is of another batch or table";
    if (!decide_fingerprints_hold(batch, note))
        return "it is of another source, or the source was restored since";
    if (!text_equal(table->shape, source->shape) || !are_same_columns(table, source))
        return "the table was altered since";
    if (!text_equal(table->key_form, capture->source->form == KEY_INT8 ? "int8" : "text") ||
        table->deleted_object_count)
        return "it is not of a first load";
    if (!are_its_own(capture, note))
        return "it names objects of others";
    return NULL;
}

/* Which range, from the end of the key: -<range>-<ranges>-<pages>.part. */
static bool parse_key(const struct table_capture *capture, struct resume_note *note)
{
    CLEANUP_IN_PLACE(buf_release) struct buf expected = {0};
    struct object_names names = capture->names;
    uint64_t numbers[3];
    const char *end = note->key + strlen(note->key);

    for (size_t i = COUNT_OF(numbers); i-- > 0;) {
        char digits[24];
        const char *start = end;
        while (start > note->key && start[-1] != '-')
            start--;
        size_t size = strspn(start, "0123456789");
        if (size == 0 || size >= sizeof digits)
            return false;
        memcpy(digits, start, size);
        digits[size] = '\0';
        if (!text_to_u64(digits, &numbers[i]))
            return false;
        end = start - 1;
    }
    if (numbers[1] > CAPTURE_RANGES_MAX || numbers[0] >= numbers[1])
        return false;
    note->range = (unsigned)numbers[0];
    note->ranges = (unsigned)numbers[1];
    note->pages = numbers[2];
    names.attempt = note->record->attempt;
    object_part_key(&names, note->range, note->ranges, note->pages, &expected);
    return text_equal(note->key, expected.data);
}

static enum err_code read_note(const struct table_capture *capture, struct resume_note *note,
                               bool *ret_good, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct record *record = NULL;
    const char *fault;

    *ret_good = false;
    TRY(store_get(capture->batch->store, note->key, NOTE_LIMIT_BYTES, &text, err));
    TRY(record_parse(buf_text(&text), text.size, capture->arena, &record, err));
    note->record = record;
    fault = find_fault(capture, record);
    if (!fault && !parse_key(capture, note))
        fault = "its name is not its own";
    if (fault)
        log_debug("'%s' is not used: %s", note->key, fault);
    *ret_good = !fault;
    return ERR_OK;
}

/* A note that cannot be used is as good as none; only an interruption counts. */
static enum err_code forgive(const char *key, struct err *err)
{
    if (err->code == ERR_CANCELLED)
        return err->code;
    log_debug("'%s' is not used: %s", key, err->message);
    *err = (struct err){0};
    return ERR_OK;
}

struct listing {
    struct table_capture *capture;
    struct capture_resume *resume;
};

static bool collect(void *arg, const char *key, const struct store_info *info)
{
    struct listing *listing = arg;
    struct capture_resume *resume = listing->resume;

    (void)info;
    if (text_ends(key, ".part"))
        resume->notes[resume->count++].key = arena_strdup(listing->capture->arena, key);
    return resume->count < NOTES_MAX;
}

static int newest_first(const void *a, const void *b)
{
    const struct resume_note *x = a, *y = b;
    return (x->record->captured_us < y->record->captured_us) -
           (x->record->captured_us > y->record->captured_us);
}

/* Leaves the notes that are divided as the newest one. */
static void keep_one_division(struct capture_resume *resume)
{
    size_t kept = 0;

    qsort(resume->notes, resume->count, sizeof *resume->notes, newest_first);
    for (size_t i = 0; i < resume->count; i++)
        if (resume->notes[i].ranges == resume->notes[0].ranges &&
            resume->notes[i].pages == resume->notes[0].pages)
            resume->notes[kept++] = resume->notes[i];
    resume->count = kept;
}

enum err_code capture_resume_find(struct table_capture *capture, size_t *ret_ranges,
                                  uint64_t *ret_pages, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf prefix = {0};
    struct capture_resume *resume = arena_alloc(capture->arena, sizeof *resume);
    struct object_names names = capture->names;
    size_t good_count = 0;

    *ret_ranges = 0;
    if (!decide_can_fingerprint(capture->batch, capture->source))
        return ERR_OK;
    resume->notes = arena_alloc(capture->arena, NOTES_MAX * sizeof *resume->notes);
    names.attempt = "";
    object_index_prefix(&names, &prefix);
    TRY(store_list(capture->batch->store, prefix.data, NULL, collect,
                   &(struct listing){capture, resume}, err));
    for (size_t i = 0; i < resume->count; i++) {
        bool good = false;
        if (read_note(capture, &resume->notes[i], &good, err) != ERR_OK)
            TRY(forgive(resume->notes[i].key, err));
        if (good)
            resume->notes[good_count++] = resume->notes[i];
    }
    resume->count = good_count;
    if (good_count == 0)
        return ERR_OK;
    keep_one_division(resume);
    capture->resume = resume;
    *ret_ranges = resume->notes[0].ranges;
    *ret_pages = resume->notes[0].pages;
    return ERR_OK;
}

/* --- taking --- */

static enum err_code check_object(struct store *store, const struct record_object *object,
                                  struct err *err)
{
    char sha256[SHA256_HEX_SIZE];
    uint64_t bytes = 0;

    TRY(store_digest(store, object->key, object->bytes, &bytes, sha256, err));
    if (bytes != object->bytes || !text_equal(sha256, object->sha256))
        return err_set(err, ERR_DATA, "'%s' is not what the note of its part says", object->key);
    return ERR_OK;
}

/* The range's fingerprint, added up from the note's runs; whether the server's is the same. */
static enum err_code check_note(struct table_capture *capture, struct capture_range *range,
                                const struct record_table *table,
                                const struct fingerprint_bucket *server, struct err *err)
{
    struct store *store = capture->batch->store;

    if (table->rows != server->count || table->changed != server->count)
        return err_set(err, ERR_DATA, "rows were added or deleted since");
    for (size_t i = 0; i < table->index_count; i++)
        TRY(check_object(store, &table->index[i], err));
    if (table->index_count)
        TRY(index_add_up(store, table->index, table->index_count, false, &range->fingerprint, err));
    struct fingerprint_bucket ours = fingerprint_total(&range->fingerprint);
    if (ours.count != server->count || ours.version_sum != server->version_sum)
        return err_set(err, ERR_DATA, "rows were changed since");
    for (size_t i = 0; i < table->object_count; i++)
        TRY(check_object(store, &table->objects[i], err));
    return ERR_OK;
}

static void keep_part(struct table_capture *capture, struct capture_range *range,
                      const struct record_table *table)
{
    object_set_add(capture->objects, table->objects, table->object_count);
    for (size_t i = 0; i < table->index_count; i++)
        range->runs[range->run_count++] = table->index[i];
    range->rows = table->rows;
    range->kept = true;
    progress_add(table->rows, 0);
}

enum err_code capture_resume_take(struct table_capture *capture, struct pg *pg, size_t number,
                                  bool *ret_kept, struct err *err)
{
    struct capture_range *range = &capture->ranges[number];
    const struct capture_resume *resume = capture->resume;
    struct fingerprint_bucket server = {0};
    bool asked = false;

    *ret_kept = false;
    for (size_t i = 0; resume && i < resume->count; i++) {
        const struct resume_note *note = &resume->notes[i];
        const struct record_table *table = &note->record->tables[0];
        if (note->range != number || table->index_count > CAPTURE_RUNS_MAX)
            continue;
        if (!asked)
            TRY(capture_ask_total(capture, pg, number, &server, err));
        asked = true;
        if (check_note(capture, range, table, &server, err) == ERR_OK) {
            log_debug("'%s' is kept", note->key);
            keep_part(capture, range, table);
            *ret_kept = true;
            return ERR_OK;
        }
        fingerprint_release(&range->fingerprint);
        TRY(forgive(note->key, err));
    }
    return ERR_OK;
}

/* --- leaving --- */

enum err_code capture_resume_note(struct table_capture *capture, size_t number, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    CLEANUP(arena_free) struct arena *arena = NULL;
    struct capture_range *range = &capture->ranges[number];
    struct record_table table = capture->source->record;
    struct record note;

    if (capture->source->size_bytes / capture->range_count < NOTED_ABOVE_BYTES ||
        !decide_can_fingerprint(capture->batch, capture->source))
        return ERR_OK;
    arena = arena_new(0);
    table.rows = table.changed = range->rows;
    object_set_list_group(capture->objects, (unsigned)number + 1, arena, &table.objects,
                          &table.object_count);
    table.compare = "full";
    table.full_compare_us = capture->batch->facts->captured_us;
    table.key_form = capture->record.key_form;
    table.bucket_function = range->fingerprint.function == BUCKET_RANGE ? "range" : "hash";
    table.bucket_bits = range->fingerprint.bits;
    table.index = range->runs;
    table.index_count = range->run_count;
    capture_describe_batch(capture->batch, &note);
    note.kind = "part";
    note.tables = &table;
    note.table_count = 1;
    record_write(&note, &text);
    object_part_key(&capture->names, (unsigned)number, (unsigned)capture->range_count,
                    capture->divided_pages, &key);
    return store_put(capture->batch->store, key.data, (struct span){text.data, text.size},
                     STORE_IF_ABSENT, err);
}
