/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built-in policies, whose queues keep bunches and ranges, beside slow twins: policies of a
 * caller's own, for which every ready stage stands alone, that look through all of them. Both see
 * the same stormy events and must decide alike. And: what has been seen before takes no new memory.
 */
#include "context.h"
#include "runs.h"
#include "sized.h"

#include "llmsched/scheduler.h"

#include <math.h>

/* --- slow twins ------------------------------------------------------------------------- */

typedef struct twin {
    double epsilon, r;
    uint32_t method;
} twin;

static llmsched_status by_arrival(void *user, const llmsched_view *view, uint64_t job,
                                  uint32_t stage, double *key)
{
    llmsched_job_view info = {.size = sizeof info};
    llmsched_status status = llmsched_view_job(view, job, &info);
    LLS_UNUSED(user);
    LLS_UNUSED(stage);
    *key = info.arrival_s;
    return status;
}

/* As at the event, not as at the first exploration after it. */
static llmsched_status by_remaining(void *user, const llmsched_view *view, uint64_t job,
                                    uint32_t stage, double *key)
{
    const twin *t = user;
    double reduction = 0;
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_estimate estimate = {.size = sizeof estimate};
    llmsched_status status = llmsched_view_stage(view, job, stage, &at);
    if (status == LLMSCHED_OK)
        status = llmsched_view_estimate(view, job, at.kind, t->method, &estimate);
    if (status == LLMSCHED_OK)
        status = llmsched_view_reduction(view, job, stage, &reduction);
    *key = estimate.mean_s;
    return status;
}

static llmsched_status by_gittins(void *user, const llmsched_view *view, uint64_t job,
                                  uint32_t stage, double *key)
{
    LLS_UNUSED(user);
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_estimate estimate = {.size = sizeof estimate};
    llmsched_status status = llmsched_view_stage(view, job, stage, &at);
    if (status == LLMSCHED_OK && at.kind == LLMSCHED_STAGE_LLM)
        return llmsched_view_gittins(view, job, LLMSCHED_BY_FOREST, key);
    if (status == LLMSCHED_OK)
        status = llmsched_view_estimate(view, job, at.kind, LLMSCHED_BY_FOREST, &estimate);
    *key = estimate.mean_s;
    return status;
}

typedef struct candidate {
    double lo, hi, mean, arrival, reduction;
    uint64_t job;
    uint32_t stage, tasks;
} candidate;

static int by_range(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->lo != y->lo)
        return x->lo < y->lo ? -1 : 1;
    if (x->hi != y->hi)
        return x->hi < y->hi ? -1 : 1;
    if (x->job != y->job)
        return x->job < y->job ? -1 : 1;
    return x->stage < y->stage ? -1 : x->stage > y->stage;
}

static bool more_telling(const candidate *x, const candidate *y)
{
    if (x->reduction != y->reduction)
        return x->reduction > y->reduction;
    if (x->mean != y->mean)
        return x->mean < y->mean;
    if (x->arrival != y->arrival)
        return x->arrival < y->arrival;
    return x->job != y->job ? x->job < y->job : x->stage < y->stage;
}

enum { MOST = 4096 };

static uint32_t collect(const twin *t, const llmsched_view *view, uint32_t queue,
                        candidate *candidates)
{
    uint32_t n = 0;
    candidate c = {0};
    while (llmsched_view_ready(view, queue, n, &c.job, &c.stage) == LLMSCHED_OK) {
        llmsched_stage_view stage = {.size = sizeof stage};
        llmsched_job_view job = {.size = sizeof job};
        llmsched_estimate e = {.size = sizeof e};
        assert_int_equal(llmsched_view_stage(view, c.job, c.stage, &stage), LLMSCHED_OK);
        assert_int_equal(llmsched_view_job(view, c.job, &job), LLMSCHED_OK);
        assert_int_equal(llmsched_view_estimate(view, c.job, stage.kind, t->method, &e),
                         LLMSCHED_OK);
        assert_int_equal(llmsched_view_reduction(view, c.job, c.stage, &c.reduction), LLMSCHED_OK);
        c = (candidate){e.lo_s,      e.hi_s, e.mean_s, job.arrival_s,
                        c.reduction, c.job,  c.stage,  stage.ready};
        assert_true(n < MOST);
        candidates[n++] = c;
    }
    return n;
}

/* Algorithm 1 word for word: groups in order, in the first with some R > 0 the greatest. */
static llmsched_status explore_or_least(void *user, const llmsched_view *view, uint32_t queue,
                                        llmsched_choice *choice)
{
    static candidate all[MOST];
    const twin *t = user;
    const candidate *best = NULL;
    uint32_t n = collect(t, view, queue, all), tasks = 0;
    llmsched_queue_view info = {.size = sizeof info};
    assert_int_equal(llmsched_view_queue(view, queue, &info), LLMSCHED_OK);
    assert_int_equal(info.ready, n);
    for (uint32_t i = 0; i < n; i++)
        tasks += all[i].tasks;
    bool fits = info.capacity >= info.running && tasks <= info.capacity - info.running;
    choice->tasks = 0;
    if (fits || llmsched_view_random(view) >= t->epsilon)
        return llmsched_view_head(view, queue, &choice->job, &choice->stage);
    qsort(all, n, sizeof *all, by_range);
    double highest = -INFINITY;
    for (uint32_t i = 0; i < n && (best == NULL || all[i].lo <= highest); i++) {
        highest = fmax(highest, all[i].hi);
        if (all[i].reduction > 0 && (best == NULL || more_telling(&all[i], best)))
            best = &all[i];
    }
    if (best == NULL)
        return llmsched_view_head(view, queue, &choice->job, &choice->stage);
    choice->job = best->job;
    choice->stage = best->stage;
    choice->tasks = (uint32_t)fmax(1, ceil(t->r * best->tasks));
    return LLMSCHED_OK;
}

/* Whether a may go before b under fair shares. */
static bool fairer(bool over_a, const candidate *a, bool over_b, const candidate *b)
{
    if (over_a != over_b)
        return over_b;
    if (a->arrival != b->arrival)
        return a->arrival < b->arrival;
    return a->job != b->job ? a->job < b->job : a->stage < b->stage;
}

static llmsched_status share_fairly(void *user, const llmsched_view *view, uint32_t queue,
                                    llmsched_choice *choice)
{
    LLS_UNUSED(user);
    candidate best = {0}, c = {0};
    bool best_over = false, found = false;
    uint64_t owner = 0;
    uint32_t jobs = llmsched_view_job_count(view), freed = 0;
    llmsched_queue_view info = {.size = sizeof info};
    assert_int_equal(llmsched_view_queue(view, queue, &info), LLMSCHED_OK);
    uint32_t share = (info.capacity + jobs - 1) / jobs;
    bool kept = llmsched_view_freed(view, queue, freed, &owner) == LLMSCHED_OK;
    /* First for the owners of freed places in turn, then for all. */
    for (;;) {
        for (uint32_t i = 0; llmsched_view_ready(view, queue, i, &c.job, &c.stage) == LLMSCHED_OK;
             i++) {
            llmsched_job_view job = {.size = sizeof job};
            assert_int_equal(llmsched_view_job(view, c.job, &job), LLMSCHED_OK);
            bool llm = info.kind == LLMSCHED_STAGE_LLM;
            bool over = (llm ? job.running_llm : job.running_tool) >= share;
            c.arrival = job.arrival_s;
            if ((kept && (c.job != owner || over)) ||
                (found && !fairer(over, &c, best_over, &best)))
                continue;
            best = c;
            best_over = over;
            found = true;
        }
        if (found)
            break;
        kept = kept && llmsched_view_freed(view, queue, ++freed, &owner) == LLMSCHED_OK;
    }
    choice->job = best.job;
    choice->stage = best.stage;
    choice->tasks = 1;
    return LLMSCHED_OK;
}

/* --- a storm of events -------------------------------------------------------------------- */

enum { LIVE = 24, STAGES = 40, RUNNING = 64, ENGINES = 3 };

struct live {
    bool on, profiled;
    uint32_t numbers[STAGES], tasks[STAGES], parents[STAGES], count;
    uint32_t left[STAGES];
};

struct storm {
    llmsched_scheduler *s[2]; /* the second may be NULL */
    const llmsched_profile *profile;
    lls_random random;
    double time;
    struct live jobs[LIVE];
    llmsched_decision running[RUNNING];
    uint32_t running_count;
    bool engine_down[ENGINES];
};

static void post(struct storm *w, llmsched_event *e)
{
    llmsched_error err = {0};
    e->size = sizeof *e;
    e->time_s = w->time;
    for (uint32_t k = 0; k < 2 && w->s[k] != NULL; k++)
        assert_ok(llmsched_scheduler_post(w->s[k], e, &err), err);
}

static void engine(struct storm *w, uint32_t e, bool up)
{
    llmsched_executor info = {.size = sizeof info,
                              .kind = e < 2 ? LLMSCHED_STAGE_LLM : LLMSCHED_STAGE_REGULAR,
                              .model = e == 1 ? "b" : NULL,
                              .capacity = 2 + 2 * e};
    w->engine_down[e] = !up;
    post(w,
         &(llmsched_event){.type = up ? LLMSCHED_EVENT_EXECUTOR_UP : LLMSCHED_EVENT_EXECUTOR_DOWN,
                           .executor = e,
                           .executor_info = up ? &info : NULL});
    for (uint32_t i = w->running_count; !up && i-- > 0;) {
        if (w->running[i].executor == e)
            w->running[i] = w->running[--w->running_count];
    }
}

static void arrive(struct storm *w, uint32_t j)
{
    llmsched_job info = {.size = sizeof info, .given_mean_s = j % 5};
    w->jobs[j] = (struct live){.on = true, .profiled = lls_random_below(&w->random, 5) > 0};
    info.profile = w->jobs[j].profiled ? w->profile : NULL;
    post(w, &(llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = j, .job_info = &info});
}

static void reveal(struct storm *w, uint32_t j)
{
    static const char *const names[] = {"draft", "check", "repair", "check", "a stranger"};
    struct live *job = &w->jobs[j];
    uint32_t i = job->count, name = lls_random_below(&w->random, 5);
    if (i == STAGES)
        return;
    bool tool = name == 1 || name == 3, dynamic = lls_random_below(&w->random, 12) == 0;
    job->numbers[i] = (i * 7919u) % 64; /* not in the order of revealing */
    job->tasks[i] = job->left[i] = dynamic ? 0 : 1 + lls_random_below(&w->random, 3);
    llmsched_revealed_stage info = {
        .size = sizeof info,
        .kind = dynamic ? LLMSCHED_STAGE_DYNAMIC
                : tool  ? LLMSCHED_STAGE_REGULAR
                        : LLMSCHED_STAGE_LLM,
        .name = names[name],
        .parents = i > 0 ? &job->numbers[lls_random_below(&w->random, i)] : NULL,
        .parent_count = i > 0 && lls_random_below(&w->random, 3) == 0,
        .tasks = job->tasks[i],
        .has_prompt = !tool && !dynamic,
        .prompt_tokens = 100 * lls_random_below(&w->random, 9)};
    if (info.kind == LLMSCHED_STAGE_LLM && lls_random_below(&w->random, 3) == 0)
        info.model = "b";
    job->count++;
    post(w, &(llmsched_event){.type = LLMSCHED_EVENT_STAGE_REVEALED,
                              .job = j,
                              .stage = job->numbers[i],
                              .stage_info = &info});
}

static void end_task(struct storm *w)
{
    uint32_t at = lls_random_below(&w->random, w->running_count), i = 0;
    llmsched_decision d = w->running[at];
    struct live *job = &w->jobs[d.job];
    bool fails = lls_random_below(&w->random, 8) == 0;
    w->running[at] = w->running[--w->running_count];
    while (job->numbers[i] != d.stage)
        i++;
    job->left[i] -= !fails;
    post(w, &(llmsched_event){.type =
                                  fails ? LLMSCHED_EVENT_TASK_FAILED : LLMSCHED_EVENT_TASK_FINISHED,
                              .job = d.job,
                              .stage = d.stage,
                              .task = d.task});
}

static void go(struct storm *w, uint32_t j)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < w->jobs[j].count; i++)
        left += w->jobs[j].left[i];
    w->jobs[j].on = false;
    for (uint32_t i = w->running_count; i-- > 0;) {
        if (w->running[i].job == j)
            w->running[i] = w->running[--w->running_count];
    }
    post(w, &(llmsched_event){.type = left > 0 ? LLMSCHED_EVENT_JOB_CANCELLED
                                               : LLMSCHED_EVENT_JOB_FINISHED,
                              .job = j});
}

static void decide(struct storm *w)
{
    for (;;) {
        llmsched_error err = {0};
        llmsched_decision d = {.size = sizeof d}, e = {.size = sizeof e};
        llmsched_status status = llmsched_scheduler_next(w->s[0], w->time, &d, &err);
        if (status != LLMSCHED_NONE)
            assert_ok(status, err);
        if (w->s[1] != NULL) {
            assert_status(status, llmsched_scheduler_next(w->s[1], w->time, &e, &err), err);
            assert_memory_equal(&d, &e, sizeof d);
        }
        if (status == LLMSCHED_NONE)
            return;
        assert_true(w->running_count < RUNNING);
        w->running[w->running_count++] = d;
    }
}

static void happen(struct storm *w)
{
    uint32_t j = lls_random_below(&w->random, LIVE), what = lls_random_below(&w->random, 100);
    if (what < 2)
        engine(w, what, w->engine_down[what]);
    else if (!w->jobs[j].on)
        arrive(w, j);
    else if (what < 4 || w->jobs[j].count == STAGES)
        go(w, j);
    else if (what < 45)
        reveal(w, j);
    else if (w->running_count > 0)
        end_task(w);
}

/* From nothing to nothing; times are whole parts of 64, so that later storms are exactly alike. */
static void rage(struct storm *w, uint64_t seed, uint32_t steps)
{
    lls_random_seed(&w->random, seed);
    for (uint32_t e = 0; e < ENGINES; e++)
        engine(w, e, true);
    for (uint32_t i = 0; i < steps; i++) {
        w->time += lls_random_below(&w->random, 4) / 64.0;
        happen(w);
        if (lls_random_below(&w->random, 3) > 0)
            decide(w);
    }
    for (uint32_t j = 0; j < LIVE; j++) {
        if (w->jobs[j].on)
            go(w, j);
    }
    for (uint32_t e = 0; e < ENGINES; e++) {
        if (!w->engine_down[e])
            engine(w, e, false);
    }
    w->time = floor(w->time) + 1;
}

/* --- the tests ------------------------------------------------------------------------------ */

static llmsched_profile *learn(llmsched_context *c)
{
    llmsched_error err = {0};
    llmsched_profile *profile = NULL;
    assert_ok(test_profile(c, 11, 120, NULL, &profile, &err), err);
    return profile;
}

static llmsched_scheduler *make(llmsched_context *c, const char *policy,
                                const llmsched_policy *custom)
{
    llmsched_error err = {0};
    llmsched_scheduler *s = NULL;
    llmsched_scheduler_options options = {
        .size = sizeof options, .policy = policy, .custom = custom, .seed = 5};
    assert_ok(llmsched_scheduler_create(c, &options, &s, &err), err);
    return s;
}

static void same_decisions(const char *policy, const llmsched_policy *slow)
{
    llmsched_profile *profile = learn(context);
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct storm w = {.profile = profile};
        print_message("%s, seed %llu\n", policy, (unsigned long long)seed);
        w.s[0] = make(context, policy, NULL);
        w.s[1] = make(context, NULL, slow);
        rage(&w, seed, 1500);
        llmsched_scheduler_destroy(w.s[0]);
        llmsched_scheduler_destroy(w.s[1]);
    }
    llmsched_profile_release(profile);
}

static void test_bunches(void **state)
{
    (void)state;
    llmsched_policy fcfs = {.size = sizeof fcfs, .key = by_arrival};
    same_decisions("fcfs", &fcfs);
}

static void test_fair_shares(void **state)
{
    (void)state;
    llmsched_policy fair = {.size = sizeof fair, .key = by_arrival, .choose = share_fairly};
    same_decisions("fair", &fair);
}

static void test_exploring(void **state)
{
    (void)state;
    twin always = {1, 0.3, LLMSCHED_BY_NETWORK}, often = {0.5, 1, LLMSCHED_BY_NETWORK},
         history = {1, 0, LLMSCHED_BY_HISTORY};
    llmsched_policy slow = {
        .size = sizeof slow, .user = &always, .key = by_remaining, .choose = explore_or_least};
    same_decisions("llmsched:epsilon=1", &slow);
    slow.user = &often;
    same_decisions("llmsched:epsilon=0.5,r=1", &slow);
    slow.user = &history;
    same_decisions("llmsched:epsilon=1,r=0,network=off", &slow);
}

/* Keys are spared here, at the same moments for both. */
static void test_spared_keys(void **state)
{
    (void)state;
    llmsched_policy slow = {.size = sizeof slow, .flags = LLMSCHED_POLICY_LAZY, .key = by_gittins};
    same_decisions("gittins", &slow);
}

static void repeat_storm(llmsched_context *c, const struct sized *memory, const char *policy,
                         const llmsched_profile *profile)
{
    uint64_t before = memory->bytes;
    struct storm w = {.profile = profile};
    w.s[0] = make(c, policy, NULL);
    /* Policies that draw ask other questions in each storm, until they have asked all. */
    for (uint32_t first = 0; first < 4; first++)
        rage(&w, 77, 3000);
    uint64_t calls = memory->calls;
    assert_true(calls > 0);
    for (uint32_t again = 0; again < 3; again++)
        rage(&w, 77, 3000);
    print_message("%s%s: %llu more\n", policy, profile != NULL ? ", with a profile" : "",
                  (unsigned long long)(memory->calls - calls));
    assert_int_equal(memory->calls, calls);
    llmsched_scheduler_destroy(w.s[0]);
    assert_int_equal(memory->bytes, before);
}

static void test_nothing_new_takes_no_memory(void **state)
{
    (void)state;
    /* Not predictor=network: joint answers of a network take scratch. */
    static const char *const more[] = {"llmsched:epsilon=0", "llmsched:epsilon=1",
                                       "gittins:predictor=tree", "fair-share/llmsched"};
    struct sized memory = {0};
    llmsched_allocator allocator = sized_allocator(&memory);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *c = NULL;
    assert_int_equal(llmsched_context_create(&options, &c, NULL), LLMSCHED_OK);
    llmsched_profile *profile = learn(c);
    uint32_t named = llmsched_policy_count();
    for (uint32_t p = 0; p < named + LLS_COUNT(more); p++) {
        const char *policy = p < named ? llmsched_policy_name(p) : more[p - named];
        repeat_storm(c, &memory, policy, NULL);
        repeat_storm(c, &memory, policy, profile);
    }
    llmsched_profile_release(profile);
    llmsched_context_destroy(c);
    assert_int_equal(memory.bytes, 0);
}

/* What takes long here is quadratic; the order says that it is right. */
static void test_a_job_of_many_stages(void **state)
{
    (void)state;
    enum { MANY = 50000 };
    static const char *const policies[] = {"fcfs", "fair", "llmsched:epsilon=1", "gittins"};
    llmsched_profile *profile = learn(context);
    for (uint32_t p = 0; p < LLS_COUNT(policies); p++) {
        struct storm w = {.profile = profile};
        w.s[0] = make(context, policies[p], NULL);
        lls_random_seed(&w.random, p);
        engine(&w, 0, true);
        arrive(&w, 0);
        for (uint32_t i = 0; i < MANY; i++) {
            llmsched_revealed_stage info = {
                .size = sizeof info, .kind = LLMSCHED_STAGE_LLM, .name = "a stranger"};
            post(&w, &(llmsched_event){.type = LLMSCHED_EVENT_STAGE_REVEALED,
                                       .stage = MANY - 1 - i,
                                       .stage_info = &info});
        }
        decide(&w);
        for (uint32_t i = 0; i < MANY; i++) {
            llmsched_decision d = w.running[0];
            assert_int_equal(d.stage, i);
            w.running[0] = w.running[1];
            w.running_count--;
            post(&w, &(llmsched_event){.type = LLMSCHED_EVENT_TASK_FINISHED, .stage = d.stage});
            decide(&w);
        }
        post(&w, &(llmsched_event){.type = LLMSCHED_EVENT_JOB_FINISHED});
        llmsched_scheduler_destroy(w.s[0]);
    }
    llmsched_profile_release(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bunches),
        cmocka_unit_test(test_fair_shares),
        cmocka_unit_test(test_exploring),
        cmocka_unit_test(test_spared_keys),
        cmocka_unit_test(test_nothing_new_takes_no_memory),
        cmocka_unit_test(test_a_job_of_many_stages),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
