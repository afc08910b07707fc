/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/inference.h"

#include <string.h>

bool lls_is_hidden(const llmsched_inference *inference, uint32_t node)
{
    return inference->observed[node] == LLS_NONE32 && lls_states(inference->network, node) > 1;
}

void lls_mark_ancestors(llmsched_inference *inference, const uint32_t *nodes, uint32_t count)
{
    const llmsched_network *n = inference->network;
    lls_joint *j = &inference->joint;
    uint32_t depth = 0;
    memset(j->ancestor, 0, n->count * sizeof *j->ancestor);
    for (uint32_t i = 0; i < count; i++)
        j->ancestor[nodes[i]] = true;
    for (uint32_t i = 0; i < n->count; i++) {
        if (inference->observed[i] != LLS_NONE32 || inference->soft[i])
            j->ancestor[i] = true;
        if (j->ancestor[i])
            j->stack[depth++] = i;
    }
    while (depth > 0) {
        uint32_t node = j->stack[--depth];
        for (uint32_t a = n->parent_offset[node]; a < n->parent_offset[node + 1]; a++) {
            uint32_t parent = n->parents[a];
            if (!j->ancestor[parent])
                j->stack[depth++] = parent;
            j->ancestor[parent] = true;
        }
    }
}

static void visit(llmsched_inference *inf, uint32_t node)
{
    lls_joint *j = &inf->joint;
    if (!lls_is_hidden(inf, node) || j->reached[node])
        return;
    j->reached[node] = true;
    j->hidden[j->hidden_count++] = node;
}

/* The table of a node connects it with its parents; that of a one-state node is constant. */
static void visit_family(llmsched_inference *inf, uint32_t node)
{
    const llmsched_network *n = inf->network;
    lls_joint *j = &inf->joint;
    if (!j->ancestor[node] || j->seen[node] || lls_states(n, node) == 1)
        return;
    j->seen[node] = true;
    j->families[j->family_count++] = node;
    visit(inf, node);
    for (uint32_t a = n->parent_offset[node]; a < n->parent_offset[node + 1]; a++)
        visit(inf, n->parents[a]);
}

void lls_reach(llmsched_inference *inference, const uint32_t *nodes, uint32_t count)
{
    const llmsched_network *n = inference->network;
    lls_joint *j = &inference->joint;
    memset(j->reached, 0, n->count * sizeof *j->reached);
    memset(j->seen, 0, n->count * sizeof *j->seen);
    j->hidden_count = j->family_count = 0;
    for (uint32_t i = 0; i < count; i++)
        visit(inference, nodes[i]);
    for (uint32_t i = 0; i < j->hidden_count; i++) { /* the list grows on the way */
        uint32_t node = j->hidden[i];
        if (j->stop[node])
            continue;
        visit_family(inference, node);
        for (uint32_t c = n->child_offset[node]; c < n->child_offset[node + 1]; c++)
            visit_family(inference, n->children[c]);
    }
}
