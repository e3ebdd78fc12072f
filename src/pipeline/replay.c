#include "pipeline/replay.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"
#include "pipeline/batch_log.h"
#include "pipeline/held.h"
#include "pipeline/record.h"

enum {
    TRIES_MAX = 5
};

/* --- what is tried --- */

struct choice {
    struct held held;
    bool *tried; /* of each table */
};

static bool is_named(const struct held_table *table, const char *name)
{
    return text_equal(table->name, name) ||
           (table->is_clean && text_equal(table->table->name, name));
}

static enum err_code choose_named(struct choice *choice, const char *name, struct arena *arena,
                                  struct err *err)
{
    const struct held *held = &choice->held;
    const char **known = arena_alloc(arena, (held->count + 1) * sizeof *known);
    bool found = false;
    for (size_t i = 0; i < held->count; i++) {
        known[i] = held->tables[i].table->name;
        if (!is_named(&held->tables[i], name))
            continue;
        found = choice->tried[i] = true;
    }
    if (found)
        return ERR_OK;
    const char *closest = text_closest(name, known, held->count);
    (void)err_set(err, ERR_NOT_FOUND, "there is no table or model '%s'", name);
    return closest ? err_hint(err, "did you mean '%s'?", closest)
                   : err_hint(err, "`tote status` lists them");
}

static bool refers_to_tried(const struct choice *choice, const struct processed_table *table)
{
    for (size_t i = 0; i < table->reference_count; i++)
        for (size_t k = 0; k < choice->held.count; k++)
            if (choice->tried[k] && !choice->held.tables[k].is_clean &&
                text_equal(table->references[i].table, choice->held.tables[k].name))
                return true;
    return false;
}

/* Children of what is tried, and theirs.  What a clean table brings may be anybody's parent. */
static void choose_children(struct choice *choice)
{
    bool any_clean = false, more = true;
    for (size_t i = 0; i < choice->held.count; i++)
        any_clean |= choice->tried[i] && choice->held.tables[i].is_clean;
    while (more) {
        more = false;
        for (size_t i = 0; i < choice->held.count; i++) {
            const struct held_table *table = &choice->held.tables[i];
            if (choice->tried[i] || table->is_clean || table->rows == 0 ||
                (!any_clean && !refers_to_tried(choice, table->table)))
                continue;
            choice->tried[i] = more = true;
        }
    }
}

static enum err_code choose(struct store *processed, const struct processed_record *head,
                            const char *const *names, size_t name_count, struct arena *arena,
                            struct choice *ret_choice, struct err *err)
{
    struct choice choice = {0};
    TRY(held_read(processed, head, 0, arena, &choice.held, err));
    choice.tried = arena_alloc(arena, choice.held.count + 1);
    for (size_t i = 0; i < choice.held.count && name_count == 0; i++)
        choice.tried[i] = !choice.held.tables[i].is_clean || choice.held.tables[i].by_other_program;
    for (size_t i = 0; i < name_count; i++)
        TRY(choose_named(&choice, names[i], arena, err));
    choose_children(&choice);
    for (size_t i = 0; i < choice.held.count; i++)
        choice.tried[i] &= choice.held.tables[i].rows > 0;
    *ret_choice = choice;
    return ERR_OK;
}

static size_t report_choice(const struct choice *choice, struct replay_report *report)
{
    size_t tried = 0;
    report->tables = arena_alloc(report->arena, (choice->held.count + 1) * sizeof *report->tables);
    report->count = 0;
    for (size_t i = 0; i < choice->held.count; i++) {
        const struct held_table *table = &choice->held.tables[i];
        if (table->rows == 0)
            continue;
        tried += choice->tried[i];
        report->tables[report->count++] = (struct replay_table){
            arena_strdup(report->arena, table->name), table->rows, choice->tried[i]};
    }
    return tried;
}

/* --- the record --- */

/* The batch before it once more, as one in which nothing changed. */
static enum err_code commit(struct store *ingestion, const struct record *last,
                            const struct replay_report *report, int64_t started_us, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    char attempt[33];
    struct record record = *last;
    struct record_table *tables =
        arena_alloc(report->arena, (last->table_count + 1) * sizeof *tables);
    random_id(attempt);
    record.format = RECORD_FORMAT_REPLAY;
    record.kind = "replay";
    record.batch = report->batch;
    record.attempt = attempt;
    record.program = "tote " TOTE_VERSION;
    record.replay = arena_alloc(report->arena, (report->count + 1) * sizeof *record.replay);
    record.replay_count = 0;
    for (size_t i = 0; i < report->count; i++)
        if (report->tables[i].tried)
            record.replay[record.replay_count++] = report->tables[i].name;
    for (size_t i = 0; i < last->table_count; i++) {
        tables[i] = last->tables[i];
        tables[i].changed = tables[i].deleted = 0;
        tables[i].object_count = tables[i].deleted_object_count = 0;
        tables[i].deleted_from_count = 0;
    }
    record.tables = tables;
    record.started_us = started_us;
    record.duration_us = clock_now_us() - started_us;
    if (record.duration_us < 0) /* the clock was set back */
        record.duration_us = 0;
    record_write(&record, &text);
    return batch_log_commit(ingestion, record.batch, attempt, (struct span){text.data, text.size},
                            err);
}

static bool covers(const struct record *record, const struct replay_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        bool found = !report->tables[i].tried;
        for (size_t k = 0; k < record->replay_count && !found; k++)
            found = text_equal(record->replay[k], report->tables[i].name);
        if (!found)
            return false;
    }
    return true;
}

/* Somebody asked for the same, and was stopped before it was done. */
static enum err_code find_waiting(struct store *ingestion, uint64_t done, uint64_t head,
                                  struct replay_report *report, struct err *err)
{
    for (uint64_t batch = head; batch > done; batch--) {
        CLEANUP(arena_free) struct arena *scratch = arena_new(0);
        struct record *record;
        TRY(record_read(ingestion, batch, scratch, &record, err));
        if (!record_is_replay(record) || !covers(record, report))
            continue;
        report->batch = batch;
        report->waiting = true;
        return ERR_OK;
    }
    return ERR_OK;
}

static enum err_code try_once(struct store *ingestion, struct store *processed,
                              const char *const *names, size_t name_count,
                              struct replay_report *report, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct processed_record *made;
    struct record *last;
    struct choice choice;
    uint64_t done = 0, head = 0;
    int64_t started_us = clock_now_us();
    report->batch = 0;
    TRY(batch_log_head(processed, &done, err));
    if (done == 0)
        return ERR_OK;
    TRY(processed_record_read(processed, done, arena, &made, err));
    TRY(choose(processed, made, names, name_count, arena, &choice, err));
    if (report_choice(&choice, report) == 0)
        return ERR_OK;
    TRY(batch_log_head(ingestion, &head, err));
    TRY(find_waiting(ingestion, done, head, report, err));
    if (report->waiting)
        return ERR_OK;
    if (head < done) {
        (void)err_set(err, ERR_CONFIG, "'%s' has %" PRIu64 " batches, '%s' only %" PRIu64,
                      store_url(processed), done, store_url(ingestion), head);
        return err_hint(err,
                        "check lake.ingestion and lake.processed: they belong to different lakes");
    }
    TRY(record_read(ingestion, head, arena, &last, err));
    report->batch = head + 1;
    return commit(ingestion, last, report, started_us, err);
}

enum err_code replay_run(struct store *ingestion, struct store *processed, const char *const *names,
                         size_t name_count, struct replay_report *report, struct err *err)
{
    enum err_code code = ERR_CONFLICT;
    for (unsigned tries = 0; tries < TRIES_MAX && code == ERR_CONFLICT; tries++)
        code = try_once(ingestion, processed, names, name_count, report, err);
    if (code != ERR_CONFLICT)
        return code;
    (void)err_set(err, ERR_CONFLICT, "other runners committed batches again and again");
    return err_hint(err, "run it again");
}
