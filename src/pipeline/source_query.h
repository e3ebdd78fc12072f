/* pipeline/source_query.h - the SQL that reads a table, made from what source_tables.c decided. */
#ifndef PIPELINE_SOURCE_QUERY_H
#define PIPELINE_SOURCE_QUERY_H

#include "pipeline/source_tables.h"

/* Fills in the table's SQL fields. */
void source_query_build(struct source_table *table, bool utf8, struct arena *arena);

#endif
