/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calculator: its making, its evidence, and the answers that need one pass.
 */
#include "bayes/inference.h"

#include <math.h>
#include <string.h>

/* --- lifetime ---------------------------------------------------------------------- */

static bool allocate_evidence(llmsched_inference *inf)
{
    const llmsched_context *c = inf->context;
    size_t n = inf->network->count, states = inf->network->state_offset[n];
    return (inf->observed = lls_calloc_counted(c, n, sizeof *inf->observed, &inf->bytes)) != NULL &&
           (inf->soft = lls_calloc_counted(c, n, sizeof *inf->soft, &inf->bytes)) != NULL &&
           (inf->applied = lls_calloc_counted(c, n, sizeof *inf->applied, &inf->bytes)) != NULL &&
           (inf->touched = lls_calloc_counted(c, n, sizeof *inf->touched, &inf->bytes)) != NULL &&
           (inf->likelihoods =
                lls_calloc_counted(c, states, sizeof *inf->likelihoods, &inf->bytes)) != NULL &&
           (inf->likelihood_exponents =
                lls_calloc_counted(c, n, sizeof *inf->likelihood_exponents, &inf->bytes)) != NULL &&
           (inf->told = lls_calloc_counted(c, states, sizeof *inf->told, &inf->bytes)) != NULL;
}

static bool allocate_results(llmsched_inference *inf)
{
    const llmsched_context *c = inf->context;
    const lls_tree *t = &inf->tree;
    return (inf->states = lls_calloc_counted(c, t->count, sizeof *inf->states, &inf->bytes)) !=
               NULL &&
           (inf->cliques = lls_calloc_counted(c, t->clique_size, sizeof(double), &inf->bytes)) !=
               NULL &&
           (inf->messages = lls_calloc_counted(c, t->message_size, sizeof(double), &inf->bytes)) !=
               NULL &&
           (inf->message_exponents =
                lls_calloc_counted(c, t->message_size, sizeof(double), &inf->bytes)) != NULL &&
           (inf->operands = lls_calloc_counted(c, t->operand_size, sizeof *inf->operands,
                                               &inf->bytes)) != NULL &&
           (inf->loops = lls_calloc_counted(c, t->loop_size, sizeof *inf->loops, &inf->bytes)) !=
               NULL &&
           (inf->beliefs = lls_calloc_counted(c, t->message_size, sizeof(double), &inf->bytes)) !=
               NULL &&
           (inf->ratio =
                lls_calloc_counted(c, t->largest_separator, sizeof(double), &inf->bytes)) != NULL &&
           (inf->means = lls_calloc_counted(c, t->message_size, sizeof(double), &inf->bytes)) !=
               NULL &&
           (inf->variances = lls_calloc_counted(c, t->message_size, sizeof(double), &inf->bytes)) !=
               NULL &&
           (inf->varies = lls_calloc_counted(c, t->count, sizeof *inf->varies, &inf->bytes)) !=
               NULL &&
           (inf->clique = lls_calloc_counted(c, t->largest_clique, sizeof(double), &inf->bytes)) !=
               NULL &&
           (inf->family = lls_calloc_counted(c, t->largest_family + 1, sizeof(double),
                                             &inf->bytes)) != NULL &&
           (inf->list = lls_calloc_counted(c, t->count, sizeof *inf->list, &inf->bytes)) != NULL;
}

static void start(llmsched_inference *inf)
{
    for (uint32_t i = 0; i < inf->network->count; i++) {
        inf->observed[i] = LLS_NONE32;
        inf->applied[i] = LLS_APPLIED_NEVER;
    }
    inf->stale = true;
    inf->outcome = LLS_OUTCOME_NONE;
}

llmsched_status llmsched_inference_create(const llmsched_network *network,
                                          llmsched_inference **inference, llmsched_error *err)
{
    if (network == NULL || inference == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "inference: %s is NULL",
                        network == NULL ? "network" : "inference");
    llmsched_inference *inf = lls_calloc(network->context, 1, sizeof *inf);
    if (inf == NULL)
        return lls_fail_memory(err);
    inf->context = lls_context_retain(network->context);
    inf->network = llmsched_network_retain(network);
    llmsched_status status = lls_tree_compile(network, &inf->tree, err);
    if (status == LLMSCHED_OK && !(allocate_evidence(inf) && allocate_results(inf) &&
                                   lls_joint_init(&inf->joint, inf->context, network->count)))
        status = lls_fail_memory(err);
    if (status != LLMSCHED_OK) {
        llmsched_inference_destroy(inf);
        return status;
    }
    start(inf);
    status = lls_posterior_compile(inf, err);
    if (status != LLMSCHED_OK) {
        llmsched_inference_destroy(inf);
        return status;
    }
    *inference = inf;
    return LLMSCHED_OK;
}

void llmsched_inference_destroy(llmsched_inference *inference)
{
    if (inference == NULL)
        return;
    llmsched_context *c = inference->context;
    lls_batch_finish(&inference->batch, c);
    lls_path_finish(&inference->path, c);
    lls_posterior_finish(&inference->posterior, c);
    lls_joint_finish(&inference->joint);
    lls_free(c, inference->list);
    lls_free(c, inference->family);
    lls_free(c, inference->clique);
    lls_free(c, inference->varies);
    lls_free(c, inference->variances);
    lls_free(c, inference->means);
    lls_free(c, inference->ratio);
    lls_free(c, inference->beliefs);
    lls_free(c, inference->loops);
    lls_free(c, inference->operands);
    lls_free(c, inference->message_exponents);
    lls_free(c, inference->messages);
    lls_free(c, inference->cliques);
    lls_free(c, inference->states);
    lls_free(c, inference->told);
    lls_free(c, inference->likelihood_exponents);
    lls_free(c, inference->likelihoods);
    lls_free(c, inference->touched);
    lls_free(c, inference->applied);
    lls_free(c, inference->soft);
    lls_free(c, inference->observed);
    lls_tree_finish(&inference->tree, c);
    llmsched_network_release(inference->network);
    lls_free(c, inference);
    lls_context_release(c);
}

uint64_t llmsched_inference_bytes(const llmsched_inference *inference)
{
    if (inference == NULL)
        return 0;
    return sizeof *inference + inference->bytes + inference->tree.bytes +
           inference->posterior.bytes;
}

/* --- evidence ------------------------------------------------------------------------ */

llmsched_status lls_check_node(const llmsched_inference *inference, uint32_t node, const char *what,
                               llmsched_error *err)
{
    if (inference == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: inference is NULL", what);
    if (node >= inference->network->count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND,
                        "%s: no node %u, the network has %u (numbered from 0)", what, node,
                        inference->network->count);
    return LLMSCHED_OK;
}

/*
 * Clearing and saying the same again is how callers like to work, so nothing is thrown away here:
 * collect compares the evidence with what it saw last.
 */
void llmsched_inference_clear(llmsched_inference *inference)
{
    if (inference == NULL)
        return;
    for (uint32_t i = 0; i < inference->network->count; i++) {
        inference->observed[i] = LLS_NONE32;
        inference->soft[i] = false;
    }
    inference->stale = inference->posterior.stale = true;
}

llmsched_status llmsched_inference_set_state(llmsched_inference *inference, uint32_t node,
                                             uint32_t state, llmsched_error *err)
{
    llmsched_status status = lls_check_node(inference, node, "set state", err);
    if (status != LLMSCHED_OK)
        return status;
    if (state >= lls_states(inference->network, node))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "set state: node %u \"%.60s\" has no state %u, only 0 to %u", node,
                        inference->network->names[node], state,
                        lls_states(inference->network, node) - 1);
    inference->observed[node] = state;
    inference->soft[node] = false;
    inference->stale = inference->posterior.stale = true;
    return LLMSCHED_OK;
}

static llmsched_status check_likelihood(const llmsched_inference *inf, uint32_t node,
                                        const double *likelihood, uint32_t count,
                                        llmsched_error *err)
{
    bool positive = false;
    if (likelihood == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "set likelihood: likelihood is NULL");
    if (count != lls_states(inf->network, node))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "set likelihood: %u values for node %u \"%.60s\", which has %u states",
                        count, node, inf->network->names[node], lls_states(inf->network, node));
    for (uint32_t s = 0; s < count; s++) {
        if (!isfinite(likelihood[s]) || likelihood[s] < 0.0)
            return lls_fail(
                err, LLMSCHED_ERROR_INVALID,
                "set likelihood: value %u for node %u \"%.60s\" is %g, expected a finite "
                "number >= 0",
                s, node, inf->network->names[node], likelihood[s]);
        positive |= likelihood[s] > 0.0;
    }
    if (!positive)
        return lls_fail(
            err, LLMSCHED_ERROR_INVALID,
            "set likelihood: all values for node %u \"%.60s\" are 0, one must be positive", node,
            inf->network->names[node]);
    return LLMSCHED_OK;
}

llmsched_status llmsched_inference_set_likelihood(llmsched_inference *inference, uint32_t node,
                                                  const double *likelihood, uint32_t count,
                                                  llmsched_error *err)
{
    llmsched_status status = lls_check_node(inference, node, "set likelihood", err);
    if (status == LLMSCHED_OK)
        status = check_likelihood(inference, node, likelihood, count, err);
    if (status != LLMSCHED_OK)
        return status;
    double *kept = inference->likelihoods + inference->network->state_offset[node];
    double *told = inference->told + inference->network->state_offset[node];
    double largest = 0.0;
    int exponent;
    for (uint32_t s = 0; s < count; s++)
        largest = fmax(largest, likelihood[s]);
    (void)frexp(largest, &exponent);
    inference->likelihood_exponents[node] = exponent;
    for (uint32_t s = 0; s < count; s++) {
        if (told[s] < likelihood[s] || told[s] > likelihood[s])
            inference->touched[node] = true;
        told[s] = likelihood[s];
        kept[s] = ldexp(likelihood[s], -exponent);
    }
    inference->soft[node] = true;
    inference->observed[node] = LLS_NONE32;
    inference->stale = inference->posterior.stale = true;
    return LLMSCHED_OK;
}

/* --- answers --------------------------------------------------------------------------- */

llmsched_status llmsched_inference_log_probability(llmsched_inference *inference,
                                                   double *log_probability, llmsched_error *err)
{
    if (inference == NULL || log_probability == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "log probability: %s is NULL",
                        inference == NULL ? "inference" : "log_probability");
    if (lls_posterior_update(inference)) {
        *log_probability = lls_posterior_log_probability(inference);
        return LLMSCHED_OK;
    }
    llmsched_status status = lls_collect(inference, err);
    if (status == LLMSCHED_OK)
        *log_probability = inference->log_probability;
    return status;
}

llmsched_status llmsched_inference_marginal(llmsched_inference *inference, uint32_t node,
                                            double *probabilities, uint32_t count,
                                            llmsched_error *err)
{
    llmsched_status status = lls_check_node(inference, node, "marginal", err);
    if (status != LLMSCHED_OK)
        return status;
    if (probabilities == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "marginal: probabilities is NULL");
    if (count != lls_states(inference->network, node))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "marginal: room for %u values, node %u \"%.60s\" has %u states", count,
                        node, inference->network->names[node],
                        lls_states(inference->network, node));
    if (lls_pruned_marginal(inference, node, probabilities))
        return LLMSCHED_OK;
    if (lls_posterior_update(inference)) {
        lls_posterior_marginal(inference, node, probabilities);
        return LLMSCHED_OK;
    }
    status = lls_collect(inference, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_believe(inference, inference->tree.bucket_of[node]);
    lls_node_marginal(inference, node, probabilities);
    return LLMSCHED_OK;
}

llmsched_status llmsched_inference_marginals(llmsched_inference *inference, double *probabilities,
                                             uint64_t size, llmsched_error *err)
{
    if (inference == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "marginals: inference is NULL");
    uint32_t states = inference->network->state_offset[inference->network->count];
    if (probabilities == NULL && states > 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "marginals: probabilities is NULL");
    if (size != states)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "marginals: room for %llu values, the nodes have %u states together",
                        (unsigned long long)size, states);
    return lls_inference_marginals(inference, probabilities, err);
}

const uint32_t *lls_inference_offsets(const llmsched_inference *inference)
{
    return inference->network->state_offset;
}

llmsched_status lls_inference_marginals(llmsched_inference *inference, double *out,
                                        llmsched_error *err)
{
    if (lls_posterior_update(inference)) {
        lls_posterior_marginals(inference, out);
        return LLMSCHED_OK;
    }
    llmsched_status status = lls_collect(inference, err);
    if (status == LLMSCHED_OK)
        lls_believe_all(inference, out);
    return status;
}
