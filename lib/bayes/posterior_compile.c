/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/inference.h"

#include <math.h>
#include <string.h>

/* The tables take as much again as the cliques: only where these are a small part of what is
 * allowed.
 */
enum { QUICK_SHARE = 4 };

/* Paths are multiplied out for nodes of at most so many states. */
enum { MOST_MATRIX_STATES = 64 };

/* Powers of two that a product may span so that no entry leaves the range: of 1022. */
enum { MOST_SPAN = 1000 };

void lls_posterior_finish(lls_posterior *p, const llmsched_context *context)
{
    lls_free(context, p->steps);
    lls_free(context, p->children);
    lls_free(context, p->dim_nodes);
    lls_free(context, p->dim_strides);
    lls_free(context, p->tables);
    lls_free(context, p->place_offset);
    lls_free(context, p->places);
    lls_free(context, p->applied);
    lls_free(context, p->worded);
    lls_free(context, p->likelihoods);
    lls_free(context, p->views);
    lls_free(context, p->rows);
    lls_free(context, p->dirty);
    lls_free(context, p->unsettled);
    lls_free(context, p->believed);
    lls_free(context, p->known);
    lls_free(context, p->recalled);
    lls_kept_finish(p, context);
    lls_free(context, p->marginals);
    lls_free(context, p->exponents);
    lls_free(context, p->losses);
    lls_free(context, p->products);
    lls_free(context, p->lambdas);
    lls_free(context, p->beliefs);
    lls_free(context, p->ratio);
    lls_free(context, p->weights);
    lls_free(context, p->matrices);
    lls_free(context, p->row);
    lls_free(context, p->list);
    memset(p, 0, sizeof *p);
}

static size_t most_states(const llmsched_network *n)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < n->count; i++)
        most = lls_states(n, i) > most ? lls_states(n, i) : most;
    return most;
}

static bool allocate_kept(lls_posterior *p, const llmsched_network *n, size_t count, size_t dims)
{
    const llmsched_context *c = n->context;
    size_t states = n->state_offset[n->count], words = lls_bit_words((uint32_t)count);
    return (p->place_offset =
                lls_calloc_counted(c, count + 1, sizeof *p->place_offset, &p->bytes)) != NULL &&
           (p->places = lls_calloc_counted(c, dims, sizeof *p->places, &p->bytes)) != NULL &&
           (p->applied = lls_calloc_counted(c, count, sizeof *p->applied, &p->bytes)) != NULL &&
           (p->worded = lls_calloc_counted(c, count, sizeof *p->worded, &p->bytes)) != NULL &&
           (p->likelihoods = lls_calloc_counted(c, states, sizeof *p->likelihoods, &p->bytes)) !=
               NULL &&
           (p->views = lls_calloc_counted(c, count, sizeof *p->views, &p->bytes)) != NULL &&
           (p->rows = lls_calloc_counted(c, dims, sizeof *p->rows, &p->bytes)) != NULL &&
           (p->dirty = lls_calloc_counted(c, words, sizeof *p->dirty, &p->bytes)) != NULL &&
           (p->unsettled = lls_calloc_counted(c, words, sizeof *p->unsettled, &p->bytes)) != NULL &&
           (p->believed = lls_calloc_counted(c, words, sizeof *p->believed, &p->bytes)) != NULL &&
           (p->known = lls_calloc_counted(c, words, sizeof *p->known, &p->bytes)) != NULL &&
           (p->recalled = lls_calloc_counted(c, words, sizeof *p->recalled, &p->bytes)) != NULL &&
           (p->marginals = lls_calloc_counted(c, states, sizeof *p->marginals, &p->bytes)) != NULL;
}

static bool allocate(lls_posterior *p, const lls_tree *tree, const llmsched_network *n)
{
    const llmsched_context *c = n->context;
    size_t count = tree->count, dims = 0;
    size_t entries = tree->clique_size + LLS_SLACK;
    size_t messages = tree->message_size + count * LLS_SLACK;
    for (uint32_t i = 0; i < tree->count; i++)
        dims += tree->buckets[i].separator_count;
    p->count = tree->count;
    if (most_states(n) <= MOST_MATRIX_STATES)
        p->matrix_size = most_states(n) * most_states(n) + LLS_SLACK;
    return (p->steps = lls_calloc_counted(c, count, sizeof *p->steps, &p->bytes)) != NULL &&
           (p->children = lls_calloc_counted(c, count, sizeof *p->children, &p->bytes)) != NULL &&
           (p->dim_nodes = lls_calloc_counted(c, dims, sizeof *p->dim_nodes, &p->bytes)) != NULL &&
           (p->dim_strides = lls_calloc_counted(c, dims, sizeof *p->dim_strides, &p->bytes)) !=
               NULL &&
           (p->tables = lls_calloc_counted(c, entries, sizeof *p->tables, &p->bytes)) != NULL &&
           allocate_kept(p, n, count, dims) &&
           (p->exponents = lls_calloc_counted(c, count, sizeof *p->exponents, &p->bytes)) != NULL &&
           (p->losses = lls_calloc_counted(c, count, sizeof *p->losses, &p->bytes)) != NULL &&
           (p->products = lls_calloc_counted(c, entries, sizeof *p->products, &p->bytes)) != NULL &&
           (p->lambdas = lls_calloc_counted(c, messages, sizeof *p->lambdas, &p->bytes)) != NULL &&
           (p->beliefs = lls_calloc_counted(c, messages, sizeof *p->beliefs, &p->bytes)) != NULL &&
           (p->ratio = lls_calloc_counted(c, tree->largest_separator + LLS_SLACK, sizeof *p->ratio,
                                          &p->bytes)) != NULL &&
           (p->row = lls_calloc_counted(c, most_states(n) + LLS_SLACK, sizeof *p->row,
                                        &p->bytes)) != NULL &&
           (p->weights = lls_calloc_counted(c, most_states(n), sizeof *p->weights, &p->bytes)) !=
               NULL &&
           (p->matrices = lls_calloc_counted(c, 2 * p->matrix_size, sizeof *p->matrices,
                                             &p->bytes)) != NULL &&
           (p->list = lls_calloc_counted(c, count, sizeof *p->list, &p->bytes)) != NULL;
}

/* --- steps ----------------------------------------------------------------------------- */

static void place_step(llmsched_inference *inf, uint32_t i, uint32_t *dim)
{
    const lls_bucket *b = &inf->tree.buckets[i];
    lls_posterior *p = &inf->posterior;
    lls_step *s = &p->steps[i];
    s->node = b->node;
    s->states = lls_states(inf->network, b->node);
    s->parent = b->parent;
    s->dim = *dim;
    s->dims = b->separator_count;
    s->narrow = s->source = LLS_NONE32;
    s->offset = inf->network->state_offset[b->node];
    s->table = b->clique;
    s->belief = b->message + (uint64_t)i * LLS_SLACK;
    *dim += s->dims;
    size_t stride = s->states;
    for (uint32_t d = s->dims; d-- > 0;) { /* fastest: what is eliminated first */
        uint32_t node = inf->tree.separators[b->separator + s->dims - 1 - d];
        p->dim_nodes[s->dim + d] = node;
        p->dim_strides[s->dim + d] = stride;
        stride *= lls_states(inf->network, node);
    }
}

/* Bit d: the d-th of these nodes is in the separator of step s. */
static uint64_t kept_of(const lls_posterior *p, const uint32_t *nodes, uint32_t count,
                        const lls_step *s)
{
    uint64_t bits = 0;
    uint32_t next = 0; /* both lists are in the same order */
    for (uint32_t d = 0; d < count; d++)
        if (next < s->dims && p->dim_nodes[s->dim + next] == nodes[d]) {
            bits |= UINT64_C(1) << d;
            next++;
        }
    return bits;
}

static uint64_t separator_size(const llmsched_inference *inf, uint32_t i)
{
    uint64_t size = 1;
    const lls_bucket *b = &inf->tree.buckets[i];
    for (uint32_t d = 0; d < b->separator_count; d++)
        size *= lls_states(inf->network, inf->tree.separators[b->separator + d]);
    return size;
}

static uint32_t bits_of(uint64_t bits)
{
    uint32_t count = 0;
    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

/* At most so many brothers are looked through for one that holds a child's separator. */
enum { MOST_BROTHERS = 16 };

/* The last, that is the smallest, of the children before k whose separator holds the k-th's. */
static void find_source(lls_posterior *p, const lls_step *s, uint32_t k)
{
    lls_step *c = &p->steps[p->children[s->child + k]];
    for (uint32_t j = k, tried = 0; j-- > 0 && tried < MOST_BROTHERS; tried++) {
        const lls_step *other = &p->steps[p->children[s->child + j]];
        uint64_t kept = kept_of(p, p->dim_nodes + other->dim, other->dims, c);
        if (bits_of(kept) == c->dims) {
            c->source = p->children[s->child + j];
            c->source_kept = kept;
            return;
        }
    }
}

/* Insertion keeps equal ones in order; most buckets have few children. */
static void add_child(const llmsched_inference *inf, lls_posterior *p, uint32_t parent,
                      uint32_t child)
{
    lls_step *s = &p->steps[parent];
    uint32_t *list = p->children + s->child, at = s->children++;
    uint64_t size = separator_size(inf, child);
    for (; at > 0 && separator_size(inf, list[at - 1]) < size; at--)
        list[at] = list[at - 1];
    list[at] = child;
}

static void place_children(const llmsched_inference *inf, lls_posterior *p)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        p->steps[i].child = next;
        next += inf->tree.buckets[i].child_count;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        lls_step *c = &p->steps[i];
        if (c->parent == LLS_NONE32)
            continue;
        const lls_step *s = &p->steps[c->parent];
        c->kept = kept_of(p, p->dim_nodes + s->dim, s->dims, c);
        add_child(inf, p, c->parent, i);
    }
    for (uint32_t i = 0; i < p->count; i++) {
        lls_step *s = &p->steps[i];
        for (uint32_t k = 0; k < s->children; k++)
            find_source(p, s, k);
        if (s->children > 0)
            s->narrow = p->children[s->child + s->children - 1];
    }
}

/* Per node where it is in separators. */
static void place_nodes(lls_posterior *p)
{
    const lls_step *last = p->count > 0 ? &p->steps[p->count - 1] : NULL;
    const uint32_t dims = last != NULL ? last->dim + last->dims : 0;
    for (uint32_t d = 0; d < dims; d++)
        p->place_offset[p->dim_nodes[d] + 1]++;
    for (uint32_t i = 0; i < p->count; i++)
        p->place_offset[i + 1] += p->place_offset[i];
    for (uint32_t i = p->count; i-- > 0;) /* from the back: offsets end where they shall begin */
        for (uint32_t d = p->steps[i].dims; d-- > 0;) {
            uint32_t at = p->steps[i].dim + d;
            p->places[--p->place_offset[p->dim_nodes[at] + 1]] =
                (lls_place){i, d, p->dim_strides[at]};
        }
    for (uint32_t i = 0; i < p->count; i++)
        p->place_offset[i] = p->place_offset[i + 1];
    p->place_offset[p->count] = dims;
}

/* --- tables ----------------------------------------------------------------------------- */

/*
 * P(node = r | separator) = clique[r][separator] / message[separator]; 0 where the separator is
 * impossible. The clique has the first of the separator's nodes slowest, the table fastest.
 */
static void fill_table(const llmsched_inference *inf, const lls_step *s, const lls_bucket *b)
{
    const lls_posterior *p = &inf->posterior;
    const double *clique = inf->cliques + b->clique, *message = inf->messages + b->message;
    size_t columns = 1, index[LLS_MAX_DIMENSIONS] = {0}, at = 0;
    for (uint32_t d = 0; d < s->dims; d++)
        columns *= lls_states(inf->network, p->dim_nodes[s->dim + d]);
    for (size_t i = 0; i < columns; i++) {
        double *to = p->tables + s->table + at;
        for (size_t r = 0; r < s->states; r++)
            to[r] = message[i] > 0.0 ? clique[r * columns + i] / message[i] : 0.0;
        for (uint32_t d = 0; d < s->dims; d++) {
            size_t extent = lls_states(inf->network, p->dim_nodes[s->dim + d]);
            at += p->dim_strides[s->dim + d];
            if (++index[d] < extent)
                break;
            at -= extent * p->dim_strides[s->dim + d];
            index[d] = 0;
        }
    }
}

/* Powers of two from the smallest positive value, or 1, to the largest, or 1. */
static int span(const double *values, uint64_t n)
{
    double smallest = 1.0, largest = 1.0;
    for (uint64_t i = 0; i < n; i++) {
        smallest = values[i] > 0.0 && values[i] < smallest ? values[i] : smallest;
        largest = values[i] > largest ? values[i] : largest;
    }
    return ilogb(largest) - ilogb(smallest);
}

/* Did every product of the collect without evidence stay in the range, by the spans of factors? */
static bool lost_nothing(const llmsched_inference *inf)
{
    const lls_tree *tree = &inf->tree;
    int64_t widest = 0;
    for (uint32_t i = 0; i < tree->count; i++) {
        const lls_bucket *b = &tree->buckets[i];
        const uint32_t *sources = tree->sources + b->operand;
        int64_t sum = 0;
        for (uint32_t k = 0; k < b->table_count; k++)
            sum += span(tree->tables + tree->families[sources[k]].table,
                        tree->families[sources[k]].size);
        for (uint32_t k = b->table_count; k < b->table_count + b->child_count; k++)
            sum += span(inf->messages + tree->buckets[sources[k]].message,
                        inf->states[sources[k]].columns);
        widest = sum > widest ? sum : widest;
    }
    return widest <= MOST_SPAN;
}

/* The marginals without evidence, once for all. */
static void find_priors(llmsched_inference *inf)
{
    lls_posterior *p = &inf->posterior;
    lls_posterior_forget(inf);
    for (uint32_t i = 0; i < p->count; i++)
        lls_bit_set(p->unsettled, i);
    lls_posterior_settle(inf);
    lls_posterior_forget(inf);
}

llmsched_status lls_posterior_compile(llmsched_inference *inference, llmsched_error *err)
{
    lls_posterior *p = &inference->posterior;
    const lls_tree *tree = &inference->tree;
    const llmsched_network *n = inference->network;
    uint32_t dim = 0;
    if (tree->clique_size > lls_total_limit(inference->context) / QUICK_SHARE)
        return LLMSCHED_OK;
    if (!allocate(p, tree, n))
        return lls_fail_memory(err);
    p->kernels = lls_kernels_best(inference->context);
    for (uint32_t i = 0; i < p->count; i++)
        place_step(inference, i, &dim);
    place_children(inference, p);
    place_nodes(p);
    if (!lls_kept_init(inference))
        return lls_fail_memory(err);
    (void)lls_collect(inference, NULL); /* without evidence */
    if (!lost_nothing(inference))
        lls_collect_widely(inference);
    for (uint32_t i = 0; i < p->count; i++)
        fill_table(inference, &p->steps[i], &tree->buckets[i]);
    p->usable = true;
    find_priors(inference);
    return LLMSCHED_OK;
}
