/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One context for all tests of a program, and the loop that fails each
 * allocation of a scenario in turn.
 */
#ifndef LLS_TEST_CONTEXT_H
#define LLS_TEST_CONTEXT_H

#include "check.h"
#include "failing.h"

static llmsched_context *context;

static int setup(void **state)
{
    (void)state;
    return llmsched_context_create(NULL, &context, NULL);
}

static int teardown(void **state)
{
    (void)state;
    llmsched_context_destroy(context);
    return 0;
}

/*
 * Runs the scenario with its first, second, ... allocation failing until none does: each
 * run must say LLMSCHED_ERROR_MEMORY and leave nothing allocated. Returns the number of
 * allocations.
 */
static inline uint64_t fail_each_allocation(llmsched_status (*scenario)(llmsched_context *c,
                                                                        llmsched_error *err))
{
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    uint64_t n = 0;
    while (status != LLMSCHED_OK) {
        struct failing failing = {.fail_at = ++n};
        llmsched_allocator allocator = failing_allocator(&failing);
        llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
        llmsched_context *c = NULL;
        llmsched_error err = {0};
        status = llmsched_context_create(&options, &c, &err);
        if (status == LLMSCHED_OK)
            status = scenario(c, &err);
        llmsched_context_destroy(c);
        assert_true(status == LLMSCHED_OK || status == LLMSCHED_ERROR_MEMORY);
        assert_int_equal(failing.live, 0);
    }
    return n;
}

#endif
