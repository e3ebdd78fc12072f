#include "app/version.h"

#include "duck/duck.h"

const char *version_duckdb(void)
{
    return duckdb_library_version();
}
