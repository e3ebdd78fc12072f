#include "pipeline/object_writer.h"

#include <pthread.h>
#include <string.h>
#include <zstd.h>

enum {
    CHUNK_BYTES = 256 << 10, /* fits a second-level cache: JSON is compressed while it is warm */
    HOLD_MAX_BYTES = 4 << 20,
    ZSTD_LEVEL = 1,       /* faster than writing plain JSON, and 10 times smaller */
    ZSTD_WINDOW_LOG = 17, /* stays in the cache: 7 % quicker than the level's own, as small */
    ZSTD_HASH_LOG = 15,   /* another 4 % */
};

struct object_done {
    unsigned part; /* 0: an earlier attempt's */
    unsigned group;
    struct record_object object;
};

struct object_set {
    struct object_options options;
    pthread_mutex_t lock; /* guards what follows */
    unsigned next_part;
    struct object_done *done;
    size_t count;
    size_t capacity;
};

struct object_writer {
    struct object_set *set;
    char *buffer;
    size_t size;
    size_t capacity;
    /* The object under way. */
    uint64_t rows;
    uint64_t json_bytes; /* handed to the store or the compressor */
    uint64_t stored_bytes;
    unsigned part;
    unsigned group;
    struct buf key;
    struct store_writer *store_writer; /* NULL: still held in the buffer */
    bool compressed;
    ZSTD_CCtx *zstd;
    char *packed;
    struct sha256 *sha256;
};

struct object_set *object_set_new(const struct object_options *options)
{
    struct object_set *set = mem_zalloc(1, sizeof *set);

    set->options = *options;
    set->next_part = 1;
    (void)pthread_mutex_init(&set->lock, NULL);
    return set;
}

void object_set_restart(struct object_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free((void *)(uintptr_t)set->done[i].object.key);
        free((void *)(uintptr_t)set->done[i].object.sha256);
    }
    set->count = 0;
}

void object_set_free(struct object_set *set)
{
    if (!set)
        return;
    object_set_restart(set);
    free(set->done);
    (void)pthread_mutex_destroy(&set->lock);
    free(set);
}

static int by_part(const void *a, const void *b)
{
    const struct object_done *x = a, *y = b;
    int order = (x->part > y->part) - (x->part < y->part);
    return order ? order : strcmp(x->object.key, y->object.key);
}

void object_set_list(struct object_set *set, struct arena *arena,
                     struct record_object **ret_objects, size_t *ret_count)
{
    struct record_object *objects = arena_alloc(arena, (set->count + 1) * sizeof *objects);

    if (set->count)
        qsort(set->done, set->count, sizeof *set->done, by_part);
    for (size_t i = 0; i < set->count; i++) {
        objects[i] = set->done[i].object;
        objects[i].key = arena_strdup(arena, objects[i].key);
        objects[i].sha256 = arena_strdup(arena, objects[i].sha256);
    }
    *ret_objects = objects;
    *ret_count = set->count;
}

void object_set_list_group(struct object_set *set, unsigned group, struct arena *arena,
                           struct record_object **ret_objects, size_t *ret_count)
{
    size_t count = 0;

    (void)pthread_mutex_lock(&set->lock);
    struct record_object *objects = arena_alloc(arena, (set->count + 1) * sizeof *objects);
    for (size_t i = 0; i < set->count; i++) {
        if (set->done[i].group != group)
            continue;
        objects[count] = set->done[i].object;
        objects[count].key = arena_strdup(arena, objects[count].key);
        objects[count].sha256 = arena_strdup(arena, objects[count].sha256);
        count++;
    }
    (void)pthread_mutex_unlock(&set->lock);
    *ret_objects = objects;
    *ret_count = count;
}

void object_writer_set_group(struct object_writer *writer, unsigned group)
{
    writer->group = group;
}

struct object_writer *object_writer_new(struct object_set *set)
{
    struct object_writer *writer = mem_zalloc(1, sizeof *writer);

    writer->set = set;
    writer->sha256 = sha256_new();
    return writer;
}

void object_writer_free(struct object_writer *writer)
{
    if (!writer)
        return;
    store_writer_close(writer->store_writer);
    sha256_free(writer->sha256);
    (void)ZSTD_freeCCtx(writer->zstd);
    buf_release(&writer->key);
    free(writer->packed);
    free(writer->buffer);
    free(writer);
}

/* How much is held in memory before an object's kind is decided. */
static size_t hold_bytes(const struct object_options *options)
{
    uint64_t hold = options->compress_above_bytes;
    if (hold > options->part_bytes)
        hold = CHUNK_BYTES; /* will never be compressed: no reason to wait */
    if (hold > options->part_bytes)
        hold = options->part_bytes;
    return (size_t)(hold > HOLD_MAX_BYTES ? HOLD_MAX_BYTES : hold);
}

static size_t chunk_bytes(const struct object_options *options)
{
    return options->part_bytes < CHUNK_BYTES ? (size_t)options->part_bytes : CHUNK_BYTES;
}

static enum err_code begin_object(struct object_writer *writer, bool compressed, struct err *err)
{
    struct object_set *set = writer->set;

    (void)pthread_mutex_lock(&set->lock);
    writer->part = set->next_part++;
    (void)pthread_mutex_unlock(&set->lock);
    writer->compressed = compressed;
    writer->json_bytes = writer->stored_bytes = 0;
    unsigned shown = set->options.split || writer->part > 1 ? writer->part : 0;
    buf_clear(&writer->key);
    object_data_key(&set->options.names, shown, set->options.deleted, compressed, &writer->key);
    TRY(store_writer_open(set->options.store, writer->key.data, STORE_IF_ABSENT,
                          &writer->store_writer, err));
    if (!compressed)
        return ERR_OK;
    if (!writer->zstd) {
        writer->zstd = ZSTD_createCCtx();
        writer->packed = mem_alloc(ZSTD_CStreamOutSize());
    }
    (void)ZSTD_CCtx_reset(writer->zstd, ZSTD_reset_session_only);
    (void)ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    (void)ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_windowLog, ZSTD_WINDOW_LOG);
    (void)ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_hashLog, ZSTD_HASH_LOG);
    return ERR_OK;
}

static enum err_code store_bytes(struct object_writer *writer, const void *data, size_t size,
                                 struct err *err)
{
    if (size == 0)
        return ERR_OK;
    sha256_add(writer->sha256, data, size);
    writer->stored_bytes += size;
    return store_writer_add(writer->store_writer, data, size, err);
}

static enum err_code compress(struct object_writer *writer, const void *data, size_t size,
                              ZSTD_EndDirective end, struct err *err)
{
    ZSTD_inBuffer in = {data, size, 0};
    size_t left;

    do {
        ZSTD_outBuffer out = {writer->packed, ZSTD_CStreamOutSize(), 0};
        left = ZSTD_compressStream2(writer->zstd, &out, &in, end);
        if (ZSTD_isError(left))
            return err_set(err, ERR_INTERNAL, "compressing '%s': %s", writer->key.data,
                           ZSTD_getErrorName(left));
        TRY(store_bytes(writer, writer->packed, out.pos, err));
    } while (end == ZSTD_e_end ? left != 0 : in.pos < in.size);
    return ERR_OK;
}

static enum err_code write_buffer(struct object_writer *writer, struct err *err)
{
    writer->json_bytes += writer->size;
    if (writer->compressed)
        TRY(compress(writer, writer->buffer, writer->size, ZSTD_e_continue, err));
    else
        TRY(store_bytes(writer, writer->buffer, writer->size, err));
    writer->size = 0;
    return ERR_OK;
}

static void add_done(struct object_set *set, const struct object_done *done)
{
    (void)pthread_mutex_lock(&set->lock);
    set->done = mem_grow(set->done, &set->capacity, set->count + 1, sizeof *set->done);
    set->done[set->count++] = *done;
    (void)pthread_mutex_unlock(&set->lock);
}

void object_set_add(struct object_set *set, const struct record_object *objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct object_done done = {.object = objects[i]};
        done.object.key = mem_strdup(objects[i].key);
        done.object.sha256 = mem_strdup(objects[i].sha256);
        add_done(set, &done);
    }
}

static void remember_object(struct object_writer *writer)
{
    struct object_set *set = writer->set;
    char hex[SHA256_HEX_SIZE];

    sha256_finish(writer->sha256, hex);
    struct object_done done = {
        .part = writer->part,
        .group = writer->group,
        .object = {.key = mem_strdup(writer->key.data),
                   .bytes = writer->stored_bytes,
                   .rows = writer->rows,
                   .sha256 = mem_strdup(hex)},
    };
    add_done(set, &done);
}

static enum err_code end_object(struct object_writer *writer, struct err *err)
{
    TRY(write_buffer(writer, err));
    if (writer->compressed)
        TRY(compress(writer, NULL, 0, ZSTD_e_end, err));
    TRY(store_writer_commit(writer->store_writer, err));
    store_writer_close(STEAL(writer->store_writer));
    remember_object(writer);
    writer->rows = 0;
    return ERR_OK;
}

/* The buffer has no room for the next line. */
static enum err_code make_room(struct object_writer *writer, size_t size, struct err *err)
{
    const struct object_options *options = &writer->set->options;
    size_t hold = hold_bytes(options);

    if (!writer->store_writer && writer->size > hold) {
        bool compressed = options->compress_above_bytes < options->part_bytes;
        TRY(begin_object(writer, compressed, err));
    }
    if (writer->store_writer)
        TRY(write_buffer(writer, err));
    if (writer->store_writer && writer->json_bytes >= options->part_bytes)
        TRY(end_object(writer, err));
    size_t wanted = writer->size + size;
    if (wanted <= writer->capacity)
        return ERR_OK;
    size_t capacity = writer->capacity ? 2 * writer->capacity : CHUNK_BYTES / 4;
    if (capacity > hold + CHUNK_BYTES)
        capacity = hold + CHUNK_BYTES;
    if (capacity < wanted)
        capacity = wanted;
    writer->buffer = mem_realloc(writer->buffer, capacity);
    writer->capacity = capacity;
    return ERR_OK;
}

enum err_code object_writer_reserve(struct object_writer *writer, size_t size, char **ret_room,
                                    struct err *err)
{
    /* An object that is streamed goes in small pieces, whatever the buffer has grown to. */
    bool full = writer->store_writer ? writer->size >= chunk_bytes(&writer->set->options)
                                     : writer->size > hold_bytes(&writer->set->options);
    if (full || writer->size + size > writer->capacity)
        TRY(make_room(writer, size, err));
    *ret_room = writer->buffer + writer->size;
    return ERR_OK;
}

void object_writer_advance(struct object_writer *writer, size_t size)
{
    writer->size += size;
    writer->rows++;
}

enum err_code object_writer_finish(struct object_writer *writer, struct err *err)
{
    if (writer->rows == 0)
        return ERR_OK;
    if (!writer->store_writer) {
        const struct object_options *options = &writer->set->options;
        TRY(begin_object(writer, writer->size > options->compress_above_bytes, err));
    }
    return end_object(writer, err);
}
