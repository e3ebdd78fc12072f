/* Model files: the header's directives and the words of the portable subset. */
#include "fuzz/fuzz.h"
#include "pipeline/model.h"

static void look_at(const struct model *model, struct arena *arena)
{
    struct sql_tokens tokens;
    struct plain_column *plain = NULL;
    struct model_input *inputs = NULL;
    size_t count = 0;
    struct err err = {0};

    FUZZ_CHECK(model->key_count > 0 && model->hash);
    FUZZ_CHECK(model_sql_read(model->what, model->text, arena, &tokens, &err) == ERR_OK);
    FUZZ_CHECK(model_sql_check(&tokens, &err) == ERR_OK);
    model_sql_inputs(&tokens, arena, &inputs, &count);
    FUZZ_CHECK(count == model->input_count);
    (void)model_sql_plain(&tokens, arena, &plain, &count);
    for (size_t i = 0; model->is_plain && i < model->plain_count; i++)
        (void)model_plain_column(model, model->plain[i].output);
    for (size_t i = 0; i < model->key_count; i++)
        (void)model_column_find(model->comments, model->comment_count, model->key[i]);
}

FUZZ(model)
{
    /* a token takes 40 bytes and may come from one; what is quadratic does not fit */
    CLEANUP(arena_free) struct arena *arena = arena_new(((size_t)4 << 20) + 256 * size);
    const char *text = fuzz_text(data, size, arena);
    struct model model = {0};
    struct clean_model clean = {0};
    struct err err = {0};

    if (model_parse("dim_x", "models/dim_x.sql", text, arena, &model, &err) == ERR_OK)
        look_at(&model, arena);
    else
        FUZZ_CHECK(err.code == ERR_CONFIG && err.message[0]);
    if (model_parse_clean("x", "models/clean/x.sql", text, arena, &clean, &err) == ERR_OK)
        FUZZ_CHECK(clean.hash);
}
