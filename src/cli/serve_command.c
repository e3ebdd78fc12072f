/* tote serve. */
#include "cli/command.h"
#include "web/server.h"

enum err_code command_serve(struct call *call, struct err *err)
{
    const char *listen = call_value(call, "--listen");

    return server_run(call->config, listen, err);
}
