/* SPDX-License-Identifier: Apache-2.0 */
/* The planner from its documents to a plan that starts executors. */
#include "context.h"

#include "llmsched/planner.h"
#include "place/internal.h"

static const char models_json[] =
    "{\"format\":\"llmsched-models-1\",\"models\":[{\"name\":\"m\",\"weight_bytes\":1e10,"
    "\"kv_bytes_per_token\":0,\"kv_floor_bytes\":1e9,\"runtime_bytes\":1e9,\"configs\":["
    "{\"gpu\":\"h100-80g\",\"tp\":1,\"max_batch\":8,"
    "\"prefill\":{\"base_s\":0,\"per_token_s\":0.001},"
    "\"decode\":{\"table\":[[1,100,0.01],[8,100,0.02]]}}]}]}";
static const char apps_json[] =
    "{\"format\":\"llmsched-apps-1\",\"apps\":[{\"name\":\"a\",\"rate_per_s\":0.5,\"stages\":["
    "{\"id\":\"y\",\"model\":\"m\",\"parents\":[\"x\"],\"prompt_tokens\":100,\"output_tokens\":50},"
    "{\"id\":\"x\",\"duration_s\":1}]}]}";

static llmsched_status fill(llmsched_context *c, llmsched_planner **planner, llmsched_error *err)
{
    llmsched_status status = llmsched_planner_create(c, planner, err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_add_gpus(*planner, "1x2xh100-80g", err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_read_models(*planner, models_json, strlen(models_json), err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_read_apps(*planner, apps_json, strlen(apps_json), err);
    return status;
}

static const char plan_json[] =
    "{\"format\":\"llmsched-plan-1\",\"models\":[{\"model\":\"m\",\"tp\":1,\"replicas\":["
    "{\"gpus\":[\"n0g1\"]}]}]}";

/* Documents in, plan and menus out. */
static llmsched_status whole(llmsched_context *c, llmsched_error *err)
{
    llmsched_planner *planner = NULL;
    llmsched_plan *plan = NULL;
    llmsched_text *text = NULL, *menus = NULL;
    llmsched_status status = fill(c, &planner, err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_menus(planner, NULL, &menus, err);
    if (status == LLMSCHED_OK)
        status = llmsched_plan_from_json(planner, plan_json, strlen(plan_json), &plan, err);
    if (status == LLMSCHED_OK)
        status = llmsched_plan_to_json(plan, &text, err);
    llmsched_text_destroy(text);
    llmsched_text_destroy(menus);
    llmsched_plan_release(plan);
    llmsched_planner_destroy(planner);
    return status;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(whole) > 50);
}

static void test_plan(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_planner *planner = NULL;
    llmsched_plan *plan = NULL;
    assert_ok(fill(context, &planner, &err), err);
    assert_ok(llmsched_planner_plan(planner, NULL, &plan, &err), err);
    llmsched_plan_info info = {.size = sizeof info};
    llmsched_plan_app app = {.size = sizeof app};
    assert_ok(llmsched_plan_get_info(plan, &info, &err), err);
    assert_int_equal(info.status, LLMSCHED_PLAN_OPTIMAL);
    assert_int_equal(info.replica_count, 2);
    assert_ok(llmsched_plan_get_app(plan, 0, &app, &err), err);
    /* The tool, and at least the call alone: 50 steps of 0.01 s and 0.1 s of prompt. */
    assert_true(app.latency_s > 1.6 && app.latency_s < 1.7);
    llmsched_executor executor = {.size = sizeof executor};
    assert_ok(llmsched_plan_get_executor(plan, 1, &executor, &err), err);
    assert_int_equal(executor.capacity, 8);
    assert_double_equal(executor.curve_slowdown[executor.curve_count - 1], 2.0, 1e-12);
    llmsched_plan_release(plan);
    llmsched_planner_destroy(planner);
}

/* Prompts alone make a replica share its time evenly: M/M/1 with processor sharing. */
static void test_latency_of_shared_processor(void **state)
{
    (void)state;
    double rates[] = {0, 2, 2, 2, 2};
    lls_service service = {
        .context = context, .load = 1.5, .rates = rates, .batch = 4, .saturation = 2};
    double seconds = 0.0;
    assert_true(lls_call_latency(&service, 1, &seconds));
    assert_double_equal(seconds, 1.0 / (2.0 - 1.5), 1e-9);
}

static void test_nothing_is_added_on_failure(void **state)
{
    (void)state;
    static const char bad[] =
        "{\"format\":\"llmsched-gpus-1\",\"gpus\":[{\"id\":\"a\",\"kind\":\"k\","
        "\"memory_bytes\":1,\"domain\":\"d\"},{\"id\":\"a\",\"kind\":\"k\",\"memory_bytes\":1,"
        "\"domain\":\"d\"}]}";
    llmsched_error err = {0};
    llmsched_planner *planner = NULL;
    assert_ok(llmsched_planner_create(context, &planner, &err), err);
    assert_fails(LLMSCHED_ERROR_PARSE, "gpus[1].id",
                 llmsched_planner_read_cluster(planner, bad, strlen(bad), &err), err);
    assert_int_equal(llmsched_planner_gpu_count(planner), 0);
    assert_fails(LLMSCHED_ERROR_PARSE, "cluster",
                 llmsched_planner_add_gpus(planner, "1x1xh100-80g+2xx", &err), err);
    assert_int_equal(llmsched_planner_gpu_count(planner), 0);
    llmsched_planner_destroy(planner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_latency_of_shared_processor),
        cmocka_unit_test(test_nothing_is_added_on_failure),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
