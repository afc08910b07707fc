/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I(X ; B given e) where the joint of X and B is larger than a table may be. Some of B, C, are
 * taken to be observed in each of their joint states in turn, the rest R has a table each time:
 *
 *     I(X ; B given e) = sum over c of P(c given e) sum over r of P(r given c, e)
 *                        KL[ P(X given r, c, e) || P(X given e) ]
 *
 * All terms are divergences, none is negative, and nothing cancels. It takes the memory of one
 * table and the time of all joint states of X and B: in general there is no way around them, since
 * ln of the blanket's factor, sum over x of the product of X's tables, does not split into parts
 * (think of a cause with many effects).
 */
#include "bayes/inference.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Time, not memory, ends it: so many times what all tables together may have; with the default
 * max_table 2^28 states, a few seconds. */
enum { MOST_TIMES = 8 };

double lls_table_divergence(const double *table, uint64_t rows, uint64_t columns, const double *px,
                            double *py)
{
    double divergence = 0.0;
    memset(py, 0, columns * sizeof *py);
    for (uint64_t r = 0; r < rows; r++)
        for (uint64_t c = 0; c < columns; c++)
            py[c] += table[r * columns + c];
    for (uint64_t r = 0; r < rows; r++) {
        const double own = px != NULL ? px[r] : lls_row_sum(table + r * columns, columns);
        double row = 0.0;
        for (uint64_t c = 0; c < columns; c++) {
            double p = table[r * columns + c];
            if (p >= DBL_MIN && own >= DBL_MIN) /* the quotients stay in the range */
                row += p * log(p / own / py[c]);
        }
        divergence += row;
    }
    return divergence;
}

static llmsched_status too_many(const llmsched_inference *inf, llmsched_error *err)
{
    return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                    "mutual information: the node and those of the others that it reaches have too "
                    "many joint states for max_table = %llu: ask for fewer nodes, or raise "
                    "max_table",
                    (unsigned long long)inf->context->max_table);
}

static uint64_t joint_states(const llmsched_inference *inf, const uint32_t *nodes, uint32_t count)
{
    uint64_t size = 1;
    for (uint32_t i = 0; i < count; i++)
        size = lls_times(size, lls_states(inf->network, nodes[i]));
    return size;
}

/* A joint that stays while others are asked for. */
static llmsched_status copy_joint(llmsched_inference *inf, const uint32_t *nodes, uint32_t count,
                                  double **copy)
{
    const double *table;
    uint64_t size;
    llmsched_status status = lls_joint_table(inf, nodes, count, &table, &size, NULL);
    if (status != LLMSCHED_OK)
        return status;
    *copy = lls_calloc(inf->context, size, sizeof **copy);
    if (*copy == NULL)
        return LLMSCHED_ERROR_MEMORY;
    memcpy(*copy, table, size * sizeof **copy);
    return LLMSCHED_OK;
}

/* The next joint state of nodes, the last one fastest. */
static void step(llmsched_inference *inf, const uint32_t *nodes, uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        if (++inf->observed[nodes[i]] < lls_states(inf->network, nodes[i]))
            return;
        inf->observed[nodes[i]] = 0;
    }
}

/* set: X, R (so many with X), C. The caller restores what is observed. */
static llmsched_status add_slices(llmsched_inference *inf, const uint32_t *set, uint32_t kept,
                                  uint32_t size, const double *px, const double *pc, double *sum)
{
    const uint64_t slices = joint_states(inf, set + kept, size - kept);
    const uint64_t rows = lls_states(inf->network, set[0]);
    *sum = 0.0;
    for (uint32_t i = kept; i < size; i++)
        inf->observed[set[i]] = 0;
    for (uint64_t c = 0; c < slices; c++, step(inf, set + kept, size - kept)) {
        const double *table;
        uint64_t entries;
        if (!(pc[c] > 0.0))
            continue;
        llmsched_status status = lls_joint_table(inf, set, kept, &table, &entries, NULL);
        if (status != LLMSCHED_OK)
            return status;
        /* The arena begins with scratch that is at least as large as the table, which ends it. */
        *sum += pc[c] * lls_table_divergence(table, rows, entries / rows, px, inf->joint.arena);
    }
    return LLMSCHED_OK;
}

/* With the last size - kept of the set as C; LLMSCHED_ERROR_LIMIT: more must go there. */
static llmsched_status slice(llmsched_inference *inf, const uint32_t *set, uint32_t kept,
                             uint32_t size, double *result)
{
    double *px = NULL, *pc = NULL, sum = 0.0;
    llmsched_status status = copy_joint(inf, set, 1, &px);
    if (status == LLMSCHED_OK)
        status = copy_joint(inf, set + kept, size - kept, &pc);
    if (status == LLMSCHED_OK)
        status = add_slices(inf, set, kept, size, px, pc, &sum);
    for (uint32_t i = kept; i < size; i++)
        inf->observed[set[i]] = LLS_NONE32;
    lls_free(inf->context, pc);
    lls_free(inf->context, px);
    if (status == LLMSCHED_OK)
        *result = sum;
    return status;
}

llmsched_status lls_sliced_information(llmsched_inference *inference, const uint32_t *set,
                                       uint32_t size, double *result, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_ERROR_LIMIT;
    if (joint_states(inference, set, size) > MOST_TIMES * lls_total_limit(inference->context))
        return too_many(inference, err);
    for (uint32_t kept = size - 1; kept > 0 && status == LLMSCHED_ERROR_LIMIT; kept--)
        if (joint_states(inference, set, kept) <= inference->context->max_table)
            status = slice(inference, set, kept, size, result);
    if (status == LLMSCHED_ERROR_MEMORY)
        return lls_fail_memory(err);
    return status == LLMSCHED_ERROR_LIMIT ? too_many(inference, err) : status;
}
