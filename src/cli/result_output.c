#include "cli/result_output.h"

#include "base/text.h"

enum {
    RESULT_OUTPUT_MEASURED_ROWS = 1000, /* decide how wide the columns are */
    RESULT_OUTPUT_FLUSH_BYTES = 1 << 16,
};

void result_output_release(struct result_output *output)
{
    text_table_free(output->table);
    free(output->is_text);
}

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

static void begin(struct result_output *output, size_t count, const char *const *names)
{
    if (output->format == RESULT_OUTPUT_JSON) {
        output_json_begin(&output->json, output->out, true);
        json_array_begin(&output->json, "columns");
        for (size_t i = 0; i < count; i++)
            json_text(&output->json, NULL, names[i]);
        json_array_end(&output->json);
        json_array_begin(&output->json, "rows");
        return;
    }
    if (output->format == RESULT_OUTPUT_TABLE) {
        output->table = text_table_new(count);
        output->is_text = mem_zalloc(count + 1, sizeof *output->is_text);
        output->columns = count;
    }
    for (size_t i = 0; i < count; i++) {
        if (output->format == RESULT_OUTPUT_TABLE) {
            text_table_cell(output->table, names[i]);
        } else {
            buf_add_text(output->out, i ? "," : "");
            csv_cell(output->out, names[i], strlen(names[i]));
        }
    }
    if (output->format == RESULT_OUTPUT_CSV)
        buf_add_char(output->out, '\n');
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
static void flush_table(struct result_output *output)
{
    for (size_t i = 0; i < output->columns; i++)
        if (!output->is_text[i])
            text_table_right(output->table, i);
    text_table_flush(output->table, output->out);
}

bool result_output_add(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells)
{
    struct result_output *output = arg;

    if (output->rows++ == 0)
        begin(output, column_count, names);
    if (output->format == RESULT_OUTPUT_JSON)
        json_array_begin(&output->json, NULL);
    for (size_t i = 0; i < column_count; i++) {
        if (output->format == RESULT_OUTPUT_TABLE) {
            table_cell(output->table, &cells[i]);
            output->is_text[i] = output->is_text[i] || !is_number(&cells[i]);
        } else if (output->format == RESULT_OUTPUT_CSV) {
            buf_add_text(output->out, i ? "," : "");
            if (cells[i].data)
                csv_cell(output->out, cells[i].data, cells[i].size);
        } else if (cells[i].data) {
            json_text_n(&output->json, NULL, cells[i].data, cells[i].size);
        } else {
            json_none(&output->json, NULL);
        }
    }
    if (output->format == RESULT_OUTPUT_JSON)
        json_array_end(&output->json);
    else if (output->format == RESULT_OUTPUT_CSV)
        buf_add_char(output->out, '\n');
    if (output->format == RESULT_OUTPUT_TABLE && output->rows % RESULT_OUTPUT_MEASURED_ROWS == 0)
        flush_table(output);
    if (output->out->size > RESULT_OUTPUT_FLUSH_BYTES)
        output->code = output_flush(output->out, &output->err);
    return !output->code && !output_closed();
}

enum err_code result_output_end(struct result_output *output, struct err *err)
{
    if (output->code) {
        *err = output->err;
        return output->code;
    }
    if (output->format == RESULT_OUTPUT_JSON) {
        if (!output->rows)
            begin(output, 0, NULL);
        json_array_end(&output->json);
        output_json_end(&output->json);
    } else if (output->format == RESULT_OUTPUT_TABLE) {
        if (output->table)
            flush_table(output);
        buf_addf(output->out, "(%llu row%s)\n", (unsigned long long)output->rows,
                 output->rows == 1 ? "" : "s");
    }
    return ERR_OK;
}
