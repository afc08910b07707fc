/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Old callers and new ones: the first version of every struct is frozen, a
 * struct of a later version is taken as long as it asks for nothing unknown.
 */
#include "check.h"

#include "llmsched/llmsched.h"

#include <stdlib.h>

/* A struct may be longer than in 0.1, never shorter; its size comes first. */
#define FROZEN(type, bytes)                                                                        \
    _Static_assert(sizeof(type) >= (bytes) && offsetof(type, size) == 0, #type " shrank")

#if UINTPTR_MAX == UINT64_MAX
FROZEN(llmsched_error, 256);
FROZEN(llmsched_allocator, 40);
FROZEN(llmsched_context_options, 40);
FROZEN(llmsched_stage, 40);
FROZEN(llmsched_run_stage, 88);
FROZEN(llmsched_run, 40);
FROZEN(llmsched_table, 48);
FROZEN(llmsched_learn_options, 48);
FROZEN(llmsched_approximate_options, 24);
FROZEN(llmsched_approximation, 40);
FROZEN(llmsched_profiler_options, 56);
FROZEN(llmsched_profile_summary, 56);
FROZEN(llmsched_profile_stage, 48);
FROZEN(llmsched_profile_bin, 48);
FROZEN(llmsched_profile_call, 72);
FROZEN(llmsched_remainder, 40);
FROZEN(llmsched_quantifier_options, 32);
FROZEN(llmsched_stage_evidence, 40);
FROZEN(llmsched_stage_belief, 48);
FROZEN(llmsched_remaining, 32);
FROZEN(llmsched_distribution, 48);
FROZEN(llmsched_executor, 40);
FROZEN(llmsched_job, 48);
FROZEN(llmsched_revealed_stage, 56);
FROZEN(llmsched_event, 88);
FROZEN(llmsched_decision, 32);
FROZEN(llmsched_choice, 24);
FROZEN(llmsched_policy, 40);
FROZEN(llmsched_queue_view, 32);
FROZEN(llmsched_job_view, 72);
FROZEN(llmsched_stage_view, 56);
FROZEN(llmsched_estimate, 32);
FROZEN(llmsched_executor_view, 32);
FROZEN(llmsched_tenant_view, 40);
FROZEN(llmsched_scheduler_options, 32);
FROZEN(llmsched_scheduler_stats, 40);
FROZEN(llmsched_history_options, 24);
FROZEN(llmsched_gpu, 40);
FROZEN(llmsched_model, 48);
FROZEN(llmsched_model_config, 128);
FROZEN(llmsched_app, 40);
FROZEN(llmsched_app_stage, 80);
FROZEN(llmsched_app_call, 64);
FROZEN(llmsched_planner_options, 72);
FROZEN(llmsched_plan_info, 120);
FROZEN(llmsched_plan_model, 88);
FROZEN(llmsched_plan_replica, 24);
FROZEN(llmsched_plan_app, 32);
FROZEN(llmsched_plan_gpu, 64);
FROZEN(llmsched_autoscaler, 24);
#endif

/* Options as a later version of the headers would have them: one more field. */
struct later_options {
    llmsched_context_options now;
    uint64_t later;
};

static void test_version_numbers(void **state)
{
    (void)state;
    assert_int_equal(llmsched_version_number(), LLMSCHED_VERSION_NUMBER);
    assert_int_equal(LLMSCHED_VERSION_NUMBER, LLMSCHED_VERSION_MAJOR * 10000 +
                                                  LLMSCHED_VERSION_MINOR * 100 +
                                                  LLMSCHED_VERSION_PATCH);
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", LLMSCHED_VERSION_MAJOR, LLMSCHED_VERSION_MINOR,
             LLMSCHED_VERSION_PATCH);
    assert_string_equal(llmsched_version(), text);
    assert_string_equal(PROJECT_VERSION, text);
}

static void test_later_struct_without_news_is_taken(void **state)
{
    (void)state;
    struct later_options options = {.now = {.size = sizeof options}};
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    assert_ok(llmsched_context_create(&options.now, &context, &err), err);
    llmsched_context_destroy(context);
}

static void test_later_struct_with_news_is_refused(void **state)
{
    (void)state;
    struct later_options options = {.now = {.size = sizeof options}, .later = 1};
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    assert_status(LLMSCHED_ERROR_VERSION, llmsched_context_create(&options.now, &context, &err),
                  err);
    assert_null(context);
}

static void test_sizes_no_version_had_are_refused(void **state)
{
    (void)state;
    const uint32_t sizes[] = {0, 1, 4, sizeof(llmsched_context_options) - 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        llmsched_context_options options = {.size = sizes[i]};
        llmsched_context *context = NULL;
        llmsched_error err = {.size = sizeof err};
        assert_status(LLMSCHED_ERROR_VERSION, llmsched_context_create(&options, &context, &err),
                      err);
        assert_null(context);
    }
}

static void test_results_keep_to_the_callers_size(void **state)
{
    (void)state;
    llmsched_context *context = NULL;
    llmsched_scheduler *scheduler = NULL;
    llmsched_error err = {.size = sizeof err};
    assert_ok(llmsched_context_create(NULL, &context, &err), err);
    llmsched_scheduler_options options = {.size = sizeof options, .policy = "fcfs"};
    assert_ok(llmsched_scheduler_create(context, &options, &scheduler, &err), err);

    struct {
        llmsched_scheduler_stats now;
        uint8_t beyond[16];
    } room;
    memset(&room, 0xa5, sizeof room);
    room.now.size = sizeof room.now;
    assert_ok(llmsched_scheduler_get_stats(scheduler, &room.now, &err), err);
    assert_int_equal(room.now.size, sizeof room.now);
    assert_int_equal(room.now.jobs, 0);
    for (size_t i = 0; i < sizeof room.beyond; i++)
        assert_int_equal(room.beyond[i], 0xa5);

    llmsched_scheduler_destroy(scheduler);
    llmsched_context_destroy(context);
}

static void test_error_of_size_zero_is_the_first_version(void **state)
{
    (void)state;
    llmsched_error err;
    memset(&err, 0, sizeof err);
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_context_create(NULL, NULL, &err), err);
    assert_int_equal(err.status, LLMSCHED_ERROR_INVALID);
    assert_true(strlen(err.message) > 0);
    assert_null(strchr(err.message, '\n'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_numbers),
        cmocka_unit_test(test_later_struct_without_news_is_taken),
        cmocka_unit_test(test_later_struct_with_news_is_refused),
        cmocka_unit_test(test_sizes_no_version_had_are_refused),
        cmocka_unit_test(test_results_keep_to_the_callers_size),
        cmocka_unit_test(test_error_of_size_zero_is_the_first_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
