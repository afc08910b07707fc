/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that plan, on random inputs: dual questions against scans, what is said to lift a
 * shortage against the plan without it, replanning, and what callers can get wrong. */
#include "context.h"

#include "llmsched/planner.h"
#include "place/internal.h"

enum { WORLDS = 40 };

/* A cluster of l4 GPUs, two models, and an application that calls both. */
typedef struct world {
    uint32_t gpus;
    double weight_bytes, rate, max_latency;
} world;

static llmsched_status add_models(llmsched_planner *planner, const world *w, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t m = 0; status == LLMSCHED_OK && m < 2; m++) {
        llmsched_model model = {.size = sizeof model,
                                .name = m == 0 ? "small" : "large",
                                .weight_bytes = m == 0 ? 2e9 : w->weight_bytes,
                                .kv_floor_bytes = 1e9};
        status = llmsched_planner_add_model(planner, &model, NULL, err);
        for (uint32_t i = 0; status == LLMSCHED_OK && i < 4; i++) {
            uint32_t tp = i < 2 ? 1 : 2;
            double share = i % 2 == 0 ? 1.0 : 0.5, slow = (1 + m) / (tp == 1 ? 1.0 : 1.6);
            llmsched_model_config config = {.size = sizeof config,
                                            .tp = tp,
                                            .gpu = "l4-24g",
                                            .share = share,
                                            .max_batch = 8,
                                            .prefill_per_token_s = 2e-5 * slow / share,
                                            .decode_base_s = 0.01 * slow / (0.5 + share / 2),
                                            .decode_per_request_s = 0.001 * slow / share};
            status = llmsched_planner_add_config(planner, m, &config, NULL, err);
        }
    }
    return status;
}

static llmsched_status make(llmsched_context *c, const world *w, llmsched_planner **planner,
                            llmsched_error *err)
{
    char cluster[32];
    snprintf(cluster, sizeof cluster, "1x%uxl4-24g", (unsigned)w->gpus);
    llmsched_app app = {
        .size = sizeof app, .name = "app", .rate_per_s = w->rate, .max_latency_s = w->max_latency};
    llmsched_status status = llmsched_planner_create(c, planner, err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_add_gpus(*planner, cluster, err);
    if (status == LLMSCHED_OK)
        status = add_models(*planner, w, err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_add_app(*planner, &app, NULL, err);
    for (uint32_t m = 0; status == LLMSCHED_OK && m < 2; m++) {
        const uint32_t parent = 0;
        llmsched_app_stage stage = {.size = sizeof stage,
                                    .id = m == 0 ? "a" : "b",
                                    .model = m == 0 ? "small" : "large",
                                    .parents = &parent,
                                    .parent_count = m,
                                    .prompt_tokens = 500,
                                    .output_tokens = 100};
        status = llmsched_planner_add_app_stage(*planner, 0, &stage, NULL, err);
    }
    return status;
}

static world draw(lls_random *random)
{
    return (world){.gpus = 1 + lls_random_below(random, 4),
                   .weight_bytes = 4e9 + 40e9 * lls_random_uniform(random),
                   .rate = 0.2 + 6.0 * lls_random_uniform(random),
                   .max_latency = lls_random_below(random, 2) * (4.0 + lls_random_uniform(random))};
}

static bool is_planned(const llmsched_planner *planner, double factor)
{
    llmsched_error err = {0};
    llmsched_plan *plan = NULL;
    llmsched_planner_options options = {.size = sizeof options, .rate_factor = factor};
    assert_ok(llmsched_planner_plan(planner, &options, &plan, &err), err);
    llmsched_plan_info info = {.size = sizeof info};
    assert_ok(llmsched_plan_get_info(plan, &info, &err), err);
    bool planned = info.status != LLMSCHED_PLAN_INFEASIBLE;
    assert_int_equal(planned, llmsched_plan_lift(plan)[0] == '\0');
    assert_int_equal(info.status != LLMSCHED_PLAN_OPTIMAL, llmsched_plan_reason(plan)[0] != '\0');
    llmsched_plan_release(plan);
    return planned;
}

/* What it says is served is, and 2e-3 more is not. */
static void test_highest_rate(void **state)
{
    (void)state;
    lls_random random;
    uint32_t served = 0;
    lls_random_seed(&random, 601);
    for (uint32_t i = 0; i < WORLDS; i++) {
        llmsched_error err = {0};
        llmsched_planner *planner = NULL;
        world w = draw(&random);
        double factor = -1.0;
        assert_ok(make(context, &w, &planner, &err), err);
        assert_ok(llmsched_planner_max_rate(planner, NULL, &factor, NULL, &err), err);
        if (factor > 0.0) {
            served++;
            assert_true(is_planned(planner, factor));
            assert_false(is_planned(planner, factor * 1.002));
        } else {
            assert_false(is_planned(planner, 1e-6));
        }
        llmsched_planner_destroy(planner);
    }
    assert_in_range(served, WORLDS / 4, WORLDS - 1);
}

static void test_fewest_gpus(void **state)
{
    (void)state;
    lls_random random;
    uint32_t some = 0, none = 0;
    lls_random_seed(&random, 602);
    for (uint32_t i = 0; i < WORLDS; i++) {
        llmsched_error err = {0};
        llmsched_planner *planner = NULL;
        world w = draw(&random);
        uint32_t gpus = 99, scanned = 0, all = w.gpus;
        assert_ok(make(context, &w, &planner, &err), err);
        assert_ok(llmsched_planner_min_gpus(planner, NULL, &gpus, NULL, &err), err);
        llmsched_planner_destroy(planner);
        for (w.gpus = 1; scanned == 0 && w.gpus <= all; w.gpus++) {
            assert_ok(make(context, &w, &planner, &err), err);
            scanned = is_planned(planner, 1.0) ? w.gpus : 0;
            llmsched_planner_destroy(planner);
        }
        assert_int_equal(gpus, scanned);
        some += gpus > 0;
        none += gpus == 0;
    }
    assert_true(some > 5 && none > 5);
}

/* So few calls that no two meet: what a call takes alone, also at rates of no practical use. */
static void test_rare_calls(void **state)
{
    (void)state;
    const double factors[] = {1e-3, 1e-6, 1e-9, 1e-12, 1e-16};
    llmsched_error err = {0};
    llmsched_planner *planner = NULL;
    const world w = {.gpus = 4, .weight_bytes = 8e9, .rate = 1.0};
    double alone = 0.0;
    assert_ok(make(context, &w, &planner, &err), err);
    for (size_t i = LLS_COUNT(factors); i-- > 0;) {
        llmsched_plan *plan = NULL;
        llmsched_plan_info info = {.size = sizeof info};
        llmsched_planner_options options = {.size = sizeof options, .rate_factor = factors[i]};
        assert_ok(llmsched_planner_plan(planner, &options, &plan, &err), err);
        assert_ok(llmsched_plan_get_info(plan, &info, &err), err);
        alone = alone > 0.0 ? alone : info.objective_s;
        assert_true(info.objective_s >= alone * (1.0 - 1e-12));
        assert_double_equal(info.objective_s, alone, 10.0 * factors[i] + 1e-12);
        llmsched_plan_release(plan);
    }
    llmsched_planner_destroy(planner);
}

/* --- what would lift it ------------------------------------------------------------------ */

static llmsched_plan *plan_of(const llmsched_planner *planner)
{
    llmsched_error err = {0};
    llmsched_plan *plan = NULL;
    assert_ok(llmsched_planner_plan(planner, NULL, &plan, &err), err);
    return plan;
}

static uint32_t binding_of(const llmsched_plan *plan)
{
    llmsched_error err = {0};
    llmsched_plan_info info = {.size = sizeof info};
    assert_ok(llmsched_plan_get_info(plan, &info, &err), err);
    assert_int_equal(info.status, LLMSCHED_PLAN_INFEASIBLE);
    return info.binding;
}

/* The rate that it names is served. */
static void test_lift_of_rate(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_planner *planner = NULL;
    const world w = {.gpus = 4, .weight_bytes = 8e9, .rate = 1000.0};
    double factor = 0.0;
    assert_ok(make(context, &w, &planner, &err), err);
    llmsched_plan *plan = plan_of(planner);
    assert_int_equal(binding_of(plan), LLMSCHED_BINDING_RATE);
    assert_int_equal(sscanf(llmsched_plan_lift(plan), "%lf times", &factor), 1);
    llmsched_plan_release(plan);
    /* The model alone: its menu has items again, and with the next rate it has none. */
    lls_planning planning = {.rate_factor = factor, .max_utilisation = 0.9, .gpu_count = 4};
    lls_instance in;
    assert_ok(lls_instance_init(&in, planner, &planning, &err), err);
    uint32_t small = in.problem.menus[0].count, large = in.problem.menus[1].count;
    lls_instance_finish(&in);
    assert_true(small > 0 || large > 0);
    planning.rate_factor = factor * 1.002;
    assert_ok(lls_instance_init(&in, planner, &planning, &err), err);
    assert_true(in.problem.menus[0].count == 0 || in.problem.menus[1].count == 0);
    assert_true(in.problem.menus[0].count + in.problem.menus[1].count < small + large);
    lls_instance_finish(&in);
    llmsched_planner_destroy(planner);
}

/* 60 GB at tp 2 are 30.5 of 25.8 GB; at the tp that it names they fit. */
static void test_lift_of_memory(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_planner *planner = NULL;
    unsigned tp = 0;
    const world w = {.gpus = 4, .weight_bytes = 60e9, .rate = 0.1};
    assert_ok(make(context, &w, &planner, &err), err);
    llmsched_plan *plan = plan_of(planner);
    assert_int_equal(binding_of(plan), LLMSCHED_BINDING_MEMORY);
    assert_non_null(strstr(llmsched_plan_reason(plan), "large"));
    assert_int_equal(sscanf(llmsched_plan_lift(plan), "tp %u or more on l4-24g", &tp), 1);
    llmsched_plan_release(plan);
    llmsched_model_config config = {.size = sizeof config,
                                    .tp = tp,
                                    .share = 0.5,
                                    .gpu = "l4-24g",
                                    .max_batch = 8,
                                    .decode_base_s = 0.01};
    assert_ok(llmsched_planner_add_config(planner, 1, &config, NULL, &err), err);
    assert_true(is_planned(planner, 1.0));
    llmsched_planner_destroy(planner);
}

/* --- again ----------------------------------------------------------------------------------- */

static char *json_of(const llmsched_plan *plan)
{
    llmsched_error err = {0};
    llmsched_text *text = NULL;
    assert_ok(llmsched_plan_to_json(plan, &text, &err), err);
    char *copy = malloc(llmsched_text_length(text) + 1);
    memcpy(copy, llmsched_text_data(text), llmsched_text_length(text) + 1);
    llmsched_text_destroy(text);
    return copy;
}

/* The same twice, the same when read back, and nothing moves where nothing has changed. */
static void test_again(void **state)
{
    (void)state;
    lls_random random;
    uint32_t planned = 0;
    lls_random_seed(&random, 603);
    for (uint32_t i = 0; i < WORLDS; i++) {
        llmsched_error err = {0};
        llmsched_planner *planner = NULL;
        llmsched_plan *read = NULL, *moved = NULL;
        world w = draw(&random);
        assert_ok(make(context, &w, &planner, &err), err);
        llmsched_plan *plan = plan_of(planner), *twin = plan_of(planner);
        char *first = json_of(plan), *second = json_of(twin);
        assert_string_equal(first, second);
        free(second);
        assert_ok(llmsched_plan_from_json(planner, first, strlen(first), &read, &err), err);
        second = json_of(read);
        assert_string_equal(first, second);
        llmsched_planner_options options = {
            .size = sizeof options, .running = plan, .move_cost_s = 0.1};
        llmsched_plan_info info = {.size = sizeof info}, before = {.size = sizeof before};
        assert_ok(llmsched_planner_plan(planner, &options, &moved, &err), err);
        assert_ok(llmsched_plan_get_info(moved, &info, &err), err);
        assert_ok(llmsched_plan_get_info(plan, &before, &err), err);
        assert_int_equal(info.moved_replicas, 0);
        assert_double_equal(info.objective_s, before.objective_s, 1e-12);
        planned += info.status != LLMSCHED_PLAN_INFEASIBLE;
        llmsched_plan *all[] = {plan, twin, read, moved};
        for (size_t p = 0; p < LLS_COUNT(all); p++)
            llmsched_plan_release(all[p]);
        free(first);
        free(second);
        llmsched_planner_destroy(planner);
    }
    assert_true(planned > 10);
}

/* --- what callers can get wrong --------------------------------------------------------------- */

static int32_t stop(void *user, uint64_t nodes, double best, double bound)
{
    LLS_UNUSED(nodes);
    assert_true(bound <= best * (1.0 + 1e-9));
    ++*(uint32_t *)user;
    return 1;
}

static void test_cancelled(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_planner *planner = NULL;
    llmsched_plan *plan = NULL;
    uint32_t calls = 0;
    const world w = {.gpus = 4, .weight_bytes = 8e9, .rate = 2.0};
    llmsched_planner_options options = {
        .size = sizeof options, .progress = stop, .progress_user = &calls};
    assert_ok(make(context, &w, &planner, &err), err);
    llmsched_status status = llmsched_planner_plan(planner, &options, &plan, &err);
    assert_true(status == LLMSCHED_OK || status == LLMSCHED_ERROR_CALLBACK);
    assert_int_equal(status == LLMSCHED_OK, plan != NULL);
    assert_int_equal(calls, 1);
    llmsched_plan_release(plan);
    llmsched_planner_destroy(planner);
}

static void test_bad_options(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_planner *planner = NULL;
    llmsched_plan *plan = NULL;
    double factor = 5.0;
    const world w = {.gpus = 2, .weight_bytes = 8e9, .rate = 1.0};
    assert_ok(llmsched_planner_create(context, &planner, &err), err);
    assert_status(LLMSCHED_ERROR_STATE, llmsched_planner_plan(planner, NULL, &plan, &err), err);
    llmsched_planner_destroy(planner);
    assert_ok(make(context, &w, &planner, &err), err);
    const llmsched_planner_options bad[] = {
        {.size = sizeof bad[0], .rate_factor = -1.0},
        {.size = sizeof bad[0], .rate_factor = (double)NAN},
        {.size = sizeof bad[0], .rate_factor = (double)INFINITY},
        {.size = sizeof bad[0], .max_utilisation = 1.0},
        {.size = sizeof bad[0], .max_utilisation = (double)NAN},
        {.size = sizeof bad[0], .move_cost_s = -1.0},
        {.size = sizeof bad[0], .planner = "llmsched:depth=2"},
        {.size = sizeof bad[0], .planner = "k8s:target=2"},
        {.size = sizeof bad[0], .planner = "k8s:target"},
    };
    for (size_t i = 0; i < LLS_COUNT(bad); i++) {
        assert_status(LLMSCHED_ERROR_INVALID, llmsched_planner_plan(planner, &bad[i], &plan, &err),
                      err);
        assert_true(err.message[0] != '\0' && strchr(err.message, '\n') == NULL);
        assert_status(LLMSCHED_ERROR_INVALID,
                      llmsched_planner_max_rate(planner, &bad[i], &factor, &plan, &err), err);
    }
    const llmsched_planner_options unknown = {.size = sizeof unknown, .planner = "nobody"};
    assert_status(LLMSCHED_ERROR_NOT_FOUND, llmsched_planner_plan(planner, &unknown, &plan, &err),
                  err);
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_planner_plan(NULL, NULL, &plan, &err), err);
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_planner_plan(planner, NULL, NULL, &err), err);
    assert_null(plan);
    assert_true(factor == 5.0);
    llmsched_planner_destroy(planner);
}

/* Applications that call no model, or never: any rate would do. */
static void test_no_highest_rate(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        llmsched_error err = {0};
        llmsched_planner *planner = NULL;
        llmsched_plan *plan = NULL;
        double factor = 5.0;
        const world w = {.gpus = 2, .weight_bytes = 8e9, .rate = 0.0};
        llmsched_app app = {.size = sizeof app, .name = "tools", .rate_per_s = 1.0};
        llmsched_app_stage tool = {.size = sizeof tool, .id = "a", .duration_s = 1.0};
        assert_ok(make(context, &w, &planner, &err), err);
        if (i > 0) {
            assert_ok(llmsched_planner_add_app(planner, &app, NULL, &err), err);
            assert_ok(llmsched_planner_add_app_stage(planner, 1, &tool, NULL, &err), err);
        }
        assert_fails(LLMSCHED_ERROR_STATE, "no application calls a model",
                     llmsched_planner_max_rate(planner, NULL, &factor, &plan, &err), err);
        assert_null(plan);
        assert_true(factor == 5.0);
        /* One call a day is enough for there to be one. */
        tool = (llmsched_app_stage){
            .size = sizeof tool, .id = "b", .model = "small", .output_tokens = 10};
        app = (llmsched_app){.size = sizeof app, .name = "daily", .rate_per_s = 1e-5};
        assert_ok(llmsched_planner_add_app(planner, &app, NULL, &err), err);
        assert_ok(llmsched_planner_add_app_stage(planner, 1 + i, &tool, NULL, &err), err);
        assert_ok(llmsched_planner_max_rate(planner, NULL, &factor, NULL, &err), err);
        assert_true(factor > 1.0 && factor < 1e12);
        llmsched_planner_destroy(planner);
    }
}

/* --- failing allocations ------------------------------------------------------------------------
 */

static llmsched_status ask_everything(llmsched_context *c, llmsched_error *err)
{
    llmsched_planner *planner = NULL;
    llmsched_plan *plan = NULL, *next = NULL;
    uint32_t gpus;
    const world w = {.gpus = 2, .weight_bytes = 8e9, .rate = 0.5};
    llmsched_status status = make(c, &w, &planner, err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_plan(planner, NULL, &plan, err);
    llmsched_planner_options options = {.size = sizeof options, .running = plan};
    if (status == LLMSCHED_OK)
        status = llmsched_planner_min_gpus(planner, &options, &gpus, &next, err);
    llmsched_plan_release(plan);
    llmsched_plan_release(next);
    next = NULL;
    options = (llmsched_planner_options){.size = sizeof options, .rate_factor = 1e4};
    if (status == LLMSCHED_OK)
        status = llmsched_planner_plan(planner, &options, &next, err);
    llmsched_plan_release(next);
    llmsched_planner_destroy(planner);
    return status;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(ask_everything) > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_highest_rate),    cmocka_unit_test(test_fewest_gpus),
        cmocka_unit_test(test_rare_calls),      cmocka_unit_test(test_lift_of_rate),
        cmocka_unit_test(test_lift_of_memory),  cmocka_unit_test(test_again),
        cmocka_unit_test(test_cancelled),       cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_no_highest_rate), cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
