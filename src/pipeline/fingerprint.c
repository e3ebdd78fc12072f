#include "pipeline/fingerprint.h"

#include <string.h>
#include <xxhash.h>

#include "pipeline/pg_hash.h"
#include "pipeline/varint.h"

enum {
    SKEW = 8
}; /* a bucket of so many times the mean is one too large */

uint64_t key_hash(const struct key *key, uint64_t seed)
{
    if (key->form == KEY_INT8)
        return pg_hash_int8(key->number, seed);
    return pg_hash_text(key->text.data, key->text.size, seed);
}

int key_compare(const struct key *a, const struct key *b)
{
    if (a->form == KEY_INT8)
        return (a->number > b->number) - (a->number < b->number);
    size_t common = a->text.size < b->text.size ? a->text.size : b->text.size;
    int order = common == 0 ? 0 : memcmp(a->text.data, b->text.data, common);
    if (order != 0)
        return order;
    return (a->text.size > b->text.size) - (a->text.size < b->text.size);
}

static int64_t bucket_of(const struct fingerprint *parameters, const struct key *key, uint64_t hash)
{
    if (parameters->function == BUCKET_RANGE)
        return key->number >> parameters->bits;
    return (int64_t)(hash & ((UINT64_C(1) << parameters->bits) - 1));
}

int64_t key_bucket(const struct fingerprint *parameters, const struct key *key)
{
    return bucket_of(parameters, key, parameters->function == BUCKET_HASH ? key_hash(key, 0) : 0);
}

void fingerprint_release(struct fingerprint *fingerprint)
{
    free(fingerprint->buckets);
    *fingerprint = (struct fingerprint){
        .form = fingerprint->form, .function = fingerprint->function, .bits = fingerprint->bits};
}

void fingerprint_choose(enum key_form form, int64_t lowest, int64_t highest, uint64_t rows,
                        struct fingerprint *ret_parameters)
{
    struct fingerprint chosen = {.form = form};
    if (form == KEY_INT8) {
        chosen.function = BUCKET_RANGE;
        if (highest < lowest)
            highest = lowest;
        /* 2^bits keys a bucket hold 256 rows, or a little fewer, when keys are evenly spread */
        double spread = ((double)highest - (double)lowest + 1) / (double)(rows > 0 ? rows : 1);
        double wanted = FINGERPRINT_BUCKET_ROWS * (spread > 1 ? spread : 1);
        while (chosen.bits < 62 && (double)(UINT64_C(2) << chosen.bits) <= wanted)
            chosen.bits++;
        while ((uint64_t)(highest >> chosen.bits) - (uint64_t)(lowest >> chosen.bits) >=
               FINGERPRINT_BUCKETS_MAX)
            chosen.bits++;
    } else {
        chosen.function = BUCKET_HASH;
        while ((UINT64_C(1) << chosen.bits) < FINGERPRINT_BUCKETS_MAX &&
               (UINT64_C(1) << chosen.bits) * FINGERPRINT_BUCKET_ROWS < rows)
            chosen.bits++;
    }
    *ret_parameters = chosen;
}

/* The position of the first bucket whose number is not below. */
static size_t find_position(const struct fingerprint *fingerprint, int64_t number)
{
    size_t low = 0;
    size_t high = fingerprint->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (fingerprint->buckets[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct fingerprint_bucket *insert_bucket(struct fingerprint *fingerprint, size_t position,
                                                int64_t number)
{
    fingerprint->buckets = mem_grow(fingerprint->buckets, &fingerprint->capacity,
                                    fingerprint->count + 1, sizeof *fingerprint->buckets);
    struct fingerprint_bucket *bucket = &fingerprint->buckets[position];
    memmove(bucket + 1, bucket, (fingerprint->count - position) * sizeof *bucket);
    *bucket = (struct fingerprint_bucket){.number = number};
    fingerprint->count++;
    return bucket;
}

/* Hashed keys come in no order: all buckets at once, so that each is at its own number's place. */
static void insert_all_hash_buckets(struct fingerprint *fingerprint)
{
    size_t count = (size_t)1 << fingerprint->bits;
    fingerprint->buckets =
        mem_grow(fingerprint->buckets, &fingerprint->capacity, count, sizeof *fingerprint->buckets);
    for (size_t i = 0; i < count; i++)
        fingerprint->buckets[i] = (struct fingerprint_bucket){.number = (int64_t)i};
    fingerprint->count = count;
}

static struct fingerprint_bucket *get_bucket(struct fingerprint *fingerprint, int64_t number)
{
    /* the bucket of the last key, or the one after: keys mostly come in order */
    for (size_t at = fingerprint->last; at < fingerprint->count && at <= fingerprint->last + 1;
         at++) {
        if (fingerprint->buckets[at].number == number) {
            fingerprint->last = at;
            return &fingerprint->buckets[at];
        }
    }
    if (fingerprint->function == BUCKET_HASH) {
        if (fingerprint->count == 0)
            insert_all_hash_buckets(fingerprint);
        if ((size_t)number < fingerprint->count && fingerprint->buckets[number].number == number)
            return &fingerprint->buckets[number];
    }
    size_t position = fingerprint->count;
    if (position > 0 && fingerprint->buckets[position - 1].number >= number)
        position = find_position(fingerprint, number);
    fingerprint->last = position;
    if (position < fingerprint->count && fingerprint->buckets[position].number == number)
        return &fingerprint->buckets[position];
    return insert_bucket(fingerprint, position, number);
}

void fingerprint_add(struct fingerprint *fingerprint, const struct key *key, uint32_t xmin,
                     int sign)
{
    uint64_t hash = key_hash(key, 0);
    uint64_t version = key_hash(key, xmin);
    struct fingerprint_bucket *bucket = get_bucket(fingerprint, bucket_of(fingerprint, key, hash));
    if (sign >= 0) {
        bucket->count++;
        bucket->key_sum += hash;
        bucket->version_sum += version;
    } else {
        bucket->count--;
        bucket->key_sum -= hash;
        bucket->version_sum -= version;
    }
}

static bool is_empty(const struct fingerprint_bucket *bucket)
{
    return bucket->count == 0 && bucket->key_sum == 0 && bucket->version_sum == 0;
}

void fingerprint_merge(struct fingerprint *a, const struct fingerprint *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct fingerprint_bucket *from = &b->buckets[i];
        if (is_empty(from))
            continue;
        struct fingerprint_bucket *to = get_bucket(a, from->number);
        to->count += from->count;
        to->key_sum += from->key_sum;
        to->version_sum += from->version_sum;
    }
}

struct fingerprint_bucket fingerprint_total(const struct fingerprint *fingerprint)
{
    struct fingerprint_bucket total = {0};

    for (size_t i = 0; i < fingerprint->count; i++) {
        total.count += fingerprint->buckets[i].count;
        total.key_sum += fingerprint->buckets[i].key_sum;
        total.version_sum += fingerprint->buckets[i].version_sum;
    }
    return total;
}

bool fingerprint_settle(struct fingerprint *fingerprint)
{
    bool possible = true;
    size_t kept = 0;
    for (size_t i = 0; i < fingerprint->count; i++) {
        const struct fingerprint_bucket *bucket = &fingerprint->buckets[i];
        if (is_empty(bucket))
            continue;
        /* less than nothing, or sums without rows */
        if (bucket->count == 0 || bucket->count > INT64_MAX)
            possible = false;
        fingerprint->buckets[kept++] = *bucket;
    }
    fingerprint->count = kept;
    fingerprint->last = 0;
    return possible;
}

/* Passes over empty buckets. */
static const struct fingerprint_bucket *bucket_at(const struct fingerprint *fingerprint,
                                                  size_t *position)
{
    while (*position < fingerprint->count && is_empty(&fingerprint->buckets[*position]))
        (*position)++;
    return *position < fingerprint->count ? &fingerprint->buckets[*position] : NULL;
}

size_t fingerprint_compare(const struct fingerprint *a, const struct fingerprint *b,
                           fingerprint_difference_fn *each, void *arg)
{
    size_t different = 0;
    size_t at_a = 0;
    size_t at_b = 0;
    for (;;) {
        const struct fingerprint_bucket *in_a = bucket_at(a, &at_a);
        const struct fingerprint_bucket *in_b = bucket_at(b, &at_b);
        if (!in_a && !in_b)
            return different;
        if (in_a && in_b && in_a->number != in_b->number) {
            if (in_a->number < in_b->number)
                in_b = NULL;
            else
                in_a = NULL;
        }
        at_a += in_a ? 1 : 0;
        at_b += in_b ? 1 : 0;
        if (in_a && in_b && in_a->count == in_b->count && in_a->key_sum == in_b->key_sum &&
            in_a->version_sum == in_b->version_sum)
            continue;
        different++;
        if (each)
            each(arg, in_a, in_b);
    }
}

bool fingerprint_is_skewed(const struct fingerprint *fingerprint)
{
    uint64_t rows = 0;
    uint64_t most = 0;
    uint64_t buckets = 0;
    for (size_t i = 0; i < fingerprint->count; i++) {
        uint64_t count = fingerprint->buckets[i].count;
        rows += count;
        most = count > most ? count : most;
        buckets += count > 0;
    }
    return most > (uint64_t)SKEW * FINGERPRINT_BUCKET_ROWS && most > SKEW * (rows / buckets);
}
