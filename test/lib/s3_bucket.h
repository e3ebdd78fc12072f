/* test/lib/s3_bucket.h - buckets on the S3 servers that test/lib/servers.py runs. */
#ifndef LIB_S3_BUCKET_H
#define LIB_S3_BUCKET_H

#include "base/mem.h"
#include "lib/store_contract.h"

/* Lets the environment name the server as a user would: TOTE_TEST_S3 (VersityGW), or moto with its
 * own keys.  NULL when it is not there. */
const char *s3_server_use(bool moto);
/* A new, empty bucket; its name.  `locked`: made for object lock. */
const char *s3_bucket_make(struct arena *arena, bool locked);

/* Runs the contract of all stores at one of the servers; for main() to return. */
int s3_contract_run(bool moto);

#endif
