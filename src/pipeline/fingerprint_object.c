#include <xxhash.h>

#include "pipeline/fingerprint.h"
#include "pipeline/varint.h"

/* magic | form, function, bits, 0 | varint count | counts' column and numbers' column as varints (a
 * number as what is between it and the one before) | key sums and version sums, 8 bytes each |
 * XXH64 of all that. */
static const char magic[8] = {'T', 'O', 'T', 'E', 'F', 'P', '1', '\n'};

enum {
    PARAMETERS_SIZE = 4,
    CHECKSUM_SIZE = 8,
    BUCKET_SIZE_MIN = 1 + 1 + 8 + 8
};

static void add_varint(struct buf *out, uint64_t value)
{
    uint8_t *at = (uint8_t *)buf_reserve(out, VARINT_MAX);
    out->size += (size_t)(varint_put(at, value) - at);
}

static bool is_empty(const struct fingerprint_bucket *bucket)
{
    return bucket->count == 0 && bucket->key_sum == 0 && bucket->version_sum == 0;
}

void fingerprint_encode(const struct fingerprint *fingerprint, struct buf *ret_bytes)
{
    size_t start = ret_bytes->size;
    const uint8_t parameters[PARAMETERS_SIZE] = {
        (uint8_t)fingerprint->form, (uint8_t)fingerprint->function, (uint8_t)fingerprint->bits, 0};
    buf_add(ret_bytes, magic, sizeof magic);
    buf_add(ret_bytes, parameters, sizeof parameters);

    size_t count = 0;
    for (size_t i = 0; i < fingerprint->count; i++)
        count += !is_empty(&fingerprint->buckets[i]);
    add_varint(ret_bytes, count);

    CLEANUP_IN_PLACE(buf_release) struct buf numbers = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf key_sums = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf version_sums = {0};
    int64_t last = 0;
    for (size_t i = 0; i < fingerprint->count; i++) {
        const struct fingerprint_bucket *bucket = &fingerprint->buckets[i];
        if (is_empty(bucket))
            continue;
        add_varint(ret_bytes, bucket->count);
        add_varint(&numbers, zigzag((uint64_t)bucket->number - (uint64_t)last));
        last = bucket->number;
        buf_add(&key_sums, &bucket->key_sum, sizeof bucket->key_sum);
        buf_add(&version_sums, &bucket->version_sum, sizeof bucket->version_sum);
    }
    buf_add(ret_bytes, buf_text(&numbers), numbers.size);
    buf_add(ret_bytes, buf_text(&key_sums), key_sums.size);
    buf_add(ret_bytes, buf_text(&version_sums), version_sums.size);
    uint64_t checksum = XXH64(ret_bytes->data + start, ret_bytes->size - start, 0);
    buf_add(ret_bytes, &checksum, sizeof checksum);
}

/* Everything between the magic and the checksum; false when it makes no sense. */
static bool decode_buckets(const uint8_t *at, const uint8_t *end, struct fingerprint *fingerprint)
{
    if (end - at < PARAMETERS_SIZE || at[0] > KEY_TEXT || at[1] > BUCKET_HASH || at[2] > 63 ||
        at[3])
        return false;
    fingerprint->form = at[0];
    fingerprint->function = at[1];
    fingerprint->bits = at[2];
    if (fingerprint->form == KEY_TEXT && fingerprint->function == BUCKET_RANGE)
        return false;
    if (fingerprint->function == BUCKET_HASH && fingerprint->bits > 14)
        return false;
    at += PARAMETERS_SIZE;

    uint64_t count;
    if (!varint_get(&at, end, &count) || count > (uint64_t)(end - at) / BUCKET_SIZE_MIN)
        return false;
    fingerprint->buckets =
        mem_grow(NULL, &fingerprint->capacity, (size_t)count + 1, sizeof *fingerprint->buckets);
    fingerprint->count = (size_t)count;
    for (size_t i = 0; i < count; i++) {
        uint64_t rows;
        if (!varint_get(&at, end, &rows) || rows == 0 || rows > INT64_MAX)
            return false;
        fingerprint->buckets[i].count = rows;
    }
    int64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t difference;
        if (!varint_get(&at, end, &difference))
            return false;
        int64_t number = (int64_t)((uint64_t)last + unzigzag(difference));
        if (i > 0 && number <= last)
            return false;
        if (fingerprint->function == BUCKET_HASH &&
            (number < 0 || number >= INT64_C(1) << fingerprint->bits))
            return false;
        fingerprint->buckets[i].number = last = number;
    }
    if ((uint64_t)(end - at) != count * 16)
        return false;
    for (size_t i = 0; i < count; i++) {
        fingerprint->buckets[i].key_sum = load_u64(at + i * 8);
        fingerprint->buckets[i].version_sum = load_u64(at + (count + i) * 8);
    }
    return true;
}

enum err_code fingerprint_decode(const char *what, const char *bytes, size_t size,
                                 struct fingerprint *ret_fingerprint, struct err *err)
{
    if (size < sizeof magic + CHECKSUM_SIZE || memcmp(bytes, magic, sizeof magic) != 0) {
        (void)err_set(err, ERR_DATA, "%s is not a fingerprint", what);
        return err_hint(err, "it was cut short or overwritten; run 'tote reconcile'");
    }
    const uint8_t *start = (const uint8_t *)bytes;
    const uint8_t *end = start + size - CHECKSUM_SIZE;
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint decoded = {0};
    if (XXH64(bytes, size - CHECKSUM_SIZE, 0) != load_u64(end) ||
        !decode_buckets(start + sizeof magic, end, &decoded)) {
        (void)err_set(err, ERR_DATA, "%s is damaged", what);
        return err_hint(err, "it was changed after it was written; run 'tote reconcile'");
    }
    *ret_fingerprint = decoded;
    decoded = (struct fingerprint){0};
    return ERR_OK;
}
