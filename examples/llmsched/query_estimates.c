/* SPDX-License-Identifier: Apache-2.0 */
/* llmsched query --approximate: the same answers by weighted draws, with their standard errors. */
#include <stdlib.h>

#include "query.h"

void estimates_open(struct query *query)
{
    struct estimates *e = &query->estimates;
    e->states = allocate(query->nodes, sizeof *e->states);
    e->likelihoods = allocate(query->offsets[query->nodes], sizeof *e->likelihoods);
    e->errors = allocate(query->offsets[query->nodes], sizeof *e->errors);
}

void estimates_close(struct query *query)
{
    struct estimates *e = &query->estimates;
    free(e->states);
    free(e->likelihoods);
    free(e->errors);
}

void estimates_clear(struct query *query)
{
    struct estimates *e = &query->estimates;
    for (uint32_t n = 0; n < query->nodes; n++)
        e->states[n] = LLMSCHED_INDEX_NONE;
    for (uint32_t i = 0; i < query->offsets[query->nodes]; i++)
        e->likelihoods[i] = 1.0;
}

llmsched_status estimates_make(struct query *query, double *log_p, llmsched_error *err)
{
    struct estimates *e = &query->estimates;
    llmsched_approximate_options options = {.size = sizeof options, .samples = e->samples};
    llmsched_approximation how = {.size = sizeof how};
    llmsched_status status = llmsched_network_approximate(query->network, e->states, e->likelihoods,
                                                          &options, query->probabilities, e->errors,
                                                          query->offsets[query->nodes], &how, err);
    *log_p = how.log_probability;
    return status;
}
