/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An allocator that counts, and that fails at the chosen allocation. A test
 * runs its scenario with fail_at = 1, 2, ... until nothing fails any more:
 * each run must end in LLMSCHED_ERROR_MEMORY and leave live == 0.
 */
#ifndef LLS_TEST_FAILING_H
#define LLS_TEST_FAILING_H

#include <stdint.h>
#include <stdlib.h>

#include "llmsched/base.h"

struct failing {
    uint64_t calls;   /* allocations asked for */
    uint64_t fail_at; /* the one that fails, from 1; 0: none */
    int64_t live;     /* blocks not yet released */
};

static inline void *failing_allocate(void *user, size_t bytes)
{
    struct failing *f = user;
    if (++f->calls == f->fail_at)
        return NULL;
    void *p = malloc(bytes ? bytes : 1);
    f->live += p != NULL;
    return p;
}

static inline void *failing_reallocate(void *user, void *ptr, size_t bytes)
{
    struct failing *f = user;
    if (++f->calls == f->fail_at)
        return NULL;
    void *p = realloc(ptr, bytes ? bytes : 1);
    f->live += p != NULL && ptr == NULL;
    return p;
}

static inline void failing_release(void *user, void *ptr)
{
    struct failing *f = user;
    f->live -= ptr != NULL;
    free(ptr);
}

static inline llmsched_allocator failing_allocator(struct failing *f)
{
    llmsched_allocator a = {.size = sizeof a,
                            .user = f,
                            .allocate = failing_allocate,
                            .reallocate = failing_reallocate,
                            .release = failing_release};
    return a;
}

#endif
