/* SPDX-License-Identifier: Apache-2.0 */
/* What runs ask of models, counted by hand; what is not known, and what fades. */
#include "shapes.h"

/* The only model of one run; ends nothing. */
static llmsched_profile_call only_call(struct shape *shape)
{
    llmsched_profile *p = profile_of(shape, 1);
    assert_int_equal(llmsched_profile_call_count(p), 1);
    llmsched_profile_call call = call_of(p, 0);
    llmsched_profile_release(p);
    return call;
}

/* --- by hand ------------------------------------------------------------------------------ */

static void test_one_after_another(void **state)
{
    (void)state;
    struct shape s = {0};
    uint32_t a = add_llm(&s, NULL, 2, LLMSCHED_INDEX_NONE);
    uint32_t b = add_tool(&s, 7, a), c = add_llm(&s, "", 4, b);
    s.stages[a].prompt_tokens = 100;
    s.stages[a].output_tokens = 20;
    s.stages[c].prompt_tokens = 300;
    s.stages[c].output_tokens = 60;
    llmsched_profile_call call = only_call(&s);
    assert_null(call.model);
    assert_double_equal(call.calls, 2, 0);
    assert_double_equal(call.overlap, 1, 0);
    assert_double_equal(call.group, 1, 0);
    assert_double_equal(call.prompt_tokens, 200, 0);
    assert_double_equal(call.output_tokens, 40, 0);
    /* (20 (100 + 10) + 60 (300 + 30)) / 80 */
    assert_double_equal(call.context_tokens, 275, 0);
    assert_double_equal(call.work_s, 3, 0);
}

static void test_side_by_side(void **state)
{
    (void)state;
    struct shape s = {0};
    uint32_t root = add_tool(&s, 0.1, LLMSCHED_INDEX_NONE);
    add_llm(&s, NULL, 2, root);
    add_llm(&s, NULL, 3, root);
    add_llm(&s, NULL, 4, root);
    llmsched_profile_call call = only_call(&s);
    assert_double_equal(call.calls, 3, 0);
    assert_double_equal(call.overlap, 9.0 / 4, 1e-15);
    assert_double_equal(call.group, 3, 0);
}

/* A stage of five tasks, the longest 3 s of 10, then one of two that are alike. */
static void test_tasks_are_calls(void **state)
{
    (void)state;
    struct shape s = {0};
    uint32_t five = add_llm(&s, NULL, 10, LLMSCHED_INDEX_NONE), two = add_llm(&s, NULL, 4, five);
    s.stages[five].tasks = 5;
    s.stages[five].span_s = 3;
    s.stages[five].prompt_tokens = 1000;
    s.stages[five].output_tokens = 500;
    s.stages[two].tasks = 2;
    s.stages[two].prompt_tokens = 100;
    s.stages[two].output_tokens = 20;
    llmsched_profile_call call = only_call(&s);
    assert_double_equal(call.calls, 7, 0);
    assert_double_equal(call.overlap, 14.0 / 5, 1e-15);
    assert_double_equal(call.group, (25 + 4) / 7.0, 1e-15);
    assert_double_equal(call.prompt_tokens, 1100 / 7.0, 1e-15);
    assert_double_equal(call.output_tokens, 520 / 7.0, 1e-15);
    assert_double_equal(call.context_tokens, (500 * 250 + 20 * 55) / 520.0, 1e-15);
    assert_double_equal(call.work_s, 2, 0);
}

/* 0-4, 1-3 inside it, 3-8, and 10-11 after a gap: 12 s of calls in 9. */
static void test_partly_at_once(void **state)
{
    (void)state;
    struct shape s = {0};
    add_llm(&s, NULL, 4, LLMSCHED_INDEX_NONE);
    static const double starts[] = {1, 3, 10}, works[] = {2, 5, 1};
    for (uint32_t i = 0; i < 3; i++)
        add_llm(&s, NULL, works[i], add_tool(&s, starts[i], LLMSCHED_INDEX_NONE));
    llmsched_profile_call call = only_call(&s);
    assert_double_equal(call.calls, 4, 0);
    assert_double_equal(call.overlap, 12.0 / 9, 1e-15);
    assert_double_equal(call.group, 1, 0);
}

/* One run of three at once, three runs of one, one of none: sums over runs, then the ratio. */
static void test_several_runs(void **state)
{
    (void)state;
    struct shape s[5] = {{.run = {0}}};
    for (uint32_t i = 0; i < 3; i++)
        add_llm(&s[0], NULL, 6, LLMSCHED_INDEX_NONE);
    for (uint32_t i = 1; i < 4; i++)
        add_llm(&s[i], NULL, 2, LLMSCHED_INDEX_NONE);
    add_tool(&s[4], 1, LLMSCHED_INDEX_NONE);
    llmsched_profile *p = profile_of(s, 5);
    llmsched_profile_call call = call_of(p, 0);
    assert_double_equal(call.calls, 6.0 / 5, 1e-15);
    assert_double_equal(call.overlap, 24.0 / 12, 1e-15);
    assert_double_equal(call.group, (9 + 3) / 6.0, 1e-15);
    assert_double_equal(call.work_s, 4, 1e-15);
    /* The mean time in which a run keeps the model busy: (6 + 3 * 2 + 0) / 5. */
    assert_double_equal(call.calls / call.overlap * call.work_s, 12.0 / 5, 1e-15);
    llmsched_profile_release(p);
}

/* By name, the unnamed first; what others do at the same time is no overlap. */
static void test_several_models(void **state)
{
    (void)state;
    struct shape s = {0};
    uint32_t z = add_llm(&s, "z", 1, LLMSCHED_INDEX_NONE);
    add_llm(&s, "b", 3, z);
    add_llm(&s, "a", 2, z);
    add_llm(&s, NULL, 5, z);
    add_llm(&s, "a", 2, z);
    static const char *const names[] = {NULL, "a", "b", "z"};
    static const double calls[] = {1, 2, 1, 1}, overlaps[] = {1, 2, 1, 1}, works[] = {5, 2, 3, 1};
    llmsched_profile *p = profile_of(&s, 1);
    assert_int_equal(llmsched_profile_call_count(p), 4);
    for (uint32_t i = 0; i < 4; i++) {
        llmsched_profile_call call = call_of(p, i);
        if (names[i] == NULL)
            assert_null(call.model);
        else
            assert_string_equal(call.model, names[i]);
        assert_double_equal(call.calls, calls[i], 0);
        assert_double_equal(call.overlap, overlaps[i], 0);
        assert_double_equal(call.group, overlaps[i], 0);
        assert_double_equal(call.work_s, works[i], 0);
    }
    llmsched_profile_release(p);
}

/* Embeddings write nothing, and calls may take no time. */
static void test_nothing_written(void **state)
{
    (void)state;
    struct shape s = {0};
    uint32_t a = add_llm(&s, "embed", 0, LLMSCHED_INDEX_NONE);
    s.stages[a].prompt_tokens = 512;
    llmsched_profile_call call = only_call(&s);
    assert_double_equal(call.overlap, 1, 0);
    assert_double_equal(call.context_tokens, 512, 0);
    assert_double_equal(call.work_s, 0, 0);
}

static void test_no_call(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_text *text = NULL;
    struct shape s = {0};
    add_tool(&s, 1, LLMSCHED_INDEX_NONE);
    llmsched_profile *p = profile_of(&s, 1);
    assert_int_equal(llmsched_profile_call_count(p), 0);
    assert_ok(llmsched_profile_to_json(p, &text, &err), err);
    assert_null(strstr(llmsched_text_data(text), "\"calls\""));
    llmsched_text_destroy(text);
    llmsched_profile_release(p);
}

/* --- what is not known ------------------------------------------------------------------------ */

/* Two calls at once of 100 and 300 prompt tokens, works 2 and 4. */
static struct shape pair(void)
{
    struct shape s = {0};
    uint32_t a = add_llm(&s, NULL, 2, LLMSCHED_INDEX_NONE);
    uint32_t b = add_llm(&s, NULL, 4, LLMSCHED_INDEX_NONE);
    s.stages[a].prompt_tokens = 100;
    s.stages[b].prompt_tokens = 300;
    s.stages[a].output_tokens = s.stages[b].output_tokens = 10;
    return s;
}

/* Means of the calls that tell; the overlap of the runs that tell all. */
static void test_missing_values(void **state)
{
    (void)state;
    struct shape s[2] = {pair(), pair()};
    s[1].stages[1].missing = LLMSCHED_MISSING_WORK | LLMSCHED_MISSING_PROMPT;
    llmsched_profile *p = profile_of(s, 2);
    llmsched_profile_call call = call_of(p, 0);
    assert_double_equal(call.calls, 2, 0);
    assert_double_equal(call.overlap, 6.0 / 4, 1e-15);
    assert_double_equal(call.prompt_tokens, 500.0 / 3, 1e-13);
    assert_double_equal(call.output_tokens, 10, 1e-15);
    assert_double_equal(call.work_s, 8.0 / 3, 1e-15);
    assert_double_equal(call.context_tokens, 500.0 / 3 + 5, 1e-13);
    llmsched_profile_release(p);

    /* No run tells all: what is missing takes no time. */
    s[0].stages[0].missing = LLMSCHED_MISSING_WORK;
    p = profile_of(s, 2);
    call = call_of(p, 0);
    assert_double_equal(call.overlap, 1, 0);
    assert_double_equal(call.work_s, 3, 1e-15);
    assert_double_equal(call.calls, 2, 0);
    llmsched_profile_release(p);

    /* Nothing known but that they came. */
    for (uint32_t i = 0; i < 4; i++)
        s[i / 2].stages[i % 2].missing = LLMSCHED_MISSING_ALL;
    p = profile_of(s, 2);
    call = call_of(p, 0);
    assert_double_equal(call.calls, 2, 0);
    assert_double_equal(call.overlap, 1, 0);
    assert_double_equal(call.prompt_tokens + call.output_tokens + call.context_tokens + call.work_s,
                        0, 0);
    llmsched_profile_release(p);
}

/* Runs cut short count where nothing else tells: of a model that only they call, or with no other
 * runs. */
static void test_runs_cut_short(void **state)
{
    (void)state;
    struct shape s[2] = {pair(), pair()};
    add_llm(&s[1], "late", 8, 1);
    s[1].stages[0].prompt_tokens = 900;
    s[1].run.truncated = 1;
    llmsched_profile *p = profile_of(s, 2);
    assert_int_equal(llmsched_profile_call_count(p), 2);
    assert_double_equal(call_of(p, 0).calls, 2, 0);
    assert_double_equal(call_of(p, 0).prompt_tokens, 200, 0);
    assert_string_equal(call_of(p, 1).model, "late");
    assert_double_equal(call_of(p, 1).calls, 0.5, 0);
    assert_double_equal(call_of(p, 1).work_s, 8, 0);
    llmsched_profile_release(p);

    s[0].run.truncated = 1;
    p = profile_of(s, 2);
    assert_double_equal(call_of(p, 0).calls, 2, 0);
    assert_double_equal(call_of(p, 0).prompt_tokens, 400, 0);
    assert_double_equal(call_of(p, 0).overlap, 12.0 / 8, 1e-15);
    llmsched_profile_release(p);
}

static void test_absurd_amounts(void **state)
{
    (void)state;
    struct shape s[3] = {pair(), pair(), pair()};
    for (uint32_t i = 0; i < 3; i++) {
        s[i].stages[1].tasks = UINT32_MAX;
        s[i].stages[1].prompt_tokens = s[i].stages[1].output_tokens = 1e308;
        s[i].stages[1].work_s = s[i].stages[1].span_s = 1e300;
        add_llm(&s[i], NULL, 1e300, LLMSCHED_INDEX_NONE);
    }
    llmsched_profile *p = profile_of(s, 3);
    llmsched_profile_call call = call_of(p, 0);
    const double values[] = {call.calls,         call.overlap,       call.group,
                             call.prompt_tokens, call.output_tokens, call.context_tokens,
                             call.work_s};
    for (uint32_t i = 0; i < LLS_COUNT(values); i++)
        assert_true(isfinite(values[i]) && values[i] > 0);
    assert_double_equal(call.overlap, 2, 1e-12);
    llmsched_profile_release(p);
}

/* --- fading -------------------------------------------------------------------------------------
 */

/* A model that is no longer called is forgotten; one that only old whole runs show keeps its means
 * until then. */
static void test_models_fade(void **state)
{
    (void)state;
    llmsched_profiler_options options = {.size = sizeof options, .half_life = 2};
    llmsched_profiler *profiler = start(&options);
    struct shape old = {0}, fresh = {0};
    add_llm(&old, "old", 3, LLMSCHED_INDEX_NONE);
    add_llm(&fresh, "new", 1, LLMSCHED_INDEX_NONE);
    for (uint32_t i = 0; i < 5; i++)
        observe(profiler, &old);
    llmsched_profile_release(fit(profiler));
    for (uint32_t i = 0; i < 20; i++)
        observe(profiler, &fresh);
    llmsched_profile *p = refit(profiler);
    assert_int_equal(llmsched_profile_call_count(p), 2);
    assert_string_equal(call_of(p, 1).model, "old");
    /* After 20 runs: of weights 2^(-i / 2), those from the 20th on. */
    assert_double_equal(call_of(p, 1).calls, (exp2(-10) - exp2(-12.5)) / (1 - exp2(-12.5)), 1e-12);
    assert_double_equal(call_of(p, 1).work_s, 3, 1e-12);
    llmsched_profile_release(p);
    for (uint32_t i = 0; i < 40; i++)
        observe(profiler, &fresh);
    p = refit(profiler);
    assert_int_equal(llmsched_profile_call_count(p), 1);
    assert_string_equal(call_of(p, 0).model, "new");
    llmsched_profile_release(p);
    llmsched_profiler_destroy(profiler);
}

/* Nothing but runs cut short for so long that the weight of all others is lost. */
static void test_whole_runs_fade(void **state)
{
    (void)state;
    llmsched_profiler_options options = {.size = sizeof options, .half_life = 0.5};
    llmsched_profiler *profiler = start(&options);
    struct shape whole = pair(), cut = pair();
    add_llm(&cut, NULL, 4, 1);
    cut.run.truncated = 1;
    observe(profiler, &whole);
    llmsched_profile_release(fit(profiler));
    for (uint32_t i = 0; i < 3000; i++) {
        observe(profiler, &cut);
        llmsched_profile *p = refit(profiler);
        double calls = call_of(p, 0).calls;
        assert_true(calls == 2 || calls == 3);
        assert_double_equal(call_of(p, 0).overlap, calls == 2 ? 6.0 / 4 : 10.0 / 8, 1e-12);
        assert_true(i < 2999 || calls == 3);
        llmsched_profile_release(p);
    }
    llmsched_profiler_destroy(profiler);
}

/* Weights so small that they have lost most of their digits do not count. */
static void test_weights_near_nothing(void **state)
{
    (void)state;
    llmsched_profiler_options options = {.size = sizeof options, .half_life = 1 / 1023.4};
    llmsched_profiler *profiler = start(&options);
    struct shape whole = {0}, cut = {0};
    add_llm(&whole, NULL, 1e-9 / 3, LLMSCHED_INDEX_NONE);
    add_llm(&cut, NULL, 4, LLMSCHED_INDEX_NONE);
    cut.run.truncated = 1;
    observe(profiler, &whole);
    llmsched_profile *p = fit(profiler);
    assert_double_equal(call_of(p, 0).work_s * 1e9, 1.0 / 3, 1e-12);
    llmsched_profile_release(p);
    observe(profiler, &cut);
    p = refit(profiler);
    assert_double_equal(call_of(p, 0).work_s, 4, 1e-15);
    llmsched_profile_release(p);
    llmsched_profiler_destroy(profiler);
}

/* --- bad calls --- */

static void test_refusals(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct shape s = pair();
    llmsched_profile *p = profile_of(&s, 1);
    llmsched_profile_call call = {.size = sizeof call, .calls = -7};
    assert_int_equal(llmsched_profile_call_count(NULL), 0);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_profile_get_call(NULL, 0, &call, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_profile_get_call(p, 0, NULL, &err), err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "no call 1",
                 llmsched_profile_get_call(p, 1, &call, &err), err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "no call 4294967295",
                 llmsched_profile_get_call(p, UINT32_MAX, &call, &err), err);
    assert_double_equal(call.calls, -7, 0);
    call.size = 4;
    assert_fails(LLMSCHED_ERROR_VERSION, "llmsched_profile_call",
                 llmsched_profile_get_call(p, 0, &call, &err), err);
    llmsched_profile_release(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_after_another),
        cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_tasks_are_calls),
        cmocka_unit_test(test_partly_at_once),
        cmocka_unit_test(test_several_runs),
        cmocka_unit_test(test_several_models),
        cmocka_unit_test(test_nothing_written),
        cmocka_unit_test(test_no_call),
        cmocka_unit_test(test_missing_values),
        cmocka_unit_test(test_runs_cut_short),
        cmocka_unit_test(test_absurd_amounts),
        cmocka_unit_test(test_models_fade),
        cmocka_unit_test(test_weights_near_nothing),
        cmocka_unit_test(test_whole_runs_fade),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
