#include "pipeline/object_names.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"

enum {
    BATCH_DIGITS = 10,
    ATTEMPT_DIGITS = 6,
    HASH_DIGITS = 16,
    ENCODED_MAX = 3 * 128 + 2
};

/* Folders of the bucket that are not tables. */
static bool is_taken(const char *name)
{
    return strcasecmp(name, "_index") == 0 || strcasecmp(name, "_batches") == 0;
}

/* What is left of the name tells people which table it is, the hash keeps it unique. */
static void shorten(const char *name, char ret_name[static TABLE_NAME_MAX])
{
    char hex[SHA256_HEX_SIZE];
    size_t keep = TABLE_NAME_MAX - 1 - HASH_DIGITS - 1;

    sha256_of(name, strlen(name), hex);
    for (size_t back = 1; back <= 2; back++) /* never half of a %2F */
        if (name[keep - back] == '%') {
            keep -= back;
            break;
        }
    (void)snprintf(ret_name, TABLE_NAME_MAX, "%.*s-%.*s", (int)keep, name, HASH_DIGITS, hex);
}

void object_table_name(const char *schema, const char *relation,
                       char ret_name[static TABLE_NAME_MAX])
{
    char name[ENCODED_MAX], encoded_schema[ENCODED_MAX], both[2 * ENCODED_MAX];
    const char *whole = name;

    text_percent_encode(relation, name, sizeof name);
    if (!text_equal(schema, "public")) {
        text_percent_encode(schema, encoded_schema, sizeof encoded_schema);
        (void)snprintf(both, sizeof both, "%s.%s", encoded_schema, name);
        whole = both;
    } else if (is_taken(name)) {
        (void)snprintf(both, sizeof both, "%%5F%s", name + 1);
        whole = both;
    }
    if (strlen(whole) >= TABLE_NAME_MAX)
        shorten(whole, ret_name);
    else
        (void)snprintf(ret_name, TABLE_NAME_MAX, "%s", whole);
}

void object_data_prefix(const struct object_names *names, struct buf *ret_prefix)
{
    char time[CLOCK_TEXT_MAX];

    clock_format_compact(names->captured_us, time);
    buf_addf(ret_prefix, "%s/%.4s/%.2s/%.2s/%s.%010llu-%.*s", names->table, time, time + 4,
             time + 6, names->table, (unsigned long long)names->batch, ATTEMPT_DIGITS,
             names->attempt);
}

void object_data_key(const struct object_names *names, unsigned part, bool deleted, bool compressed,
                     struct buf *ret_key)
{
    char time[CLOCK_TEXT_MAX];

    clock_format_compact(names->captured_us, time);
    object_data_prefix(names, ret_key);
    if (part)
        buf_addf(ret_key, "-p%04u", part);
    buf_addf(ret_key, ".%s%s.json%s", time, deleted ? ".deleted" : "", compressed ? ".zst" : "");
}

void object_index_prefix(const struct object_names *names, struct buf *ret_prefix)
{
    buf_addf(ret_prefix, "_index/%s/%010llu-%.*s", names->table, (unsigned long long)names->batch,
             ATTEMPT_DIGITS, names->attempt);
}

void object_index_key(const struct object_names *names, unsigned number, struct buf *ret_key)
{
    object_index_prefix(names, ret_key);
    buf_addf(ret_key, "-%u.index", number);
}

void object_part_key(const struct object_names *names, unsigned range, unsigned ranges,
                     uint64_t pages, struct buf *ret_key)
{
    object_index_prefix(names, ret_key);
    buf_addf(ret_key, "-%u-%u-%llu.part", range, ranges, (unsigned long long)pages);
}

void object_fingerprint_key(const struct object_names *names, struct buf *ret_key)
{
    object_index_prefix(names, ret_key);
    buf_add_text(ret_key, ".fingerprint");
}

void object_file_name(uint64_t batch, const char *attempt, unsigned number, struct buf *ret_name)
{
    buf_addf(ret_name, "%010llu-%.*s-%u.parquet", (unsigned long long)batch, ATTEMPT_DIGITS,
             attempt, number);
}

/* --- and back --- */

/* "0000000043-5f2c91", then '-' or '.'. */
static uint64_t read_batch(const char *text)
{
    char digits[BATCH_DIGITS + 1] = {0};
    uint64_t batch = 0;

    if (strspn(text, "0123456789") != BATCH_DIGITS || text[BATCH_DIGITS] != '-')
        return 0;
    memcpy(digits, text, BATCH_DIGITS);
    const char *attempt = text + BATCH_DIGITS + 1;
    size_t size = strspn(attempt, "0123456789abcdef");
    if (size != ATTEMPT_DIGITS || (attempt[size] != '-' && attempt[size] != '.'))
        return 0;
    return text_to_u64(digits, &batch) ? batch : 0;
}

static uint64_t batch_of_index(const char *key)
{
    return text_ends(key, ".index") || text_ends(key, ".fingerprint") || text_ends(key, ".part")
               ? read_batch(strrchr(key, '/') + 1)
               : 0;
}

/* <table>/<yyyy>/<mm>/<dd>/<table>.<batch>-<attempt>… */
static uint64_t batch_of_data(const char *key)
{
    size_t table = strcspn(key, "/");
    const char *file = key + table + sizeof "/yyyy/mm/dd/" - 1;

    if (strlen(key) <= 2 * table + sizeof "/yyyy/mm/dd/." || file[-1] != '/' || strchr(file, '/') ||
        strncmp(key, file, table) != 0 || file[table] != '.')
        return 0;
    return text_ends(key, ".json") || text_ends(key, ".json.zst") ? read_batch(file + table + 1)
                                                                  : 0;
}

uint64_t object_ingested_batch(const char *key)
{
    return text_starts(key, "_index/") ? batch_of_index(key) : batch_of_data(key);
}

uint64_t object_file_batch(const char *file)
{
    return text_ends(file, ".parquet") ? read_batch(file) : 0;
}

uint64_t object_processed_batch(const char *key)
{
    bool ours =
        text_starts(key, "clean/") || text_starts(key, "star/") || text_starts(key, "quarantine/");

    return ours && !strstr(key, "/_delta_log/") ? object_file_batch(strrchr(key, '/') + 1) : 0;
}
