/* The contract of all stores, run against a real and strict S3 server. */
#include "lib/s3_bucket.h"

int main(void)
{
    return s3_contract_run(false);
}
