/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a refit costs beside a fit, as runs grow more: an agent that acts and calls tools for up to
 * twelve rounds. Each line: so many runs seen, then 100 new ones, observed and refitted.
 */
#define _POSIX_C_SOURCE 200809L
#include "llmsched/llmsched.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 12, STEP = 100, REPEATS = 5 };

static uint64_t state_of_random = 1;

static double uniform(void)
{
    uint64_t z = (state_of_random += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static void observe(llmsched_profiler *profiler, uint32_t runs)
{
    for (uint32_t i = 0; i < runs; i++) {
        llmsched_run_stage stages[2 * ROUNDS];
        uint32_t parents[2 * ROUNDS], rounds = 1 + (uint32_t)(uniform() * ROUNDS);
        for (uint32_t s = 0; s < 2 * rounds; s++) {
            parents[s] = s - (s > 0);
            stages[s] =
                (llmsched_run_stage){.size = sizeof stages[s],
                                     .kind = s % 2 ? LLMSCHED_STAGE_REGULAR : LLMSCHED_STAGE_LLM,
                                     .name = s % 2 ? "tool" : "act",
                                     .parents = &parents[s],
                                     .parent_count = s > 0,
                                     .prompt_tokens = 100 * (s + uniform()),
                                     .work_s = 0.1 * rounds + uniform()};
        }
        llmsched_run run = {.size = sizeof run, .stage_count = 2 * rounds, .stages = stages};
        if (llmsched_profiler_observe(profiler, &run, NULL) != LLMSCHED_OK)
            exit(1);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef llmsched_status (*fit_function)(llmsched_profiler *, llmsched_profile **, llmsched_error *);

static double measure(llmsched_profiler *profiler, fit_function fit)
{
    llmsched_profile *p = NULL;
    double start = now();
    if (fit(profiler, &p, NULL) != LLMSCHED_OK)
        exit(1);
    double seconds = now() - start;
    llmsched_profile_release(p);
    return seconds;
}

int main(void)
{
    static const uint32_t sizes[] = {1000, 10000, 100000};
    llmsched_context *context = NULL;
    llmsched_profiler *profiler = NULL;
    uint32_t seen = 0;
    if (llmsched_context_create(NULL, &context, NULL) != LLMSCHED_OK ||
        llmsched_profiler_create(context, "agent", NULL, NULL, &profiler, NULL) != LLMSCHED_OK)
        return 1;
    printf("%8s %12s %16s %16s\n", "runs", "fit ms", "refit 100 ms", "refit 0 ms");
    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        observe(profiler, sizes[i] - seen);
        double fit = measure(profiler, llmsched_profiler_fit), some = 1e9, none = 1e9;
        for (uint32_t k = 0; k < REPEATS; k++) {
            observe(profiler, STEP);
            double a = measure(profiler, llmsched_profiler_refit);
            double b = measure(profiler, llmsched_profiler_refit);
            some = a < some ? a : some;
            none = b < none ? b : none;
        }
        seen = sizes[i] + STEP * REPEATS;
        printf("%8" PRIu32 " %12.2f %16.3f %16.3f\n", sizes[i], 1e3 * fit, 1e3 * some, 1e3 * none);
    }
    llmsched_profiler_destroy(profiler);
    llmsched_context_destroy(context);
    return 0;
}
