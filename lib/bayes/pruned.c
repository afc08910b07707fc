/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One marginal from the part of a large network that matters to it: neither barren nodes nor those
 * that the evidence separates from it are looked at. The clique tree looks at all that lies below
 * its evidence. Which of the two is less work is told from the evidence and the node alone, not
 * from what the tree happens to know already: so are the last bits of the answer.
 */
#include "bayes/inference.h"

#include <string.h>

/* Below this the tree is always quick enough. */
#define LARGE_TREE (UINT64_C(1) << 15)
/* What an entry here costs, and a hidden node for its order; an entry of the tree costs 1. */
static const double ENTRY_COST = 0.5, NODE_COST = 500.0;

enum { KIND_UNKNOWN, KIND_POSITIVE, KIND_ZEROS };

/* --- what the tree would need ----------------------------------------------------------- */

static double bucket_entries(const llmsched_inference *inf, const lls_bucket *b)
{
    double entries = (double)lls_extent(inf, b->node);
    for (uint32_t d = 0; d < b->separator_count; d++)
        entries *= (double)lls_extent(inf, inf->tree.separators[b->separator + d]);
    return entries;
}

/* All that lies above evidence, and down to the node. Overwrites checked[]. */
static double tree_work(llmsched_inference *inf, uint32_t node)
{
    const lls_tree *t = &inf->tree;
    bool *touched = inf->joint.checked;
    double work = 0.0;
    memset(touched, 0, t->count * sizeof *touched);
    for (uint32_t i = 0; i < t->count; i++) {
        const lls_bucket *b = &t->buckets[i];
        if (inf->observed[b->node] != LLS_NONE32 || inf->soft[b->node])
            touched[i] = true;
        if (touched[i])
            work += bucket_entries(inf, b);
        if (touched[i] && b->parent != LLS_NONE32)
            touched[b->parent] = true;
    }
    for (uint32_t i = t->bucket_of[node]; i != LLS_NONE32; i = t->buckets[i].parent)
        work += bucket_entries(inf, &t->buckets[i]);
    return work;
}

/* --- whether the evidence is possible ------------------------------------------------------ */

static uint8_t kind_of(llmsched_inference *inf, uint32_t node)
{
    const llmsched_network *n = inf->network;
    uint8_t kind = inf->joint.kinds[node];
    if (kind != KIND_UNKNOWN)
        return kind;
    kind = KIND_POSITIVE;
    for (uint64_t i = n->table_offset[node]; i < n->table_offset[node + 1]; i++)
        if (!(n->tables[i] > 0.0))
            kind = KIND_ZEROS;
    return inf->joint.kinds[node] = kind;
}

/* The same for the tables that were reached together. */
static uint8_t kind_of_part(llmsched_inference *inf)
{
    uint8_t kind = KIND_POSITIVE;
    for (uint32_t f = 0; f < inf->joint.family_count; f++) {
        uint8_t other = kind_of(inf, inf->joint.families[f]);
        kind = other > kind ? other : kind;
    }
    return kind;
}

/* The entry of a table all of whose nodes are observed, or have one state; else 1. */
static double observed_entry(const llmsched_inference *inf, uint32_t node)
{
    const llmsched_network *n = inf->network;
    uint32_t parents = n->parent_offset[node + 1] - n->parent_offset[node];
    uint64_t stride = 1, entry = n->table_offset[node];
    for (uint32_t m = parents + 1; m-- > 0;) {
        uint32_t member = m == parents ? node : n->parents[n->parent_offset[node] + m];
        if (lls_is_hidden(inf, member))
            return 1.0;
        if (inf->observed[member] != LLS_NONE32)
            entry += inf->observed[member] * stride;
        stride *= lls_states(n, member);
    }
    return n->tables[entry];
}

/* Works out the marginal of a node whose part of the network has so many hidden nodes. */
static bool work_out(llmsched_inference *inf, uint32_t node, uint32_t hidden, double *work,
                     double most, const double **table)
{
    lls_joint_plan plan;
    *work += NODE_COST * hidden;
    if (!(*work < most) || lls_joint_prepare(inf, &node, 1, &plan, NULL) != LLMSCHED_OK)
        return false;
    *work += ENTRY_COST * plan.work;
    return *work < most && lls_joint_run(inf, 1, &plan, table, NULL) == LLMSCHED_OK;
}

/* Without zeros in its tables a part allows any evidence. */
static bool part_allows(llmsched_inference *inf, uint32_t node, double *work, double most)
{
    const double *table;
    uint8_t kind = kind_of_part(inf);
    return kind == KIND_POSITIVE ||
           work_out(inf, node, inf->joint.hidden_count, work, most, &table);
}

static void check_off(lls_joint *j)
{
    for (uint32_t i = 0; i < j->hidden_count; i++)
        j->checked[j->hidden[i]] = true;
}

/* The parts of the network with evidence that do not reach the node. */
static bool rest_allows(llmsched_inference *inf, double *work, double most)
{
    lls_joint *j = &inf->joint;
    uint32_t count = inf->network->count;
    memset(j->checked, 0, count * sizeof *j->checked);
    check_off(j);
    for (uint32_t i = 0; i < count; i++)
        if (j->ancestor[i] && kind_of(inf, i) != KIND_POSITIVE && !(observed_entry(inf, i) > 0.0))
            return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!j->ancestor[i] || j->checked[i] || !lls_is_hidden(inf, i))
            continue;
        lls_reach(inf, &i, 1);
        check_off(j);
        if (!part_allows(inf, i, work, most))
            return false;
    }
    return true;
}

bool lls_pruned_marginal(llmsched_inference *inference, uint32_t node, double *out)
{
    const double *table;
    if (inference->tree.clique_size < LARGE_TREE || !lls_is_hidden(inference, node))
        return false;
    double work = 0.0, most = tree_work(inference, node);
    if (most <= NODE_COST) /* what one hidden node costs at least */
        return false;
    lls_mark_ancestors(inference, &node, 1);
    lls_reach(inference, &node, 1);
    uint32_t hidden = inference->joint.hidden_count;
    bool done = rest_allows(inference, &work, most) &&
                work_out(inference, node, hidden, &work, most, &table);
    if (done)
        memcpy(out, table, lls_states(inference->network, node) * sizeof *out);
    return done;
}
