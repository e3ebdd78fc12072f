/* A model that is misread makes a warehouse that is wrong for years; one that is refused without
 * saying why costs an evening. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "lib/unit.h"
#include "pipeline/model.h"

struct fixture {
    struct arena *arena;
    struct work_dir *work;
};

static int set_up(void **state)
{
    struct err err;
    struct fixture *fixture = mem_zalloc(1, sizeof *fixture);
    fixture->arena = arena_new(0);
    *state = fixture;
    return work_dir_open(NULL, &fixture->work, &err) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_free(fixture->arena);
    work_dir_close(fixture->work);
    free(fixture);
    return 0;
}

static enum err_code parse(struct fixture *fixture, const char *text, struct model *model,
                           struct err *err)
{
    return model_parse("m", "models/m.sql", text, fixture->arena, model, err);
}

static void refused(struct fixture *fixture, const char *text, const char *expected)
{
    struct err err = {0};
    struct model model;
    assert_int_equal(parse(fixture, text, &model, &err), ERR_CONFIG);
    if (!strstr(err.message, expected))
        fail_msg("'%s' does not say '%s'", err.message, expected);
}

/* --- headers --- */

static const char fact_text[] =
    "-- kind: fact\n"
    "-- key: a, \"B c\"\n"
    "-- A plain comment: it is none of our words.\n"
    "-- references: x -> dim_x\n"
    "-- references: (y, z) -> other.t(p, q)\n"
    "-- check: x > 0\n"
    "-- type: at time\n"
    "-- record-id: m_record_id\n"
    "-- comment: what it is\n"
    "-- comment: x: what x is\n"
    "\n"
    "select a, b as \"B c\", c.x, y, z, substr(t, 1, 2) as at from changes.t c;\n";

static void header_is_read(void **state)
{
    struct err err;
    struct model model;
    assert_int_equal(parse(*state, fact_text, &model, &err), ERR_OK);
    assert_int_equal(model.kind, MODEL_FACT);
    assert_int_equal(model.key_count, 2);
    assert_string_equal(model.key[1], "B c");
    assert_int_equal(model.reference_count, 2);
    assert_string_equal(model.references[0].table, "dim_x");
    assert_null(model.references[0].target_columns);
    assert_string_equal(model.references[1].table, "other.t");
    assert_string_equal(model.references[1].target_columns[1], "q");
    assert_string_equal(model.checks[0].condition, "x > 0");
    assert_int_equal(model.checks[0].line, 6);
    assert_string_equal(model.types[0].text, "time");
    assert_string_equal(model.record_id, "m_record_id");
    assert_string_equal(model.comment, "what it is");
    assert_string_equal(model.comments[0].name, "x");
    assert_true(text_ends(model.text, "changes.t c"));
}

static void inputs_and_plain_columns_are_found(void **state)
{
    struct err err;
    struct model model;
    assert_int_equal(parse(*state, fact_text, &model, &err), ERR_OK);
    assert_int_equal(model.input_count, 1);
    assert_true(model_reads(&model, "changes", "T"));
    assert_string_equal(model_plain_column(&model, "B c"), "b");
    assert_string_equal(model_plain_column(&model, "x"), "x");
    assert_null(model_plain_column(&model, "at"));
    assert_int_equal(parse(*state,
                           "-- kind: dimension\n-- key: a\n"
                           "select a from source.s join source.\"o.t\" o on o.b = s.b",
                           &model, &err),
                     ERR_OK);
    assert_int_equal(model.input_count, 2);
    assert_string_equal(model.inputs[1].table, "o.t");
    assert_null(model_plain_column(&model, "a"));
}

static void mistakes_in_headers_are_named(void **state)
{
    refused(*state, "select 1", "models/m.sql:1: the header names no kind");
    refused(*state, "-- kind: fct\n-- key: a\nselect 1", "models/m.sql:1: 'fct'");
    refused(*state, "-- kind: fact\nselect a from changes.t", "names no key");
    refused(*state, "-- kind: fact\n-- kee: a\nselect a from changes.t",
            "models/m.sql:2: unknown directive 'kee'");
    refused(*state, "-- kind: fact\n-- key:\nselect a from changes.t",
            ":2: directive 'key' has no value");
    refused(*state, "-- kind: fact\n-- key: a b\nselect a from changes.t", ":2: 'a b'");
    refused(*state, "-- kind: fact\n-- key: a\n-- references: a dim\nselect a from changes.t",
            ":3:");
    refused(*state,
            "-- kind: fact\n-- key: a\n-- references: (a, b) -> t(x)\nselect a from changes.t",
            ":3:");
    refused(*state, "-- kind: fact\n-- key: a\n-- type: a integer\nselect a from changes.t", ":3:");
    refused(*state, "-- kind: dimension\n-- key: a\n-- record-id: r\nselect a from source.t",
            "record-id");
    refused(*state, "-- kind: mirror\n-- key: a\nselect a from source.t",
            "a mirror needs the table");
    refused(*state, "-- kind: fact\n-- key: a\n", "there is no select");
    refused(*state, "-- kind: fact\n-- key: a\nselect 1 from changes.t; select 2",
            "a model is one select");
    refused(*state, "-- kind: fact\n-- key: a\nselect 'a from changes.t", "no closing quote");
}

/* A fact that reads what it should not would be right in one batch and wrong in the next. */
static void kinds_read_what_they_may(void **state)
{
    refused(*state, "-- kind: fact\n-- key: a\nselect a from source.t", "exactly one table");
    refused(*state, "-- kind: fact\n-- key: a\nselect a from changes.t join changes.u on 1 = 1",
            "exactly one table");
    refused(*state, "-- kind: dimension\n-- key: a\nselect a from changes.t", "reads 'source'");
    refused(*state, "-- kind: calendar\n-- key: a\nselect a from source.t", "reads no table");
    refused(*state, "-- kind: dimension\n-- key: a\n-- row-of: t\nselect a from source.u",
            "reads source.t");
    refused(*state,
            "-- kind: dimension\n-- key: a\n-- row-of: t\n"
            "select a from source.t join source.u on 1 = 1",
            "reads source.t alone");
}

/* --- the portable subset --- */

static void unportable(struct fixture *fixture, const char *select, const char *word)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    buf_addf(&text, "-- kind: dimension\n-- key: a\n%s", select);
    struct err err = {0};
    struct model model;
    assert_int_equal(parse(fixture, text.data, &model, &err), ERR_CONFIG);
    CLEANUP_IN_PLACE(buf_release) struct buf expected = {0};
    buf_addf(&expected, "'%s' is outside the portable subset", word);
    if (!strstr(err.message, expected.data))
        fail_msg("'%s' does not say '%s'", err.message, expected.data);
    assert_true(err.hint[0] != '\0');
}

static void what_engines_read_differently_is_refused(void **state)
{
    unportable(*state, "select a::int from source.t", "::");
    unportable(*state, "select a from source.t qualify row_number() over () = 1", "qualify");
    unportable(*state, "select * from generate_series(1, 2)", "generate_series");
    unportable(*state, "select sequence(1, 2) from source.t", "sequence");
    unportable(*state, "select dayname(a) from source.t", "dayname");
    unportable(*state, "select extract(isodow from a) from source.t", "isodow");
    unportable(*state, "select 'a\\b' as a from source.t", "a\\b");
    unportable(*state, "select md5(a) from source.t", "md5");
    unportable(*state, "select cast(a as varchar) from source.t", "varchar");
    unportable(*state, "select cast(coalesce(cast(a as integer), 1) as timestamp) from source.t",
               "timestamp");
    unportable(*state, "select try_cast(a as integer) from source.t", "try_cast");
    unportable(*state, "select current_date as a from source.t", "current_date");
    unportable(*state, "select [1, 2] as a from source.t", "[");
}

static void what_is_portable_is_taken(void **state)
{
    struct err err = {0};
    struct model model;
    assert_int_equal(parse(*state,
                           "-- kind: dimension\n-- key: a\n"
                           "/* a :: in a comment */ select r.range, 'it''s qualify' as \"hash\", "
                           "cast(substr(b, 1, 10) as date) as d from source.t r -- md5(x)\n",
                           &model, &err),
                     ERR_OK);
}

static void same_words_are_the_same_model(void **state)
{
    struct err err;
    struct model a, b, c;
    assert_int_equal(
        parse(*state, "-- kind: dimension\n-- key: a\nselect a from source.t", &a, &err), ERR_OK);
    assert_int_equal(parse(*state,
                           "-- kind: dimension  \n-- key: a\n\nselect a\n  from   source.t;\n", &b,
                           &err),
                     ERR_OK);
    assert_int_equal(
        parse(*state, "-- kind: dimension\n-- key: a\nselect A1 from source.t", &c, &err), ERR_OK);
    assert_string_equal(a.hash, b.hash);
    assert_string_not_equal(a.hash, c.hash);
}

/* --- folders --- */

static void put(struct fixture *fixture, const char *name, const char *text)
{
    struct err err;
    const char *path = arena_printf(fixture->arena, "%s/%s", work_dir_path(fixture->work), name);
    char *folder = arena_strdup(fixture->arena, path);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(file_make_dirs(folder, &err), ERR_OK);
    assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, &err), ERR_OK);
}

static void parents_come_first(void **state)
{
    struct fixture *fixture = *state;
    struct model_set *set;
    struct err err;
    put(fixture, "a_fact.sql",
        "-- kind: fact\n-- key: a\n-- references: a -> z_dim\nselect a from changes.t");
    put(fixture, "b_mirror.sql",
        "-- kind: mirror\n-- key: a\n-- row-of: t\n-- references: a -> c_mirror\nselect a from "
        "source.t");
    put(fixture, "c_mirror.sql",
        "-- kind: mirror\n-- key: a\n-- row-of: t\n-- references: a -> c_mirror\nselect a from "
        "source.t");
    put(fixture, "y_dim.sql",
        "-- kind: dimension\n-- key: a\n-- references: a -> z_dim\nselect a from source.t");
    put(fixture, "z_dim.sql", "-- kind: dimension\n-- key: a\nselect a from source.t");
    put(fixture, ".z_dim.sql.swp", "garbage");
    assert_int_equal(model_set_read(work_dir_path(fixture->work), fixture->arena, &set, &err),
                     ERR_OK);
    const char *expected[] = {"z_dim", "y_dim", "a_fact", "c_mirror", "b_mirror"};
    assert_int_equal(set->model_count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_string_equal(set->models[i].name, expected[i]);
    assert_string_equal(set->models[2].references[0].target_columns[0], "a");
}

static void broken_sets_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct model_set *set;
    struct err err = {0};
    assert_int_equal(model_set_read("/nowhere/models", fixture->arena, &set, &err), ERR_NOT_FOUND);
    put(fixture, "a.sql",
        "-- kind: fact\n-- key: a\n-- references: a -> nope\nselect a from changes.t");
    assert_int_equal(model_set_read(work_dir_path(fixture->work), fixture->arena, &set, &err),
                     ERR_CONFIG);
    assert_non_null(strstr(err.message, "models/a.sql:3: there is no model 'nope'"));
    put(fixture, "a.sql",
        "-- kind: dimension\n-- key: a\nselect a from source.t join seed.s on 1 = 1");
    assert_int_equal(model_set_read(work_dir_path(fixture->work), fixture->arena, &set, &err),
                     ERR_CONFIG);
    assert_non_null(strstr(err.message, "there is no seed 's'"));
    put(fixture, "seeds/s.csv", "a\n1\n");
    put(fixture, "clean/t.sql", "-- kind: clean\n-- type: a date\n-- trim: b\n-- check: a > b\n");
    assert_int_equal(model_set_read(work_dir_path(fixture->work), fixture->arena, &set, &err),
                     ERR_OK);
    const char *before = set->models[0].hash;
    assert_string_equal(model_find_clean(set, "t")->types[0].text, "date");
    put(fixture, "seeds/s.csv", "a\n2\n");
    assert_int_equal(model_set_read(work_dir_path(fixture->work), fixture->arena, &set, &err),
                     ERR_OK);
    assert_string_not_equal(set->models[0].hash, before);
    put(fixture, "clean/t.sql", "-- kind: clean\nselect 1");
    assert_int_equal(model_set_read(work_dir_path(fixture->work), fixture->arena, &set, &err),
                     ERR_CONFIG);
}

static void refused_set(struct fixture *fixture, const char *expected)
{
    struct model_set *set;
    struct err err = {0};
    assert_int_equal(model_set_read(work_dir_path(fixture->work), fixture->arena, &set, &err),
                     ERR_CONFIG);
    if (!strstr(err.message, expected))
        fail_msg("'%s' does not say '%s'", err.message, expected);
}

/* Else a batch is processed that no warehouse can take. */
static void names_that_a_warehouse_cannot_tell_apart_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char dimension[] = "-- kind: dimension\n-- key: a\nselect a from source.t";
    char longest[80] = "", longer[80] = "";
    memset(longest, 'x', 63);
    memset(longer, 'y', 64);
    put(fixture, "sale.sql", "-- kind: fact\n-- key: a\nselect a from changes.t");
    put(fixture, "SALE.sql", dimension);
    refused_set(fixture, "models/SALE.sql and models/sale.sql differ only by the case");
    put(fixture, "SALE.sql", "-- kind: fact\n-- key: a\nselect a from changes.t");
    assert_int_equal(
        remove(arena_printf(fixture->arena, "%s/sale.sql", work_dir_path(fixture->work))), 0);
    put(fixture, "sale_History.sql", dimension);
    refused_set(fixture, "models/sale_History.sql has the name of a view that the fact 'SALE'");
    assert_int_equal(
        remove(arena_printf(fixture->arena, "%s/sale_History.sql", work_dir_path(fixture->work))),
        0);
    put(fixture, arena_printf(fixture->arena, "%s.sql", longest), dimension);
    put(fixture, arena_printf(fixture->arena, "%s.sql", longer), dimension);
    refused_set(fixture, "the name of a table has at most 63 bytes");
}

/* As editors and people leave them. */
static void a_mark_and_comments_behind_the_end_are_taken(void **state)
{
    struct fixture *fixture = *state;
    struct model_set *set;
    struct err err = {0};
    put(fixture, "a.sql",
        "\xef\xbb\xbf-- kind: dimension\n-- key: a\nselect a from source.t /* ; */; -- end;\n");
    assert_int_equal(model_set_read(work_dir_path(fixture->work), fixture->arena, &set, &err),
                     ERR_OK);
    assert_string_equal(set->models[0].text, "-- kind: dimension\n-- key: a\n"
                                             "select a from source.t /* ; */  -- end;");
}

/* The models that we ship: all portable, all of a piece. */
static void the_models_of_totesys_are_good(void **state)
{
    struct fixture *fixture = *state;
    struct model_set *set;
    struct err err = {0};
    if (model_set_read("models", fixture->arena, &set, &err) != ERR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(set->model_count, 11);
    assert_int_equal(set->clean_count, 3);
    assert_int_equal(set->models[10].kind, MODEL_FACT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(header_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(inputs_and_plain_columns_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_in_headers_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kinds_read_what_they_may, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_engines_read_differently_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_portable_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(same_words_are_the_same_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parents_come_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_sets_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_that_a_warehouse_cannot_tell_apart_are_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mark_and_comments_behind_the_end_are_taken, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_models_of_totesys_are_good, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
