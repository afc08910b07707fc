/* SPDX-License-Identifier: Apache-2.0 */
/* The distribution of anything that stages decide, by exact draws from the posterior. */
#include "quantify/internal.h"

#include <math.h>

llmsched_status lls_draw_points(llmsched_quantifier *q, lls_draw_worth worth, const void *user,
                                llmsched_error *err)
{
    lls_points *p = &q->points;
    lls_random random;
    uint32_t n = q->options.samples;
    if (!lls_points_reserve(q->context, &q->points, n))
        return lls_fail_memory(err);
    /* A constant apart from the caller's seed, so that other streams of the same seed differ. */
    lls_random_seed(&random, q->options.seed ^ UINT64_C(0x9d5f3a7c11e4b26d));
    for (uint32_t i = 0; i < n; i++) {
        llmsched_status status = lls_inference_sample(q->inference, &random, q->states, err);
        if (status != LLMSCHED_OK)
            return status;
        p->values[i] = worth(q, user, &random);
        p->probabilities[i] = 1.0 / n;
    }
    lls_sort(p->values, n);
    p->count = n;
    p->form = LLMSCHED_FORM_DRAWS;
    p->value_error = 0;
    p->level_error = 0.5 / sqrt(n); /* sqrt(p (1 - p) / n) at most */
    return LLMSCHED_OK;
}
