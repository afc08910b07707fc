/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact draws from the posterior: buckets in reverse order of elimination, each node from
 * P(node | separator, evidence), whose separator has been drawn before.
 */
#include "bayes/conditional.h"

/* The first state at which the running sum passes u; of the states with weight, the last when
 * rounding left none. */
static uint32_t draw(const lls_conditional *c, double u)
{
    double sum = 0.0;
    size_t last = 0;
    for (size_t s = 0; s < c->count; s++) {
        double weight = c->row[s * c->stride];
        if (weight <= 0.0)
            continue;
        last = s;
        sum += weight;
        if (u < sum)
            break;
    }
    return (uint32_t)last;
}

llmsched_status lls_inference_sample(llmsched_inference *inference, lls_random *random,
                                     uint32_t *states, llmsched_error *err)
{
    bool quick = false;
    llmsched_status status = lls_conditional_begin(inference, &quick, err);
    if (status != LLMSCHED_OK)
        return status;
    for (uint32_t i = inference->tree.count; i-- > 0;) {
        uint32_t node = inference->tree.buckets[i].node;
        if (inference->observed[node] != LLS_NONE32) {
            states[node] = inference->observed[node];
            continue;
        }
        double u = lls_random_uniform(random);
        lls_conditional c = lls_conditional_at(inference, quick, i, states);
        states[node] = draw(&c, u * c.sum);
    }
    return LLMSCHED_OK;
}
