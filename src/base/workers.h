/* base/workers.h - a few threads that take tasks from one list; the first error stops the rest. */
#ifndef BASE_WORKERS_H
#define BASE_WORKERS_H

#include "base/mem.h"

/* Runs one task.  `worker` is 0..count-1, `task` 0..task_count-1; tasks are taken in order. */
typedef enum err_code worker_task_fn(void *arg, unsigned worker, size_t task, struct err *err);

/* Runs all tasks on `count` threads (1: in the caller's).  Returns the first error raised; tasks
 * not begun by then are not begun.  Cancellation counts as an error. */
CHECKED enum err_code workers_run(unsigned count, size_t task_count, worker_task_fn *run, void *arg,
                                  struct err *err);

#endif
