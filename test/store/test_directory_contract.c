/* The contract of all stores, run against a directory. */
#include "base/file.h"
#include "lib/store_contract.h"

static struct work_dir *all;
static int made;

static const char *make(struct arena *arena)
{
    return arena_printf(arena, "%s/lake %d/new", work_dir_path(all), ++made);
}

int main(void)
{
    static const struct store_contract contract = {.name = "directory", .make = make};
    struct err err;

    if (work_dir_open(NULL, &all, &err))
        return 1;
    int failed = store_contract_run(&contract);
    work_dir_close(all);
    return failed;
}
