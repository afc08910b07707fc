/* SPDX-License-Identifier: Apache-2.0 */
/* Belief about a job, against full enumeration of its network's joint states. */
#include "context.h"
#include "runs.h"

#include "bayes/internal.h"
#include "llmsched/quantifier.h"
#include "profile/internal.h"

/* --- the slow twin ------------------------------------------------------------------------ */

enum { MAX_NODES = 16 };

struct twin {
    const llmsched_profile *profile;
    const llmsched_stage_evidence *evidence;
    uint32_t nodes, states[MAX_NODES], at[MAX_NODES];
    double weight, mean, square; /* sums over joint states */
    double presence[MAX_NODES], work[MAX_NODES];
};

static double state_factor(const struct twin *w, uint32_t stage)
{
    const lls_profiled_stage *s = &w->profile->stages[stage];
    const llmsched_stage_evidence *e = &w->evidence[stage];
    uint32_t state = w->at[s->work_node];
    double age = e->work_s;
    if (s->prompt_node != LLMSCHED_INDEX_NONE && e->state != LLMSCHED_EVIDENCE_UNKNOWN) {
        uint32_t prompt = w->at[s->prompt_node];
        if (e->state == LLMSCHED_EVIDENCE_ABSENT ? prompt != 0 : prompt == 0)
            return 0;
        if (e->has_prompt &&
            prompt != 1 + lls_bin_of(s->prompts, s->prompt_count, e->prompt_tokens))
            return 0;
    }
    if (e->state == LLMSCHED_EVIDENCE_UNKNOWN)
        return 1;
    if (e->state == LLMSCHED_EVIDENCE_ABSENT || state == 0)
        return e->state == LLMSCHED_EVIDENCE_ABSENT && state == 0;
    const lls_bin *bin = &s->bins[state - 1];
    if (e->state == LLMSCHED_EVIDENCE_FINISHED)
        return state == 1 + lls_bin_of(s->bins, s->bin_count, age);
    if (age <= bin->minimum)
        return 1;
    if (age < bin->maximum)
        return (bin->maximum - age) / (bin->maximum - bin->minimum);
    return state == s->bin_count ? 1e-3 : 0;
}

static double joint_weight(const struct twin *w)
{
    const llmsched_network *network = w->profile->network;
    double product = 1;
    for (uint32_t i = 0; i < w->nodes && product > 0; i++) {
        uint32_t count = 0;
        uint64_t size = 0, at = 0;
        const uint32_t *parents = llmsched_network_parents(network, i, &count);
        for (uint32_t p = 0; p < count; p++)
            at = at * w->states[parents[p]] + w->at[parents[p]];
        product *= llmsched_network_table(network, i, &size)[at * w->states[i] + w->at[i]];
    }
    for (uint32_t t = 0; t < w->profile->stage_count && product > 0; t++)
        product *= state_factor(w, t);
    return product;
}

static double remaining_here(struct twin *w, double weight, uint32_t kind)
{
    double sum = 0;
    for (uint32_t t = 0; t < w->profile->stage_count; t++) {
        const lls_profiled_stage *s = &w->profile->stages[t];
        const llmsched_stage_evidence *e = &w->evidence[t];
        uint32_t state = w->at[s->work_node];
        if (state == 0 || e->state == LLMSCHED_EVIDENCE_FINISHED)
            continue;
        const lls_bin *bin = &s->bins[state - 1];
        double age = e->state == LLMSCHED_EVIDENCE_PRESENT ? e->work_s : 0, value = bin->mean;
        if (age > bin->minimum)
            value = fmax(bin->mean, age < bin->maximum ? (age + bin->maximum) / 2 : age);
        w->presence[t] += weight;
        w->work[t] += weight * value;
        if (kind == 0 || s->kind == kind)
            sum += value;
    }
    return sum;
}

/* absent: the stages that structure rules out, marked by the caller. */
static void enumerate(struct twin *w, const llmsched_profile *profile,
                      const llmsched_stage_evidence *evidence, uint32_t kind)
{
    *w = (struct twin){.profile = profile,
                       .evidence = evidence,
                       .nodes = llmsched_network_node_count(profile->network)};
    assert_true(w->nodes <= MAX_NODES);
    for (uint32_t i = 0; i < w->nodes; i++)
        w->states[i] = llmsched_network_state_count(profile->network, i);
    for (;;) {
        double weight = joint_weight(w);
        if (weight > 0) {
            double sum = remaining_here(w, weight, kind);
            w->weight += weight;
            w->mean += weight * sum;
            w->square += weight * sum * sum;
        }
        uint32_t i = w->nodes;
        while (i > 0 && ++w->at[i - 1] == w->states[i - 1])
            w->at[--i] = 0;
        if (i == 0)
            break;
    }
}

/* --- comparisons ------------------------------------------------------------------------------ */

struct job {
    llmsched_profile *profile;
    llmsched_quantifier *quantifier;
    llmsched_stage_evidence evidence[RUN_STAGES];
};

static void job_create(struct job *job, uint64_t seed, bool prompts)
{
    llmsched_error err = {0};
    llmsched_profiler_options options = {.size = sizeof options, .bins = 2, .no_prompts = !prompts};
    llmsched_quantifier_options q = {.size = sizeof q, .samples = 20000};
    assert_ok(test_profile(context, seed, 80, &options, &job->profile, &err), err);
    assert_int_equal(job->profile->stage_count, RUN_STAGES);
    assert_ok(llmsched_quantifier_create(job->profile, &q, &job->quantifier, &err), err);
    for (uint32_t t = 0; t < RUN_STAGES; t++)
        job->evidence[t] = (llmsched_stage_evidence){.size = sizeof job->evidence[t]};
}

static void job_destroy(struct job *job)
{
    llmsched_quantifier_destroy(job->quantifier);
    llmsched_profile_release(job->profile);
}

/* Quantiles ascend, and their mean over even levels is the mean. */
static void compare_quantiles(struct job *job, uint32_t kind, double mean)
{
    enum { LEVELS = 200 };
    llmsched_error err = {0};
    double levels[LEVELS], quantiles[LEVELS], sum = 0;
    for (uint32_t i = 0; i < LEVELS; i++)
        levels[i] = (i + 0.5) / LEVELS;
    assert_ok(llmsched_quantifier_quantiles(job->quantifier, kind, levels, LEVELS, quantiles, &err),
              err);
    for (uint32_t i = 0; i < LEVELS; i++) {
        assert_true(quantiles[i] >= (i > 0 ? quantiles[i - 1] : 0));
        sum += quantiles[i];
    }
    assert_double_equal(sum / LEVELS, mean, 0.02);
}

static void compare(struct job *job, const llmsched_stage_evidence *marked)
{
    llmsched_error err = {0};
    struct twin twin;
    assert_ok(llmsched_quantifier_set_evidence(job->quantifier, job->evidence, RUN_STAGES, &err),
              err);
    for (uint32_t kind = 0; kind <= LLMSCHED_STAGE_REGULAR; kind++) {
        llmsched_remaining r = {.size = sizeof r};
        double variance = -1, mean_path = -1;
        enumerate(&twin, job->profile, marked, kind);
        double mean = twin.mean / twin.weight;
        assert_ok(llmsched_quantifier_remaining(job->quantifier, kind, &r, &err), err);
        assert_double_equal(r.mean_s, mean, 1e-10);
        assert_true(r.lo_s <= r.mean_s + 1e-9 && r.mean_s <= r.hi_s * 1.05 + 1e-9);
        assert_ok(llmsched_quantifier_variance(job->quantifier, kind, &variance, &err), err);
        assert_double_equal(variance, twin.square / twin.weight - mean * mean, 1e-9);
        compare_quantiles(job, kind, mean);
        assert_ok(llmsched_quantifier_critical_path(job->quantifier, &mean_path, &err), err);
        /* This application is a chain: its critical path is all of it, as long as no age shifts a
         * bin's mean. */
        if (kind == 0 && marked[0].work_s == 0)
            assert_double_equal(mean_path, mean, 0.02);
    }
    for (uint32_t t = 0; t < RUN_STAGES; t++) {
        llmsched_stage_belief belief = {.size = sizeof belief};
        assert_ok(llmsched_quantifier_stage(job->quantifier, t, &belief, &err), err);
        if (marked[t].state == LLMSCHED_EVIDENCE_FINISHED)
            continue;
        assert_double_equal(belief.presence, twin.presence[t] / twin.weight, 1e-10);
        assert_double_equal(belief.mean_work_s, twin.work[t] / twin.weight, 1e-10);
    }
}

static void test_belief_along_a_run(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct job job;
        job_create(&job, seed, true);
        llmsched_stage_evidence *e = job.evidence;
        compare(&job, e);
        e[0].state = LLMSCHED_EVIDENCE_PRESENT;
        compare(&job, e);
        e[0].has_prompt = 1;
        e[0].prompt_tokens = 900;
        compare(&job, e);
        e[0].work_s = 1.7;
        compare(&job, e);
        e[0].work_s = 4.5;
        compare(&job, e);
        e[0].work_s = 99;
        compare(&job, e);
        e[0].state = LLMSCHED_EVIDENCE_FINISHED;
        e[0].work_s = 4.2;
        e[1].state = LLMSCHED_EVIDENCE_PRESENT;
        compare(&job, e);
        e[1].state = LLMSCHED_EVIDENCE_FINISHED;
        e[1].work_s = 0.8;
        e[2].state = LLMSCHED_EVIDENCE_PRESENT;
        compare(&job, e);
        job_destroy(&job);
    }
}

/* After the check nothing is revealed: the repairs will not come, however likely they once were. */
static void test_what_nothing_leads_to_is_absent(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct job job;
    llmsched_stage_evidence marked[RUN_STAGES];
    llmsched_remaining r = {.size = sizeof r};
    job_create(&job, 4, true);
    llmsched_stage_evidence *e = job.evidence;
    e[0].state = e[1].state = LLMSCHED_EVIDENCE_FINISHED;
    e[0].work_s = 4;
    e[1].work_s = 1;
    memcpy(marked, e, sizeof marked);
    for (uint32_t t = 2; t < RUN_STAGES; t++)
        marked[t].state = LLMSCHED_EVIDENCE_ABSENT;
    compare(&job, marked);
    assert_ok(llmsched_quantifier_remaining(job.quantifier, 0, &r, &err), err);
    assert_double_equal(r.mean_s, 0, 0);
    assert_double_equal(r.hi_s, 0, 0);
    job_destroy(&job);
}

/* Once an aggregate is reached, the number of its ended stages sets the mean of what is left of it.
 */
static void test_what_is_left_of_an_aggregate(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    llmsched_quantifier *q = NULL;
    llmsched_profiler_options options = {.size = sizeof options, .max_stages = 2};
    llmsched_stage_evidence e[4];
    lls_random random;
    double left[3] = {0};
    uint32_t runs[3] = {0};
    lls_random_seed(&random, 8);
    for (uint32_t i = 0; i < 200; i++) {
        struct test_run r;
        test_run_draw(&r, &random);
        uint32_t repairs = (r.run.stage_count - 2) / 2;
        double first = repairs > 0 ? r.stages[2].work_s : 0;
        double second = repairs > 1 ? r.stages[4].work_s : 0;
        for (uint32_t k = 0; repairs > 0 && k <= repairs; k++) {
            left[k] += k == 0 ? first + second : k == 1 ? second : 0;
            runs[k]++;
        }
    }
    assert_ok(test_profile(context, 8, 200, &options, &p, &err), err);
    assert_ok(llmsched_quantifier_create(p, NULL, &q, &err), err);
    uint32_t more = llmsched_dag_find(llmsched_profile_dag(p), "*more-llm");
    for (uint32_t ended = 0; ended < 3; ended++) {
        llmsched_remaining r = {.size = sizeof r};
        double variance = -1;
        for (uint32_t t = 0; t < 4; t++)
            e[t] = (llmsched_stage_evidence){
                .size = sizeof *e, .state = LLMSCHED_EVIDENCE_FINISHED, .work_s = 1};
        e[more].state = LLMSCHED_EVIDENCE_PARTIAL;
        e[more].work_s = 3.0 * ended;
        e[more].ended = ended;
        assert_ok(llmsched_quantifier_set_evidence(q, e, 4, &err), err);
        assert_ok(llmsched_quantifier_remaining(q, LLMSCHED_STAGE_LLM, &r, &err), err);
        assert_double_equal(r.mean_s, left[ended] / runs[ended], 1e-9);
        assert_ok(llmsched_quantifier_variance(q, LLMSCHED_STAGE_LLM, &variance, &err), err);
        assert_true(variance >= 0);
    }
    llmsched_quantifier_destroy(q);
    llmsched_profile_release(p);
}

static void test_reduction(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct job job;
    double r = -1, information = -1, entropy = -1;
    job_create(&job, 6, false);
    job.evidence[0].state = LLMSCHED_EVIDENCE_PRESENT;
    assert_ok(llmsched_quantifier_set_evidence(job.quantifier, job.evidence, RUN_STAGES, &err),
              err);
    assert_ok(llmsched_quantifier_reduction(job.quantifier, 0, &r, &err), err);
    assert_ok(llmsched_quantifier_entropy(job.quantifier, 0, &entropy, &err), err);
    static const uint32_t others[] = {2, 4};
    assert_ok(llmsched_quantifier_information(job.quantifier, 0, others, 2, &information, &err),
              err);
    /* A long draft means repairs: it tells of them, but no more than it holds. */
    assert_true(r > 0);
    assert_true(information > 0.2 && information <= entropy + 1e-12);
    assert_fails(LLMSCHED_ERROR_STATE, "not present",
                 llmsched_quantifier_reduction(job.quantifier, 3, &r, &err), err);
    job_destroy(&job);
}

/* High entropy alone is not enough: with nothing after it, or nothing that depends on it, R is 0.
 */
static void test_reduction_of_what_tells_nothing(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *p = NULL;
    llmsched_quantifier *q = NULL;
    lls_random random;
    double r = -1;
    lls_random_seed(&random, 3);
    assert_ok(llmsched_profiler_create(context, "app", NULL, NULL, &profiler, &err), err);
    for (uint32_t i = 0; i < 400; i++) {
        struct test_run run = {.run = {.size = sizeof run.run, .stages = run.stages}};
        test_run_add(&run, LLMSCHED_STAGE_LLM, "a", 1 + 9 * lls_random_uniform(&random), 10);
        test_run_add(&run, LLMSCHED_STAGE_LLM, "b", 1 + 9 * lls_random_uniform(&random), 10);
        assert_ok(llmsched_profiler_observe(profiler, &run.run, &err), err);
    }
    assert_ok(llmsched_profiler_fit(profiler, &p, &err), err);
    assert_ok(llmsched_quantifier_create(p, NULL, &q, &err), err);
    llmsched_stage_evidence e[2] = {{.size = sizeof *e, .state = LLMSCHED_EVIDENCE_PRESENT},
                                    {.size = sizeof *e}};
    assert_ok(llmsched_quantifier_set_evidence(q, e, 2, &err), err);
    double entropy = 0;
    assert_ok(llmsched_quantifier_entropy(q, 0, &entropy, &err), err);
    assert_true(entropy > 1.5);
    assert_ok(llmsched_quantifier_reduction(q, 0, &r, &err), err);
    assert_double_equal(r, 0, 0);
    llmsched_quantifier_destroy(q);
    llmsched_profile_release(p);
    llmsched_profiler_destroy(profiler);
}

static void test_bad_evidence_is_refused(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct job job;
    job_create(&job, 1, true);
    llmsched_stage_evidence *e = job.evidence;
    assert_fails(LLMSCHED_ERROR_INVALID, "5 elements",
                 llmsched_quantifier_set_evidence(job.quantifier, e, 5, &err), err);
    e[2].state = 9;
    assert_fails(LLMSCHED_ERROR_INVALID, "evidence[2]",
                 llmsched_quantifier_set_evidence(job.quantifier, e, RUN_STAGES, &err), err);
    e[2].state = LLMSCHED_EVIDENCE_PRESENT;
    e[2].work_s = NAN;
    assert_fails(LLMSCHED_ERROR_INVALID, "evidence[2]",
                 llmsched_quantifier_set_evidence(job.quantifier, e, RUN_STAGES, &err), err);
    e[2].work_s = 0;
    e[0].size = 4;
    assert_fails(LLMSCHED_ERROR_VERSION, "size 4",
                 llmsched_quantifier_set_evidence(job.quantifier, e, RUN_STAGES, &err), err);
    llmsched_quantifier_options options = {.size = sizeof options, .support = 2};
    llmsched_quantifier *q = NULL;
    assert_fails(LLMSCHED_ERROR_INVALID, "support",
                 llmsched_quantifier_create(job.profile, &options, &q, &err), err);
    job_destroy(&job);
}

static llmsched_status scenario(llmsched_context *c, llmsched_error *err)
{
    llmsched_profile *p = NULL;
    llmsched_quantifier *q = NULL;
    llmsched_stage_evidence e[RUN_STAGES] = {
        {.size = sizeof *e, .state = LLMSCHED_EVIDENCE_PRESENT}};
    double r = 0;
    for (uint32_t t = 1; t < RUN_STAGES; t++)
        e[t].size = sizeof *e;
    llmsched_status status = test_profile(c, 4, 40, NULL, &p, err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_create(p, NULL, &q, err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_set_evidence(q, e, RUN_STAGES, err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_reduction(q, 0, &r, err);
    llmsched_quantifier_destroy(q);
    llmsched_profile_release(p);
    return status;
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(scenario) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_belief_along_a_run),
        cmocka_unit_test(test_what_nothing_leads_to_is_absent),
        cmocka_unit_test(test_what_is_left_of_an_aggregate),
        cmocka_unit_test(test_reduction),
        cmocka_unit_test(test_reduction_of_what_tells_nothing),
        cmocka_unit_test(test_bad_evidence_is_refused),
        cmocka_unit_test(test_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
