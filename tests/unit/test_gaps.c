/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of which not all is known, and runs that are all alike, short, or many. */
#include "context.h"
#include "runs.h"

static llmsched_profiler *start(const llmsched_profiler_options *options)
{
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    assert_ok(llmsched_profiler_create(context, "test", NULL, options, &profiler, &err), err);
    return profiler;
}

static void observe(llmsched_profiler *profiler, const struct test_run *r)
{
    llmsched_error err = {0};
    assert_ok(llmsched_profiler_observe(profiler, &r->run, &err), err);
}

/* Ends the profiler. */
static llmsched_profile *fit(llmsched_profiler *profiler)
{
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    assert_ok(llmsched_profiler_fit(profiler, &p, &err), err);
    llmsched_profiler_destroy(profiler);
    return p;
}

static llmsched_profile_summary summary_of(const llmsched_profile *p)
{
    llmsched_error err = {0};
    llmsched_profile_summary summary = {.size = sizeof summary};
    assert_ok(llmsched_profile_get_summary(p, &summary, &err), err);
    return summary;
}

static llmsched_profile_stage stage_of(const llmsched_profile *p, uint32_t stage)
{
    llmsched_error err = {0};
    llmsched_profile_stage info = {.size = sizeof info};
    assert_ok(llmsched_profile_get_stage(p, stage, &info, &err), err);
    return info;
}

static llmsched_remainder remainder_of(const llmsched_profile *p, uint32_t kind, uint32_t ended)
{
    llmsched_error err = {0};
    llmsched_remainder r = {.size = sizeof r};
    assert_ok(llmsched_profile_get_remainder(p, kind, ended, &r, &err), err);
    return r;
}

/* Plan, tool, answer: i-th run. */
static struct test_run plain_run(uint32_t i)
{
    struct test_run r = {.run = {.size = sizeof r.run, .stages = NULL}};
    test_run_add(&r, LLMSCHED_STAGE_LLM, "plan", 1 + i % 2, 100 + 100 * (i % 2));
    test_run_add(&r, LLMSCHED_STAGE_REGULAR, "tool", 3, 0);
    if (i % 4 < 2)
        test_run_add(&r, LLMSCHED_STAGE_LLM, "answer", 5 + i % 2, 10);
    return r;
}

/* The copy's own arrays. */
static void point(struct test_run *r)
{
    r->run.stages = r->stages;
    for (uint32_t i = 0; i < r->run.stage_count; i++)
        r->stages[i].parents = &r->parents[i];
}

static void observe_plain(llmsched_profiler *profiler, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        struct test_run r = plain_run(i);
        point(&r);
        observe(profiler, &r);
    }
}

/* Work that is not known: the stage is present, its mean and its bins are those of the others. */
static void test_missing_work(void **state)
{
    (void)state;
    llmsched_profiler *profiler = start(NULL);
    observe_plain(profiler, 0, 40);
    for (uint32_t i = 0; i < 20; i++) {
        struct test_run r = plain_run(0);
        point(&r);
        r.stages[2].missing = LLMSCHED_MISSING_WORK;
        r.stages[2].work_s = NAN; /* not looked at */
        observe(profiler, &r);
    }
    llmsched_profile *p = fit(profiler);
    uint32_t answer =
        llmsched_dag_find_occurrence(llmsched_profile_dag(p), LLMSCHED_STAGE_LLM, "answer", 0);
    llmsched_profile_stage info = stage_of(p, answer);
    assert_double_equal(info.presence, 40 / 60.0, 1e-12);
    assert_double_equal(info.mean_work_s, 5.5, 1e-12);
    /* Runs that show all work of a kind: 1.5 and in every second run 5.5; tools are all known. */
    assert_double_equal(summary_of(p).mean_llm_s, 1.5 + 5.5 / 2, 1e-12);
    assert_double_equal(summary_of(p).mean_tool_s, 3, 1e-12);
    assert_double_equal(summary_of(p).mean_llm_stage_s, (60 + 20 + 110) / 80.0, 1e-12);
    assert_double_equal(remainder_of(p, LLMSCHED_STAGE_LLM, 0).mean_s, 1.5 + 5.5 / 2, 1e-12);
    assert_double_equal(remainder_of(p, LLMSCHED_STAGE_LLM, 3).mean_s, 0, 0);
    assert_double_equal(remainder_of(p, LLMSCHED_STAGE_REGULAR, 0).mean_s, 3, 1e-12);
    /* The family counts the 40 runs that show it: absent in half of them. */
    uint64_t cells = 0;
    uint32_t parents = 0;
    const llmsched_network *network = llmsched_profile_network(p);
    (void)llmsched_network_parents(network, info.work_node, &parents);
    if (parents == 0)
        assert_double_equal(llmsched_network_table(network, info.work_node, &cells)[0],
                            (20 + 1.0 / (info.bin_count + 1)) / 41, 1e-12);
    llmsched_profile_release(p);
}

static void test_missing_prompt(void **state)
{
    (void)state;
    llmsched_profiler *profiler = start(NULL);
    observe_plain(profiler, 0, 40);
    for (uint32_t i = 0; i < 40; i++) {
        struct test_run r = plain_run(i);
        point(&r);
        r.stages[0].missing = LLMSCHED_MISSING_PROMPT;
        r.stages[0].prompt_tokens = INFINITY;
        observe(profiler, &r);
    }
    llmsched_profile *p = fit(profiler);
    llmsched_profile_stage plan = stage_of(p, 0);
    assert_int_equal(plan.prompt_node, 0);
    uint64_t cells = 0;
    const double *table =
        llmsched_network_table(llmsched_profile_network(p), plan.prompt_node, &cells);
    assert_int_equal(cells, 3); /* absent and two prompts, from 40 runs and not from 80 */
    assert_double_equal(table[0], (1 / 3.0) / 41, 1e-12);
    assert_double_equal(table[1], (20 + 1 / 3.0) / 41, 1e-12);
    llmsched_profile_release(p);
}

/* Cut after the plan: the tool may or may not have come. */
static void test_truncated_runs(void **state)
{
    (void)state;
    llmsched_profiler *profiler = start(NULL);
    observe_plain(profiler, 0, 40);
    for (uint32_t i = 0; i < 60; i++) {
        struct test_run r = plain_run(i);
        point(&r);
        r.run.stage_count = 1;
        r.run.truncated = 1;
        observe(profiler, &r);
    }
    llmsched_profile *p = fit(profiler);
    assert_int_equal(summary_of(p).run_count, 100);
    assert_double_equal(stage_of(p, 0).presence, 1, 1e-12);
    assert_double_equal(stage_of(p, 0).mean_work_s, 1.5, 1e-12);
    assert_double_equal(stage_of(p, 1).presence, 1, 1e-12);
    assert_double_equal(stage_of(p, 2).presence, 0.5, 1e-12);
    assert_double_equal(summary_of(p).mean_llm_s, 1.5 + 5.5 / 2, 1e-12);
    assert_double_equal(remainder_of(p, LLMSCHED_STAGE_REGULAR, 0).mean_s, 3, 1e-12);
    assert_double_equal(remainder_of(p, LLMSCHED_STAGE_REGULAR, 1).mean_s, 3, 1e-12);
    uint64_t cells = 0;
    const llmsched_network *network = llmsched_profile_network(p);
    const double *table = llmsched_network_table(network, stage_of(p, 1).work_node, &cells);
    assert_int_equal(cells, 2); /* absent in none of 40 */
    assert_double_equal(table[0], 0.5 / 41, 1e-12);
    llmsched_profile_release(p);
}

/* Nothing but truncated runs: what they show is all there is. */
static void test_only_truncated_runs(void **state)
{
    (void)state;
    llmsched_profiler *profiler = start(NULL);
    for (uint32_t i = 0; i < 30; i++) {
        struct test_run r = plain_run(i);
        point(&r);
        r.run.stage_count = 1 + i % 2;
        r.run.truncated = 1;
        observe(profiler, &r);
    }
    llmsched_profile *p = fit(profiler);
    assert_double_equal(stage_of(p, 0).presence, 1, 1e-12);
    assert_double_equal(stage_of(p, 1).presence, 0.5, 1e-12);
    assert_double_equal(summary_of(p).mean_llm_s, 1.5, 1e-12);
    assert_double_equal(remainder_of(p, LLMSCHED_STAGE_LLM, 0).q50_s, 1.5, 1e-12);
    llmsched_profile_release(p);
}

static void test_refusals(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profiler *profiler = start(NULL);
    struct test_run r = plain_run(0);
    point(&r);
    r.stages[1].missing = LLMSCHED_MISSING_ALL + 1;
    assert_fails(LLMSCHED_ERROR_INVALID, "stages[1].missing",
                 llmsched_profiler_observe(profiler, &r.run, &err), err);
    r.stages[1].missing = LLMSCHED_MISSING_PROMPT;
    r.stages[1].work_s = NAN;
    assert_fails(LLMSCHED_ERROR_INVALID, "work_s",
                 llmsched_profiler_observe(profiler, &r.run, &err), err);
    r.stages[1].work_s = 1;
    r.run.truncated = 2;
    assert_fails(LLMSCHED_ERROR_INVALID, "truncated",
                 llmsched_profiler_observe(profiler, &r.run, &err), err);
    assert_int_equal(llmsched_profiler_run_count(profiler), 0);
    llmsched_profiler_destroy(profiler);
}

/* --- runs that say little ------------------------------------------------------------------ */

static void test_all_runs_alike(void **state)
{
    (void)state;
    static const double works[] = {0, 2.5, 1e300};
    for (uint32_t w = 0; w < 3; w++) {
        llmsched_profiler *profiler = start(NULL);
        for (uint32_t i = 0; i < 50; i++) {
            struct test_run r = {.run = {.size = sizeof r.run}};
            test_run_add(&r, LLMSCHED_STAGE_LLM, "only", works[w], 7);
            point(&r);
            observe(profiler, &r);
        }
        llmsched_profile *p = fit(profiler);
        llmsched_profile_stage info = stage_of(p, 0);
        assert_int_equal(llmsched_dag_stage_count(llmsched_profile_dag(p)), 1);
        assert_int_equal(info.bin_count, 1);
        assert_int_equal(info.prompt_node, LLMSCHED_INDEX_NONE);
        assert_double_equal(info.presence, 1, 0);
        assert_double_equal(info.mean_work_s, works[w], 1e-12);
        assert_double_equal(remainder_of(p, LLMSCHED_STAGE_LLM, 0).q90_s, works[w], 0);
        uint64_t cells = 0;
        const double *table = llmsched_network_table(llmsched_profile_network(p), 0, &cells);
        assert_int_equal(cells, 2);
        assert_double_equal(table[1], 50.5 / 51, 1e-12);
        llmsched_profile_release(p);
    }
}

/* Names and lengths that the last fit did not know count where the template has room for them. */
static void test_unknown_stages_after_the_fit(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    llmsched_profiler *profiler = start(NULL);
    observe_plain(profiler, 0, 40);
    assert_ok(llmsched_profiler_fit(profiler, &p, &err), err);
    llmsched_profile_release(p);
    struct test_run r = {.run = {.size = sizeof r.run}};
    for (uint32_t i = 0; i < RUN_STAGES; i++)
        test_run_add(&r, LLMSCHED_STAGE_LLM, "new", 1, 1);
    point(&r);
    for (uint32_t i = 0; i < 40; i++)
        observe(profiler, &r);
    assert_ok(llmsched_profiler_refit(profiler, &p, &err), err);
    assert_int_equal(llmsched_dag_stage_count(llmsched_profile_dag(p)), 3);
    assert_double_equal(stage_of(p, 0).presence, 0.5, 1e-12);
    assert_double_equal(summary_of(p).mean_llm_s, (1.5 + 5.5 / 2 + 6) / 2, 1e-12);
    assert_double_equal(remainder_of(p, LLMSCHED_STAGE_LLM, 5).mean_s, 1, 1e-12);
    llmsched_profile_release(p);
    p = fit(profiler);
    assert_int_equal(llmsched_dag_stage_count(llmsched_profile_dag(p)), 9);
    llmsched_profile_release(p);
}

static void test_very_many_runs(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    llmsched_profiler_options options = {.size = sizeof options, .keep_runs = 500};
    llmsched_profiler *profiler = start(&options);
    lls_random random;
    double work = 0;
    lls_random_seed(&random, 12);
    for (uint32_t i = 0; i < MANY; i++) {
        struct test_run r;
        test_run_draw(&r, &random);
        for (uint32_t s = 0; s < r.run.stage_count && i + 500 >= 1000; s++)
            work += r.stages[s].kind == LLMSCHED_STAGE_LLM ? r.stages[s].work_s : 0;
        observe(profiler, &r);
        if (i == 999 || i % 10000 == 9999) {
            assert_ok(
                (i == 999 ? llmsched_profiler_fit : llmsched_profiler_refit)(profiler, &p, &err),
                err);
            llmsched_profile_release(p);
        }
    }
    assert_ok(llmsched_profiler_refit(profiler, &p, &err), err);
    assert_int_equal(llmsched_profiler_run_count(profiler), MANY);
    assert_int_equal(summary_of(p).run_count, MANY - 500);
    assert_double_equal(summary_of(p).mean_llm_s, work / (MANY - 500), 1e-12);
    llmsched_profile_release(p);
    llmsched_profiler_destroy(profiler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_work),
        cmocka_unit_test(test_missing_prompt),
        cmocka_unit_test(test_truncated_runs),
        cmocka_unit_test(test_only_truncated_runs),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_all_runs_alike),
        cmocka_unit_test(test_unknown_stages_after_the_fit),
        cmocka_unit_test(test_very_many_runs),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
