/* SPDX-License-Identifier: Apache-2.0 */
/* Runs numbered pieces of work side by side. */
#ifndef POOL_H
#define POOL_H

#include <stddef.h>

#include "progress.h"

/* Number of processors to use when nothing was said. */
unsigned pool_default_threads(void);
/* Calls work(user, 0 .. count - 1), each once, in no certain order; returns when all are done.
 * What the calls compute must not depend on that order. progress may be NULL. */
void pool_run(size_t count, unsigned threads, void (*work)(void *user, size_t index), void *user,
              struct progress *progress);

#endif
