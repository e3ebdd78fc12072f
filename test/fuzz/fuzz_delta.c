/* Commits of a Delta table, which other programs may have written. */
#include "fuzz/fuzz.h"
#include "pipeline/delta_log.h"

FUZZ(delta)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0}, add = {0};
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct delta_state state = {.version = -1};
    struct err err = {0};
    int64_t version = 0;
    const char *summary = NULL;

    buf_add(&text, data, size);
    enum err_code code = delta_apply("commit", buf_text(&text), text.size, arena, &state, &err);
    FUZZ_CHECK(code == ERR_OK || (err.code == code && err.message[0]));
    fuzz_any(delta_commit_txn("commit", &text, "app", arena, &version, &summary, &err));
    for (size_t i = 0; code == ERR_OK && i < state.file_count; i++)
        delta_write_add(&state.files[i], true, &add);
}
