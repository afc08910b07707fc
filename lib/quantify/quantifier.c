/* SPDX-License-Identifier: Apache-2.0 */
/* Making and ending a quantifier. */
#include "quantify/internal.h"

#include <string.h>

#define LEAST_CELLS 64u
#define MOST_CELLS 65536u
#define DEFAULT_CELLS 512u

static llmsched_status check_options(llmsched_quantifier_options *o, llmsched_error *err)
{
    if (o->horizon > 8 || o->samples > (1u << 20) || !(o->support >= 0 && o->support < 1))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "quantifier options: horizon must be at most 8, samples at most 2^20, "
                        "support in [0, 1)");
    if (o->draws > 1 || o->within > LLMSCHED_WITHIN_MEAN || o->cells > MOST_CELLS ||
        (o->cells & (o->cells - 1)) != 0 || (o->cells > 0 && o->cells < LEAST_CELLS))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "quantifier options: draws must be 0 or 1, within one of "
                        "LLMSCHED_WITHIN_*, cells a power of two from %u to %u, or 0",
                        LEAST_CELLS, MOST_CELLS);
    o->cells = o->cells > 0 ? o->cells : DEFAULT_CELLS;
    o->horizon = o->horizon > 0 ? o->horizon : 4;
    o->samples = o->samples > 0 ? o->samples : 512;
    o->support = o->support > 0 ? o->support : 0.01;
    return LLMSCHED_OK;
}

static bool allocate(llmsched_quantifier *q)
{
    const llmsched_context *c = q->context;
    uint32_t stages = q->profile->stage_count;
    uint32_t nodes = llmsched_network_node_count(q->profile->network);
    size_t states = q->offsets[nodes];
    uint32_t arcs = 0, parents = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        (void)llmsched_network_parents(q->profile->network, i, &parents);
        arcs += parents;
    }
    q->evidence = lls_calloc(c, stages, sizeof *q->evidence);
    q->incoming = lls_calloc(c, stages, sizeof *q->incoming);
    q->marginals = lls_calloc(c, states, sizeof *q->marginals);
    q->values = lls_calloc(c, states, sizeof *q->values);
    q->queue = lls_calloc(c, stages > nodes ? stages : nodes, sizeof *q->queue);
    q->reached = lls_calloc(c, stages > nodes ? stages : nodes, 1);
    q->node_stage = lls_calloc(c, nodes, sizeof *q->node_stage);
    q->child_start = lls_calloc(c, (size_t)nodes + 1, sizeof *q->child_start);
    q->children = lls_calloc(c, arcs, sizeof *q->children);
    q->states = lls_calloc(c, nodes, sizeof *q->states);
    q->laws = lls_calloc(c, states, sizeof *q->laws);
    q->shares = lls_calloc(c, nodes, sizeof *q->shares);
    q->scale = lls_calloc(c, stages, sizeof *q->scale);
    q->longest = lls_calloc(c, stages, sizeof *q->longest);
    return q->evidence != NULL && q->incoming != NULL && q->marginals != NULL &&
           q->values != NULL && q->queue != NULL && q->reached != NULL && q->node_stage != NULL &&
           q->child_start != NULL && q->children != NULL && q->states != NULL && q->laws != NULL &&
           q->shares != NULL && q->scale != NULL && q->longest != NULL;
}

/* The network's arcs from parents to children, and which stage a node stands for. */
static void index_nodes(llmsched_quantifier *q)
{
    const llmsched_network *network = q->profile->network;
    uint32_t nodes = llmsched_network_node_count(network), count = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        const uint32_t *parents = llmsched_network_parents(network, i, &count);
        for (uint32_t p = 0; p < count; p++)
            q->child_start[parents[p] + 1]++;
        q->node_stage[i] = LLS_NONE32;
    }
    for (uint32_t i = 0; i < nodes; i++)
        q->child_start[i + 1] += q->child_start[i];
    for (uint32_t i = 0; i < nodes; i++) {
        const uint32_t *parents = llmsched_network_parents(network, i, &count);
        for (uint32_t p = 0; p < count; p++)
            q->children[q->child_start[parents[p]]++] = i;
    }
    /* Filling moved each start to the next one's; back. */
    memmove(q->child_start + 1, q->child_start, nodes * sizeof *q->child_start);
    q->child_start[0] = 0;
    for (uint32_t t = 0; t < q->profile->stage_count; t++)
        q->node_stage[q->profile->stages[t].work_node] = t;
}

llmsched_status llmsched_quantifier_create(const llmsched_profile *profile,
                                           const llmsched_quantifier_options *given,
                                           llmsched_quantifier **quantifier, llmsched_error *err)
{
    llmsched_quantifier_options options;
    if (profile == NULL || quantifier == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "profile and quantifier must not be NULL");
    llmsched_status status =
        lls_sized_in(&options, sizeof options, given, offsetof(llmsched_quantifier_options, draws),
                     "llmsched_quantifier_options", err);
    if (status == LLMSCHED_OK)
        status = check_options(&options, err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_quantifier *q = lls_calloc(profile->context, 1, sizeof *q);
    if (q == NULL)
        return lls_fail_memory(err);
    q->context = lls_context_retain(profile->context);
    q->profile = llmsched_profile_retain(profile);
    q->options = options;
    status = llmsched_inference_create(profile->network, &q->inference, err);
    if (status == LLMSCHED_OK) {
        q->offsets = lls_inference_offsets(q->inference);
        status = allocate(q) ? LLMSCHED_OK : lls_fail_memory(err);
    }
    if (status != LLMSCHED_OK) {
        llmsched_quantifier_destroy(q);
        return status;
    }
    index_nodes(q);
    for (uint32_t t = 0; t < profile->stage_count; t++)
        q->evidence[t].size = sizeof *q->evidence;
    *quantifier = q;
    return LLMSCHED_OK;
}

void llmsched_quantifier_destroy(llmsched_quantifier *q)
{
    if (q == NULL)
        return;
    llmsched_context *c = q->context;
    lls_free(c, q->evidence);
    lls_free(c, q->incoming);
    lls_free(c, q->marginals);
    lls_free(c, q->values);
    lls_free(c, q->queue);
    lls_free(c, q->reached);
    lls_free(c, q->node_stage);
    lls_free(c, q->child_start);
    lls_free(c, q->children);
    lls_free(c, q->states);
    lls_free(c, q->laws);
    lls_free(c, q->shares);
    lls_free(c, q->grid);
    lls_free(c, q->points.values);
    lls_free(c, q->points.probabilities);
    lls_free(c, q->forecast.values);
    lls_free(c, q->forecast.probabilities);
    lls_free(c, q->longest);
    lls_free(c, q->scale);
    llmsched_inference_destroy(q->inference);
    llmsched_profile_release(q->profile);
    lls_free(c, q);
    lls_context_release(c);
}
