#include "pipeline/object_names.h"

#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"

enum {
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
