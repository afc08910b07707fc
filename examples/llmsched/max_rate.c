/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The highest rate that a plan sustains. Rates lie on a grid of steps of half a percent around that
 * of the jobs file, so that what is found does not depend on where the search began.
 */
#include "max_rate.h"

#include <math.h>
#include <stdlib.h>

static const double GRID = 1.005;
enum {
    MOST_STEPS = 4096, /* a factor of 7e8 either way: infinity, or 0 */
    LOOK_AHEAD = 8     /* grid points above the last sustained one that must fail as well */
};

bool unloaded_latencies(const struct evaluation *evaluation, struct latencies *latencies)
{
    const struct workload *workload = evaluation->workload;
    double *latency_s = allocate(workload->count, sizeof *latency_s);
    struct sim_options options = *evaluation->options;
    options.keep_tasks = options.keep_replicas = false;
    bool good = true;
    for (size_t j = 0; good && j < workload->count; j++) {
        struct job job = workload->jobs[j];
        job.arrival_s = 0.0;
        struct workload alone = {.jobs = &job, .count = 1};
        struct sim_result result;
        good = sim_run_on(&alone, evaluation->world, &options, &result, evaluation->problem);
        if (!good)
            break;
        latency_s[j] = result.completion_s[0];
        sim_result_release(&result);
    }
    if (good)
        *latencies = latencies_of(latency_s, workload->count);
    free(latency_s);
    return good;
}

struct search {
    const struct evaluation *evaluation;
    struct workload scaled; /* the jobs, with other arrivals */
    struct sim_options options;
};

static double factor_of(int step)
{
    return pow(GRID, -step);
}

/* Whether the 95th percentile stays within the limit with arrivals times GRID^-step: at most
 * n - ceil(0.95 n) jobs take longer. */
static bool sustains(struct search *search, int step, bool *sustained)
{
    const struct workload *given = search->evaluation->workload;
    struct sim_result result;
    for (size_t j = 0; j < given->count; j++)
        search->scaled.jobs[j].arrival_s = given->jobs[j].arrival_s * factor_of(step);
    if (!sim_run_on(&search->scaled, search->evaluation->world, &search->options, &result,
                    search->evaluation->problem))
        return false;
    *sustained = !result.gave_up;
    sim_result_release(&result);
    return true;
}

/* The first bracket by doubling strides: *low is sustained, *high is not. false with a problem
 * noted. *low is -MOST_STEPS where nothing is sustained. */
static bool bracket(struct search *search, int *low, int *high)
{
    bool sustained;
    int stride = 128, step = 0;
    if (!sustains(search, step, &sustained))
        return false;
    int direction = sustained ? 1 : -1;
    bool first = sustained;
    *low = *high = step;
    while (sustained == first) {
        *(first ? low : high) = step;
        step += direction * stride;
        stride *= 2;
        if (step > MOST_STEPS)
            return no_result(search->evaluation->problem,
                             "--max-rate: expected more jobs: the limit holds even where all of "
                             "them arrive at once");
        if (step < -MOST_STEPS) {
            *low = -MOST_STEPS;
            return true;
        }
        if (!sustains(search, step, &sustained))
            return false;
    }
    *(first ? high : low) = step;
    return true;
}

/* Highest sustained grid point found between low (sustained) and high (not). */
static bool bisect(struct search *search, int *low, int high)
{
    while (high - *low > 1) {
        bool sustained;
        int middle = *low + (high - *low) / 2;
        if (!sustains(search, middle, &sustained))
            return false;
        *(sustained ? low : &high) = middle;
    }
    return true;
}

/* Latency does not quite rise with the rate: goes on from any sustained point close above. */
static bool climb(struct search *search, int *low)
{
    for (int ahead = 2; ahead <= LOOK_AHEAD; ahead++) {
        bool sustained;
        if (!sustains(search, *low + ahead, &sustained))
            return false;
        if (sustained) {
            *low += ahead;
            ahead = 0;
        }
    }
    return true;
}

static bool find_rate(struct search *search, double last_s, double *rate)
{
    int low, high;
    if (!bracket(search, &low, &high))
        return false;
    if (low == -MOST_STEPS) {
        *rate = 0.0;
        return true;
    }
    if (!bisect(search, &low, high) || !climb(search, &low))
        return false;
    *rate = (double)search->scaled.count / (last_s * factor_of(low));
    return true;
}

bool max_rate(const struct evaluation *evaluation, double limit_s, double *rate)
{
    const struct workload *given = evaluation->workload;
    struct search search = {.evaluation = evaluation, .options = *evaluation->options};
    double last_s = 0.0;
    for (size_t j = 0; j < given->count; j++)
        last_s = fmax(last_s, given->jobs[j].arrival_s);
    if (last_s == 0.0)
        return bad_input(evaluation->problem,
                         "--max-rate: expected jobs that do not all arrive at 0");
    search.options.keep_tasks = search.options.keep_replicas = false;
    search.options.limit_s = limit_s;
    search.options.most_late = given->count - (size_t)ceil(0.95 * (double)given->count);
    search.scaled = *given;
    search.scaled.jobs = allocate(given->count, sizeof *search.scaled.jobs);
    for (size_t j = 0; j < given->count; j++)
        search.scaled.jobs[j] = given->jobs[j];
    bool good = find_rate(&search, last_s, rate);
    free(search.scaled.jobs);
    return good;
}
