/* pipeline/fingerprint.h - per bucket of keys: how many rows, the sum of hash(key) (not asked of
 * the server and not stored: it costs a third of the query and tells nothing more), the sum of
 * hash(key, xmin).  The server computes them by one query, the client from the index; both use
 * PostgreSQL's own hash functions (hash_any_extended, lookup3, the same since version 11), so that
 * a batch can be proved before it commits.
 *
 * Key forms.  int8: a key of one column of type int2, int4 or int8; hash(key) =
 * hashint8extended(key, 0), hash(key, xmin) = hashint8extended(key, xmin).  text: everything else;
 * the key's bytes are the text of its columns joined by a zero byte (no text of PostgreSQL holds
 * one, so equal bytes mean equal keys and memcmp() orders like `order by a::text collate "C",
 * b::text collate "C"`); the server hashes a::text || chr(31) || b::text with hashtextextended(…
 * collate "C", xmin), the client the same bytes.
 *
 * Buckets, at most 2^14, aiming at 256 rows each.  range: key >> bits (int8 only).  hash:
 * hash(key) & (2^bits - 1); for text keys, and where a range bucket would hold 8 times the mean.
 * Sums are modulo 2^64. */
#ifndef PIPELINE_FINGERPRINT_H
#define PIPELINE_FINGERPRINT_H

#include "base/buf.h"

enum key_form {
    KEY_INT8,
    KEY_TEXT
};
enum bucket_function {
    BUCKET_RANGE,
    BUCKET_HASH
};
enum {
    FINGERPRINT_BUCKETS_MAX = 1 << 14,
    FINGERPRINT_BUCKET_ROWS = 256
};

struct key {
    enum key_form form;
    int64_t number;   /* KEY_INT8 */
    struct span text; /* KEY_TEXT; borrowed */
};

struct fingerprint_bucket {
    int64_t number;
    uint64_t count;
    uint64_t key_sum;
    uint64_t version_sum;
};

/* Buckets in ascending order of number; none empty after fingerprint_settle().  Begins zeroed, or
 * as fingerprint_choose() leaves it. */
struct fingerprint {
    enum key_form form;
    enum bucket_function function;
    int bits;
    struct fingerprint_bucket *buckets;
    size_t count;
    size_t capacity;
    size_t last; /* position of the last key's bucket */
};

uint64_t key_hash(const struct key *key, uint64_t seed);   /* as the server's */
int key_compare(const struct key *a, const struct key *b); /* int8 by value, text by memcmp */
int64_t key_bucket(const struct fingerprint *parameters, const struct key *key);

void fingerprint_release(struct fingerprint *fingerprint);
/* Chooses function and bits for keys from lowest to highest (int8) and about `rows` rows.  Where
 * int8 keys turn out skewed: choose as for KEY_TEXT, then set form to KEY_INT8. */
void fingerprint_choose(enum key_form form, int64_t lowest, int64_t highest, uint64_t rows,
                        struct fingerprint *ret_parameters);
/* Adds one version, or takes one away (sign -1).  Keys in ascending order of bucket are quick; any
 * order is right. */
void fingerprint_add(struct fingerprint *fingerprint, const struct key *key, uint32_t xmin,
                     int sign);
/* Adds (or takes away) b's buckets to a; same parameters. */
void fingerprint_merge(struct fingerprint *a, const struct fingerprint *b);
/* All buckets as one, number 0. */
struct fingerprint_bucket fingerprint_total(const struct fingerprint *fingerprint);
/* Drops buckets that became empty; returns false when a count is impossible. */
bool fingerprint_settle(struct fingerprint *fingerprint);
/* Calls each(arg, a's bucket or NULL, b's bucket or NULL) for every bucket that differs. */
typedef void fingerprint_difference_fn(void *arg, const struct fingerprint_bucket *a,
                                       const struct fingerprint_bucket *b);
size_t fingerprint_compare(const struct fingerprint *a, const struct fingerprint *b,
                           fingerprint_difference_fn *each, void *arg);
/* True when one bucket holds more than 8 times the mean (and more than 8 * 256 rows): choose hash.
 */
bool fingerprint_is_skewed(const struct fingerprint *fingerprint);

/* Object form: "TOTEFP1\n", parameters, columns, XXH64; about 18 bytes a bucket. */
void fingerprint_encode(const struct fingerprint *fingerprint, struct buf *ret_bytes);
CHECKED enum err_code fingerprint_decode(const char *what, const char *bytes, size_t size,
                                         struct fingerprint *ret_fingerprint, struct err *err);

#endif
