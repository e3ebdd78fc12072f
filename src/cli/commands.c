#include <assert.h>

#include "base/text.h"
#include "cli/command.h"

const struct command_option global_options[] = {
    {"-C", "DIR", false, false, "change to DIR first"},
    {"--config", "FILE", false, false, "read FILE instead of tote.yaml"},
    {"--json", NULL, false, false, "print one JSON document with \"schema\": 1"},
    {"--quiet", NULL, false, false, "say nothing but warnings and errors on standard error"},
    {"--verbose", NULL, false, false, "table by table"},
    {"--no-progress", NULL, false, false, "no progress line on the terminal"},
    {"--help", NULL, false, false, "show help"},
    {"--version", NULL, false, false, "show the version"},
    {0},
};

static const struct command_option init_options[] = {
    {"--source", "URL", false, true, "the PostgreSQL database to look at"},
    {"--dir", "DIR", false, false, "where to write (the current folder)"},
    {"--warehouse", "URL", false, true, "the warehouse (duckdb:./warehouse.duckdb)"},
    {"--force", NULL, false, false, "overwrite files that are there"},
    {0},
};

static const struct command_option ingest_options[] = {
    {"--full", NULL, false, false, "compare every row by content"},
    {"--accept-new-source", NULL, false, false,
     "go on although the lake was fed by another server, comparing every row by content"},
    {0},
};

static const struct command_option run_options[] = {
    {"--every", "DURATION", true, false,
     "keep on, with this pause between rounds (without a value: schedule.every)"},
    {"--full", NULL, false, false, "compare every row by content"},
    {"--accept-new-source", NULL, false, false,
     "go on although the lake was fed by another server, comparing every row by content"},
    {0},
};

static const struct command_option status_options[] = {
    {"--prometheus", NULL, false, false, "print metrics in the text format of Prometheus"},
    {0},
};

static const struct command_option history_options[] = {
    {"--limit", "N", false, false, "so many batches (20)"},
    {"--batch", "N", false, false, "one batch, table by table"},
    {0},
};

static const struct command_option verify_options[] = {
    {"--quick", NULL, false, false, "look at sizes only, read nothing"},
    {0},
};

static const struct command_option replay_options[] = {
    {"--no-follow", NULL, false, false,
     "only commit the batch: process and load take it when they run next"},
    {0},
};

static const struct command_option sweep_options[] = {
    {"--grace", "DURATION", false, false,
     "leave objects younger than this (24h; of processed files never less)"},
    {"--dry-run", NULL, false, false, "list what would be removed, and remove nothing"},
    {0},
};

static const struct command_option query_options[] = {
    {"--csv", NULL, false, false, "print comma-separated values"},
    {0},
};

/* A filter of reports each, by the same name: pipeline/report_filters.c. */
static const struct command_option report_options[] = {
    {"--csv", NULL, false, false, "print comma-separated values"},
    {"--table", NULL, false, false, "print a table, as without it"},
    {"--from", "DATE", false, false, "from this day on"},
    {"--to", "DATE", false, false, "up to this day, included"},
    {"--currency", "CODE", false, false, "orders and payments in this currency"},
    {"--country", "NAME", false, false, "where goods are delivered"},
    {"--city", "NAME", false, false, "where goods are delivered"},
    {"--department", "NAME", false, false, "of who sold or bought"},
    {"--staff", "NAME", false, false, "who sold or bought: first and last name"},
    {"--design", "NAME", false, false, "what was sold"},
    {"--counterparty", "NAME", false, false, "legal name of the other company"},
    {"--month", "DATE", false, false, "one month: its first day"},
    {"--weekday", "1-7", false, false, "one day of the week: 1 is Monday"},
    {"--direction", "in|out", false, false, "payments that come in or go out"},
    {"--paid", "yes|no", false, false, "payments that were made, or are still due"},
    {"--key", "ID", false, false, "of one row, for its history"},
    {"--convert", "CODE", false, false, "money in this currency, by the warehouse's dated rates"},
    {"--today", "DATE", false, false, "what counts as past due (the day of the snapshot)"},
    {"--limit", "N", false, false, "at most so many rows (1000)"},
    {"--markdown", NULL, false, false, "print docs/reference/reports.md"},
    {0},
};

static const struct command_option serve_options[] = {
    {"--listen", "ADDRESS:PORT", false, false, "short for --serve-listen"},
    {0},
};

static const struct command_option publish_options[] = {
    {"--to", "URL", false, false, "a folder or s3://bucket/prefix, instead of publish.to"},
    {0},
};

static const struct command_option help_options[] = {
    {"--man", NULL, false, false, "print the manual page"},
    {"--completion", "SHELL", false, false, "print completion for bash, zsh or fish"},
    {"--markdown", "PAGE", false, false,
     "print docs/reference/PAGE.md: commands, configuration, exit-statuses, metrics or types"},
    {0},
};

const struct command commands[] = {
    {"init", "", 0, 0, false, "look at a database and write a working project for it",
     "Connects to the source, lists its tables and writes tote.yaml, .env (mode 0600, with the "
     "URL), "
     ".gitignore and one model for each table, such that `tote run` then fills the warehouse with "
     "one "
     "current table for each source table. Files that are there are kept unless --force is given.",
     init_options, command_init},
    {"doctor", "", 0, 0, true, "check the configuration, source, lake, models and warehouse",
     "Prints one line for each check, with a hint where something is wrong. Writes nothing but a "
     "probe "
     "object below _doctor/ in each lake folder, which it removes. The exit status is that of the "
     "first "
     "check that failed.",
     NULL, command_doctor},
    {"run", "", 0, 0, true, "ingest, process and load once, or again and again",
     "Runs the three steps in order. A step that fails does not keep the next ones from catching "
     "up "
     "with what was committed before; the exit status is that of the first failure. With --every, "
     "errors are logged and the next round tries again, until the program is interrupted.",
     run_options, command_run},
    {"ingest", "", 0, 0, true, "capture what changed in the source into JSON objects",
     "Reads all tables under one snapshot, compares them with what the lake holds, and commits "
     "what "
     "changed as one batch. Nothing changed: nothing is written.",
     ingest_options, command_ingest},
    {"process", "", 0, 0, true, "turn new batches into clean and star tables",
     "Runs the models over every batch that is not processed yet, in order.", NULL,
     command_process},
    {"load", "", 0, 0, true, "load processed batches into the warehouse",
     "Loads every batch that is not in the warehouse's ledger yet, each in one transaction.", NULL,
     command_load},
    {"status", "", 0, 0, true, "how far each step is, and rows by table and stage",
     "Shows the last batch of each step, its age, and the rows of each table in the source, the "
     "clean "
     "zone, quarantine, the star and the warehouse.",
     status_options, command_status},
    {"history", "", 0, 0, true, "the batches, newest first",
     "Shows time, rows, deletions, quarantined rows and duration of each batch.", history_options,
     command_history},
    {"query", "SQL", 1, 1, true, "read the warehouse with SQL",
     "Runs one statement that reads, and prints the rows as a table, as JSON or as CSV. The "
     "warehouse "
     "is opened for reading only.",
     query_options, command_query},
    {"report", "[NAME]", 0, 1, true, "answer a question of the business",
     "Runs models/report/NAME.sql on the warehouse and prints its rows. Without a name: lists the "
     "reports. A filter that a report does not take is ignored.",
     report_options, command_report},
    {"serve", "", 0, 0, true, "show the dashboard in a browser",
     "Serves the page and its data until it is interrupted: reports of the warehouse and the "
     "pipeline's health, live. Where it listens: serve.listen (--serve-listen 127.0.0.1:8080), or "
     "--listen for short. Other addresses than this machine's own need serve.token or a proxy.",
     serve_options, command_serve},
    {"publish", "", 0, 0, true, "write the dashboard as files that need no server",
     "Writes the page and its data into a folder or a bucket: every file with its content's hash "
     "in "
     "its name, last the small pointer latest.json. With publish.to set, loading does the same "
     "after "
     "each batch.",
     publish_options, command_publish},
    {"verify", "", 0, 0, true, "check every object of the lake against its record",
     "Reads every object that a record of either folder names, and compares its size and SHA-256 "
     "with the record; of the tables the files that are current. What is missing or differs is "
     "listed, and the exit status is that of damaged data.",
     verify_options, command_verify},
    {"reconcile", "", 0, 0, true, "compare every row of the source with the lake by content",
     "Ingests what changed, then compares all tables row by row and says where the lake differed: "
     "rows that batches had missed, tables with a cursor included, or that changed in between. The "
     "batch that it commits holds the differences, so that afterwards there are none.",
     NULL, command_reconcile},
    {"replay", "[TABLE...]", 0, COMMAND_ARGUMENTS_MAX, true, "put quarantined rows through again",
     "Commits a batch that gives the rows in quarantine another try (of all tables, or of those "
     "named and of what refers to them), then processes and loads. What is good now takes its "
     "place in history; what is not stays in quarantine. The source is not asked. Rows that break "
     "the contract of their source table are tried again only when another version of tote put "
     "them "
     "aside or their table is named: mend the source or models/clean/TABLE.sql, and `tote run` "
     "takes them.",
     replay_options, command_replay},
    {"sweep", "", 0, 0, true, "remove what attempts that were killed left in the lake",
     "Removes objects of batches up to the head that no record and no table's log names, in both "
     "folders. Records, logs, hints, pages, objects of the next batch, and whatever tote did not "
     "name itself stay. Reads all records first; where one is missing or damaged nothing is "
     "removed.",
     sweep_options, command_sweep},
    {"config", "", 0, 0, true, "show the configuration that holds, and where each value came from",
     "Passwords are masked.", NULL, command_config},
    {"version", "", 0, 0, false, "show the version", "", NULL, command_version},
    {"help", "[COMMAND]", 0, 1, false, "show help", "", help_options, command_help},
};

const size_t command_count = COUNT_OF(commands);

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (text_equal(commands[i].name, name))
            return &commands[i];
    return NULL;
}

const char *call_value(const struct call *call, const char *name)
{
    const struct command_option *options = call->command->options;

    for (size_t i = 0; options && options[i].name; i++)
        if (text_equal(options[i].name, name))
            return call->values[i];
    assert(false && "an option that the command does not have");
    return NULL;
}
