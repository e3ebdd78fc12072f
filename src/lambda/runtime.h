/* lambda/runtime.h - the runtime API of AWS Lambda, version 2018-06-01: the program asks for one
 * event after the other and posts what became of each.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html */
#ifndef LAMBDA_RUNTIME_H
#define LAMBDA_RUNTIME_H

#include <stdint.h>

#include "base/buf.h"

struct runtime;

struct invocation {
    const char *request_id;
    const char *function_arn;
    const char *trace;   /* the header as it came, for X-Ray; "" when there is none */
    int64_t deadline_us; /* of clock_monotonic_us(): the program is killed then */
    struct span event;
};

/* ERR_CONFIG when AWS_LAMBDA_RUNTIME_API is not set: this is no Lambda environment. */
CHECKED enum err_code runtime_open(struct runtime **ret_runtime, struct err *err);
void runtime_close(struct runtime *runtime);
DEFINE_CLEANUP(struct runtime *, runtime_close)

/* Waits as long as it takes; ERR_CANCELLED when the environment is shut down.  What it returns is
 * valid until the next call. */
CHECKED enum err_code runtime_next(struct runtime *runtime, struct invocation *ret_invocation,
                                   struct err *err);
CHECKED enum err_code runtime_answer(struct runtime *runtime, const struct invocation *invocation,
                                     struct span json, struct err *err);
/* The invocation failed: Lambda's error JSON, with our code's name as errorType. */
CHECKED enum err_code runtime_fail(struct runtime *runtime, const struct invocation *invocation,
                                   const struct err *failure, struct err *err);
/* The program cannot start; the caller ends it afterwards. */
CHECKED enum err_code runtime_fail_init(struct runtime *runtime, const struct err *failure,
                                        struct err *err);
/* {"errorType": "CONFIG", "errorMessage": "message; hint: …", "stackTrace": []}, secrets masked. */
void runtime_error_json(const struct err *failure, struct buf *ret_json);

#endif
