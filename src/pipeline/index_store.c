#include "pipeline/index_store.h"

#include <string.h>

#include "base/text.h"

enum {
    FINGERPRINT_LIMIT_BYTES = 256 << 20,
    MD5_HEX = 32
};

struct index_runs {
    size_t count;
    struct store_reader **sources;
    struct run_reader **readers;
};

struct index_output {
    struct store_writer *store_writer;
    struct run_writer *run_writer;
    struct sha256 *sha256;
    uint64_t bytes;
    char *key;
};

/* --- reading --- */

static enum err_code read_source(void *arg, void *data, size_t size, size_t *ret_size,
                                 struct err *err)
{
    return store_reader_read(arg, data, size, ret_size, err);
}

enum err_code index_runs_open(struct store *store, const struct record_object *objects,
                              size_t count, struct index_runs **ret_runs, struct err *err)
{
    CLEANUP(index_runs_close) struct index_runs *runs = mem_zalloc(1, sizeof *runs);

    runs->sources = mem_zalloc(count, sizeof(struct store_reader *));
    runs->readers = mem_zalloc(count, sizeof(struct run_reader *));
    for (size_t i = 0; i < count; i++) {
        CLEANUP_IN_PLACE(buf_release) struct buf what = {0};
        enum err_code code = store_reader_open(store, objects[i].key, &runs->sources[i], err);
        if (code == ERR_NOT_FOUND) {
            (void)err_set(err, ERR_DATA, "index '%s' is gone, though a record names it",
                          objects[i].key);
            return err_hint(err, "restore it from the bucket's versions or a backup");
        }
        TRY(code);
        buf_addf(&what, "index '%s'", objects[i].key);
        runs->readers[i] = run_reader_new(what.data, read_source, runs->sources[i]);
        runs->count++;
    }
    *ret_runs = STEAL(runs);
    return ERR_OK;
}

void index_runs_close(struct index_runs *runs)
{
    if (!runs)
        return;
    for (size_t i = 0; i < runs->count; i++) {
        run_reader_free(runs->readers[i]);
        store_reader_close(runs->sources[i]);
    }
    free(runs->sources);
    free(runs->readers);
    free(runs);
}

struct run_reader *const *index_runs_readers(const struct index_runs *runs)
{
    return runs->readers;
}

size_t index_runs_count(const struct index_runs *runs)
{
    return runs->count;
}

/* --- writing --- */

static enum err_code write_output(void *arg, const void *data, size_t size, struct err *err)
{
    struct index_output *output = arg;

    sha256_add(output->sha256, data, size);
    output->bytes += size;
    return store_writer_add(output->store_writer, data, size, err);
}

enum err_code index_output_open(struct store *store, const char *key, enum key_form form,
                                struct index_output **ret_output, struct err *err)
{
    CLEANUP(index_output_close) struct index_output *output = mem_zalloc(1, sizeof *output);

    TRY(store_writer_open(store, key, STORE_IF_ABSENT, &output->store_writer, err));
    output->sha256 = sha256_new();
    output->key = mem_strdup(key);
    output->run_writer = run_writer_new(form, write_output, output);
    *ret_output = STEAL(output);
    return ERR_OK;
}

void index_output_close(struct index_output *output)
{
    if (!output)
        return;
    run_writer_free(output->run_writer);
    store_writer_close(output->store_writer);
    sha256_free(output->sha256);
    free(output->key);
    free(output);
}

struct run_writer *index_output_writer(struct index_output *output)
{
    return output->run_writer;
}

enum err_code index_output_commit(struct index_output *output, struct arena *arena,
                                  struct record_object *ret_object, struct err *err)
{
    char hex[SHA256_HEX_SIZE];
    uint64_t entries = 0;

    TRY(run_writer_finish(output->run_writer, &entries, err));
    TRY(store_writer_commit(output->store_writer, err));
    sha256_finish(output->sha256, hex);
    *ret_object = (struct record_object){.key = arena_strdup(arena, output->key),
                                         .bytes = output->bytes,
                                         .rows = entries,
                                         .sha256 = arena_strdup(arena, hex)};
    return ERR_OK;
}

/* --- fingerprints --- */

void fingerprint_parameters(const struct record_table *table, struct fingerprint *ret_parameters)
{
    *ret_parameters = (struct fingerprint){
        .form = text_equal(table->key_form, "int8") ? KEY_INT8 : KEY_TEXT,
        .function = text_equal(table->bucket_function, "range") ? BUCKET_RANGE : BUCKET_HASH,
        .bits = table->bucket_bits,
    };
}

void fingerprint_add_entry(struct fingerprint *fingerprint, const struct key *key, uint32_t xmin,
                           bool keyless, int sign)
{
    struct key hashed = *key;

    if (keyless && hashed.text.size > MD5_HEX)
        hashed.text.size = MD5_HEX;
    fingerprint_add(fingerprint, &hashed, xmin, sign);
}

bool record_table_is_keyless(const struct record_table *table)
{
    return table->column_count > 0 && table->columns[0].number == 0;
}

enum err_code index_add_up(struct store *store, const struct record_object *runs, size_t count,
                           bool keyless, struct fingerprint *fingerprint, struct err *err)
{
    CLEANUP(index_runs_close) struct index_runs *opened = NULL;
    CLEANUP(index_reader_free) struct index_reader *reader = NULL;

    TRY(index_runs_open(store, runs, count, &opened, err));
    reader = index_reader_new(opened->readers, opened->count, false);
    for (;;) {
        const struct index_entry *entry = NULL;
        TRY(index_reader_next(reader, &entry, err));
        if (!entry)
            break;
        if (entry->key.form != fingerprint->form)
            return err_set(err, ERR_DATA, "index '%s' holds other keys than its record says",
                           runs[0].key);
        fingerprint_add_entry(fingerprint, &entry->key, entry->xmin, keyless, 1);
    }
    (void)fingerprint_settle(fingerprint);
    return ERR_OK;
}

enum err_code index_span(struct store *store, const struct record_object *runs, size_t count,
                         int64_t *ret_lowest, int64_t *ret_highest, uint64_t *ret_entries,
                         struct err *err)
{
    CLEANUP(index_runs_close) struct index_runs *opened = NULL;
    CLEANUP(index_reader_free) struct index_reader *reader = NULL;
    int64_t lowest = 0, highest = -1;
    uint64_t entries = 0;

    TRY(index_runs_open(store, runs, count, &opened, err));
    reader = index_reader_new(opened->readers, opened->count, false);
    for (;; entries++) {
        const struct index_entry *entry = NULL;
        TRY(index_reader_next(reader, &entry, err));
        if (!entry)
            break;
        lowest = entries ? lowest : entry->key.number;
        highest = entry->key.number;
    }
    *ret_lowest = lowest;
    *ret_highest = highest;
    *ret_entries = entries;
    return ERR_OK;
}

void fingerprint_ignore_keys(struct fingerprint *fingerprint)
{
    for (size_t i = 0; i < fingerprint->count; i++)
        fingerprint->buckets[i].key_sum = 0;
}

static enum err_code load_object(struct store *store, const struct record_object *object,
                                 struct fingerprint *fingerprint, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    char hex[SHA256_HEX_SIZE];

    TRY(store_get(store, object->key, FINGERPRINT_LIMIT_BYTES, &bytes, err));
    sha256_of(buf_text(&bytes), bytes.size, hex);
    if (!text_equal(hex, object->sha256))
        return err_set(err, ERR_DATA, "'%s' is not what its record says: another SHA-256",
                       object->key);
    return fingerprint_decode(object->key, bytes.data, bytes.size, fingerprint, err);
}

enum err_code fingerprint_load(struct store *store, const struct record_table *table,
                               struct fingerprint *ret_fingerprint, struct err *err)
{
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint loaded;

    fingerprint_parameters(table, &loaded);
    if (!table->fingerprint.key) {
        TRY(index_add_up(store, table->index, table->index_count, record_table_is_keyless(table),
                         &loaded, err));
    } else {
        struct fingerprint parameters = loaded;
        TRY(load_object(store, &table->fingerprint, &loaded, err));
        if (loaded.form != parameters.form || loaded.function != parameters.function ||
            loaded.bits != parameters.bits)
            return err_set(err, ERR_DATA, "'%s' has other parameters than its record",
                           table->fingerprint.key);
    }
    *ret_fingerprint = loaded;
    loaded.buckets = NULL;
    return ERR_OK;
}

enum err_code fingerprint_store(struct store *store, const char *key,
                                const struct fingerprint *fingerprint, struct arena *arena,
                                struct record_object *ret_object, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    char hex[SHA256_HEX_SIZE];

    fingerprint_encode(fingerprint, &bytes);
    TRY(store_put(store, key, (struct span){bytes.data, bytes.size}, STORE_IF_ABSENT, err));
    sha256_of(bytes.data, bytes.size, hex);
    *ret_object = (struct record_object){.key = arena_strdup(arena, key),
                                         .bytes = bytes.size,
                                         .rows = fingerprint->count,
                                         .sha256 = arena_strdup(arena, hex)};
    return ERR_OK;
}
