/* tote query. */
#include "app/app.h"
#include "cli/command.h"
#include "cli/result_output.h"

enum err_code command_query(struct call *call, struct err *err)
{
    CLEANUP(app_free) struct app *app = app_new(call->config);
    CLEANUP(warehouse_close) struct warehouse *warehouse = NULL;
    CLEANUP_IN_PLACE(result_output_release)
    struct result_output output = {
        .out = call->out,
        .format = call->json                  ? RESULT_OUTPUT_JSON
                  : call_value(call, "--csv") ? RESULT_OUTPUT_CSV
                                              : RESULT_OUTPUT_TABLE,
    };

    TRY(app_warehouse_open(app, true, &warehouse, err));
    TRY(warehouse_query(warehouse, call->arguments[0], NULL, 0, result_output_add, &output, err));
    return result_output_end(&output, err);
}
