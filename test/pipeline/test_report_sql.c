/* If these fail, a filter's value becomes SQL, or a report asks for something else than it says. */
#include <string.h>

#include "base/text.h"
#include "lib/unit.h"
#include "pipeline/report_sql.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct report_source source(const char *name, const char *text)
{
    struct report_source made = {.name = name, .what = name};
    struct err err;

    assert_int_equal(report_sql_strip(name, text, arena, &made.text, &err), ERR_OK);
    return made;
}

static void filters_become_parameters_and_nothing_else(void **state)
{
    (void)state;
    const struct report_sources none = {0};
    struct report_source report =
        source("r", "select ':from', \":to\", a::date, -- :from in a comment\n"
                    "x from t where d >= :from and e <= :to and f >= :from ;\n ");
    struct report_sql sql;
    struct err err;

    assert_int_equal(report_sql_assemble(&none, &report, REPORT_SQL_WHOLE, arena, &sql, &err),
                     ERR_OK);
    assert_string_equal(sql.text, "select ':from', \":to\", a::date, \n"
                                  "x from t where d >= $1 and e <= $2 and f >= $1");
    assert_int_equal(sql.param_count, 2);
    assert_int_equal(sql.params[0], REPORT_FROM);
    assert_int_equal(sql.params[1], REPORT_TO);
    report = source("r", "select :nonsense");
    assert_int_equal(report_sql_assemble(&none, &report, REPORT_SQL_WHOLE, arena, &sql, &err),
                     ERR_CONFIG);
    assert_non_null(strstr(err.message, "nonsense"));
}

static void sets_stand_before_those_that_use_them(void **state)
{
    (void)state;
    struct report_sources sources = {.count = 2};
    sources.sets[0] = source("sales", "select * from rates");
    sources.sets[0].uses[sources.sets[0].use_count++] = "rates";
    sources.sets[0].filter_columns[REPORT_CURRENCY] = "code";
    sources.sets[1] = source("rates", "select 1 as rate");
    struct report_source report = source("r", "select * from sales");
    report.uses[report.use_count++] = "sales";
    struct report_sql sql;
    struct err err;

    assert_int_equal(report_sql_assemble(&sources, &report, REPORT_SQL_WHOLE, arena, &sql, &err),
                     ERR_OK);
    const char *rates = strstr(sql.text, "rates as"),
               *rows = strstr(sql.text, "tote_rows_of_sales as");
    const char *sales =
        strstr(sql.text, "sales as not materialized (select * from tote_rows_of_sales");
    assert_true(text_starts(sql.text, "with rates as"));
    assert_true(rates && rows && sales && rates < rows && rows < sales);
    assert_non_null(
        strstr(sql.text, "(cast($1 as varchar) is null or code = cast($1 as varchar))"));
    /* prepared: the rows are a table already */
    assert_int_equal(report_sql_assemble(&sources, &report, REPORT_SQL_PREPARED, arena, &sql, &err),
                     ERR_OK);
    assert_true(text_starts(sql.text, "with sales as not materialized (select * from tote_rows"));
    assert_null(strstr(sql.text, "rates"));
    /* in a circle */
    sources.sets[1].uses[sources.sets[1].use_count++] = "sales";
    assert_int_equal(report_sql_assemble(&sources, &report, REPORT_SQL_WHOLE, arena, &sql, &err),
                     ERR_CONFIG);
}

static void values_are_what_their_filter_takes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        bool good;
    } cases[] = {
        {"from", "2024-02-29", true}, {"from", "2023-02-29", false},
        {"to", "2024-1-1", false},    {"to", "2100-02-29", false},
        {"to", "2000-02-29", true},   {"month", "2024-11-01", true},
        {"weekday", "7", true},       {"weekday", "0", false},
        {"currency", "EUR", true},    {"currency", "E'R", false},
        {"key", "2147483647", false}, {"key", "42", true},
        {"key", "-1", false},         {"direction", "in", true},
        {"direction", "In", false},   {"country", "O'Hare; --", true},
        {"country", "\xff", false},   {"limit", "10000", true},
        {"limit", "10001", false},    {"limit", "1e3", false},
        {"nothing", "1", false},      {"paid", "yes", true},
        {"paid", "true", false},      {"from", "", true},
    };
    struct err err;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct report_filters filters = report_filters_none();
        bool good = report_filters_set(&filters, cases[i].name, cases[i].value, &err) == ERR_OK;
        if (good != cases[i].good)
            fail_msg("%s=%s", cases[i].name, cases[i].value);
    }
    struct report_filters filters = report_filters_none();
    assert_int_equal(report_filters_set(&filters, "currency", "EUR", &err), ERR_OK);
    assert_int_equal(report_filters_set(&filters, "currency", "USD", &err), ERR_USAGE);
}

static void the_key_of_filters_is_that_of_the_page(void **state)
{
    (void)state;
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    struct report_filters filters = report_filters_none();

    filters.values[REPORT_TO] = "2024-12-31";
    filters.values[REPORT_COUNTRY] = "Svalbard & Jan Mayen Islands (it's \xc3\xa9)";
    filters.values[REPORT_FROM] = "2024-01-01";
    report_filters_key(NULL, &filters, &key);
    assert_string_equal(buf_text(&key),
                        "country=Svalbard%20%26%20Jan%20Mayen%20Islands%20(it's%20%C3%A9)"
                        "&from=2024-01-01&to=2024-12-31");
}

static void many_are_asked_by_their_columns_and_their_order_stands_alone(void **state)
{
    (void)state;
    struct report_sources sources = {.count = 2};
    sources.sets[0] = source("sales", "select * from fact");
    sources.sets[0].filter_columns[REPORT_COUNTRY] = "country";
    sources.sets[1] = source("now", "select * from payment");
    struct report_source report = source(
        "r", "select d from sales s where d >= :from and (select 1 from now order by 1 limit "
             "1) = 1 order by d desc, 'limit 1'");
    report.uses[0] = "sales";
    report.uses[1] = "now";
    report.use_count = 2;
    struct report_many_sql many = {0};
    struct err err;

    assert_int_equal(report_sql_many(&sources, &report, arena, &many, &err), ERR_OK);
    assert_string_equal(many.order, "order by d desc, 'limit 1'");
    assert_string_equal(many.shared, "");
    assert_non_null(strstr(many.text, "d >= tote_asked.tote_from"));
    assert_non_null(strstr(many.text, "from tote_asked_rows_of_sales rows where rows.tote_place = "
                                      "tote_asked.tote_place"));
    assert_null(strchr(many.text, '$'));

    struct report_many_sql none = {0};
    static const char *const alone[] = {"select 1", "select 1 order by 1 limit 3",
                                        "select 1 union select 2 order by 1",
                                        "select (select 1 order by 1)"};
    for (size_t i = 0; i < COUNT_OF(alone); i++) {
        struct report_source single = source("r", alone[i]);
        assert_int_equal(report_sql_many(&sources, &single, arena, &none, &err), ERR_OK);
        assert_null(none.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(filters_become_parameters_and_nothing_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(sets_stand_before_those_that_use_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            many_are_asked_by_their_columns_and_their_order_stands_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_are_what_their_filter_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_key_of_filters_is_that_of_the_page, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
