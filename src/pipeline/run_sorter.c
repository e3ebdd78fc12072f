#include <assert.h>

#include "pipeline/index_run.h"
#include "pipeline/run_spill.h"

enum {
    FAN_IN = 32,        /* runs of a sorter that are merged at once */
    FAN_IN_FINISH = 64, /* of all sorters together, in the end */
};

/* An entry held in memory.  `order` sorts as the key does; of text keys it is the first 8 bytes. */
struct item {
    uint64_t order;
    uint64_t content;
    uint64_t batch;
    uint32_t xmin;
    uint32_t text_offset;
    uint32_t text_size;
    bool removed;
};

struct finished_run {
    uint64_t start; /* in the spill */
    uint64_t end;
    unsigned level; /* merged so many times: only equals are merged, so that each entry is written
                       once a level */
};

struct run_sorter {
    enum key_form form;
    size_t memory_bytes;
    struct run_spill spill;
    struct run_writer *writer; /* of the run under way, or NULL */
    uint64_t writer_start;
    struct finished_run *runs;
    size_t run_count;
    size_t run_capacity;
    struct item *items; /* that came out of order */
    size_t item_count;
    size_t item_capacity;
    struct buf text; /* their keys */
};

struct run_sorter *run_sorter_new(enum key_form form, const char *work_dir, size_t memory_bytes)
{
    struct run_sorter *sorter = mem_zalloc(1, sizeof *sorter);
    sorter->form = form;
    sorter->memory_bytes = memory_bytes < INT32_MAX ? memory_bytes : INT32_MAX;
    run_spill_init(&sorter->spill, work_dir);
    return sorter;
}

void run_sorter_free(struct run_sorter *sorter)
{
    if (!sorter)
        return;
    run_spill_release(&sorter->spill);
    run_writer_free(sorter->writer);
    free(sorter->runs);
    free(sorter->items);
    buf_release(&sorter->text);
    free(sorter);
}

static void add_run(struct run_sorter *sorter, uint64_t start, unsigned level)
{
    sorter->runs =
        mem_grow(sorter->runs, &sorter->run_capacity, sorter->run_count + 1, sizeof *sorter->runs);
    sorter->runs[sorter->run_count++] =
        (struct finished_run){start, run_spill_size(&sorter->spill), level};
}

/* --- reading finished runs --- */

struct run_set {
    struct run_spill_range ranges[FAN_IN_FINISH];
    struct run_reader *readers[FAN_IN_FINISH];
    size_t count;
};

static void run_set_release(struct run_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        run_reader_free(set->readers[i]);
}

static void run_set_add(struct run_set *set, struct run_sorter *sorter, size_t from)
{
    for (size_t i = from; i < sorter->run_count; i++) {
        assert(set->count < FAN_IN_FINISH);
        struct run_spill_range *range = &set->ranges[set->count];
        *range =
            (struct run_spill_range){&sorter->spill, sorter->runs[i].start, sorter->runs[i].end};
        set->readers[set->count++] =
            run_reader_new("a run of the index under way", run_spill_read, range);
    }
}

/* Makes one of the runs from the given one on. */
static enum err_code merge_tail(struct run_sorter *sorter, size_t from, struct err *err)
{
    uint64_t start = run_spill_size(&sorter->spill);
    unsigned level = sorter->runs[from].level + 1;
    CLEANUP_IN_PLACE(run_set_release) struct run_set set = {.count = 0};
    run_set_add(&set, sorter, from);
    CLEANUP(run_writer_free)
    struct run_writer *writer = run_writer_new(sorter->form, run_spill_write, &sorter->spill);
    TRY(index_merge_unique(set.readers, set.count, writer, NULL, err));
    TRY(run_writer_finish(writer, NULL, err));
    for (size_t i = from; i < sorter->run_count; i++)
        run_spill_discard(&sorter->spill, sorter->runs[i].start, sorter->runs[i].end);
    sorter->run_count = from;
    add_run(sorter, start, level);
    return ERR_OK;
}

/* The first of the last runs that share a level. */
static size_t tail_start(const struct run_sorter *sorter)
{
    size_t start = sorter->run_count;
    unsigned level = sorter->runs[start - 1].level;
    while (start > 0 && sorter->runs[start - 1].level == level)
        start--;
    return start;
}

/* --- making runs --- */

static void open_run(struct run_sorter *sorter)
{
    sorter->writer_start = run_spill_size(&sorter->spill);
    sorter->writer = run_writer_new(sorter->form, run_spill_write, &sorter->spill);
}

static enum err_code close_run(struct run_sorter *sorter, struct err *err)
{
    if (!sorter->writer)
        return ERR_OK;
    TRY(run_writer_finish(sorter->writer, NULL, err));
    run_writer_free(sorter->writer);
    sorter->writer = NULL;
    add_run(sorter, sorter->writer_start, 0);
    for (;;) {
        size_t start = tail_start(sorter);
        if (sorter->run_count - start < FAN_IN)
            return ERR_OK;
        TRY(merge_tail(sorter, start, err));
    }
}

/* True when the key comes after all keys of the run under way. */
static bool goes_on(const struct run_sorter *sorter, const struct key *key)
{
    struct key last;
    return sorter->writer &&
           (!run_writer_last(sorter->writer, &last) || key_compare(&last, key) < 0);
}

static struct key item_key(const struct run_sorter *sorter, const struct item *item)
{
    if (sorter->form == KEY_INT8)
        return (struct key){.form = KEY_INT8, .number = (int64_t)(item->order ^ UINT64_C(1) << 63)};
    return (struct key){.form = KEY_TEXT,
                        .text = {buf_text(&sorter->text) + item->text_offset, item->text_size}};
}

static int compare_items(const void *left, const void *right, void *arg)
{
    const struct item *a = left;
    const struct item *b = right;
    const struct run_sorter *sorter = arg;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    if (sorter->form == KEY_INT8)
        return 0;
    struct key key_a = item_key(sorter, a);
    struct key key_b = item_key(sorter, b);
    return key_compare(&key_a, &key_b);
}

/* Sorts what is held and appends it to the run under way, or to a new one. */
static enum err_code write_items(struct run_sorter *sorter, struct err *err)
{
    if (sorter->item_count == 0)
        return ERR_OK;
    qsort_r(sorter->items, sorter->item_count, sizeof *sorter->items, compare_items, sorter);
    struct key first = item_key(sorter, &sorter->items[0]);
    if (!goes_on(sorter, &first)) {
        TRY(close_run(sorter, err));
        open_run(sorter);
    }
    for (size_t i = 0; i < sorter->item_count; i++) {
        const struct item *item = &sorter->items[i];
        struct index_entry entry = {.key = item_key(sorter, item),
                                    .xmin = item->xmin,
                                    .content = item->content,
                                    .batch = item->batch,
                                    .removed = item->removed};
        TRY(run_writer_add(sorter->writer, &entry, err));
    }
    sorter->item_count = 0;
    buf_clear(&sorter->text);
    return ERR_OK;
}

static uint64_t text_order(const struct span *text)
{
    uint64_t order = 0;
    for (size_t i = 0; i < sizeof order; i++)
        order = order << 8 | (i < text->size ? (uint8_t)text->data[i] : 0);
    return order;
}

static void hold_item(struct run_sorter *sorter, const struct index_entry *entry)
{
    sorter->items = mem_grow(sorter->items, &sorter->item_capacity, sorter->item_count + 1,
                             sizeof *sorter->items);
    struct item *item = &sorter->items[sorter->item_count++];
    *item = (struct item){.content = entry->content,
                          .batch = entry->batch,
                          .xmin = entry->xmin,
                          .removed = entry->removed};
    if (sorter->form == KEY_INT8) {
        item->order = (uint64_t)entry->key.number ^ UINT64_C(1) << 63;
        return;
    }
    item->order = text_order(&entry->key.text);
    item->text_offset = (uint32_t)sorter->text.size;
    item->text_size = (uint32_t)entry->key.text.size;
    buf_add(&sorter->text, entry->key.text.data, entry->key.text.size);
}

enum err_code run_sorter_add(struct run_sorter *sorter, const struct index_entry *entry,
                             struct err *err)
{
    assert(entry->key.form == sorter->form);
    if (sorter->item_count == 0) {
        if (!sorter->writer)
            open_run(sorter);
        if (goes_on(sorter, &entry->key))
            return run_writer_add(sorter->writer, entry, err);
    }
    if (entry->key.form == KEY_TEXT && entry->key.text.size > INDEX_KEY_LIMIT)
        return run_writer_refuse_long_key(&entry->key, err);
    hold_item(sorter, entry);
    /* sorting takes a pointer more an item */
    size_t held = sorter->item_count * (sizeof *sorter->items + sizeof(void *)) + sorter->text.size;
    return held < sorter->memory_bytes ? ERR_OK : write_items(sorter, err);
}

/* Everything into runs, few enough to be read at once with those of the other sorters. */
static enum err_code settle(struct run_sorter *sorter, size_t runs_max, struct err *err)
{
    TRY(write_items(sorter, err));
    free(sorter->items);
    sorter->items = NULL;
    sorter->item_capacity = 0;
    buf_release(&sorter->text);
    TRY(close_run(sorter, err));
    while (sorter->run_count > runs_max) {
        size_t start = tail_start(sorter);
        if (start == sorter->run_count - 1) /* alone of its level: with those before it */
            start = 0;
        TRY(merge_tail(sorter, start, err));
    }
    return ERR_OK;
}

enum err_code run_sorter_finish(struct run_sorter *const *sorters, size_t count,
                                struct run_writer *writer, struct fingerprint *fingerprint,
                                struct err *err)
{
    assert(count <= FAN_IN_FINISH);
    CLEANUP_IN_PLACE(run_set_release) struct run_set set = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        TRY(settle(sorters[i], FAN_IN_FINISH / count, err));
        run_set_add(&set, sorters[i], 0);
    }
    return index_merge_unique(set.readers, set.count, writer, fingerprint, err);
}
