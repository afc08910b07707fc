/* SPDX-License-Identifier: Apache-2.0 */
/* A profile's numbers counted again from the runs, run by run, with the profile's own cuts and
 * structure; of runs of test_run_draw() that are kept here. */
#ifndef LLS_TEST_RECOUNT_H
#define LLS_TEST_RECOUNT_H

#include "check.h"
#include "runs.h"

#include <math.h>

/* What one run did in a template stage. */
struct stage_value {
    bool present;
    double work, prompt;
};

/* stages: one per stage of the profile. */
static inline void stage_values(const llmsched_profile *p, const struct test_run *r,
                                struct stage_value *stages)
{
    uint32_t seen[16] = {0}, n = llmsched_dag_stage_count(llmsched_profile_dag(p));
    memset(stages, 0, n * sizeof *stages);
    for (uint32_t i = 0; i < r->run.stage_count; i++) {
        const llmsched_run_stage *s = &r->stages[i];
        uint32_t c = llmsched_profile_class(p, s->kind, s->name);
        uint32_t k = c != LLMSCHED_INDEX_NONE ? seen[c]++ : 0;
        uint32_t stage = llmsched_profile_find(p, s->kind, c, k);
        if (stage == LLMSCHED_INDEX_NONE)
            continue;
        stages[stage].present = true;
        stages[stage].work += s->work_s;
        stages[stage].prompt += s->prompt_tokens;
    }
}

static inline uint32_t work_bin(const llmsched_profile *p, uint32_t stage, double work)
{
    for (uint32_t b = 0;; b++) {
        llmsched_profile_bin bin = {.size = sizeof bin};
        llmsched_error err = {0};
        assert_ok(llmsched_profile_get_bin(p, stage, b, &bin, &err), err);
        if (work <= bin.upper_s)
            return b;
    }
}

/* Presence, mean, and each bin's count, mean, least and greatest value. */
static inline void check_stage(const llmsched_profile *p, uint32_t stage,
                               const struct test_run *runs, const double *weights, uint32_t count)
{
    llmsched_error err = {0};
    llmsched_profile_stage info = {.size = sizeof info};
    double all = 0, present = 0, work = 0, in[64] = {0}, sum[64] = {0}, least[64], most[64];
    uint64_t number[64] = {0};
    assert_ok(llmsched_profile_get_stage(p, stage, &info, &err), err);
    for (uint32_t r = 0; r < count; r++) {
        struct stage_value values[64];
        stage_values(p, &runs[r], values);
        all += weights[r];
        if (!values[stage].present)
            continue;
        double value = values[stage].work;
        uint32_t b = work_bin(p, stage, value);
        present += weights[r];
        work += weights[r] * value;
        least[b] = number[b] > 0 ? fmin(least[b], value) : value;
        most[b] = number[b] > 0 ? fmax(most[b], value) : value;
        number[b]++;
        in[b] += weights[r];
        sum[b] += weights[r] * value;
    }
    assert_double_equal(info.presence, present / all, 1e-12);
    assert_double_equal(info.mean_work_s, present > 0 ? work / present : 0, 1e-12 * work);
    for (uint32_t b = 0; b < info.bin_count; b++) {
        llmsched_profile_bin bin = {.size = sizeof bin};
        assert_ok(llmsched_profile_get_bin(p, stage, b, &bin, &err), err);
        assert_int_equal(bin.count, number[b]);
        if (number[b] == 0)
            continue;
        assert_double_equal(bin.mean_s, sum[b] / in[b], 1e-12 * sum[b] / in[b]);
        assert_double_equal(bin.minimum_s, least[b], 0);
        assert_double_equal(bin.maximum_s, most[b], 0);
    }
}

/* Tables of a profile without prompt variables: node of stage t has state 1 + bin, 0 if absent. */
static inline void check_tables(const llmsched_profile *p, const struct test_run *runs,
                                const double *weights, uint32_t count, double prior)
{
    const llmsched_network *network = llmsched_profile_network(p);
    uint32_t n = llmsched_network_node_count(network), stage_of[64] = {0};
    assert_int_equal(n, llmsched_dag_stage_count(llmsched_profile_dag(p)));
    for (uint32_t t = 0; t < n; t++) {
        llmsched_error err = {0};
        llmsched_profile_stage info = {.size = sizeof info};
        assert_ok(llmsched_profile_get_stage(p, t, &info, &err), err);
        stage_of[info.work_node] = t;
    }
    for (uint32_t node = 0; node < n; node++) {
        uint32_t parents = 0, states = llmsched_network_state_count(network, node);
        uint64_t cells = 0;
        const uint32_t *list = llmsched_network_parents(network, node, &parents);
        const double *table = llmsched_network_table(network, node, &cells);
        double counted[4096] = {0};
        assert_true(cells <= 4096);
        for (uint32_t r = 0; r < count; r++) {
            struct stage_value values[64];
            uint64_t at = 0;
            stage_values(p, &runs[r], values);
            for (uint32_t k = 0; k <= parents; k++) {
                uint32_t other = k < parents ? list[k] : node, t = stage_of[other];
                at = at * llmsched_network_state_count(network, other) +
                     (values[t].present ? 1 + work_bin(p, t, values[t].work) : 0);
            }
            counted[at] += weights[r];
        }
        for (uint64_t first = 0; first < cells; first += states) {
            double sum = 0;
            for (uint32_t k = 0; k < states; k++)
                sum += counted[first + k];
            for (uint32_t k = 0; k < states; k++)
                assert_double_equal(table[first + k],
                                    (counted[first + k] + prior / states) / (sum + prior), 1e-12);
        }
    }
}

static inline void check_recounted(const llmsched_profile *p, const struct test_run *runs,
                                   const double *weights, uint32_t count)
{
    uint32_t n = llmsched_dag_stage_count(llmsched_profile_dag(p));
    for (uint32_t t = 0; t < n; t++)
        check_stage(p, t, runs, weights, count);
    check_tables(p, runs, weights, count, 1);
}

#endif
