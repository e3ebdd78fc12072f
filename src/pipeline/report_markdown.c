/* docs/reference/reports.md, from the headers of the reports. */
#include "base/text.h"
#include "pipeline/report.h"

static const char head[] =
    "# Reports\n"
    "\n"
    "<!-- printed by `tote report --markdown`; a test compares -->\n"
    "\n"
    "A report is a question of the business, asked of the warehouse by one select that DuckDB and\n"
    "PostgreSQL answer alike. `tote report` lists them, `tote report NAME --currency EUR --csv` "
    "asks one,\n"
    "`tote serve` shows them as charts, `tote publish` writes their answers as files.\n"
    "\n"
    "Money is summed within one currency, or converted (below). What a report takes as \"now\" is "
    "the day\n"
    "of the snapshot (`--today` says otherwise), so that equal batches give equal answers.\n"
    "\n";

static const char rules[] =
    "\n## Writing one\n"
    "\n"
    "`models/report/NAME.sql`: a header of directives, then one select; no `with`, no `limit`.\n"
    "\n"
    "```sql\n"
    "-- title: Revenue by month\n"
    "-- question: How much do we sell each month, and in which currency?\n"
    "-- group: sales\n"
    "-- place: 1\n"
    "-- chart: bar x=month y=revenue by=currency\n"
    "-- uses: sales\n"
    "-- column: month month\n"
    "-- column: currency currency\n"
    "-- column: revenue money(currency)\n"
    "-- drill: sales_orders month=month currency=currency\n"
    "select month, currency, sum(amount) as revenue\n"
    "from sales\n"
    "group by month, currency\n"
    "order by month, currency\n"
    "```\n"
    "\n"
    "| directive | |\n"
    "|---|---|\n"
    "| `title`, `question` | for people |\n"
    "| `group`, `place` | where a page shows it: summary, sales, purchases, payments, history, "
    "quality or rows; the "
    "place within |\n"
    "| `chart` | figure, bar, ranking, line, heat or table, with columns for `x=`, `y=` and `by=` "
    "|\n"
    "| `uses` | sets of `models/report/sets/` that the select reads by name |\n"
    "| `column` | one for each column of the select, in its order: name, kind, title. Kinds: "
    "money(column of its "
    "currency), number, count, key, label, text, currency, date, instant, month, weekday, flag, "
    "percent |\n"
    "| `drill` | the report that shows the rows behind one: filter=column of this report, or "
    "filter=:value |\n"
    "| `bundle: no` | is not part of a published page |\n"
    "\n"
    "**Filters.** `:currency` in the SQL is the filter of that name: a parameter of the statement, "
    "null where the\n"
    "reader gave none (`cast(:currency as varchar) is null or …`). It never becomes text of the "
    "statement. A report\n"
    "takes the filters that it and its sets name. `:key` must be given.\n"
    "\n"
    "**Sets.** `models/report/sets/NAME.sql` holds rows that several reports read, `-- filters: "
    "date=created_date\n"
    "currency=order_currency country` says by which columns they are filtered (`date` is from, to "
    "and month).\n"
    "A set may use sets. `-- needs: TABLE` in a set: where the warehouse has no such table, "
    "`NAME_none.sql` stands in.\n"
    "\n"
    "**Choices.** `models/report/choices/FILTER.sql`: one column with the values that a page "
    "offers; `dates.sql`:\n"
    "the first and the last day; `first_batch.sql`: the oldest batch among the facts, which any "
    "select "
    "can read as\n"
    "`:first_batch`. Versions of it supersede no others, so that `where batch_id > :first_batch` "
    "finds "
    "what superseded them.\n"
    "\n"
    "**Exact on both.** DuckDB divides decimals as floating point: see `sales_summary.sql` for an "
    "average that is\n"
    "exact to the cent. A sum that may be empty is `coalesce(sum(…), 0.00)`.\n"
    "\n"
    "## Rates\n"
    "\n"
    "Where the warehouse has a table `dim_exchange_rate`, `--convert EUR` (`convert=EUR` in the "
    "page) shows money in\n"
    "that currency: each order and payment by the rate of its day, rounded to the cent. Rows "
    "without a rate are in no\n"
    "sum, and their number is said. The table is an ordinary model over a seed:\n"
    "\n"
    "```sql\n"
    "-- kind: calendar\n"
    "-- key: from_currency, to_currency, valid_from\n"
    "select from_currency, to_currency, cast(valid_from as date) as valid_from,\n"
    "       cast(valid_to as date) as valid_to, cast(rate as decimal(18, 8)) as rate\n"
    "from seed.exchange_rate\n"
    "```\n"
    "\n"
    "`valid_from` counts, `valid_to` is the day after the last. Without the table money is shown "
    "by currency only.\n";

void report_print_markdown(const struct report_set *set, struct buf *out)
{
    buf_add_text(out, head);
    buf_add_text(out, "| report | question | filters |\n|---|---|---|\n");
    for (size_t i = 0; i < set->count; i++) {
        const struct report *report = &set->reports[i];
        const char *joint = "";
        buf_addf(out, "| `%s` | %s | ", report->name, report->question);
        for (size_t j = 0; j < REPORT_PARAMETERS; j++) {
            if (!report->takes[j])
                continue;
            buf_addf(out, "%s%s", joint, report_parameters[j].name);
            joint = ", ";
        }
        buf_add_text(out, *joint ? " |\n" : "– |\n");
    }
    buf_add_text(out, "\n## Filters\n\n| flag | |\n|---|---|\n");
    for (size_t i = 0; i < REPORT_PARAMETERS; i++) {
        buf_addf(out, "| `--%s ", report_parameters[i].name);
        for (const char *at = report_parameters[i].placeholder; *at; at++)
            buf_addf(out, "%s%c", *at == '|' ? "\\" : "", *at);
        buf_addf(out, "` | %s |\n", report_parameters[i].doc);
    }
    buf_addf(out, "| `--limit N` | at most so many rows, up to %d (%d) |\n", REPORT_ROWS_MAX,
             REPORT_ROWS);
    buf_add_text(out, rules);
}
