/* SPDX-License-Identifier: Apache-2.0 */
/* llmsched query --approximate: the same answers by weighted draws, with their standard errors. */
#include <stdlib.h>

#include "query.h"

void estimates_open(struct query *query)
{
    struct estimates *e = &query->estimates;
    e->offsets = allocate(query->nodes + 1, sizeof *e->offsets);
    for (uint32_t n = 0; n < query->nodes; n++)
        e->offsets[n + 1] = e->offsets[n] + llmsched_network_state_count(query->network, n);
    e->states = allocate(query->nodes, sizeof *e->states);
    e->likelihoods = allocate(e->offsets[query->nodes], sizeof *e->likelihoods);
    e->probabilities = allocate(e->offsets[query->nodes], sizeof *e->probabilities);
    e->errors = allocate(e->offsets[query->nodes], sizeof *e->errors);
}

void estimates_close(struct query *query)
{
    struct estimates *e = &query->estimates;
    free(e->offsets);
    free(e->states);
    free(e->likelihoods);
    free(e->probabilities);
    free(e->errors);
}

void estimates_clear(struct query *query)
{
    struct estimates *e = &query->estimates;
    for (uint32_t n = 0; n < query->nodes; n++)
        e->states[n] = LLMSCHED_INDEX_NONE;
    for (uint32_t i = 0; i < e->offsets[query->nodes]; i++)
        e->likelihoods[i] = 1.0;
}

llmsched_status estimates_make(struct query *query, double *log_p, llmsched_error *err)
{
    struct estimates *e = &query->estimates;
    llmsched_approximate_options options = {.size = sizeof options, .samples = e->samples};
    llmsched_approximation how = {.size = sizeof how};
    llmsched_status status = llmsched_network_approximate(query->network, e->states, e->likelihoods,
                                                          &options, e->probabilities, e->errors,
                                                          e->offsets[query->nodes], &how, err);
    *log_p = how.log_probability;
    return status;
}

void estimates_put(struct query *query, const char *key, const double *values)
{
    FILE *file = query->out->file;
    const uint32_t *offsets = query->estimates.offsets;
    bool first = true;
    fprintf(file, ",\"%s\":{", key);
    for (uint32_t n = 0; n < query->nodes; n++) {
        if (query->observed[n])
            continue;
        if (!first)
            fputc(',', file);
        first = false;
        json_put_string(file, llmsched_network_node_name(query->network, n));
        for (uint32_t i = offsets[n]; i < offsets[n + 1]; i++) {
            fputs(i == offsets[n] ? ":[" : ",", file);
            json_put_number(file, values[i]);
        }
        fputc(']', file);
    }
    fputc('}', file);
}
