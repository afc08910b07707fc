/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the policies that look at programs as a whole: plas, atlas, argus, carbyne; and
 * where tasks are placed. */
#include "context.h"
#include "runs.h"

#include "llmsched/scheduler.h"

static llmsched_scheduler *scheduler;
static double now;

static void post(llmsched_event event)
{
    llmsched_error err = {0};
    event.size = sizeof event;
    event.time_s = now;
    assert_ok(llmsched_scheduler_post(scheduler, &event, &err), err);
}

static void add_engine(uint64_t id, uint32_t capacity)
{
    llmsched_executor info = {
        .size = sizeof info, .kind = LLMSCHED_STAGE_LLM, .capacity = capacity};
    post((llmsched_event){
        .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor = id, .executor_info = &info});
}

/* One engine of one place, nothing said yet, time 0. */
static void open_with(const char *policy, const llmsched_policy *custom)
{
    llmsched_error err = {0};
    llmsched_scheduler_options options = {
        .size = sizeof options, .policy = policy, .custom = custom};
    now = 0;
    assert_ok(llmsched_scheduler_create(context, &options, &scheduler, &err), err);
    add_engine(1, 1);
}

static void arrive(uint64_t job, const llmsched_profile *profile)
{
    llmsched_job info = {.size = sizeof info, .profile = profile};
    post((llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = job, .job_info = &info});
}

static void call_named(uint64_t job, uint32_t stage, const char *name, double prompt)
{
    llmsched_revealed_stage info = {.size = sizeof info,
                                    .kind = LLMSCHED_STAGE_LLM,
                                    .name = name,
                                    .has_prompt = 1,
                                    .prompt_tokens = prompt};
    post((llmsched_event){
        .type = LLMSCHED_EVENT_STAGE_REVEALED, .job = job, .stage = stage, .stage_info = &info});
}

static void call(uint64_t job, uint32_t stage)
{
    call_named(job, stage, "call", 100);
}

static void finish(uint64_t job, uint32_t stage)
{
    post((llmsched_event){.type = LLMSCHED_EVENT_TASK_FINISHED, .job = job, .stage = stage});
}

/* The next decision is this one; returns its executor. */
static uint64_t expect(uint64_t job, uint32_t stage)
{
    llmsched_error err = {0};
    llmsched_decision d = {.size = sizeof d};
    assert_ok(llmsched_scheduler_next(scheduler, now, &d, &err), err);
    assert_int_equal(d.job, job);
    assert_int_equal(d.stage, stage);
    return d.executor;
}

/* --- plas and atlas ------------------------------------------------------------------------- */

static void test_least_served_program_first(void **state)
{
    (void)state;
    static const char *const policies[] = {"plas", "atlas"};
    for (uint32_t i = 0; i < 2; i++) {
        open_with(policies[i], NULL);
        arrive(1, NULL);
        call(1, 0);
        expect(1, 0);
        now = 2; /* the first threshold */
        arrive(2, NULL);
        call(2, 0);
        finish(1, 0);
        call(1, 1);
        expect(2, 0);
        llmsched_scheduler_destroy(scheduler);
    }
}

/* Below the first threshold nothing tells them apart but the time of being ready. */
static void test_inside_a_level_first_come(void **state)
{
    (void)state;
    open_with("plas", NULL);
    arrive(2, NULL);
    call(2, 0);
    expect(2, 0);
    now = 1;
    arrive(1, NULL);
    call(1, 0);
    now = 1.9;
    finish(2, 0);
    call(2, 1);
    expect(1, 0);
    now = 2;
    finish(1, 0);
    expect(2, 1);
    llmsched_scheduler_destroy(scheduler);
}

/* Two calls side by side: 3 s of service, in a chain of 1.5 s. */
static void test_chains_and_sums(void **state)
{
    (void)state;
    for (uint32_t chain = 0; chain < 2; chain++) {
        open_with(chain ? "atlas" : "plas", NULL);
        add_engine(2, 1);
        arrive(1, NULL);
        call(1, 0);
        call(1, 1);
        expect(1, 0);
        expect(1, 1);
        now = 1.5;
        finish(1, 0);
        call(1, 2);
        expect(1, 2);
        finish(1, 1);
        call(1, 3);
        expect(1, 3);
        now = 1.6;
        arrive(2, NULL);
        call(1, 4);
        now = 1.7;
        call(2, 0);
        finish(1, 2);
        /* Call 4 became ready first: it is in the first level by its chain, not by the sum. */
        expect(chain ? 1 : 2, chain ? 4 : 0);
        llmsched_scheduler_destroy(scheduler);
    }
}

static void call_model(uint64_t job, uint32_t stage, const char *model)
{
    llmsched_revealed_stage info = {
        .size = sizeof info, .kind = LLMSCHED_STAGE_LLM, .name = "call", .model = model};
    post((llmsched_event){
        .type = LLMSCHED_EVENT_STAGE_REVEALED, .job = job, .stage = stage, .stage_info = &info});
}

/* Program 1 was served 5 s by one model; its call to the other was ready first. Who counts all
 * engines lets program 2 go first, who counts each model's alone does not. On the first model
 * both do. */
static void test_accounts_of_each_model(void **state)
{
    (void)state;
    for (uint32_t each = 0; each < 2; each++) {
        static const char *const models[] = {"a", "b"};
        open_with(each ? "plas:scope=engine" : "plas", NULL);
        for (uint32_t m = 0; m < 2; m++) {
            llmsched_executor info = {
                .size = sizeof info, .kind = LLMSCHED_STAGE_LLM, .model = models[m], .capacity = 1};
            post((llmsched_event){
                .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor = 5 + m, .executor_info = &info});
        }
        arrive(1, NULL);
        call_model(1, 0, "a");
        assert_int_equal(expect(1, 0), 5);
        arrive(3, NULL);
        call_model(3, 0, "b");
        assert_int_equal(expect(3, 0), 6);
        now = 5;
        finish(1, 0);
        call_model(1, 1, "b");
        call_model(3, 1, "a");
        assert_int_equal(expect(3, 1), 5);
        now = 5.5;
        arrive(2, NULL);
        call_model(1, 2, "a");
        now = 5.6;
        call_model(2, 0, "b");
        call_model(2, 1, "a");
        finish(3, 0);
        assert_int_equal(each ? expect(1, 1) : expect(2, 0), 6);
        finish(3, 1);
        assert_int_equal(expect(2, 1), 5);
        llmsched_scheduler_destroy(scheduler);
    }
}

/* Served 2 s, it has waited long enough after 16 s more: beta is 8. */
static void test_waiting_long_puts_first(void **state)
{
    (void)state;
    for (uint32_t late = 0; late < 2; late++) {
        open_with("plas", NULL);
        arrive(1, NULL);
        call(1, 0);
        expect(1, 0);
        now = 2;
        finish(1, 0);
        call(1, 1);
        arrive(2, NULL);
        call(2, 0);
        expect(2, 0);
        now = 3;
        arrive(3, NULL);
        call(3, 0);
        now = late ? 18 : 17.9;
        finish(2, 0);
        expect(late ? 1 : 3, late ? 1 : 0);
        llmsched_scheduler_destroy(scheduler);
    }
}

/* --- argus and carbyne ------------------------------------------------------------------------ */

/* Runs "first" then `more` calls, in a row or side by side. */
static llmsched_profile *program(const char *name, uint32_t more, bool side_by_side)
{
    static const char *const names[] = {"first", "a", "b", "c"};
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *profile = NULL;
    assert_ok(llmsched_profiler_create(context, name, NULL, NULL, &profiler, &err), err);
    for (uint32_t i = 0; i < 20; i++) {
        struct test_run r = {.run = {.size = sizeof r.run, .stages = r.stages}};
        for (uint32_t k = 0; k <= more; k++) {
            test_run_add(&r, LLMSCHED_STAGE_LLM, names[k], 1 + 0.01 * i, 10);
            if (side_by_side && k > 0)
                r.parents[k] = 0;
        }
        assert_ok(llmsched_profiler_observe(profiler, &r.run, &err), err);
    }
    assert_ok(llmsched_profiler_fit(profiler, &profile, &err), err);
    llmsched_profiler_destroy(profiler);
    return profile;
}

static void test_argus_prefers_the_longest_way(void **state)
{
    (void)state;
    llmsched_profile *row = program("row", 3, false), *wide = program("wide", 3, true),
                     *pair = program("pair", 1, false);
    open_with("argus", NULL);
    arrive(1, NULL);
    arrive(2, pair);
    arrive(3, wide);
    arrive(4, row);
    for (uint64_t job = 1; job <= 4; job++)
        call_named(job, 0, "first", 10);
    const uint64_t order[] = {4, 3, 2, 1};
    for (uint32_t i = 0; i < 4; i++) {
        expect(order[i], 0);
        finish(order[i], 0);
    }
    llmsched_scheduler_destroy(scheduler);
    llmsched_profile_release(row);
    llmsched_profile_release(wide);
    llmsched_profile_release(pair);
}

/* Behind their fair share jobs go by arrival; one that is ahead gives way, and waits in the pool
 * for the shortest. */
static void test_carbyne_gives_up_what_is_ahead(void **state)
{
    (void)state;
    llmsched_profile *row = program("row", 3, false), *pair = program("pair", 1, false);
    open_with("carbyne", NULL);
    arrive(1, row);
    call_named(1, 0, "first", 10);
    expect(1, 0);
    now = 1.2;
    arrive(2, pair);
    call_named(2, 0, "first", 10);
    finish(1, 0);
    call_named(1, 1, "a", 10);
    /* Half of 1.2 s is its fair share, and it was served all: ahead. */
    expect(2, 0);
    now = 1.3;
    arrive(3, pair);
    call_named(3, 0, "first", 10);
    now = 9;
    finish(2, 0);
    call_named(2, 1, "a", 10);
    /* 1 has been served 1.2 of 3, 3 nothing of 2.6, 2 is ahead: by arrival. */
    expect(1, 1);
    llmsched_scheduler_destroy(scheduler);
    llmsched_profile_release(row);
    llmsched_profile_release(pair);
}

/* --- places -------------------------------------------------------------------------------------
 */

static void test_long_prompts_return(void **state)
{
    (void)state;
    static const char *const policies[] = {"plas", "atlas", "gittins:locality=on",
                                           "llmsched:locality=on,epsilon=0",
                                           "fair-share/gittins:locality=on"};
    for (uint32_t i = 0; i < LLS_COUNT(policies); i++) {
        open_with(policies[i], NULL);
        add_engine(0, 2);
        add_engine(2, 3);
        arrive(1, NULL);
        call_named(1, 0, "call", 4000);
        assert_int_equal(expect(1, 0), 0);
        finish(1, 0);
        arrive(2, NULL);
        call_named(2, 0, "call", 4000);
        assert_int_equal(expect(2, 0), 0);
        /* Engine 1 is empty; the long prompt goes where the last went all the same, a short one
         * not. */
        call_named(1, 1, "call", 2049);
        assert_int_equal(expect(1, 1), 0);
        finish(2, 0);
        call_named(1, 2, "call", 2048);
        assert_int_equal(expect(1, 2), 1);
        /* Full, and then down: any other. */
        call_named(1, 3, "call", 3000);
        assert_int_equal(expect(1, 3), 2);
        post((llmsched_event){.type = LLMSCHED_EVENT_EXECUTOR_DOWN, .executor = 2});
        assert_int_equal(expect(1, 3), 0);
        llmsched_scheduler_destroy(scheduler);
    }
}

static llmsched_status any_key(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                               double *key)
{
    LLS_UNUSED(view);
    LLS_UNUSED(stage);
    *(uint32_t *)user += 1;
    *key = -(double)job;
    return LLMSCHED_OK;
}

static uint64_t chosen_place;

static llmsched_status place(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                             uint64_t *executor)
{
    LLS_UNUSED(user);
    LLS_UNUSED(view);
    LLS_UNUSED(job);
    LLS_UNUSED(stage);
    *executor = chosen_place;
    return chosen_place == 9 ? LLMSCHED_ERROR_STATE : LLMSCHED_OK;
}

static void test_places_are_checked(void **state)
{
    (void)state;
    uint32_t asked = 0;
    llmsched_error err = {0};
    llmsched_decision d = {.size = sizeof d};
    llmsched_policy policy = {
        .size = sizeof policy, .user = &asked, .key = any_key, .place = place};
    llmsched_executor slot = {.size = sizeof slot, .kind = LLMSCHED_STAGE_REGULAR, .capacity = 1};
    open_with(NULL, &policy);
    add_engine(2, 1);
    post((llmsched_event){
        .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor = 3, .executor_info = &slot});
    arrive(1, NULL);
    call(1, 0);
    call(1, 1);
    chosen_place = 2;
    assert_int_equal(expect(1, 0), 2);
    static const uint64_t wrong[] = {2, 3, 4, 9}; /* full, of another queue, unknown, failing */
    for (uint32_t i = 0; i < LLS_COUNT(wrong); i++) {
        chosen_place = wrong[i];
        assert_status(LLMSCHED_ERROR_CALLBACK, llmsched_scheduler_next(scheduler, now, &d, &err),
                      err);
    }
    /* Nothing was lost. */
    chosen_place = 1;
    assert_int_equal(expect(1, 1), 1);
    llmsched_scheduler_destroy(scheduler);
}

/* --- keys that cost
 * ------------------------------------------------------------------------------- */

static void test_keys_are_spared_while_all_fits(void **state)
{
    (void)state;
    uint32_t asked = 0;
    llmsched_policy policy = {
        .size = sizeof policy, .flags = LLMSCHED_POLICY_LAZY, .user = &asked, .key = any_key};
    open_with(NULL, &policy);
    add_engine(2, 2);
    arrive(1, NULL);
    arrive(2, NULL);
    call(2, 0);
    call(1, 0);
    expect(1, 0);
    assert_int_equal(asked, 0);
    /* Three for two places: the one left over is asked for too. */
    arrive(3, NULL);
    call(3, 0);
    arrive(4, NULL);
    call(4, 0);
    expect(4, 0);
    assert_int_equal(asked, 3);
    expect(3, 0);
    finish(4, 0);
    expect(2, 0);
    assert_int_equal(asked, 3);
    llmsched_scheduler_destroy(scheduler);
    policy.flags = 2;
    llmsched_error err = {0};
    llmsched_scheduler_options options = {.size = sizeof options, .custom = &policy};
    assert_status(LLMSCHED_ERROR_INVALID,
                  llmsched_scheduler_create(context, &options, &scheduler, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least_served_program_first),
        cmocka_unit_test(test_inside_a_level_first_come),
        cmocka_unit_test(test_chains_and_sums),
        cmocka_unit_test(test_accounts_of_each_model),
        cmocka_unit_test(test_waiting_long_puts_first),
        cmocka_unit_test(test_argus_prefers_the_longest_way),
        cmocka_unit_test(test_carbyne_gives_up_what_is_ahead),
        cmocka_unit_test(test_long_prompts_return),
        cmocka_unit_test(test_places_are_checked),
        cmocka_unit_test(test_keys_are_spared_while_all_fits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
