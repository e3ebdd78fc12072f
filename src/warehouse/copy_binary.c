#include "warehouse/copy_binary.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "warehouse/copy_value.h"

struct copy_encoder {
    const struct copy_column *columns;
    size_t count;
    struct copy_source *sources;
    copy_put_fn **puts;
    size_t fixed_bytes; /* most that a row takes without its texts */
    int64_t next_id;
    unsigned id_bytes; /* 0: rows are not numbered */
};

struct copy_encoder *copy_encoder_new(const struct copy_column *columns, size_t count)
{
    struct copy_encoder *encoder = mem_zalloc(1, sizeof *encoder);

    encoder->columns = columns;
    encoder->count = count;
    encoder->sources = mem_zalloc(count, sizeof *encoder->sources);
    encoder->puts = mem_zalloc(count, sizeof *encoder->puts);
    return encoder;
}

void copy_encoder_free(struct copy_encoder *encoder)
{
    if (!encoder)
        return;
    free(encoder->sources);
    free((void *)encoder->puts);
    free(encoder);
}

void copy_encoder_number_rows(struct copy_encoder *encoder, int64_t first_id, unsigned bytes)
{
    assert(bytes == 4 || bytes == 8);
    encoder->next_id = first_id;
    encoder->id_bytes = bytes;
}

enum err_code copy_encoder_bind(struct copy_encoder *encoder, const struct duck_result *result,
                                struct err *err)
{
    if (duck_result_columns(result) != encoder->count)
        return err_set(err, ERR_INTERNAL, "%zu columns to copy instead of %zu",
                       duck_result_columns(result), encoder->count);
    encoder->fixed_bytes = 2 + 12;
    for (size_t i = 0; i < encoder->count; i++) {
        struct copy_source *source = &encoder->sources[i];
        duckdb_logical_type type = duck_result_type(result, i);

        *source = (struct copy_source){.type = duckdb_get_type_id(type)};
        if (source->type == DUCKDB_TYPE_DECIMAL) {
            source->scale = duckdb_decimal_scale(type);
            source->type = duckdb_decimal_internal_type(type);
        }
        encoder->puts[i] = copy_put_for(encoder->columns[i].kind, source);
        if (!encoder->puts[i])
            return err_set(err, ERR_DATA,
                           "column '%s' has a type in the file that it cannot be loaded from",
                           encoder->columns[i].name);
        encoder->fixed_bytes += COPY_FIXED_MAX;
    }
    return ERR_OK;
}

void copy_encode_header(struct buf *out)
{
    static const char header[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
    buf_add(out, header, sizeof header);
}

void copy_encode_trailer(struct buf *out)
{
    buf_add(out, "\377\377", 2);
}

static enum err_code refuse(const struct copy_encoder *encoder, size_t column, size_t row,
                            struct err *err)
{
    const struct copy_source *source = &encoder->sources[column];

    if (source->type == DUCKDB_TYPE_VARCHAR) {
        struct span text = copy_text_at(source, row);
        return err_set(err, ERR_DATA, "column '%s': '%.*s' is no value of the warehouse's type",
                       encoder->columns[column].name, (int)(text.size < 80 ? text.size : 80),
                       text.data);
    }
    return err_set(err, ERR_DATA, "column '%s' holds a value that the warehouse's type cannot hold",
                   encoder->columns[column].name);
}

static enum err_code encode_row(struct copy_encoder *encoder, size_t row, struct buf *out,
                                struct err *err)
{
    size_t most = encoder->fixed_bytes;
    unsigned fields = (unsigned)encoder->count + (encoder->id_bytes ? 1 : 0);

    for (size_t i = 0; i < encoder->count; i++) {
        if (copy_is_text(&encoder->sources[i]) && !copy_is_null(&encoder->sources[i], row))
            most += copy_text_at(&encoder->sources[i], row).size;
    }
    unsigned char *begin = (unsigned char *)buf_reserve(out, most);
    unsigned char *at = copy_put_u16(begin, (uint16_t)fields);
    if (encoder->id_bytes == 4)
        at = copy_put_u32(copy_put_u32(at, 4), (uint32_t)encoder->next_id++);
    else if (encoder->id_bytes == 8)
        at = copy_put_u64(copy_put_u32(at, 8), (uint64_t)encoder->next_id++);
    for (size_t i = 0; i < encoder->count; i++) {
        const struct copy_source *source = &encoder->sources[i];
        at = copy_is_null(source, row) ? copy_put_u32(at, UINT32_MAX)
                                       : encoder->puts[i](at, source, row);
        if (!at)
            return refuse(encoder, i, row, err);
    }
    out->size += (size_t)(at - begin);
    return ERR_OK;
}

enum err_code copy_encode_rows(struct copy_encoder *encoder, duckdb_data_chunk chunk, size_t *from,
                               size_t enough_bytes, struct buf *out, struct err *err)
{
    size_t size = duckdb_data_chunk_get_size(chunk);

    if (encoder->id_bytes == 4 && encoder->next_id + (int64_t)size > INT32_MAX)
        return err_set(err, ERR_WAREHOUSE, "the surrogate key of type integer is used up");
    for (size_t i = 0; i < encoder->count; i++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, i);
        encoder->sources[i].data = duckdb_vector_get_data(vector);
        encoder->sources[i].valid = duckdb_vector_get_validity(vector);
    }
    size_t row = *from;
    for (; row < size && out->size < enough_bytes; row++)
        TRY(encode_row(encoder, row, out, err));
    *from = row;
    return ERR_OK;
}
