/* SPDX-License-Identifier: Apache-2.0 */
/* What the scheduler believes of a job: the forecasts of a quantifier that follows the same job. */
#include "context.h"
#include "runs.h"

#include "schedule/internal.h"

enum { METHODS = LLMSCHED_BY_FOREST, RESOURCES = 3 };
static const uint32_t KINDS[RESOURCES] = {LLMSCHED_STAGE_LLM, LLMSCHED_STAGE_REGULAR, 0};

/* A policy that notes every estimate of the job it is asked about last. */
struct notes {
    llmsched_estimate estimates[METHODS][RESOURCES];
    uint32_t calls;
};

static llmsched_status note(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                            double *key)
{
    struct notes *notes = user;
    llmsched_status status = LLMSCHED_OK;
    (void)stage;
    for (uint32_t i = 0; i < METHODS * RESOURCES && status == LLMSCHED_OK; i++) {
        llmsched_estimate *e = &notes->estimates[i / RESOURCES][i % RESOURCES];
        *e = (llmsched_estimate){.size = sizeof *e};
        status = llmsched_view_estimate(view, job, KINDS[i % RESOURCES], 1 + i / RESOURCES, e);
    }
    notes->calls++;
    *key = 0;
    return status;
}

/* A scheduler with one engine, and beside it what follows its only job. */
struct world {
    llmsched_profile *profile;
    llmsched_scheduler *scheduler;
    llmsched_quantifier *quantifier;
    llmsched_progress *progress;
    struct notes notes;
    double now;
};

static llmsched_status post(struct world *w, llmsched_event event, llmsched_error *err)
{
    event.size = sizeof event;
    event.time_s = w->now;
    event.job = 1;
    return llmsched_scheduler_post(w->scheduler, &event, err);
}

static void executor(struct world *w, uint64_t id, uint32_t kind)
{
    llmsched_error err = {0};
    llmsched_executor info = {.size = sizeof info, .kind = kind, .capacity = 8};
    assert_ok(post(w,
                   (llmsched_event){
                       .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor = id, .executor_info = &info},
                   &err),
              err);
}

/* Takes the profile over. */
static void world_create(struct world *w, llmsched_profile *profile)
{
    llmsched_error err = {0};
    *w = (struct world){.profile = profile};
    llmsched_policy policy = {.size = sizeof policy, .user = &w->notes, .key = note};
    llmsched_scheduler_options options = {.size = sizeof options, .custom = &policy};
    llmsched_job job = {.size = sizeof job, .profile = profile};
    assert_ok(llmsched_scheduler_create(context, &options, &w->scheduler, &err), err);
    assert_ok(llmsched_quantifier_create(profile, NULL, &w->quantifier, &err), err);
    assert_ok(llmsched_progress_create(profile, &w->progress, &err), err);
    executor(w, 1, LLMSCHED_STAGE_LLM);
    executor(w, 2, LLMSCHED_STAGE_REGULAR);
    assert_ok(post(w, (llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job_info = &job}, &err),
              err);
}

static void world_destroy(struct world *w)
{
    llmsched_scheduler_destroy(w->scheduler);
    llmsched_progress_destroy(w->progress);
    llmsched_quantifier_destroy(w->quantifier);
    llmsched_profile_release(w->profile);
}

static llmsched_profile *fitted(void)
{
    llmsched_error err = {0};
    llmsched_profile *profile = NULL;
    assert_ok(test_profile(context, 5, 200, NULL, &profile, &err), err);
    return profile;
}

static void reveal(struct world *w, uint32_t number, uint32_t kind, const char *name,
                   uint32_t tasks, double prompt)
{
    llmsched_error err = {0};
    llmsched_revealed_stage info = {.size = sizeof info,
                                    .kind = kind,
                                    .name = name,
                                    .tasks = tasks,
                                    .has_prompt = prompt > 0,
                                    .prompt_tokens = prompt};
    assert_ok(post(w,
                   (llmsched_event){
                       .type = LLMSCHED_EVENT_STAGE_REVEALED, .stage = number, .stage_info = &info},
                   &err),
              err);
    assert_ok(llmsched_progress_reveal(w->progress, &info, NULL, &err), err);
}

/* Everything that is ready starts; the policy looks. */
static void start(struct world *w)
{
    llmsched_error err = {0};
    llmsched_decision d = {.size = sizeof d};
    llmsched_status status = LLMSCHED_OK;
    while (status == LLMSCHED_OK)
        status = llmsched_scheduler_next(w->scheduler, w->now, &d, &err);
    assert_status(LLMSCHED_NONE, status, err);
}

/* output under 0: not told. */
static llmsched_status finish(struct world *w, uint32_t stage, uint32_t task, double alone,
                              double output, llmsched_error *err)
{
    return post(w,
                (llmsched_event){.type = LLMSCHED_EVENT_TASK_FINISHED,
                                 .stage = stage,
                                 .task = task,
                                 .flags = LLMSCHED_EVENT_HAS_ALONE |
                                          (output >= 0 ? LLMSCHED_EVENT_HAS_OUTPUT : 0),
                                 .alone_s = alone,
                                 .output_tokens = output},
                err);
}

/* --- estimates -------------------------------------------------------------------------------- */

static double forecast(struct world *w, uint32_t kind, uint32_t method)
{
    llmsched_error err = {0};
    double mean = -1;
    assert_ok(llmsched_quantifier_set_progress(w->quantifier, w->progress, &err), err);
    assert_ok(llmsched_quantifier_forecast(w->quantifier, kind, method, NULL, 0, NULL, &mean, &err),
              err);
    return mean;
}

static void compare(struct world *w)
{
    for (uint32_t m = 0; m < METHODS; m++) {
        const llmsched_estimate *e = w->notes.estimates[m];
        double llm = forecast(w, LLMSCHED_STAGE_LLM, m + 1);
        double tool = forecast(w, LLMSCHED_STAGE_REGULAR, m + 1);
        assert_double_equal(e[0].mean_s, llm, 0);
        assert_double_equal(e[1].mean_s, tool, 0);
        assert_double_equal(e[2].mean_s, llm + tool, 0);
        for (uint32_t r = 0; r < RESOURCES; r++) {
            if (m + 1 == LLMSCHED_BY_NETWORK)
                assert_true(e[r].lo_s <= e[r].mean_s && e[r].mean_s <= e[r].hi_s);
            else
                assert_true(e[r].lo_s == e[r].mean_s && e[r].hi_s == e[r].mean_s);
        }
        assert_double_equal(e[2].lo_s, e[0].lo_s + e[1].lo_s, 0);
        assert_double_equal(e[2].hi_s, e[0].hi_s + e[1].hi_s, 0);
    }
}

static void test_estimates_are_the_forecasts(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct world w;
    world_create(&w, fitted());
    reveal(&w, 0, LLMSCHED_STAGE_LLM, "draft", 2, 900);
    start(&w);
    compare(&w);
    w.now = 3;
    assert_ok(finish(&w, 0, 1, 2, 150, &err), err);
    assert_ok(finish(&w, 0, 0, 2.5, 250, &err), err);
    assert_ok(llmsched_progress_end(w.progress, 0, 4.5, 400, &err), err);
    reveal(&w, 1, LLMSCHED_STAGE_REGULAR, "check", 1, 0);
    reveal(&w, 2, LLMSCHED_STAGE_LLM, "never seen", 1, 80);
    uint32_t before = w.notes.calls;
    start(&w);
    assert_true(w.notes.calls > before);
    compare(&w);
    world_destroy(&w);
}

/* Stages that the template lacks are certain to come: they lift the range, not its width. */
static void test_a_range_counts_strangers(void **state)
{
    (void)state;
    struct world w;
    world_create(&w, fitted());
    reveal(&w, 0, LLMSCHED_STAGE_LLM, "draft", 1, 900);
    start(&w);
    llmsched_estimate without = w.notes.estimates[LLMSCHED_BY_NETWORK - 1][0];
    reveal(&w, 1, LLMSCHED_STAGE_LLM, "never seen", 1, 10);
    start(&w);
    llmsched_estimate with = w.notes.estimates[LLMSCHED_BY_NETWORK - 1][0];
    assert_double_equal(with.hi_s - without.hi_s, w.profile->mean_stage_s[LLMSCHED_STAGE_LLM],
                        1e-9);
    world_destroy(&w);
}

/* Loaded from a file of a version without trees: history answers in their place. */
static void test_a_profile_without_trees(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct world w;
    llmsched_text *text = NULL;
    llmsched_profile *whole = fitted(), *bare = NULL;
    assert_ok(llmsched_profile_to_json(whole, &text, &err), err);
    char *key = strstr((char *)(uintptr_t)llmsched_text_data(text), "\"progress\"");
    key[1] = 'P';
    assert_ok(llmsched_profile_from_json(context, llmsched_text_data(text),
                                         llmsched_text_length(text), &bare, &err),
              err);
    llmsched_text_destroy(text);
    llmsched_profile_release(whole);
    world_create(&w, bare);
    reveal(&w, 0, LLMSCHED_STAGE_LLM, "draft", 1, 900);
    start(&w);
    for (uint32_t r = 0; r < RESOURCES; r++) {
        double history = w.notes.estimates[LLMSCHED_BY_HISTORY - 1][r].mean_s;
        assert_true(history > 0);
        assert_double_equal(w.notes.estimates[LLMSCHED_BY_TREE - 1][r].mean_s, history, 0);
        assert_double_equal(w.notes.estimates[LLMSCHED_BY_FOREST - 1][r].mean_s, history, 0);
        assert_true(w.notes.estimates[LLMSCHED_BY_NETWORK - 1][r].mean_s != history);
    }
    world_destroy(&w);
}

/* --- output tokens ------------------------------------------------------------------------------
 */

static const lls_headway *headway_of(const struct world *w)
{
    return &lls_job_find(w->scheduler, 1)->progress->headway;
}

/* A stage whose tasks did not all tell is one that did not tell. */
static void test_output_tokens(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct world w;
    world_create(&w, fitted());
    reveal(&w, 0, LLMSCHED_STAGE_LLM, "draft", 2, 900);
    reveal(&w, 1, LLMSCHED_STAGE_LLM, "repair", 2, 500);
    reveal(&w, 2, LLMSCHED_STAGE_LLM, "repair", 1, 500);
    start(&w);
    assert_ok(finish(&w, 0, 0, 1, 30, &err), err);
    assert_int_equal(headway_of(&w)->ended_llm, 0);
    assert_ok(finish(&w, 0, 1, 1, 12, &err), err);
    assert_double_equal(headway_of(&w)->last_output, 42, 0);
    assert_double_equal(headway_of(&w)->first_output, 42, 0);
    assert_ok(finish(&w, 1, 0, 1, 30, &err), err);
    assert_ok(finish(&w, 1, 1, 1, -1, &err), err);
    assert_double_equal(headway_of(&w)->last_output, -1, 0);
    assert_ok(finish(&w, 2, 0, 1, 0, &err), err);
    assert_double_equal(headway_of(&w)->last_output, 0, 0);
    assert_double_equal(headway_of(&w)->outputs, 42, 0);
    assert_int_equal(headway_of(&w)->known_outputs, 2);
    world_destroy(&w);
}

static void test_bad_output_tokens_change_nothing(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct world w;
    static const double bad[] = {NAN, INFINITY, -1};
    world_create(&w, fitted());
    reveal(&w, 0, LLMSCHED_STAGE_LLM, "draft", 1, 900);
    start(&w);
    for (uint32_t i = 0; i < LLS_COUNT(bad); i++) {
        llmsched_event e = {.type = LLMSCHED_EVENT_TASK_FINISHED,
                            .flags = LLMSCHED_EVENT_HAS_OUTPUT,
                            .output_tokens = bad[i]};
        assert_fails(LLMSCHED_ERROR_INVALID, "output_tokens", post(&w, e, &err), err);
        assert_int_equal(headway_of(&w)->ended_llm, 0);
    }
    /* Without the flag the field is not looked at. */
    llmsched_event e = {.type = LLMSCHED_EVENT_TASK_FINISHED, .output_tokens = NAN};
    assert_ok(post(&w, e, &err), err);
    assert_int_equal(headway_of(&w)->ended_llm, 1);
    assert_double_equal(headway_of(&w)->last_output, -1, 0);
    world_destroy(&w);
}

/* --- failing allocations
 * -------------------------------------------------------------------------- */

/* Posts until it is taken; a refused event must have left nothing behind. */
static void insist(llmsched_scheduler *s, llmsched_event event, struct failing *failing)
{
    llmsched_error err = {0};
    event.size = sizeof event;
    event.job = 1;
    llmsched_status status = llmsched_scheduler_post(s, &event, &err);
    if (failing->calls >= failing->fail_at && status == LLMSCHED_ERROR_MEMORY)
        status = llmsched_scheduler_post(s, &event, &err);
    assert_ok(status, err);
}

static void insist_on_stages(llmsched_scheduler *s, struct failing *failing)
{
    for (uint32_t i = 0; i < 20; i++) {
        llmsched_revealed_stage info = {.size = sizeof info,
                                        .kind = 1 + i % 2,
                                        .name = i % 2 == 0 ? "repair" : "check",
                                        .prompt_tokens = i,
                                        .has_prompt = 1};
        insist(s,
               (llmsched_event){
                   .type = LLMSCHED_EVENT_STAGE_REVEALED, .stage = i, .stage_info = &info},
               failing);
    }
}

/* Decisions that could not be made are made when they are asked for again. */
static uint32_t start_all(llmsched_scheduler *s)
{
    llmsched_error err = {0};
    llmsched_decision d = {.size = sizeof d};
    uint32_t decisions = 0, refusals = 0;
    for (;;) {
        llmsched_status status = llmsched_scheduler_next(s, 0, &d, &err);
        decisions += status == LLMSCHED_OK;
        refusals += status == LLMSCHED_ERROR_MEMORY;
        assert_true(refusals <= 1);
        if (status == LLMSCHED_NONE)
            return decisions;
    }
}

/* One allocation fails; the job ends as if none had. */
static void live_through(const llmsched_profile *profile, llmsched_context *c,
                         struct failing *failing)
{
    llmsched_error err = {0};
    llmsched_scheduler *s = NULL;
    llmsched_scheduler_options options = {.size = sizeof options, .policy = "srtf"};
    llmsched_job job = {.size = sizeof job, .profile = profile};
    llmsched_executor info = {.size = sizeof info, .kind = LLMSCHED_STAGE_LLM, .capacity = 64};
    if (llmsched_scheduler_create(c, &options, &s, &err) != LLMSCHED_OK)
        return;
    insist(s, (llmsched_event){.type = LLMSCHED_EVENT_EXECUTOR_UP, .executor_info = &info},
           failing);
    insist(s, (llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job_info = &job}, failing);
    insist_on_stages(s, failing);
    assert_int_equal(start_all(s), 10);
    for (uint32_t i = 0; i < 20; i += 2)
        insist(s,
               (llmsched_event){.type = LLMSCHED_EVENT_TASK_FINISHED,
                                .flags = LLMSCHED_EVENT_HAS_OUTPUT,
                                .stage = i,
                                .output_tokens = i},
               failing);
    const lls_headway *t = &lls_job_find(s, 1)->progress->headway;
    assert_int_equal(t->count, 20);
    assert_int_equal(t->ended_llm, 10);
    assert_int_equal(t->pending_tool, 10);
    assert_double_equal(t->outputs, 90, 0);
    llmsched_scheduler_destroy(s);
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct failing failing = {0};
    llmsched_allocator allocator = failing_allocator(&failing);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *c = NULL;
    llmsched_profile *profile = NULL;
    assert_ok(llmsched_context_create(&options, &c, &err), err);
    assert_ok(test_profile(c, 5, 40, NULL, &profile, &err), err);
    int64_t live = failing.live;
    uint64_t n = 0;
    do {
        failing.calls = 0;
        failing.fail_at = ++n;
        live_through(profile, c, &failing);
        assert_int_equal(failing.live, live);
    } while (failing.calls >= failing.fail_at);
    assert_true(n > 50);
    llmsched_profile_release(profile);
    llmsched_context_destroy(c);
    assert_int_equal(failing.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_estimates_are_the_forecasts),
        cmocka_unit_test(test_a_range_counts_strangers),
        cmocka_unit_test(test_a_profile_without_trees),
        cmocka_unit_test(test_output_tokens),
        cmocka_unit_test(test_bad_output_tokens_change_nothing),
        cmocka_unit_test(test_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
