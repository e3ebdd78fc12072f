/* The contract of all stores, run against moto, which checks signatures by botocore's rules. */
#include "lib/s3_bucket.h"

int main(void)
{
    return s3_contract_run(true);
}
