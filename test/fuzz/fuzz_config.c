/* tote.yaml and the .env beside it: everything before the first line "---env" is the file. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json_write.h"
#include "base/log.h"
#include "config/config.h"
#include "config/dotenv.h"
#include "fuzz/fuzz.h"

static const char *folder(void)
{
    static struct work_dir *dir;
    static char path[512];
    struct err err = {0};

    if (!dir && work_dir_open(NULL, &dir, &err) != ERR_OK)
        fuzz_fail(err.message, __FILE__, __LINE__);
    (void)snprintf(path, sizeof path, "%s", work_dir_path(dir));
    return path;
}

__attribute__((destructor)) static void remove_folder(void)
{
    struct err err = {0};
    fuzz_any(file_remove_tree(folder(), &err));
}

static void put(const char *name, const char *data, size_t size)
{
    char path[600];

    (void)snprintf(path, sizeof path, "%s/%s", folder(), name);
    FILE *file = fopen(path, "w");
    FUZZ_CHECK(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static void use(const struct config *config)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    struct json_writer json;
    struct err err = {0};

    for (int i = 0; i < OPTION_COUNT; i++)
        fuzz_any(config_require(config, (enum option)i, &err));
    config_print(config, &out);
    json_begin(&json, &out, true);
    json_object_begin(&json, NULL);
    config_print_json(config, &json);
    json_object_end(&json);
}

FUZZ(config)
{
    static const char between[] = "---env\n";
    const char *split = size ? memmem(data, size, between, sizeof between - 1) : NULL;
    size_t file_size = split ? (size_t)(split - data) : size;
    size_t env_at = split ? file_size + sizeof between - 1 : size;
    char path[600];
    struct config_request request = {.file = path};
    CLEANUP(config_free) struct config *config = NULL;
    struct err err = {0};

    (void)snprintf(path, sizeof path, "%s/tote.yaml", folder());
    put("tote.yaml", data, file_size);
    put(".env", data + env_at, size - env_at);
    if (config_load(&request, &config, &err) == ERR_OK)
        use(config);
    else
        FUZZ_CHECK(err.code == ERR_CONFIG && err.message[0]);
}

FUZZ(dotenv)
{
    CLEANUP(arena_free) struct arena *arena = arena_new((size_t)64 << 20);
    struct dotenv *dotenv = NULL;
    const char *expanded = NULL;
    struct err err = {0};
    const char *text = fuzz_text(data, size, arena);

    if (dotenv_parse(".env", text, arena, &dotenv, &err) == ERR_OK)
        (void)dotenv_get(dotenv, "A");
    if (dotenv_expand(dotenv, text, arena, &expanded, &err) == ERR_OK)
        FUZZ_CHECK(expanded);
}
