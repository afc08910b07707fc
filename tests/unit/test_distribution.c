/* SPDX-License-Identifier: Apache-2.0 */
/* Distributions of remaining work and of the critical path, against all joint states and draws. */
#include "context.h"
#include "runs.h"

#include "quantify/internal.h"

#include <stdlib.h>

enum { ROOM = 70000, STAGES = 8 };

/* --- all joint states --------------------------------------------------------------------------
 */

/* What each state of all nodes has of probability under the evidence and is worth. */
struct point {
    double value, probability;
};

struct all {
    size_t count;
    struct point *points; /* by value */
};

static int by_value(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

static double prior(const llmsched_network *network, const uint32_t *states)
{
    double p = 1;
    for (uint32_t i = 0; i < llmsched_network_node_count(network); i++) {
        uint32_t count = 0;
        const uint32_t *parents = llmsched_network_parents(network, i, &count);
        uint64_t at = 0;
        for (uint32_t k = 0; k < count; k++)
            at = at * llmsched_network_state_count(network, parents[k]) + states[parents[k]];
        p *= llmsched_network_table(
            network, i, NULL)[at * llmsched_network_state_count(network, i) + states[i]];
    }
    return p;
}

/* Evidence is present without age, or finished: the states that it leaves. */
static bool agrees(const llmsched_quantifier *q, const uint32_t *states)
{
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        const lls_profiled_stage *s = &q->profile->stages[t];
        const llmsched_stage_evidence *e = &q->evidence[t];
        uint32_t is = states[s->work_node];
        if (e->state == LLMSCHED_EVIDENCE_PRESENT && is == 0)
            return false;
        if (e->state == LLMSCHED_EVIDENCE_ABSENT && is != 0)
            return false;
        if (e->state == LLMSCHED_EVIDENCE_FINISHED &&
            is != 1 + lls_bin_of(s->bins, s->bin_count, e->work_s))
            return false;
    }
    return true;
}

static void enumerate(struct all *all, const llmsched_quantifier *q,
                      double (*worth)(const llmsched_quantifier *, const uint32_t *, uint32_t),
                      uint32_t kind)
{
    const llmsched_network *network = q->profile->network;
    uint32_t nodes = llmsched_network_node_count(network), states[16] = {0};
    size_t size = 1;
    double total = 0;
    assert_true(nodes <= 16);
    for (uint32_t i = 0; i < nodes; i++)
        size *= llmsched_network_state_count(network, i);
    *all = (struct all){.points = calloc(size, sizeof *all->points)};
    for (size_t i = 0; i < size; i++) {
        size_t rest = i;
        for (uint32_t n = 0; n < nodes; n++) {
            states[n] = (uint32_t)(rest % llmsched_network_state_count(network, n));
            rest /= llmsched_network_state_count(network, n);
        }
        double p = agrees(q, states) ? prior(network, states) : 0;
        total += p;
        if (p > 0)
            all->points[all->count++] = (struct point){worth(q, states, kind), p};
    }
    for (size_t i = 0; i < all->count; i++)
        all->points[i].probability /= total;
    qsort(all->points, all->count, sizeof *all->points, by_value);
}

static bool open_stage(const llmsched_quantifier *q, uint32_t t)
{
    return q->evidence[t].state == LLMSCHED_EVIDENCE_UNKNOWN ||
           q->evidence[t].state == LLMSCHED_EVIDENCE_PRESENT;
}

static double work(const llmsched_quantifier *q, const uint32_t *states, uint32_t kind)
{
    double sum = 0;
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        const lls_profiled_stage *s = &q->profile->stages[t];
        uint32_t is = states[s->work_node];
        if (open_stage(q, t) && is > 0 && (kind == 0 || kind == s->kind))
            sum += s->bins[is - 1].mean;
    }
    return sum;
}

/* By the definition: the greatest over the stages of what ends with them. */
static double ends(const llmsched_quantifier *q, const uint32_t *states, uint32_t t)
{
    const lls_profiled_stage *s = &q->profile->stages[t];
    uint32_t count = 0, is = states[s->work_node];
    const uint32_t *parents = llmsched_dag_parents(q->profile->dag, t, &count);
    double before = 0;
    for (uint32_t p = 0; p < count; p++)
        before = fmax(before, ends(q, states, parents[p]));
    return before + (open_stage(q, t) && is > 0 ? s->spans[is - 1] : 0);
}

static double path(const llmsched_quantifier *q, const uint32_t *states, uint32_t kind)
{
    double longest = 0;
    (void)kind;
    for (uint32_t t = 0; t < q->profile->stage_count; t++)
        longest = fmax(longest, ends(q, states, t));
    return longest;
}

static double below(const struct all *all, double x)
{
    double sum = 0;
    for (size_t i = 0; i < all->count && all->points[i].value <= x; i++)
        sum += all->points[i].probability;
    return sum;
}

static double mean_of(const struct all *all)
{
    double sum = 0;
    for (size_t i = 0; i < all->count; i++)
        sum += all->points[i].probability * all->points[i].value;
    return sum;
}

/* --- a job ---------------------------------------------------------------------------------------
 */

struct job {
    llmsched_profile *profile;
    llmsched_quantifier *quantifier;
    llmsched_stage_evidence evidence[STAGES];
};

/* A start, three branches that depend on it, and a join; each with a spread of its own. */
static void fork_run(struct test_run *r, lls_random *random, uint32_t *joins)
{
    double hard = lls_random_uniform(random);
    *r = (struct test_run){.run = {.size = sizeof r->run, .app = "test", .stages = r->stages}};
    test_run_add(r, LLMSCHED_STAGE_LLM, "start", 1 + 3 * hard, 10);
    for (uint32_t k = 0; k < 3; k++) {
        static const char *const names[] = {"left", "middle", "right"};
        double spread = lls_random_uniform(random);
        test_run_add(r, LLMSCHED_STAGE_REGULAR, names[k], 1 + 2 * hard + (k + 1) * spread, 0);
        r->parents[1 + k] = 0;
        joins[k] = 1 + k;
    }
    test_run_add(r, LLMSCHED_STAGE_LLM, "join", 1 + lls_random_uniform(random), 10);
    r->stages[4].parents = joins;
    r->stages[4].parent_count = 3;
}

static llmsched_profile *fork_profile(uint32_t bins)
{
    llmsched_error err = {0};
    llmsched_profiler_options options = {.size = sizeof options, .bins = bins, .no_prompts = 1};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *profile = NULL;
    lls_random random;
    lls_random_seed(&random, 17);
    assert_ok(llmsched_profiler_create(context, "test", NULL, &options, &profiler, &err), err);
    for (uint32_t i = 0; i < 200; i++) {
        struct test_run r;
        uint32_t joins[3];
        fork_run(&r, &random, joins);
        assert_ok(llmsched_profiler_observe(profiler, &r.run, &err), err);
    }
    assert_ok(llmsched_profiler_fit(profiler, &profile, &err), err);
    llmsched_profiler_destroy(profiler);
    return profile;
}

static llmsched_profile *chain_profile(uint64_t seed, uint32_t bins)
{
    llmsched_error err = {0};
    llmsched_profiler_options options = {.size = sizeof options, .bins = bins, .no_prompts = 1};
    llmsched_profile *profile = NULL;
    assert_ok(test_profile(context, seed, 200, &options, &profile, &err), err);
    return profile;
}

/* Takes the profile over. */
static void job_open(struct job *job, llmsched_profile *profile,
                     const llmsched_quantifier_options *options)
{
    llmsched_error err = {0};
    job->profile = profile;
    assert_true(profile->stage_count <= STAGES);
    assert_ok(llmsched_quantifier_create(profile, options, &job->quantifier, &err), err);
    for (uint32_t t = 0; t < STAGES; t++)
        job->evidence[t] = (llmsched_stage_evidence){.size = sizeof job->evidence[t]};
}

static void tell(struct job *job)
{
    llmsched_error err = {0};
    assert_ok(llmsched_quantifier_set_evidence(job->quantifier, job->evidence,
                                               job->profile->stage_count, &err),
              err);
}

static void job_close(struct job *job)
{
    llmsched_quantifier_destroy(job->quantifier);
    llmsched_profile_release(job->profile);
}

static double values[ROOM], probabilities[ROOM];

static llmsched_distribution distribution(struct job *job, uint32_t kind)
{
    llmsched_error err = {0};
    llmsched_distribution d = {.size = sizeof d};
    assert_ok(llmsched_quantifier_distribution(job->quantifier, kind, values, probabilities, ROOM,
                                               &d, &err),
              err);
    assert_true(d.count >= 1 && d.count <= ROOM);
    double sum = 0, mean = 0;
    for (uint32_t i = 0; i < d.count; i++) {
        assert_true(probabilities[i] > 0 &&
                    (i == 0 || d.form == LLMSCHED_FORM_DRAWS || values[i] > values[i - 1]));
        sum += probabilities[i];
        mean += probabilities[i] * values[i];
    }
    assert_double_equal(sum, 1, 1e-12);
    if (d.form != LLMSCHED_FORM_DRAWS)
        assert_double_equal(mean, d.mean_s, d.level_error > 0 ? 1e-6 : 1e-9);
    return d;
}

/* --- tests ---------------------------------------------------------------------------------------
 */

/* Every point is within value_error of where it belongs, up to level_error. */
static void compare_sums(struct job *job, uint32_t kind, uint32_t form)
{
    struct all all;
    llmsched_distribution d = distribution(job, kind);
    enumerate(&all, job->quantifier, work, kind);
    assert_int_equal(d.form, form);
    assert_double_equal(d.mean_s, mean_of(&all), 1e-9);
    if (form == LLMSCHED_FORM_POINTS)
        assert_true(d.value_error_s == 0 && d.level_error == 0);
    double sum = 0, room = d.value_error_s + 1e-9;
    for (uint32_t i = 0; i < d.count; i++) {
        sum += probabilities[i];
        assert_true(sum >= below(&all, values[i] - room) - d.level_error - 1e-9);
        assert_true(sum <= below(&all, values[i] + room) + d.level_error + 1e-9);
    }
    free(all.points);
}

static void along_a_run(struct job *job, void (*check)(struct job *))
{
    llmsched_stage_evidence *e = job->evidence;
    tell(job);
    check(job);
    e[0].state = LLMSCHED_EVIDENCE_PRESENT;
    tell(job);
    check(job);
    e[0].state = LLMSCHED_EVIDENCE_FINISHED;
    e[0].work_s = 4.2;
    e[1].state = LLMSCHED_EVIDENCE_PRESENT;
    tell(job);
    check(job);
}

static void compare_points(struct job *job)
{
    for (uint32_t kind = 0; kind <= LLMSCHED_STAGE_REGULAR; kind++)
        compare_sums(job, kind, LLMSCHED_FORM_POINTS);
}

static void compare_grids(struct job *job)
{
    compare_sums(job, 0, LLMSCHED_FORM_GRID);
}

static void test_exact_points(void **state)
{
    (void)state;
    llmsched_quantifier_options options = {
        .size = sizeof options, .within = LLMSCHED_WITHIN_MEAN, .cells = 1024};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct job job;
        job_open(&job, chain_profile(seed, 2), &options);
        along_a_run(&job, compare_points);
        job_close(&job);
    }
}

/* More values than cells: the same on grids of several sizes. */
static void test_grid_of_means(void **state)
{
    (void)state;
    for (uint32_t cells = 64; cells <= 512; cells *= 2) {
        struct job job;
        llmsched_quantifier_options options = {
            .size = sizeof options, .within = LLMSCHED_WITHIN_MEAN, .cells = cells};
        job_open(&job, chain_profile(5, 4), &options);
        along_a_run(&job, compare_grids);
        job_close(&job);
    }
}

/*
 * The grid's probabilities themselves: each joint state's sum, its parts put on the grid one by one
 * between the two cells that each lies between.
 */
static void put_parts(const struct job *job, const uint32_t *states, uint32_t stage, double width,
                      double cell, double p, double *mass)
{
    const llmsched_quantifier *q = job->quantifier;
    if (stage == q->profile->stage_count) {
        mass[(size_t)cell] += p;
        return;
    }
    const lls_profiled_stage *s = &q->profile->stages[stage];
    uint32_t is = states[s->work_node];
    double least = q->evidence[stage].state == LLMSCHED_EVIDENCE_PRESENT ? s->bins[0].mean : 0;
    double at = open_stage(q, stage) && is > 0 ? (s->bins[is - 1].mean - least) / width : 0;
    double low = floor(at), high = at - low;
    put_parts(job, states, stage + 1, width, cell + low, p * (1 - high), mass);
    if (high > 0)
        put_parts(job, states, stage + 1, width, cell + low + 1, p * high, mass);
}

static void compare_cells(struct job *job)
{
    enum { CELLS = 64 };
    const llmsched_quantifier *q = job->quantifier;
    const llmsched_network *network = q->profile->network;
    double mass[2 * CELLS] = {0}, total = 0;
    llmsched_distribution d = distribution(job, 0);
    assert_int_equal(d.form, LLMSCHED_FORM_GRID);
    uint32_t states[STAGES] = {0}, parts = 0, nodes = llmsched_network_node_count(network);
    double origin = 0;
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        parts += open_stage(q, t);
        if (q->evidence[t].state == LLMSCHED_EVIDENCE_PRESENT)
            origin += q->profile->stages[t].bins[0].mean;
    }
    for (;;) {
        double p = agrees(q, states) ? prior(network, states) : 0;
        total += p;
        if (p > 0)
            put_parts(job, states, 0, d.value_error_s / parts, 0, p, mass);
        uint32_t i = nodes;
        while (i > 0 && ++states[i - 1] == llmsched_network_state_count(network, i - 1))
            states[--i] = 0;
        if (i == 0)
            break;
    }
    for (uint32_t i = 0; i < d.count; i++) {
        double cell = round((values[i] - origin) / (d.value_error_s / parts));
        assert_double_equal(values[i], origin + cell * d.value_error_s / parts, 1e-12);
        assert_double_equal(probabilities[i], mass[(size_t)cell] / total, 1e-9 + d.level_error);
    }
}

static void test_cells(void **state)
{
    (void)state;
    struct job job;
    llmsched_quantifier_options options = {
        .size = sizeof options, .within = LLMSCHED_WITHIN_MEAN, .cells = 64};
    job_open(&job, chain_profile(7, 4), &options);
    along_a_run(&job, compare_cells);
    job_close(&job);
}

/* Kolmogorov's distance to draws: within sqrt(ln(2 / alpha) / (2 n)), alpha = 1e-4 (Massart). */
static void compare_draws(struct job *job)
{
    static double drawn[ROOM];
    llmsched_error err = {0};
    llmsched_quantifier *q = job->quantifier;
    for (uint32_t kind = 0; kind <= LLMSCHED_STAGE_REGULAR; kind++) {
        q->options.draws = 1;
        llmsched_distribution sample = distribution(job, kind);
        assert_int_equal(sample.form, LLMSCHED_FORM_DRAWS);
        assert_double_equal(sample.level_error, 0.5 / sqrt(sample.count), 1e-12);
        memcpy(drawn, values, sample.count * sizeof *drawn);
        q->options.draws = 0;
        llmsched_distribution d = distribution(job, kind);
        assert_int_equal(d.form, d.count > 1 ? LLMSCHED_FORM_GRID : LLMSCHED_FORM_POINTS);
        assert_double_equal(d.mean_s, sample.mean_s, 0);
        double bound = sqrt(log(2 / 1e-4) / 2 / sample.count), sum = 0;
        for (uint32_t i = 0, low = 0, high = 0; i < d.count; i++) {
            sum += probabilities[i];
            while (low < sample.count && drawn[low] <= values[i] - d.value_error_s)
                low++;
            while (high < sample.count && drawn[high] <= values[i] + d.value_error_s)
                high++;
            assert_true(sum >= (double)low / sample.count - bound);
            assert_true(sum <= (double)high / sample.count + bound);
        }
        double levels[] = {0.1, 0.5, 0.9}, quantiles[3];
        assert_ok(llmsched_quantifier_quantiles(q, kind, levels, 3, quantiles, &err), err);
        for (uint32_t k = 0; k < 3; k++) {
            uint32_t i = 0;
            for (sum = probabilities[0]; sum < levels[k]; sum += probabilities[++i])
                continue;
            assert_double_equal(quantiles[k], values[i], 1e-12);
        }
    }
}

static void test_spread_against_draws(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct job job;
        llmsched_quantifier_options options = {
            .size = sizeof options, .samples = 50000, .cells = 2048, .seed = seed};
        job_open(&job, chain_profile(seed, 6), &options);
        along_a_run(&job, compare_draws);
        job.evidence[1].work_s = 0.9; /* an age inside a bin */
        tell(&job);
        compare_draws(&job);
        job_close(&job);
    }
}

/* Many stages: more cells than asked for, and the bound that is not a cell for each. */
static void test_many_stages(void **state)
{
    (void)state;
    enum { MANY = 24 };
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *profile = NULL;
    llmsched_quantifier_options options = {.size = sizeof options, .samples = 20000, .cells = 64};
    struct job job = {.profile = NULL};
    lls_random random;
    lls_random_seed(&random, 71);
    assert_ok(llmsched_profiler_create(context, "many", NULL, NULL, &profiler, &err), err);
    for (uint32_t r = 0; r < 100; r++) {
        llmsched_run_stage stages[MANY];
        char names[MANY][8];
        uint32_t parents[MANY];
        for (uint32_t i = 0; i < MANY; i++) {
            snprintf(names[i], sizeof names[i], "s%u", i);
            parents[i] = i - 1;
            stages[i] = (llmsched_run_stage){.size = sizeof stages[i],
                                             .kind = LLMSCHED_STAGE_REGULAR,
                                             .name = names[i],
                                             .parents = &parents[i],
                                             .parent_count = i > 0,
                                             .tasks = 1,
                                             .work_s = 1 + 9 * lls_random_uniform(&random)};
        }
        llmsched_run run = {
            .size = sizeof run, .app = "many", .stages = stages, .stage_count = MANY};
        assert_ok(llmsched_profiler_observe(profiler, &run, &err), err);
    }
    assert_ok(llmsched_profiler_fit(profiler, &profile, &err), err);
    llmsched_profiler_destroy(profiler);
    assert_int_equal(profile->stage_count, MANY);
    job.profile = profile;
    assert_ok(llmsched_quantifier_create(profile, &options, &job.quantifier, &err), err);
    llmsched_distribution d = distribution(&job, 0);
    assert_true(d.count > 64);
    assert_double_equal(d.value_error_s / (values[1] - values[0]), sqrt(MANY * log(1e9) / 2), 1e-6);
    assert_double_equal(d.level_error, 2e-9, 1e-12);
    compare_draws(&job);
    job_close(&job);
}

static void test_law(void **state)
{
    (void)state;
    enum { STEPS = 20000 };
    static const lls_law laws[] = {{1, 2, 6}, {0, 3, 3}, {2, 2, 5}, {4, 4, 4}, {0.5, 0.6, 0.7}};
    for (uint32_t i = 0; i < LLS_COUNT(laws); i++) {
        double mean = 0, shortfall = 0, exponential = 0;
        for (uint32_t a = 0; a < STEPS; a++) {
            for (uint32_t b = 0; b < 2; b++) {
                /* Both sides at even steps, each by its probability. */
                double side = b == 0 ? 0 : 1, at = (a + 0.5) / STEPS;
                double lower = laws[i].most > laws[i].least
                                   ? (laws[i].most - laws[i].mean) / (laws[i].most - laws[i].least)
                                   : 1;
                double x = lls_law_draw(&laws[i], side, at);
                double p = (b == 0 ? lower : 1 - lower) / STEPS;
                mean += p * x;
                shortfall += p * fmax(0, 2.7 - x);
                exponential += p * exp(0.8 * x);
            }
        }
        assert_double_equal(mean, laws[i].mean, 1e-8);
        assert_double_equal(lls_law_shortfall(&laws[i], 2.7), shortfall, 1e-8);
        assert_double_equal(lls_law_exponential(&laws[i], 0.8), exponential, 1e-7);
        assert_double_equal(lls_law_exponential(&laws[i], 0), 1, 1e-15);
    }
}

/* --- the critical path
 * ----------------------------------------------------------------------------- */

static llmsched_distribution path_of(struct job *job, double *quantiles)
{
    static const double levels[] = {0.1, 0.5, 0.9};
    llmsched_error err = {0};
    llmsched_distribution d = {.size = sizeof d};
    double mean = -1;
    assert_ok(llmsched_quantifier_path(job->quantifier, levels, 3, quantiles, &d, &err), err);
    assert_ok(llmsched_quantifier_critical_path(job->quantifier, &mean, &err), err);
    assert_double_equal(mean, d.mean_s, 0);
    return d;
}

static void compare_paths(struct job *job)
{
    double exact[3], drawn[3];
    struct all all;
    enumerate(&all, job->quantifier, path, 0);
    llmsched_distribution d = path_of(job, exact);
    assert_int_equal(d.form, LLMSCHED_FORM_POINTS);
    assert_double_equal(d.mean_s, mean_of(&all), 1e-9);
    assert_double_equal(d.mean_error_s, 0, 0);
    for (uint32_t k = 0; k < 3; k++) {
        double level = k == 0 ? 0.1 : k == 1 ? 0.5 : 0.9;
        assert_true(below(&all, exact[k] + 1e-9) >= level - 1e-12);
        assert_true(below(&all, exact[k] - 1e-9) < level);
    }
    job->quantifier->options.draws = 1;
    llmsched_distribution sample = path_of(job, drawn);
    job->quantifier->options.draws = 0;
    assert_int_equal(sample.form, LLMSCHED_FORM_DRAWS);
    assert_true(sample.mean_error_s > 0 && sample.mean_error_s < 0.1);
    assert_true(fabs(sample.mean_s - d.mean_s) <= 4 * sample.mean_error_s);
    for (uint32_t k = 0; k < 3; k++) {
        double level = k == 0 ? 0.1 : k == 1 ? 0.5 : 0.9;
        assert_true(below(&all, drawn[k] + 1e-9) >= level - 4 * sample.level_error);
        assert_true(below(&all, drawn[k] - 1e-9) <= level + 4 * sample.level_error);
    }
    free(all.points);
}

static void test_path_of_few_states(void **state)
{
    (void)state;
    struct job job;
    llmsched_quantifier_options options = {.size = sizeof options, .samples = 4000};
    job_open(&job, fork_profile(3), &options);
    assert_int_equal(job.profile->stage_count, 5);
    along_a_run(&job, compare_paths);
    job_close(&job);
    job_open(&job, chain_profile(2, 3), &options);
    along_a_run(&job, compare_paths);
    job_close(&job);
}

static void test_path_of_a_chain(void **state)
{
    (void)state;
    struct job job;
    struct all all;
    double quantiles[3];
    job_open(&job, chain_profile(2, 6), NULL);
    tell(&job);
    llmsched_distribution d = path_of(&job, quantiles);
    assert_int_equal(d.form, LLMSCHED_FORM_GRID);
    enumerate(&all, job.quantifier, path, 0);
    assert_double_equal(d.mean_s, mean_of(&all), 1e-6);
    for (uint32_t k = 0; k < 3; k++) {
        double level = k == 0 ? 0.1 : k == 1 ? 0.5 : 0.9, room = d.value_error_s + 1e-9;
        assert_true(below(&all, quantiles[k] + room) >= level - 1e-6);
        assert_true(below(&all, quantiles[k] - room) < level + 1e-6);
    }
    free(all.points);
    job_close(&job);
}

static void test_path_of_many_states(void **state)
{
    (void)state;
    struct job job;
    struct all all;
    double quantiles[3];
    llmsched_quantifier_options options = {.size = sizeof options, .samples = 4000};
    job_open(&job, fork_profile(8), &options);
    tell(&job);
    llmsched_distribution d = path_of(&job, quantiles);
    assert_int_equal(d.form, LLMSCHED_FORM_DRAWS);
    enumerate(&all, job.quantifier, path, 0);
    assert_true(fabs(d.mean_s - mean_of(&all)) <= 4 * d.mean_error_s);
    free(all.points);
    job_close(&job);
}

/* --- limits
 * ------------------------------------------------------------------------------------------ */

static void test_nothing_left(void **state)
{
    (void)state;
    struct job job;
    double quantiles[3];
    job_open(&job, chain_profile(3, 3), NULL);
    for (uint32_t t = 0; t < job.profile->stage_count; t++) {
        job.evidence[t].state = LLMSCHED_EVIDENCE_FINISHED;
        job.evidence[t].work_s = 1;
    }
    tell(&job);
    llmsched_distribution d = distribution(&job, 0);
    assert_int_equal(d.form, LLMSCHED_FORM_POINTS);
    assert_int_equal(d.count, 1);
    assert_true(values[0] == 0 && d.mean_s == 0);
    d = path_of(&job, quantiles);
    assert_true(d.count == 1 && quantiles[0] == 0 && quantiles[2] == 0);
    job_close(&job);
}

/* More than the context allows: refused, and quantiles are drawn. */
static void test_too_wide(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct job job;
    llmsched_distribution d = {.size = sizeof d};
    double level = 0.5, median = -1, drawn = -2;
    llmsched_context_options small = {.size = sizeof small, .max_table = 1024};
    llmsched_context *c = NULL;
    llmsched_profile *profile = NULL;
    assert_ok(llmsched_context_create(&small, &c, &err), err);
    assert_ok(test_profile(c, 3, 200, NULL, &profile, &err), err);
    llmsched_context_destroy(c);
    job_open(&job, profile, NULL);
    tell(&job);
    values[0] = -7;
    assert_fails(
        LLMSCHED_ERROR_LIMIT, "too wide",
        llmsched_quantifier_distribution(job.quantifier, 0, values, probabilities, ROOM, &d, &err),
        err);
    assert_true(values[0] == -7 && d.count == 0);
    assert_ok(llmsched_quantifier_quantiles(job.quantifier, 0, &level, 1, &median, &err), err);
    job.quantifier->options.draws = 1;
    assert_ok(llmsched_quantifier_quantiles(job.quantifier, 0, &level, 1, &drawn, &err), err);
    assert_double_equal(median, drawn, 0);
    job_close(&job);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct job job;
    llmsched_distribution d = {.size = sizeof d};
    double level = 0.5, bad = 1, quantile = -1;
    job_open(&job, chain_profile(3, 3), NULL);
    llmsched_quantifier *q = job.quantifier;
    tell(&job);
    values[0] = -7;
    assert_fails(LLMSCHED_ERROR_LIMIT, "room for 2",
                 llmsched_quantifier_distribution(q, 0, values, probabilities, 2, &d, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_quantifier_distribution(NULL, 0, values, probabilities, ROOM, &d, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_quantifier_distribution(q, 0, NULL, probabilities, ROOM, &d, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_quantifier_distribution(q, 0, values, NULL, ROOM, &d, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_quantifier_distribution(q, 0, values, probabilities, ROOM, NULL, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "kind",
                 llmsched_quantifier_distribution(q, 3, values, probabilities, ROOM, &d, &err),
                 err);
    d.size = 4;
    assert_status(LLMSCHED_ERROR_VERSION,
                  llmsched_quantifier_distribution(q, 0, values, probabilities, ROOM, &d, &err),
                  err);
    assert_status(LLMSCHED_ERROR_VERSION, llmsched_quantifier_path(q, NULL, 0, NULL, &d, &err),
                  err);
    d.size = sizeof d;
    assert_true(values[0] == -7);
    assert_fails(LLMSCHED_ERROR_INVALID, "levels[0]",
                 llmsched_quantifier_path(q, &bad, 1, &quantile, &d, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_quantifier_path(q, &level, 1, NULL, &d, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_quantifier_path(q, &level, 1, &quantile, NULL, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "levels",
                 llmsched_quantifier_quantiles(q, 0, NULL, 1, &quantile, &err), err);
    assert_true(quantile == -1 && d.count == 0);
    job_close(&job);
}

static void test_bad_options(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_quantifier *q = NULL;
    llmsched_profile *profile = chain_profile(3, 3);
    static const uint32_t cells[] = {1, 63, 65, 131072};
    for (uint32_t i = 0; i < LLS_COUNT(cells); i++) {
        llmsched_quantifier_options o = {.size = sizeof o, .cells = cells[i]};
        assert_fails(LLMSCHED_ERROR_INVALID, "cells",
                     llmsched_quantifier_create(profile, &o, &q, &err), err);
    }
    llmsched_quantifier_options o = {.size = sizeof o, .within = 2};
    assert_fails(LLMSCHED_ERROR_INVALID, "within",
                 llmsched_quantifier_create(profile, &o, &q, &err), err);
    o = (llmsched_quantifier_options){.size = sizeof o, .draws = 2};
    assert_fails(LLMSCHED_ERROR_INVALID, "draws", llmsched_quantifier_create(profile, &o, &q, &err),
                 err);
    /* As the options were before these fields came. */
    o = (llmsched_quantifier_options){.size = offsetof(llmsched_quantifier_options, draws)};
    assert_ok(llmsched_quantifier_create(profile, &o, &q, &err), err);
    llmsched_quantifier_destroy(q);
    llmsched_profile_release(profile);
}

static llmsched_status scenario(llmsched_context *c, llmsched_error *err)
{
    static double v[512], p[512];
    llmsched_profile *profile = NULL;
    llmsched_quantifier *q = NULL;
    llmsched_distribution d = {.size = sizeof d};
    double level = 0.5, quantile = 0;
    llmsched_profiler_options options = {.size = sizeof options, .bins = 2, .no_prompts = 1};
    llmsched_status status = test_profile(c, 4, 40, &options, &profile, err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_create(profile, NULL, &q, err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_distribution(q, 0, v, p, 512, &d, err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_quantiles(q, 1, &level, 1, &quantile, err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_path(q, &level, 1, &quantile, &d, err);
    llmsched_quantifier_destroy(q);
    llmsched_profile_release(profile);
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
        cmocka_unit_test(test_exact_points),
        cmocka_unit_test(test_grid_of_means),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_spread_against_draws),
        cmocka_unit_test(test_many_stages),
        cmocka_unit_test(test_law),
        cmocka_unit_test(test_path_of_few_states),
        cmocka_unit_test(test_path_of_a_chain),
        cmocka_unit_test(test_path_of_many_states),
        cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_too_wide),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
