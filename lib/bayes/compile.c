/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/compile.h"

#include "bayes/elimination.h"

#include <string.h>

/* 32 MiB of tables are allowed however small max_table is: a long chain has many small ones. */
#define SMALLEST_TOTAL (UINT64_C(1) << 22)
/* No machine has more, and sums of such sizes cannot overflow. */
#define LARGEST_TOTAL (UINT64_C(1) << 60)
/* Entries of cliques from which on several orders are tried. */
#define WORTH_A_SEARCH (UINT64_C(1) << 12)

uint64_t lls_total_limit(const llmsched_context *context)
{
    uint64_t twice = lls_times(context->max_table, 2);
    if (twice > LARGEST_TOTAL)
        return LARGEST_TOTAL;
    return twice > SMALLEST_TOTAL ? twice : SMALLEST_TOTAL;
}

void lls_tree_finish(lls_tree *tree, const llmsched_context *context)
{
    lls_free(context, tree->buckets);
    lls_free(context, tree->bucket_of);
    lls_free(context, tree->separators);
    lls_free(context, tree->sources);
    lls_free(context, tree->families);
    lls_free(context, tree->members);
    lls_free(context, tree->strides);
    lls_free(context, tree->tables);
    memset(tree, 0, sizeof *tree);
}

/* --- the moral graph and its order -------------------------------------------------- */

/* Member m of a family: the parents in the order of the table, then the node itself. */
static uint32_t family_member(const llmsched_network *n, uint32_t node, uint32_t m)
{
    uint32_t first = n->parent_offset[node];
    return first + m < n->parent_offset[node + 1] ? n->parents[first + m] : node;
}

static uint32_t family_size(const llmsched_network *n, uint32_t node)
{
    return n->parent_offset[node + 1] - n->parent_offset[node] + 1;
}

static bool connect_family(lls_elimination *e, const llmsched_network *n, uint32_t node)
{
    for (uint32_t i = 1; i < family_size(n, node); i++) {
        uint32_t a = family_member(n, node, i);
        if (lls_states(n, a) == 1)
            continue;
        for (uint32_t j = 0; j < i; j++) {
            uint32_t b = family_member(n, node, j);
            if (lls_states(n, b) > 1 && !lls_elimination_connect(e, a, b))
                return false;
        }
    }
    return true;
}

/* Each node's place in the order of causes. */
static void rank_nodes(const llmsched_network *n, uint32_t *ranks, uint32_t *waiting,
                       uint32_t *order)
{
    lls_network_order(n, order, waiting);
    for (uint32_t i = 0; i < n->count; i++)
        ranks[order[i]] = i;
}

static llmsched_status too_wide(const llmsched_network *n, llmsched_error *err)
{
    return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                    "the network \"%.60s\" is too wide for exact inference: a clique would have "
                    "more than max_table = %llu entries; use fewer parents or states, or a "
                    "larger max_table",
                    n->name, (unsigned long long)n->context->max_table);
}

/* Eliminates the moral graph by a rule; *total: entries of all cliques together. */
static llmsched_status eliminate(lls_elimination *e, const llmsched_network *n,
                                 lls_elimination_rule rule, uint64_t *total)
{
    if (!lls_elimination_reset(e, n->count))
        return LLMSCHED_ERROR_MEMORY;
    e->rule = rule;
    for (uint32_t i = 0; i < n->count; i++)
        e->states[i] = lls_states(n, i);
    for (uint32_t i = 0; i < n->count; i++)
        if (lls_states(n, i) > 1 && !connect_family(e, n, i))
            return LLMSCHED_ERROR_MEMORY;
    llmsched_status status = lls_elimination_run(e, n->context->max_table);
    *total = 0;
    for (uint32_t i = 0; i < e->order_count && *total < LARGEST_TOTAL; i++) {
        uint64_t clique = e->states[e->order[i]];
        for (uint32_t k = e->separator_start[i]; k < e->separator_start[i + 1]; k++)
            clique = lls_times(clique, e->states[e->separators[k]]);
        *total += clique;
    }
    return status;
}

static void swap(lls_elimination *a, lls_elimination *b)
{
    lls_elimination other = *a;
    *a = *b;
    *b = other;
    a->heap.user = a;
    b->heap.user = b;
}

/* The rule that suits a network differs; looking for it pays where the cliques are large. */
static llmsched_status find_order(lls_elimination *e, const llmsched_network *n)
{
    uint64_t least, total;
    lls_elimination other;
    llmsched_status status = eliminate(e, n, LLS_ELIMINATION_FILL, &least), again = status;
    lls_elimination_init(&other, n->context);
    for (lls_elimination_rule rule = LLS_ELIMINATION_FILL + 1;
         rule < LLS_ELIMINATION_RULES && again != LLMSCHED_ERROR_MEMORY; rule++) {
        if (status == LLMSCHED_OK && least < WORTH_A_SEARCH)
            break;
        again = eliminate(&other, n, rule, &total);
        if (again == LLMSCHED_OK && (status != LLMSCHED_OK || total < least)) {
            swap(e, &other);
            least = total;
            status = LLMSCHED_OK;
        }
    }
    lls_elimination_finish(&other);
    return again == LLMSCHED_ERROR_MEMORY ? again : status;
}

/*
 * The order that was found, turned so that causes stay for last: the same cliques, but
 * the tree's roots are where a run begins. What has been observed then lies above what has not, and
 * nothing needs to be sent up. The edges that were filled in make the graph chordal, so that it can
 * be eliminated without filling in more, of the vertices that allow it the last in rank first.
 */
static llmsched_status turn_order(lls_elimination *e, const llmsched_network *n,
                                  const uint32_t *ranks, llmsched_error *err)
{
    lls_elimination turned;
    lls_elimination_init(&turned, n->context);
    bool done = lls_elimination_reset(&turned, n->count);
    for (uint32_t i = 0; i < n->count && done; i++)
        turned.states[i] = lls_states(n, i);
    for (uint32_t i = 0; i < e->order_count && done; i++)
        for (uint32_t k = e->separator_start[i]; k < e->separator_start[i + 1] && done; k++)
            done = lls_elimination_connect(&turned, e->order[i], e->separators[k]);
    turned.ranks = ranks;
    llmsched_status status =
        done ? lls_elimination_run(&turned, n->context->max_table) : LLMSCHED_ERROR_MEMORY;
    turned.ranks = NULL;
    if (status == LLMSCHED_OK)
        swap(e, &turned);
    lls_elimination_finish(&turned);
    return status == LLMSCHED_OK ? status : lls_fail_memory(err);
}

static llmsched_status order_nodes(lls_elimination *e, const llmsched_network *n,
                                   llmsched_error *err)
{
    llmsched_status status = find_order(e, n);
    if (status == LLMSCHED_ERROR_LIMIT)
        return too_wide(n, err);
    if (status != LLMSCHED_OK)
        return lls_fail_memory(err);
    uint32_t *ranks = lls_calloc(n->context, 3 * (size_t)n->count, sizeof *ranks);
    if (ranks == NULL)
        return lls_fail_memory(err);
    rank_nodes(n, ranks, ranks + n->count, ranks + 2 * (size_t)n->count);
    status = turn_order(e, n, ranks, err);
    lls_free(n->context, ranks);
    return status;
}

/* --- buckets ------------------------------------------------------------------------- */

static void sort_by_bucket(const lls_tree *tree, uint32_t *nodes, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t node = nodes[i], at = i;
        for (; at > 0 && tree->bucket_of[nodes[at - 1]] > tree->bucket_of[node]; at--)
            nodes[at] = nodes[at - 1];
        nodes[at] = node;
    }
}

static uint64_t entries(const llmsched_network *n, const uint32_t *nodes, uint32_t count)
{
    uint64_t product = 1;
    for (uint32_t i = 0; i < count; i++)
        product *= lls_states(n, nodes[i]);
    return product;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void place_bucket(const llmsched_network *n, const lls_elimination *e, lls_tree *tree,
                         uint32_t i)
{
    lls_bucket *b = &tree->buckets[i];
    b->node = e->order[i];
    b->separator = e->separator_start[i];
    b->separator_count = e->separator_start[i + 1] - b->separator;
    uint32_t *separator = tree->separators + b->separator;
    sort_by_bucket(tree, separator, b->separator_count);
    b->parent = b->separator_count > 0 ? tree->bucket_of[separator[0]] : LLS_NONE32;
    if (b->parent != LLS_NONE32)
        tree->buckets[b->parent].child_count++;
    uint64_t message = entries(n, separator, b->separator_count);
    uint64_t clique = message * lls_states(n, b->node);
    b->clique = tree->clique_size;
    b->message = tree->message_size;
    tree->clique_size += clique;
    tree->message_size += message;
    tree->largest_clique = larger(tree->largest_clique, clique);
    tree->largest_separator = larger(tree->largest_separator, message);
}

static llmsched_status place_buckets(const llmsched_network *n, const lls_elimination *e,
                                     lls_tree *tree, llmsched_error *err)
{
    uint64_t limit = lls_total_limit(n->context);
    for (uint32_t i = 0; i < tree->count; i++)
        tree->bucket_of[e->order[i]] = i;
    for (uint32_t i = 0; i < tree->count; i++) {
        place_bucket(n, e, tree, i);
        if (tree->clique_size > limit)
            return lls_fail(
                err, LLMSCHED_ERROR_LIMIT,
                "the network \"%.60s\" is too wide for exact inference: its cliques have "
                "more than %llu entries together, which max_table allows; use fewer "
                "parents or states, or a larger max_table",
                n->name, (unsigned long long)limit);
    }
    return LLMSCHED_OK;
}

/* --- families ------------------------------------------------------------------------ */

/* Members of two or more states in order of elimination; counts the table in its bucket. */
static void list_members(const llmsched_network *n, lls_tree *tree, uint32_t node, uint32_t *used)
{
    lls_family *f = &tree->families[node];
    f->member = *used;
    if (lls_states(n, node) == 1)
        return;
    uint32_t *members = tree->members + *used;
    for (uint32_t m = 0; m < family_size(n, node); m++) {
        uint32_t member = family_member(n, node, m);
        if (lls_states(n, member) > 1)
            members[f->count++] = member;
    }
    *used += f->count;
    sort_by_bucket(tree, members, f->count);
    tree->buckets[tree->bucket_of[members[0]]].table_count++;
    size_t stride = 1;
    for (uint32_t m = f->count; m-- > 0; stride *= lls_states(n, members[m]))
        tree->strides[f->member + m] = stride;
    f->size = stride;
    tree->largest_family = larger(tree->largest_family, f->size);
}

/* The stride of a member in the permuted table; 0 for a node of one state. */
static size_t permuted_stride(const lls_tree *tree, const lls_family *f, uint32_t node)
{
    for (uint32_t m = 0; m < f->count; m++)
        if (tree->members[f->member + m] == node)
            return tree->strides[f->member + m];
    return 0;
}

/* Reads the table in its own order and writes where the permuted order wants each entry. */
static void permute_table(const llmsched_network *n, lls_tree *tree, uint32_t node)
{
    const lls_family *f = &tree->families[node];
    size_t extents[LLS_MAX_DIMENSIONS], strides[LLS_MAX_DIMENSIONS];
    size_t index[LLS_MAX_DIMENSIONS] = {0};
    uint32_t dims = 0;
    for (uint32_t m = 0; m < family_size(n, node); m++) {
        uint32_t member = family_member(n, node, m);
        if (lls_states(n, member) == 1)
            continue;
        extents[dims] = lls_states(n, member);
        strides[dims++] = permuted_stride(tree, f, member);
    }
    const double *from = n->tables + n->table_offset[node];
    double *to = tree->tables + f->table;
    size_t at = 0;
    for (uint64_t i = 0; i < f->size; i++) {
        to[at] = from[i];
        for (uint32_t d = dims; d-- > 0;) {
            at += strides[d];
            if (++index[d] < extents[d])
                break;
            at -= extents[d] * strides[d];
            index[d] = 0;
        }
    }
}

static void place_families(const llmsched_network *n, lls_tree *tree)
{
    uint32_t used = 0;
    uint64_t table = 0;
    for (uint32_t i = 0; i < tree->count; i++) {
        list_members(n, tree, i, &used);
        tree->families[i].table = table;
        table += tree->families[i].size;
        permute_table(n, tree, i);
    }
}

/* --- operands -------------------------------------------------------------------------- */

static void place_operands(lls_tree *tree)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        lls_bucket *b = &tree->buckets[i];
        uint32_t operands = b->table_count + b->child_count + 1;
        b->operand = tree->operand_size;
        b->loop = tree->loop_size;
        tree->operand_size += operands;
        tree->loop_size += (uint64_t)operands * b->separator_count;
        b->table_count = b->child_count = 0; /* counted again as they are filled in */
    }
}

static void fill_operands(lls_tree *tree)
{
    for (uint32_t node = 0; node < tree->count; node++) {
        const lls_family *f = &tree->families[node];
        if (f->count == 0)
            continue;
        lls_bucket *b = &tree->buckets[tree->bucket_of[tree->members[f->member]]];
        tree->sources[b->operand + b->table_count++] = node;
    }
    for (uint32_t i = 0; i < tree->count; i++) {
        if (tree->buckets[i].parent == LLS_NONE32)
            continue;
        lls_bucket *b = &tree->buckets[tree->buckets[i].parent];
        tree->sources[b->operand + b->table_count + b->child_count++] = i;
    }
}

/* --- all together ------------------------------------------------------------------------ */

static bool allocate(lls_tree *tree, const llmsched_network *n, const lls_elimination *e)
{
    const llmsched_context *c = n->context;
    size_t count = n->count, members = (size_t)n->parent_offset[n->count] + count;
    size_t separators = e->separator_start[e->order_count];
    /* One operand per family, message and likelihood at most. */
    size_t operands = 3 * count;
    tree->count = n->count;
    return (tree->buckets = lls_calloc_counted(c, count, sizeof *tree->buckets, &tree->bytes)) !=
               NULL &&
           (tree->bucket_of =
                lls_calloc_counted(c, count, sizeof *tree->bucket_of, &tree->bytes)) != NULL &&
           (tree->separators = lls_calloc_counted(c, separators, sizeof *tree->separators,
                                                  &tree->bytes)) != NULL &&
           (tree->sources = lls_calloc_counted(c, operands, sizeof *tree->sources, &tree->bytes)) !=
               NULL &&
           (tree->families = lls_calloc_counted(c, count, sizeof *tree->families, &tree->bytes)) !=
               NULL &&
           (tree->members = lls_calloc_counted(c, members, sizeof *tree->members, &tree->bytes)) !=
               NULL &&
           (tree->strides = lls_calloc_counted(c, members, sizeof *tree->strides, &tree->bytes)) !=
               NULL &&
           (tree->tables = lls_calloc_counted(c, n->table_offset[n->count], sizeof *tree->tables,
                                              &tree->bytes)) != NULL;
}

llmsched_status lls_tree_compile(const llmsched_network *network, lls_tree *tree,
                                 llmsched_error *err)
{
    lls_elimination e;
    lls_elimination_init(&e, network->context);
    llmsched_status status = order_nodes(&e, network, err);
    if (status == LLMSCHED_OK && !allocate(tree, network, &e))
        status = lls_fail_memory(err);
    if (status != LLMSCHED_OK)
        goto done;
    uint32_t separators = e.separator_start[e.order_count];
    if (separators > 0)
        memcpy(tree->separators, e.separators, separators * sizeof *tree->separators);
    status = place_buckets(network, &e, tree, err);
    if (status != LLMSCHED_OK)
        goto done;
    place_families(network, tree);
    place_operands(tree);
    fill_operands(tree);
done:
    lls_elimination_finish(&e);
    return status;
}
