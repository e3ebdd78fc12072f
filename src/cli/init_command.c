/* tote init. */
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "config/url_secret.h"
#include "pipeline/scaffold.h"

static void print_json(const struct scaffold *scaffold, const char *directory, struct buf *out)
{
    struct json_writer json;

    output_json_begin(&json, out, true);
    json_text(&json, "directory", directory);
    json_text(&json, "database", scaffold->database);
    json_uint(&json, "tables", scaffold->table_count);
    json_array_begin(&json, "files");
    for (size_t i = 0; i < scaffold->file_count; i++) {
        json_object_begin(&json, NULL);
        json_text(&json, "path", scaffold->files[i].path);
        json_text(&json, "done", scaffold->files[i].kept ? "kept" : "written");
        json_object_end(&json);
    }
    json_array_end(&json);
    json_array_begin(&json, "excluded");
    for (const char **name = scaffold->excluded; *name; name++)
        json_text(&json, NULL, *name);
    json_array_end(&json);
    output_json_end(&json);
}

static void print_text(const struct call *call, const struct scaffold *scaffold,
                       const char *directory, struct buf *out)
{
    const char *dir = call_value(call, "--dir");
    size_t kept = 0;

    for (size_t i = 0; i < scaffold->file_count; i++) {
        const struct scaffold_file *file = &scaffold->files[i];
        kept += file->kept;
        if (call->verbose || file->kept || !text_starts(file->path, "models/"))
            buf_addf(out, "%-8s %s\n", file->kept ? "kept" : "wrote", file->path);
    }
    buf_addf(out, "%s of database '%s'", output_count(call->arena, scaffold->table_count, "table"),
             scaffold->database);
    buf_add_text(out, ", a model for each in models/\n");
    if (kept)
        buf_add_text(out, "files that were there are kept; --force overwrites them\n");
    const char *in = dir && call->directory ? directory : dir ? dir : call->directory;
    buf_addf(out, "next: tote%s%s doctor, then tote%s%s run\n", in ? " -C " : "", in ? in : "",
             in ? " -C " : "", in ? in : "");
}

enum err_code command_init(struct call *call, struct err *err)
{
    CLEANUP(free) char *here = getcwd(NULL, 0);
    const char *dir = call_value(call, "--dir");
    struct scaffold_options options = {
        .source_url = call_value(call, "--source"),
        .warehouse_url = call_value(call, "--warehouse"),
        .force = call_value(call, "--force") != NULL,
    };
    struct scaffold scaffold;

    if (!here)
        return err_sys(err, ERR_IO, "the current folder cannot be found");
    if (!options.source_url)
        options.source_url = getenv("TOTE_SOURCE_URL");
    if (!options.source_url || !*options.source_url) {
        err_set(err, ERR_USAGE, "'init' needs the source database: --source URL");
        return err_hint(err,
                        "or TOTE_SOURCE_URL in the environment, which keeps the password out of "
                        "the process list");
    }
    (void)url_secret_register(options.source_url);
    options.directory = file_resolve(call->arena, here, dir ? dir : ".");
    TRY(scaffold_write(&options, call->arena, &scaffold, err));
    for (const char **name = scaffold.excluded; *name; name++)
        log_warn("table '%s' may not be read by this role; it is listed under source.exclude",
                 *name);
    for (const char **name = scaffold.keyless; *name; name++)
        log_warn("table '%s' has no key: it is read whole and compared by content each time",
                 *name);
    if (call->json)
        print_json(&scaffold, options.directory, call->out);
    else
        print_text(call, &scaffold, options.directory, call->out);
    return ERR_OK;
}
