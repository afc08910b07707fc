/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small application for tests, drawn from a seed: draft, then a check that
 * fails more often after long drafts, then up to two repairs with their checks.
 */
#ifndef LLS_TEST_RUNS_H
#define LLS_TEST_RUNS_H

#include "base/internal.h"
#include "llmsched/profiler.h"

enum { RUN_STAGES = 6 };

struct test_run {
    llmsched_run run;
    llmsched_run_stage stages[RUN_STAGES];
    uint32_t parents[RUN_STAGES];
};

static inline void test_run_add(struct test_run *r, uint32_t kind, const char *name, double work,
                                double prompt)
{
    uint32_t i = r->run.stage_count++;
    r->parents[i] = i > 0 ? i - 1 : 0;
    r->stages[i] =
        (llmsched_run_stage){.size = sizeof r->stages[i],
                             .kind = kind,
                             .name = name,
                             .parents = &r->parents[i],
                             .parent_count = i > 0,
                             .tasks = 1,
                             .prompt_tokens = prompt,
                             .output_tokens = kind == LLMSCHED_STAGE_LLM ? 100 * work : 0,
                             .work_s = work};
}

static inline void test_run_draw(struct test_run *r, lls_random *random)
{
    bool hard = lls_random_uniform(random) < 0.5;
    uint32_t repairs = hard ? 1 + lls_random_below(random, 2) : 0;
    *r = (struct test_run){.run = {.size = sizeof r->run, .app = "test", .stages = r->stages}};
    test_run_add(r, LLMSCHED_STAGE_LLM, "draft", (hard ? 4 : 1) + lls_random_uniform(random),
                 hard ? 900 : 100 + 100 * lls_random_uniform(random));
    test_run_add(r, LLMSCHED_STAGE_REGULAR, "check", 0.5 + lls_random_uniform(random), 0);
    for (uint32_t k = 0; k < repairs; k++) {
        test_run_add(r, LLMSCHED_STAGE_LLM, "repair", 2 + 3 * lls_random_uniform(random), 500);
        test_run_add(r, LLMSCHED_STAGE_REGULAR, "check", 0.5 + lls_random_uniform(random), 0);
    }
}

static inline llmsched_status test_profiler(llmsched_context *c, uint64_t seed, uint32_t runs,
                                            const llmsched_profiler_options *options,
                                            llmsched_profiler **profiler, llmsched_error *err)
{
    lls_random random;
    struct test_run r;
    lls_random_seed(&random, seed);
    llmsched_status status = llmsched_profiler_create(c, "test", NULL, options, profiler, err);
    for (uint32_t i = 0; i < runs && status == LLMSCHED_OK; i++) {
        test_run_draw(&r, &random);
        status = llmsched_profiler_observe(*profiler, &r.run, err);
    }
    return status;
}

static inline llmsched_status test_profile(llmsched_context *c, uint64_t seed, uint32_t runs,
                                           const llmsched_profiler_options *options,
                                           llmsched_profile **profile, llmsched_error *err)
{
    llmsched_profiler *profiler = NULL;
    llmsched_status status = test_profiler(c, seed, runs, options, &profiler, err);
    if (status == LLMSCHED_OK)
        status = llmsched_profiler_fit(profiler, profile, err);
    llmsched_profiler_destroy(profiler);
    return status;
}

#endif
