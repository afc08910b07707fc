/* SPDX-License-Identifier: Apache-2.0 */
/* From runs to a profile, with a template given or induced, and to JSON and back. */
#include "context.h"
#include "runs.h"

#include "llmsched/quantifier.h"

#include <stdlib.h>

/* The stage's number in an induced template. */
static uint32_t find(const llmsched_profile *p, uint32_t kind, const char *name, uint32_t k)
{
    uint32_t stage = llmsched_dag_find_occurrence(llmsched_profile_dag(p), kind, name, k);
    assert_int_not_equal(stage, LLMSCHED_INDEX_NONE);
    return stage;
}

static llmsched_profile_stage info_of(const llmsched_profile *p, uint32_t stage)
{
    llmsched_error err = {0};
    llmsched_profile_stage info = {.size = sizeof info};
    assert_ok(llmsched_profile_get_stage(p, stage, &info, &err), err);
    return info;
}

static void test_template_is_induced(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    assert_ok(test_profile(context, 1, 200, NULL, &p, &err), err);
    const llmsched_dag *dag = llmsched_profile_dag(p);
    assert_int_equal(llmsched_dag_stage_count(dag), 6);
    uint32_t draft = find(p, LLMSCHED_STAGE_LLM, "draft", 0);
    uint32_t check = find(p, LLMSCHED_STAGE_REGULAR, "check", 0);
    uint32_t repair = find(p, LLMSCHED_STAGE_LLM, "repair", 1);
    assert_int_equal(draft, 0);
    assert_int_equal(check, 1);
    assert_double_equal(info_of(p, draft).presence, 1, 0);
    double presence = info_of(p, repair).presence;
    assert_true(presence > 0.15 && presence < 0.35);
    uint32_t count = 0;
    assert_int_equal(llmsched_dag_parents(dag, check, &count)[0], draft);
    assert_int_equal(count, 1);
    llmsched_profile_release(p);
}

static void test_means_and_bins_are_those_of_the_runs(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    lls_random random;
    double llm = 0, tool = 0;
    lls_random_seed(&random, 7);
    for (uint32_t i = 0; i < 150; i++) {
        struct test_run r;
        test_run_draw(&r, &random);
        for (uint32_t s = 0; s < r.run.stage_count; s++)
            *(r.stages[s].kind == LLMSCHED_STAGE_LLM ? &llm : &tool) += r.stages[s].work_s;
    }
    assert_ok(test_profile(context, 7, 150, NULL, &p, &err), err);
    llmsched_profile_summary summary = {.size = sizeof summary};
    assert_ok(llmsched_profile_get_summary(p, &summary, &err), err);
    assert_int_equal(summary.run_count, 150);
    assert_double_equal(summary.mean_llm_s, llm / 150, 1e-12);
    assert_double_equal(summary.mean_tool_s, tool / 150, 1e-12);
    assert_true(summary.log_likelihood < 0);
    llmsched_profile_stage draft = info_of(p, 0);
    uint64_t values = 0;
    double work = 0;
    for (uint32_t b = 0; b < draft.bin_count; b++) {
        llmsched_profile_bin bin = {.size = sizeof bin};
        assert_ok(llmsched_profile_get_bin(p, 0, b, &bin, &err), err);
        assert_true(bin.minimum_s <= bin.mean_s && bin.mean_s <= bin.maximum_s);
        values += bin.count;
        work += bin.mean_s * (double)bin.count;
    }
    assert_int_equal(values, 150);
    assert_double_equal(work / 150, draft.mean_work_s, 1e-9);
    llmsched_profile_release(p);
}

static void test_long_runs_end_in_an_aggregate(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    llmsched_profiler_options options = {.size = sizeof options, .max_stages = 3};
    assert_ok(test_profile(context, 3, 100, &options, &p, &err), err);
    const llmsched_dag *dag = llmsched_profile_dag(p);
    assert_int_equal(llmsched_dag_stage_count(dag), 5);
    uint32_t llm = llmsched_dag_find(dag, "*more-llm"), tool = llmsched_dag_find(dag, "*more-tool");
    assert_int_equal(info_of(p, llm).aggregate, 1);
    assert_int_equal(info_of(p, tool).aggregate, 1);
    llmsched_profile_release(p);
}

static void test_rare_names_are_one_class(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *p = NULL;
    assert_ok(llmsched_profiler_create(context, "app", NULL, NULL, &profiler, &err), err);
    for (uint32_t i = 0; i < 40; i++) {
        char name[16];
        struct test_run r = {.run = {.size = sizeof r.run, .stages = r.stages}};
        test_run_add(&r, LLMSCHED_STAGE_LLM, "plan", 1, 10);
        snprintf(name, sizeof name, "tool%u", i);
        test_run_add(&r, LLMSCHED_STAGE_REGULAR, name, 1, 0);
        assert_ok(llmsched_profiler_observe(profiler, &r.run, &err), err);
    }
    assert_ok(llmsched_profiler_fit(profiler, &p, &err), err);
    assert_int_equal(llmsched_dag_stage_count(llmsched_profile_dag(p)), 2);
    assert_double_equal(info_of(p, find(p, LLMSCHED_STAGE_REGULAR, "*", 0)).presence, 1, 0);
    llmsched_profile_release(p);
    llmsched_profiler_destroy(profiler);
}

static void test_given_template_with_a_dynamic_stage(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *builder = NULL;
    llmsched_dag *dag = NULL;
    llmsched_profiler *profiler = NULL;
    llmsched_profile *p = NULL;
    assert_ok(llmsched_dag_builder_create(context, "app", &builder, &err), err);
    static const struct {
        const char *id;
        uint32_t kind;
    } stages[] = {{"plan", LLMSCHED_STAGE_LLM},
                  {"act", LLMSCHED_STAGE_DYNAMIC},
                  {"search", LLMSCHED_STAGE_REGULAR},
                  {"mail", LLMSCHED_STAGE_REGULAR}};
    for (uint32_t i = 0; i < 4; i++) {
        llmsched_stage stage = {.size = sizeof stage, .kind = stages[i].kind, .id = stages[i].id};
        assert_ok(llmsched_dag_builder_add_stage(builder, &stage, NULL, &err), err);
    }
    uint32_t search = 2, mail = 3;
    assert_ok(llmsched_dag_builder_add_edge(builder, 0, 1, &err), err);
    assert_ok(llmsched_dag_builder_add_candidate(builder, 1, "search", &search, 1, NULL, &err),
              err);
    assert_ok(llmsched_dag_builder_add_candidate(builder, 1, "mail", &mail, 1, NULL, &err), err);
    assert_ok(llmsched_dag_builder_freeze(builder, &dag, &err), err);
    assert_ok(llmsched_profiler_create(context, "app", dag, NULL, &profiler, &err), err);
    for (uint32_t i = 0; i < 60; i++) {
        struct test_run r = {.run = {.size = sizeof r.run, .stages = r.stages}};
        bool long_plan = i % 3 == 0;
        test_run_add(&r, LLMSCHED_STAGE_LLM, "plan", long_plan ? 3 : 1, 10);
        test_run_add(&r, LLMSCHED_STAGE_DYNAMIC, "act", 0, 0);
        r.stages[1].choice = long_plan ? 2 : 1;
        test_run_add(&r, LLMSCHED_STAGE_REGULAR, long_plan ? "mail" : "search", 1, 0);
        assert_ok(llmsched_profiler_observe(profiler, &r.run, &err), err);
    }
    assert_ok(llmsched_profiler_fit(profiler, &p, &err), err);
    llmsched_profile_stage act = info_of(p, 1);
    const llmsched_network *network = llmsched_profile_network(p);
    assert_int_equal(llmsched_network_state_count(network, act.work_node), 3);
    assert_double_equal(info_of(p, 3).presence, 20 / 60.0, 1e-12);

    /* The plan's length tells which tools come: that is what finishing it resolves. */
    llmsched_quantifier *q = NULL;
    llmsched_stage_evidence e[4] = {{.size = sizeof *e, .state = LLMSCHED_EVIDENCE_PRESENT}};
    llmsched_stage_belief belief = {.size = sizeof belief};
    double reduction = 0;
    for (uint32_t i = 1; i < 4; i++)
        e[i].size = sizeof *e;
    assert_ok(llmsched_quantifier_create(p, NULL, &q, &err), err);
    assert_ok(llmsched_quantifier_set_evidence(q, e, 4, &err), err);
    assert_ok(llmsched_quantifier_reduction(q, 0, &reduction, &err), err);
    assert_true(reduction > 0.3);
    e[0] = (llmsched_stage_evidence){
        .size = sizeof *e, .state = LLMSCHED_EVIDENCE_FINISHED, .work_s = 3};
    e[1] = (llmsched_stage_evidence){
        .size = sizeof *e, .state = LLMSCHED_EVIDENCE_FINISHED, .choice = 2};
    e[3].state = LLMSCHED_EVIDENCE_PRESENT;
    assert_ok(llmsched_quantifier_set_evidence(q, e, 4, &err), err);
    assert_ok(llmsched_quantifier_stage(q, 2, &belief, &err), err);
    assert_double_equal(belief.presence, 0, 0);
    e[1].choice = 3;
    assert_fails(LLMSCHED_ERROR_INVALID, "candidate 2",
                 llmsched_quantifier_set_evidence(q, e, 4, &err), err);
    llmsched_quantifier_destroy(q);
    llmsched_profile_release(p);
    llmsched_profiler_destroy(profiler);
    llmsched_dag_release(dag);
    llmsched_dag_builder_destroy(builder);
}

/* After the draft the runs still hold all but the draft; after the longest run nothing. */
static void test_remainders_are_those_of_the_runs(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    lls_random random;
    double all = 0, later = 0, least = INFINITY, greatest = 0;
    lls_random_seed(&random, 7);
    for (uint32_t i = 0; i < 150; i++) {
        struct test_run r;
        test_run_draw(&r, &random);
        double work = 0;
        for (uint32_t s = 0; s < r.run.stage_count; s++)
            work += r.stages[s].kind == LLMSCHED_STAGE_LLM ? r.stages[s].work_s : 0;
        all += work;
        later += work - r.stages[0].work_s;
        least = fmin(least, work);
        greatest = fmax(greatest, work);
    }
    assert_ok(test_profile(context, 7, 150, NULL, &p, &err), err);
    llmsched_remainder r = {.size = sizeof r};
    assert_ok(llmsched_profile_get_remainder(p, LLMSCHED_STAGE_LLM, 0, &r, &err), err);
    assert_double_equal(r.mean_s, all / 150, 1e-12);
    assert_true(least <= r.q10_s && r.q10_s <= r.q50_s && r.q50_s <= r.q90_s &&
                r.q90_s <= greatest);
    assert_ok(llmsched_profile_get_remainder(p, LLMSCHED_STAGE_LLM, 1, &r, &err), err);
    assert_double_equal(r.mean_s, later / 150, 1e-12);
    assert_ok(llmsched_profile_get_remainder(p, LLMSCHED_STAGE_REGULAR, 6, &r, &err), err);
    assert_double_equal(r.mean_s, 0, 0);
    assert_ok(llmsched_profile_get_remainder(p, LLMSCHED_STAGE_LLM, UINT32_MAX, &r, &err), err);
    assert_double_equal(r.mean_s, 0, 0);
    assert_fails(LLMSCHED_ERROR_INVALID, "kind",
                 llmsched_profile_get_remainder(p, LLMSCHED_STAGE_DYNAMIC, 0, &r, &err), err);
    llmsched_profile_release(p);
}

static void test_classes(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    llmsched_profiler_options options = {.size = sizeof options, .max_stages = 4};
    assert_ok(test_profile(context, 3, 100, &options, &p, &err), err);
    uint32_t draft = llmsched_profile_class(p, LLMSCHED_STAGE_LLM, "draft");
    assert_true(draft < llmsched_profile_class_count(p));
    assert_int_equal(llmsched_profile_find(p, LLMSCHED_STAGE_LLM, draft, 0), 0);
    uint32_t more = llmsched_dag_find(llmsched_profile_dag(p), "*more-llm");
    assert_int_equal(llmsched_profile_find(p, LLMSCHED_STAGE_LLM, draft, 9), more);
    assert_int_equal(llmsched_profile_class(p, LLMSCHED_STAGE_LLM, "never"), LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_profile_find(p, LLMSCHED_STAGE_LLM, LLMSCHED_INDEX_NONE, 0), more);
    assert_int_equal(llmsched_profile_find(p, LLMSCHED_STAGE_LLM, 99, 0), LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_profile_find(p, 77, draft, 9), LLMSCHED_INDEX_NONE);
    llmsched_profile_release(p);
}

static void test_json_round_trip(void **state)
{
    (void)state;
    llmsched_error err = {0};
    for (uint32_t most = 3; most <= 40; most += 37) {
        llmsched_profiler_options options = {.size = sizeof options, .max_stages = most};
        llmsched_profile *p = NULL, *back = NULL;
        llmsched_text *a = NULL, *b = NULL;
        assert_ok(test_profile(context, 5, 120, &options, &p, &err), err);
        assert_ok(llmsched_profile_to_json(p, &a, &err), err);
        assert_ok(llmsched_profile_from_json(context, llmsched_text_data(a),
                                             llmsched_text_length(a), &back, &err),
                  err);
        assert_ok(llmsched_profile_to_json(back, &b, &err), err);
        assert_string_equal(llmsched_text_data(a), llmsched_text_data(b));
        llmsched_text_destroy(a);
        llmsched_text_destroy(b);
        llmsched_profile_release(p);
        llmsched_profile_release(back);
    }
}

/* Cut at every place, and with a byte changed: refused or read, never worse. */
static void test_broken_json_is_refused(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    llmsched_text *text = NULL;
    lls_random random;
    llmsched_profiler_options options = {.size = sizeof options, .max_stages = 2, .bins = 2};
    assert_ok(test_profile(context, 5, 20, &options, &p, &err), err);
    assert_ok(llmsched_profile_to_json(p, &text, &err), err);
    llmsched_profile_release(p);
    size_t length = llmsched_text_length(text);
    char *copy = malloc(length + 1);
    assert_non_null(copy);
    lls_random_seed(&random, 11);
    for (size_t cut = 0; cut < length; cut += 1 + cut / 50) {
        p = NULL;
        memcpy(copy, llmsched_text_data(text), length);
        assert_int_not_equal(llmsched_profile_from_json(context, copy, cut, &p, &err), LLMSCHED_OK);
        assert_null(p);
    }
    for (uint32_t i = 0; i < 2000; i++) {
        p = NULL;
        memcpy(copy, llmsched_text_data(text), length);
        copy[lls_random_below(&random, (uint32_t)length)] =
            "0917-e.,:[]{}\"n"[lls_random_below(&random, 15)];
        llmsched_status status = llmsched_profile_from_json(context, copy, length, &p, &err);
        assert_true((status == LLMSCHED_OK) == (p != NULL));
        llmsched_profile_release(p);
    }
    free(copy);
    llmsched_text_destroy(text);
}

static void test_bad_runs_are_refused(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *p = NULL;
    assert_fails(LLMSCHED_ERROR_INVALID, "name",
                 llmsched_profiler_create(context, "", NULL, NULL, &profiler, &err), err);
    assert_ok(llmsched_profiler_create(context, "app", NULL, NULL, &profiler, &err), err);
    assert_fails(LLMSCHED_ERROR_STATE, "no run", llmsched_profiler_fit(profiler, &p, &err), err);
    struct test_run r;
    lls_random random;
    lls_random_seed(&random, 1);
    static const double bad[] = {NAN, INFINITY, -1};
    for (uint32_t i = 0; i < 3; i++) {
        test_run_draw(&r, &random);
        r.stages[1].work_s = bad[i];
        assert_fails(LLMSCHED_ERROR_INVALID, "stages[1]",
                     llmsched_profiler_observe(profiler, &r.run, &err), err);
    }
    test_run_draw(&r, &random);
    r.parents[1] = 1;
    assert_fails(LLMSCHED_ERROR_INVALID, "parent 1",
                 llmsched_profiler_observe(profiler, &r.run, &err), err);
    test_run_draw(&r, &random);
    r.stages[0].name = NULL;
    assert_fails(LLMSCHED_ERROR_INVALID, "name", llmsched_profiler_observe(profiler, &r.run, &err),
                 err);
    r.run.stage_count = 0;
    assert_fails(LLMSCHED_ERROR_INVALID, "1 to", llmsched_profiler_observe(profiler, &r.run, &err),
                 err);
    test_run_draw(&r, &random);
    r.stages[0].size = 5;
    assert_fails(LLMSCHED_ERROR_VERSION, "size 5",
                 llmsched_profiler_observe(profiler, &r.run, &err), err);
    assert_int_equal(llmsched_profiler_run_count(profiler), 0);
    llmsched_profiler_destroy(profiler);
}

static void test_one_run_is_enough(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    assert_ok(test_profile(context, 2, 1, NULL, &p, &err), err);
    assert_double_equal(info_of(p, 0).presence, 1, 0);
    llmsched_profile_release(p);
}

static void test_refit_leaves_the_first_profile(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *first = NULL, *second = NULL;
    llmsched_text *before = NULL, *after = NULL;
    struct test_run r;
    lls_random random;
    assert_ok(test_profiler(context, 9, 50, NULL, &profiler, &err), err);
    assert_ok(llmsched_profiler_fit(profiler, &first, &err), err);
    assert_ok(llmsched_profile_to_json(first, &before, &err), err);
    lls_random_seed(&random, 99);
    test_run_draw(&r, &random);
    assert_ok(llmsched_profiler_observe(profiler, &r.run, &err), err);
    assert_ok(llmsched_profiler_fit(profiler, &second, &err), err);
    assert_ok(llmsched_profile_to_json(first, &after, &err), err);
    assert_string_equal(llmsched_text_data(before), llmsched_text_data(after));
    llmsched_profile_summary summary = {.size = sizeof summary};
    assert_ok(llmsched_profile_get_summary(second, &summary, &err), err);
    assert_int_equal(summary.run_count, 51);
    llmsched_text_destroy(before);
    llmsched_text_destroy(after);
    llmsched_profile_release(first);
    llmsched_profile_release(second);
    llmsched_profiler_destroy(profiler);
}

static llmsched_status scenario(llmsched_context *c, llmsched_error *err)
{
    llmsched_profile *p = NULL;
    llmsched_text *text = NULL;
    llmsched_profile *back = NULL;
    llmsched_status status = test_profile(c, 4, 6, NULL, &p, err);
    if (status == LLMSCHED_OK)
        status = llmsched_profile_to_json(p, &text, err);
    if (status == LLMSCHED_OK)
        status = llmsched_profile_from_json(c, llmsched_text_data(text), llmsched_text_length(text),
                                            &back, err);
    llmsched_text_destroy(text);
    llmsched_profile_release(p);
    llmsched_profile_release(back);
    return status;
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(scenario) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template_is_induced),
        cmocka_unit_test(test_means_and_bins_are_those_of_the_runs),
        cmocka_unit_test(test_long_runs_end_in_an_aggregate),
        cmocka_unit_test(test_rare_names_are_one_class),
        cmocka_unit_test(test_given_template_with_a_dynamic_stage),
        cmocka_unit_test(test_remainders_are_those_of_the_runs),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_json_round_trip),
        cmocka_unit_test(test_broken_json_is_refused),
        cmocka_unit_test(test_bad_runs_are_refused),
        cmocka_unit_test(test_one_run_is_enough),
        cmocka_unit_test(test_refit_leaves_the_first_profile),
        cmocka_unit_test(test_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
