/* SPDX-License-Identifier: Apache-2.0 */
/* Calculators and random evidence on them, beside the same on a slow twin. */
#ifndef LLS_TEST_EVIDENCE_H
#define LLS_TEST_EVIDENCE_H

#include "networks.h"
#include "twin.h"

static inline llmsched_inference *infer(const llmsched_network *network)
{
    llmsched_error err = {0};
    llmsched_inference *inference = NULL;
    assert_ok(llmsched_inference_create(network, &inference, &err), err);
    return inference;
}

/* Random evidence, the same on the twin and on the calculator. likelihoods: room for all states. */
static inline void draw_evidence(struct twin *t, llmsched_inference *inf, lls_random *random,
                                 double (*likelihoods)[8])
{
    llmsched_error err = {0};
    for (uint32_t i = 0; i < t->nodes; i++) {
        uint32_t what = lls_random_below(random, 4), some = lls_random_below(random, t->states[i]);
        t->observed[i] = what == 0 ? lls_random_below(random, t->states[i]) : UINT32_MAX;
        t->likelihood[i] = what == 1 ? likelihoods[i] : NULL;
        for (uint32_t s = 0; s < t->states[i]; s++) {
            double zero = lls_random_below(random, 2), value = lls_random_uniform(random);
            likelihoods[i][s] = s == some ? 1.5 : zero * value;
        }
        if (what == 0)
            assert_ok(llmsched_inference_set_state(inf, i, t->observed[i], &err), err);
        else if (what == 1)
            assert_ok(llmsched_inference_set_likelihood(inf, i, likelihoods[i], t->states[i], &err),
                      err);
    }
    twin_update(t);
}

#endif
