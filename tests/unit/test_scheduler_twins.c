/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built-in policies, whose queues keep bunches and ranges, beside slow twins: policies of a
 * caller's own, for which every ready stage stands alone, that look through all of them. Both see
 * the same stormy events and must decide alike. And: what has been seen before takes no new memory.
 */
#include "context.h"
#include "sized.h"
#include "slow.h"
#include "storm.h"

#include "llmsched/scheduler.h"

#include <math.h>

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

static void test_shares_and_pool(void **state)
{
    (void)state;
    twin together = {.method = LLMSCHED_BY_HISTORY},
         apart = {.method = LLMSCHED_BY_HISTORY, .apart = true};
    llmsched_policy slow = {
        .size = sizeof slow, .user = &together, .key = by_arrival, .choose = give_up_and_pool};
    same_decisions("carbyne", &slow);
    slow.user = &apart;
    same_decisions("fair-share/carbyne", &slow);
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
    static const char *const policies[] = {
        "fcfs",    "fair", "llmsched:epsilon=1", "gittins", "argus",
        "carbyne", "plas", "fair-share/gittins"};
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
        cmocka_unit_test(test_shares_and_pool),
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_spared_keys),
        cmocka_unit_test(test_nothing_new_takes_no_memory),
        cmocka_unit_test(test_a_job_of_many_stages),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
