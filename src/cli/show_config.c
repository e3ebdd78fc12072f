/* tote config, tote version. */
#include "app/version.h"
#include "cli/command.h"
#include "cli/output.h"

enum err_code command_config(struct call *call, struct err *err)
{
    struct json_writer json;

    (void)err;
    if (!call->json) {
        config_print(call->config, call->out);
        return ERR_OK;
    }
    output_json_begin(&json, call->out, true);
    config_print_json(call->config, &json);
    output_json_end(&json);
    return ERR_OK;
}

enum err_code command_version(struct call *call, struct err *err)
{
    struct json_writer json;

    (void)err;
    if (!call->json) {
        buf_addf(call->out, "tote %s (DuckDB %s)\n", TOTE_VERSION, version_duckdb());
        return ERR_OK;
    }
    output_json_begin(&json, call->out, true);
    json_text(&json, "tote", TOTE_VERSION);
    json_text(&json, "duckdb", version_duckdb());
    output_json_end(&json);
    return ERR_OK;
}
