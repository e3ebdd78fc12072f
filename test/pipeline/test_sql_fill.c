/* SQL with a hole in it, or with a cast taken for one, would fail at a customer's. */
#include "lib/unit.h"
#include "pipeline/sql_fill.h"

static void check(const char *text, const char *expected)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    sql_fill(&sql, text, (struct sql_part[]){{"a", "\"A:a\""}, {"a_b", "--x"}, {NULL, NULL}});
    assert_string_equal(buf_text(&sql), expected);
}

static void test_fill(void **state)
{
    (void)state;
    check("", "");
    check("select :a, :a_b from x", "select \"A:a\", --x from x");
    check("select :a::bigint - 1", "select \"A:a\"::bigint - 1");
    check("-- about :nothing\nselect 1 -- :more", "\nselect 1 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fill)};
    return cmocka_run_group_tests_name("sql_fill", tests, NULL, NULL);
}
