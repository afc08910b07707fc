/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The joint of two nodes x and y of which x stands above the other in the clique tree. Down the
 * path from x the beliefs of the separators are carried together with x,
 *
 *     P(x, separator | e) = sum of P(x, parent's separator | e) P(parent's node | its separator,
 * e),
 *
 * and are kept for the next y: who asks for all pairs in turn pays for a part of one way down each.
 * A belief has x slowest, as if x were observed in each of its states, then what is left of the
 * separator.
 */
#include "bayes/inference.h"

#include <string.h>

/* Entries of all beliefs together, 8 MiB. */
enum { MOST_ENTRIES = 1 << 20 };

void lls_path_finish(lls_path *path, const llmsched_context *context)
{
    lls_free(context, path->stamps);
    lls_free(context, path->list);
    lls_free(context, path->beliefs);
    lls_free(context, path->ratio);
    memset(path, 0, sizeof *path);
}

static uint32_t most_states(const llmsched_network *n)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < n->count; i++)
        most = lls_states(n, i) > most ? lls_states(n, i) : most;
    return most;
}

static llmsched_status prepare(llmsched_inference *inf)
{
    const llmsched_context *c = inf->context;
    const lls_tree *tree = &inf->tree;
    lls_path *path = &inf->path;
    const uint64_t states = most_states(inf->network);
    const uint64_t beliefs = tree->message_size + (uint64_t)tree->count * LLS_SLACK;
    if (path->states != 0)
        return LLMSCHED_OK;
    if (lls_times(states, beliefs) > MOST_ENTRIES)
        return LLMSCHED_ERROR_LIMIT;
    path->states = states;
    path->stamps = lls_calloc(c, tree->count, sizeof *path->stamps);
    path->list = lls_calloc(c, tree->count, sizeof *path->list);
    path->beliefs = lls_calloc(c, states * beliefs, sizeof *path->beliefs);
    path->ratio =
        lls_calloc(c, states * (tree->largest_separator + LLS_SLACK), sizeof *path->ratio);
    bool done =
        path->stamps != NULL && path->list != NULL && path->beliefs != NULL && path->ratio != NULL;
    if (!done)
        lls_path_finish(path, c);
    return done ? LLMSCHED_OK : LLMSCHED_ERROR_MEMORY;
}

/* --- one bucket ----------------------------------------------------------------------------- */

/* How a bucket's table, or product, and its belief are read under the evidence. */
typedef struct cut {
    uint32_t count;                    /* unobserved nodes of the separator but x */
    uint32_t dim[LLS_MAX_DIMENSIONS];  /* which of the step's dimensions they are */
    lls_axis axis[LLS_MAX_DIMENSIONS]; /* a: in table or product, b: in the belief */
    size_t columns;                    /* joint states */
    lls_axis x;                        /* b: from one x to the next in the belief; a: likewise */
    const double *from;                /* table or product */
    size_t lambda_x;                   /* step of x in lambda */
    size_t lambda[LLS_MAX_DIMENSIONS]; /* steps of the others */
} cut;

static void open_cut(const llmsched_inference *inf, uint32_t bucket, cut *c)
{
    const lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    const bool compact = p->views[bucket].touched;
    /* Of an observed node the product is lambda: no lanes. */
    const size_t lanes = inf->observed[s->node] == LLS_NONE32 ? s->states : 1;
    size_t step = 1;
    c->count = 0;
    c->columns = 1;
    c->lambda_x = 0;
    c->x = (lls_axis){lls_states(inf->network, inf->path.x), 0, 0};
    c->from = (compact ? p->products : p->tables) + s->table;
    for (uint32_t d = s->dims; d-- > 0;) { /* fastest first */
        uint32_t node = p->dim_nodes[s->dim + d], k = c->count;
        size_t stride = p->dim_strides[s->dim + d], extent = lls_states(inf->network, node);
        if (inf->observed[node] != LLS_NONE32) {
            c->from += compact ? 0 : inf->observed[node] * stride;
            continue;
        }
        if (node == inf->path.x) {
            c->x.a = compact ? step * lanes : stride;
            c->lambda_x = step;
        } else {
            c->dim[k] = d;
            c->axis[k] = (lls_axis){extent, compact ? step * lanes : stride, c->columns};
            c->lambda[k] = step;
            c->columns *= extent;
            c->count++;
        }
        step *= extent;
    }
    c->x.b = c->columns;
}

/* ratio = belief / lambda, over x and the separator; the belief itself where lambda is 1. */
static const double *ratio_of(llmsched_inference *inf, uint32_t bucket, const cut *c)
{
    const lls_posterior *p = &inf->posterior;
    const double *belief = inf->path.beliefs + p->steps[bucket].belief * inf->path.states;
    const double *lambda = p->lambdas + p->steps[bucket].belief;
    size_t index[LLS_MAX_DIMENSIONS] = {0}, at = 0;
    if (!p->views[bucket].touched)
        return belief;
    for (size_t i = 0; i < c->columns; i++) {
        for (size_t x = 0; x < c->x.extent; x++) {
            double divisor = lambda[x * c->lambda_x + at];
            inf->path.ratio[x * c->columns + i] =
                belief[x * c->columns + i] / (divisor > 0.0 ? divisor : 1.0);
        }
        for (uint32_t k = 0; k < c->count; k++) {
            at += c->lambda[k];
            if (++index[k] < c->axis[k].extent)
                break;
            at -= c->axis[k].extent * c->lambda[k];
            index[k] = 0;
        }
    }
    return inf->path.ratio;
}

/* out[x][kept][lane] = P(x, kept, node = lane | e); bit d of kept: dimension d stays. */
static void project(llmsched_inference *inf, uint32_t bucket, uint64_t kept, double *out)
{
    const lls_step *s = &inf->posterior.steps[bucket];
    static const double one = 1.0;
    const bool observed = inf->observed[s->node] != LLS_NONE32;
    lls_axes stay = {.count = 0}, go = {.count = 0};
    cut c;
    open_cut(inf, bucket, &c);
    const double *from = c.from, *factor = &one;
    if (observed) /* the joint is the belief */
        from = inf->path.beliefs + s->belief * inf->path.states;
    else
        factor = ratio_of(inf, bucket, &c);
    if (observed)
        c.x = (lls_axis){c.x.extent, c.x.b, 0};
    lls_axes_push(&stay, c.x.extent, c.x.a, c.x.b);
    for (uint32_t k = c.count; k-- > 0;) { /* slowest first */
        lls_axis a = c.axis[k];
        lls_axes_push(kept >> c.dim[k] & 1 ? &stay : &go, a.extent, observed ? a.b : a.a,
                      observed ? 0 : a.b);
    }
    inf->posterior.kernels->reduce(from, factor, &stay, &go, observed ? 1 : s->states, out);
}

/* --- the path --------------------------------------------------------------------------------- */

/* A bucket right below x: its belief is there already, x fastest. */
static void begin(llmsched_inference *inf, uint32_t bucket)
{
    const lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    const double *belief = p->beliefs + s->belief;
    double *to = inf->path.beliefs + s->belief * inf->path.states;
    const size_t extent = lls_states(inf->network, inf->path.x);
    size_t columns = 1;
    for (uint32_t d = s->dim; d + 1 < s->dim + s->dims; d++)
        columns *= lls_extent(inf, p->dim_nodes[d]);
    for (size_t i = 0; i < columns; i++)
        for (size_t x = 0; x < extent; x++)
            to[x * columns + i] = belief[i * extent + x];
}

/* P(x, separator of the bucket | e); the parent, unless it is that of x, has its own. A parent
 * whose node is unobserved has that node as the fastest of the separator, where lanes are. */
static void carry(llmsched_inference *inf, uint32_t bucket)
{
    const lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    if (p->steps[s->parent].node == inf->path.x)
        begin(inf, bucket);
    else
        project(inf, s->parent, s->kept, inf->path.beliefs + s->belief * inf->path.states);
    inf->path.stamps[bucket] = inf->path.stamp;
}

static bool stands_above(const llmsched_inference *inf, uint32_t upper, uint32_t lower)
{
    const lls_posterior *p = &inf->posterior;
    uint32_t b = inf->tree.bucket_of[lower], top = inf->tree.bucket_of[upper];
    while (b != LLS_NONE32 && b < top)
        b = p->steps[b].parent;
    return b == top;
}

/* Beliefs of another x, or of other evidence, are of no use. */
static void settle_on(llmsched_inference *inf, uint32_t x)
{
    lls_path *path = &inf->path;
    if (path->stamp != 0 && path->x == x && path->epoch == inf->posterior.epoch)
        return;
    path->x = x;
    path->epoch = inf->posterior.epoch;
    path->stamp++;
}

/* table[s][lane] = P(upper = s, lower = lane | e), the upper one standing above. */
static void joint_below(llmsched_inference *inf, uint32_t upper, uint32_t lower, double *table)
{
    lls_posterior *p = &inf->posterior;
    lls_path *path = &inf->path;
    uint32_t length = 0, bucket = inf->tree.bucket_of[lower];
    settle_on(inf, upper);
    for (uint32_t b = bucket; p->steps[b].node != upper && path->stamps[b] != path->stamp;
         b = p->steps[b].parent)
        path->list[length++] = b;
    if (length > 0 && p->steps[p->steps[path->list[length - 1]].parent].node == upper)
        lls_posterior_believe(inf, path->list[length - 1]);
    while (length > 0)
        carry(inf, path->list[--length]);
    project(inf, bucket, 0, table);
}

llmsched_status lls_path_joint(llmsched_inference *inference, uint32_t x, uint32_t y, double *table)
{
    lls_posterior *p = &inference->posterior;
    if (p->matrix_size == 0 || !lls_posterior_update(inference))
        return LLMSCHED_ERROR_LIMIT;
    bool above = stands_above(inference, x, y);
    if (!above && !stands_above(inference, y, x))
        return LLMSCHED_ERROR_LIMIT;
    llmsched_status status = prepare(inference);
    if (status != LLMSCHED_OK)
        return status;
    if (above) {
        joint_below(inference, x, y, table);
        return LLMSCHED_OK;
    }
    double *turned = p->matrices + p->matrix_size;
    uint32_t rows = lls_states(inference->network, x), columns = lls_states(inference->network, y);
    joint_below(inference, y, x, turned);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            table[r * columns + c] = turned[c * rows + r];
    return LLMSCHED_OK;
}
