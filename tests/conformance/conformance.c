/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One suite over every built-in policy: determinism, possible decisions only
 * (checked by world.c), every job completes, renumbering jobs changes only ties, and two
 * runs with the same revealed past get the same decisions.
 * LLMSCHED_SEED sets the first seed.
 */
#include "world.h"

#include "check.h"

#include <stdlib.h>

enum { WORLDS = 12 };

static uint64_t first_seed(void)
{
    const char *text = getenv("LLMSCHED_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 20260;
}

/* Every predictor, option and wrapping that may decide otherwise. */
static const char *const variants[] = {"llmsched:epsilon=0",
                                       "llmsched:epsilon=0.5,r=1",
                                       "llmsched:network=off",
                                       "llmsched:locality=on,long=150",
                                       "gittins:predictor=forest,alpha=0.1",
                                       "gittins:predictor=network",
                                       "gittins:predictor=network,locality=on,long=150",
                                       "gittins:predictor=tree",
                                       "gittins:predictor=tree,alpha=0.2,locality=on,long=150",
                                       "gittins:predictor=history",
                                       "gittins:locality=on,long=150",
                                       "plas:first=0.5,levels=3,beta=1,long=150",
                                       "plas:step=0.0112",
                                       "plas:scope=engine",
                                       "atlas:first=0.5,step=0.5",
                                       "fair-share/fcfs",
                                       "fair-share/fair",
                                       "fair-share/sjf",
                                       "fair-share/sjf-given",
                                       "fair-share/srtf",
                                       "fair-share/argus",
                                       "fair-share/carbyne",
                                       "fair-share/plas:beta=1",
                                       "fair-share/atlas",
                                       "fair-share/llmsched:epsilon=0.5",
                                       "fair-share/llmsched:epsilon=0,locality=on,long=150",
                                       "fair-share/gittins:predictor=network",
                                       "fair-share/gittins:predictor=tree",
                                       "fair-share/gittins:predictor=history,locality=on,long=150",
                                       "fair-share/oracle-srpt"};

static const char *policy_of(uint32_t i)
{
    uint32_t n = llmsched_policy_count();
    if (i < n)
        return llmsched_policy_name(i);
    return i - n < LLS_COUNT(variants) ? variants[i - n] : NULL;
}

static void plain_ids(uint64_t *ids)
{
    for (uint32_t j = 0; j < MAX_JOBS; j++)
        ids[j] = j;
}

static void same(const struct record *a, const struct record *b, double until)
{
    uint32_t i = 0;
    for (; i < a->count && a->items[i].time <= until; i++) {
        assert_true(i < b->count);
        assert_true(a->items[i].time == b->items[i].time);
        assert_int_equal(a->items[i].job, b->items[i].job);
        assert_int_equal(a->items[i].stage, b->items[i].stage);
        assert_int_equal(a->items[i].task, b->items[i].task);
        assert_int_equal(a->items[i].executor, b->items[i].executor);
    }
    assert_true(i == b->count || b->items[i].time > until);
}

static void for_each(bool failures, void (*check)(const struct world *world, const char *policy))
{
    for (uint32_t w = 0; w < WORLDS; w++) {
        struct world world;
        world_create(&world, first_seed() + w, failures);
        for (uint32_t p = 0; policy_of(p) != NULL; p++) {
            print_message("seed %llu, %s\n", (unsigned long long)world.seed, policy_of(p));
            check(&world, policy_of(p));
        }
        world_destroy(&world);
    }
}

static void check_repeats(const struct world *world, const char *policy)
{
    uint64_t ids[MAX_JOBS];
    struct record *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    plain_ids(ids);
    world_run(world, policy, 5, ids, INFINITY, a);
    world_run(world, policy, 5, ids, INFINITY, b);
    same(a, b, INFINITY);
    record_destroy(a);
    record_destroy(b);
    free(a);
    free(b);
}

static void test_deterministic_and_possible(void **state)
{
    (void)state;
    for_each(false, check_repeats);
}

static void test_failures_lose_nothing(void **state)
{
    (void)state;
    for_each(true, check_repeats);
}

/* Arrivals are all different, so no tie is left to the ids. */
static void check_renumbered(const struct world *world, const char *policy)
{
    uint64_t ids[MAX_JOBS], other[MAX_JOBS];
    struct record *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    lls_random random;
    plain_ids(ids);
    plain_ids(other);
    lls_random_seed(&random, world->seed + 1);
    for (uint32_t j = MAX_JOBS; j > 1; j--) {
        uint32_t k = lls_random_below(&random, j);
        uint64_t t = other[j - 1];
        other[j - 1] = other[k];
        other[k] = t + UINT64_C(0x100000000);
    }
    world_run(world, policy, 5, ids, INFINITY, a);
    world_run(world, policy, 5, other, INFINITY, b);
    same(a, b, INFINITY);
    record_destroy(a);
    record_destroy(b);
    free(a);
    free(b);
}

static void test_renumbering(void **state)
{
    (void)state;
    for_each(false, check_renumbered);
}

/* Another future behind the same past: tasks not ended take another time, stages not revealed are
 * others or none. */
static void change_future(struct world *world, const struct record *past, double now)
{
    lls_random random;
    lls_random_seed(&random, world->seed + 77);
    for (uint32_t j = 0; j < world->job_count; j++) {
        struct world_job *job = &world->jobs[j];
        uint32_t revealed = 0;
        for (uint32_t i = 0; i < job->stage_count; i++) {
            if (past->revealed[j][i] <= now)
                revealed = i + 1;
            for (uint32_t k = 0; k < job->stages[i].tasks; k++) {
                double since = fmax(0, now - past->started[j][i][k]);
                if (past->ended[j][i][k] > now)
                    job->stages[i].durations[k] = since + 0.001 + 5 * lls_random_uniform(&random);
            }
        }
        /* Stages are drawn in the order of revealing but for a join, which stays. */
        if (revealed > 0 && revealed < job->stage_count && lls_random_uniform(&random) < 0.5)
            job->stage_count = revealed;
        if (job->arrival > now) {
            double arrival = job->arrival;
            world_draw(job, lls_random_below(&random, APPS), &random);
            job->arrival = arrival;
        }
    }
}

static void check_future_unseen(const struct world *world, const char *policy)
{
    if (strstr(policy, "oracle-srpt") != NULL)
        return; /* it is told the future */
    uint64_t ids[MAX_JOBS];
    struct world *other = malloc(sizeof *other);
    struct record *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    double now = world->jobs[2 * world->job_count / 3].arrival;
    plain_ids(ids);
    world_run(world, policy, 5, ids, INFINITY, a);
    *other = *world;
    change_future(other, a, now);
    world_run(other, policy, 5, ids, now, b);
    same(a, b, now);
    record_destroy(a);
    record_destroy(b);
    free(a);
    free(b);
    free(other);
}

static void test_same_past_same_decisions(void **state)
{
    (void)state;
    for_each(false, check_future_unseen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deterministic_and_possible),
        cmocka_unit_test(test_failures_lose_nothing),
        cmocka_unit_test(test_renumbering),
        cmocka_unit_test(test_same_past_same_decisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
