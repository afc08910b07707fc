/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built-in policies, whose queues keep bunches and ranges, beside slow twins: policies of a
 * caller's own, for which every ready stage stands alone, that look through all of them. Both see
 * the same stormy events and must decide alike. And: what has been seen before takes no new memory.
 */
#include "context.h"
#include "sized.h"
#include "storm.h"

#include "llmsched/scheduler.h"

#include <math.h>

/* --- slow twins ------------------------------------------------------------------------- */

typedef struct twin {
    double epsilon, r;
    uint32_t method;
    bool apart; /* of one tenant at a time */
    bool chain; /* of programs: by the longest chain, not by all calls */
} twin;

/* The tenant of least tag among those with a ready stage in the queue. */
static uint64_t least_tenant(const llmsched_view *view, uint32_t queue)
{
    uint64_t job = 0, least = 0;
    double tag = INFINITY;
    uint32_t stage = 0;
    for (uint32_t i = 0; llmsched_view_ready(view, queue, i, &job, &stage) == LLMSCHED_OK; i++) {
        llmsched_job_view info = {.size = sizeof info};
        llmsched_tenant_view t = {.size = sizeof t};
        assert_int_equal(llmsched_view_job(view, job, &info), LLMSCHED_OK);
        assert_int_equal(llmsched_view_tenant(view, info.tenant, &t), LLMSCHED_OK);
        if (t.tag_s > tag || (t.tag_s == tag && info.tenant >= least))
            continue;
        tag = t.tag_s;
        least = info.tenant;
    }
    return least;
}

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

/* Autellix's keys to the letter, at any time. */
static llmsched_status by_level(const twin *t, const llmsched_view *view, uint64_t job,
                                uint32_t stage, double *key)
{
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_job_view info = {.size = sizeof info};
    double level = 0, threshold = 2;
    assert_int_equal(llmsched_view_stage(view, job, stage, &at), LLMSCHED_OK);
    assert_int_equal(llmsched_view_job(view, job, &info), LLMSCHED_OK);
    double served = t->chain ? at.chain_llm_s : info.done_llm_s;
    for (; level < 6 && served >= threshold; threshold *= 2)
        level++;
    if (at.ready_s + 8 * fmax(1, info.done_llm_s) - info.waited_llm_s <= llmsched_view_now(view))
        level = 0;
    *key = 68719476736.0 * level + at.ready_s;
    return LLMSCHED_OK;
}

typedef struct candidate {
    double lo, hi, mean, arrival, reduction;
    uint64_t job;
    uint32_t stage, tasks;
} candidate;

static bool shorter(const candidate *x, const candidate *y)
{
    if (x->mean != y->mean)
        return x->mean < y->mean;
    if (x->arrival != y->arrival)
        return x->arrival < y->arrival;
    return x->job != y->job ? x->job < y->job : x->stage < y->stage;
}

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
    return x->reduction != y->reduction ? x->reduction > y->reduction : shorter(x, y);
}

enum { MOST = 4096 };

static uint32_t collect(const twin *t, const llmsched_view *view, uint32_t queue,
                        candidate *candidates)
{
    uint32_t n = 0;
    candidate c = {0};
    uint64_t tenant = t->apart ? least_tenant(view, queue) : 0;
    for (uint32_t i = 0; llmsched_view_ready(view, queue, i, &c.job, &c.stage) == LLMSCHED_OK;
         i++) {
        llmsched_stage_view stage = {.size = sizeof stage};
        llmsched_job_view job = {.size = sizeof job};
        llmsched_estimate e = {.size = sizeof e};
        assert_int_equal(llmsched_view_stage(view, c.job, c.stage, &stage), LLMSCHED_OK);
        assert_int_equal(llmsched_view_job(view, c.job, &job), LLMSCHED_OK);
        assert_int_equal(llmsched_view_estimate(view, c.job, stage.kind, t->method, &e),
                         LLMSCHED_OK);
        assert_int_equal(llmsched_view_reduction(view, c.job, c.stage, &c.reduction), LLMSCHED_OK);
        if (t->apart && job.tenant != tenant)
            continue;
        c = (candidate){e.lo_s,      e.hi_s, e.mean_s, job.arrival_s,
                        c.reduction, c.job,  c.stage,  stage.ready};
        assert_true(n < MOST);
        candidates[n++] = c;
    }
    return n;
}

/* Algorithm 1 word for word: groups in order, in the first with some R > 0 the greatest. */
static const candidate *explore(candidate *all, uint32_t n)
{
    const candidate *best = NULL;
    double highest = -INFINITY;
    qsort(all, n, sizeof *all, by_range);
    for (uint32_t i = 0; i < n && (best == NULL || all[i].lo <= highest); i++) {
        highest = fmax(highest, all[i].hi);
        if (all[i].reduction > 0 && (best == NULL || more_telling(&all[i], best)))
            best = &all[i];
    }
    return best;
}

static const candidate *least_mean(const candidate *all, uint32_t n)
{
    const candidate *least = all;
    for (uint32_t i = 1; i < n; i++) {
        if (shorter(&all[i], least))
            least = &all[i];
    }
    return least;
}

static llmsched_status explore_or_least(void *user, const llmsched_view *view, uint32_t queue,
                                        llmsched_choice *choice)
{
    static candidate all[MOST];
    const twin *t = user;
    const candidate *best = NULL;
    uint32_t n = collect(t, view, queue, all), tasks = 0;
    llmsched_queue_view info = {.size = sizeof info};
    assert_int_equal(llmsched_view_queue(view, queue, &info), LLMSCHED_OK);
    assert_true(t->apart ? info.ready >= n : info.ready == n);
    for (uint32_t i = 0; i < n; i++)
        tasks += all[i].tasks;
    bool fits = info.capacity >= info.running && tasks <= info.capacity - info.running;
    if (!fits && t->epsilon > 0 && llmsched_view_random(view) < t->epsilon)
        best = explore(all, n);
    choice->tasks = best != NULL ? (uint32_t)fmax(1, ceil(t->r * best->tasks)) : 0;
    if (best == NULL)
        best = least_mean(all, n);
    if (t->apart)
        choice->tasks = 1;
    choice->job = best->job;
    choice->stage = best->stage;
    return LLMSCHED_OK;
}

static llmsched_status least_served(void *user, const llmsched_view *view, uint32_t queue,
                                    llmsched_choice *choice)
{
    static candidate all[MOST];
    const twin *t = user;
    uint32_t n = collect(t, view, queue, all);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(by_level(t, view, all[i].job, all[i].stage, &all[i].mean), LLMSCHED_OK);
    const candidate *least = least_mean(all, n);
    choice->job = least->job;
    choice->stage = least->stage;
    choice->tasks = 1;
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
    const twin *t = user;
    candidate best = {0}, c = {0};
    uint64_t tenant = t->apart ? least_tenant(view, queue) : 0;
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
            if (t->apart && job.tenant != tenant)
                continue;
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
    twin together = {.apart = false}, apart = {.apart = true};
    llmsched_policy fair = {
        .size = sizeof fair, .user = &together, .key = by_arrival, .choose = share_fairly};
    same_decisions("fair", &fair);
    fair.user = &apart;
    same_decisions("fair-share/fair", &fair);
}

static void test_exploring(void **state)
{
    (void)state;
    twin always = {1, 0.3, LLMSCHED_BY_NETWORK, false, false},
         often = {0.5, 1, LLMSCHED_BY_NETWORK, false, false},
         history = {1, 0, LLMSCHED_BY_HISTORY, false, false};
    llmsched_policy slow = {
        .size = sizeof slow, .user = &always, .key = by_remaining, .choose = explore_or_least};
    same_decisions("llmsched:epsilon=1", &slow);
    slow.user = &often;
    same_decisions("llmsched:epsilon=0.5,r=1", &slow);
    slow.user = &history;
    same_decisions("llmsched:epsilon=1,r=0,network=off", &slow);
}

/* One tenant at a time; the twin looks through all stages of all tenants. */
static void test_tenants_apart(void **state)
{
    (void)state;
    twin always = {1, 0.3, LLMSCHED_BY_NETWORK, true, false},
         often = {0.5, 1, LLMSCHED_BY_NETWORK, true, false},
         never = {0, 0, LLMSCHED_BY_HISTORY, true, false};
    llmsched_policy slow = {
        .size = sizeof slow, .user = &always, .key = by_remaining, .choose = explore_or_least};
    same_decisions("fair-share/llmsched:epsilon=1", &slow);
    slow.user = &often;
    same_decisions("fair-share/llmsched:epsilon=0.5,r=1", &slow);
    slow.user = &never;
    same_decisions("fair-share/srtf", &slow);
    same_decisions("fair-share/llmsched:epsilon=0,network=off", &slow);
}

/* Keys age: the twin works all of them out at each decision. */
static void test_programs(void **state)
{
    (void)state;
    static const char *const policies[] = {"plas", "atlas", "fair-share/plas", "fair-share/atlas"};
    for (uint32_t i = 0; i < LLS_COUNT(policies); i++) {
        twin t = {.method = LLMSCHED_BY_HISTORY, .apart = i >= 2, .chain = i % 2 != 0};
        llmsched_policy slow = {
            .size = sizeof slow, .user = &t, .key = by_arrival, .choose = least_served};
        same_decisions(policies[i], &slow);
    }
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
    /* To policies that draw no storm is like another, but the largest is soon over. */
    for (uint32_t first = 0; first < 12; first++)
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
        cmocka_unit_test(test_tenants_apart),
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_spared_keys),
        cmocka_unit_test(test_nothing_new_takes_no_memory),
        cmocka_unit_test(test_a_job_of_many_stages),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
