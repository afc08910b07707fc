/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The joint of two nodes of which one stands above the other in the clique tree, where on the path
 * between them every separator has one unobserved node u:
 *
 *     P(y | w, e) = sum_u P(y | u, e) P(u | w, e)
 */
#include "bayes/inference.h"

#include <string.h>

/* The step's only unobserved separator node, LLS_NONE32 when there are none or several. */
static uint32_t above(const llmsched_inference *inf, const lls_step *s)
{
    uint32_t found = LLS_NONE32;
    for (uint32_t d = s->dim; d < s->dim + s->dims; d++) {
        uint32_t node = inf->posterior.dim_nodes[d];
        if (inf->observed[node] != LLS_NONE32)
            continue;
        if (found != LLS_NONE32)
            return LLS_NONE32;
        found = node;
    }
    return found;
}

/* P(node = s | the one node above = w, e): *step from one w to the next. Not normalised where
 * evidence lies below: lambda of w is then divided out. */
static const double *conditional(const llmsched_inference *inf, uint32_t bucket, uint32_t node,
                                 size_t *step, double *scratch)
{
    const lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    size_t states = s->states, count = lls_states(inf->network, node);
    const double *table = p->tables + s->table;
    *step = states;
    for (uint32_t d = 0; d < s->dims; d++) {
        uint32_t other = p->dim_nodes[s->dim + d];
        if (other == node)
            *step = p->dim_strides[s->dim + d];
        else
            table += inf->observed[other] * p->dim_strides[s->dim + d];
    }
    if (!p->views[bucket].touched)
        return table;
    *step = states;
    for (size_t w = 0; w < count; w++) {
        double lambda = p->lambdas[s->belief + w];
        for (size_t r = 0; r < states; r++)
            scratch[w * states + r] =
                lambda > 0.0 ? p->products[s->table + w * states + r] / lambda : 0.0;
    }
    return scratch;
}

/*
 * result[w][lane] = P(node of low = lane | top = w, e); NULL where the path from the bucket up to
 * the node `top` is no chain. All matrices have room for the largest.
 */
static const double *climb(llmsched_inference *inf, uint32_t low, uint32_t top)
{
    lls_posterior *p = &inf->posterior;
    const size_t room = p->matrix_size;
    double *now = p->matrices, *next = now + room, *scratch = next + room;
    const size_t lanes = p->steps[low].states;
    size_t step;
    uint32_t node = above(inf, &p->steps[low]);
    if (node == LLS_NONE32)
        return NULL;
    const double *first = conditional(inf, low, node, &step, scratch);
    for (size_t w = 0; w < lls_states(inf->network, node); w++)
        memcpy(now + w * lanes, first + w * step, lanes * sizeof *now);
    while (node != top) {
        uint32_t bucket = inf->tree.bucket_of[node], inner = lls_states(inf->network, node);
        uint32_t outer = above(inf, &p->steps[bucket]);
        if (outer == LLS_NONE32)
            return NULL;
        const double *matrix = conditional(inf, bucket, outer, &step, scratch);
        lls_axes kept = {.count = 1}, summed = {.count = 1};
        kept.axis[0] = (lls_axis){lls_states(inf->network, outer), 0, step};
        summed.axis[0] = (lls_axis){inner, lanes, 1};
        p->kernels->reduce(now, matrix, &kept, &summed, lanes, next);
        double *swap = now;
        now = next;
        next = swap;
        node = outer;
    }
    return now;
}

/* Is `node` met when climbing from the bucket? The path need not be a chain beyond it. */
static bool leads_to(const llmsched_inference *inf, uint32_t bucket, uint32_t node)
{
    const lls_posterior *p = &inf->posterior;
    for (uint32_t next = above(inf, &p->steps[bucket]); next != LLS_NONE32;
         next = above(inf, &p->steps[inf->tree.bucket_of[next]]))
        if (next == node)
            return true;
    return false;
}

/* table[s][lane] = P(upper = s, lower = lane | e), the upper one standing above. */
static bool joint_below(llmsched_inference *inf, uint32_t upper, uint32_t lower, double *table)
{
    lls_posterior *p = &inf->posterior;
    uint32_t rows = lls_states(inf->network, upper), lanes = lls_states(inf->network, lower);
    const double *matrix = climb(inf, inf->tree.bucket_of[lower], upper);
    if (matrix == NULL)
        return false;
    lls_posterior_marginal(inf, upper, p->weights);
    for (size_t s = 0; s < rows; s++)
        for (size_t r = 0; r < lanes; r++)
            table[s * lanes + r] = p->weights[s] * matrix[s * lanes + r];
    return true;
}

bool lls_path_joint(llmsched_inference *inference, uint32_t x, uint32_t y, double *table)
{
    lls_posterior *p = &inference->posterior;
    const uint32_t *bucket_of = inference->tree.bucket_of;
    if (!lls_posterior_update(inference))
        return false;
    if (leads_to(inference, bucket_of[y], x))
        return joint_below(inference, x, y, table);
    if (!leads_to(inference, bucket_of[x], y))
        return false;
    double *turned = p->matrices + 3 * (size_t)p->matrix_size;
    uint32_t rows = lls_states(inference->network, x), columns = lls_states(inference->network, y);
    if (!joint_below(inference, y, x, turned))
        return false;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            table[r * columns + c] = turned[c * rows + r];
    return true;
}
