/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The critical path: length(s) = weight(s) + max of length(p) over the parents
 * p of s, in topological order; read back from the last stage.
 */
#include "dag/internal.h"

#include <math.h>

static llmsched_status check_weights(const llmsched_dag *dag, const double *weights,
                                     llmsched_error *err)
{
    for (uint32_t s = 0; s < dag->stage_count; s++)
        if (!isfinite(weights[s]) || weights[s] < 0.0)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "weights[%u] (stage \"%.80s\") is %g: expected a finite number that is "
                            "not negative",
                            (unsigned)s, dag->stages[s].id, weights[s]);
    return LLMSCHED_OK;
}

/* The parent from which the longest path comes, lowest number first; LLS_NONE32 without parents. */
static uint32_t longest_parent(const llmsched_dag *dag, const double *lengths, uint32_t stage)
{
    uint32_t best = LLS_NONE32;
    for (uint32_t i = dag->parent_start[stage]; i < dag->parent_start[stage + 1]; i++)
        if (best == LLS_NONE32 || lengths[dag->parents[i]] > lengths[best])
            best = dag->parents[i];
    return best;
}

/* Fills lengths; returns the last stage of the critical path. */
static uint32_t find_lengths(const llmsched_dag *dag, const double *weights, double *lengths)
{
    for (uint32_t i = 0; i < dag->stage_count; i++) {
        uint32_t stage = dag->order[i], parent = longest_parent(dag, lengths, stage);
        lengths[stage] = parent != LLS_NONE32 ? lengths[parent] + weights[stage] : weights[stage];
    }
    uint32_t last = LLS_NONE32;
    for (uint32_t s = 0; s < dag->stage_count; s++)
        if (dag->child_start[s] == dag->child_start[s + 1] &&
            (last == LLS_NONE32 || lengths[s] > lengths[last]))
            last = s;
    return last;
}

static uint32_t read_path(const llmsched_dag *dag, const double *lengths, uint32_t last,
                          uint32_t *path)
{
    uint32_t count = 0;
    for (uint32_t s = last; s != LLS_NONE32; s = longest_parent(dag, lengths, s))
        path[count++] = s;
    for (uint32_t i = 0; i < count / 2; i++) {
        uint32_t swapped = path[i];
        path[i] = path[count - 1 - i];
        path[count - 1 - i] = swapped;
    }
    return count;
}

llmsched_status llmsched_dag_critical_path(const llmsched_dag *dag, const double *weights,
                                           double *length, uint32_t *path, uint32_t *count,
                                           llmsched_error *err)
{
    if (dag == NULL || weights == NULL || length == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        dag == NULL       ? "dag"
                        : weights == NULL ? "weights"
                                          : "length");
    if (path != NULL && count == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "count: must not be NULL when path is not");
    llmsched_status status = check_weights(dag, weights, err);
    if (status != LLMSCHED_OK)
        return status;
    double *lengths = lls_calloc(dag->context, dag->stage_count, sizeof *lengths);
    if (lengths == NULL)
        return lls_fail_memory(err);
    uint32_t last = find_lengths(dag, weights, lengths);
    if (isfinite(lengths[last])) {
        *length = lengths[last];
        if (path != NULL)
            *count = read_path(dag, lengths, last, path);
    } else {
        status = lls_fail(err, LLMSCHED_ERROR_INVALID,
                          "weights: the longest path is too long for a double: scale them down");
    }
    lls_free(dag->context, lengths);
    return status;
}
