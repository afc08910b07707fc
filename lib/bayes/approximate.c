/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marginals by likelihood weighting, for networks too wide for exact answers. Each draw goes from
 * causes to effects: a node's state from P(state | parents) * likelihood(state), the draw's weight
 * times their sum; hard evidence is a likelihood of one state. With w the weights,
 *
 *     p = sum of w over the draws in the state / sum of w
 *     error^2 = sum of w^2 (1[in the state] - p)^2 / (sum of w)^2 + 1 / effective^2
 *     effective = (sum of w)^2 / sum of w^2
 *
 * the first term the delta method's variance of a quotient; the second keeps a state that no draw,
 * or every draw, is in from being called certain.
 */
#include "bayes/graph.h"

#include <math.h>

#define DEFAULT_SAMPLES 10000u
#define MOST_SAMPLES (UINT64_C(1) << 40)

typedef struct draws {
    const llmsched_network *network;
    const uint32_t *observed;  /* may be NULL */
    const double *likelihoods; /* may be NULL */
    uint32_t *order, *states;  /* per node */
    double *weights;           /* states of one node */
    /* Over the draws so far, in units of exp(scale) and exp(2 scale). */
    double *sums, *squares; /* per state */
    double sum, square, scale;
} draws;

/* --- one draw ------------------------------------------------------------------------------- */

static const double *table_row(const draws *d, uint32_t node)
{
    const llmsched_network *n = d->network;
    size_t row = 0;
    for (uint32_t p = n->parent_offset[node]; p < n->parent_offset[node + 1]; p++)
        row = row * lls_states(n, n->parents[p]) + d->states[n->parents[p]];
    return n->tables + n->table_offset[node] + row * lls_states(n, node);
}

/* The first state at which the running sum passes u; of those with weight, the last when rounding
 * left none. */
static uint32_t pick(const double *weights, uint32_t count, double u)
{
    double sum = 0.0;
    uint32_t last = 0;
    for (uint32_t s = 0; s < count; s++) {
        if (!(weights[s] > 0.0))
            continue;
        last = s;
        sum += weights[s];
        if (u < sum)
            break;
    }
    return last;
}

/* Sets the node's state; returns the factor of the weight. */
static double draw_node(draws *d, uint32_t node, lls_random *random)
{
    const double *row = table_row(d, node);
    uint32_t count = lls_states(d->network, node);
    if (d->observed != NULL && d->observed[node] != LLS_NONE32) {
        d->states[node] = d->observed[node];
        return row[d->observed[node]];
    }
    double u = lls_random_uniform(random), total = 0.0;
    if (d->likelihoods == NULL) {
        d->states[node] = pick(row, count, u);
        return 1.0;
    }
    const double *likelihood = d->likelihoods + d->network->state_offset[node];
    for (uint32_t s = 0; s < count; s++)
        total += d->weights[s] = row[s] * likelihood[s];
    d->states[node] = pick(d->weights, count, u * total);
    return total;
}

/* A weight above all before it is the new unit. */
static double in_units(draws *d, double log_weight)
{
    if (log_weight > d->scale) {
        double shrink = exp(d->scale - log_weight);
        uint32_t states = d->network->state_offset[d->network->count];
        for (uint32_t s = 0; s < states; s++) {
            d->sums[s] *= shrink;
            d->squares[s] *= shrink * shrink;
        }
        d->sum *= shrink;
        d->square *= shrink * shrink;
        d->scale = log_weight;
    }
    return exp(log_weight - d->scale);
}

static void draw(draws *d, lls_random *random)
{
    const llmsched_network *n = d->network;
    double log_weight = 0.0;
    bool possible = true;
    for (uint32_t i = 0; i < n->count; i++) {
        double factor = draw_node(d, d->order[i], random);
        if (factor > 0.0)
            log_weight += log(factor);
        else
            possible = false;
    }
    if (!possible)
        return;
    double weight = in_units(d, log_weight);
    d->sum += weight;
    d->square += weight * weight;
    for (uint32_t i = 0; i < n->count; i++) {
        d->sums[n->state_offset[i] + d->states[i]] += weight;
        d->squares[n->state_offset[i] + d->states[i]] += weight * weight;
    }
}

/* --- the call --------------------------------------------------------------------------------- */

static llmsched_status check_likelihood(const llmsched_network *n, uint32_t node,
                                        const double *likelihood, llmsched_error *err)
{
    bool positive = false;
    for (uint32_t s = 0; s < lls_states(n, node); s++) {
        if (!isfinite(likelihood[s]) || likelihood[s] < 0.0)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "approximate: likelihood %u of node %u \"%.60s\" is %g, expected a "
                            "finite number >= 0",
                            s, node, n->names[node], likelihood[s]);
        positive |= likelihood[s] > 0.0;
    }
    if (!positive)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "approximate: all likelihoods of node %u \"%.60s\" are 0, one must be "
                        "positive",
                        node, n->names[node]);
    return LLMSCHED_OK;
}

static llmsched_status check_evidence(const llmsched_network *n, const uint32_t *observed,
                                      const double *likelihoods, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t i = 0; i < n->count && status == LLMSCHED_OK; i++) {
        if (observed != NULL && observed[i] != LLS_NONE32 && observed[i] >= lls_states(n, i))
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "approximate: node %u \"%.60s\" has no state %u", i, n->names[i],
                            observed[i]);
        if (likelihoods != NULL)
            status = check_likelihood(n, i, likelihoods + n->state_offset[i], err);
    }
    return status;
}

static bool allocate(draws *d)
{
    const llmsched_network *n = d->network;
    const llmsched_context *c = n->context;
    size_t states = n->state_offset[n->count];
    return (d->order = lls_calloc(c, n->count, sizeof *d->order)) != NULL &&
           (d->states = lls_calloc(c, n->count, sizeof *d->states)) != NULL &&
           (d->weights = lls_calloc(c, states, sizeof *d->weights)) != NULL &&
           (d->sums = lls_calloc(c, states, sizeof *d->sums)) != NULL &&
           (d->squares = lls_calloc(c, states, sizeof *d->squares)) != NULL;
}

static void release(draws *d)
{
    const llmsched_context *c = d->network->context;
    lls_free(c, d->order);
    lls_free(c, d->states);
    lls_free(c, d->weights);
    lls_free(c, d->sums);
    lls_free(c, d->squares);
}

static void read_answers(const draws *d, double *probabilities, double *errors)
{
    double effective = d->sum * d->sum / d->square;
    for (uint32_t i = 0; i < d->network->count; i++) {
        bool known = d->observed != NULL && d->observed[i] != LLS_NONE32;
        for (uint32_t s = d->network->state_offset[i]; s < d->network->state_offset[i + 1]; s++) {
            double p = d->sums[s] / d->sum;
            double spread = (1.0 - 2.0 * p) * d->squares[s] + p * p * d->square;
            probabilities[s] = p;
            errors[s] =
                known ? 0.0
                      : sqrt(fmax(0.0, spread) / (d->sum * d->sum) + 1.0 / (effective * effective));
        }
    }
}

static llmsched_status run(draws *d, uint64_t samples, uint64_t seed,
                           llmsched_approximation *result, llmsched_error *err)
{
    lls_random random;
    lls_network_order(d->network, d->order, d->states);
    lls_random_seed(&random, seed);
    d->scale = -INFINITY;
    for (uint64_t i = 0; i < samples; i++)
        draw(d, &random);
    if (!(d->sum > 0.0))
        return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                        "approximate: none of %llu draws agrees with the evidence, which is "
                        "impossible or needs more of them",
                        (unsigned long long)samples);
    llmsched_approximation now = {.size = sizeof now, .samples = samples};
    now.effective = d->sum * d->sum / d->square;
    now.log_probability = log(d->sum / (double)samples) + d->scale;
    now.log_probability_error = sqrt(fmax(0.0, 1.0 / now.effective - 1.0 / (double)samples));
    return lls_sized_out(result, &now, sizeof now, sizeof now, "llmsched_approximation", err);
}

llmsched_status llmsched_network_approximate(const llmsched_network *network,
                                             const uint32_t *states, const double *likelihoods,
                                             const llmsched_approximate_options *given,
                                             double *probabilities, double *errors, uint64_t size,
                                             llmsched_approximation *result, llmsched_error *err)
{
    llmsched_approximate_options options;
    if (network == NULL || probabilities == NULL || errors == NULL || result == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "approximate: network, probabilities, errors and result must not be NULL");
    llmsched_status status = lls_sized_in(&options, sizeof options, given, sizeof options,
                                          "llmsched_approximate_options", err);
    if (status == LLMSCHED_OK && size != network->state_offset[network->count])
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "approximate: room for %llu values, the nodes have %u states together",
                        (unsigned long long)size, network->state_offset[network->count]);
    if (status == LLMSCHED_OK && options.samples > MOST_SAMPLES)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "approximate: samples must be at most 2^40");
    if (status == LLMSCHED_OK)
        status = check_evidence(network, states, likelihoods, err);
    if (status != LLMSCHED_OK)
        return status;
    draws d = {.network = network, .observed = states, .likelihoods = likelihoods};
    uint64_t samples = options.samples > 0 ? options.samples : DEFAULT_SAMPLES;
    status = allocate(&d) ? run(&d, samples, options.seed, result, err) : lls_fail_memory(err);
    if (status == LLMSCHED_OK)
        read_answers(&d, probabilities, errors);
    release(&d);
    return status;
}
