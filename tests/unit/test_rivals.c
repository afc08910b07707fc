/* SPDX-License-Identifier: Apache-2.0 */
/* The rivals: start plans, replica splits beside an enumeration, and what all have in common. */
#include "rivals.h"

/* --- start plans --------------------------------------------------------------------- */

static const char *const autoscaled[] = {"k8s", "kserve"};

/* m0 fits one GPU; m1 two, of the second kind only; m2 is not called; shares are not looked at. */
static void test_least_whole_gpus(void **state)
{
    (void)state;
    llmsched_planner *planner = begin();
    add_domain(planner, "x", "small", 3, 40e9);
    add_domain(planner, "y", "large", 5, 80e9);
    add_model(planner, 0, 30e9);
    add_config(planner, 0, "large", 2, 1, 0.01);
    add_config(planner, 0, "large", 1, 0.5, 0.02);
    add_config(planner, 0, "large", 1, 1, 0.02);
    add_model(planner, 1, 140e9);
    add_config(planner, 1, "large", 1, 1, 0.05);
    add_config(planner, 1, "large", 4, 1, 0.02);
    add_config(planner, 1, "small", 2, 1, 0.05);
    add_config(planner, 1, "large", 2, 1, 0.03);
    add_model(planner, 2, 1e9);
    add_config(planner, 2, "small", 1, 1, 0.01);
    add_app(planner, 0, 1, 1);
    add_app(planner, 1, 1, 1);
    add_app(planner, 2, 0, 1);
    for (uint32_t i = 0; i < LLS_COUNT(autoscaled); i++) {
        llmsched_plan *plan = plan_by(planner, autoscaled[i]);
        assert_int_equal(plan->info.status, LLMSCHED_PLAN_FEASIBLE);
        assert_string_equal(plan->info.planner, autoscaled[i]);
        assert_int_equal(plan->info.model_count, 2);
        assert_int_equal(plan->info.replica_count, 2);
        assert_int_equal(plan->models[0].config, 2);
        assert_int_equal(plan->models[1].config, 3);
        /* The wide one came first and has the first two of its kind. */
        check_gpus(plan, 0, 5, 1);
        check_gpus(plan, 1, 3, 2);
        assert_int_equal(plan->autoscaler.kind,
                         i == 0 ? LLMSCHED_AUTOSCALER_HPA : LLMSCHED_AUTOSCALER_KPA);
        assert_double_equal(plan->autoscaler.start_s, 30, 0);
        assert_double_equal(plan->autoscaler.target, 0.7, 0);
        llmsched_plan_release(plan);
    }
    llmsched_planner_destroy(planner);
}

/* Pairs start at even positions: the third GPU of a domain of three has no partner. */
static void test_alignment(void **state)
{
    (void)state;
    llmsched_planner *planner = begin();
    add_domain(planner, "x", "k", 3, 80e9);
    add_domain(planner, "y", "k", 3, 80e9);
    for (uint32_t m = 0; m < 4; m++) {
        add_model(planner, m, m % 2 ? 100e9 : 10e9);
        add_config(planner, m, "k", m % 2 ? 2 : 1, 1, 0.01);
        add_app(planner, m, 1, 1);
    }
    llmsched_plan *plan = plan_by(planner, "k8s");
    check_gpus(plan, 0, 2, 1);
    check_gpus(plan, 1, 0, 2);
    check_gpus(plan, 2, 5, 1);
    check_gpus(plan, 3, 3, 2);
    llmsched_plan_release(plan);
    add_model(planner, 4, 100e9);
    add_config(planner, 4, "k", 2, 1, 0.01);
    add_app(planner, 4, 1, 1);
    plan = plan_by(planner, "k8s");
    assert_int_equal(plan->info.status, LLMSCHED_PLAN_INFEASIBLE);
    assert_string_equal(llmsched_plan_reason(plan),
                        "5 models want 8 whole GPUs, and the cluster has 6");
    assert_string_equal(llmsched_plan_lift(plan), "2 more GPUs");
    assert_int_equal(plan->info.binding, LLMSCHED_BINDING_SHARE);
    assert_int_equal(plan->autoscaler.kind, LLMSCHED_AUTOSCALER_NONE);
    llmsched_plan_release(plan);
    llmsched_planner_destroy(planner);
}

/* As many GPUs as three pairs want, but only two pairs of neighbours. */
static void test_no_room_side_by_side(void **state)
{
    (void)state;
    llmsched_planner *planner = begin();
    add_domain(planner, "x", "k", 3, 80e9);
    add_domain(planner, "y", "k", 3, 80e9);
    for (uint32_t m = 0; m < 3; m++) {
        add_model(planner, m, 100e9);
        add_config(planner, m, "k", 2, 1, 0.01);
        add_app(planner, m, 1, 1);
    }
    llmsched_plan *plan = plan_by(planner, "kserve");
    assert_int_equal(plan->info.status, LLMSCHED_PLAN_INFEASIBLE);
    assert_int_equal(plan->info.binding, LLMSCHED_BINDING_DOMAIN);
    assert_string_equal(llmsched_plan_reason(plan),
                        "3 models want 6 whole GPUs, and the cluster has 6, but not of the kinds "
                        "and side by side as they want them");
    assert_string_equal(llmsched_plan_lift(plan),
                        "more GPUs of their kinds side by side in one domain");
    llmsched_plan_release(plan);
    llmsched_planner_destroy(planner);
}

static void test_no_room(void **state)
{
    (void)state;
    static const char *const all[] = {"k8s", "kserve", "best-manual"};
    llmsched_planner *planner = begin();
    add_domain(planner, "x", "k", 3, 80e9);
    for (uint32_t m = 0; m < 2; m++) {
        add_model(planner, m, 100e9);
        add_config(planner, m, "k", 2, 1, 0.01);
        add_app(planner, m, 1, 1);
    }
    for (uint32_t i = 0; i < LLS_COUNT(all); i++) {
        llmsched_plan *plan = plan_by(planner, all[i]);
        assert_int_equal(plan->info.status, LLMSCHED_PLAN_INFEASIBLE);
        assert_int_equal(plan->info.replica_count, 0);
        assert_true(*llmsched_plan_reason(plan) != '\0' && *llmsched_plan_lift(plan) != '\0');
        llmsched_plan_release(plan);
    }
    add_model(planner, 2, 1e9); /* only in parts */
    add_config(planner, 2, "k", 1, 0.5, 0.01);
    add_app(planner, 2, 1, 1);
    for (uint32_t i = 0; i < LLS_COUNT(all); i++) {
        llmsched_plan *plan = plan_by(planner, all[i]);
        assert_int_equal(plan->info.status, LLMSCHED_PLAN_INFEASIBLE);
        assert_int_equal(plan->info.binding, LLMSCHED_BINDING_MEMORY);
        assert_string_equal(llmsched_plan_reason(plan),
                            "no configuration of model m2 fits whole GPUs");
        assert_true(*llmsched_plan_lift(plan) != '\0');
        llmsched_plan_release(plan);
    }
    llmsched_planner_destroy(planner);
}

static void test_options(void **state)
{
    (void)state;
    static const char *const bad[] = {"k8s:target=0",
                                      "k8s:target=1.1",
                                      "k8s:target=nan",
                                      "kserve:target=",
                                      "kserve:start=-1",
                                      "kserve:start=inf",
                                      "k8s:start=1x",
                                      "k8s:start",
                                      "k8s:pace=1",
                                      "k8s:,",
                                      "best-manual:a=1",
                                      "muxserve:target=0.5",
                                      "k8s:target=0.5,x=2",
                                      "k8s:target=1e999",
                                      "kserve:start=1e6",
                                      "k8s:=1",
                                      "k8s:target=0.50000000000000000000000000000000000"};
    llmsched_planner *planner = begin();
    llmsched_error err = {0};
    add_domain(planner, "x", "k", 2, 80e9);
    add_model(planner, 0, 10e9);
    add_app(planner, 0, 1, 1); /* no configuration: options are looked at first */
    for (uint32_t i = 0; i < LLS_COUNT(bad); i++) {
        llmsched_plan *plan = NULL;
        llmsched_planner_options options = {.size = sizeof options, .planner = bad[i]};
        assert_fails(LLMSCHED_ERROR_INVALID, "planner ",
                     llmsched_planner_plan(planner, &options, &plan, &err), err);
        assert_null(plan);
    }
    add_config(planner, 0, "k", 1, 1, 0.01);
    llmsched_plan *plan = plan_by(planner, "kserve:start=0,target=0.25");
    assert_double_equal(plan->autoscaler.start_s, 0, 0);
    assert_double_equal(plan->autoscaler.target, 0.25, 0);
    llmsched_plan_release(plan);
    llmsched_planner_destroy(planner);
}

/* --- best-manual beside all replica splits ------------------------------------------------ */

enum { MOST_MODELS = 3, CASES = 150 };

typedef struct manual {
    llmsched_planner *planner;
    uint32_t sizes[2]; /* of the domains */
    uint32_t models, configs[MOST_MODELS], tps[MOST_MODELS];
    double weights[MOST_MODELS];
} manual;

static void draw_manual(manual *c, uint64_t seed)
{
    lls_random random;
    lls_random_seed(&random, seed);
    *c = (manual){.planner = begin(), .models = 1 + lls_random_below(&random, MOST_MODELS)};
    for (uint32_t d = 0; d < 2; d++) {
        c->sizes[d] = 1 + lls_random_below(&random, 5);
        add_domain(c->planner, d == 0 ? "x" : "y", "k", c->sizes[d], 80e9);
    }
    for (uint32_t m = 0; m < c->models; m++) {
        uint32_t log_tp = lls_random_below(&random, 5) / 2;
        double seconds = 0.01 + 0.1 * lls_random_uniform(&random);
        add_model(c->planner, m, 70e9 * (1u << log_tp));
        for (uint32_t k = 3; k-- > 0;)
            add_config(c->planner, m, "k", 1u << k, 1, seconds / (k + 1));
        add_config(c->planner, m, "k", 4, 0.5, 0.001);
        c->tps[m] = 1u << log_tp;
        c->configs[m] = 2 - log_tp;
        c->weights[m] = 0.1 + lls_random_uniform(&random);
        add_app(c->planner, m, (0.2 + 2 * lls_random_uniform(&random)) / seconds / 10,
                c->weights[m]);
    }
}

/* Powers of two pack if there is room for each width and all wider ones. */
static bool packs(const manual *c, const uint32_t *replicas)
{
    for (uint32_t tp = 1; tp <= 4; tp *= 2) {
        uint32_t room = c->sizes[0] / tp + c->sizes[1] / tp, taken = 0;
        for (uint32_t m = 0; m < c->models; m++)
            taken += c->tps[m] >= tp ? replicas[m] * c->tps[m] / tp : 0;
        if (taken > room)
            return false;
    }
    return true;
}

static double manual_latency(const manual *c, const lls_demands *demands, uint32_t m, uint32_t r)
{
    lls_service service;
    double seconds = INFINITY;
    const lls_demand *demand = &demands->models[m];
    assert_true(
        lls_service_init(&service, context, &c->planner->models[m].configs[c->configs[m]], demand));
    if (demand->load / r <= 0.9 * service.saturation)
        assert_true(lls_call_latency(&service, r, &seconds));
    lls_service_finish(&service);
    return seconds;
}

static double best_split(const manual *c, const lls_demands *demands, uint32_t m,
                         uint32_t *replicas, double sum)
{
    if (m == MOST_MODELS || m >= c->models)
        return packs(c, replicas) ? sum : INFINITY;
    double best = INFINITY;
    for (uint32_t r = 1; r <= c->sizes[0] + c->sizes[1]; r++) {
        replicas[m] = r;
        double latency = manual_latency(c, demands, m, r);
        if (isfinite(latency))
            best =
                fmin(best, best_split(c, demands, m + 1, replicas, sum + c->weights[m] * latency));
    }
    return best;
}

static void test_best_manual_is_the_best_split(void **state)
{
    (void)state;
    uint32_t feasible = 0;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        manual c;
        lls_demands demands;
        llmsched_error err = {0};
        uint32_t replicas[MOST_MODELS];
        draw_manual(&c, seed);
        assert_ok(lls_demands_init(&demands, c.planner, 1.0, &err), err);
        double best = best_split(&c, &demands, 0, replicas, 0.0);
        llmsched_plan *plan = plan_by(c.planner, "best-manual");
        bool is_there = plan->info.status == LLMSCHED_PLAN_OPTIMAL;
        if (is_there != (isfinite(best) != 0) ||
            (is_there && !(fabs(plan->info.objective_s - best) <= 1e-8 * best)))
            fail_msg("seed %u: %.12g, enumeration %.12g", (unsigned)seed, plan->info.objective_s,
                     best);
        for (uint32_t m = 0; m < plan->info.model_count; m++)
            assert_int_equal(plan->models[m].config, c.configs[m]);
        feasible += is_there;
        llmsched_plan_release(plan);
        lls_demands_finish(&demands, context);
        llmsched_planner_destroy(c.planner);
    }
    assert_true(feasible > CASES / 3 && feasible < CASES);
}

/* --- all of them ---------------------------------------------------------------------------- */

static const char *const rivals[] = {"k8s", "kserve", "muxserve", "best-manual"};

/* Two models of one GPU each, on three. */
static llmsched_planner *small(double rate)
{
    llmsched_planner *planner = begin();
    add_domain(planner, "x", "k", 3, 80e9);
    for (uint32_t m = 0; m < 2; m++) {
        add_model(planner, m, 50e9);
        add_config(planner, m, "k", 1, 1, 0.01);
        add_app(planner, m, rate, 1);
    }
    return planner;
}

static void test_without_rates_nothing_is_placed(void **state)
{
    (void)state;
    llmsched_planner *planner = small(0);
    for (uint32_t i = 0; i < LLS_COUNT(rivals); i++) {
        llmsched_plan *plan = plan_by(planner, rivals[i]);
        assert_int_not_equal(plan->info.status, LLMSCHED_PLAN_INFEASIBLE);
        assert_int_equal(plan->info.model_count, 0);
        assert_int_equal(plan->info.app_count, 2);
        llmsched_plan_release(plan);
    }
    llmsched_planner_destroy(planner);
}

static void test_fewest_gpus(void **state)
{
    (void)state;
    llmsched_planner *planner = small(1);
    llmsched_error err = {0};
    for (uint32_t i = 0; i < LLS_COUNT(rivals); i++) {
        llmsched_planner_options options = {.size = sizeof options, .planner = rivals[i]};
        llmsched_plan *plan = NULL;
        uint32_t gpus = 0;
        assert_ok(llmsched_planner_min_gpus(planner, &options, &gpus, &plan, &err), err);
        assert_int_equal(gpus, 2);
        assert_int_equal(plan->info.replica_count, 2);
        for (uint32_t r = 0; r < 2; r++)
            assert_true(plan->replicas[r].gpus[0] < 2);
        llmsched_plan_release(plan);
    }
    llmsched_planner_destroy(planner);
}

/* A replica ends 4 calls in 10 * 0.013 + 4 * 0.01 seconds; best-manual uses 0.9 of that, and its
 * third GPU helps one model only. */
static void test_highest_rate(void **state)
{
    (void)state;
    llmsched_planner *planner = small(2);
    llmsched_error err = {0};
    for (uint32_t i = 0; i < LLS_COUNT(rivals); i++) {
        llmsched_planner_options options = {.size = sizeof options, .planner = rivals[i]};
        double factor = 0, most = 4 / 0.17 / 2 * (strcmp(rivals[i], "best-manual") == 0 ? 0.9 : 1);
        assert_ok(llmsched_planner_max_rate(planner, &options, &factor, NULL, &err), err);
        assert_true(factor <= most && factor > most * (1 - 2e-3));
    }
    llmsched_planner_destroy(planner);
}

static void test_the_same_each_time(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < LLS_COUNT(rivals); i++) {
        llmsched_text *texts[2] = {NULL, NULL};
        for (uint32_t turn = 0; turn < 2; turn++) {
            manual c;
            llmsched_error err = {0};
            draw_manual(&c, 7);
            llmsched_plan *plan = plan_by(c.planner, rivals[i]);
            assert_ok(llmsched_plan_to_json(plan, &texts[turn], &err), err);
            llmsched_plan_release(plan);
            llmsched_planner_destroy(c.planner);
        }
        assert_string_equal(llmsched_text_data(texts[0]), llmsched_text_data(texts[1]));
        llmsched_text_destroy(texts[0]);
        llmsched_text_destroy(texts[1]);
    }
}

static const char *failing_method;
static const char failing_models[] =
    "{\"format\":\"llmsched-models-1\",\"models\":[{\"name\":\"m\",\"weight_bytes\":1e10,"
    "\"kv_bytes_per_token\":0,\"kv_floor_bytes\":1e9,\"runtime_bytes\":1e9,\"configs\":["
    "{\"gpu\":\"h100-80g\",\"tp\":1,\"max_batch\":8,"
    "\"prefill\":{\"base_s\":0,\"per_token_s\":0.001},"
    "\"decode\":{\"table\":[[1,100,0.01],[8,100,0.02]]}}]}]}";
static const char failing_apps[] =
    "{\"format\":\"llmsched-apps-1\",\"apps\":[{\"name\":\"a\",\"rate_per_s\":0.5,\"stages\":["
    "{\"id\":\"x\",\"model\":\"m\",\"prompt_tokens\":100,\"output_tokens\":50}]}]}";

static llmsched_status failing_plan(llmsched_context *c, llmsched_error *err)
{
    llmsched_planner *planner = NULL;
    llmsched_plan *plan = NULL;
    llmsched_planner_options options = {.size = sizeof options, .planner = failing_method};
    llmsched_status status = llmsched_planner_create(c, &planner, err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_add_gpus(planner, "1x2xh100-80g", err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_read_models(planner, failing_models, strlen(failing_models), err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_read_apps(planner, failing_apps, strlen(failing_apps), err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_plan(planner, &options, &plan, err);
    assert_true((plan != NULL) == (status == LLMSCHED_OK));
    llmsched_plan_release(plan);
    llmsched_planner_destroy(planner);
    return status;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < LLS_COUNT(rivals); i++) {
        failing_method = rivals[i];
        assert_true(fail_each_allocation(failing_plan) > 60);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least_whole_gpus),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_no_room_side_by_side),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_best_manual_is_the_best_split),
        cmocka_unit_test(test_without_rates_nothing_is_placed),
        cmocka_unit_test(test_fewest_gpus),
        cmocka_unit_test(test_highest_rate),
        cmocka_unit_test(test_the_same_each_time),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
