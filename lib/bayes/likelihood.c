/* SPDX-License-Identifier: Apache-2.0 */
/* How well a network explains the table it was, or was not, learned from. */
#include "bayes/internal.h"

#include <math.h>

/* ln P(own state | parents' states) of one row; 0 where a cell of the family is missing. */
static double family_term(const llmsched_network *network, const uint32_t *row, uint32_t node)
{
    uint32_t parents = 0;
    uint64_t entries = 0, at = 0;
    const uint32_t *list = llmsched_network_parents(network, node, &parents);
    const double *table = llmsched_network_table(network, node, &entries);
    for (uint32_t p = 0; p <= parents; p++) {
        uint32_t variable = p < parents ? list[p] : node;
        if (row[variable] == LLS_STATE_MISSING)
            return 0;
        at = at * llmsched_network_state_count(network, variable) + row[variable];
    }
    return log(table[at]);
}

double lls_log_likelihood(const llmsched_network *network, const lls_table *table)
{
    double sum = 0;
    for (size_t r = 0; r < table->rows; r++) {
        double row_sum = 0;
        for (uint32_t i = 0; i < table->columns; i++)
            row_sum += family_term(network, table->cells + r * table->columns, i);
        sum += row_sum * (table->weights != NULL ? table->weights[r] : 1);
    }
    return sum;
}
