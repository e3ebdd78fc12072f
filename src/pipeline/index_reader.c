#include <stdio.h>

#include "pipeline/index_run.h"

enum {
    COPY_ENTRIES_MIN = INDEX_BLOCK_ENTRIES / 2
}; /* smaller blocks are joined with their neighbours */

struct cursor {
    struct run_reader *run;
    struct key head; /* its next key */
    size_t age;      /* 0: the newest run */
};

/* The runs that have something left, but for `current`, stand in a heap: smallest key first, of
 * equal keys the newest run. */
struct index_reader {
    struct cursor *heap;
    size_t count;
    struct cursor current; /* run NULL: at the end, or not begun */
    bool begun;
    bool taken; /* current's entry was given out: it is done with */
    bool keep_removed;
    bool unique; /* no key may be in two runs */
    struct run_reader *const *runs;
    size_t run_count;
};

static bool comes_before(const struct cursor *a, const struct cursor *b)
{
    int order = key_compare(&a->head, &b->head);
    return order < 0 || (order == 0 && a->age < b->age);
}

static void sift_down(struct index_reader *reader, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= reader->count)
            return;
        if (child + 1 < reader->count &&
            comes_before(&reader->heap[child + 1], &reader->heap[child]))
            child++;
        if (!comes_before(&reader->heap[child], &reader->heap[at]))
            return;
        struct cursor moved = reader->heap[at];
        reader->heap[at] = reader->heap[child];
        reader->heap[child] = moved;
        at = child;
    }
}

/* Loads the next key; *ret_more false when the run has ended. */
static enum err_code refresh(struct cursor *cursor, bool *ret_more, struct err *err)
{
    const struct key *head = NULL;
    TRY(run_reader_head(cursor->run, &head, err));
    *ret_more = head != NULL;
    if (head)
        cursor->head = *head;
    return ERR_OK;
}

struct index_reader *index_reader_new(struct run_reader *const *runs, size_t count,
                                      bool keep_removed)
{
    struct index_reader *reader = mem_zalloc(1, sizeof *reader);
    reader->heap = mem_zalloc(count + 1, sizeof *reader->heap);
    reader->runs = runs;
    reader->run_count = count;
    reader->keep_removed = keep_removed;
    return reader;
}

void index_reader_free(struct index_reader *reader)
{
    if (!reader)
        return;
    free(reader->heap);
    free(reader);
}

static void take_smallest(struct index_reader *reader)
{
    reader->current = (struct cursor){0};
    if (reader->count == 0)
        return;
    reader->current = reader->heap[0];
    reader->heap[0] = reader->heap[--reader->count];
    sift_down(reader, 0);
}

/* Of the runs in the heap, in any order. */
static void make_heap(struct index_reader *reader)
{
    for (size_t i = reader->count / 2; i-- > 0;)
        sift_down(reader, i);
    take_smallest(reader);
}

static enum err_code begin(struct index_reader *reader, struct err *err)
{
    for (size_t i = 0; i < reader->run_count; i++) {
        struct cursor cursor = {.run = reader->runs[i], .age = i};
        bool more = false;
        TRY(refresh(&cursor, &more, err));
        if (!more)
            continue;
        if (reader->count > 0 && cursor.head.form != reader->heap[0].head.form)
            return err_set(err, ERR_DATA, "%s holds other keys than the runs before it",
                           run_reader_what(cursor.run));
        reader->heap[reader->count++] = cursor;
    }
    make_heap(reader);
    reader->begun = true;
    return ERR_OK;
}

/* Passes over what older runs say of the current key. */
static enum err_code pass_hidden(struct index_reader *reader, struct err *err)
{
    while (reader->count > 0) {
        struct cursor *next = &reader->heap[0];
        if (key_compare(&next->head, &reader->current.head) != 0)
            break;
        if (reader->unique) {
            char name[128];
            index_key_describe(&next->head, name, sizeof name);
            return err_set(err, ERR_DATA, "%s comes twice", name);
        }
        run_reader_advance(next->run);
        bool more = false;
        TRY(refresh(next, &more, err));
        if (!more)
            *next = reader->heap[--reader->count];
        sift_down(reader, 0);
    }
    return ERR_OK;
}

/* The current run stands at its next key: if that comes after another run's, they change places. */
static enum err_code go_on(struct index_reader *reader, struct err *err)
{
    bool more = false;
    TRY(refresh(&reader->current, &more, err));
    if (!more) {
        take_smallest(reader);
        return ERR_OK;
    }
    if (reader->count > 0 && comes_before(&reader->heap[0], &reader->current)) {
        struct cursor next = reader->heap[0];
        reader->heap[0] = reader->current;
        reader->current = next;
        sift_down(reader, 0);
    }
    return ERR_OK;
}

/* Makes current the smallest key that was not given out yet. */
static enum err_code settle(struct index_reader *reader, struct err *err)
{
    if (!reader->begun)
        TRY(begin(reader, err));
    if (!reader->taken)
        return ERR_OK;
    run_reader_advance(reader->current.run);
    reader->taken = false;
    return go_on(reader, err);
}

enum err_code index_reader_next(struct index_reader *reader, const struct index_entry **ret_entry,
                                struct err *err)
{
    for (;;) {
        TRY(settle(reader, err));
        if (!reader->current.run) {
            *ret_entry = NULL;
            return ERR_OK;
        }
        TRY(pass_hidden(reader, err));
        const struct index_entry *entry = NULL;
        TRY(run_reader_entry(reader->current.run, &entry, err));
        /* the head may have pointed to what decoding replaced */
        reader->current.head = entry->key;
        reader->taken = true;
        if (entry->removed && !reader->keep_removed)
            continue;
        *ret_entry = entry;
        return ERR_OK;
    }
}

enum err_code index_reader_seek(struct index_reader *reader, const struct key *key, struct err *err)
{
    TRY(settle(reader, err));
    if (!reader->current.run || key_compare(&reader->current.head, key) >= 0)
        return ERR_OK;
    reader->heap[reader->count++] = reader->current;
    size_t kept = 0;
    for (size_t i = 0; i < reader->count; i++) {
        struct cursor cursor = reader->heap[i];
        bool more = false;
        TRY(run_reader_seek(cursor.run, key, err));
        TRY(refresh(&cursor, &more, err));
        if (more)
            reader->heap[kept++] = cursor;
    }
    reader->count = kept;
    make_heap(reader);
    return ERR_OK;
}

/* The block that can be copied as a whole, or NULL: all of it comes before every other run's keys.
 */
static struct index_block *whole_block(struct index_reader *reader)
{
    struct index_block *block = run_reader_block(reader->current.run);
    if (!block || block->header.entries < COPY_ENTRIES_MIN)
        return NULL;
    if (block->header.removed_bytes > 0 && !reader->keep_removed)
        return NULL;
    struct key highest = index_block_highest(block);
    if (reader->count > 0 && key_compare(&highest, &reader->heap[0].head) >= 0)
        return NULL;
    return block;
}

static enum err_code add_up_block(struct index_reader *reader, struct index_block *block,
                                  struct fingerprint *fingerprint, struct err *err)
{
    if (!index_block_decode(block))
        return err_set(err, ERR_DATA, "%s is damaged: a block does not decode",
                       run_reader_what(reader->current.run));
    for (uint32_t i = 0; i < block->header.entries; i++) {
        struct key key = index_block_key(block, i);
        if (!index_block_is_removed(block, i))
            fingerprint_add(fingerprint, &key, block->xmins[i], 1);
    }
    return ERR_OK;
}

static enum err_code merge(struct index_reader *reader, struct run_writer *writer,
                           struct fingerprint *fingerprint, struct err *err)
{
    for (;;) {
        TRY(settle(reader, err));
        if (!reader->current.run)
            return ERR_OK;
        struct index_block *block = whole_block(reader);
        if (block) {
            if (fingerprint)
                TRY(add_up_block(reader, block, fingerprint, err));
            TRY(run_writer_copy(writer, block, err));
            run_reader_skip_block(reader->current.run);
            TRY(go_on(reader, err));
            continue;
        }
        const struct index_entry *entry = NULL;
        TRY(index_reader_next(reader, &entry, err));
        if (!entry)
            return ERR_OK;
        if (fingerprint && !entry->removed)
            fingerprint_add(fingerprint, &entry->key, entry->xmin, 1);
        TRY(run_writer_add(writer, entry, err));
    }
}

enum err_code index_merge(struct run_reader *const *runs, size_t count, bool keep_removed,
                          struct run_writer *writer, struct err *err)
{
    CLEANUP(index_reader_free)
    struct index_reader *reader = index_reader_new(runs, count, keep_removed);
    return merge(reader, writer, NULL, err);
}

enum err_code index_merge_unique(struct run_reader *const *runs, size_t count,
                                 struct run_writer *writer, struct fingerprint *fingerprint,
                                 struct err *err)
{
    CLEANUP(index_reader_free)
    struct index_reader *reader = index_reader_new(runs, count, true);
    reader->unique = true;
    return merge(reader, writer, fingerprint, err);
}
