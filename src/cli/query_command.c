/* tote query. */
#include "app/app.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"

enum {
    QUERY_MEASURED_ROWS = 1000, /* decide how wide the columns are */
    QUERY_FLUSH_BYTES = 1 << 16,
};

enum query_format {
    QUERY_TABLE,
    QUERY_CSV,
    QUERY_JSON
};

struct query {
    struct buf *out;
    enum query_format format;
    struct json_writer json;
    struct text_table *table; /* rows not printed yet */
    bool *is_text;            /* by column: something else than a number was in it */
    size_t columns;
    uint64_t rows;
    struct err *err;
    enum err_code code;
};

/* Quoted where a comma, quote or line end would be misread; NULL is empty, '' is "". */
static void csv_cell(struct buf *out, const char *text, size_t size)
{
    bool quote = size == 0;

    for (size_t i = 0; i < size; i++)
        quote = quote || strchr(",\"\r\n", text[i]);
    if (!quote) {
        buf_add(out, text, size);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, text[i]);
    }
    buf_add_char(out, '"');
}

static void begin(struct query *query, size_t count, const char *const *names)
{
    if (query->format == QUERY_JSON) {
        output_json_begin(&query->json, query->out, true);
        json_array_begin(&query->json, "columns");
        for (size_t i = 0; i < count; i++)
            json_text(&query->json, NULL, names[i]);
        json_array_end(&query->json);
        json_array_begin(&query->json, "rows");
        return;
    }
    if (query->format == QUERY_TABLE) {
        query->table = text_table_new(count);
        query->is_text = mem_zalloc(count + 1, sizeof *query->is_text);
        query->columns = count;
    }
    for (size_t i = 0; i < count; i++) {
        if (query->format == QUERY_TABLE) {
            text_table_cell(query->table, names[i]);
        } else {
            buf_add_text(query->out, i ? "," : "");
            csv_cell(query->out, names[i], strlen(names[i]));
        }
    }
    if (query->format == QUERY_CSV)
        buf_add_char(query->out, '\n');
}

/* Control characters would break the table. */
static void table_cell(struct text_table *table, const struct span *cell)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};

    for (size_t i = 0; cell->data && i < cell->size; i++) {
        unsigned char c = (unsigned char)cell->data[i];
        if (c >= ' ' && c != 0x7f)
            buf_add_char(&text, (char)c);
        else if (c == '\n' || c == '\t' || c == '\r')
            buf_addf(&text, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else
            buf_addf(&text, "\\x%02x", c);
    }
    text_table_cell(table, cell->data ? buf_text(&text) : "NULL");
}

static bool is_number(const struct span *cell)
{
    bool digits = false;

    for (size_t i = 0; i < cell->size; i++) {
        bool digit = cell->data[i] >= '0' && cell->data[i] <= '9';
        if (!digit && cell->data[i] != '.' && !(i == 0 && cell->data[i] == '-'))
            return false;
        digits = digits || digit;
    }
    return digits || !cell->data;
}

/* Columns of numbers are aligned to the right. */
static void flush_table(struct query *query)
{
    for (size_t i = 0; i < query->columns; i++)
        if (!query->is_text[i])
            text_table_right(query->table, i);
    text_table_flush(query->table, query->out);
}

static bool on_row(void *arg, size_t column_count, const char *const *names,
                   const struct span *cells)
{
    struct query *query = arg;

    if (query->rows++ == 0)
        begin(query, column_count, names);
    if (query->format == QUERY_JSON)
        json_array_begin(&query->json, NULL);
    for (size_t i = 0; i < column_count; i++) {
        if (query->format == QUERY_TABLE) {
            table_cell(query->table, &cells[i]);
            query->is_text[i] = query->is_text[i] || !is_number(&cells[i]);
        } else if (query->format == QUERY_CSV) {
            buf_add_text(query->out, i ? "," : "");
            if (cells[i].data)
                csv_cell(query->out, cells[i].data, cells[i].size);
        } else if (cells[i].data) {
            json_text_n(&query->json, NULL, cells[i].data, cells[i].size);
        } else {
            json_none(&query->json, NULL);
        }
    }
    if (query->format == QUERY_JSON)
        json_array_end(&query->json);
    else if (query->format == QUERY_CSV)
        buf_add_char(query->out, '\n');
    if (query->format == QUERY_TABLE && query->rows % QUERY_MEASURED_ROWS == 0)
        flush_table(query);
    if (query->out->size > QUERY_FLUSH_BYTES)
        query->code = output_flush(query->out, query->err);
    return !query->code && !output_closed();
}

static enum err_code finish(struct query *query, struct err *err)
{
    if (query->code) {
        *err = *query->err;
        return query->code;
    }
    if (query->format == QUERY_JSON) {
        if (!query->rows)
            begin(query, 0, NULL);
        json_array_end(&query->json);
        output_json_end(&query->json);
    } else if (query->format == QUERY_TABLE) {
        if (query->table)
            flush_table(query);
        buf_addf(query->out, "(%llu row%s)\n", (unsigned long long)query->rows,
                 query->rows == 1 ? "" : "s");
    }
    return ERR_OK;
}

enum err_code command_query(struct call *call, struct err *err)
{
    CLEANUP(app_free) struct app *app = app_new(call->config);
    CLEANUP(warehouse_close) struct warehouse *warehouse = NULL;
    struct err output_err = {0};
    struct query query = {
        .out = call->out,
        .format = call->json                  ? QUERY_JSON
                  : call_value(call, "--csv") ? QUERY_CSV
                                              : QUERY_TABLE,
        .err = &output_err,
    };

    TRY(app_warehouse_open(app, true, &warehouse, err));
    enum err_code code =
        warehouse_query(warehouse, call->arguments[0], NULL, 0, on_row, &query, err);
    if (!code)
        code = finish(&query, err);
    text_table_free(query.table);
    free(query.is_text);
    return code;
}
