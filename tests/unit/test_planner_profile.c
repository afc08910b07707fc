/* SPDX-License-Identifier: Apache-2.0 */
/* Applications that the planner takes from profiles. */
#include "shapes.h"

#include "place/internal.h"

static llmsched_planner *planner_of(llmsched_context *c, const char *const *models, uint32_t count)
{
    llmsched_error err = {0};
    llmsched_planner *planner = NULL;
    assert_ok(llmsched_planner_create(c, &planner, &err), err);
    for (uint32_t i = 0; i < count; i++) {
        llmsched_model model = {.size = sizeof model, .name = models[i], .weight_bytes = 1e9};
        assert_ok(llmsched_planner_add_model(planner, &model, NULL, &err), err);
    }
    return planner;
}

/* A planning call, then side by side three of "b" (one of two tasks) and one of "a". */
static llmsched_profile *fan(void)
{
    struct shape s = {0};
    uint32_t plan = add_llm(&s, "a", 2, LLMSCHED_INDEX_NONE);
    s.stages[plan].prompt_tokens = 100;
    s.stages[plan].output_tokens = 40;
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t part = add_llm(&s, i < 2 ? "b" : "a", 1 + i, plan);
        s.stages[part].tasks = 1 + i % 2;
        s.stages[part].prompt_tokens = 200;
        s.stages[part].output_tokens = 20 * (i + 1);
    }
    return profile_of(&s, 1);
}

static const lls_app_call *call_at(const llmsched_planner *planner, uint32_t app, uint32_t call)
{
    assert_true(app < planner->app_count && call < planner->apps[app].call_count);
    return &planner->apps[app].calls[call];
}

static void test_an_application_has_the_profile_calls(void **state)
{
    (void)state;
    static const char *const models[] = {"b", "unused", "a"};
    llmsched_error err = {0};
    llmsched_planner *planner = planner_of(context, models, 3);
    llmsched_profile *p = fan();
    llmsched_app app = {.size = sizeof app, .rate_per_s = 2, .max_latency_s = 9}, seen = app;
    uint32_t index = 7;
    assert_ok(llmsched_planner_add_profile(planner, &app, p, &index, &err), err);
    assert_int_equal(index, 0);
    assert_ok(llmsched_planner_get_app(planner, 0, &seen, &err), err);
    assert_string_equal(seen.name, "test");
    assert_double_equal(seen.rate_per_s, 2, 0);
    assert_double_equal(seen.weight, 1, 0);
    assert_double_equal(seen.max_latency_s, 9, 0);
    assert_int_equal(planner->apps[0].call_count, 2);
    const lls_app_call *a = call_at(planner, 0, 0), *b = call_at(planner, 0, 1);
    assert_int_equal(a->model, 2);
    assert_double_equal(a->calls, 2, 0);
    assert_double_equal(a->overlap, 1, 0);
    assert_double_equal(a->group, 1, 0);
    assert_double_equal(a->prompt, 150, 0);
    assert_double_equal(a->output, 50, 0);
    assert_double_equal(a->context, (40 * 120 + 60 * 230) / 100.0, 1e-12);
    assert_int_equal(b->model, 0);
    assert_double_equal(b->calls, 3, 0);
    assert_double_equal(b->overlap, 3, 0); /* 1 s of one task, 2 s of two that take 1 s each */
    assert_double_equal(b->group, 3, 0);
    llmsched_profile_release(p);
    llmsched_planner_destroy(planner);
}

/* The same application by hand, in C and as JSON, asks the same of the models. */
static void test_the_same_by_hand(void **state)
{
    (void)state;
    static const char *const models[] = {"a", "b"};
    llmsched_error err = {0};
    llmsched_profile *p = fan();
    llmsched_planner *by_profile = planner_of(context, models, 2);
    llmsched_planner *by_hand = planner_of(context, models, 2);
    llmsched_app app = {
        .size = sizeof app, .flags = LLMSCHED_APP_HAS_WEIGHT, .weight = 3, .rate_per_s = 0.5};
    assert_ok(llmsched_planner_add_profile(by_profile, &app, p, NULL, &err), err);
    static const char json[] =
        "{\"format\":\"llmsched-apps-1\",\"apps\":[{\"name\":\"test\",\"rate_per_s\":0.5,"
        "\"weight\":3,\"calls\":["
        "{\"model\":\"a\",\"calls\":2,\"prompt_tokens\":150,\"output_tokens\":50,"
        "\"context_tokens\":186},"
        "{\"model\":\"b\",\"calls\":3,\"overlap\":3,\"group\":3,\"prompt_tokens\":133."
        "33333333333334,"
        "\"output_tokens\":20,\"context_tokens\":143.33333333333334}]}]}";
    assert_ok(llmsched_planner_read_apps(by_hand, json, strlen(json), &err), err);
    lls_demands x, y;
    assert_ok(lls_demands_init(&x, by_profile, 1, &err), err);
    assert_ok(lls_demands_init(&y, by_hand, 1, &err), err);
    for (uint32_t m = 0; m < 2; m++) {
        assert_double_equal(x.models[m].load, y.models[m].load, 1e-12);
        assert_double_equal(x.models[m].steps, y.models[m].steps, 1e-12);
        assert_double_equal(x.models[m].tokens, y.models[m].tokens, 1e-12);
        assert_double_equal(x.models[m].group, y.models[m].group, 1e-12);
        assert_double_equal(call_at(by_profile, 0, m)->overlap, call_at(by_hand, 0, m)->overlap,
                            1e-12);
    }
    assert_double_equal(x.models[0].context, 186, 1e-12);
    assert_double_equal(y.models[0].context, 186, 1e-12);
    /* (20 tokens at 210 and twice 20 at 110) */
    assert_double_equal(x.models[1].context, (20 * 210 + 40 * 110) / 60.0, 1e-12);
    assert_double_equal(y.models[1].context, x.models[1].context, 1e-12);
    lls_demands_finish(&x, context);
    lls_demands_finish(&y, context);
    llmsched_profile_release(p);
    llmsched_planner_destroy(by_profile);
    llmsched_planner_destroy(by_hand);
}

/* Without group and context a summary is as its overlap and means say. */
static void test_defaults_of_calls(void **state)
{
    (void)state;
    static const char *const models[] = {"m"};
    llmsched_error err = {0};
    llmsched_planner *planner = planner_of(context, models, 1);
    llmsched_app app = {.size = sizeof app, .name = "x", .rate_per_s = 1};
    llmsched_app_call call = {.size = sizeof call,
                              .model = "m",
                              .calls = 2,
                              .overlap = 1.5,
                              .prompt_tokens = 100,
                              .output_tokens = 40};
    assert_ok(llmsched_planner_add_app(planner, &app, NULL, &err), err);
    assert_ok(llmsched_planner_add_app_call(planner, 0, &call, &err), err);
    assert_double_equal(call_at(planner, 0, 0)->group, 1.5, 0);
    assert_double_equal(call_at(planner, 0, 0)->context, 120, 0);
    static const double bad[] = {-1, NAN, INFINITY};
    for (uint32_t i = 0; i < 3; i++) {
        llmsched_app_call wrong = call;
        wrong.group = bad[i];
        assert_fails(LLMSCHED_ERROR_INVALID, "group",
                     llmsched_planner_add_app_call(planner, 0, &wrong, &err), err);
        wrong = call;
        wrong.context_tokens = bad[i];
        assert_fails(LLMSCHED_ERROR_INVALID, "context_tokens",
                     llmsched_planner_add_app_call(planner, 0, &wrong, &err), err);
    }
    assert_int_equal(planner->apps[0].call_count, 1);
    llmsched_planner_destroy(planner);
}

/* Stages that name no model are of the planner's only one. */
static void test_models_without_a_name(void **state)
{
    (void)state;
    static const char *const models[] = {"m", "n"};
    llmsched_error err = {0};
    struct shape s = {0};
    add_llm(&s, NULL, 1, add_llm(&s, "m", 1, LLMSCHED_INDEX_NONE));
    llmsched_profile *p = profile_of(&s, 1);
    llmsched_app app = {.size = sizeof app, .rate_per_s = 1};
    for (uint32_t count = 0; count <= 2; count++) {
        llmsched_planner *planner = planner_of(context, models, count);
        if (count == 1) {
            assert_ok(llmsched_planner_add_profile(planner, &app, p, NULL, &err), err);
            assert_int_equal(planner->apps[0].call_count, 2);
            assert_int_equal(call_at(planner, 0, 0)->model, 0);
        } else {
            assert_fails(LLMSCHED_ERROR_NOT_FOUND,
                         count == 0 ? "the planner has 0: expected one" : "the planner has 2",
                         llmsched_planner_add_profile(planner, &app, p, NULL, &err), err);
            assert_int_equal(llmsched_planner_app_count(planner), 0);
        }
        llmsched_planner_destroy(planner);
    }
    llmsched_profile_release(p);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const models[] = {"a"};
    llmsched_error err = {0};
    llmsched_planner *planner = planner_of(context, models, 1);
    llmsched_profile *p = fan(), *none = NULL;
    struct shape tools = {0};
    add_tool(&tools, 1, LLMSCHED_INDEX_NONE);
    none = profile_of(&tools, 1);
    llmsched_app app = {.size = sizeof app, .rate_per_s = 1};
    uint32_t index = 7;
    assert_fails(LLMSCHED_ERROR_INVALID, "planner",
                 llmsched_planner_add_profile(NULL, &app, p, &index, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "app",
                 llmsched_planner_add_profile(planner, NULL, p, &index, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "profile",
                 llmsched_planner_add_profile(planner, &app, NULL, &index, &err), err);
    assert_fails(LLMSCHED_ERROR_STATE, "profile test knows no calls",
                 llmsched_planner_add_profile(planner, &app, none, &index, &err), err);
    /* "a" is there, "b" is not: what was added is taken back. */
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "profile test: model: no model is called \"b\"",
                 llmsched_planner_add_profile(planner, &app, p, &index, &err), err);
    assert_int_equal(llmsched_planner_app_count(planner), 0);
    llmsched_model b = {.size = sizeof b, .name = "b", .weight_bytes = 1};
    assert_ok(llmsched_planner_add_model(planner, &b, NULL, &err), err);
    assert_ok(llmsched_planner_add_profile(planner, &app, p, NULL, &err), err);
    assert_fails(LLMSCHED_ERROR_EXISTS, "\"test\" is there already",
                 llmsched_planner_add_profile(planner, &app, p, &index, &err), err);
    app.name = "again";
    app.rate_per_s = NAN;
    assert_fails(LLMSCHED_ERROR_INVALID, "rate_per_s",
                 llmsched_planner_add_profile(planner, &app, p, &index, &err), err);
    app.size = 3;
    assert_fails(LLMSCHED_ERROR_VERSION, "llmsched_app",
                 llmsched_planner_add_profile(planner, &app, p, &index, &err), err);
    assert_int_equal(index, 7);
    assert_int_equal(llmsched_planner_app_count(planner), 1);
    llmsched_profile_release(p);
    llmsched_profile_release(none);
    llmsched_planner_destroy(planner);
}

/* More tokens than a planner takes: said of the profile, and nothing is left. */
static void test_absurd_tokens(void **state)
{
    (void)state;
    static const char *const models[] = {"a"};
    llmsched_error err = {0};
    llmsched_planner *planner = planner_of(context, models, 1);
    struct shape s = {0};
    s.stages[add_llm(&s, "a", 1, LLMSCHED_INDEX_NONE)].prompt_tokens = 1e30;
    llmsched_profile *p = profile_of(&s, 1);
    llmsched_app app = {.size = sizeof app, .rate_per_s = 1};
    assert_fails(LLMSCHED_ERROR_INVALID, "profile test: prompt_tokens",
                 llmsched_planner_add_profile(planner, &app, p, NULL, &err), err);
    assert_int_equal(llmsched_planner_app_count(planner), 0);
    llmsched_profile_release(p);
    llmsched_planner_destroy(planner);
}

static llmsched_profile *shared;

static llmsched_status scenario(llmsched_context *c, llmsched_error *err)
{
    llmsched_planner *planner = NULL;
    llmsched_app app = {.size = sizeof app, .rate_per_s = 1};
    llmsched_status status = llmsched_planner_create(c, &planner, err);
    for (uint32_t i = 0; i < 2 && status == LLMSCHED_OK; i++) {
        llmsched_model model = {.size = sizeof model, .name = i > 0 ? "b" : "a", .weight_bytes = 1};
        status = llmsched_planner_add_model(planner, &model, NULL, err);
    }
    if (status == LLMSCHED_OK) {
        status = llmsched_planner_add_profile(planner, &app, shared, NULL, err);
        assert_int_equal(llmsched_planner_app_count(planner), status == LLMSCHED_OK);
    }
    llmsched_planner_destroy(planner);
    return status;
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    shared = fan();
    assert_true(fail_each_allocation(scenario) > 8);
    llmsched_profile_release(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_application_has_the_profile_calls),
        cmocka_unit_test(test_the_same_by_hand),
        cmocka_unit_test(test_defaults_of_calls),
        cmocka_unit_test(test_models_without_a_name),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_absurd_tokens),
        cmocka_unit_test(test_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
