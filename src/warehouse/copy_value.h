/* warehouse/copy_value.h - one value of a DuckDB vector as a field of PostgreSQL's binary COPY:
 * length, then the bytes that the type's recv function reads.  Used by copy_binary.c. */
#ifndef WAREHOUSE_COPY_VALUE_H
#define WAREHOUSE_COPY_VALUE_H

#include <string.h>

#include "warehouse/copy_binary.h"

/* Most bytes of a field that is no text: a numeric of 39 digits takes 4 + 8 + 2 * 11. */
enum {
    COPY_FIXED_MAX = 40
};

struct copy_source {
    duckdb_type type; /* of a DECIMAL: how it is stored */
    int scale;        /* of a DECIMAL */
    const void *data;
    const uint64_t *valid;
};

/* Writes a field that is not null and returns its end; NULL: the type cannot hold the value. */
typedef unsigned char *copy_put_fn(unsigned char *at, const struct copy_source *source, size_t row);
/* NULL: this kind cannot be made of this source. */
copy_put_fn *copy_put_for(enum copy_kind kind, const struct copy_source *source);

static inline bool copy_is_null(const struct copy_source *source, size_t row)
{
    return source->valid && !(source->valid[row / 64] >> (row % 64) & 1);
}

static inline bool copy_is_text(const struct copy_source *source)
{
    return source->type == DUCKDB_TYPE_VARCHAR || source->type == DUCKDB_TYPE_BLOB;
}

static inline struct span copy_text_at(const struct copy_source *source, size_t row)
{
    const duckdb_string_t *text = &((const duckdb_string_t *)source->data)[row];
    uint32_t size = text->value.inlined.length;

    return (struct span){
        .data = size <= sizeof text->value.inlined.inlined ? text->value.inlined.inlined
                                                           : text->value.pointer.ptr,
        .size = size,
    };
}

static inline unsigned char *copy_put_u16(unsigned char *at, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static inline unsigned char *copy_put_u32(unsigned char *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static inline unsigned char *copy_put_u64(unsigned char *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

#endif
