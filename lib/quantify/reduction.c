/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uncertainty reduction of a stage (algorithms.md section 3):
 *   R(X) = I(X ; Y_1..Y_M | e) * sum_m range(Y_m) + sum over dynamic S of I(X ; S | e)
 * with Y the nearest unfinished stages, and S the dynamic stages, that X's
 * variable reaches along the network's arcs.
 */
#include "quantify/internal.h"

#include <string.h>

enum { MOST_HORIZON = 8 };

typedef struct reachable {
    uint32_t work[MOST_HORIZON]; /* nodes of the Y */
    uint32_t work_count;
    uint32_t choices[MOST_HORIZON]; /* nodes of the S */
    uint32_t choice_count;
} reachable;

static void note(const llmsched_quantifier *q, uint32_t node, reachable *found)
{
    uint32_t stage = q->node_stage[node];
    if (stage == LLS_NONE32 || !lls_stage_open(q, stage))
        return;
    if (q->profile->stages[stage].kind == LLMSCHED_STAGE_DYNAMIC) {
        if (found->choice_count < MOST_HORIZON)
            found->choices[found->choice_count++] = node;
    } else if (found->work_count < q->options.horizon) {
        found->work[found->work_count++] = node;
    }
}

/* Breadth first from X's node: nearest first, nodes of one distance in the order of their numbers'
 * discovery. */
static void find_reachable(llmsched_quantifier *q, uint32_t from, reachable *found)
{
    uint32_t head = 0, tail = 0;
    memset(q->reached, 0, llmsched_network_node_count(q->profile->network));
    q->reached[from] = 1;
    q->queue[tail++] = from;
    while (head < tail && found->work_count < q->options.horizon) {
        uint32_t node = q->queue[head++];
        for (uint32_t i = q->child_start[node]; i < q->child_start[node + 1]; i++) {
            uint32_t child = q->children[i];
            if (q->reached[child])
                continue;
            q->reached[child] = 1;
            q->queue[tail++] = child;
            note(q, child, found);
        }
    }
}

static llmsched_status add_choices(llmsched_quantifier *q, uint32_t node, const reachable *found,
                                   double *sum, llmsched_error *err)
{
    for (uint32_t i = 0; i < found->choice_count; i++) {
        double information = 0;
        llmsched_status status = llmsched_inference_mutual_information(
            q->inference, node, &found->choices[i], 1, &information, err);
        if (status != LLMSCHED_OK)
            return status;
        *sum += information;
    }
    return LLMSCHED_OK;
}

llmsched_status llmsched_quantifier_reduction(llmsched_quantifier *q, uint32_t stage,
                                              double *reduction, llmsched_error *err)
{
    reachable found = {.work_count = 0};
    double information = 0, range = 0, sum = 0;
    if (q == NULL || reduction == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "quantifier and reduction must not be NULL");
    if (stage >= q->profile->stage_count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "quantifier: there is no stage %u", stage);
    uint32_t state = q->evidence[stage].state;
    if (state != LLMSCHED_EVIDENCE_PRESENT && state != LLMSCHED_EVIDENCE_PARTIAL)
        return lls_fail(err, LLMSCHED_ERROR_STATE,
                        "quantifier: stage %u is not present and unfinished", stage);
    uint32_t node = q->profile->stages[stage].work_node;
    llmsched_status status = lls_need_marginals(q, err);
    if (status != LLMSCHED_OK)
        return status;
    find_reachable(q, node, &found);
    if (found.work_count > 0)
        status = llmsched_inference_mutual_information(q->inference, node, found.work,
                                                       found.work_count, &information, err);
    for (uint32_t i = 0; i < found.work_count; i++) {
        double lo = 0, hi = 0;
        lls_stage_range(q, q->node_stage[found.work[i]], &lo, &hi);
        range += hi - lo;
    }
    sum = information * range;
    if (status == LLMSCHED_OK)
        status = add_choices(q, node, &found, &sum, err);
    if (status == LLMSCHED_OK)
        *reduction = sum;
    return status;
}

llmsched_status llmsched_quantifier_information(llmsched_quantifier *q, uint32_t stage,
                                                const uint32_t *others, uint32_t count,
                                                double *information, llmsched_error *err)
{
    if (q == NULL || information == NULL || (count > 0 && others == NULL))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "quantifier, others and information must be given");
    uint32_t stages = q->profile->stage_count;
    if (stage >= stages || count >= stages)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND,
                        "quantifier: stage %u, or so many others, do not exist", stage);
    for (uint32_t i = 0; i < count; i++) {
        if (others[i] >= stages)
            return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "quantifier: there is no stage %u",
                            others[i]);
        q->queue[i] = q->profile->stages[others[i]].work_node;
    }
    return llmsched_inference_mutual_information(q->inference, q->profile->stages[stage].work_node,
                                                 q->queue, count, information, err);
}
