#include "warehouse/copy_value.h"

__extension__ typedef unsigned __int128 uint128;
__extension__ typedef __int128 int128;

/* PostgreSQL counts days and microseconds from 2000-01-01, DuckDB from 1970-01-01. */
static const int64_t EPOCH_DAYS = 10957;
static const int64_t EPOCH_US = 946684800000000;
static const int64_t DAY_US = 86400000000;

/* --- whole numbers --- */

/* Whole numbers of any storage; a UHUGEINT above 2^127 is the only one that does not fit. */
static bool whole_at(const struct copy_source *source, size_t row, int128 *ret_value)
{
    switch (source->type) {
    case DUCKDB_TYPE_TINYINT:
        *ret_value = ((const int8_t *)source->data)[row];
        return true;
    case DUCKDB_TYPE_SMALLINT:
        *ret_value = ((const int16_t *)source->data)[row];
        return true;
    case DUCKDB_TYPE_INTEGER:
        *ret_value = ((const int32_t *)source->data)[row];
        return true;
    case DUCKDB_TYPE_BIGINT:
        *ret_value = ((const int64_t *)source->data)[row];
        return true;
    case DUCKDB_TYPE_UTINYINT:
        *ret_value = ((const uint8_t *)source->data)[row];
        return true;
    case DUCKDB_TYPE_USMALLINT:
        *ret_value = ((const uint16_t *)source->data)[row];
        return true;
    case DUCKDB_TYPE_UINTEGER:
        *ret_value = ((const uint32_t *)source->data)[row];
        return true;
    case DUCKDB_TYPE_UBIGINT:
        *ret_value = ((const uint64_t *)source->data)[row];
        return true;
    case DUCKDB_TYPE_HUGEINT: {
        const duckdb_hugeint *huge = &((const duckdb_hugeint *)source->data)[row];
        *ret_value = (int128)((uint128)(uint64_t)huge->upper << 64 | huge->lower);
        return true;
    }
    default:
        return false;
    }
}

static unsigned char *put_int2(unsigned char *at, const struct copy_source *source, size_t row)
{
    int128 value;

    if (!whole_at(source, row, &value) || value < INT16_MIN || value > INT16_MAX)
        return NULL;
    return copy_put_u16(copy_put_u32(at, 2), (uint16_t)value);
}

static unsigned char *put_int4(unsigned char *at, const struct copy_source *source, size_t row)
{
    if (source->type == DUCKDB_TYPE_INTEGER)
        return copy_put_u32(copy_put_u32(at, 4), ((const uint32_t *)source->data)[row]);
    int128 value;
    if (!whole_at(source, row, &value) || value < INT32_MIN || value > INT32_MAX)
        return NULL;
    return copy_put_u32(copy_put_u32(at, 4), (uint32_t)value);
}

static unsigned char *put_int8(unsigned char *at, const struct copy_source *source, size_t row)
{
    if (source->type == DUCKDB_TYPE_BIGINT)
        return copy_put_u64(copy_put_u32(at, 8), ((const uint64_t *)source->data)[row]);
    int128 value;
    if (!whole_at(source, row, &value) || value < INT64_MIN || value > INT64_MAX)
        return NULL;
    return copy_put_u64(copy_put_u32(at, 8), (uint64_t)value);
}

static unsigned char *put_bool(unsigned char *at, const struct copy_source *source, size_t row)
{
    at = copy_put_u32(at, 1);
    *at = ((const bool *)source->data)[row] ? 1 : 0;
    return at + 1;
}

static unsigned char *put_float4(unsigned char *at, const struct copy_source *source, size_t row)
{
    return copy_put_u32(copy_put_u32(at, 4), ((const uint32_t *)source->data)[row]);
}

static unsigned char *put_float8(unsigned char *at, const struct copy_source *source, size_t row)
{
    return copy_put_u64(copy_put_u32(at, 8), ((const uint64_t *)source->data)[row]);
}

/* --- numeric --- */

/* Digits of base 10000, least first.  Groups stand aligned at the decimal point, so the least of
 * them holds only what the scale leaves for it. */
static int split_groups(uint128 value, int scale, uint16_t *groups)
{
    static const unsigned power[] = {1, 10, 100, 1000};
    unsigned pad = (unsigned)(3 - (scale + 3) % 4);
    int count = 0;

    if (pad != 0) {
        groups[count++] = (uint16_t)((unsigned)(value % (10000 / power[pad])) * power[pad]);
        value /= 10000 / power[pad];
    }
    for (; value > UINT64_MAX; value /= 10000)
        groups[count++] = (uint16_t)(value % 10000);
    for (uint64_t rest = (uint64_t)value; rest; rest /= 10000)
        groups[count++] = (uint16_t)(rest % 10000);
    return count;
}

/* NumericVar: ndigits, weight, sign, dscale, then the digits, most first, without zeros at either
 * end. */
static unsigned char *put_numeric(unsigned char *at, const struct copy_source *source, size_t row)
{
    uint16_t groups[16];
    int128 value;

    if (!whole_at(source, row, &value))
        return NULL;
    uint128 magnitude = value < 0 ? -(uint128)value : (uint128)value;
    int count = split_groups(magnitude, source->scale, groups);
    int low = 0;
    while (count > 0 && groups[count - 1] == 0)
        count--;
    while (low < count && groups[low] == 0)
        low++;
    int weight = count > low ? count - (source->scale + 3) / 4 - 1 : 0;
    at = copy_put_u32(at, (uint32_t)(8 + 2 * (count - low)));
    at = copy_put_u16(at, (uint16_t)(count - low));
    at = copy_put_u16(at, (uint16_t)weight);
    at = copy_put_u16(at, value < 0 ? 0x4000 : 0);
    at = copy_put_u16(at, (uint16_t)source->scale);
    for (int i = count - 1; i >= low; i--)
        at = copy_put_u16(at, groups[i]);
    return at;
}

/* --- time --- */

static unsigned char *put_date(unsigned char *at, const struct copy_source *source, size_t row)
{
    int64_t days = ((const int32_t *)source->data)[row];

    if (days == INT32_MAX)
        ; /* infinity */
    else if (days == -INT32_MAX)
        days = INT32_MIN;
    else if ((days -= EPOCH_DAYS) <= INT32_MIN)
        return NULL;
    return copy_put_u32(copy_put_u32(at, 4), (uint32_t)days);
}

static unsigned char *put_timestamp(unsigned char *at, const struct copy_source *source, size_t row)
{
    int64_t us = ((const int64_t *)source->data)[row];

    if (us == INT64_MAX)
        ; /* infinity */
    else if (us == -INT64_MAX)
        us = INT64_MIN;
    else if (__builtin_sub_overflow(us, EPOCH_US, &us))
        return NULL;
    return copy_put_u64(copy_put_u32(at, 8), (uint64_t)us);
}

static unsigned char *put_time(unsigned char *at, const struct copy_source *source, size_t row)
{
    return copy_put_u64(copy_put_u32(at, 8), ((const uint64_t *)source->data)[row]);
}

static int two_digits(const char *text)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return -1;
    return (text[0] - '0') * 10 + (text[1] - '0');
}

/* HH:MM:SS, with a fraction of up to six digits; 24:00:00 is PostgreSQL's end of the day. */
static unsigned char *put_time_text(unsigned char *at, const struct copy_source *source, size_t row)
{
    struct span text = copy_text_at(source, row);
    int64_t us = 0;

    if (text.size < 8 || text.size > 15 || text.data[2] != ':' || text.data[5] != ':')
        return NULL;
    int hour = two_digits(text.data);
    int minute = two_digits(text.data + 3);
    int second = two_digits(text.data + 6);
    if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return NULL;
    if (text.size > 8) {
        if (text.data[8] != '.' || text.size == 9)
            return NULL;
        for (size_t i = 9; i < 15; i++) {
            char digit = i < text.size ? text.data[i] : '0';
            if (digit < '0' || digit > '9')
                return NULL;
            us = us * 10 + (digit - '0');
        }
    }
    us += ((hour * 60 + minute) * 60 + second) * (int64_t)1000000;
    if (us > DAY_US)
        return NULL;
    return copy_put_u64(copy_put_u32(at, 8), (uint64_t)us);
}

static unsigned char *put_interval(unsigned char *at, const struct copy_source *source, size_t row)
{
    const duckdb_interval *interval = &((const duckdb_interval *)source->data)[row];

    at = copy_put_u64(copy_put_u32(at, 16), (uint64_t)interval->micros);
    return copy_put_u32(copy_put_u32(at, (uint32_t)interval->days), (uint32_t)interval->months);
}

/* --- bytes --- */

static unsigned char *put_bytes(unsigned char *at, const struct copy_source *source, size_t row)
{
    struct span text = copy_text_at(source, row);

    at = copy_put_u32(at, (uint32_t)text.size);
    memcpy(at, text.data, text.size);
    return at + text.size;
}

/* jsonb_recv: a version number in front of the text. */
static unsigned char *put_jsonb(unsigned char *at, const struct copy_source *source, size_t row)
{
    struct span text = copy_text_at(source, row);

    at = copy_put_u32(at, (uint32_t)text.size + 1);
    *at++ = 1;
    memcpy(at, text.data, text.size);
    return at + text.size;
}

/* DuckDB keeps a UUID as a number with its highest bit turned, so that it sorts. */
static unsigned char *put_uuid(unsigned char *at, const struct copy_source *source, size_t row)
{
    const duckdb_hugeint *uuid = &((const duckdb_hugeint *)source->data)[row];

    at = copy_put_u32(at, 16);
    return copy_put_u64(copy_put_u64(at, (uint64_t)uuid->upper ^ (uint64_t)1 << 63), uuid->lower);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static unsigned char *put_uuid_text(unsigned char *at, const struct copy_source *source, size_t row)
{
    struct span text = copy_text_at(source, row);

    if (text.size != 36)
        return NULL;
    at = copy_put_u32(at, 16);
    for (size_t i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.data[i] != '-')
                return NULL;
            continue;
        }
        int high = hex_digit(text.data[i]);
        int low = hex_digit(text.data[++i]);
        if (high < 0 || low < 0)
            return NULL;
        *at++ = (unsigned char)(high << 4 | low);
    }
    return at;
}

/* --- which for what --- */

static bool is_whole(duckdb_type type)
{
    switch (type) {
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
        return true;
    default:
        return false;
    }
}

copy_put_fn *copy_put_for(enum copy_kind kind, const struct copy_source *source)
{
    duckdb_type type = source->type;
    bool whole = is_whole(type);
    bool text = type == DUCKDB_TYPE_VARCHAR;

    switch (kind) {
    case COPY_NONE:
        return NULL;
    case COPY_BOOL:
        return type == DUCKDB_TYPE_BOOLEAN ? put_bool : NULL;
    case COPY_INT2:
        return whole && source->scale == 0 ? put_int2 : NULL;
    case COPY_INT4:
        return whole && source->scale == 0 ? put_int4 : NULL;
    case COPY_INT8:
        return whole && source->scale == 0 ? put_int8 : NULL;
    case COPY_FLOAT4:
        return type == DUCKDB_TYPE_FLOAT ? put_float4 : NULL;
    case COPY_FLOAT8:
        return type == DUCKDB_TYPE_DOUBLE ? put_float8 : NULL;
    case COPY_NUMERIC:
        return whole ? put_numeric : NULL;
    case COPY_TEXT:
        return text ? put_bytes : NULL;
    case COPY_BYTEA:
        return type == DUCKDB_TYPE_BLOB ? put_bytes : NULL;
    case COPY_DATE:
        return type == DUCKDB_TYPE_DATE ? put_date : NULL;
    case COPY_TIME:
        return type == DUCKDB_TYPE_TIME ? put_time : text ? put_time_text : NULL;
    case COPY_TIMESTAMP:
        return type == DUCKDB_TYPE_TIMESTAMP || type == DUCKDB_TYPE_TIMESTAMP_TZ ? put_timestamp
                                                                                 : NULL;
    case COPY_INTERVAL:
        return type == DUCKDB_TYPE_INTERVAL ? put_interval : NULL;
    case COPY_UUID:
        return type == DUCKDB_TYPE_UUID ? put_uuid : text ? put_uuid_text : NULL;
    case COPY_JSONB:
        return text ? put_jsonb : NULL;
    }
    return NULL;
}
