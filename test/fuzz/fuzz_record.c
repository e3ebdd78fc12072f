/* Batch records of both buckets, sealed as if their writer had meant it: what the seal lets pass
 * must be refused with an error or read so that it can be written again, the same. */
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "fuzz/fuzz.h"
#include "pipeline/processed_record.h"

static void seal(const char *data, size_t size, struct buf *ret_text)
{
    uint64_t crc = XXH64(data, size, 0);

    buf_add(ret_text, data, size);
    buf_addf(ret_text, ",\n  \"crc\": \"%016llx\"\n}\n", (unsigned long long)crc);
}

FUZZ(record)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0}, once = {0}, twice = {0};
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct record *record = NULL;
    struct err err = {0};

    seal(data, size, &text);
    if (record_parse(text.data, text.size, arena, &record, &err) != ERR_OK) {
        FUZZ_CHECK(err.code == ERR_DATA && err.message[0]);
        return;
    }
    (void)record_has_changes(record);
    record_write(record, &once);
    FUZZ_CHECK(record_parse(once.data, once.size, arena, &record, &err) == ERR_OK);
    record_write(record, &twice);
    FUZZ_CHECK(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
}

FUZZ(processed)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0}, once = {0}, twice = {0};
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct processed_record *record = NULL;
    struct err err = {0};

    seal(data, size, &text);
    if (processed_record_parse(text.data, text.size, arena, &record, &err) != ERR_OK) {
        FUZZ_CHECK(err.code == ERR_DATA && err.message[0]);
        return;
    }
    processed_record_write(record, &once);
    FUZZ_CHECK(processed_record_parse(once.data, once.size, arena, &record, &err) == ERR_OK);
    processed_record_write(record, &twice);
    FUZZ_CHECK(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
}
