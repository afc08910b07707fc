/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executors as they are, through the public interface: pools by name, engines of several models
 * with their own curves and limits, running tasks as evidence, and all of them coming and going.
 * LLMSCHED_SEED sets the first seed.
 */
#include "context.h"
#include "runs.h"

#include "llmsched/scheduler.h"

#include <stdlib.h>

static llmsched_scheduler *make(const llmsched_policy *custom)
{
    llmsched_error err = {0};
    llmsched_scheduler *s = NULL;
    llmsched_scheduler_options options = {
        .size = sizeof options, .policy = custom == NULL ? "fcfs" : NULL, .custom = custom};
    assert_ok(llmsched_scheduler_create(context, &options, &s, &err), err);
    return s;
}

static llmsched_status post(llmsched_scheduler *s, llmsched_event event, llmsched_error *err)
{
    event.size = sizeof event;
    return llmsched_scheduler_post(s, &event, err);
}

static void up(llmsched_scheduler *s, uint64_t id, double time, llmsched_executor info)
{
    llmsched_error err = {0};
    info.size = sizeof info;
    assert_ok(post(s,
                   (llmsched_event){.type = LLMSCHED_EVENT_EXECUTOR_UP,
                                    .time_s = time,
                                    .executor = id,
                                    .executor_info = &info},
                   &err),
              err);
}

static void arrive(llmsched_scheduler *s, uint64_t job, const llmsched_profile *profile)
{
    llmsched_error err = {0};
    llmsched_job info = {.size = sizeof info, .profile = profile};
    assert_ok(
        post(s, (llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = job, .job_info = &info},
             &err),
        err);
}

static llmsched_status reveal(llmsched_scheduler *s, uint64_t job, uint32_t stage, double time,
                              llmsched_revealed_stage info, llmsched_error *err)
{
    info.size = sizeof info;
    return post(s,
                (llmsched_event){.type = LLMSCHED_EVENT_STAGE_REVEALED,
                                 .time_s = time,
                                 .job = job,
                                 .stage = stage,
                                 .stage_info = &info},
                err);
}

/* The executor that the next decision names; UINT64_MAX: there is none. */
static uint64_t next(llmsched_scheduler *s, double now, uint32_t *stage)
{
    llmsched_error err = {0};
    llmsched_decision d = {.size = sizeof d};
    llmsched_status status = llmsched_scheduler_next(s, now, &d, &err);
    if (status == LLMSCHED_NONE)
        return UINT64_MAX;
    assert_ok(status, err);
    *stage = d.stage;
    return d.executor;
}

/* --- pools ------------------------------------------------------------------------------------ */

/* A stage runs in the pool that it names, one that names none in those without a name; a model of
 * the same name is something else. */
static void test_pools_by_name(void **state)
{
    (void)state;
    static const struct {
        uint32_t kind;
        const char *model;
        uint64_t executor;
    } kinds[] = {{LLMSCHED_STAGE_REGULAR, "browser", 1},
                 {LLMSCHED_STAGE_REGULAR, NULL, 2},
                 {LLMSCHED_STAGE_REGULAR, "sandbox", 3},
                 {LLMSCHED_STAGE_LLM, "browser", 4},
                 {LLMSCHED_STAGE_LLM, NULL, 5}};
    llmsched_error err = {0};
    llmsched_scheduler *s = make(NULL);
    uint32_t stage = 0, started = 0;
    arrive(s, 9, NULL);
    for (uint32_t i = 0; i < LLS_COUNT(kinds); i++) {
        assert_ok(
            reveal(s, 9, i, 0,
                   (llmsched_revealed_stage){
                       .kind = kinds[i].kind, .name = "x", .model = kinds[i].model, .tasks = 3},
                   &err),
            err);
    }
    assert_true(next(s, 0, &stage) == UINT64_MAX);
    for (uint32_t i = 0; i < LLS_COUNT(kinds); i++) {
        up(s, kinds[i].executor, 0,
           (llmsched_executor){.kind = kinds[i].kind, .model = kinds[i].model, .capacity = 2});
        for (uint64_t e; (e = next(s, 0, &stage)) != UINT64_MAX; started++) {
            assert_int_equal(stage, i);
            assert_int_equal(e, kinds[i].executor);
        }
        assert_int_equal(started, 2 * (i + 1));
    }
    llmsched_scheduler_destroy(s);
}

static llmsched_status look_at_queues(void *user, const llmsched_view *view, uint64_t job,
                                      uint32_t stage, double *key)
{
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_queue_view queue = {.size = sizeof queue};
    llmsched_status status = llmsched_view_stage(view, job, stage, &at);
    if (status == LLMSCHED_OK)
        status = llmsched_view_queue(view, at.queue, &queue);
    if (status == LLMSCHED_OK && queue.model != NULL && at.model != NULL &&
        strcmp(queue.model, "browser") == 0 && strcmp(at.model, "browser") == 0 &&
        queue.kind == LLMSCHED_STAGE_REGULAR)
        ++*(uint32_t *)user;
    *key = 0;
    return status;
}

static void test_policies_see_pools(void **state)
{
    (void)state;
    llmsched_error err = {0};
    uint32_t seen = 0, stage = 0;
    llmsched_policy policy = {.size = sizeof policy, .user = &seen, .key = look_at_queues};
    llmsched_scheduler *s = make(&policy);
    llmsched_revealed_stage info = {
        .kind = LLMSCHED_STAGE_REGULAR, .name = "x", .model = "browser", .tasks = 1};
    arrive(s, 1, NULL);
    assert_ok(reveal(s, 1, 0, 0, info, &err), err);
    up(s, 1, 0,
       (llmsched_executor){.kind = LLMSCHED_STAGE_REGULAR, .model = "browser", .capacity = 1});
    assert_int_equal(next(s, 0, &stage), 1);
    assert_int_equal(seen, 1);
    llmsched_scheduler_destroy(s);
}

static void test_refusals(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make(NULL);
    arrive(s, 1, NULL);
    assert_fails(LLMSCHED_ERROR_INVALID, "dynamic stage has no model",
                 reveal(s, 1, 0, 0,
                        (llmsched_revealed_stage){
                            .kind = LLMSCHED_STAGE_DYNAMIC, .name = "x", .model = "browser"},
                        &err),
                 err);
    up(s, 7, 0, (llmsched_executor){.kind = LLMSCHED_STAGE_REGULAR, .model = "a", .capacity = 1});
    llmsched_executor other = {
        .size = sizeof other, .kind = LLMSCHED_STAGE_REGULAR, .model = "b", .capacity = 1};
    assert_fails(LLMSCHED_ERROR_INVALID, "may not change",
                 post(s,
                      (llmsched_event){.type = LLMSCHED_EVENT_EXECUTOR_CHANGED,
                                       .executor = 7,
                                       .executor_info = &other},
                      &err),
                 err);
    llmsched_scheduler_destroy(s);
}

/* A refused pool leaves no trace: it comes up when there is memory again. */
static llmsched_status pools(llmsched_context *c, llmsched_error *err)
{
    llmsched_scheduler *s = NULL;
    llmsched_scheduler_options options = {.size = sizeof options, .policy = "fcfs"};
    llmsched_status status = llmsched_scheduler_create(c, &options, &s, err);
    static const char *const names[] = {"browser", "sandbox", NULL, "browser"};
    for (uint32_t i = 0; status == LLMSCHED_OK && i < LLS_COUNT(names); i++) {
        llmsched_executor info = {
            .size = sizeof info, .kind = LLMSCHED_STAGE_REGULAR, .model = names[i], .capacity = 1};
        llmsched_event e = {
            .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor = i, .executor_info = &info};
        status = post(s, e, err);
        if (status == LLMSCHED_OK)
            continue;
        llmsched_error again = {0};
        assert_ok(post(s, e, &again), again);
    }
    llmsched_scheduler_destroy(s);
    return status;
}

/* --- engines -----------------------------------------------------------------------------------
 */

static llmsched_status note_done(void *user, const llmsched_view *view, uint64_t job,
                                 uint32_t stage, double *key)
{
    llmsched_job_view info = {.size = sizeof info};
    llmsched_status status = llmsched_view_job(view, job, &info);
    LLS_UNUSED(stage);
    *(double *)user = info.done_llm_s;
    *key = 0;
    return status;
}

/* Two models on engines that slow down otherwise, one of which gets another curve on the way. */
static void test_durations_by_each_curve(void **state)
{
    (void)state;
    static const double batch[] = {1, 2, 4}, gentle[] = {1, 1.1, 1.3}, steep[] = {1, 2, 5},
                        other[] = {1, 4, 4};
    llmsched_error err = {0};
    double done = -1;
    uint32_t stage = 0;
    llmsched_policy policy = {.size = sizeof policy, .user = &done, .key = note_done};
    llmsched_scheduler *s = make(&policy);
    llmsched_executor info = {.kind = LLMSCHED_STAGE_LLM,
                              .model = "a",
                              .capacity = 4,
                              .curve_count = 3,
                              .curve_batch = batch,
                              .curve_slowdown = gentle};
    up(s, 1, 0, info);
    info.model = "b";
    info.capacity = 3;
    info.curve_slowdown = steep;
    up(s, 2, 0, info);
    arrive(s, 1, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        llmsched_revealed_stage r = {
            .kind = LLMSCHED_STAGE_LLM, .name = "x", .model = i == 0 ? "a" : "b", .tasks = 4};
        assert_ok(reveal(s, 1, i, 0, r, &err), err);
    }
    for (uint32_t i = 0; i < 7; i++)
        assert_true(next(s, 0, &stage) == (stage == 0 ? 1u : 2u));
    assert_true(next(s, 0, &stage) == UINT64_MAX);
    /* 3 s among four at 1.3; 2 s among three at 3.5, then 2 s by the new curve at 4. */
    llmsched_event end = {.type = LLMSCHED_EVENT_TASK_FINISHED, .time_s = 3, .job = 1};
    assert_ok(post(s, end, &err), err);
    info.size = sizeof info;
    info.curve_slowdown = other;
    llmsched_event change = {.type = LLMSCHED_EVENT_EXECUTOR_CHANGED,
                             .time_s = 3,
                             .executor = 2,
                             .executor_info = &info};
    assert_ok(post(s, change, &err), err);
    end.stage = 1;
    end.time_s = 5;
    assert_ok(post(s, end, &err), err);
    assert_true(next(s, 5, &stage) == 2);
    assert_double_equal(done, 3 / 1.3 + 3 / 3.5 + 2 / 4.0, 1e-12);
    llmsched_scheduler_destroy(s);
}

/* Of all stages, so that it tells nothing. */
static const double PROMPT = 500;

static llmsched_profile *learned(void)
{
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *profile = NULL;
    lls_random random;
    struct test_run r;
    lls_random_seed(&random, 5);
    assert_ok(llmsched_profiler_create(context, "test", NULL, NULL, &profiler, &err), err);
    for (uint32_t i = 0; i < 200; i++) {
        test_run_draw(&r, &random);
        for (uint32_t k = 0; k < r.run.stage_count; k++)
            r.stages[k].prompt_tokens = r.stages[k].kind == LLMSCHED_STAGE_LLM ? PROMPT : 0;
        assert_ok(llmsched_profiler_observe(profiler, &r.run, &err), err);
    }
    assert_ok(llmsched_profiler_fit(profiler, &profile, &err), err);
    llmsched_profiler_destroy(profiler);
    return profile;
}

struct belief {
    llmsched_estimate network;
    double gittins;
};

static llmsched_status note_belief(void *user, const llmsched_view *view, uint64_t job,
                                   uint32_t stage, double *key)
{
    struct belief *b = user;
    LLS_UNUSED(stage);
    b->network = (llmsched_estimate){.size = sizeof b->network};
    llmsched_status status =
        llmsched_view_estimate(view, job, LLMSCHED_STAGE_LLM, LLMSCHED_BY_NETWORK, &b->network);
    if (status == LLMSCHED_OK)
        status = llmsched_view_gittins(view, job, LLMSCHED_BY_NETWORK, &b->gittins);
    *key = 0;
    return status;
}

/* What is believed of a job whose draft has run for so long on an engine that serves two such tasks
 * at a slowdown. */
static struct belief after(const llmsched_profile *profile, double seconds, double slowdown)
{
    const double batch[] = {1, 2}, curve[] = {slowdown, slowdown};
    llmsched_error err = {0};
    struct belief belief = {.gittins = -1};
    uint32_t stage = 0;
    llmsched_policy policy = {.size = sizeof policy, .user = &belief, .key = note_belief};
    llmsched_scheduler *s = make(&policy);
    up(s, 1, 0,
       (llmsched_executor){.kind = LLMSCHED_STAGE_LLM,
                           .capacity = 2,
                           .curve_count = 2,
                           .curve_batch = batch,
                           .curve_slowdown = curve});
    arrive(s, 1, profile);
    llmsched_revealed_stage draft = {.kind = LLMSCHED_STAGE_LLM,
                                     .name = "draft",
                                     .tasks = 1,
                                     .has_prompt = 1,
                                     .prompt_tokens = PROMPT};
    llmsched_revealed_stage news = {.kind = LLMSCHED_STAGE_REGULAR, .name = "news", .tasks = 1};
    assert_ok(reveal(s, 1, 0, 0, draft, &err), err);
    assert_true(next(s, 0, &stage) == 1);
    assert_ok(reveal(s, 1, 1, seconds, news, &err), err);
    assert_true(next(s, seconds, &stage) == UINT64_MAX);
    llmsched_scheduler_destroy(s);
    return belief;
}

/* Drafts take 1 to 2 s in easy runs and 4 to 5 in hard ones, which go on to repairs: one that has
 * been served 3 s tells which. 3 s on an engine at half speed are 1.5 and tell less. */
static void test_running_tasks_are_evidence(void **state)
{
    (void)state;
    llmsched_profile *profile = learned();
    struct belief fresh = after(profile, 0, 1), told = after(profile, 3, 1),
                  slow = after(profile, 3, 2), slower = after(profile, 6, 2);
    assert_true(told.network.mean_s > fresh.network.mean_s + 0.4);
    assert_true(slow.network.mean_s < told.network.mean_s - 0.2);
    assert_true(slow.network.mean_s > fresh.network.mean_s);
    assert_double_equal(slower.network.mean_s, told.network.mean_s, 1e-9);
    assert_double_equal(slower.gittins, told.gittins, 1e-9);
    /* At least what it has been served. */
    assert_true(told.network.lo_s >= 3 && fresh.network.lo_s < 2);
    llmsched_profile_release(profile);
}

/* --- coming and going
 * ----------------------------------------------------------------------------- */

enum { PLACES = 9, JOBS = 30, CHAIN = 4 };
static const char *const models[] = {NULL, "a", "b"};

struct churn {
    llmsched_scheduler *s;
    lls_random random;
    bool up[PLACES];
    uint32_t capacity[PLACES], load[PLACES];
    uint32_t done[JOBS];  /* stages of the chain */
    uint32_t where[JOBS]; /* place of the running one; PLACES: none */
    double now;
    uint64_t lost, failed;
};

/* Stage i of job j: kinds and names in turn. */
static uint32_t kind_of(uint32_t j, uint32_t i)
{
    return (j + i) % 2 == 0 ? LLMSCHED_STAGE_LLM : LLMSCHED_STAGE_REGULAR;
}

static uint32_t name_of(uint32_t j, uint32_t i)
{
    return (j + i) / 2 % 3;
}

/* Place p: three engines and three pools of several names, and one more of each name. */
static llmsched_executor place(struct churn *c, uint32_t p)
{
    return (llmsched_executor){.size = sizeof(llmsched_executor),
                               .kind = p % 2 == 0 ? LLMSCHED_STAGE_LLM : LLMSCHED_STAGE_REGULAR,
                               .model = models[p / 2 % 3],
                               .capacity = 1 + lls_random_below(&c->random, 3)};
}

static void change_place(struct churn *c, uint32_t p)
{
    llmsched_error err = {0};
    llmsched_executor info = place(c, p);
    uint32_t type = !c->up[p]                              ? LLMSCHED_EVENT_EXECUTOR_UP
                    : lls_random_uniform(&c->random) < 0.3 ? LLMSCHED_EVENT_EXECUTOR_CHANGED
                                                           : LLMSCHED_EVENT_EXECUTOR_DOWN;
    assert_ok(post(c->s,
                   (llmsched_event){
                       .type = type, .time_s = c->now, .executor = p, .executor_info = &info},
                   &err),
              err);
    c->up[p] = type != LLMSCHED_EVENT_EXECUTOR_DOWN;
    c->capacity[p] = info.capacity;
    for (uint32_t j = 0; !c->up[p] && j < JOBS; j++) {
        c->lost += c->where[j] == p;
        c->where[j] = c->where[j] == p ? PLACES : c->where[j];
    }
    c->load[p] = c->up[p] ? c->load[p] : 0;
}

static void reveal_next(struct churn *c, uint32_t j)
{
    llmsched_error err = {0};
    uint32_t i = c->done[j];
    llmsched_revealed_stage info = {
        .kind = kind_of(j, i), .name = "x", .model = models[name_of(j, i)], .tasks = 1};
    assert_ok(reveal(c->s, j, i, c->now, info, &err), err);
}

/* The running task of a job ends or fails. */
static void end_one(struct churn *c, uint32_t j)
{
    llmsched_error err = {0};
    bool fails = lls_random_uniform(&c->random) < 0.2;
    llmsched_event e = {.type = fails ? LLMSCHED_EVENT_TASK_FAILED : LLMSCHED_EVENT_TASK_FINISHED,
                        .time_s = c->now,
                        .job = j,
                        .stage = c->done[j]};
    assert_ok(post(c->s, e, &err), err);
    c->load[c->where[j]]--;
    c->where[j] = PLACES;
    c->failed += fails;
    if (fails)
        return;
    if (++c->done[j] < CHAIN) {
        reveal_next(c, j);
        return;
    }
    e.type = LLMSCHED_EVENT_JOB_FINISHED;
    assert_ok(post(c->s, e, &err), err);
}

static void start_all(struct churn *c)
{
    llmsched_error err = {0};
    llmsched_decision d = {.size = sizeof d};
    while (llmsched_scheduler_next(c->s, c->now, &d, &err) == LLMSCHED_OK) {
        uint32_t p = (uint32_t)d.executor, j = (uint32_t)d.job;
        assert_true(p < PLACES && c->up[p] && c->load[p] < c->capacity[p]);
        assert_int_equal(d.stage, c->done[j]);
        assert_int_equal(c->where[j], PLACES);
        assert_int_equal(p % 2 == 0, kind_of(j, d.stage) == LLMSCHED_STAGE_LLM);
        assert_int_equal(p / 2 % 3, name_of(j, d.stage));
        c->load[p]++;
        c->where[j] = p;
    }
}

/* Whether nothing waits that has room. */
static void check_nothing_waits(const struct churn *c)
{
    for (uint32_t j = 0; j < JOBS; j++) {
        for (uint32_t p = 0; c->done[j] < CHAIN && c->where[j] == PLACES && p < PLACES; p++) {
            bool fits = p % 2 == (kind_of(j, c->done[j]) != LLMSCHED_STAGE_LLM) &&
                        p / 2 % 3 == name_of(j, c->done[j]);
            assert_false(fits && c->up[p] && c->load[p] < c->capacity[p]);
        }
    }
}

static void churn(uint64_t seed, const char *policy, uint64_t *lost, uint64_t *failed)
{
    llmsched_error err = {0};
    struct churn c = {.now = 0};
    llmsched_scheduler_options options = {.size = sizeof options, .policy = policy};
    uint32_t left = JOBS;
    lls_random_seed(&c.random, seed);
    assert_ok(llmsched_scheduler_create(context, &options, &c.s, &err), err);
    for (uint32_t j = 0; j < JOBS; j++) {
        c.where[j] = PLACES;
        arrive(c.s, j, NULL);
        reveal_next(&c, j);
    }
    for (uint32_t step = 0; left > 0; step++) {
        assert_true(step < 100000);
        c.now += lls_random_uniform(&c.random);
        uint32_t j = lls_random_below(&c.random, JOBS);
        if (lls_random_uniform(&c.random) < 0.3)
            change_place(&c, lls_random_below(&c.random, PLACES));
        else if (c.where[j] < PLACES)
            end_one(&c, j);
        start_all(&c);
        check_nothing_waits(&c);
        left = 0;
        for (j = 0; j < JOBS; j++)
            left += c.done[j] < CHAIN;
    }
    *lost += c.lost;
    *failed += c.failed;
    llmsched_scheduler_destroy(c.s);
}

static void test_coming_and_going(void **state)
{
    (void)state;
    static const char *const policies[] = {
        "fcfs", "fair", "gittins", "llmsched:epsilon=0.5", "plas", "carbyne", "fair-share/fcfs"};
    const char *text = getenv("LLMSCHED_SEED");
    uint64_t first = text != NULL ? strtoull(text, NULL, 10) : 900, lost = 0, failed = 0;
    for (uint64_t i = 0; i < 70; i++) {
        print_message("seed %llu, %s\n", (unsigned long long)(first + i), policies[i % 7]);
        churn(first + i, policies[i % 7], &lost, &failed);
    }
    assert_true(lost > 500 && failed > 500);
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(pools) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pools_by_name),
        cmocka_unit_test(test_policies_see_pools),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_durations_by_each_curve),
        cmocka_unit_test(test_running_tasks_are_evidence),
        cmocka_unit_test(test_coming_and_going),
        cmocka_unit_test(test_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
