/* SPDX-License-Identifier: Apache-2.0 */
/* The distribution of anything that few stages decide, from all their joint states. */
#include "quantify/internal.h"

#include <math.h>

#define MOST_STATES 16384u

/* The nodes that share into q->queue; their joint states into *size. false: too many. */
static bool list_sharing(llmsched_quantifier *q, uint32_t *count, uint32_t *size)
{
    uint32_t nodes = llmsched_network_node_count(q->profile->network);
    *count = 0;
    *size = 1;
    for (uint32_t node = 0; node < nodes; node++) {
        if (!q->shares[node])
            continue;
        uint32_t states = llmsched_network_state_count(q->profile->network, node);
        if (states > MOST_STATES / *size)
            return false;
        *size *= states;
        q->queue[(*count)++] = node;
    }
    return true;
}

/* Stages that do not share are worth the same in any state that is possible: the first of these. */
static void settle_others(llmsched_quantifier *q)
{
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        uint32_t node = q->profile->stages[t].work_node, s = 0;
        uint32_t last = llmsched_network_state_count(q->profile->network, node) - 1;
        while (s < last && !(q->marginals[q->offsets[node] + s] > 0))
            s++;
        q->states[node] = s;
    }
}

static void next_states(llmsched_quantifier *q, uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        uint32_t node = q->queue[i];
        if (++q->states[node] < llmsched_network_state_count(q->profile->network, node))
            return;
        q->states[node] = 0;
    }
}

/* Sorted, equal values joined: sums of the same numbers may differ in their last bits. */
static void join_equal(lls_points *p)
{
    uint32_t kept = 0;
    lls_sort_pairs(p->values, p->probabilities, p->count);
    for (uint32_t i = 0; i < p->count; i++) {
        if (kept > 0 && p->values[i] - p->values[kept - 1] <= 1e-12 * fabs(p->values[i])) {
            p->probabilities[kept - 1] += p->probabilities[i];
            continue;
        }
        p->values[kept] = p->values[i];
        p->probabilities[kept++] = p->probabilities[i];
    }
    p->count = kept;
}

llmsched_status lls_joint_points(llmsched_quantifier *q, lls_worth worth, const void *user,
                                 llmsched_error *err)
{
    lls_points *p = &q->points;
    uint32_t count = 0, size = 0;
    if (!list_sharing(q, &count, &size))
        return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                        "quantifier: the unfinished stages have more than %u joint states",
                        MOST_STATES);
    if (!lls_points_reserve(q->context, &q->points, size))
        return lls_fail_memory(err);
    llmsched_status status = LLMSCHED_OK;
    p->probabilities[0] = 1;
    if (count > 0)
        status =
            llmsched_inference_joint(q->inference, q->queue, count, p->probabilities, size, err);
    if (status != LLMSCHED_OK)
        return status;
    settle_others(q);
    for (uint32_t i = 0; i < count; i++)
        q->states[q->queue[i]] = 0;
    p->count = 0;
    for (uint32_t i = 0; i < size; i++, next_states(q, count)) {
        double probability = p->probabilities[i]; /* at count <= i */
        if (!(probability > 0))
            continue;
        p->values[p->count] = worth(q, user);
        p->probabilities[p->count++] = probability;
    }
    join_equal(p);
    p->form = LLMSCHED_FORM_POINTS;
    p->value_error = p->level_error = 0;
    return LLMSCHED_OK;
}
