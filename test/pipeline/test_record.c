/* A record is all that is known of a batch: one that is believed although it is damaged loses rows
 * in every step after it. */
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/text.h"
#include "lib/unit.h"
#include "pipeline/batch_log.h"
#include "pipeline/processed_record.h"

static const char attempt[] = "0123456789abcdef0123456789abcdef";
static const char sha256[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* --- samples --- */

static struct record_object object(struct arena *arena, const char *key, uint64_t rows)
{
    return (struct record_object){.key = arena_strdup(arena, key),
                                  .bytes = rows * 300,
                                  .rows = rows,
                                  .sha256 = arena_strdup(arena, sha256)};
}

static struct record_object *objects(struct arena *arena, const char *key, uint64_t rows)
{
    struct record_object *one = arena_alloc(arena, sizeof *one);
    *one = object(arena, key, rows);
    return one;
}

static const char **names(struct arena *arena, const char *first, const char *second)
{
    const char **list = arena_alloc(arena, 2 * sizeof *list);
    list[0] = first;
    list[1] = second;
    return list;
}

/* A table of ten columns as they are in ToteSys, three rows of it changed and two deleted. */
static void make_table(struct arena *arena, int number, struct record_table *ret)
{
    static const char *const types[] = {"int4", "timestamp", "text", "numeric", "bool"};
    *ret = (struct record_table){.name = arena_printf(arena, "sales_order_%02d", number),
                                 .schema = "public",
                                 .relation = arena_printf(arena, "sales_order_%02d", number),
                                 .shape = "5e1f0d2c3b4a5968",
                                 .comment = number == 1 ? "what \"we\" sold \xe2\x82\xac" : NULL,
                                 .column_count = 10,
                                 .key_count = 1,
                                 .reference_count = 1,
                                 .rows = 48066,
                                 .changed = 3,
                                 .deleted = 2,
                                 .object_count = 1,
                                 .deleted_object_count = 1,
                                 .deleted_from_count = 2,
                                 .compare = "fingerprint",
                                 .full_compare_us = 1731681600123456,
                                 .key_form = "int8",
                                 .bucket_function = "range",
                                 .bucket_bits = 9,
                                 .index_count = 1,
                                 .cursor = number == 2 ? "last_updated" : NULL,
                                 .cursor_low = number == 2 ? "2024-11-15 00:00:00" : NULL,
                                 .compared_us = number == 2 ? 1731681600123456 : 0,
                                 .compared_xmin = number == 2 ? 777 : 0};
    ret->columns = arena_alloc(arena, ret->column_count * sizeof *ret->columns);
    for (size_t i = 0; i < ret->column_count; i++) {
        const char *name = arena_printf(arena, "agreed_column_%zu", i);
        ret->columns[i] =
            (struct record_column){.name = name,
                                   .lake_name = i == 3 ? arena_printf(arena, "%s_2", name) : name,
                                   .number = (int)i + 1,
                                   .type = types[i % COUNT_OF(types)],
                                   .typmod = i == 1 ? 3 : -1,
                                   .not_null = i % 2 == 0,
                                   .comment = i == 4 ? "" : NULL};
    }
    ret->key = names(arena, "agreed_column_0", NULL);
    ret->references = arena_alloc(arena, sizeof *ret->references);
    ret->references[0] = (struct record_reference){names(arena, "agreed_column_3_2", NULL),
                                                   "design", names(arena, "design_id", NULL), 1};
    const char *path =
        "sales_order/2024/11/15/sales_order.0000000043-012345.20241115T144000123456Z";
    ret->objects = objects(arena, arena_printf(arena, "%s.json", path), 3);
    ret->deleted_objects = objects(arena, arena_printf(arena, "%s.deleted.json", path), 2);
    ret->deleted_from = arena_alloc(arena, 2 * sizeof *ret->deleted_from);
    ret->deleted_from[0] = 1;
    ret->deleted_from[1] = 41;
    ret->index = objects(arena, "_index/sales_order/0000000043-012345.run", 5);
    ret->fingerprint = object(arena, "_index/sales_order/0000000043-012345.fingerprint", 188);
}

static struct record *make_record(struct arena *arena)
{
    struct record *record = arena_alloc(arena, sizeof *record);
    *record = (struct record){.format = RECORD_FORMAT,
                              .batch = 43,
                              .attempt = attempt,
                              .kind = "ingest",
                              .program = "tote 0.1.0",
                              .system_identifier = "7431234567890123456",
                              .database = "totesys \"x\"",
                              .database_oid = 4000000000,
                              .timeline = 1,
                              .server_version = 150018,
                              .captured_us = 1731681600123456,
                              .snapshot = "10000000000:10000000007:",
                              .snapshot_xmin = 10000000000,
                              .snapshot_xmax = 10000000007,
                              .wal = "0/1A2B3C8",
                              .started_us = 1731681599000001,
                              .duration_us = 123456,
                              .table_count = 11};
    record->tables = arena_alloc(arena, record->table_count * sizeof *record->tables);
    for (size_t i = 0; i < record->table_count; i++)
        make_table(arena, (int)i + 1, &record->tables[i]);
    return record;
}

static struct processed_record *make_processed(struct arena *arena)
{
    struct processed_record *record = arena_alloc(arena, sizeof *record);
    *record = (struct processed_record){.format = RECORD_FORMAT,
                                        .batch = 43,
                                        .attempt = attempt,
                                        .program = "tote 0.1.0",
                                        .lake = "00000000000000000000000000000001",
                                        .generation = "abc",
                                        .rebuilt = true,
                                        .captured_us = 1731681600123456,
                                        .started_us = 1731681600123457,
                                        .duration_us = 5,
                                        .table_count = 1,
                                        .quarantine_count = 1};
    record->quarantine = objects(arena, "quarantine/0000000043-012345.parquet", 2);
    record->tables = arena_alloc(arena, sizeof *record->tables);
    struct processed_table *table = record->tables;
    *table = (struct processed_table){.name = "fact_sales_order",
                                      .kind = "fact",
                                      .generation = "def",
                                      .directory = "star/fact_sales_order/def",
                                      .delta_version = -1,
                                      .column_count = 2,
                                      .key_count = 1,
                                      .reference_count = 1,
                                      .rows = 3,
                                      .deleted = 2,
                                      .quarantined = 1,
                                      .object_count = 1};
    table->columns = arena_alloc(arena, 2 * sizeof *table->columns);
    table->columns[0] = (struct processed_column){"sales_order_id", "INTEGER", NULL, true, NULL};
    table->columns[1] = (struct processed_column){"created_time", "VARCHAR", "time", false, "when"};
    table->key = names(arena, "sales_order_id", NULL);
    table->references = arena_alloc(arena, sizeof *table->references);
    table->references[0] = (struct processed_reference){
        names(arena, "created_time", NULL), "dim_date", names(arena, "date_id", NULL), 1};
    table->objects = objects(arena, "star/fact_sales_order/def/0000000043-012345.parquet", 5);
    return record;
}

/* --- there and back --- */

static void assert_text(const char *a, const char *b)
{
    assert_true((a == NULL) == (b == NULL));
    if (a)
        assert_string_equal(a, b);
}

static void assert_table(const struct record_table *a, const struct record_table *b)
{
    assert_string_equal(a->name, b->name);
    assert_text(a->comment, b->comment);
    assert_true(a->column_count == b->column_count);
    for (size_t i = 0; i < a->column_count; i++) {
        assert_string_equal(a->columns[i].name, b->columns[i].name);
        assert_string_equal(a->columns[i].lake_name, b->columns[i].lake_name);
        assert_string_equal(a->columns[i].type, b->columns[i].type);
        assert_text(a->columns[i].comment, b->columns[i].comment);
        assert_int_equal(a->columns[i].number, b->columns[i].number);
        assert_int_equal(a->columns[i].typmod, b->columns[i].typmod);
        assert_int_equal(a->columns[i].not_null, b->columns[i].not_null);
    }
    assert_string_equal(a->key[0], b->key[0]);
    assert_string_equal(a->references[0].target_columns[0], b->references[0].target_columns[0]);
    assert_true(a->rows == b->rows && a->changed == b->changed && a->deleted == b->deleted);
    assert_true(a->objects[0].bytes == b->objects[0].bytes);
    assert_string_equal(a->deleted_objects[0].key, b->deleted_objects[0].key);
    assert_memory_equal(a->deleted_from, b->deleted_from, 2 * sizeof *a->deleted_from);
    assert_string_equal(a->compare, b->compare);
    assert_true(a->full_compare_us == b->full_compare_us);
    assert_string_equal(a->key_form, b->key_form);
    assert_string_equal(a->bucket_function, b->bucket_function);
    assert_int_equal(a->bucket_bits, b->bucket_bits);
    assert_string_equal(a->index[0].sha256, b->index[0].sha256);
    assert_text(a->fingerprint.key, b->fingerprint.key);
    assert_text(a->cursor, b->cursor);
    assert_text(a->cursor_low, b->cursor_low);
    assert_true(a->compared_us == b->compared_us && a->compared_xmin == b->compared_xmin);
}

static void a_record_comes_back_as_it_was_written(void **state)
{
    struct err err;
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct record *written = make_record(arena);
    written->tables[5].fingerprint = (struct record_object){0};
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    record_write(written, &text);
    assert_in_range(text.size, 10000, 30000);

    struct record *read = NULL;
    assert_int_equal(record_parse(text.data, text.size, arena, &read, &err), ERR_OK);
    assert_true(read->batch == 43 && read->format == 1 && read->database_oid == 4000000000);
    assert_string_equal(read->attempt, attempt);
    assert_string_equal(read->database, "totesys \"x\"");
    assert_true(read->captured_us == written->captured_us && read->duration_us == 123456);
    assert_true(read->snapshot_xmax == 10000000007 && !read->standby);
    assert_true(read->table_count == written->table_count);
    for (size_t i = 0; i < read->table_count; i++)
        assert_table(&read->tables[i], &written->tables[i]);
    assert_ptr_equal(record_find_table(read, "sales_order_07"), &read->tables[6]);
    assert_null(record_find_table(read, "nothing"));
    assert_true(record_has_changes(read));

    /* and writes the same again */
    CLEANUP_IN_PLACE(buf_release) struct buf again = {0};
    record_write(read, &again);
    assert_string_equal(again.data, text.data);
}

/* A program that does not know it must not take it for a batch without changes. */
static void a_replay_is_of_a_format_of_its_own(void **state)
{
    struct err err;
    struct record *read = NULL;
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct record *written = make_record(arena);
    written->kind = "replay";
    written->format = RECORD_FORMAT_REPLAY;
    written->replay = names(arena, "fact_sales_order", "clean.design");
    written->replay_count = 2;
    record_write(written, &text);
    assert_int_equal(record_parse(text.data, text.size, arena, &read, &err), ERR_OK);
    assert_true(record_is_replay(read) && read->format == 2 && read->replay_count == 2);
    assert_string_equal(read->replay[1], "clean.design");

    static const struct record wrong[] = {
        {.kind = "replay", .format = RECORD_FORMAT, .replay_count = 2},
        {.kind = "replay", .format = RECORD_FORMAT_REPLAY, .replay_count = 0},
        {.kind = "ingest", .format = RECORD_FORMAT_REPLAY, .replay_count = 0},
        {.kind = "ingest", .format = RECORD_FORMAT, .replay_count = 1},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        written->kind = wrong[i].kind;
        written->format = wrong[i].format;
        written->replay_count = wrong[i].replay_count;
        buf_clear(&text);
        record_write(written, &text);
        assert_int_equal(record_parse(text.data, text.size, arena, &read, &err), ERR_DATA);
    }
}

static void a_processed_record_comes_back_as_it_was_written(void **state)
{
    struct err err;
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    processed_record_write(make_processed(arena), &text);
    struct processed_record *read = NULL;
    assert_int_equal(processed_record_parse(text.data, text.size, arena, &read, &err), ERR_OK);
    assert_true(read->rebuilt && read->tables[0].delta_version == -1);
    assert_string_equal(read->tables[0].columns[1].warehouse_type, "time");
    CLEANUP_IN_PLACE(buf_release) struct buf again = {0};
    processed_record_write(read, &again);
    assert_string_equal(again.data, text.data);
}

/* --- damage --- */

static void an_edited_record_is_refused(void **state)
{
    struct err err;
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct record *record = make_record(arena);
    record->table_count = 1;
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    record_write(record, &text);
    struct record *read = NULL;
    for (size_t at = 0; at + 1 < text.size; at++) {
        char kept = text.data[at];
        text.data[at] = kept == '1' ? '2' : '1';
        assert_int_equal(record_parse(text.data, text.size, arena, &read, &err), ERR_DATA);
        text.data[at] = kept;
    }
    char *rows = strstr(text.data, "48066");
    rows[0] = '5';
    assert_int_equal(record_parse(text.data, text.size, arena, &read, &err), ERR_DATA);
    assert_non_null(strstr(err.message, "batch record was changed after it was written"));
    assert_true(err.hint[0] != '\0');
    rows[0] = '4';
    /* all but the line break at the end is needed */
    for (size_t size = 0; size + 1 < text.size; size++)
        assert_int_equal(record_parse(text.data, size, arena, &read, &err), ERR_DATA);
    assert_int_equal(record_parse(text.data, text.size - 1, arena, &read, &err), ERR_OK);
}

/* Replaces `from` by `to` once and seals it as a newer program would. */
static void forge(struct buf *text, const char *from, const char *to)
{
    CLEANUP_IN_PLACE(buf_release) struct buf forged = {0};
    const char *at = strstr(text->data, from);
    const char *crc = strstr(text->data, ",\n  \"crc\"");
    assert_non_null(at);
    assert_non_null(crc);
    buf_add(&forged, text->data, (size_t)(at - text->data));
    buf_add_text(&forged, to);
    buf_add(&forged, at + strlen(from), (size_t)(crc - at) - strlen(from));
    uint64_t hash = XXH64(forged.data, forged.size, 0);
    buf_addf(&forged, ",\n  \"crc\": \"%016llx\"\n}\n", (unsigned long long)hash);
    buf_clear(text);
    buf_add(text, forged.data, forged.size);
}

static enum err_code parse_forged(const char *from, const char *to, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    record_write(make_record(arena), &text);
    forge(&text, from, to);
    struct record *read = NULL;
    return record_parse(text.data, text.size, arena, &read, err);
}

static void a_newer_format_asks_for_a_newer_program(void **state)
{
    struct err err;
    (void)state;
    assert_int_equal(parse_forged("\"format\": 1", "\"format\": 3", &err), ERR_DATA);
    assert_non_null(strstr(err.hint, "upgrade tote"));
    assert_int_equal(parse_forged("\"format\": 1", "\"format\": 0", &err), ERR_DATA);
}

static void unknown_members_are_passed_over(void **state)
{
    struct err err;
    (void)state;
    assert_int_equal(parse_forged("\"batch\"", "\"weather\": {\"sun\": [1]},\n  \"batch\"", &err),
                     ERR_OK);
    assert_int_equal(parse_forged("\"rows\":48066", "\"rows\":48066,\"x\":null", &err), ERR_OK);
}

/* Each of them sealed: what a faulty program could have written. */
static void what_makes_no_sense_is_refused_by_name(void **state)
{
    static const struct {
        const char *from, *to, *told;
    } cases[] = {
        {"\"batch\": 43", "\"batch\": 0", "batch"},
        {"\"batch\": 43", "\"batch\": \"43\"", "batch"},
        {"\"batch\": 43,", "", "batch"},
        {"\"attempt\": \"01", "\"attempt\": \"", "attempt"},
        {"\"kind\": \"ingest\"", "\"kind\": \"guess\"", "guess"},
        {"\"captured_at\": \"20", "\"captured_at\": \"x", "captured_at"},
        {"\"timeline\": 1", "\"timeline\": -1", "timeline"},
        {"\"snapshot_xmin\": 1", "\"snapshot_xmin\": -1", "snapshot_xmin"},
        {"\"standby\": false", "\"standby\": 0", "standby"},
        {"\"tables\": [", "\"tablets\": [", "tables"},
        {"\"name\":\"sales_order_01\"", "\"name\":\"\"", "name"},
        {"\"name\":\"sales_order_01\"", "\"name\":\"../x\"", "../x"},
        {"\"name\":\"sales_order_01\"", "\"name\":\"sales_order_02\"", "sales_order_02"},
        {"\"name\":\"agreed_column_0\"", "\"name\":\"agreed_column_1\"", "agreed_column_1"},
        {"\"name\":\"agreed_column_0\"", "\"name\":\"agreed\"", "agreed_column_0"},
        {"\"key\":[\"agreed_column_0\"]", "\"key\":[]", "no key"},
        {"\"key\":[\"agreed_column_0\"]", "\"key\":[7]", "key"},
        {"\"columns\":[\"agreed_column_3_2\"]", "\"columns\":[\"agreed_column_3\"]",
         "agreed_column_3"},
        {"\"target_columns\":[\"design_id\"]", "\"target_columns\":[]", "design"},
        {"\"number\":1,", "\"number\":99999,", "number"},
        {"\"rows\":48066", "\"rows\":-1", "rows"},
        {"\"rows\":48066", "\"rows\":48066.5", "rows"},
        {"\"changed\":3", "\"changed\":4", "sales_order_01"},
        {"\"deleted\":2", "\"deleted\":1", "sales_order_01"},
        {"\"deleted_from\":[\"1\",\"41\"]", "\"deleted_from\":[\"41\",\"1\"]", "deleted_from"},
        {"\"deleted_from\":[\"1\",\"41\"]", "\"deleted_from\":[\"1\",\"44\"]", "deleted_from"},
        {"\"deleted_from\":[\"1\",\"41\"]", "\"deleted_from\":[1]", "deleted_from"},
        {"\"key\":\"sales_order/2024", "\"key\":\"/etc/2024", "/etc/2024"},
        {"\"key\":\"sales_order/2024", "\"key\":\"a/../b", "a/../b"},
        {"\"sha256\":\"e3", "\"sha256\":\"E3", "sha256"},
        {"\"bytes\":900", "\"bytes\":-900", "bytes"},
        {"\"compare\":\"fingerprint\"", "\"compare\":\"luck\"", "luck"},
        {"\"key_form\":\"int8\"", "\"key_form\":\"text\"", "text keys"},
        {"\"bucket_bits\":9", "\"bucket_bits\":64", "bucket_bits"},
        {"\"bucket_function\":\"range\",\"bucket_bits\":9",
         "\"bucket_function\":\"hash\",\"bucket_bits\":15", "bucket_bits"},
        {"\"fingerprint\":{", "\"fingerprint\":[],\"x\":{", "fingerprint"},
        {"\"index\":[", "\"index\":{},\"x\":[", "index"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        enum err_code code = parse_forged(cases[i].from, cases[i].to, &err);
        if (code != ERR_DATA || !strstr(err.message, cases[i].told) ||
            !text_starts(err.message, "batch record: "))
            fail_msg("%s: %s", cases[i].to, err.message);
    }
}

static void a_processed_record_is_checked_as_well(void **state)
{
    static const struct {
        const char *from, *to, *told;
    } cases[] = {
        {"\"lake\": \"00", "\"lake\": \"x", "lake"},
        {"\"kind\":\"fact\"", "\"kind\":\"fiction\"", "fiction"},
        {"\"directory\":\"star/", "\"directory\":\"/", "directory"},
        {"\"delta_version\":-1", "\"delta_version\":-2", "delta_version"},
        {"\"key\":[\"sales_order_id\"]", "\"key\":[\"id\"]", "'id'"},
        {"\"columns\":[\"created_time\"]", "\"columns\":[\"when\"]", "'when'"},
        {"\"quarantined\":1", "\"quarantined\":-1", "quarantined"},
        {"\"quarantine\": [", "\"quarantine\": 1, \"x\": [", "quarantine"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        CLEANUP(arena_free) struct arena *arena = arena_new(0);
        CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
        processed_record_write(make_processed(arena), &text);
        forge(&text, cases[i].from, cases[i].to);
        struct processed_record *read = NULL;
        enum err_code code = processed_record_parse(text.data, text.size, arena, &read, &err);
        if (code != ERR_DATA || !strstr(err.message, cases[i].told))
            fail_msg("%s: %s", cases[i].to, err.message);
    }
}

/* --- from a store --- */

static void a_record_under_anothers_key_is_refused(void **state)
{
    struct err err;
    (void)state;
    CLEANUP(work_dir_close) struct work_dir *work = NULL;
    CLEANUP(store_close) struct store *store = NULL;
    assert_int_equal(work_dir_open(NULL, &work, &err), ERR_OK);
    assert_int_equal(store_open(work_dir_path(work), &store, &err), ERR_OK);
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    record_write(make_record(arena), &text);
    struct span span = {text.data, text.size};
    assert_int_equal(batch_log_commit(store, 43, attempt, span, &err), ERR_OK);
    assert_int_equal(batch_log_commit(store, 44, attempt, span, &err), ERR_OK);

    struct record *read = NULL;
    assert_int_equal(record_read(store, 43, arena, &read, &err), ERR_OK);
    assert_true(read->batch == 43);
    assert_int_equal(record_read(store, 44, arena, &read, &err), ERR_DATA);
    assert_non_null(strstr(err.message, "_batches/9999999955.0000000044.json"));
    assert_non_null(strstr(err.message, "batch 43"));
    assert_int_equal(record_read(store, 45, arena, &read, &err), ERR_NOT_FOUND);
    struct processed_record *processed = NULL;
    assert_int_equal(processed_record_read(store, 43, arena, &processed, &err), ERR_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_as_it_was_written),
        cmocka_unit_test(a_replay_is_of_a_format_of_its_own),
        cmocka_unit_test(a_processed_record_comes_back_as_it_was_written),
        cmocka_unit_test(an_edited_record_is_refused),
        cmocka_unit_test(a_newer_format_asks_for_a_newer_program),
        cmocka_unit_test(unknown_members_are_passed_over),
        cmocka_unit_test(what_makes_no_sense_is_refused_by_name),
        cmocka_unit_test(a_processed_record_is_checked_as_well),
        cmocka_unit_test(a_record_under_anothers_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
