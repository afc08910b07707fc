/* SPDX-License-Identifier: Apache-2.0 */
/* Small clusters, models and applications for the rivals, and their plans. */
#ifndef LLS_TEST_RIVALS_H
#define LLS_TEST_RIVALS_H

#include "context.h"

#include "place/internal.h"

static inline llmsched_planner *begin(void)
{
    llmsched_planner *planner = NULL;
    llmsched_error err = {0};
    assert_ok(llmsched_planner_create(context, &planner, &err), err);
    return planner;
}

static inline void add_domain(llmsched_planner *planner, const char *domain, const char *kind,
                              uint32_t n, double memory)
{
    llmsched_error err = {0};
    for (uint32_t i = 0; i < n; i++) {
        char id[40];
        snprintf(id, sizeof id, "%s.%u", domain, (unsigned)i);
        llmsched_gpu gpu = {
            .size = sizeof gpu, .id = id, .kind = kind, .domain = domain, .memory_bytes = memory};
        assert_ok(llmsched_planner_add_gpu(planner, &gpu, NULL, &err), err);
    }
}

static inline void add_model(llmsched_planner *planner, uint32_t number, double weight)
{
    char name[20];
    llmsched_error err = {0};
    snprintf(name, sizeof name, "m%u", (unsigned)number);
    llmsched_model model = {.size = sizeof model, .name = name, .weight_bytes = weight};
    assert_ok(llmsched_planner_add_model(planner, &model, NULL, &err), err);
}

/* seconds: per output token, alone; a tenth of that more for each other request, and per prompt. */
static inline void add_config(llmsched_planner *planner, uint32_t model, const char *kind,
                              uint32_t tp, double share, double seconds)
{
    llmsched_error err = {0};
    llmsched_model_config config = {.size = sizeof config,
                                    .tp = tp,
                                    .gpu = kind,
                                    .share = share,
                                    .max_batch = 4,
                                    .prefill_base_s = seconds,
                                    .decode_base_s = 0.9 * seconds,
                                    .decode_per_request_s = 0.1 * seconds};
    assert_ok(llmsched_planner_add_config(planner, model, &config, NULL, &err), err);
}

/* An application of one call to the model. */
static inline void add_app(llmsched_planner *planner, uint32_t model, double rate, double weight)
{
    char name[20], called[20];
    llmsched_error err = {0};
    uint32_t index = 0;
    snprintf(name, sizeof name, "a%u", (unsigned)model);
    snprintf(called, sizeof called, "m%u", (unsigned)model);
    llmsched_app app = {.size = sizeof app,
                        .flags = LLMSCHED_APP_HAS_WEIGHT,
                        .name = name,
                        .rate_per_s = rate,
                        .weight = weight};
    llmsched_app_call call = {
        .size = sizeof call, .model = called, .calls = 1, .prompt_tokens = 10, .output_tokens = 10};
    assert_ok(llmsched_planner_add_app(planner, &app, &index, &err), err);
    assert_ok(llmsched_planner_add_app_call(planner, index, &call, &err), err);
}

static inline llmsched_plan *plan_by(const llmsched_planner *planner, const char *method)
{
    llmsched_plan *plan = NULL;
    llmsched_error err = {0};
    llmsched_planner_options options = {.size = sizeof options, .planner = method};
    assert_ok(llmsched_planner_plan(planner, &options, &plan, &err), err);
    return plan;
}

static inline void check_gpus(const llmsched_plan *plan, uint32_t replica, uint32_t first,
                              uint32_t count)
{
    assert_int_equal(plan->replicas[replica].gpu_count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(plan->replicas[replica].gpus[i], first + i);
}

#endif
