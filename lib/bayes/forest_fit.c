/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forest learned from rows: each tree from groups drawn anew.
 */
#include "bayes/forest_nodes.h"

#include <math.h>
#include <string.h>

/* Responses are whole numbers up to this, so that sums over a tree's rows are exact. */
#define FINEST_RESPONSE 1048576.0

/* --- checks ---------------------------------------------------------------------------- */

static llmsched_status check_options(const lls_forest_options *o, llmsched_error *err)
{
    if (o->trees < 1 || o->trees > LLS_FOREST_TREES)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "forest: %u trees, expected 1 .. %u", o->trees,
                        LLS_FOREST_TREES);
    if (o->leaf < 1)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "forest: leaf is 0, expected at least 1");
    if (o->depth > LLS_FOREST_DEPTH)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "forest: depth is %u, expected at most %u",
                        o->depth, LLS_FOREST_DEPTH);
    if (!(o->share > 0.0 && o->share <= 1.0))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "forest: share is %g, expected above 0 and at most 1", o->share);
    if (!(o->least_gain >= 0.0 && o->least_gain <= 1.0))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "forest: least_gain is %g, expected 0 .. 1",
                        o->least_gain);
    if (o->most_rows < 1 || o->most_rows > LLS_FOREST_ROWS)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "forest: most_rows is %u, expected 1 .. %u",
                        o->most_rows, LLS_FOREST_ROWS);
    return LLMSCHED_OK;
}

static llmsched_status check_values(const lls_forest_rows *r, llmsched_error *err)
{
    for (size_t i = 0; i < (size_t)r->row_count * r->feature_count; i++)
        if (!isfinite(r->features[i]))
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "forest: feature %u of row %u is not finite",
                            (uint32_t)(i % r->feature_count), (uint32_t)(i / r->feature_count));
    for (uint32_t i = 0; i < r->row_count; i++) {
        if (!(r->targets[i] >= 0.0 && r->targets[i] <= LLS_FOREST_LARGEST))
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "forest: the target of row %u is %g, expected 0 .. %g", i,
                            r->targets[i], LLS_FOREST_LARGEST);
        if (r->groups[i] >= r->group_count || (i > 0 && r->groups[i] < r->groups[i - 1]))
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "forest: row %u is of group %u; groups must ascend and be under %u", i,
                            r->groups[i], r->group_count);
    }
    for (uint32_t g = 0; g < r->group_count && r->weights != NULL; g++)
        if (!(r->weights[g] >= 0.0 && r->weights[g] <= LLS_FOREST_LARGEST))
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "forest: the weight of group %u is %g, expected 0 .. %g", g,
                            r->weights[g], LLS_FOREST_LARGEST);
    return LLMSCHED_OK;
}

static llmsched_status check(const lls_forest_rows *r, const lls_forest_options *o,
                             llmsched_error *err)
{
    if (r->row_count < 1 || r->row_count == UINT32_MAX || r->group_count == UINT32_MAX)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "forest: %u rows in %u groups, expected 1 .. 4294967294", r->row_count,
                        r->group_count);
    if (r->feature_count < 1 || r->feature_count > LLS_FOREST_FEATURES)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "forest: %u features, expected 1 .. %u",
                        r->feature_count, LLS_FOREST_FEATURES);
    llmsched_status status = check_options(o, err);
    return status == LLMSCHED_OK ? check_values(r, err) : status;
}

/* --- what all trees share ------------------------------------------------------------------ */

/* ln(0.3 + target), algorithms.md section 9, from its least to its largest value. */
static void set_responses(lls_forest_learner *l)
{
    const double *y = l->rows->targets;
    uint32_t n = l->rows->row_count;
    double low = y[0], high = y[0];
    for (uint32_t i = 1; i < n; i++) {
        low = fmin(low, y[i]);
        high = fmax(high, y[i]);
    }
    low = log(0.3 + low);
    double range = log(0.3 + high) - low;
    for (uint32_t i = 0; i < n && range > 0.0; i++)
        l->responses[i] = floor((log(0.3 + y[i]) - low) / range * FINEST_RESPONSE + 0.5);
}

static double weight_of(const lls_forest_rows *r, uint32_t group)
{
    return r->weights != NULL ? r->weights[group] : 1.0;
}

static llmsched_status set_groups(lls_forest_learner *l, llmsched_error *err)
{
    const lls_forest_rows *r = l->rows;
    uint32_t row = 0;
    for (uint32_t g = 0; g < r->group_count; g++) {
        l->group_row[g] = row;
        while (row < r->row_count && r->groups[row] == g)
            row++;
        bool empty = row == l->group_row[g];
        l->weight_sum[g] = (g > 0 ? l->weight_sum[g - 1] : 0.0) + (empty ? 0.0 : weight_of(r, g));
    }
    l->group_row[r->group_count] = row;
    if (l->weight_sum[r->group_count - 1] > 0.0)
        return LLMSCHED_OK;
    return lls_fail(err, LLMSCHED_ERROR_INVALID,
                    "forest: every group that has rows weighs 0; give one of them a weight");
}

static llmsched_status init(lls_forest_learner *l, llmsched_error *err)
{
    const llmsched_context *c = l->context;
    size_t n = l->rows->row_count, features = l->rows->feature_count;
    size_t groups = l->rows->group_count;
    lls_random_seed(&l->random, l->options->seed);
    l->forest = lls_forest_create(c, l->rows->feature_count, l->options->trees,
                                  features * (LLS_FOREST_CLASSES - 1));
    l->classes = features <= SIZE_MAX / n ? lls_calloc(c, n * features, 1) : NULL;
    l->levels = lls_calloc(c, n, 1);
    l->responses = lls_calloc(c, n, sizeof *l->responses);
    l->order = lls_calloc(c, features, sizeof *l->order);
    l->group_mass = lls_calloc(c, groups, sizeof *l->group_mass);
    l->group_row = lls_calloc(c, groups + 1, sizeof *l->group_row);
    l->weight_sum = lls_calloc(c, groups, sizeof *l->weight_sum);
    if (l->forest == NULL || l->classes == NULL || l->levels == NULL || l->responses == NULL ||
        l->order == NULL || l->group_mass == NULL || l->group_row == NULL || l->weight_sum == NULL)
        return lls_fail_memory(err);
    for (uint32_t f = 0; f < features; f++)
        l->order[f] = f;
    set_responses(l);
    llmsched_status status = set_groups(l, err);
    if (status == LLMSCHED_OK)
        status = lls_forest_classify(c, l->rows, l->forest, l->classes, err);
    if (status == LLMSCHED_OK)
        status = lls_forest_set_levels(c, l->rows, l->forest, l->levels, err);
    return status;
}

static void finish(lls_forest_learner *l)
{
    const llmsched_context *c = l->context;
    lls_free(c, l->right);
    lls_free(c, l->members);
    lls_free(c, l->weight_sum);
    lls_free(c, l->group_row);
    lls_free(c, l->group_mass);
    lls_free(c, l->order);
    lls_free(c, l->responses);
    lls_free(c, l->levels);
    lls_free(c, l->classes);
    lls_forest_free(c, l->forest);
}

/* --- the groups of one tree ------------------------------------------------------------------ */

static uint32_t size_of(const lls_forest_learner *l, uint32_t group)
{
    return l->group_row[group + 1] - l->group_row[group];
}

/* The first group with which the weights so far exceed a random part of all; it weighs something.
 */
static uint32_t draw_group(lls_forest_learner *l)
{
    uint32_t low = 0, high = l->rows->group_count - 1;
    double whole = l->weight_sum[high], at = lls_random_uniform(&l->random) * whole;
    /* Rounding may have made it all. */
    at = at < whole ? at : nextafter(whole, 0.0);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (l->weight_sum[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* With replacement, as many as all groups weigh. */
static void resample(lls_forest_learner *l)
{
    double whole = floor(l->weight_sum[l->rows->group_count - 1] + 0.5);
    uint32_t most = l->options->most_rows, rows = 0;
    uint32_t draws = whole < 1.0 ? 1 : whole < most ? (uint32_t)whole : most;
    while (draws-- > 0 && rows < most) {
        uint32_t group = draw_group(l), size = size_of(l, group);
        l->group_mass[group] += 1.0;
        rows = size < most - rows ? rows + size : most;
    }
}

/* All groups, or where they have too many rows each with about the same chance (Knuth's selection
 * sampling, with rows for items). */
static void take_once(lls_forest_learner *l)
{
    uint32_t left = 0, wanted = l->options->most_rows, groups = l->rows->group_count;
    for (uint32_t g = 0; g < groups; g++)
        left += weight_of(l->rows, g) > 0.0 ? size_of(l, g) : 0;
    for (uint32_t g = 0; g < groups && wanted > 0; g++) {
        uint32_t size = size_of(l, g);
        if (size == 0 || weight_of(l->rows, g) <= 0.0)
            continue;
        bool last = left == size;
        if (left <= wanted || last || lls_random_uniform(&l->random) * left < wanted) {
            l->group_mass[g] = weight_of(l->rows, g);
            wanted -= size < wanted ? size : wanted;
        }
        left -= size;
    }
}

static bool collect(lls_forest_learner *l)
{
    uint32_t count = 0;
    for (uint32_t g = 0; g < l->rows->group_count; g++)
        count += l->group_mass[g] > 0.0 ? size_of(l, g) : 0;
    void *members = l->members, *right = l->right;
    bool ok = lls_grow(l->context, &members, &l->member_capacity, count, sizeof *l->members);
    ok = ok && lls_grow(l->context, &right, &l->right_capacity, count, sizeof *l->right);
    l->members = members;
    l->right = right;
    l->member_count = 0;
    for (uint32_t row = 0; row < l->rows->row_count && ok; row++) {
        double mass = l->group_mass[l->rows->groups[row]];
        if (mass > 0.0)
            l->members[l->member_count++] =
                (lls_forest_member){mass, mass * l->responses[row], row};
    }
    return ok;
}

static bool grow_tree(lls_forest_learner *l, uint32_t tree)
{
    memset(l->group_mass, 0, l->rows->group_count * sizeof *l->group_mass);
    if (l->options->resample)
        resample(l);
    else
        take_once(l);
    l->forest->roots[tree] = l->forest->node_count;
    return collect(l) && lls_forest_grow(l);
}

/* --- out of bag ------------------------------------------------------------------------------ */

/* Sums of the means of the trees that did not see a row, and their number. */
typedef struct unseen {
    double *sums;
    uint32_t *counts;
} unseen;

static void add_unseen(const lls_forest_learner *l, uint32_t tree, const unseen *u)
{
    const lls_forest_rows *r = l->rows;
    for (uint32_t i = 0; i < r->row_count; i++)
        if (l->group_mass[r->groups[i]] <= 0.0) {
            const double *features = r->features + (size_t)i * r->feature_count;
            u->sums[i] += lls_forest_tree_mean(l->forest, tree, features);
            u->counts[i]++;
        }
}

static void say_unseen(const lls_forest_learner *l, const unseen *u, double *out)
{
    const lls_forest_rows *r = l->rows;
    for (uint32_t i = 0; i < r->row_count; i++)
        out[i] = u->counts[i] > 0
                     ? u->sums[i] / u->counts[i]
                     : lls_forest_mean(l->forest, r->features + (size_t)i * r->feature_count);
}

/* u: NULL if nobody asks. */
static llmsched_status grow_all(lls_forest_learner *l, const unseen *u, llmsched_error *err)
{
    llmsched_status status = init(l, err);
    for (uint32_t t = 0; t < l->options->trees && status == LLMSCHED_OK; t++) {
        if (!grow_tree(l, t))
            status = lls_fail_memory(err);
        else if (u != NULL)
            add_unseen(l, t, u);
    }
    return status == LLMSCHED_OK && !lls_forest_trim(l->context, l->forest) ? lls_fail_memory(err)
                                                                            : status;
}

llmsched_status lls_forest_fit(const llmsched_context *context, const lls_forest_rows *rows,
                               const lls_forest_options *options, lls_forest **forest,
                               double *out_of_bag, llmsched_error *err)
{
    llmsched_status status = check(rows, options, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_forest_learner l = {.context = context, .rows = rows, .options = options};
    unseen u = {NULL, NULL};
    if (out_of_bag != NULL) {
        u.sums = lls_calloc(context, rows->row_count, sizeof *u.sums);
        u.counts = lls_calloc(context, rows->row_count, sizeof *u.counts);
        if (u.sums == NULL || u.counts == NULL)
            status = lls_fail_memory(err);
    }
    if (status == LLMSCHED_OK)
        status = grow_all(&l, out_of_bag != NULL ? &u : NULL, err);
    if (status == LLMSCHED_OK) {
        if (out_of_bag != NULL)
            say_unseen(&l, &u, out_of_bag);
        *forest = l.forest;
        l.forest = NULL;
    }
    finish(&l);
    lls_free(context, u.counts);
    lls_free(context, u.sums);
    return status;
}
