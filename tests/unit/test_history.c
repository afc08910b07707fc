/* SPDX-License-Identifier: Apache-2.0 */
/* lib/trace: run files in, runs with every value filled in. */
#include "trace/internal.h"

#include "check.h"
#include "failing.h"

#include <stdlib.h>

static llmsched_context *make_context(void)
{
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    assert_ok(llmsched_context_create(NULL, &context, &err), err);
    return context;
}

static llmsched_status parse(llmsched_context *context, const char *text,
                             llmsched_history **history, llmsched_error *err)
{
    *err = (llmsched_error){.size = sizeof *err};
    return llmsched_history_parse(context, "file", text, strlen(text), NULL, history, err);
}

#define HEAD "{\"app\":\"a\",\"job\":\"j\",\"task\":\"t\",\"stages\":["

static const char TWO_STAGES[] =
    HEAD "{\"id\":\"p\",\"kind\":\"llm\",\"name\":\"plan\",\"parents\":[],\"prompt_tokens\":1000,"
         "\"output_tokens\":100,\"duration_s\":3.5},"
         "{\"id\":\"x\",\"kind\":\"tool\",\"name\":\"run\",\"parents\":[\"p\"],"
         "\"output_tokens\":9,\"duration_s\":2.5}]}\n";

static void reads_a_run(void **state)
{
    llmsched_context *context = *state;
    llmsched_history *history = NULL;
    llmsched_error err;
    assert_ok(parse(context, TWO_STAGES, &history, &err), err);
    assert_int_equal(llmsched_history_count(history), 1);
    assert_null(llmsched_history_run(history, 1));
    const llmsched_run *run = llmsched_history_run(history, 0);
    assert_int_equal(run->size, sizeof *run);
    assert_string_equal(run->app, "file/a");
    assert_string_equal(run->job, "j");
    assert_string_equal(run->task, "t");
    assert_int_equal(run->stage_count, 2);
    const llmsched_run_stage *plan = &run->stages[0], *tool = &run->stages[1];
    assert_int_equal(plan->size, sizeof *plan);
    assert_int_equal(plan->kind, LLMSCHED_STAGE_LLM);
    assert_int_equal(plan->parent_count, 0);
    assert_int_equal(plan->tasks, 1);
    /* A measured duration of an LLM stage is another machine's: tokens count. */
    assert_double_equal(plan->work_s, 1000 * 0.00008 + 100 * 0.0112, 1e-15);
    assert_double_equal(plan->span_s, plan->work_s, 1e-15);
    assert_int_equal(tool->kind, LLMSCHED_STAGE_REGULAR);
    assert_string_equal(tool->id, "x");
    assert_string_equal(tool->name, "run");
    assert_null(tool->model);
    assert_int_equal(tool->parent_count, 1);
    assert_int_equal(tool->parents[0], 0);
    assert_double_equal(tool->work_s, 2.5, 0);
    assert_double_equal(tool->span_s, 2.5, 0);
    assert_double_equal(tool->prompt_tokens, 0.0, 0);
    assert_double_equal(tool->output_tokens, 9.0, 0);
    llmsched_history_release(history);
}

static void names_are_optional(void **state)
{
    llmsched_context *context = *state;
    llmsched_error err = {.size = sizeof err};
    const char *const names[] = {NULL, ""};
    for (size_t i = 0; i < LLS_COUNT(names); i++) {
        llmsched_history *history = NULL;
        assert_ok(llmsched_history_parse(context, names[i], TWO_STAGES, sizeof TWO_STAGES - 1, NULL,
                                         &history, &err),
                  err);
        assert_string_equal(llmsched_history_run(history, 0)->app, "a");
        llmsched_history_release(history);
    }
}

static void text_need_not_end(void **state)
{
    llmsched_history *history = NULL;
    llmsched_error err = {.size = sizeof err};
    size_t length = sizeof TWO_STAGES - 2; /* without the line end */
    char *exact = malloc(length);
    memcpy(exact, TWO_STAGES, length);
    assert_ok(llmsched_history_parse(*state, "f", exact, length, NULL, &history, &err), err);
    assert_int_equal(llmsched_history_count(history), 1);
    llmsched_history_release(history);
    free(exact);
    /* Nothing is no failure; blank lines are skipped. */
    assert_ok(llmsched_history_parse(*state, "f", NULL, 0, NULL, &history, &err), err);
    assert_int_equal(llmsched_history_count(history), 0);
    llmsched_history_release(history);
    assert_ok(parse(*state, "\n \t\r\n\n", &history, &err), err);
    assert_int_equal(llmsched_history_count(history), 0);
    llmsched_history_release(history);
}

static void options_set_the_costs(void **state)
{
    llmsched_history *history = NULL;
    llmsched_error err = {.size = sizeof err};
    llmsched_history_options options = {
        .size = sizeof options, .prefill_s_per_token = 0.001, .decode_s_per_token = 0.5};
    assert_ok(llmsched_history_parse(*state, "f", TWO_STAGES, sizeof TWO_STAGES - 1, &options,
                                     &history, &err),
              err);
    assert_double_equal(llmsched_history_run(history, 0)->stages[0].work_s, 1.0 + 50.0, 1e-15);
    llmsched_history_release(history);
    const double bad[] = {-1.0, NAN, INFINITY, 1e30};
    for (size_t i = 0; i < LLS_COUNT(bad); i++) {
        options.decode_s_per_token = bad[i];
        assert_fails(LLMSCHED_ERROR_INVALID, "decode_s_per_token",
                     llmsched_history_parse(*state, "f", "", 0, &options, &history, &err), err);
    }
    options.decode_s_per_token = 0.0;
    options.prefill_s_per_token = -1e-9;
    assert_fails(LLMSCHED_ERROR_INVALID, "prefill_s_per_token",
                 llmsched_history_parse(*state, "f", "", 0, &options, &history, &err), err);
    options.size = 4;
    assert_status(LLMSCHED_ERROR_VERSION,
                  llmsched_history_parse(*state, "f", "", 0, &options, &history, &err), err);
}

/* The first n mod k tasks take one token more: the longest has both remainders. */
static void samples_split_the_tokens(void **state)
{
    llmsched_history *history = NULL;
    llmsched_error err;
    assert_ok(parse(*state,
                    HEAD "{\"id\":\"s\",\"kind\":\"llm\",\"name\":\"n\",\"parents\":[],"
                         "\"prompt_tokens\":1001,\"output_tokens\":11,\"samples\":4},"
                         "{\"id\":\"t\",\"kind\":\"tool\",\"name\":\"n\",\"parents\":[\"s\"],"
                         "\"duration_s\":0.5,\"samples\":3}]}",
                    &history, &err),
              err);
    const llmsched_run_stage *s = llmsched_history_run(history, 0)->stages;
    assert_int_equal(s[0].tasks, 4);
    assert_double_equal(s[0].work_s, 1001 * 0.00008 + 11 * 0.0112, 1e-15);
    assert_double_equal(s[0].span_s, 251 * 0.00008 + 3 * 0.0112, 1e-15);
    assert_int_equal(s[1].tasks, 3);
    assert_double_equal(s[1].work_s, 1.5, 1e-15);
    assert_double_equal(s[1].span_s, 0.5, 1e-15);
    llmsched_history_release(history);
}

static void tool_durations_follow_the_vector(void **state)
{
    (void)state;
    uint64_t hash = lls_fnv1a64("job-1/t0", strlen("job-1/t0"), LLS_FNV_OFFSET);
    assert_true(hash == UINT64_C(0x102684469cf34897));
    assert_double_equal(lls_tool_duration("job-1", "t0"), 1.8538637915, 1e-10);
    /* The cap, and a median near 0.6 s. */
    double all[2001];
    for (int i = 0; i < 2001; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        all[i] = lls_tool_duration("j", id);
        assert_true(all[i] > 0.0 && all[i] <= 30.0);
    }
    lls_sort(all, 2001);
    assert_true(all[1000] > 0.55 && all[1000] < 0.65);
    /* One standard deviation of the logarithm is 0.8. */
    assert_true(log(all[1682] / all[1000]) > 0.7 && log(all[1682] / all[1000]) < 0.9);
}

#define STAGE(id, name, more)                                                                      \
    "{\"id\":\"" id "\",\"kind\":\"llm\",\"name\":\"" name "\",\"parents\":[]" more "}"
#define RUN_OF(app, job, stages)                                                                   \
    "{\"app\":\"" app "\",\"job\":\"" job "\",\"stages\":[" stages "]}\n"

static void missing_tokens_take_the_median(void **state)
{
    llmsched_history *history = NULL;
    llmsched_error err;
    const char *text =
        /* Known counts stand before and behind the gaps; other applications, names and tools do not
           count. */
        RUN_OF("a", "1", STAGE("x", "gen", ",\"output_tokens\":null"))
            RUN_OF("a", "2", STAGE("x", "gen", ",\"output_tokens\":40,\"prompt_tokens\":7"))
                RUN_OF("a", "3", STAGE("x", "gen", ",\"output_tokens\":10,\"prompt_tokens\":9"))
                    RUN_OF("a", "4", STAGE("x", "gen", ",\"output_tokens\":30,\"prompt_tokens\":8"))
                        RUN_OF("a", "5", STAGE("x", "gen", ",\"output_tokens\":20")) RUN_OF(
                            "a", "6", STAGE("x", "other", ",\"output_tokens\":9000"))
                            RUN_OF("b", "7", STAGE("x", "gen", ",\"output_tokens\":8000")) RUN_OF(
                                "a", "8",
                                "{\"id\":\"x\",\"kind\":\"tool\",\"name\":\"gen\",\"parents\":[],"
                                "\"output_tokens\":7000,\"duration_s\":1}")
                                RUN_OF("c", "9", STAGE("x", "gen", ""));
    assert_ok(parse(*state, text, &history, &err), err);
    assert_int_equal(llmsched_history_count(history), 9);
    const struct {
        uint32_t run;
        double prompt, output;
    } expected[] = {{0, 8, 20}, /* of 10 20 30 40 the lower middle one */
                    {1, 7, 40},     {4, 8, 20},   {5, 512, 9000},
                    {6, 512, 8000}, {7, 0, 7000}, {8, 512, 128}};
    for (size_t i = 0; i < LLS_COUNT(expected); i++) {
        const llmsched_run_stage *s = &llmsched_history_run(history, expected[i].run)->stages[0];
        assert_double_equal(s->prompt_tokens, expected[i].prompt, 0);
        assert_double_equal(s->output_tokens, expected[i].output, 0);
    }
    llmsched_history_release(history);
}

static void missing_durations_are_drawn(void **state)
{
    llmsched_history *history = NULL;
    llmsched_error err;
    const char *text = "{\"app\":\"a\",\"job\":\"job-1\",\"stages\":["
                       "{\"id\":\"t0\",\"kind\":\"tool\",\"name\":\"n\",\"parents\":[],"
                       "\"duration_s\":null,\"prompt_tokens\":null},"
                       "{\"id\":\"t1\",\"kind\":\"tool\",\"name\":\"n\",\"parents\":[],"
                       "\"duration_s\":0}]}";
    assert_ok(parse(*state, text, &history, &err), err);
    const llmsched_run *run = llmsched_history_run(history, 0);
    assert_null(run->task);
    assert_double_equal(run->stages[0].work_s, 1.8538637915, 1e-10);
    assert_double_equal(run->stages[1].work_s, 0.0, 0);
    llmsched_history_release(history);
}

static void models_of_stages_are_kept(void **state)
{
    llmsched_history *history = NULL;
    llmsched_error err;
    assert_ok(parse(*state,
                    RUN_OF("a", "1", STAGE("x", "n", ",\"model\":\"big\"") "," STAGE("y", "n", "")),
                    &history, &err),
              err);
    const llmsched_run *run = llmsched_history_run(history, 0);
    assert_string_equal(run->stages[0].model, "big");
    assert_null(run->stages[1].model);
    llmsched_history_release(history);
}

/* --- refusals ------------------------------------------------------------------ */

static void refuses_bad_lines(void **state)
{
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"{", "JSON"},
        {"[]", "expected an object"},
        {"{} {}", ""},
        {"{\"job\":\"j\",\"stages\":[]}", "app: missing"},
        {"{\"app\":1,\"job\":\"j\",\"stages\":[]}", "app: expected a string"},
        {"{\"app\":\"a\",\"stages\":[]}", "job: missing"},
        {"{\"app\":\"a\",\"job\":\"j\",\"task\":4,\"stages\":[]}", "task: expected a string"},
        {"{\"app\":\"a\",\"job\":\"j\"}", "stages: missing"},
        {"{\"app\":\"a\",\"job\":\"j\",\"stages\":{}}", "stages: expected an array"},
        {"{\"app\":\"a\",\"job\":\"j\",\"stages\":[]}", "stages: expected at least one"},
        {HEAD "7]}", "stages[0]: expected an object"},
        {HEAD "{\"kind\":\"llm\",\"name\":\"n\",\"parents\":[]}]}", "stages[0].id: missing"},
        {HEAD "{\"id\":\"x\",\"name\":\"n\",\"parents\":[]}]}", "stages[0].kind: missing"},
        {HEAD "{\"id\":\"x\",\"kind\":\"gpu\",\"name\":\"n\",\"parents\":[]}]}",
         "stages[0].kind: expected \"llm\" or \"tool\""},
        {HEAD "{\"id\":\"x\",\"kind\":\"llm\",\"parents\":[]}]}", "stages[0].name: missing"},
        {HEAD "{\"id\":\"x\",\"kind\":\"llm\",\"name\":\"n\"}]}", "stages[0].parents: missing"},
        {HEAD STAGE("x", "n", "") "," STAGE("x", "n", "") "]}", "stages[1].id"},
        {HEAD STAGE("x", "n", ",\"prompt_tokens\":-1") "]}", "stages[0].prompt_tokens"},
        {HEAD STAGE("x", "n", ",\"prompt_tokens\":0.5") "]}", "stages[0].prompt_tokens"},
        {HEAD STAGE("x", "n", ",\"output_tokens\":\"9\"") "]}", "stages[0].output_tokens"},
        {HEAD STAGE("x", "n", ",\"output_tokens\":1e13") "]}", "stages[0].output_tokens"},
        {HEAD STAGE("x", "n", ",\"duration_s\":-0.1") "]}", "stages[0].duration_s"},
        {HEAD STAGE("x", "n", ",\"duration_s\":1e13") "]}", "stages[0].duration_s"},
        {HEAD STAGE("x", "n", ",\"samples\":0") "]}", "stages[0].samples"},
        {HEAD STAGE("x", "n", ",\"samples\":1.5") "]}", "stages[0].samples"},
        {HEAD STAGE("x", "n", ",\"model\":[]") "]}", "stages[0].model"},
        {HEAD "{\"id\":\"x\",\"kind\":\"llm\",\"name\":\"n\",\"parents\":[3]}]}",
         "stages[0].parents[0]: expected a string"},
        {HEAD "{\"id\":\"x\",\"kind\":\"llm\",\"name\":\"n\",\"parents\":[\"x\"]}]}",
         "stages[0].parents[0]: expected the id of an earlier stage"},
        {HEAD STAGE("y", "n", "") ",{\"id\":\"x\",\"kind\":\"llm\",\"name\":\"n\",\"parents\":["
                                  "\"y\",\"y\"]}]}",
         "stages[1].parents[1]: expected each parent once"},
    };
    for (size_t i = 0; i < LLS_COUNT(cases); i++) {
        llmsched_history *history = (llmsched_history *)&cases;
        llmsched_error err;
        char text[1024];
        /* Empty lines count; ids of earlier runs are no stages of this one. */
        snprintf(text, sizeof text, "\n%s\n%s\n", RUN_OF("z", "0", STAGE("x", "n", "")),
                 cases[i].line);
        assert_fails(LLMSCHED_ERROR_PARSE, cases[i].words, parse(*state, text, &history, &err),
                     err);
        if (err.line != 4)
            print_error("case %zu: line %llu\n", i, (unsigned long long)err.line);
        assert_int_equal(err.line, 4);
        assert_ptr_equal(history, &cases);
    }
}

static void refuses_a_job_twice(void **state)
{
    llmsched_history *history = NULL;
    llmsched_error err;
    assert_fails(LLMSCHED_ERROR_PARSE, "job:",
                 parse(*state,
                       RUN_OF("a", "1", STAGE("x", "n", "")) RUN_OF("a", "1", STAGE("x", "n", "")),
                       &history, &err),
                 err);
    assert_int_equal(err.line, 2);
    /* In two applications it is two jobs. */
    assert_ok(parse(*state,
                    RUN_OF("a", "1", STAGE("x", "n", "")) RUN_OF("b", "1", STAGE("x", "n", "")),
                    &history, &err),
              err);
    llmsched_history_release(history);
}

static void refuses_more_stages_than_allowed(void **state)
{
    (void)state;
    llmsched_context *context = NULL;
    llmsched_history *history = NULL;
    llmsched_error err = {.size = sizeof err};
    llmsched_context_options options = {.size = sizeof options, .max_stages = 2};
    assert_ok(llmsched_context_create(&options, &context, &err), err);
    const char *text =
        RUN_OF("a", "1", STAGE("x", "n", "") "," STAGE("y", "n", "") "," STAGE("z", "n", ""));
    assert_fails(LLMSCHED_ERROR_LIMIT, "max_stages", parse(context, text, &history, &err), err);
    assert_int_equal(err.line, 1);
    llmsched_context_destroy(context);
}

static void refuses_null_arguments(void **state)
{
    llmsched_history *history = NULL;
    llmsched_error err = {.size = sizeof err};
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_history_parse(NULL, "n", "", 0, NULL, &history, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_history_parse(*state, "n", NULL, 5, NULL, &history, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_history_parse(*state, "n", "", 0, NULL, NULL, &err), err);
    assert_int_equal(llmsched_history_parse(NULL, NULL, NULL, 0, NULL, NULL, NULL),
                     LLMSCHED_ERROR_INVALID);
    assert_int_equal(llmsched_history_count(NULL), 0);
    assert_null(llmsched_history_run(NULL, 0));
    llmsched_history_release(NULL);
    assert_null(llmsched_history_retain(NULL));
}

/* A job string with a line end or an odd byte stays inside a one-line message. */
static void messages_stay_one_line(void **state)
{
    llmsched_history *history = NULL;
    llmsched_error err;
    const char *text =
        HEAD "{\"id\":\"x\",\"kind\":\"llm\",\"name\":\"n\",\"parents\":[\"a\\nb\"]}]}";
    assert_status(LLMSCHED_ERROR_PARSE, parse(*state, text, &history, &err), err);
    assert_null(strchr(err.message, '\n'));
}

static void every_cut_is_refused_or_shorter(void **state)
{
    size_t length = strlen(TWO_STAGES) - 1;
    for (size_t cut = 0; cut < length; cut++) {
        llmsched_history *history = NULL;
        llmsched_error err = {.size = sizeof err};
        llmsched_status status =
            llmsched_history_parse(*state, "f", TWO_STAGES, cut, NULL, &history, &err);
        assert_int_equal(status, cut == 0 ? LLMSCHED_OK : LLMSCHED_ERROR_PARSE);
        llmsched_history_release(history);
    }
}

static void runs_outlive_other_holds(void **state)
{
    llmsched_history *history = NULL, *second;
    llmsched_error err;
    llmsched_context *context = make_context();
    (void)state;
    assert_ok(parse(context, TWO_STAGES, &history, &err), err);
    llmsched_context_destroy(context);
    second = llmsched_history_retain(history);
    assert_ptr_equal(second, history);
    llmsched_history_release(history);
    assert_string_equal(llmsched_history_run(second, 0)->stages[1].name, "run");
    llmsched_history_release(second);
}

static void survives_failing_memory(void **state)
{
    (void)state;
    const char *text = RUN_OF("a", "1", STAGE("x", "n", ",\"model\":\"m\""))
        RUN_OF("b", "2",
               STAGE("y", "n", "") ",{\"id\":\"z\",\"kind\":\"tool\",\"name\":\"k\","
                                   "\"parents\":[\"y\"]}");
    bool done = false;
    for (uint64_t fail_at = 1; !done; fail_at++) {
        struct failing failing = {.fail_at = fail_at};
        llmsched_allocator allocator = failing_allocator(&failing);
        llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
        llmsched_context *context = NULL;
        llmsched_history *history = NULL;
        llmsched_error err = {.size = sizeof err};
        llmsched_status status = llmsched_context_create(&options, &context, &err);
        if (status == LLMSCHED_OK)
            status =
                llmsched_history_parse(context, "file", text, strlen(text), NULL, &history, &err);
        done = failing.calls < fail_at;
        assert_int_equal(status, done ? LLMSCHED_OK : LLMSCHED_ERROR_MEMORY);
        assert_int_equal(history != NULL, done);
        llmsched_history_release(history);
        llmsched_context_destroy(context);
        assert_int_equal(failing.live, 0);
    }
}

static int set_up(void **state)
{
    *state = make_context();
    return 0;
}

static int tear_down(void **state)
{
    llmsched_context_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_run),
        cmocka_unit_test(names_are_optional),
        cmocka_unit_test(text_need_not_end),
        cmocka_unit_test(options_set_the_costs),
        cmocka_unit_test(samples_split_the_tokens),
        cmocka_unit_test(tool_durations_follow_the_vector),
        cmocka_unit_test(missing_tokens_take_the_median),
        cmocka_unit_test(missing_durations_are_drawn),
        cmocka_unit_test(models_of_stages_are_kept),
        cmocka_unit_test(refuses_bad_lines),
        cmocka_unit_test(refuses_a_job_twice),
        cmocka_unit_test(refuses_more_stages_than_allowed),
        cmocka_unit_test(refuses_null_arguments),
        cmocka_unit_test(messages_stay_one_line),
        cmocka_unit_test(every_cut_is_refused_or_shorter),
        cmocka_unit_test(runs_outlive_other_holds),
        cmocka_unit_test(survives_failing_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
